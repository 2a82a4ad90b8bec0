"""Every factor of a priority, and its bounds."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.ageing import PINNED
from labelwright.contracts.feedback import FeedbackAccepted
from services.triage.priority import (
    MOST_HEARD_OF_A_CUSTOMER,
    MOST_VOICES,
    adds,
    counted,
    customers_of,
    factors,
    has_stepped,
    heaviest,
    novelty,
    priority,
    reach,
    severity,
    users_of,
    voice,
)
from tests.unit.triage.stories_told import feedback

SEVERITIES = st.sampled_from([1, 2, 4, 8])
VOICES = st.frozensets(st.from_regex(r"[ab]{1,3}\.[0-9a-f]{1,3}(\.([1-9]|[1-9][0-9]))?", fullmatch=True), min_size=1)


def _heard(said: Iterable[FeedbackAccepted]) -> frozenset[str]:
    """What an item remembers of whoever spoke, one after the other."""
    voices = frozenset[str]()
    for number, one in enumerate(said):
        if adds(voices, heard := voice(one, f"f{number}")):
            voices |= {heard}
    return voices


def _priority(said: Iterable[FeedbackAccepted]) -> float:
    return priority(factors(severity=2, voices=_heard(said), novelty=1.5))


@pytest.mark.parametrize(
    ("fields", "factor"),
    [
        ({"value": 1}, 1),
        ({"kind": "signal", "value": "retry"}, 1),
        ({"value": -1}, 2),
        ({"kind": "text", "comment": "Make it blue"}, 2),
        ({"kind": "stars", "value": 3}, 2),
        ({"kind": "stars", "value": 2}, 2),
        ({"kind": "stars", "value": 1}, 4),
        ({"kind": "correction", "corrected": "Until 8 pm."}, 4),
        ({"value": 1, "reason": "Data-Loss"}, 8),
        ({"complaint": "factually_wrong"}, 2),
        ({"complaint": "unsafe"}, 8),
    ],
)
def test_severity(fields: dict[str, Any], factor: int) -> None:
    assert severity(feedback(**fields)) == factor


def test_reach_counts_two_users_of_a_customer_at_most() -> None:
    one_customer = _heard(feedback(user=f"u{number}", customer="shop") for number in range(50))
    many_customers = _heard(feedback(user=f"u{number}", customer=f"c{number}") for number in range(50))

    assert reach(one_customer) == reach({"a.1", "a.2"})
    assert reach(many_customers) > 2.5 * reach(one_customer)
    assert reach({"a.1"}) == 1.0


def test_users_without_a_customer_are_each_counted() -> None:
    assert reach(_heard(feedback(user=f"u{number}") for number in range(7))) == 2.0


def test_anonymous_feedback_counts_as_two_users_at_most() -> None:
    nobody = _heard(feedback(user=None) for _ in range(50))

    assert reach(nobody) == reach({"a.1", "a.2"})


def test_one_user_of_one_customer_has_one_voice() -> None:
    assert voice(feedback(customer="shop"), "f1") == voice(feedback(customer="shop"), "f2")
    assert voice(feedback(customer="shop"), "f1") != voice(feedback(customer="mall"), "f1")


def test_who_is_heard_by_signals_alone_counts_as_a_part() -> None:
    retries = [feedback(kind="signal", value="retry", user=f"u{number}", weight=0.25) for number in range(4)]

    assert counted(_heard(retries)) == 1.0
    assert users_of(_heard(retries)) == 4


def test_who_speaks_and_gives_signals_is_one_user_who_spoke() -> None:
    voices = _heard([feedback(kind="signal", value="retry", weight=0.25), feedback(), feedback("f3", weight=0.5)])

    assert (users_of(voices), customers_of(voices), counted(voices)) == (1, 1, 1.0)


def test_a_customer_weighs_what_the_project_file_says() -> None:
    voices = _heard([feedback(customer="shop"), feedback(customer="mall"), feedback(user="bert")])

    assert heaviest(voices, {}) == 1.0
    assert heaviest(voices, {"mall": 1.5, "shop": 1.25, "elsewhere": 2.0}) == 1.5
    assert heaviest(voices, {"bert": 2.0}) == 2.0


@pytest.mark.parametrize("customer", [None, "shop"])
def test_a_flood_of_one_user_does_not_outrank_three_customers(customer: str | None) -> None:
    flood = [feedback(f"f{number}", user="anna", customer=customer) for number in range(10_000)]
    three = [feedback(user=f"u{number}", customer=f"c{number}") for number in range(3)]

    assert _priority(flood) < _priority(three)


def test_a_flood_of_one_customer_does_not_outrank_three_customers() -> None:
    flood = [feedback(f"f{number}", user=f"u{number}", customer="shop") for number in range(10_000)]
    three = [feedback(user=f"u{number}", customer=f"c{number}") for number in range(3)]

    assert _priority(flood) < _priority(three)


def test_a_flood_of_one_customer_leaves_room_to_hear_others() -> None:
    flood = [feedback(f"f{number}", user=f"u{number}", customer="shop") for number in range(1_000)]
    others = [feedback(user=f"u{number}", customer=f"c{number}") for number in range(50)]

    voices = _heard([*flood, *others])

    assert len(voices) == MOST_HEARD_OF_A_CUSTOMER + 50
    assert counted(voices) == 52.0


def test_no_more_than_two_hundred_voices_are_remembered() -> None:
    assert len(_heard(feedback(user=f"u{number}") for number in range(300))) == MOST_VOICES


@given(VOICES, SEVERITIES, st.booleans(), st.dictionaries(st.text(min_size=1), st.floats(1, 2)))
def test_a_priority_lies_between_1_and_64(
    voices: frozenset[str], severe: int, is_in_words: bool, customers: dict[str, float]
) -> None:
    found = factors(severity=severe, voices=voices, novelty=novelty(is_in_words=is_in_words), customers=customers)

    assert 1 <= priority(found) <= 64
    assert priority(found, is_pinned=True) == PINNED


@given(VOICES, VOICES)
def test_more_voices_never_count_less(some: frozenset[str], more: frozenset[str]) -> None:
    assert counted(some | more) >= counted(some)


@given(VOICES)
def test_no_customer_ever_counts_three(voices: frozenset[str]) -> None:
    assert counted(voices) <= 2 * customers_of(voices)


@given(st.integers(1, 10**9))
def test_a_count_that_grew_by_half_is_always_told(count: int) -> None:
    assert has_stepped(count, -(-count * 3 // 2) + 1)
    assert not has_stepped(count, count)
