"""Who is at the desk, and what their form says: every route's first questions."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError

from labelwright.access import Access, AccessDenied, Principal, Role
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server, refusing
from services.desk.labeling import Labeler
from services.desk.problems import Problem
from services.desk.settings import Settings

SESSION: Final = "session"
HAND: Final = "hand"
HAND_PATH: Final = "/label"
MOST_FIELDS: Final = 32

F = TypeVar("F", bound=BaseModel)


async def visitor(request: Request) -> Principal:
    """Return whose session the request carries. Raises AccessDenied."""
    cookie = request.cookies.get(SESSION)
    if cookie is None:
        raise AccessDenied("open your sign-in link, or ask the project's owner for one")
    access: Access = request.app.state.access
    who = await access.principal_of_session(cookie)
    request.state.who = who
    return who


Visitor = Annotated[Principal, Depends(visitor)]


async def partition_for(request: Request, who: Principal, role: Role) -> Partition:
    """Return where the visitor's project lives, to those who have the role. Raises Problem 403, 404."""
    if not who.may(role):
        raise Problem(403, f"Your key has no role {role!r}; the project's owner can give you one that has.")
    server: Server = request.app.state.server
    with refusing():
        partition = await server.partition_of(who.project)
    if partition is None:
        raise Problem(404, f"Project {who.project!r} has no project file yet; its owner applies one.")
    return partition


async def labeler(request: Request, who: Visitor) -> Labeler:
    """Return the visitor as somebody who labels. Raises Problem 403, 404."""
    partition = await partition_for(request, who, "annotator")
    return Labeler(who, partition, request.app.state.asker, request.app.state.guidelines)


AtWork = Annotated[Labeler, Depends(labeler)]


async def fields(request: Request) -> dict[str, str]:
    """Return the fields of a form that one of our own pages sent. Raises Problem 403, 413, 400."""
    if not _is_ours(request):
        raise Problem(403, "That came from another site, not from a page of the desk; nothing was done.")
    settings: Settings = request.app.state.settings
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > settings.most_form_bytes:
            raise Problem(413, "The form is too long; nothing was done.")
    try:
        found = dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Problem(400, "The form can't be read; nothing was done.") from None
    request.state.fields = found
    return found


OurForm = Annotated[dict[str, str], Depends(fields)]


def form(kind: type[F]) -> Callable[[dict[str, str]], Awaitable[F]]:
    """Return the dependency that reads a form of one kind. Raises Problem 422."""

    async def read(found: OurForm) -> F:
        try:
            return kind.model_validate(found)
        except ValidationError:
            raise Problem(422, "The form lacks something, or has something wrong in it; nothing was done.") from None

    return read


def set_cookie(request: Request, response: Response, name: str, value: str, *, path: str = "/") -> None:
    """Give the browser a cookie that no script and no other site can use; an empty value takes it away."""
    settings: Settings = request.app.state.settings
    response.set_cookie(
        name,
        value,
        max_age=None if value else 0,
        path=path,
        secure=settings.is_behind_https or request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def _is_ours(request: Request) -> bool:
    """Whether a page of the desk sent the request, by what a browser can't be made to lie about."""
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    origin = request.headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.headers.get("host")
