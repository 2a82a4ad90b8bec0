"""Feedback of any age stays readable: the bytes of every version that ever was, as they were recorded."""

from datetime import UTC, datetime

import pytest

from labelwright.contracts.envelope import decode
from labelwright.contracts.feedback import FeedbackReceived, Subject
from labelwright.errors import ContractError

VERSION_1 = (
    b'{"specversion":"1.0","id":"8c1f","source":"/app","type":"labelwright.feedback.feedback_received.v1",'
    b'"time":"2026-02-03T04:05:06+00:00","project":"support","correlationid":"8c1f","data":{"up":false,'
    b'"text":"the opening hours are wrong","user_id":"u_17","response_id":"resp_3","ts":1770091506.25}}'
)
VERSION_2 = (
    b'{"specversion":"1.0","id":"9d2e","source":"/v1/feedback","type":"labelwright.feedback.feedback_received.v2",'
    b'"time":"2026-11-24T10:00:00Z","project":"support","correlationid":"9d2e","data":{"kind":"stars","value":2,'
    b'"subject":{"type":"screen","id":"checkout"},"comment":"too many steps","user":"u_1","meta":{"plan":"pro"}}}'
)


def test_a_flat_thumb_of_version_1_is_lifted() -> None:
    event = decode(VERSION_1)

    assert (event.id, event.project, event.time) == ("8c1f", "support", datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC))
    assert event.data == FeedbackReceived(
        kind="thumb",
        value=-1,
        subject=Subject(type="llm_response", id="resp_3"),
        comment="the opening hours are wrong",
        user="u_17",
        occurred_at=datetime(2026, 2, 3, 4, 5, 6, 250_000, tzinfo=UTC),
    )


def test_the_present_version_is_read_as_it_is() -> None:
    assert decode(VERSION_2).data == FeedbackReceived(
        kind="stars",
        value=2,
        subject=Subject(type="screen", id="checkout"),
        comment="too many steps",
        user="u_1",
        meta={"plan": "pro"},
    )


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b'"up":false', b'"up":"no"', "schema_violation"),
        (b'"response_id":"resp_3",', b"", "schema_violation"),
        (b'"ts":1770091506.25', b'"ts":1e300', "schema_violation"),
        (b"received.v1", b"received.v3", "unknown_version"),
        (b"received.v1", b"received.v0", "unknown_type"),
        (b"feedback_received", b"feedback_refused", "unknown_type"),
    ],
)
def test_what_no_version_promised_is_turned_away_with_a_code(old: bytes, new: bytes, code: str) -> None:
    with pytest.raises(ContractError) as turned_away:
        decode(VERSION_1.replace(old, new))

    assert turned_away.value.code == code
    assert "opening hours" not in turned_away.value.reason
