"""Counts of what became of the feedback, so that nothing is lost without a number and a reason."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

    Reason = Literal[
        "queue_overflow",
        "too_large",
        "invalid",
        "before_send",
        "rejected",
        "refused",
        "gave_up",
        "spool_full",
        "spool_error",
        "spool_corrupt",
        "closed",
        "internal",
    ]
    Outcome = Literal["accepted", "duplicate", "spooled", "dropped", "sampled_out"]

log = logging.getLogger("labelwright")


class Tally:
    """Counts outcomes for `stats`, and losses by reason until the gateway has been told of them."""

    def __init__(self) -> None:
        # Re-entrant, since a signal handler or a finaliser may publish while its own thread is counting.
        self._lock = threading.RLock()
        self._outcomes: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()

    def count(self, outcome: Outcome, events: int = 1) -> None:
        """Add events that became what was meant for them."""
        with self._lock:
            self._outcomes[outcome] += events

    def lose(self, reason: Reason, sentence: str, events: int = 1) -> None:
        """Add events that are lost. The sentence, unless empty, is logged the first time that this reason is met."""
        if not events:
            return
        with self._lock:
            is_first = reason not in self._lost
            self._lost[reason] += events
            self._untold[reason] += events
        if sentence:
            log.log(logging.WARNING if is_first else logging.DEBUG, "feedback was lost (%s): %s", reason, sentence)

    def take_untold(self) -> dict[str, int]:
        """Return the losses that the gateway has not heard of; give them back if it doesn't hear."""
        with self._lock:
            untold, self._untold = self._untold, Counter()
            return dict(untold)

    def give_back(self, untold: dict[str, int]) -> None:
        """Keep losses to be told with a later request."""
        with self._lock:
            self._untold.update(untold)

    def outcomes(self) -> dict[str, int]:
        """Return how many events were accepted, duplicate, spooled, dropped and sampled out so far."""
        with self._lock:
            return dict(self._outcomes)

    def lost(self) -> dict[str, int]:
        """Return how many events were lost so far, by reason."""
        with self._lock:
            return dict(self._lost)
