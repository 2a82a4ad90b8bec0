"""The urgent goes first, and nothing waits for ever."""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.ageing import (
    A_DOUBLING,
    HIGHEST,
    LOWEST,
    PINNED,
    clipped,
    head_start,
    longest_overtaking,
    rank,
    uncertainty,
    while_unsure,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PRIORITIES = st.floats(1, 64)
THREE_DAYS = timedelta(hours=72)
A_ROUNDING = timedelta(milliseconds=2)


@dataclass(frozen=True)
class Waiting:
    """Something that came a while after the beginning, and how urgent it is, as far as is known."""

    name: int
    since: datetime
    priority: float

    @property
    def rank(self) -> float:
        """What it is served by."""
        return rank(self.priority, self.since)


@dataclass(frozen=True)
class Step:
    """After a while something comes, or something that waits weighs otherwise; then so many are served."""

    pause: timedelta
    priority: float
    weighs_anew: int | None
    served: int


STEPS = st.lists(
    st.builds(
        Step,
        pause=st.timedeltas(timedelta(), timedelta(hours=30)),
        priority=st.floats(1, 100) | st.sampled_from([1.0, 64.0]),
        weighs_anew=st.none() | st.integers(0, 30),
        served=st.integers(0, 2),
    ),
    max_size=40,
)


def test_a_doubling_is_worth_twelve_hours() -> None:
    assert rank(8.0, NOW) == rank(4.0, NOW - timedelta(hours=12)) == rank(1.0, NOW - timedelta(hours=36))
    assert (head_start(8.0), longest_overtaking(8.0)) == (timedelta(hours=36), timedelta(hours=36))


@given(PRIORITIES, PRIORITIES)
def test_the_more_urgent_of_one_moment_never_goes_last(one: float, other: float) -> None:
    assert (rank(one, NOW) <= rank(other, NOW)) == (one >= other) or rank(one, NOW) == rank(other, NOW)


@given(PRIORITIES, PRIORITIES, st.timedeltas(timedelta(hours=72, seconds=1), timedelta(days=400)))
def test_nothing_is_overtaken_by_what_comes_three_days_later(one: float, other: float, later: timedelta) -> None:
    assert rank(one, NOW) < rank(other, NOW + later)


@given(PRIORITIES, PRIORITIES, st.timedeltas(timedelta(seconds=1), timedelta(days=4)))
def test_how_long_a_thing_may_be_overtaken_is_said_of_each_priority(
    one: float, other: float, beyond: timedelta
) -> None:
    assert rank(one, NOW) < rank(other, NOW + longest_overtaking(one) + beyond)


@given(STEPS)
def test_whatever_comes_nobody_is_overtaken_by_what_came_three_days_later(steps: list[Step]) -> None:
    now, waiting = NOW, list[Waiting]()
    for name, step in enumerate(steps):
        now += step.pause
        waiting = [replace(one, priority=step.priority) if one.name == step.weighs_anew else one for one in waiting]
        waiting.append(Waiting(name, now, step.priority))
        for _ in range(min(step.served, len(waiting))):
            first = min(waiting, key=lambda one: one.rank)
            waiting.remove(first)

            assert all(first.since - one.since <= THREE_DAYS + A_ROUNDING for one in waiting)


@given(PRIORITIES, st.timedeltas(timedelta(days=-365), timedelta(days=365)))
def test_what_is_pinned_goes_before_all_that_is_not(priority: float, later: timedelta) -> None:
    assert rank(PINNED, NOW + later) < rank(priority, NOW)
    assert rank(PINNED, NOW) < rank(PINNED, NOW + timedelta(milliseconds=1))


@pytest.mark.parametrize("priority", [0.0, -3.0, 0.01, 65.0, 127.0, math.inf])
def test_a_priority_out_of_bounds_counts_as_the_nearer_bound(priority: float) -> None:
    assert clipped(priority) == (HIGHEST if priority > 1 else LOWEST)
    if priority < PINNED:
        assert rank(priority, NOW) == rank(clipped(priority), NOW)


def test_without_a_worth_of_doublings_it_is_first_come_first_served() -> None:
    assert rank(64.0, NOW, timedelta()) == rank(1.0, NOW, timedelta())
    assert rank(64.0, NOW, 2 * A_DOUBLING) < rank(64.0, NOW)


@pytest.mark.parametrize(
    ("distribution", "factor"),
    [
        ({"yes": 1.0, "no": 0.0}, 1.0),
        ({"yes": 0.5, "no": 0.5}, 2.0),
        ({"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}, 2.0),
        ({"yes": 0.9, "no": 0.1}, pytest.approx(1.469, abs=1e-3)),
        ({"yes": 1.0}, 2.0),
        ({}, 2.0),
    ],
)
def test_a_sure_belief_counts_once_and_an_open_one_twice(distribution: dict[str, float], factor: float) -> None:
    assert uncertainty(distribution) == factor


@given(st.floats(0, 200), st.dictionaries(st.text(), st.floats(0, 1), max_size=5))
def test_doubt_never_lowers_a_priority_nor_lifts_it_over_the_bound(
    priority: float, distribution: dict[str, float]
) -> None:
    raised = while_unsure(priority, distribution)

    assert raised == priority if priority >= PINNED else clipped(priority) <= raised <= HIGHEST
