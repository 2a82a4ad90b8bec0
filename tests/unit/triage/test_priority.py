"""Every factor of a priority, and its bounds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.triage.priority import MOST_VOICES, has_stepped, novelty, reach, severity, voice
from tests.unit.triage.stories_told import feedback


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
    ],
)
def test_severity(fields: dict[str, Any], factor: int) -> None:
    assert severity(feedback(**fields)) == factor


def test_reach_counts_five_users_of_a_customer_at_most() -> None:
    one_customer = {voice(feedback(user=f"u{number}", customer="shop"), "") for number in range(50)}
    many_customers = {voice(feedback(user=f"u{number}", customer=f"c{number}"), "") for number in range(50)}

    assert reach(one_customer) == reach({"a.1", "a.2", "a.3", "a.4", "a.5"})
    assert reach(many_customers) > 1.8 * reach(one_customer)
    assert reach({"a.1"}) == 1.0


def test_users_without_a_customer_are_each_counted() -> None:
    assert reach({voice(feedback(user=f"u{number}"), "") for number in range(7)}) == 2.0


def test_anonymous_feedback_counts_as_five_users_at_most() -> None:
    nobody = {voice(feedback(user=None), f"f{number}") for number in range(50)}

    assert len(nobody) == 50
    assert reach(nobody) == reach({"a.1", "a.2", "a.3", "a.4", "a.5"})


def test_one_user_of_one_customer_has_one_voice() -> None:
    assert voice(feedback(customer="shop"), "f1") == voice(feedback(customer="shop"), "f2")
    assert voice(feedback(customer="shop"), "f1") != voice(feedback(customer="mall"), "f1")


@given(st.integers(1, MOST_VOICES), st.sampled_from([1, 2, 4, 8]), st.booleans())
def test_a_priority_lies_between_1_and_64(users: int, severe: int, is_in_words: bool) -> None:
    priority = severe * reach({f"{user}.1" for user in range(users)}) * novelty(is_in_words=is_in_words)

    assert 1 <= priority <= 64


@given(st.integers(1, 10**9))
def test_a_count_that_grew_by_half_is_always_told(count: int) -> None:
    assert has_stepped(count, -(-count * 3 // 2) + 1)
    assert not has_stepped(count, count)
