"""What waits to be sent, bounded, in batches."""

from __future__ import annotations

import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from labelwright.sdk.limits import Limits


class Waiting(NamedTuple):
    """An event that waits: its id and its JSON."""

    id: str
    body: bytes


class Buffer:
    """A queue that never makes its callers wait nor grows beyond its bounds: a newcomer that doesn't fit is refused.

    Many threads put; one takes a batch, sends it, and settles it before it takes the next.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # Condition's own lock is re-entrant: a signal handler may publish while its thread is in here.
        self._changed = threading.Condition()
        self._waiting: deque[Waiting] = deque()
        self._waiting_bytes = 0
        self._in_flight: list[Waiting] = []
        self._claimed = 0
        self._put = 0
        self._settled = 0
        self._hurry_to = 0
        self._due_at = 0.0
        self._is_closed = False

    def __len__(self) -> int:
        """Return how many events are not settled yet."""
        return self._put - self._settled

    @property
    def is_closed(self) -> bool:
        """Whether newcomers are refused for good."""
        return self._is_closed

    def put(self, event: Waiting) -> bool:
        """Add an event, or return False where it would break a bound or the buffer is closed."""
        size = len(event.body)
        with self._changed:
            if self._is_closed or not self._has_room(size):
                return False
            was_empty = not self._waiting
            if was_empty:
                self._due_at = monotonic() + self._limits.linger_s
            # A signal handler may put another at any call in here: so `was_empty` is from before, no sum has a call.
            self._waiting.append(event)
            self._waiting_bytes += size
            self._put += 1
            if was_empty or self._is_full():
                self._changed.notify_all()
            return True

    def take(self) -> list[Waiting]:
        """Wait for a batch that is due (full, old enough, or hurried by a flush) and return it; empty once closed."""
        with self._changed:
            while not self._is_closed and not self._is_due():
                self._changed.wait(self._due_at - monotonic() if self._waiting else None)
            if self._is_closed:
                return []
            self._in_flight = self._pop_batch()
            return list(self._in_flight)

    def settle(self, left: list[Waiting]) -> bool:
        """Note that of the batch taken last only `left` is unsettled; False if it was closed and is no longer ours."""
        with self._changed:
            if self._is_closed:
                return False
            self._settled += len(self._in_flight) + self._claimed - len(left)
            self._in_flight, self._claimed = left, 0
            self._changed.notify_all()
            return True

    def claim(self) -> list[Waiting]:
        """Take what is left of the batch out of a closer's reach, to be settled next; empty if a closer has it."""
        with self._changed:
            claimed, self._in_flight = self._in_flight, []
            self._claimed += len(claimed)
            return claimed

    def flush(self, timeout: float) -> bool:
        """Wait, at most `timeout` seconds, until all that was put before is settled, without lingering."""
        with self._changed:
            goal = self._hurry_to = self._put
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._settled >= goal, timeout)

    def close(self) -> list[Waiting]:
        """Refuse newcomers from now on, and hand over whatever is unsettled."""
        with self._changed:
            unsettled = [*self._in_flight, *self._waiting]
            self._waiting.clear()
            self._in_flight = []
            self._settled = self._put
            self._is_closed = True
            self._changed.notify_all()
            return unsettled

    def is_due(self) -> bool:
        """Say whether a batch is ready to go."""
        with self._changed:
            return self._is_due()

    def _has_room(self, size: int) -> bool:
        fits = self._waiting_bytes + size <= self._limits.most_bytes
        return fits and len(self._waiting) < self._limits.most_events

    def _is_full(self) -> bool:
        return len(self._waiting) >= self._limits.batch_events or self._waiting_bytes >= self._limits.batch_bytes

    def _is_due(self) -> bool:
        is_hurried = self._settled < self._hurry_to
        return bool(self._waiting) and (self._is_full() or is_hurried or monotonic() >= self._due_at)

    def _pop_batch(self) -> list[Waiting]:
        batch = [self._waiting.popleft()]
        room = self._limits.batch_bytes - len(batch[0].body)
        while self._waiting and len(batch) < self._limits.batch_events and len(self._waiting[0].body) <= room:
            batch.append(self._waiting.popleft())
            room -= len(batch[-1].body)
        self._waiting_bytes -= sum(len(event.body) for event in batch)
        return batch
