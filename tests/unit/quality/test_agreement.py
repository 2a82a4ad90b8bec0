"""People's agreement is counted by guideline version, exactly, whatever comes in whatever order."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.contracts.work import AnnotationRecorded
from labelwright.statistics.agreement import coincidences, krippendorff_alpha, raw_agreement
from services.quality.sheet import MOST_COUNTED, WHOLE, Sheet, difference, told
from tests.unit.quality.shop import START, Shop, answered, taken_back

LABELS = ("fast", "fine", "slow")


def test_people_who_say_the_same_agree_and_the_others_do_not() -> None:
    shop = Shop()

    shop.tell(answered("a", "ann", "slow"), answered("a", "bob", "slow"))
    shop.tell(answered("b", "ann", "slow"), answered("b", "bob", "fine"))

    assert shop.figures(1) == {"agreement_answers": 4, "agreement.raw": 0.5, "agreement.alpha": pytest.approx(0)}


def test_alpha_is_that_of_krippendorffs_example() -> None:
    """Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C: four observers, eleven units told."""
    observers = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
    shop = Shop()

    for name, values in zip(("ann", "bob", "eve", "joe"), observers, strict=True):
        shop.tell(*(answered(f"i{n}", name, f"label{value}") for n, value in enumerate(values) if value != "."))

    assert shop.figures(1)["agreement.alpha"] == pytest.approx(0.743, abs=0.0005)
    assert shop.figures(1)["agreement_answers"] == 40


def test_an_item_that_one_person_answered_says_nothing_about_agreement() -> None:
    shop = Shop()

    shop.tell(answered("a", "ann", "slow"))

    assert shop.figures(1) == {"agreement_answers": 0}


def test_machines_and_gold_do_not_count() -> None:
    shop = Shop()

    shop.tell(answered("a", "ann", "slow"), answered("a", "bob", "fine"))
    shop.tell(answered("a", "machine:rules", "slow", kind="rule"), answered("a", "gpt", "slow", kind="llm"))
    shop.tell(*(answered("g", name, "slow", gold="slow") for name in ("ann", "bob")))

    figures = shop.figures(1)
    assert (figures["agreement_answers"], figures["agreement.raw"]) == (2, 0)


def test_an_answer_that_is_taken_back_is_taken_out_whenever_that_is_heard_of() -> None:
    for order in (1, -1):
        shop, wrong = Shop(), answered("a", "bob", "fine")
        shop.tell(answered("a", "ann", "slow"), answered("a", "eve", "slow"))

        for payload in (wrong, taken_back(wrong))[::order]:
            shop.tell(payload)

        assert shop.figures(1) == {"agreement_answers": 2, "agreement.raw": 1}


def test_the_later_answer_of_an_annotator_replaces_the_earlier() -> None:
    for order in (1, -1):
        shop = Shop()
        earlier = answered("a", "bob", "fine", annotation="first")
        later = answered("a", "bob", "slow", annotation="second", at=START + timedelta(seconds=1))

        shop.tell(answered("a", "ann", "slow"), *(earlier, later)[::order])

        assert shop.figures(1) == {"agreement_answers": 2, "agreement.raw": 1}


def test_a_batch_about_one_item_is_decided_once() -> None:
    shop = Shop()

    shop.tell(*(answered("a", f"ann{number}", "slow") for number in range(5)))

    assert shop.conflicts == 0
    assert shop.figures(1) == {"agreement_answers": 5, "agreement.raw": 1}


def test_undoing_for_ever_leaves_nothing_behind() -> None:
    sheet = Sheet()

    for number in range(50):
        answer = answered("a", "ann", "slow", annotation=f"a{number}")
        sheet = told(told(sheet, answer, START), taken_back(answer), START)

    assert sheet == Sheet()


def test_guideline_versions_are_told_apart() -> None:
    shop = Shop()

    shop.tell(answered("a", "ann", "slow"), answered("a", "bob", "slow"))
    shop.tell(*(answered("b", name, label, version=2) for name, label in (("ann", "slow"), ("bob", "fine"))))

    assert shop.figures(1)["agreement.raw"] == 1
    assert shop.figures(2)["agreement.raw"] == 0


def test_the_first_people_of_a_crowd_count() -> None:
    sheet = Sheet()
    for number in range(40):
        answer = answered("a", f"ann{number}", f"label{number}", at=START + timedelta(seconds=40 - number))
        sheet = told(sheet, answer, START)

    total = difference(Sheet(), sheet)

    of_all = {one: count for one, count in total.items() if not one.name.startswith("of/")}
    assert sum(of_all.values()) == MOST_COUNTED * WHOLE // 2
    counted = {part for one, count in of_all.items() if count for part in one.name.split("/")[1:]}
    assert counted == {f"label{number}" for number in range(23, 40)}


ANSWERS = st.builds(
    answered,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["ann", "bob", "eve", "joe", "kim"]),
    st.sampled_from(LABELS),
    annotation=st.uuids().map(str),
    version=st.integers(1, 2),
    kind=st.sampled_from(["crowd", "expert", "rule"]),
    gold=st.sampled_from([None, None, "slow"]),
    at=st.integers(0, 5).map(lambda seconds: START + timedelta(seconds=seconds)),
)


@given(answers=st.lists(ANSWERS, max_size=25), data=st.data())
def test_the_figures_are_those_of_the_answers_that_stand(
    answers: list[AnnotationRecorded], data: st.DataObject
) -> None:
    undone = data.draw(st.sets(st.sampled_from(answers).map(lambda answer: answer.annotation))) if answers else set()
    payloads = [*answers, *(taken_back(answer) for answer in answers if answer.annotation in undone)]
    shop = Shop()
    events = [shop.event(payload) for payload in data.draw(st.permutations(payloads))]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=4)))

    for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
        middle = (start + end) // 2
        shop.interleave(events[start:middle], events[middle:end])

    for version in (1, 2):
        standing = [answer for answer in answers if answer.annotation not in undone]
        wanted = _recomputed(standing, version)
        figures = {name: value for name, value in shop.figures(version).items() if name.startswith("agreement")}
        assert figures == {name: pytest.approx(value, abs=1e-9) for name, value in wanted.items()}


def _recomputed(answers: list[AnnotationRecorded], version: int) -> dict[str, float]:
    latest: dict[tuple[str, str], AnnotationRecorded] = {}
    for answer in sorted(answers, key=lambda one: (one.answered_at, one.annotation)):
        if answer.gold_label is None and answer.source_kind != "rule":
            latest[answer.item, answer.annotator] = answer
    counts: dict[str, Counter[str]] = {}
    for (item, _), answer in latest.items():
        if answer.guideline_version == version:
            counts.setdefault(item, Counter())[answer.label] += 1
    matrix = coincidences([[count[label] for label in LABELS] for count in counts.values()] or np.zeros((1, 3)))
    figures = {"agreement.raw": raw_agreement(matrix), "agreement.alpha": krippendorff_alpha(matrix)}
    told_of = {name: value for name, value in figures.items() if value is not None}
    return {"agreement_answers": float(matrix.sum())} | told_of
