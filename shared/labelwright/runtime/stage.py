"""A stage's loop over one partition: read, load, decide, commit; and everything that can go wrong in between.

FastStream runs it: `read_once` takes the place of a subscriber's own read. What it may rely on and how it was measured
stands in docs/decisions/0002-one-function-commits-a-batch.md.
"""

import asyncio
import random
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from redis.exceptions import RedisError, ResponseError

from labelwright import metrics, topology
from labelwright.contracts.envelope import Event, encode
from labelwright.contracts.payload import Payload
from labelwright.contracts.quality import TickStruck
from labelwright.engine.decisions import Commit, Reject
from labelwright.errors import BreakerOpen, ContractError
from labelwright.logs import logger
from labelwright.runtime.breaker import Breaker
from labelwright.runtime.dead import epitaph
from labelwright.runtime.inbox import Claimed, Found, Inbox, Work
from labelwright.runtime.partition import Partition
from labelwright.runtime.plan import Cause, Entry, calls, decided
from labelwright.runtime.server import kind_of
from labelwright.runtime.service import Service
from labelwright.settings import LabelwrightSettings

MOST_TRIES: Final = 20  # of one decision whose guards fail, before its entry is left for the next read
LEAST_DELAY_S, MOST_DELAY_S = 0.1, 5.0
GAUGES_EVERY_S: Final = 5.0


