"""Agreement is Krippendorff's, to the digits of his own examples, and is kept up to date by adding and subtracting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.errors import ContractError
from labelwright.statistics.agreement import coincidences, krippendorff_alpha, raw_agreement

ALL_COUNTS = st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=1, max_size=12)


def counts(observers: list[str]) -> list[list[int]]:
    """Answer counts of each unit, from one string an observer; '.' is no answer."""
    values = sorted(set("".join(observers)) - {"."})
    return [[unit.count(value) for value in values] for unit in zip(*observers, strict=True)]


@pytest.mark.parametrize(
    ("observers", "alpha"),
    [
        (["0100000010", "1110010000"], 0.095),  # Krippendorff 2011, section A
        (["aabbdcccedda", "babbbccceddd"], 0.692),  # section B
        (["123321412...", "1233224125.3", ".3332342251.", "12332441251."], 0.743),  # section C
    ],
)
def test_alpha_is_that_of_krippendorffs_examples(observers: list[str], alpha: float) -> None:
    assert krippendorff_alpha(coincidences(counts(observers))) == pytest.approx(alpha, abs=0.0005)


def test_raw_agreement_is_the_share_of_units_on_which_two_observers_agree() -> None:
    matrix = coincidences(counts(["0100000010", "1110010000"]))

    assert raw_agreement(matrix) == pytest.approx(0.6)


def test_perfect_agreement_is_one() -> None:
    matrix = coincidences([[3, 0], [0, 2]])

    assert (krippendorff_alpha(matrix), raw_agreement(matrix)) == (1, 1)


def test_items_with_one_answer_say_nothing() -> None:
    matrix = coincidences([[1, 0], [0, 1], [0, 0]])

    assert (krippendorff_alpha(matrix), raw_agreement(matrix)) == (None, None)


def test_alpha_is_undefined_where_only_one_class_was_ever_answered() -> None:
    matrix = coincidences([[3, 0], [2, 0]])

    assert (krippendorff_alpha(matrix), raw_agreement(matrix)) == (None, 1)


def test_alpha_stays_undefined_after_the_only_disagreements_were_taken_back() -> None:
    some, more = coincidences([3, 7]), coincidences([2, 6])
    matrix = coincidences([9, 0]) + some + more - some - more
    assert np.count_nonzero(matrix) > 1  # rounding noise is left

    assert krippendorff_alpha(matrix) is None


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ContractError, match=r"answer count -1\.0 is negative"):
        coincidences([2, -1])


@given(ALL_COUNTS, ALL_COUNTS)
def test_adding_and_taking_back_items_is_counting_them_all(kept: list[list[int]], gone: list[list[int]]) -> None:
    running = np.zeros((3, 3))
    for item in [*kept, *gone]:
        running += coincidences(item)
    for item in gone:
        running -= coincidences(item)

    assert running == pytest.approx(coincidences(kept), abs=1e-9)


@given(ALL_COUNTS, st.permutations(range(3)))
def test_alpha_does_not_depend_on_the_order_of_items_or_classes(items: list[list[int]], order: list[int]) -> None:
    renumbered = [[item[n] for n in order] for item in reversed(items)]

    assert krippendorff_alpha(coincidences(renumbered)) == pytest.approx(krippendorff_alpha(coincidences(items)))


@given(ALL_COUNTS)
def test_alpha_is_at_most_raw_agreement(items: list[list[int]]) -> None:
    matrix = coincidences(items)
    alpha, raw = krippendorff_alpha(matrix), raw_agreement(matrix)

    assert alpha is None or (raw is not None and alpha <= raw + 1e-9)
