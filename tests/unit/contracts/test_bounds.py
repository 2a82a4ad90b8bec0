"""What an event's data may be, so that no service has to fear them: found by fuzzing the streams."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from labelwright.contracts.envelope import Event, decode, encode
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.contracts.labels import LabelResolved
from labelwright.contracts.work import AnnotationRecorded, LeaseRequested, TaskOpened
from labelwright.errors import ContractError

NOW = "2026-05-04T12:00:00Z"
TASK = {
    "task": "i.1", "item": "i", "guideline_version": 1, "source": "crowd", "source_kind": "crowd", "price_usd": 1,
    "priority": 1, "text": "t",
}  # fmt: skip
ANNOTATION = {
    "annotation": "a", "task": "i.1", "item": "i", "assignment": "s", "annotator": "ann", "source": "crowd",
    "source_kind": "crowd", "label": "x", "guideline_version": 1, "price_usd": 1, "leased_at": NOW, "answered_at": NOW,
}  # fmt: skip
LEASE = {"request": "r", "annotator": "ann", "sources": [], "reply": "x", "wait_until": NOW}
LABEL = {
    "item": "i", "label": "x", "probability": 1, "distribution": {}, "method": "belief", "model_number": 0,
    "guideline_version": 1, "annotations": [], "text": "t", "cost_usd": 1, "opened_at": NOW, "resolved_at": NOW,
}  # fmt: skip


def _raw(type_: str, data: dict[str, Any]) -> bytes:
    envelope = {
        "specversion": "1.0",
        "id": "e",
        "source": "/s",
        "type": type_,
        "time": NOW,
        "project": "p",
        "data": data,
    }
    return json.dumps(envelope).encode()


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        (TaskOpened.type, TASK | {"price_usd": 1e308}),
        (TaskOpened.type, TASK | {"price_usd": -1}),
        (AnnotationRecorded.type, ANNOTATION | {"price_usd": 10_001}),
        (AnnotationRecorded.type, ANNOTATION | {"active_ms": 10**30}),
        (LabelResolved.type, LABEL | {"cost_usd": 1e308}),
        (LabelResolved.type, LABEL | {"feedback_events": -1}),
        (TaskOpened.type, TASK | {"source": "x" * 65}),
        (TaskOpened.type, TASK | {"item": "x" * 129}),
        (TaskOpened.type, TASK | {"task": ""}),
        (LeaseRequested.type, LEASE | {"sources": ["crowd"] * 33}),
        (LeaseRequested.type, LEASE | {"skills": ["german"] * 65}),
        (LeaseRequested.type, LEASE | {"reply": "x" * 257}),
    ],
)
def test_what_could_not_be_counted_named_or_read_at_once_is_turned_away(type_: str, data: dict[str, Any]) -> None:
    with pytest.raises(ContractError) as refused:
        decode(_raw(type_, data))

    assert refused.value.code == "schema_violation"


def test_a_time_without_its_zone_is_utc_wherever_it_stands() -> None:
    naive, at = "2026-05-04T12:00:00", datetime(2026, 5, 4, 12, tzinfo=UTC)
    subject = {"type": "t", "id": "i"}

    feedback = decode(
        _raw(FeedbackReceived.type, {"kind": "thumb", "value": 1, "subject": subject, "occurred_at": naive})
    )
    asked = decode(_raw(LeaseRequested.type, LEASE | {"wait_until": naive}))
    label = decode(_raw(LabelResolved.type, LABEL | {"opened_at": naive}))

    assert isinstance(feedback.data, FeedbackReceived)
    assert isinstance(asked.data, LeaseRequested)
    assert isinstance(label.data, LabelResolved)
    assert feedback.data.occurred_at == asked.data.wait_until == label.data.opened_at == at
    again = decode(encode(Event("e", "/s", "p", at, label.data)))
    assert again.data == label.data
