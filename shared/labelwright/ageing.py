"""Rank what waits so that the urgent goes first and nothing waits for ever."""

import math
from datetime import datetime, timedelta
from typing import Final

from labelwright.engine.tables import milliseconds

A_DOUBLING: Final = timedelta(hours=12)
"""How much earlier something counts as having come for each doubling of its priority."""


def rank(priority: float, since: datetime) -> float:
    """Return the score to rank by, least first: milliseconds since 1970, 12 hours less for each doubling of `priority`.

    Waiting needs no new scores, for it favours all alike. With priorities from 1 to 64, whatever comes more than
    6 x 12 hours later never goes first: a wait is longer than first come, first served would make it by what arrives in
    three days at most. A higher priority only ever lowers the score. `priority` must be above 0.
    """
    return milliseconds(since) - math.log2(priority) * A_DOUBLING / timedelta(milliseconds=1)
