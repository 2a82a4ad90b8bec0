"""How an answer is read, and how long is waited after it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.sdk.buffer import Waiting
from labelwright.sdk.gateway import Answer, backoff_s, judge, retry_after_s
from labelwright.sdk.limits import Limits

BATCH = [Waiting(str(place), b"{}") for place in range(5)]


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, 0),
        ("0", 0),
        ("7", 7),
        ("3600", 300),
        ("-1", 0),
        ("soon", 0),
        ("1.5", 0),
        ("²", 0),
        ("", 0),
        ("9" * 5000, 0),
    ],
)
def test_retry_after_is_seconds_within_five_minutes(header: str | None, wait: float) -> None:
    assert retry_after_s(header, 300) == wait


@pytest.mark.parametrize(("ahead_s", "least", "most"), [(200, 100, 200), (9_000, 300, 300), (-60, 0, 0)])
def test_retry_after_may_be_a_date(ahead_s: int, least: float, most: float) -> None:
    header = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead_s), usegmt=True)

    assert least <= retry_after_s(header, 300) <= most


@given(st.text(max_size=40))
def test_any_retry_after_is_read_without_raising(header: str) -> None:
    assert 0 <= retry_after_s(header, 300) <= 300


@given(st.integers(1, 10_000), st.floats(0, 300))
def test_backoff_is_never_less_than_asked_and_never_more_than_its_ceiling(failures: int, asked: float) -> None:
    wait = backoff_s(failures, asked, Limits())

    assert asked <= wait <= max(asked, min(30.0, 0.5 * 2 ** min(failures - 1, 10)))


@given(
    st.integers(0, 599),
    st.dictionaries(st.sampled_from("01234x"), st.sampled_from(["accepted", "duplicate", "rejected", "retry", "odd"])),
)
def test_every_event_of_a_batch_is_judged_once(status: int, verdicts: dict[str, str]) -> None:
    verdict = judge(Answer(status, verdicts, 0, ""), BATCH)

    assert sorted(event for heap in verdict for event in heap) == BATCH
