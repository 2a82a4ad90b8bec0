"""Items that triage closed wait no more, and the signal that expired is a figure."""

from datetime import timedelta
from itertools import permutations
from typing import Literal

import pytest

from labelwright.contracts.items import ItemClosed, ItemReopened, MergeProposed
from labelwright.contracts.labels import LabelWithdrawn
from labelwright.contracts.payload import Payload
from labelwright.expiry import expired, overdue
from tests.unit.quality.shop import START, Shop, disputed, opened, resolved

Cause = Literal["merged", "expired", "muted", "superseded"]


def _closed(item: str, cause: Cause = "expired", number: int = 2) -> ItemClosed:
    return ItemClosed(item=item, cause=cause, reason="r", events=3, opened_at=START, number=number)


def _reopened(item: str, number: int = 3) -> ItemReopened:
    return ItemReopened(item=item, reason="r", priority=2, number=number)


def _items(shop: Shop) -> dict[str, float]:
    figures = shop.figures().items()
    return {name.removeprefix("items."): value for name, value in figures if name.startswith("items.") and value}


@pytest.mark.parametrize("cause", ["merged", "expired", "muted", "superseded"])
def test_what_is_closed_waits_no_more(cause: Cause) -> None:
    shop = Shop()

    shop.tell(opened("a"), opened("b"), _closed("a", cause))

    assert _items(shop) == {"waiting": 1, cause: 1}


def test_what_reopens_waits_again_and_as_long_as_ever() -> None:
    shop = Shop()
    shop.tell(opened("a"), _closed("a"))
    shop.wait(seconds=9)

    shop.tell(_reopened("a"))

    assert _items(shop) == {"waiting": 1}
    assert shop.figures()["item_age_seconds"] == 9
    shop.tell(resolved("a"))
    assert _items(shop) == {"labeled": 1}


def test_the_latest_news_counts_in_whatever_order_it_is_heard() -> None:
    news: list[Payload] = [opened("a"), _closed("a", number=2), _reopened("a", number=3), _closed("a", "muted", 4)]
    for told in permutations(news):
        shop = Shop()

        shop.tell(*told)

        assert _items(shop) == {"muted": 1}


def test_a_label_stands_whatever_becomes_of_its_item_until_it_is_withdrawn() -> None:
    shop = Shop()
    shop.tell(opened("a"), resolved("a", cost_usd=0.5), _closed("a", "merged"))
    assert _items(shop) == {"labeled": 1}

    shop.wait(seconds=1)
    shop.tell(LabelWithdrawn(item="a", label="slow", reason="merged"))

    assert _items(shop) == {"merged": 1}
    assert "label_cost_usd" not in shop.figures()


def test_a_disputed_item_that_expired_is_told_as_expired() -> None:
    shop = Shop()

    shop.tell(opened("a"), disputed("a"), _closed("a"))

    assert _items(shop) == {"expired": 1}


def test_a_proposal_changes_no_figure() -> None:
    shop = Shop()
    shop.tell(opened("a"), opened("b"))
    before = shop.figures()

    shop.tell(MergeProposed(item="a", other="b", score=0.1, reason="r"))

    assert shop.figures() == before


def test_the_sheet_of_a_closed_item_vanishes_a_month_later() -> None:
    shop = Shop()
    shop.tell(opened("a"), _closed("a"))

    shop.wait(days=31)

    assert not [name for name, fields in shop.model.hashes.items() if name.startswith("quality.sheets") and fields]


def test_the_signal_that_expired_is_told_on_the_next_beat_and_exported_by_reason_and_age() -> None:
    shop = Shop()
    shop.accept(9)
    shop.model.hashes[expired.of("shop").key.name] = {"never_asked/90d": "2", "disputed/365d": "1"}
    shop.model.hashes[overdue.of("shop").key.name] = {"before_intake/1d": "1"}
    shop.tell(opened("a"), _closed("a"))

    (measured,) = shop.strike()

    assert measured.values["feedback_expired_ratio"] == 0.4
    assert measured.values["feedback_expired_events.never_asked.90d"] == 2
    samples = {
        (sample.labels["reason"], sample.labels["age"]): sample.value
        for sample in shop.samples()
        if sample.name == "labelwright_feedback_expired_events"
    }
    assert samples == {("never_asked", "90d"): 2, ("disputed", "365d"): 1, ("before_intake", "1d"): 1}
    (ratio,) = [one.value for one in shop.samples() if one.name == "labelwright_feedback_expired_ratio"]
    assert ratio == measured.values["feedback_expired_ratio"]


def test_a_sheet_that_was_closed_and_labeled_keeps_the_time_that_it_took() -> None:
    shop = Shop()

    shop.tell(opened("a"), _closed("a"), _reopened("a"), resolved("a", at=START + timedelta(seconds=5)))

    assert _items(shop) == {"labeled": 1}
    assert shop.figures()["feedback_to_label_seconds.p50"] > 0
