"""The breaker in front of `dead`: it stops a service, lest a bad release drain everything into it."""

from collections import deque
from typing import Final

from labelwright.errors import BreakerOpen

WINDOW: Final = 1_000
MOST_SHARE: Final = 0.05
MOST_IN_A_ROW: Final = 100


class Breaker:
    """Opens when failures look like a bad release rather than like bad entries (arroyo's DLQ limits)."""

    def __init__(self) -> None:
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._row = 0

    def note_answered(self, entries: int) -> None:
        """Count entries that found their answer."""
        if entries:
            self._recent.extend([False] * entries)
            self._row = 0

    def note_failed(self) -> None:
        """Count an entry that no decision could be made about. Raises BreakerOpen."""
        self._recent.append(True)
        self._row += 1
        full = len(self._recent) == WINDOW
        if self._row > MOST_IN_A_ROW or (full and sum(self._recent) > MOST_SHARE * WINDOW):
            raise BreakerOpen(
                f"{sum(self._recent)} of the last {len(self._recent)} entries failed, {self._row} in a row; roll the "
                "release back or fix it, then start again: what failed is still pending or in `labelwright dead list`"
            )
