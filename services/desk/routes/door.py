"""The door: sign in by a link, see what waits, sign out."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from labelwright.access import Access
from labelwright.projects import current
from labelwright.runtime.server import Server, refusing
from labelwright.stories import task_counts
from services.desk import pages
from services.desk.routes.visitor import HAND, HAND_PATH, SESSION, OurForm, Visitor, set_cookie

router = APIRouter()
_ELSEWHERE: Final = ("cross-site", "same-site")


@router.get("/in/{token}")
async def sign_in(request: Request, token: str) -> Response:
    """Begin a session.

    A browser that came here from another site keeps its strict cookies back until a page of ours asks for them; it
    gets one that goes on by itself.
    """
    access: Access = request.app.state.access
    who, session = await access.session_from_link(token)
    response: Response
    if request.headers.get("sec-fetch-site") in _ELSEWHERE:
        response = pages.answer(request, "welcome", project=who.project)
    else:
        response = RedirectResponse("/", 303)
    response.headers["Referrer-Policy"] = "no-referrer"
    set_cookie(request, response, SESSION, session)
    set_cookie(request, response, HAND, "", path=HAND_PATH)
    return response


@router.post("/out")
async def sign_out(request: Request, _form: OurForm) -> Response:
    """End the session in this browser."""
    response = pages.answer(request, "goodbye")
    set_cookie(request, response, SESSION, "")
    set_cookie(request, response, HAND, "", path=HAND_PATH)
    return response


@router.get("/")
async def my_work(request: Request, who: Visitor) -> Response:
    """Show what waits in the visitor's project."""
    server: Server = request.app.state.server
    present, counted = None, dict[str, int]()
    with refusing():
        if partition := await server.partition_of(who.project):
            reads = await partition.reads()
            present, counted = await reads(current.get(who.project), task_counts.of(who.project).all())
    return pages.answer(
        request,
        "work",
        project=present.value if present else None,
        ready=counted.get("ready", 0),
        leased=counted.get("leased", 0),
    )
