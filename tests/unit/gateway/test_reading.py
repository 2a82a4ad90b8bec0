"""One event out of what was sent: what is published, warned of, or rejected, and never an exception."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.contracts.envelope import decode
from labelwright.contracts.feedback import FeedbackReceived
from services.gateway.routes.reading import read_event
from services.gateway.settings import Settings

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SETTINGS = Settings()
DOWN = {"kind": "thumb", "value": -1, "subject": {"type": "llm_response", "id": "r1"}}
CLOUD = {"specversion": "1.0", "id": "c", "source": "/s", "type": FeedbackReceived.type, "time": NOW.isoformat()}


def _read(value: object, default: str | None = None) -> Any:
    return read_event(value, "shop", NOW, SETTINGS, default)


def _code(value: object) -> str:
    read = _read(value)
    assert read.publish is None
    code: str = read.error["code"]
    return code


def test_an_event_is_published_under_its_id_the_default_or_one_of_its_own() -> None:
    own, default, made, other = _read(DOWN | {"id": "e"}), _read(DOWN, "k"), _read(DOWN), _read(DOWN)

    assert (own.id, default.id) == ("e", "k")
    assert len({own.id, default.id, made.id, other.id}) == 4
    event = decode(own.publish.event)
    assert (event.id, event.project, event.source, event.time) == ("e", "shop", "/v1/feedback", NOW)
    assert event.data == FeedbackReceived.model_validate(DOWN)


def test_the_fingerprint_is_of_the_content_alone() -> None:
    plain, cloud, other = (
        _read(DOWN | {"id": "a"}),
        _read(CLOUD | {"data": DOWN | {"occurred_at": NOW.isoformat()}}),
        _read(DOWN | {"value": 1}),
    )

    assert plain.publish.fingerprint == _read(dict(reversed(DOWN.items()))).publish.fingerprint
    assert cloud.publish.fingerprint == _read(DOWN | {"occurred_at": NOW.isoformat()}).publish.fingerprint
    assert other.publish.fingerprint != plain.publish.fingerprint


def test_a_cloudevent_tells_when_it_occurred_unless_its_data_do() -> None:
    told = _read(CLOUD | {"data": DOWN})
    own = _read(CLOUD | {"data": DOWN | {"occurred_at": "2026-01-01T00:00:00Z"}})

    assert decode(told.publish.event).data == FeedbackReceived.model_validate(DOWN | {"occurred_at": NOW})
    assert decode(own.publish.event).data.occurred_at == datetime(2026, 1, 1, tzinfo=UTC)  # type: ignore[attr-defined]  # it is feedback


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (7, "schema_violation"),
        ([], "schema_violation"),
        (DOWN | {"value": "1"}, "schema_violation"),
        (DOWN | {"id": ""}, "bad_id"),
        (DOWN | {"project": "bank"}, "foreign_project"),
        (DOWN | {"project": 7}, "foreign_project"),
        (DOWN | {"comment": "x" * 32_769}, "schema_violation"),
        (DOWN | {"meta": {"x": "é" * 40_000}}, "too_large"),
        (CLOUD | {"specversion": "0.3", "data": DOWN}, "not_cloudevents"),
        (CLOUD | {"specversion": 1, "data": DOWN}, "not_cloudevents"),
        (CLOUD | {"type": "labelwright.feedback.feedback_received.v9", "data": DOWN}, "unknown_version"),
        (CLOUD | {"type": "labelwright.items.item_opened.v1", "data": {}}, "schema_violation"),
        (
            CLOUD | {"type": "labelwright.tasks.task_reprioritised.v1", "data": {"task": "t", "priority": 1}},
            "unknown_type",
        ),
        (CLOUD | {"type": None}, "unknown_type"),
        (CLOUD, "schema_violation"),
        (CLOUD | {"data": DOWN, "time": "noon"}, "not_cloudevents"),
        (CLOUD | {"data": DOWN, "expirytime": 7}, "not_cloudevents"),
    ],
)
def test_what_does_not_fit_has_a_code(value: object, code: str) -> None:
    assert _code(value) == code


def test_faults_point_at_their_place_and_never_repeat_what_was_sent() -> None:
    read = _read({"kind": "canary", "subject": {"type": "t"}, "sample_rate": "canary"})

    assert [fault["pointer"] for fault in read.error["errors"]] == ["/kind", "/subject/id", "/sample_rate"]
    assert "canary" not in str(read.error)


def test_five_unknown_fields_are_warned_of_and_no_more() -> None:
    read = _read(DOWN | {f"field{n}": 1 for n in range(9)})

    assert read.publish
    assert len(read.warnings) == 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(
    JSON
    | st.fixed_dictionaries({}, optional=dict.fromkeys((*FeedbackReceived.model_fields, "id", "project"), JSON))
    | st.fixed_dictionaries({}, optional=dict.fromkeys((*CLOUD, "data", "expirytime", "traceparent"), JSON))
)
def test_any_value_is_either_published_or_rejected_with_a_code(value: object) -> None:
    read = _read(value)

    assert (read.publish is None) == bool(read.error)
    if read.publish:
        assert decode(read.publish.event).id == read.id
    else:
        assert read.error["code"]
        assert read.error["status"] == 422