class Stage:
    """One service on one partition, as one consumer of its group."""

    def __init__(self, service: Service, partition: Partition, settings: LabelwrightSettings) -> None:
        self.service = service
        self.partition = partition
        self.fault: BaseException | None = None
        self.is_ready = False
        self.beat_s = time.monotonic()
        self._settings = settings
        self._inbox = Inbox(service.name, partition, settings)
        self._ticks = topology.SERVICES[service.name].ticks
        self._breaker = Breaker()
        self._delay_s = 0.0
        self._claim_at = time.monotonic() + random.uniform(0, settings.claim_after_s / 2)  # noqa: S311  # jitter
        self._tick_at = self._gauges_at = 0.0
        self._stopping = False
        self._turning = asyncio.Lock()
        self._log = logger().bind(service=service.name, partition=partition.name)

    @property
    def consumer(self) -> str:
        """Its name in the group."""
        return self._inbox.consumer

    async def start(self) -> None:
        """Create the groups from the stream's beginning, so that nothing published before is missed."""
        await self.partition.ensure_groups(self.service.name)
        for rare in (metrics.groups_recreated, metrics.entries_vanished, metrics.breaker_open):
            rare.labels(self.service.name)  # at 0 from now on, so that an alert sees its first rise
        self.is_ready = True

    async def read_once(self, *_: Any) -> None:
        """Read one batch and handle it. Raises nothing but cancellation: what is fatal is kept in `fault`."""
        self.beat_s = time.monotonic()
        metrics.last_beat.labels(self.service.name).set(time.time())
        if (task := asyncio.current_task()) and task.cancelling():
            raise asyncio.CancelledError  # Python 3.11's wait_for swallows one that comes while redis-py sends
        if self.fault or self._stopping:
            await asyncio.sleep(0.05)
            return
        try:
            async with self._turning:
                await self._turn()
            self._delay_s, self.is_ready = 0.0, True
        except asyncio.CancelledError:
            self._inbox.cancel_ahead()
            raise
        except (BreakerOpen, MemoryError) as error:
            self.fault, self.is_ready = error, False
            metrics.breaker_open.labels(self.service.name).set(isinstance(error, BreakerOpen))
            self._log.error("stage.stopped", reason=str(error) or "out of memory")
        except (RedisError, OSError) as error:
            await self._wait_out(error)
        except Exception as error:
            self.fault, self.is_ready = error, False
            self._log.exception("stage.crashed")

    async def stop(self) -> None:
        """Hand back what is still ours, so that others take it at once, and leave the group.

        The turn that goes on is ended first, within a read's second at the most: its read may still be answered.
        """
        self._stopping = True
        async with self._turning:
            await self._inbox.leave()

    async def gauges(self) -> None:
        """Export how far the service is behind, and the figures of its state."""
        samples = await self._inbox.standing()
        if self.service.gauges:
            samples += await self.service.gauges(await self.partition.reads())
        metrics.state.put(f"{self.service.name} {self.partition.name}", samples)

    async def _turn(self) -> None:
        now = time.monotonic()
        if self._ticks and now >= self._tick_at:
            await self._strike()
            self._tick_at = now + random.uniform(0.3, 0.5) * min(p.total_seconds() for p in self._ticks.values())  # noqa: S311
        if now >= self._gauges_at:
            await self.gauges()
            self._gauges_at = now + GAUGES_EVERY_S
        if now >= self._claim_at:
            self._claim_at = now + random.uniform(0.25, 0.5) * self._settings.claim_after_s  # noqa: S311
            await self._claim()
        found = await self._inbox.next()
        for start in range(0, len(found), self._settings.batch):
            if self._stopping:
                return
            await self._handle(found[start : start + self._settings.batch])

    async def _claim(self) -> None:
        """Handle what silent consumers left; what was delivered too often is given up."""
        async for claimed in self._inbox.silent():
            most = self._settings.deliveries
            hopeful = [one for one in claimed.found if claimed.deliveries.get(one.entry.id, 1) <= most]
            if hopeful:
                await self._handle(hopeful)
            for one in claimed.found:
                if one not in hopeful:
                    often = claimed.deliveries[one.entry.id]
                    event = one.event if isinstance(one, Work) else None
                    await self._fail(one.entry, event, f"delivered {often} times without an answer", limit=1)
            await self._forgive(claimed)
            if self._stopping:
                return

    async def _forgive(self, claimed: Claimed) -> None:
        """Forget the failures of entries that found their decision at last."""
        key = self.partition.key
        settled = [one.entry for one in claimed.found if not self._inbox.is_parked(one.entry)]
        if settled:
            fields = [f"{key(entry.stream)} {entry.id.decode()}" for entry in settled]
            await self.partition.client.hdel(key(f"{self.service.name}.attempts"), *fields)

    async def _handle(self, found: Sequence[Found]) -> None:
        self.beat_s = time.monotonic()
        began = time.perf_counter()
        tally: Counter[str] = Counter()
        reads = await self.partition.reads()
        work, passed, refused = [], [], []
        for one in found:
            if isinstance(one, Work) and self._is_mine(one):
                work.append(one)
            elif isinstance(one, Work):
                passed.append(decided(one.entry, Cause(self.service.name, one.event, reads.now), Commit()))
            elif isinstance(one.error, ContractError):
                entry, error = one.entry, one.error
                nobody: Event[Payload] = Event(entry.id.decode(), f"/{entry.stream}", "-", reads.now, Payload())
                cause = Cause(self.service.name, nobody, reads.now)
                refused.append(decided(entry, cause, Reject(error.code, error.reason)))
                metrics.rejections.labels(self.service.name, error.code).inc()
            else:
                await self._blame(one.entry, None, one.error, tally)
        for outcome, batch in (("committed", passed), ("rejected", refused)):
            for call in calls(self.partition.prefix, batch):
                tally[outcome] += (await self._commit(call)).count(1)
        if work:
            await self._settle(work, tally)
        first, last = found[0].entry, found[-1].entry
        for outcome, number in tally.items():
            metrics.events.labels(self.service.name, first.stream, outcome).inc(number)
        newest = time.time() - int(last.id.partition(b"-")[0]) / 1_000
        metrics.event_age_seconds.labels(self.service.name).observe(max(0.0, newest))
        self._log.info(
            "batch.committed",
            stream=first.stream,
            entries=len(found),
            oldest_s=round(time.time() - int(first.id.partition(b"-")[0]) / 1_000, 3),
            duration_s=round(time.perf_counter() - began, 4),
            **tally,
        )

    def _is_mine(self, one: Work) -> bool:
        """Whether an event isn't for another reader of its stream alone, as a replayed dead letter is."""
        stream = topology.STREAMS.get(one.entry.stream)
        others = set(stream.readers) - {self.service.name} if stream else set()
        return one.event.audience not in others

    async def _settle(self, work: list[Work], tally: Counter[str]) -> None:
        """Decide and commit until every entry has its answer; what conflicts for too long waits for the next claim."""
        for attempt in range(1, MOST_TRIES + 1):
            try:
                answers = await self._attempt(work, tally)
            except Exception as error:
                if _is_no_bug(error):
                    raise
                await self._bisect(work, error, tally)
                return
            again = [one for one, answer in zip(work, answers, strict=True) if answer < 0]
            self._breaker.note_answered(len(work) - len(again))
            tally["gone"] += answers.count(0)
            if not again:
                return
            work = again
            metrics.conflicts.labels(self.service.name).inc(len(work))
            await asyncio.sleep(random.uniform(0, 0.002) * attempt)  # noqa: S311  # jitter
        self._inbox.park(one.entry for one in work)
        tally["again"] += len(work)

    async def _attempt(self, work: list[Work], tally: Counter[str]) -> list[int]:
        name, events = self.service.name, [one.event for one in work]
        started = time.perf_counter()
        reads = await self.partition.reads()
        state = await self.service.load(events, reads)
        loaded = time.perf_counter()
        decisions = list(self.service.decide(events, state))
        if len(decisions) != len(events):
            raise RuntimeError(f"{name} made {len(decisions)} decisions about {len(events)} events; make one each")
        batch = [
            decided(one.entry, Cause(name, one.event, reads.now), decision)
            for one, decision in zip(work, decisions, strict=True)
        ]
        planned = time.perf_counter()
        answers: list[int] = []
        for call in calls(self.partition.prefix, batch):
            # what was decided behind a refused decision may rely on it: that call would not know
            holds = all(answer == 1 for answer in answers)
            answers += await self._commit(call) if holds else [-1] * len(call.decided)
        for phase, seconds in (
            ("load", loaded - started),
            ("decide", planned - loaded),
            ("commit", time.perf_counter() - planned),
        ):
            metrics.batch_seconds.labels(name, phase).observe(seconds)
        done = [decision for decision, answer in zip(decisions, answers, strict=True) if answer == 1]
        rejects = [decision for decision in done if isinstance(decision, Reject)]
        for reject in rejects:
            metrics.rejections.labels(name, reject.code).inc()
        tally.update(committed=len(done) - len(rejects), rejected=len(rejects))
        return answers

    async def _commit(self, call: Any) -> list[int]:
        return await self.partition.commit(call, self.service.name, self.consumer)

    async def _bisect(self, work: list[Work], error: Exception, tally: Counter[str]) -> None:
        """Halve a batch that no decision could be made about; the guilty entry alone is counted as failed."""
        if len(work) > 1:
            middle = len(work) // 2
            await self._settle(work[:middle], tally)
            await self._settle(work[middle:], tally)
            return
        await self._blame(work[0].entry, work[0].event, error, tally)

    async def _blame(self, entry: Entry, event: Event[Payload] | None, error: Exception, tally: Counter[str]) -> None:
        # the traceback without its message: a message may repeat what a user wrote
        where = "".join(traceback.format_tb(error.__traceback__)[-3:])
        reason = f"{type(error).__name__} in {where}"[:4_000]
        gone = await self._fail(entry, event, reason, limit=self._settings.attempts)
        tally["dead" if gone else "failed"] += 1
        self._breaker.note_failed()

    async def _fail(self, entry: Entry, event: Event[Payload] | None, reason: str, *, limit: int) -> bool:
        """Count a failure; True if the entry went to `dead` by it."""
        self._inbox.park([entry])
        key = self.partition.key
        answer = await self.partition.function(
            "fail",
            [key(entry.stream), key(f"{self.service.name}.attempts"), key("dead"), key("changes")],
            [self.service.name, self.consumer, entry.id, str(limit), epitaph(self.service.name, entry, event, reason)],
        )
        self._log.warning(
            "entry.failed", stream=entry.stream, entry=entry.id.decode(), attempts=int(answer), reason=reason
        )
        return int(answer) == -1

    async def _strike(self) -> None:
        now = await self.partition.now()
        for name, period in self._ticks.items():
            period_ms = int(period.total_seconds() * 1_000)
            slot = int(now.timestamp() * 1_000 // period_ms)
            tick: Event[Payload] = Event(
                f"tick-{self.service.name}-{name}-{slot}",
                "/clock",
                "-",
                now,
                TickStruck(name=name, slot=slot, missed=0),
            )
            before, _, after = encode(tick).rpartition(b'"missed":0')
            keys = [self.partition.key(f"{self.service.name}.clock"), self.partition.key(f"ticks.{self.service.name}")]
            await self.partition.function("tick", keys, [name, str(period_ms), str(slot), before + b'"missed":', after])

    async def _wait_out(self, error: Exception) -> None:
        """Back off, 0.1 s doubling to 5 s with jitter; afterwards read first what we may hold without knowing."""
        self.is_ready = False
        self._inbox.doubt()
        self._delay_s = min(MOST_DELAY_S, max(LEAST_DELAY_S, self._delay_s * 2))
        delay_s = self._delay_s * random.uniform(0.5, 1.5)  # noqa: S311  # jitter
        metrics.refusals.labels(self.service.name, kind_of(error)).inc()
        self._log.warning("server.refused", kind=kind_of(error), delay_s=round(delay_s, 2))
        for _ in range(int(delay_s / 0.05) + 1):
            if self._stopping:
                return
            await asyncio.sleep(0.05)


def _is_no_bug(error: Exception) -> bool:
    """Whether it will pass: the server refuses for now, or memory is short. A key of the wrong type stays wrong."""
    is_for_ever = isinstance(error, ResponseError) and "WRONGTYPE" in str(error)
    return isinstance(error, (RedisError, OSError, MemoryError)) and not is_for_ever
