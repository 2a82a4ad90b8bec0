"""Publish feedback, and learn what became of it."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from labelwright import metrics, stories
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.errors import ContractError
from labelwright.runtime.partition import Limit, Partition, Published
from labelwright.runtime.server import refusing
from services.gateway.answers import PROBLEM, FeedbackEvent, PublishResult, Story
from services.gateway.openapi import body
from services.gateway.problems import Problem, later
from services.gateway.routes.body import Door
from services.gateway.routes.caller import COMMON, READING, Caller, demand, idempotency_key, partition_of
from services.gateway.routes.reading import TAKEN, Read, events_in, problem_of, read_event
from services.gateway.settings import Settings

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


class Backlog:
    """How much waits to be worked on in each partition, looked at once a second."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, int]] = {}

    async def of(self, partition: Partition) -> int:
        """Return the entries that the slowest service of a partition hasn't finished."""
        looked_at, waiting = self._known.get(partition.name, (-math.inf, 0))
        if looked_at + 1 < time.monotonic():
            self._known[partition.name] = (time.monotonic(), waiting)  # whoever comes meanwhile doesn't look, too
            waiting = max((await partition.backlog()).values())
            self._known[partition.name] = (time.monotonic(), waiting)
        return waiting


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
    settings: Settings = request.app.state.settings
    partition = await partition_of(request, caller.project)
    values = events_in(await request.body(), request, settings)
    ids = _default_ids(idempotency_key(request), len(values))
    with refusing():
        now = await partition.now()
    read = [read_event(value, caller.project, now, settings, next(ids)) for value in values]
    sound = [one.publish for one in read if one.publish]
    if dry_run or not sound:
        return _answer([_result(one, "accepted") for one in read], {}, 200)
    published = await _take(request, partition, caller.project, sound, settings)
    told = iter(published.statuses)
    results = [_result(one, next(told) if one.publish else "") for one in read]
    return _answer(results, _limits(published, settings), 202)


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


async def _take(
    request: Request, partition: Partition, project: str, sound: Sequence[Any], settings: Settings
) -> Published:
    """Publish, unless the partition has more to do than it can remember safely."""
    backlog: Backlog = request.app.state.backlog
    with refusing():
        waiting = await backlog.of(partition)
        if waiting > settings.most_backlog:
            raise later(
                f"{waiting} entries wait to be worked on, the most is {settings.most_backlog}; nothing was taken", 5
            )
        return await partition.publish(project, sound, Limit(settings.events_per_s, settings.burst))


def _answer(results: list[dict[str, Any]], headers: dict[str, str], taken_as: int) -> JSONResponse:
    """Return the answer for all events; a problem if none was taken."""
    tally = {
        status: sum(result["status"] == status for result in results)
        for status in ("accepted", "duplicate", "rejected", "retry")
    }
    told = tally | {"results": results}
    if tally["accepted"] + tally["duplicate"]:
        if len(results) == 1 and taken_as == 202:
            headers["Location"] = results[0]["trace"]
        return JSONResponse(told, taken_as, headers)
    if tally["retry"]:
        detail = "the project publishes faster than its limit; wait for Retry-After"
        raise Problem(429, detail, headers=headers, more=told | {"violated-policies": ["project"]})
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


def _result(one: Read, status: str) -> dict[str, Any]:
    error = one.error
    if status == "conflict":
        error = problem_of(ContractError("id_reused", "the id named another event before; take a new id"))
    if error:
        metrics.rejections.labels("gateway", error["code"]).inc()
        return {"id": one.id, "status": "rejected", "error": dict(error)}
    if status == "limited":
        return {"id": one.id, "status": "retry"}
    result = {"id": one.id, "status": status, "trace": f"/v1/feedback/{quote(one.id or '', safe='')}"}
    return result | ({"warnings": list(one.warnings)} if one.warnings else {})


def _limits(published: Published, settings: Settings) -> dict[str, str]:
    """Return what the project may publish (draft-ietf-httpapi-ratelimit-headers-10)."""
    window_s = math.ceil(settings.burst / settings.events_per_s)
    whole_again_s = math.ceil((settings.burst - published.left) / settings.events_per_s)
    headers = {
        "RateLimit-Policy": f'"project";q={settings.burst};w={window_s}',
        "RateLimit": f'"project";r={published.left};t={whole_again_s}',
    }
    if "limited" in published.statuses:
        headers["Retry-After"] = str(max(1, math.ceil(published.retry_after.total_seconds())))
    return headers


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
