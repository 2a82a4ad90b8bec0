"""Rank what waits so that the urgent goes first and nothing waits for ever."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from labelwright.engine.tables import milliseconds

ORDINARY: Final = 1.0
HIGHEST: Final = 64.0
"""Priorities lie between these two: that is what bounds every wait."""

LOWEST: Final = 1 / 64
"""The least priority of what a flood brought: of one voice that opens item after item on one day."""

PINNED: Final = 128.0
"""The priority of what an owner pinned: it goes before all that isn't."""

A_DOUBLING: Final = timedelta(hours=12)
"""How much earlier something counts as having come for each doubling of its priority."""

_A_PIN: Final = timedelta(days=36_525)


def rank(priority: float, since: datetime, doubling: timedelta = A_DOUBLING) -> float:
    """Return the score to rank by, least first: milliseconds since 1970, 12 hours less for each doubling of `priority`.

    Waiting needs no new scores, for it favours all alike. A priority counts within 1 and 64, so nothing is ever
    overtaken by what comes more than `longest_overtaking` of its own priority later, 6 x 12 hours at most: **whatever
    comes, a wait is longer than first come, first served would make it by the work that arrives in those three days at
    most.** (What a flood brought counts down to 1/64, and is overtaken by six days' work at most.) That stays so when a
    priority is raised, for what is raised still counts from when it came. (If more arrives for ever than is served, no
    order bounds a wait; this one is behind by no more than that work.)

    What is pinned (`PINNED`) goes before all that isn't, the earliest first; it is the one exception to the bound, and
    each pin is an owner's own act. `doubling` is a dial: 0 is first come, first served; the longer, the stricter.
    """
    if priority >= PINNED:
        return float(milliseconds(since - _A_PIN))
    return milliseconds(since) - math.log2(clipped(priority)) * doubling / timedelta(milliseconds=1)


def product(factors: Mapping[str, float]) -> float:
    """Return the priority that factors make: their product within 1 and 64, and less by the factor `crowd` alone."""
    crowd = factors.get("crowd", 1.0)
    urgency = math.prod(factor for name, factor in factors.items() if name != "crowd")
    return clipped(min(max(urgency, ORDINARY), HIGHEST) * crowd)


def clipped(priority: float) -> float:
    """Return the priority, or the nearer bound of it."""
    return min(max(priority, LOWEST), HIGHEST)


def head_start(priority: float) -> timedelta:
    """Return how much earlier than it came something ranks."""
    return math.log2(clipped(priority)) * A_DOUBLING


def longest_overtaking(priority: float) -> timedelta:
    """Return how long after something came what comes may still go before it, however urgent that is; pins aside."""
    return head_start(HIGHEST) - head_start(priority)


def uncertainty(distribution: Mapping[str, float]) -> float:
    """Return from 1, where a belief is sure, to 2, where each of its labels is as likely: 1 + its entropy.

    The entropy is measured against the most that so many labels can have. Nothing believed yet counts as unsure.
    """
    if len(distribution) < 2:
        return 2.0
    entropy = -sum(share * math.log(share) for share in distribution.values() if share > 0)
    return 1 + min(max(entropy / math.log(len(distribution)), 0.0), 1.0)


def while_unsure(priority: float, distribution: Mapping[str, float]) -> float:
    """Return the priority of asking about an item of which so much is believed; a pin stays a pin."""
    return priority if priority >= PINNED else clipped(priority * uncertainty(distribution))
