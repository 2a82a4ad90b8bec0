"""Deliver batch after batch, patiently, on a thread of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from labelwright.sdk.gateway import Answer, Gateway, Verdict, backoff_s, judge
from labelwright.sdk.tally import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from labelwright.sdk.buffer import Buffer, Waiting
    from labelwright.sdk.dsn import Dsn
    from labelwright.sdk.limits import Limits
    from labelwright.sdk.spool import Spool
    from labelwright.sdk.tally import Reason, Tally


class Sender:
    """Takes from the buffer, and from the spool when the gateway is there, until the buffer is closed.

    Whatever goes wrong, it goes on: what it can't deliver goes to `set_aside`, with the reason and a sentence.
    """

    def __init__(
        self,
        dsn: Dsn,
        *,
        buffer: Buffer,
        spool: Spool | None,
        tally: Tally,
        limits: Limits,
        set_aside: Callable[[list[Waiting], Reason, str], None],
    ) -> None:
        self._gateway = Gateway(dsn, limits)
        self._buffer = buffer
        self._spool = spool
        self._tally = tally
        self._limits = limits
        self._set_aside = set_aside
        self._stopping = threading.Event()
        self._is_out = False

    def run(self) -> None:
        """Send what an earlier process left behind, then whatever comes. Returns once the buffer is closed."""
        self._guarded(self._replay)
        while batch := self._buffer.take():
            self._guarded(lambda batch=batch: self._deliver(batch))  # type: ignore[misc]
        self._gateway.close()

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._stopping.set()

    def forget(self) -> None:
        """Let go of the connection in the child of a fork."""
        self._gateway.forget()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # a thread that dies would lose everything after it, silently
            log.debug("the sender met a bug", exc_info=True)
            self._tally.lose("internal", f"the sender met a bug: {error!r}", len(self._buffer.claim()))
            self._buffer.settle([])

    def _deliver(self, batch: list[Waiting]) -> None:
        """Try until every event is settled, or for as many times as the limits say."""
        for failures in range(1, self._limits.tries + 1):
            answer, batch = self._try(batch)
            if not self._buffer.settle(batch):
                return  # closed meanwhile: what was unsettled is in its closer's hands
            if not batch:
                self._replay()
                return
            if failures == self._limits.tries:
                # Before it is settled, so that whoever waits in `flush` finds it spooled or counted.
                self._set_aside(self._buffer.claim(), "gave_up", f"{failures} tries failed; the last: {answer.fault}")
                self._buffer.settle([])
            self._stopping.wait(backoff_s(failures, answer.retry_after_s, self._limits))

    def _replay(self) -> None:
        """Send what is spooled for as long as the gateway takes it and nothing newer is due; one try a batch."""
        while self._spool is not None and not self._stopping.is_set() and not self._buffer.is_due():
            batch = self._spool.peek()
            if not batch:
                return
            answer, again = self._try(batch)
            if len(again) == len(batch):
                self._stopping.wait(answer.retry_after_s)
                return
            if again:
                self._set_aside(again, "gave_up", "the gateway asked to send it again")
            self._spool.advance()

    def _try(self, batch: list[Waiting]) -> tuple[Answer, list[Waiting]]:
        """Send a batch once, count what became of it, and return the events to be sent again."""
        untold = self._tally.take_untold()
        answer = self._gateway.post(batch, untold)
        if not answer.is_success:
            self._tally.give_back(untold)
        self._notice(answer)
        verdict = judge(answer, batch)
        self._count(verdict, answer)
        return answer, verdict.again

    def _count(self, verdict: Verdict, answer: Answer) -> None:
        self._tally.count("accepted", len(verdict.accepted))
        self._tally.count("duplicate", len(verdict.duplicate))
        self._tally.lose(
            "rejected", "the gateway rejected an event; see /v1/feedback/<id> there", len(verdict.rejected)
        )
        self._tally.lose("refused", f"the gateway answered {answer.fault!r}; check the DSN", len(verdict.refused))

    def _notice(self, answer: Answer) -> None:
        """Log that the gateway went away, or that it is back, once each."""
        if answer.is_passing and not self._is_out:
            log.warning("the gateway does not take feedback (%s); it waits and is sent again", answer.fault)
        elif self._is_out and not answer.is_passing:
            log.info("the gateway takes feedback again")
        self._is_out = answer.is_passing
