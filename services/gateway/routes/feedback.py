"""Publish feedback, and learn what became of it."""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from labelwright import metrics, stories
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.runtime.server import refusing
from services.gateway.answers import PROBLEM, FeedbackEvent, PublishResult, Story
from services.gateway.openapi import body
from services.gateway.problems import Problem, over_the_rate
from services.gateway.routes.body import Door
from services.gateway.routes.caller import COMMON, READING, Caller, demand, idempotency_key, partition_of
from services.gateway.routes.reading import TAKEN, events_in
from services.gateway.routes.taking import Taken, take

router = APIRouter(tags=["feedback"], route_class=Door)
open_router = APIRouter(tags=["feedback"])

LOST: Final = frozenset(
    {
        "queue_overflow", "too_large", "invalid", "before_send", "rejected", "refused", "gave_up", "spool_full",
        "spool_error", "spool_corrupt", "closed", "internal",
    }
)  # fmt: skip
"""Why a client may have lost events, as it tells in the header `Labelwright-Lost`."""

_EXAMPLE = {
    "kind": "thumb",
    "value": -1,
    "subject": {"type": "llm_response", "id": "resp_91", "response": "It costs 12 €."},
    "comment": "the price is wrong",
}
_LIMITS = {
    "RateLimit-Policy": {"description": "events a window that the project may publish", "schema": {"type": "string"}},
    "RateLimit": {"description": "events left, and seconds until all are back", "schema": {"type": "string"}},
    "Retry-After": {"description": "seconds to wait before what is `retry`", "schema": {"type": "string"}},
    "Location": {"description": "where a single event's story is told", "schema": {"type": "string"}},
}


@router.post(
    "/v1/feedback",
    status_code=202,
    response_model=PublishResult,
    responses={
        **COMMON,
        200: {"description": "valid; nothing was published (`dry_run`)", "model": PublishResult},
        202: {"description": "the event store has what was accepted", "headers": _LIMITS},
        429: {"description": "over the rate", "headers": _LIMITS, **PROBLEM},
    },
    openapi_extra=body(
        _EXAMPLE,
        **{
            TAKEN[0]: FeedbackEvent | Annotated[list[FeedbackEvent], Field(min_length=1, max_length=500)],
            TAKEN[1]: {"type": "string"},
            TAKEN[2]: {"type": "object"},
            TAKEN[3]: {"type": "array", "items": {"type": "object"}},
        },
    ),
)
async def publish(request: Request, caller: Caller, dry_run: bool = False) -> JSONResponse:
    """Publish one event, an array, NDJSON or CloudEvents; 202 when the event store has what was accepted.

    An event's `id` makes it safe to send again: the same content is a `duplicate`, other content is rejected. Resend
    only what is `retry`. An `Idempotency-Key` serves as the id of events that have none. `dry_run` validates only.
    """
    demand(caller, "publisher")
    _count_lost(request)
    values = events_in(await request.body(), request, request.app.state.settings)
    ids = _default_ids(idempotency_key(request), len(values))
    return _answer(await take(request, caller.project, values, ids, dry_run=dry_run))


@router.get("/v1/feedback/{event_id:path}", response_model=Story, responses=READING)
async def story(request: Request, caller: Caller, event_id: str) -> dict[str, Any]:
    """Tell what became of an event: received → accepted or rejected → item → task → annotation → label.

    Each step has its time and what is known of it. Names of annotators are told to reviewers only.
    """
    demand(caller, "publisher", "reviewer")
    partition = await partition_of(request, caller.project)
    with refusing():
        told = await stories.tell(await partition.reads(), caller.project, event_id)
    if not told:
        raise Problem(404, "no event of that id was received within the time that events are remembered")
    steps = [step.flat() for step in told]
    if not caller.may("reviewer"):
        for step in steps:
            step.pop("annotator", None)
    return {"id": event_id, "project": caller.project, "state": told[-1].step, "steps": steps}


@open_router.get("/v1/schema")
async def schema() -> dict[str, Any]:
    """Return the JSON schema of an event's fields."""
    return FeedbackReceived.model_json_schema()


def _answer(taken: Taken) -> JSONResponse:
    """Return the answer for all events; a problem if none was taken."""
    results, headers, tally = taken.results, dict(taken.headers), taken.tally
    told = tally | {"results": results}
    if tally["accepted"] + tally["duplicate"]:
        if len(results) == 1 and taken.is_published:
            headers["Location"] = results[0]["trace"]
        return JSONResponse(told, 202 if taken.is_published else 200, headers)
    if tally["retry"]:
        raise over_the_rate(headers, told)
    error = results[0]["error"]
    alike = all(result["error"]["type"] == error["type"] for result in results)
    raise Problem(
        422,
        error["detail"] if len(results) == 1 else f"none of {len(results)} events was taken; see 'results'",
        slug=error["type"].rpartition("/")[2] if alike else "",
        code=error["code"] if len(results) == 1 else "",
        errors=error.get("errors", ()) if len(results) == 1 else (),
        headers=headers,
        more=told,
    )


def _default_ids(key: str | None, count: int) -> Iterator[str | None]:
    """Yield the ids of events that have none of their own: the request's key, numbered where it has several."""
    for number in range(count):
        yield f"{key}.{number}" if key and count > 1 else key


def _count_lost(request: Request) -> None:
    """Count what a client says that it lost before; anything else in the header is passed over."""
    for part in request.headers.get("labelwright-lost", "").split(",")[: len(LOST)]:
        reason, _, count = part.strip().partition("=")
        if reason in LOST and count.isascii() and count.isdigit() and len(count) < 10:
            metrics.client_losses.labels(reason).inc(int(count))
