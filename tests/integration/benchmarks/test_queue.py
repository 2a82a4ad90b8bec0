"""What the simulation of the queue shows: aged order serves the urgent sooner, and starves nobody."""

from datetime import timedelta
from itertools import accumulate

import pytest

from benchmarks.queue import A_LABEL, ORDERS, Arrival, aged, arrivals, report, waits
from labelwright.ageing import A_DOUBLING, HIGHEST, head_start

WEEK = arrivals(1.25, seed=1, week=timedelta(days=3))
LONGEST = head_start(HIGHEST) / A_DOUBLING


def _waits(order: str) -> list[timedelta]:
    return waits(WEEK, ORDERS[order])


def _longest(order: str, kind: str) -> timedelta:
    return max(wait for one, wait in zip(WEEK, _waits(order), strict=True) if one.kind == kind)


@pytest.mark.parametrize("hours", [6, 12, 24])
def test_no_item_waits_longer_than_first_come_would_make_it_by_what_comes_within_six_doublings(hours: int) -> None:
    """The bound that `labelwright.ageing.rank` states, item by item."""
    first_come, ranked = _waits("first come"), waits(WEEK, aged(hours))
    within, end = LONGEST * timedelta(hours=hours), 0

    for number, one in enumerate(WEEK):
        while end < len(WEEK) and WEEK[end].since <= one.since + within:
            end += 1
        assert ranked[number] <= first_come[number] + (end - number) * A_LABEL


def test_strict_priority_starves_and_ageing_does_not() -> None:
    first_come, strict, ranked = (max(_waits(order)) for order in ("first come", "strict", "aged 12 h"))

    assert strict > 2.5 * first_come
    assert ranked < 1.7 * first_come


def test_the_grave_wait_less_the_more_a_doubling_is_worth() -> None:
    longest = [_longest(order, "grave") for order in ("first come", "aged 6 h", "aged 12 h", "aged 24 h", "strict")]

    assert longest == sorted(longest, reverse=True)
    assert longest[2] < longest[0] / 2


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_does_the_same_work_without_a_pause(order: str) -> None:
    """When the annotator is busy hangs on what came alone: the same moments of service, dealt out otherwise."""
    served = sorted(one.since + wait for one, wait in zip(WEEK, _waits(order), strict=True))
    starts = accumulate(WEEK, lambda free, one: max(free + A_LABEL, one.since), initial=WEEK[0].since - A_LABEL)

    assert served == list(starts)[1:]


def test_the_same_seed_gives_the_same_figures() -> None:
    assert report([0.9], [7]) == report([0.9], [7])
    assert arrivals(0.9, 7) != arrivals(0.9, 8)


def test_who_comes_alone_waits_for_nobody() -> None:
    one, other = (Arrival("plain", 2.0, WEEK[0].since + timedelta(hours=hours)) for hours in (0, 1))

    assert waits([one, other], ORDERS["strict"]) == [timedelta(), timedelta()]
