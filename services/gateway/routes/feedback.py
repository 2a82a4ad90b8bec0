"""Publish feedback, and learn what became of it."""

import math
import time
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from labelwright import stories
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.errors import ContractError
from labelwright.runtime.partition import Limit, Partition, Published
from labelwright.runtime.server import refusing
from services.gateway.problems import Problem
from services.gateway.routes.caller import COMMON, PROBLEM, Caller, demand, partition_of
from services.gateway.routes.reading import Read, body_of, events_in, problem_of, read_event
from services.gateway.settings import Settings

router = APIRouter(tags=["feedback"])

_EXAMPLE = {
    "kind": "thumb",
    "value": -1,
    "subject": {"type": "llm_response", "id": "resp_91", "response": "It costs 12 €."},
    "comment": "the price is wrong",
}
_backlogs: dict[str, tuple[float, int]] = {}


@router.post(
    "/v1/feedback",
    status_code=202,
    responses={
        **COMMON,
        413: {"description": "over a limit", **PROBLEM},
        415: {"description": "unknown content type", **PROBLEM},
        429: {"description": "over the rate", **PROBLEM},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": _EXAMPLE},
                "application/x-ndjson": {"schema": {"type": "string"}},
                "application/cloudevents+json": {"schema": {"type": "object"}},
                "application/cloudevents-batch+json": {"schema": {"type": "array", "items": {"type": "object"}}},
            },
        }
    },
)
async def publish(request: Request, caller: Caller, dry_run: bool = False) -> JSONResponse:
    """Publish one event, an array, NDJSON or CloudEvents; 202 when the event store has what was accepted.

    An event's `id` makes it safe to send again: the same content is a `duplicate`, other content is rejected. Resend
    only what is `retry`.
    """
    demand(caller, "publisher")
    settings: Settings = request.app.state.settings
    partition = await partition_of(request, caller.project)
    body = await body_of(request, settings)
    values = events_in(body, request, settings)
    key = _idempotency_key(request) if len(values) == 1 else None
    with refusing():
        now = await partition.now()
    read = [read_event(value, caller.project, now, settings, key) for value in values]
    if dry_run:
        return _answer(read, ["accepted" for one in read if one.publish], None, settings)
    with refusing():
        await _hold_back(partition, settings)
        limit = Limit(settings.events_per_s, settings.burst)
        to_publish = [one.publish for one in read if one.publish]
        published = await partition.publish(caller.project, to_publish, limit) if to_publish else None
    return _answer(read, published.statuses if published else [], published, settings)


@router.get("/v1/feedback/{event_id}", responses=COMMON)
async def story(request: Request, caller: Caller, event_id: str) -> dict[str, Any]:
    """Tell what became of an event: received → accepted or rejected → item → task → label, with times and reasons."""
    partition = await partition_of(request, caller.project)
    key = stories.story_key(caller.project, event_id)
    with refusing():
        reads = await partition.reads()
        received, outcomes, placements = await reads(
            stories.received.get_many([key], reads.now),
            stories.outcomes.get_many([key], reads.now),
            stories.placements.get_many([key], reads.now),
        )
        item = placements[key].split("|")[1] if key in placements else None
        case = (await reads(stories.cases.get(item)))[0] if item else None
    steps = []
    if key in received:
        steps.append(_step("received", received[key].split("|")[0]))
    if key in outcomes:
        at, outcome = outcomes[key].split("|")
        accepted = outcome == "accepted"
        steps.append(_step("accepted", at) if accepted else _step("rejected", at, code=outcome))
    if key in placements:
        at, _, how = placements[key].split("|")
        steps.append(_step("item", at, item=item, how=how))
    if not steps:
        raise Problem(404, "no event of that id was received within the time that events are remembered")
    if case:
        steps += _case_steps(case.value)
    return {"id": event_id, "project": caller.project, "state": steps[-1]["step"], "steps": steps}


@router.get("/v1/schema", responses={})
async def schema() -> dict[str, Any]:
    """Return the JSON schema of an event's fields."""
    return FeedbackReceived.model_json_schema()


def _case_steps(case: stories.Case) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    if case.tasks_opened:
        asked = {"opened": case.tasks_opened, "answers": len(case.votes), "waiting": case.task is not None}
        steps.append({"step": "task", "at": case.opened_at.isoformat(), **asked})
    if case.status == "disputed":
        steps.append({"step": "dispute", "at": None, "distribution": case.distribution})
    if case.resolved_at and case.label:
        known = {"label": case.label, "probability": case.probability, "method": case.method}
        steps.append({"step": "label", "at": case.resolved_at.isoformat(), **known})
    return steps


def _step(name: str, at_ms: str, **more: Any) -> dict[str, Any]:
    return {"step": name, "at": datetime.fromtimestamp(int(at_ms) / 1000, UTC).isoformat(), **more}


def _answer(read: list[Read], statuses: list[str], published: Published | None, settings: Settings) -> JSONResponse:
    told = iter(statuses)
    results = [_result(one, next(told) if one.publish else "rejected") for one in read]
    tally = {
        status: sum(result["status"] == status for result in results)
        for status in ("accepted", "duplicate", "rejected", "retry")
    }
    headers = {}
    if published:
        per_window = settings.burst
        window_s = math.ceil(settings.burst / settings.events_per_s)
        headers = {
            "RateLimit-Policy": f'"project";q={per_window};w={window_s}',
            "RateLimit": f'"project";r={published.left};t={math.ceil(published.retry_after.total_seconds())}',
        }
        if tally["retry"]:
            headers["Retry-After"] = str(max(1, math.ceil(published.retry_after.total_seconds())))
    taken = tally["accepted"] + tally["duplicate"]
    if tally["retry"] and not taken:
        raise Problem(429, "the project publishes faster than its limit; wait for Retry-After", headers=headers)
    if not taken and len(results) == 1:
        error = results[0]["error"]
        raise Problem(
            422,
            error["detail"],
            slug=error["type"].rpartition("/")[2],
            code=error["code"],
            errors=error.get("errors", ()),
        )
    body = tally | {"results": results}
    if len(results) == 1:
        headers["Location"] = f"/v1/feedback/{results[0]['id']}"
    return JSONResponse(body, 202 if taken else 422, headers)


def _result(one: Read, status: str) -> dict[str, Any]:
    if status == "conflict":
        error = ContractError("id_reused", "the id named another event before; take a new id for new content")
        return {"id": one.id, "status": "rejected", "error": problem_of(error)}
    if one.publish is None:
        return {"id": one.id, "status": "rejected", "error": dict(one.error)}
    if status == "limited":
        return {"id": one.id, "status": "retry"}
    result = {"id": one.id, "status": status, "trace": f"/v1/feedback/{one.id}"}
    return result | ({"warnings": list(one.warnings)} if one.warnings else {})


def _idempotency_key(request: Request) -> str | None:
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    key = given.strip().strip('"')
    if not 0 < len(key) <= 128 or not key.isprintable():
        raise Problem(400, "the Idempotency-Key must be a printable text of 1 to 128 characters")
    return key


async def _hold_back(partition: Partition, settings: Settings) -> None:
    """Say 503 while a partition has more to do than it can remember safely; looked at once a second."""
    until, waiting = _backlogs.get(partition.name, (0.0, 0))
    if until < time.monotonic():
        waiting = max((await partition.backlog()).values())
        _backlogs[partition.name] = (time.monotonic() + 1, waiting)
    if waiting > settings.most_backlog:
        detail = f"{waiting} entries wait to be worked on, the most is {settings.most_backlog}; nothing was taken"
        raise Problem(503, detail, headers={"Retry-After": "5"})
