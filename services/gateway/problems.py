"""Problems: every error as RFC 9457 `application/problem+json`, its type a page that this gateway serves."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

from labelwright.access import AccessDenied
from labelwright.contracts.envelope import pointer
from labelwright.errors import ContractError, LabelwrightError, ServerRefuses
from labelwright.logs import logger

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
    """An answer that isn't what was asked for."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        slug: str = "",
        code: str = "",
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.slug = slug or _BY_STATUS.get(status, "internal-error")
        self.code = code
        self.errors = list(errors)
        self.headers = dict(headers or {})


def members(slug: str, status: int, detail: str, **more: Any) -> dict[str, Any]:
    """Return the members of a problem: type, title, status, detail, and what else is known."""
    about = {
        "type": f"/problems/{slug}",
        "title": slug.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
    }
    return about | {key: value for key, value in more.items() if value}


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
        headers = dict(error.headers or {})
        return _answer(request, Problem(error.status_code, str(error.detail), headers=headers))

    @app.exception_handler(AccessDenied)
    async def _denied(request: Request, error: AccessDenied) -> Response:
        return _answer(request, Problem(401, str(error), headers={"WWW-Authenticate": "Bearer"}))

    @app.exception_handler(ContractError)
    async def _contract(request: Request, error: ContractError) -> Response:
        return _answer(request, Problem(_STATUS_OF_CODE.get(error.code, 422), error.reason, code=error.code))

    @app.exception_handler(LabelwrightError)
    @app.exception_handler(RedisError)
    async def _refused(request: Request, error: Exception) -> Response:
        if isinstance(error, LabelwrightError) and not isinstance(error, ServerRefuses):
            return await _fault(request, error)
        logger().warning("request.refused", kind=type(error).__name__, route=request.url.path)
        detail = "the event store refuses for now; nothing was taken: send again"
        return _answer(request, Problem(503, detail, headers={"Retry-After": "1"}))

    @app.exception_handler(Exception)
    async def _fault(request: Request, error: Exception) -> Response:
        problem = Problem(500, "a fault of ours, logged under this request's id")
        logger().error(
            "request.failed", request_id=_request_id(request), route=request.url.path, kind=type(error).__name__
        )
        return _answer(request, problem)

    @app.get("/problems/{slug}", include_in_schema=False)
    async def page(slug: str) -> PlainTextResponse:
        if slug not in PAGES:
            raise Problem(404, f"there is no problem type {slug!r}")
        return PlainTextResponse(f"{slug}\n\n{PAGES[slug]}\n")


def _answer(request: Request, problem: Problem) -> JSONResponse:
    body = members(
        problem.slug,
        problem.status,
        problem.detail,
        code=problem.code,
        errors=problem.errors,
        request_id=_request_id(request),
    )
    return JSONResponse(body, problem.status, problem.headers, media_type="application/problem+json")


def _request_id(request: Request) -> str:
    found: str = getattr(request.state, "request_id", "") or os.urandom(8).hex()
    return found
