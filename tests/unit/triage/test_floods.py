"""Who opens item after item on one day rules no queue: what comes after the first twenty ranks ever later."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from labelwright.ageing import LOWEST, longest_overtaking, rank
from labelwright.contracts.envelope import Event
from labelwright.contracts.payload import Payload
from labelwright.stories import Standing, why
from services.triage.priority import MOST_OPENED_BY_A_CUSTOMER, MOST_OPENED_BY_A_USER, crowd_of
from tests.unit.triage.stories_told import Shop, said

WORDS = (
    "lamp",
    "door",
    "chair",
    "table",
    "window",
    "carpet",
    "kettle",
    "mirror",
    "ladder",
    "candle",
    "basket",
    "hammer",
)


def many(count: int, **fields: Any) -> list[Event[Payload]]:
    """As many complaints, each of something else."""
    return [said(f"said-{number}", complaint(number), **fields) for number in range(count)]


def complaint(number: int) -> str:
    first, second, third = (WORDS[(number // 12**place + place * number) % 12] for place in range(3))
    return f"The {first} {number} broke my {second} near the {third} of house {number}"


def crowds(shop: Shop) -> list[float]:
    """The crowd of each item, from the first to the last in weight."""
    return sorted((standing.factors.get("crowd", 1.0) for standing in shop.standings()), reverse=True)


def lightest(shop: Shop) -> Standing:
    return min(shop.standings(), key=lambda standing: standing.priority)


def test_the_first_twenty_of_a_user_weigh_as_anybody_s_and_then_ever_less() -> None:
    shop = Shop()

    shop.hears(*many(40, user="ann"))

    assert crowds(shop) == [1.0] * 20 + [20 / count for count in range(21, 41)]


def test_what_a_flood_brought_ranks_behind_what_others_bring_a_day_later() -> None:
    shop = Shop()
    shop.hears(*many(400, user="ann"))
    flood = lightest(shop)
    shop.later(days=1)

    shop.hears(said("bob", "My order from last week never arrived", received_at=shop.model.now))

    (other,) = [standing for standing in shop.standings() if standing.opened_at == shop.model.now]
    assert rank(other.priority, other.opened_at) < rank(flood.priority, flood.opened_at)


def test_it_is_another_day_tomorrow() -> None:
    shop = Shop()
    shop.hears(*many(40, user="ann"))
    shop.later(days=1)

    shop.hears(said("tomorrow", "The new search finds nothing in the archive", user="ann", received_at=shop.model.now))

    (standing,) = [standing for standing in shop.standings() if standing.opened_at == shop.model.now]
    assert "crowd" not in standing.factors


def test_what_another_customer_says_as_well_is_no_flood() -> None:
    shop = Shop()
    shop.hears(*many(30, user="ann", customer="acme"))
    assert lightest(shop).factors["crowd"] == 20 / 30

    shop.hears(said("bob", complaint(29), user="bob", customer="globex"))

    (standing,) = [standing for standing in shop.standings() if standing.events == 2]
    assert "crowd" not in standing.factors


def test_a_story_says_so() -> None:
    shop = Shop()
    shop.hears(*many(60, user="ann"))

    assert "one voice opened much that day x 0.333" in why(lightest(shop))


def test_feedback_of_nobody_is_no_flood() -> None:
    shop = Shop()

    shop.hears(*many(30, user=None))

    assert crowds(shop) == [1.0] * 30


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_crowd_weighs_less_the_larger_it_is_and_has_a_bound(by_user: int, by_customer: int) -> None:
    crowd = crowd_of(by_user, by_customer)

    assert LOWEST <= crowd_of(by_user + 1, by_customer + 1) <= crowd <= 1
    assert (crowd == 1) == (by_user <= MOST_OPENED_BY_A_USER and by_customer <= MOST_OPENED_BY_A_CUSTOMER)
    assert longest_overtaking(crowd) <= 2 * longest_overtaking(1)
