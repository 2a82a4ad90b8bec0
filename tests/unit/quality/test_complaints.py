"""What differs in its complaint is told apart in every figure of items, and together they are the whole."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.contracts.payload import Payload
from tests.unit.quality.shop import START, Shop, answered, disputed, opened, resolved, taken_back

SAID_BY_ANN = answered("c", "ann", "unsafe", annotation="c/what", asks="complaint")


def _resolved(item: str, complaint: str) -> Payload:
    return resolved(item).model_copy(update={"complaint": complaint})


def _told(shop: Shop, version: int | None) -> dict[str, float]:
    """What there is of each figure; what an item was called for a while leaves zeros behind."""
    return {name: value for name, value in shop.all_figures(version).items() if value}


def test_items_labels_and_disputes_are_told_by_complaint() -> None:
    shop = Shop()
    shop.tell(opened("a", complaint="factually_wrong"), opened("b", complaint="unsafe"), opened("c"), opened("d"))

    shop.tell(_resolved("a", "factually_wrong"), disputed("b").model_copy(update={"complaint": "unsafe"}))

    states = {
        complaint: [shop.figures(complaint=complaint)[f"items.{state}"] for state in ("waiting", "labeled", "disputed")]
        for complaint in ("factually_wrong", "unsafe", "unsaid")
    }
    assert states == {"factually_wrong": [0, 1, 0], "unsafe": [0, 0, 1], "unsaid": [2, 0, 0]}
    assert shop.figures(complaint="factually_wrong")["labels_resolved_total"] == 1
    assert shop.figures(complaint="factually_wrong")["label_cost_usd"] == pytest.approx(0.3)
    assert shop.figures(complaint="unsafe")["disputes_opened_total"] == 1
    assert [shop.figures()[f"items.{state}"] for state in ("waiting", "labeled", "disputed")] == [2, 1, 1]


def test_people_may_agree_about_one_complaint_and_not_about_another() -> None:
    shop = Shop()
    shop.tell(opened("a", complaint="factually_wrong"), opened("b", complaint="not_what_i_wanted"))

    shop.tell(answered("a", "ann", "slow"), answered("a", "bob", "slow"))
    shop.tell(answered("b", "ann", "slow"), answered("b", "bob", "fine"))

    assert shop.figures(1)["agreement.raw"] == 0.5
    assert shop.figures(1, complaint="factually_wrong")["agreement.raw"] == 1
    assert shop.figures(1, complaint="not_what_i_wanted")["agreement.raw"] == 0


def test_what_somebody_says_that_a_complaint_means_is_no_answer_about_the_label() -> None:
    shop = Shop()

    shop.tell(opened("c"), SAID_BY_ANN, answered("c", "bob", "slow"))

    assert shop.figures(1)["agreement_answers"] == 0
    assert shop.figures()["annotations_total.crowd"] == 2
    assert shop.figures(complaint="unsafe")["items.waiting"] == 1


def test_an_item_moves_with_all_its_figures_when_its_complaint_is_told_and_back() -> None:
    shop = Shop()
    shop.tell(opened("c"), answered("c", "ann", "slow"), answered("c", "bob", "slow"))

    shop.tell(SAID_BY_ANN)
    told = shop.figures(1, complaint="unsafe")
    shop.tell(taken_back(SAID_BY_ANN))

    assert told["agreement_answers"] == 2
    assert shop.figures(1, complaint="unsafe")["agreement_answers"] == 0
    assert shop.figures(1, complaint="unsaid")["agreement_answers"] == 2
    assert shop.figures(complaint="unsafe")["items.waiting"] == 0


def test_a_machine_may_tell_what_a_complaint_means() -> None:
    shop = Shop()

    shop.tell(opened("c"), answered("c", "machine:rules", "other", kind="rule", asks="complaint"))

    assert shop.figures(complaint="other")["items.waiting"] == 1


STORY: list[Payload] = [
    opened("a", complaint="factually_wrong"),
    opened("c"),
    SAID_BY_ANN,
    answered("c", "bob", "other", annotation="c/what else", at=START + timedelta(seconds=1), asks="complaint"),
    answered("a", "ann", "slow"),
    answered("a", "bob", "fine"),
    answered("c", "bob", "fine"),
    answered("c", "eve", "fine"),
    _resolved("a", "factually_wrong"),
    _resolved("c", "other"),
]


@given(st.permutations(STORY))
def test_the_figures_of_complaints_are_the_same_in_whatever_order_it_is_heard(heard: Sequence[Payload]) -> None:
    in_order, otherwise = Shop(), Shop()

    in_order.tell(*STORY)
    otherwise.tell(*heard)

    for version in (None, 1):
        assert _told(otherwise, version) == _told(in_order, version)
    assert in_order.figures(1, complaint="other")["agreement.raw"] == 1


def test_a_complaint_is_a_label_of_its_metrics() -> None:
    shop = Shop()
    shop.tell(opened("a", complaint="unsafe"))
    shop.model.hashes["intake.complaints:shop"] = {"unsafe": "3", "unsaid": "2"}

    samples = {(sample.name, *sorted(sample.labels.items())): sample.value for sample in shop.samples()}

    project, unsafe = ("project", "shop"), ("complaint", "unsafe")
    assert samples["labelwright_complaint_items", unsafe, project, ("state", "waiting")] == 1
    assert samples["labelwright_complaint_feedback_accepted_total", unsafe, project] == 3
    assert samples["labelwright_complaint_feedback_accepted_total", ("complaint", "unsaid"), project] == 2
