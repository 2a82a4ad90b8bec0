"""The urgent goes first, and nothing waits for ever."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from labelwright.ageing import rank

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PRIORITIES = st.floats(1, 64)


def test_a_doubling_is_worth_twelve_hours() -> None:
    assert rank(8.0, NOW) == rank(4.0, NOW - timedelta(hours=12)) == rank(1.0, NOW - timedelta(hours=36))


@given(PRIORITIES, PRIORITIES)
def test_the_more_urgent_of_one_moment_never_goes_last(one: float, other: float) -> None:
    assert (rank(one, NOW) <= rank(other, NOW)) == (one >= other) or rank(one, NOW) == rank(other, NOW)


@given(PRIORITIES, PRIORITIES, st.timedeltas(timedelta(hours=72, seconds=1), timedelta(days=400)))
def test_nothing_is_overtaken_by_what_comes_three_days_later(one: float, other: float, later: timedelta) -> None:
    assert rank(one, NOW) < rank(other, NOW + later)
