"""Who calls, and whether they may: every route's first question."""

from base64 import b64decode
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from labelwright.access import Access, AccessDenied, Principal, Role
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server, refusing
from services.gateway.answers import PROBLEM
from services.gateway.problems import Problem

_bearer = HTTPBearer(auto_error=False, description="an API key, lw_…")

COMMON: dict[int | str, dict[str, Any]] = {
    status: {"description": about, **PROBLEM}
    for status, about in {
        400: "malformed",
        401: "no valid key",
        403: "the key doesn't cover this",
        404: "not found",
        413: "over a limit",
        415: "unknown content type or coding",
        422: "doesn't fit the schema",
        503: "the event store refuses for now",
    }.items()
}
READING: dict[int | str, dict[str, Any]] = {status: COMMON[status] for status in (400, 401, 403, 404, 422, 503)}
"""What a request without a body may be answered beside what it asked for."""


async def identify(request: Request) -> Principal:
    """Return whose key the request carries. Raises AccessDenied."""
    credentials = await _bearer(request)
    if credentials is None:
        raise AccessDenied("the request has no API key; send 'Authorization: Bearer lw_…'")
    return await whose(request, credentials.credentials)


async def identify_by_password(request: Request) -> Principal:
    """Return whose key is the password of Basic auth, whatever the name, or a bearer's. Raises AccessDenied."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return await identify(request)
    try:
        pair = b64decode(given.strip(), validate=True).decode()
    except ValueError:
        raise AccessDenied("the Basic credentials aren't Base64 of 'name:key'; encode them again") from None
    return await whose(request, pair.partition(":")[2])


async def whose(request: Request, key: str) -> Principal:
    """Return whose key that is. Raises AccessDenied."""
    access: Access = request.app.state.access
    return await access.authenticate(key)


async def _identified(request: Request, _scheme: Annotated[Any, Depends(_bearer)]) -> Principal:
    found: Principal = request.state.caller  # the door asked before it let the request in
    return found


Caller = Annotated[Principal, Depends(_identified)]


def demand(caller: Principal, *roles: Role, project: str | None = None) -> None:
    """Raise 403 unless the caller has one of the roles, and in this project."""
    if project is not None and project != caller.project:
        raise Problem(403, f"your key belongs to project {caller.project!r}, not to this one")
    if not any(caller.may(role) for role in roles):
        raise Problem(403, f"your key has no role {roles[0]!r}; ask the project's owner for one that has")


async def partition_of(request: Request, project: str) -> Partition:
    """Return where the project lives. Raises 404 before its project file was applied."""
    server: Server = request.app.state.server
    with refusing():
        partition = await server.partition_of(project)
    if partition is None:
        raise Problem(404, f"project {project!r} has no project file yet; PUT /v1/projects/{project} first")
    return partition


def idempotency_key(request: Request) -> str | None:
    """Return the request's Idempotency-Key, if it has one. Raises 400 where it is malformed."""
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    key = given.strip().removeprefix('"').removesuffix('"')
    if not 0 < len(key) <= 100 or not key.isprintable():
        raise Problem(400, "the Idempotency-Key must be a printable text of 1 to 100 characters")
    return key
