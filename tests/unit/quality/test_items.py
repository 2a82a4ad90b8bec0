"""Items wait, get a label or a dispute, take their time and cost something."""

from datetime import UTC, datetime, timedelta

import pytest

from labelwright.metrics import Distribution
from tests.unit.quality.shop import START, Shop, abstained, answered, disputed, opened, resolved, taken_back


def test_what_happens_is_counted() -> None:
    shop = Shop()
    answer = answered("a", "ann", "slow", price_usd=0.25)
    shop.accept(2)
    shop.tell(opened("a"), abstained("a"), answer, taken_back(answer))
    shop.tell(answered("a", "machine:rules", "fine", kind="rule", source="rules", price_usd=0))
    shop.tell(disputed("a"), resolved("a"), resolved("a"))

    figures = shop.figures()
    assert {name: value for name, value in figures.items() if "_total" in name} == {
        "feedback_accepted_total": 2,
        "annotations_total.crowd": 1,
        "annotations_total.rules": 1,
        "annotations_abstained_total.rules": 1,
        "annotations_retracted_total": 1,
        "labels_resolved_total": 2,
        "disputes_opened_total": 1,
        "spend_usd_total.crowd": 0.25,
        "spend_usd_total.rules": 0,
    }


def test_an_item_waits_until_its_first_label_or_dispute() -> None:
    shop = Shop()
    shop.tell(opened("a"), opened("b", START + timedelta(seconds=5)), opened("c", START + timedelta(seconds=9)))
    shop.wait(seconds=60)

    states = [_standing(shop)]
    for payload in (disputed("a"), resolved("b"), resolved("a"), resolved("c")):
        shop.wait(seconds=1)
        shop.tell(payload)
        states.append(_standing(shop))

    assert states == [(3, 0, 0, 60), (2, 0, 1, 56), (1, 1, 1, 53), (1, 2, 0, 54), (0, 3, 0, 0)]


def test_an_item_whose_label_was_heard_of_first_never_waits() -> None:
    shop = Shop()

    shop.tell(resolved("a"))
    shop.tell(opened("a"))

    assert _standing(shop) == (0, 1, 0, 0)


def test_a_label_costs_what_all_answers_about_labeled_items_cost() -> None:
    shop = Shop()

    shop.tell(resolved("a", cost_usd=0.2), resolved("b", cost_usd=0.1), disputed("c"))
    shop.wait(seconds=1)
    shop.tell(resolved("b", cost_usd=0.5))

    assert shop.figures()["label_cost_usd"] == pytest.approx(0.35)


def test_the_time_to_the_first_label_counts() -> None:
    shop = Shop()

    shop.tell(resolved("a", at=START + timedelta(hours=1)), resolved("a", at=START + timedelta(seconds=3)))
    shop.tell(*(resolved(f"b{n}", at=START + timedelta(seconds=20)) for n in range(9)))

    figures = shop.figures()
    assert figures["feedback_to_label_seconds.p50"] == pytest.approx(15 + 45 * 4 / 9)
    assert figures["feedback_to_label_seconds.p95"] == pytest.approx(15 + 45 * 8.5 / 9)


def test_a_time_beyond_all_bounds_is_told_as_the_last_bound() -> None:
    shop = Shop()

    shop.tell(resolved("a", at=START + timedelta(days=90)))

    assert shop.figures()["feedback_to_label_seconds.p50"] == timedelta(days=30).total_seconds()


def test_a_sheet_vanishes_a_month_after_its_last_event_but_not_while_the_item_waits() -> None:
    shop = Shop()
    shop.tell(opened("waits"), opened("labeled"), resolved("labeled"), answered("g", "ann", "slow", gold="slow"))

    shop.wait(days=40)

    left = {name for name, fields in shop.model.hashes.items() if name.startswith("quality.sheets") and fields}
    assert left == {"quality.sheets:shop:waits"}


def _standing(shop: Shop) -> tuple[float, ...]:
    figures = shop.figures()
    states = [figures[f"items.{state}"] for state in ("waiting", "labeled", "disputed")]
    return (*states, figures["item_age_seconds"])


def test_a_clock_that_is_centuries_off_adds_a_year_at_most() -> None:
    shop = Shop()

    shop.tell(opened("a", datetime(1, 1, 1, tzinfo=UTC)))
    shop.tell(resolved("a", at=datetime(9999, 12, 31, tzinfo=UTC), received_at=datetime(1, 1, 1, tzinfo=UTC)))

    totals = [sample.value.total for sample in shop.samples() if isinstance(sample.value, Distribution)]
    of_everything_and_of_its_complaint = 2
    assert totals == [timedelta(days=365).total_seconds()] * of_everything_and_of_its_complaint
