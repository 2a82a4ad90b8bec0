"""The envelope: what is written is read back, and what can't be read says why by a code."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.contracts.envelope import MAX_BYTES, Event, decode, encode
from labelwright.contracts.feedback import FeedbackReceived, Subject
from labelwright.contracts.payload import Payload
from labelwright.errors import ContractError

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
FEEDBACK = FeedbackReceived(kind="thumb", value=1, subject=Subject(type="screen", id="s"))
NAMES = st.text(min_size=1, max_size=256).filter(lambda text: text.isprintable())


def envelope(**changed: Any) -> bytes:
    known = json.loads(encode(Event("e1", "/test", "shop", NOW, FEEDBACK)))
    return json.dumps({name: value for name, value in (known | changed).items() if value is not None}).encode()


@given(NAMES, NAMES, NAMES, st.text(max_size=256), st.text(max_size=1_000))
def test_what_is_written_is_read_back(name: str, source: str, project: str, trace: str, comment: str) -> None:
    data = FEEDBACK.model_copy(update={"comment": comment or None})
    event: Event[Payload] = Event(name, source, project, NOW, data, correlation_id="story", traceparent=trace)

    assert decode(encode(event)) == event


def test_an_event_without_a_story_begins_one() -> None:
    assert decode(envelope(correlationid=None)).correlation_id == "e1"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (None, "not_an_event"),
        (b" " * (MAX_BYTES + 1), "too_large"),
        (b"{", "not_json"),
        (b"\xff", "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b"[1]", "not_cloudevents"),
        (envelope(specversion="0.3"), "not_cloudevents"),
        (envelope(id=""), "not_cloudevents"),
        (envelope(id="x" * 257), "not_cloudevents"),
        (envelope(source=7), "not_cloudevents"),
        (envelope(project=None), "not_cloudevents"),
        (envelope(time="yesterday"), "not_cloudevents"),
        (envelope(expirytime=5), "not_cloudevents"),
        (envelope(type=["x"]), "unknown_type"),
        (envelope(type="com.example.other.v1"), "unknown_type"),
        (envelope(data="text"), "schema_violation"),
        (envelope(data={"kind": "thumb", "value": 7, "subject": {"type": "s", "id": "1"}}), "schema_violation"),
    ],
)
def test_what_cannot_be_read_says_why_by_a_code(raw: bytes | None, code: str) -> None:
    with pytest.raises(ContractError) as unread:
        decode(raw)

    assert unread.value.code == code


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: json.dumps({"specversion": text}).encode()))
def test_any_bytes_are_read_or_turned_away(raw: bytes) -> None:
    with suppress(ContractError):  # nothing else may be raised
        decode(raw)
