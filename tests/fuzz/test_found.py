"""What fuzzing found, each by its smallest example: it was a dead letter, or worse, and is turned away with a code."""

import json
from typing import Any

import pytest

from labelwright.contracts.envelope import FIELD, decode
from labelwright.contracts.feedback import EventRejected
from labelwright.contracts.items import ItemOpened
from labelwright.contracts.labels import LabelResolved
from labelwright.contracts.payload import Payload
from labelwright.contracts.work import AnnotationRecorded, LeaseRequested, TaskOpened, TaskWithdrawn
from labelwright.runtime.plan import MOST_REASON
from labelwright.runtime.server import Server
from labelwright.runtime.stage import Stage
from tests.fuzz.conftest import all_ended

pytestmark = [pytest.mark.server, pytest.mark.anyio]

NOW = "2026-05-04T12:00:00Z"
ANNOTATION = {
    "annotation": "a", "task": "i.1", "item": "i", "assignment": "s", "annotator": "ann", "source": "crowd",
    "source_kind": "crowd", "label": "wrong", "guideline_version": 1, "price_usd": 1, "leased_at": NOW,
    "answered_at": NOW,
}  # fmt: skip
LABEL = {
    "item": "i", "label": "wrong", "probability": 1, "distribution": {}, "method": "belief", "model_number": 0,
    "guideline_version": 1, "annotations": [], "text": "t", "cost_usd": 1, "opened_at": NOW, "resolved_at": NOW,
}  # fmt: skip
ITEM = {
    "item": "i", "feedback": "f", "fingerprint": "0", "kind": "text", "sign": 0, "text": "t", "priority": 1,
    "subject": {"type": "t", "id": "1"}, "received_at": NOW,
}  # fmt: skip
TASK = {
    "task": "i.1", "item": "i", "guideline_version": 1, "source": "rules", "source_kind": "rule", "price_usd": 0,
    "priority": 1, "text": "t",
}  # fmt: skip
LEASE = {"request": "r", "annotator": "ann", "sources": ["crowd"], "reply": "x", "wait_until": NOW}


def _event(contract: type[Payload], data: dict[str, Any], **about: Any) -> dict[str, Any]:
    envelope = {"specversion": "1.0", "id": "e", "source": "/s", "type": contract.type, "time": NOW, "project": "shop"}
    return envelope | about | {"data": data}


@pytest.mark.parametrize(
    ("event", "codes"),
    [
        # sums of what it costs did not fit what the server counts by: quality's plan was refused
        (_event(LabelResolved, LABEL | {"cost_usd": 1e308}), {"schema_violation"}),
        (_event(AnnotationRecorded, ANNOTATION | {"price_usd": 1e16}), {"schema_violation"}),
        # `machine:<source>` was too long a name for an annotator: annotate raised
        (_event(TaskOpened, TASK | {"source": "x" * 300}), {"schema_violation"}),
        # as many reads as sources times skills
        (_event(LeaseRequested, LEASE | {"sources": ["crowd"] * 5_000}), {"schema_violation"}),
        # a reason quoted a name of any length
        (_event(TaskWithdrawn, {"task": "x" * 40_000, "reason": ""}), {"schema_violation"}),
        (_event(AnnotationRecorded, ANNOTATION | {"item": "no such item"}), {"unknown_item"}),
    ],
)
async def test_what_was_a_dead_letter_is_a_rejection(
    server: Server, stages: list[Stage], event: dict[str, Any], codes: set[str]
) -> None:
    found = await _told(server, stages, event)

    assert {one.code for one in found} == codes
    assert all(len(one.reason) <= MOST_REASON for one in found)


@pytest.mark.parametrize(
    "event",
    [
        # a time without its zone could not be compared with one that has it: quality and dispatch raised
        _event(LabelResolved, LABEL | {"opened_at": "2026-05-04"}),
        _event(LeaseRequested, LEASE | {"wait_until": "2999-01-01T00:00:00"}),
        # 8,000 years of waiting did not fit a sum
        _event(LabelResolved, LABEL | {"opened_at": "0001-01-01T00:00:00Z", "resolved_at": "9999-12-31T00:00:00Z"}),
    ],
)
async def test_what_was_a_dead_letter_is_taken(server: Server, stages: list[Stage], event: dict[str, Any]) -> None:
    opened = _event(ItemOpened, ITEM | {"received_at": "0001-01-01T00:00:00Z"}, id="o")

    assert await _told(server, stages, opened, event) == []


async def _told(server: Server, stages: list[Stage], *events: dict[str, Any]) -> list[EventRejected]:
    """Add events to their streams, and return the rejections once all is handled; nothing is dead."""
    for event in events:
        stream = event["type"].split(".")[1]
        await server.client.xadd(f"{{p0}}:{stream}", {"event": json.dumps(event)})
    await all_ended(server, stages, within_s=20)
    assert await server.client.xlen("{p0}:dead") == 0
    found = [decode(fields[FIELD]).data for _, fields in await server.client.xrange("{p0}:rejected")]
    return [one for one in found if isinstance(one, EventRejected)]
