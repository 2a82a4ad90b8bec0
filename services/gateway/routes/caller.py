"""Who calls, and whether they may: every route's first question."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from labelwright.access import Access, AccessDenied, Principal, Role
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server, refusing
from services.gateway.problems import Problem

_bearer = HTTPBearer(auto_error=False, description="an API key, lw_…")

PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {"schema": {"type": "object"}}}}
COMMON: dict[int | str, dict[str, Any]] = {
    status: {"description": about, **PROBLEM}
    for status, about in {
        400: "malformed",
        401: "no valid key",
        403: "the key doesn't cover this",
        404: "not found",
        422: "doesn't fit the schema",
        503: "the event store refuses for now",
    }.items()
}


async def principal(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """Return whose key the request carries."""
    if credentials is None:
        raise AccessDenied("the request has no API key; send 'Authorization: Bearer lw_…'")
    access: Access = request.app.state.access
    return await access.authenticate(credentials.credentials)


Caller = Annotated[Principal, Depends(principal)]


def demand(caller: Principal, *roles: Role, project: str | None = None) -> None:
    """Raise 403 unless the caller has one of the roles, and in this project."""
    if not any(caller.may(role) for role in roles):
        raise Problem(403, f"your key has no role {roles[0]!r}; ask the project's owner for one that has")
    if project is not None and project != caller.project:
        raise Problem(403, f"your key belongs to project {caller.project!r}, not to this one")


async def partition_of(request: Request, project: str) -> Partition:
    """Return where the project lives. Raises 404 before its project file was applied."""
    server: Server = request.app.state.server
    with refusing():
        partition = await server.partition_of(project)
    if partition is None:
        raise Problem(404, f"project {project!r} has no project file yet; PUT /v1/projects/{project} first")
    return partition
