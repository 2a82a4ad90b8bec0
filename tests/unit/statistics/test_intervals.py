"""An interval for a share keeps its confidence, however few the trials."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.errors import ContractError
from labelwright.statistics.intervals import share_interval

TRIALS = st.integers(1, 60)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 10, 0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1),
        (81, 263, 0.2527, 0.3676),
    ],
)
def test_the_bounds_are_those_of_the_published_tables(successes: int, trials: int, low: float, high: float) -> None:
    assert share_interval(successes, trials) == pytest.approx((low, high), abs=0.0001)


@pytest.mark.parametrize(("errors", "trials"), [(0, 59), (1, 93), (2, 124)])
def test_certifying_95_percent_takes_so_many_gold_items(errors: int, trials: int) -> None:
    enough, _ = share_interval(trials - errors, trials, confidence=0.9)
    one_short, _ = share_interval(trials - errors - 1, trials - 1, confidence=0.9)

    assert one_short < 0.95 <= enough


def test_nothing_is_known_without_trials() -> None:
    assert share_interval(0, 0) == (0, 1)


def test_many_trials_do_not_underflow() -> None:
    low, high = share_interval(19_000, 20_000)

    assert 0.945 < low < 0.95 < high < 0.955


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2)])
def test_more_successes_than_trials_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(ContractError, match=f"{successes} successes must be from 0 to the {trials} trials"):
        share_interval(successes, trials)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95])
def test_a_confidence_that_is_no_probability_is_refused(confidence: float) -> None:
    with pytest.raises(ContractError, match=f"confidence {confidence!r} must be above 0 and below 1"):
        share_interval(1, 2, confidence)


@given(TRIALS, st.data(), st.floats(0.01, 0.98))
def test_the_interval_holds_the_share_that_was_seen_and_mirrors_that_of_the_failures(
    trials: int, data: st.DataObject, confidence: float
) -> None:
    successes = data.draw(st.integers(0, trials))

    low, high = share_interval(successes, trials, confidence)
    mirrored = share_interval(trials - successes, trials, confidence)

    assert 0 <= low <= successes / trials <= high <= 1
    assert mirrored == pytest.approx((1 - high, 1 - low))


@given(st.integers(1, 25), st.floats(0.01, 0.99), st.sampled_from([0.5, 0.8, 0.95]))
def test_the_interval_holds_the_true_share_as_often_as_it_claims(trials: int, share: float, confidence: float) -> None:
    held = 0.0
    for successes in range(trials + 1):
        low, high = share_interval(successes, trials, confidence)
        if low <= share <= high:
            held += comb(trials, successes) * share**successes * (1 - share) ** (trials - successes)

    assert held >= confidence - 1e-9
