"""Langfuse's API, as far as scores go: its SDKs publish feedback here when their URL and keys are ours."""

from typing import Any, Final, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from labelwright.adapters.langfuse import LangfuseScore, read_score
from services.gateway.openapi import answers, body
from services.gateway.problems import Problem
from services.gateway.routes.body import Door
from services.gateway.routes.caller import COMMON, Caller, demand, identify_by_password
from services.gateway.routes.scoring import Readable, rejections, take_scores

SCORE: Final = "score-create"


class ScoreMade(BaseModel):
    """The score's id, or that of the event that it became."""

    id: str


class AllTaken(BaseModel):
    """Every score of a list was taken."""

    message: Literal["Accepted"]


class SomeRefused(BaseModel):
    """How many scores of a list were taken, and why the others weren't."""

    accepted: int
    rejected: int
    errors: list[dict[str, str]]


class Ingested(BaseModel):
    """What became of each event of a batch."""

    successes: list[dict[str, Any]]
    errors: list[dict[str, Any]]


class LangfuseFault(BaseModel):
    """An error, as Langfuse tells it."""

    message: str
    error: str


def _tell(request: Request, problem: Problem) -> Response:  # noqa: ARG001  # a door's form
    fault = {"message": problem.detail, "error": problem.slug.replace("-", " ").capitalize()}
    return JSONResponse(fault, problem.status, problem.headers)


class LangfuseDoor(Door):
    """Langfuse's clients show a public and a secret key by Basic auth: the secret one is ours."""

    identify = staticmethod(identify_by_password)
    tell = staticmethod(_tell)


router = APIRouter(tags=["others' formats"], route_class=LangfuseDoor)
_FAULTS = answers(COMMON, LangfuseFault)
_EXAMPLE = {"traceId": "4bf9…", "name": "user-feedback", "value": 0, "dataType": "BOOLEAN", "comment": "wrong price"}


@router.post(
    "/api/public/scores",
    status_code=200,
    response_model=ScoreMade,
    responses={
        **_FAULTS,
        202: {"description": "every score of the list was taken", "model": AllTaken},
        207: {"description": "some scores of the list were refused", "model": SomeRefused},
    },
    openapi_extra=body(_EXAMPLE, **{"application/json": LangfuseScore | list[LangfuseScore]}),
)
async def create_scores(request: Request, caller: Caller) -> JSONResponse:
    """Take a score, or a list of them, from a client of Langfuse; each becomes a feedback event.

    The secret key of Basic auth is an API key of ours; the public one may be anything. The same score again is the same
    event, a changed one under its id is a changed vote. The project file's `scores` says what a score is by its name.
    """
    demand(caller, "publisher")
    sent = _json(await request.body())
    bodies = sent if isinstance(sent, list) else [sent]
    read = [_read(one) for one in bodies]
    taken = await take_scores(request, caller.project, [score for _, score in read])
    refused = rejections(taken)
    if isinstance(sent, list):
        if refused:
            errors = [{"message": message} for message in refused]
            told = {"accepted": len(read) - len(refused), "rejected": len(refused), "errors": errors}
            return JSONResponse(told, 207, taken.headers)
        return JSONResponse({"message": "Accepted"}, 202, taken.headers)
    if refused:
        raise Problem(400, refused[0], headers=taken.headers)
    result = taken.results[0]
    return JSONResponse({"id": read[0][0] or result["id"]}, headers=taken.headers | {"Location": result["trace"]})


@router.post(
    "/api/public/ingestion",
    status_code=207,
    response_model=Ingested,
    responses=_FAULTS,
    openapi_extra=body(
        {"batch": [{"id": "e1", "type": SCORE, "timestamp": "2026-11-24T10:00:00Z", "body": _EXAMPLE}]},
        **{"application/json": {"type": "object", "required": ["batch"], "properties": {"batch": {"type": "array"}}}},
    ),
)
async def ingest(request: Request, caller: Caller) -> JSONResponse:
    """Take the scores of a batch of events; traces and observations are acknowledged (200) and passed over."""
    demand(caller, "publisher")
    sent = _json(await request.body())
    events = sent.get("batch") if isinstance(sent, dict) else None
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise Problem(400, "the body must be an object whose 'batch' is an array of events")
    scores = [event for event in events if event.get("type") == SCORE]
    read = [_read(_with_time(event)) for event in scores]
    taken = await take_scores(request, caller.project, [score for _, score in read])
    successes = [{"id": _id(event), "status": 200} for event in events if event.get("type") != SCORE]
    errors = []
    for event, result in zip(scores, taken.results, strict=True):
        if result["status"] == "rejected":
            message = result["error"]["detail"]
            errors.append({"id": _id(event), "status": 400, "message": message, "error": "Invalid request data"})
        else:
            successes.append({"id": _id(event), "status": 201})
    return JSONResponse({"successes": successes, "errors": errors}, 207, taken.headers)


def _json(content: bytes) -> Any:
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        raise Problem(400, "the body isn't valid JSON in UTF-8; check it with any JSON tool") from None


def _read(sent: object) -> tuple[str, Readable]:
    """Return a score's own id, and the score or why it isn't one."""
    try:
        return read_score(sent)
    except ValidationError as error:
        return "", error


def _with_time(event: dict[str, Any]) -> object:
    """Return an event's score; where it has no time of its own, it has the event's."""
    score = event.get("body")
    return {"timestamp": event.get("timestamp")} | score if isinstance(score, dict) else score


def _id(event: dict[str, Any]) -> str:
    found = event.get("id")
    return found[:256] if isinstance(found, str) else ""
