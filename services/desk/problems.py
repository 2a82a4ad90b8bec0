"""Problems: every error as a page in the same frame, that says what happened, what was saved, and what to press."""

from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

from labelwright.access import AccessDenied
from labelwright.errors import ServerRefuses
from labelwright.logs import logger
from labelwright.web import route_of
from services.desk import pages

SAVED: Final = "What you answered before is saved."
ON: Final = ("/label", "Next task")
HOME: Final = ("/", "My work")
AGAIN_S: Final = 5
_NO_PAGE: Final = (404, 405)


class Problem(Exception):
    """An answer that isn't what was asked for: what `happened`, what was `saved`, and where the way on leads."""

    def __init__(
        self, status: int, happened: str, *, saved: str = SAVED, way_on: tuple[str, str] | None = HOME
    ) -> None:
        super().__init__(happened)
        self.status = status
        self.happened = happened
        self.saved = saved
        self.way_on = way_on


def install(app: FastAPI) -> None:
    """Make every error of an app a page."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        return page(request, problem)

    @app.exception_handler(AccessDenied)
    async def _denied(request: Request, error: AccessDenied) -> Response:
        return page(request, Problem(401, f"You aren't signed in: {error}.", way_on=None))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, _error: RequestValidationError) -> Response:
        return page(request, Problem(422, "The address has something in it that doesn't belong there."))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        happened = "There is no such page." if error.status_code in _NO_PAGE else f"{error.detail}."
        return page(request, Problem(error.status_code, happened))

    @app.exception_handler(ServerRefuses)
    @app.exception_handler(RedisError)
    async def _refused(request: Request, error: Exception) -> Response:
        logger().warning("request.refused", service="desk", kind=type(error).__name__, route=route_of(request.scope))
        return page(request, Problem(503, "The event store is away."))


def page(request: Request, problem: Problem) -> Response:
    """Return a problem's page.

    While something is away the page comes again by itself; a form that was sent is kept in it, to be sent again.
    """
    is_away = problem.status == 503
    sent = getattr(request.state, "fields", {}) if request.method == "POST" else None
    response = pages.answer(
        request,
        "problem",
        problem.status,
        problem=problem,
        again=request.url.path if is_away and sent is not None else None,
        fields=sent or {},
        refresh_s=AGAIN_S if is_away and sent is None else None,
    )
    if is_away:
        response.headers["Retry-After"] = "1"
    return response


def fault(request: Request) -> Response:
    """Return the page of a bug of ours."""
    return page(request, Problem(500, "A fault of ours stopped this. It is logged under the number below.", way_on=ON))
