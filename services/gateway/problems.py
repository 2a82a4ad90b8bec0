"""Problems: every error as RFC 9457 `application/problem+json`, its type a page that this gateway serves."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from labelwright.access import AccessDenied
from labelwright.contracts.envelope import pointer
from labelwright.errors import ContractError, ServerRefuses
from labelwright.logs import logger
from labelwright.web import route_of

PAGES: Final = {
    "bad-request": "The request is malformed. `detail` says how; correct it before you send it again.",
    "schema-violation": "The JSON doesn't fit the schema at `/v1/schema`. `errors` points at each fault.",
    "not-authenticated": "No API key, or not a valid one: send `Authorization: Bearer lw_…`.",
    "not-allowed": "The key is valid, but its roles, project or sources don't cover this. Ask the project's owner.",
    "not-found": "There is nothing here, or nothing that your key may see.",
    "method-not-allowed": "This address doesn't take that method; `Allow` names those it takes.",
    "conflict": "What you rely on has changed, or the request was made before otherwise. Read again, then decide.",
    "too-large": "Over a limit: 1 MiB a request, 64 KiB an event, 500 events a request by default. Send less at once.",
    "unsupported-media-type": "Send JSON, NDJSON or CloudEvents, plain or gzip.",
    "id-reused": "The id named another event before. An id names one event for ever: take a new id for new content.",
    "quota-exceeded": "The project publishes faster than its limit. Wait for `Retry-After` seconds, then go on.",
    "temporary-reduced-capacity": "No more can be taken for now. Nothing was lost: send again after `Retry-After`.",
    "internal-error": "A fault of ours; it is logged under `request_id`. Nothing was half done: you may send again.",
}
_BY_STATUS: Final = {
    400: "bad-request",
    401: "not-authenticated",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    415: "unsupported-media-type",
    422: "schema-violation",
    429: "quota-exceeded",
    503: "temporary-reduced-capacity",
}
_STATUS_OF_CODE: Final = {"changed": 409, "busy": 503, "unknown_project": 404}


class Problem(Exception):
    """An answer that isn't what was asked for. `more` are members of its own."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        slug: str = "",
        code: str = "",
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.slug = slug or _BY_STATUS.get(status, "bad-request" if status < 500 else "internal-error")
        self.code = code
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.more = dict(more or {})


def members(slug: str, status: int, detail: str, **more: Any) -> dict[str, Any]:
    """Return the members of a problem: type, title, status, detail, and what else is known."""
    about = {
        "type": f"/problems/{slug}",
        "title": slug.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
    }
    return about | {key: value for key, value in more.items() if value}


def later(detail: str, seconds: int = 1) -> Problem:
    """Return the problem of what can't be taken for now."""
    return Problem(503, detail, headers={"Retry-After": str(seconds)})


def over_the_rate(headers: Mapping[str, str], more: Mapping[str, Any] | None = None) -> Problem:
    """Return the problem of a project that publishes too fast; `headers` say when to go on."""
    detail = "the project publishes faster than its limit; wait for Retry-After"
    return Problem(429, detail, headers=headers, more={**(more or {}), "violated-policies": ["project"]})


def fault(request: Request) -> Response:
    """Answer a request that failed by a bug of ours."""
    return _answer(request, Problem(500, "a fault of ours, logged under this request's id"))


def install(app: FastAPI) -> None:
    """Make every error of an app a problem, and serve the pages that problems' types name."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        return _answer(request, problem)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        faults = [{"pointer": pointer(fault["loc"][1:]), "detail": fault["msg"]} for fault in error.errors()]
        return _answer(request, Problem(422, "the request doesn't fit its schema; see 'errors'", errors=faults[:20]))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return _answer(request, Problem(404, "there is nothing at this address; /docs shows what there is"))
        if error.status_code == 405:
            allowed = ", ".join(_methods(app, request))
            detail = f"{request.method} isn't one of what this address takes: {allowed}"
            return _answer(request, Problem(405, detail, headers={"Allow": allowed}))
        return _answer(request, Problem(error.status_code, str(error.detail), headers=error.headers))

    @app.exception_handler(AccessDenied)
    async def _denied(request: Request, error: AccessDenied) -> Response:
        return _answer(request, Problem(401, str(error), headers={"WWW-Authenticate": "Bearer"}))

    @app.exception_handler(ContractError)
    async def _contract(request: Request, error: ContractError) -> Response:
        status = _STATUS_OF_CODE.get(error.code, 422)
        headers = {"Retry-After": "1"} if status == 503 else {}
        return _answer(request, Problem(status, error.reason, code=error.code, headers=headers))

    @app.exception_handler(ServerRefuses)
    @app.exception_handler(RedisError)
    async def _refused(request: Request, error: Exception) -> Response:
        logger().warning("request.refused", service="gateway", kind=type(error).__name__, route=route_of(request.scope))
        return _answer(request, later("the event store can't confirm that for now; send again, under the same ids"))

    @app.get("/problems/{slug}", include_in_schema=False)
    async def page(slug: str) -> PlainTextResponse:
        if slug not in PAGES:
            raise Problem(404, "there is no problem of that type")
        return PlainTextResponse(f"{slug}\n\n{PAGES[slug]}\n")


def _methods(app: FastAPI, request: Request) -> list[str]:
    """Return what an address takes: several routes may share it."""
    found: set[str] = set()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
        scope = dict(request.scope) | {"method": method}
        if any(route.matches(scope)[0] == Match.FULL for route in app.routes):
            found.add(method)
    return sorted(found)


def as_problem(request: Request, problem: Problem) -> Response:
    """Tell a problem as `application/problem+json`."""
    body = members(
        problem.slug,
        problem.status,
        problem.detail,
        code=problem.code,
        errors=problem.errors,
        request_id=request.state.request_id,
    )
    return JSONResponse(body | problem.more, problem.status, problem.headers, media_type="application/problem+json")


def _answer(request: Request, problem: Problem) -> Response:
    """Tell a problem in the protocol that its caller speaks: the route that was entered says which."""
    tell: Callable[[Request, Problem], Response] = getattr(request.state, "tell", as_problem)
    return tell(request, problem)
