"""How sure one may be of a share that was seen in a few trials."""

from collections.abc import Callable

import numpy as np

from labelwright.errors import ContractError

_HALVINGS = 60  # to the last bit of a probability


def share_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return bounds (low, high) that hold the true share with at least `confidence`; (0, 1) without trials.

    Clopper & Pearson (1934): exact, thus never narrower than promised, also near 0 and 1 and with few trials, where a
    certificate needs it and where Wilson's interval (right on average) undercovers. Each bound alone holds with
    (1 + confidence) / 2. Raises ContractError if successes aren't between 0 and trials or confidence not within (0, 1).
    Costs time linear in `trials`: about 0.15 s for 100,000.
    """
    if not 0 <= successes <= trials:
        raise ContractError("not_a_share", f"{successes!r} successes must be from 0 to the {trials!r} trials")
    if not 0 < confidence < 1:
        raise ContractError("not_a_confidence", f"confidence {confidence!r} must be above 0 and below 1, such as 0.95")
    tail = (1 - confidence) / 2
    low = _crossing(lambda share: _at_most(trials - successes, trials, 1 - share), tail) if successes else 0.0
    high = 1 - _crossing(lambda share: _at_most(successes, trials, 1 - share), tail) if successes < trials else 1.0
    return low, high


def _crossing(rising: Callable[[float], float], level: float) -> float:
    """Where a function that rises on (0, 1) reaches a level, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < level else (low, middle)
    return (low + high) / 2


def _at_most(successes: int, trials: int, share: float) -> float:
    """The probability of at most so many successes; in logs, because the powers underflow."""
    log_factorial = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, trials + 1)))))
    seen = np.arange(successes + 1)
    log_ways = log_factorial[trials] - log_factorial[seen] - log_factorial[trials - seen]
    return float(np.exp(log_ways + seen * np.log(share) + (trials - seen) * np.log1p(-share)).sum())
