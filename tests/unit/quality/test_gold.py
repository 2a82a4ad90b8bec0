"""Gold tells how often a source is right, and how sure one may be of that."""

import pytest

from labelwright.statistics.intervals import share_interval
from services.quality.figures import MOST_TRIALS, Totals, of_project
from tests.unit.quality.shop import Shop, answered, taken_back


def test_accuracy_is_told_by_source_with_its_exact_interval() -> None:
    shop = Shop()

    shop.tell(*(answered("g1", f"ann{n}", "slow" if n < 9 else "fine", gold="slow") for n in range(10)))
    shop.tell(answered("g1", "eve", "slow", gold="slow", kind="expert"))

    figures = shop.figures()
    low, high = share_interval(9, 10)
    assert {name: value for name, value in figures.items() if "gold" in name and "crowd" in name} == {
        "gold_answers.crowd": 10,
        "gold_accuracy_ratio.crowd": 0.9,
        "gold_accuracy_low_ratio.crowd": pytest.approx(low),
        "gold_accuracy_high_ratio.crowd": pytest.approx(high),
    }
    assert figures["gold_accuracy_ratio.expert"] == 1


def test_accuracy_is_told_by_guideline_version_as_well() -> None:
    shop = Shop()

    shop.tell(answered("g1", "ann", "slow", gold="slow"), answered("g2", "ann", "fine", gold="slow", version=2))

    assert shop.figures()["gold_accuracy_ratio.crowd"] == 0.5
    assert shop.figures(1)["gold_accuracy_ratio.crowd"] == 1
    assert shop.figures(2)["gold_accuracy_ratio.crowd"] == 0


def test_gold_that_is_answered_anew_counts_once() -> None:
    for order in (1, -1):
        shop, wrong = Shop(), answered("g1", "ann", "fine", gold="slow", annotation="first")

        for payload in (wrong, taken_back(wrong), answered("g1", "ann", "slow", gold="slow", annotation="second"))[
            ::order
        ]:
            shop.tell(payload)

        assert shop.figures()["gold_answers.crowd"] == 1
        assert shop.figures()["gold_accuracy_ratio.crowd"] == 1


def test_gold_whose_only_answer_was_taken_back_says_nothing() -> None:
    shop, answer = Shop(), answered("g1", "ann", "slow", gold="slow")

    shop.tell(answer, taken_back(answer))

    assert not [name for name in shop.figures() if name.startswith("gold")]


def test_many_annotators_of_one_gold_item_have_a_sheet_each() -> None:
    shop = Shop()

    shop.tell(*(answered("g1", f"ann{n}", "slow", gold="slow") for n in range(300)))
    late = shop.event(answered("g1", "ann7", "slow", gold="slow", annotation="again"))

    (sheet,) = shop.load([late]).sheets.values()
    assert len(sheet.value.answers) == 1
    assert shop.figures()["gold_answers.crowd"] == 300


def test_an_interval_of_many_answers_holds_the_exact_one_and_is_not_made_of_all() -> None:
    trials = 20 * MOST_TRIALS

    figures = of_project(Totals({"gold/crowd": trials, "right/crowd": trials * 9 // 10}))

    low, high = share_interval(trials * 9 // 10, trials)
    assert figures["gold_accuracy_low_ratio.crowd"] == share_interval(MOST_TRIALS * 9 // 10, MOST_TRIALS)[0] < low
    assert high < figures["gold_accuracy_high_ratio.crowd"] < high + 0.02
