"""A stage's loop over one partition: read, load, decide, commit; and everything that can go wrong in between.

FastStream runs it: `read_once` takes the place of a subscriber's own read. What it may rely on and how it was measured
stands in docs/decisions/0002-one-function-commits-a-batch.md.
"""

import asyncio
import importlib
import os
import random
import socket
import time
import traceback
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from redis.exceptions import RedisError, ResponseError

from labelwright import metrics, topology
from labelwright.contracts.envelope import FIELD, Event, decode, encode
from labelwright.contracts.payload import Payload
from labelwright.contracts.quality import TickStruck
from labelwright.engine.decisions import Decision, Reject
from labelwright.errors import BreakerOpen, ContractError
from labelwright.logs import logger
from labelwright.metrics import Sample
from labelwright.runtime.partition import Partition
from labelwright.runtime.plan import Cause, Entry, calls, decided
from labelwright.runtime.server import kind_of
from labelwright.settings import LabelwrightSettings

MOST_TRIES: Final = 20  # of one decision whose guards fail, before its entry is left for the next read
SUSPICIOUS_DELIVERIES: Final = 2  # above this an entry may be what kills processes: it is decided alone
LEAST_DELAY_S, MOST_DELAY_S = 0.1, 5.0
GAUGES_EVERY_S: Final = 5.0
BREAKER_WINDOW, BREAKER_SHARE, BREAKER_ROW = 1_000, 0.05, 100

_numbers = count()


@dataclass(frozen=True, slots=True)
class Service:
    """What a service's folder holds: how it loads and decides, and which figures of its state it exports."""

    name: str
    load: Callable[[Sequence[Event[Payload]], Any], Awaitable[Any]]
    decide: Callable[[Sequence[Event[Payload]], Any], Iterable[Decision]]
    gauges: Callable[[Any], Awaitable[Iterable[Sample]]] | None = None

    @classmethod
    def named(cls, name: str) -> "Service":
        """Import a service by its name; only what runs is imported."""
        state = importlib.import_module(f"services.{name}.state")
        decide = importlib.import_module(f"services.{name}.decide")
        return cls(name, state.load, decide.decide, getattr(state, "gauges", None))


@dataclass(frozen=True, slots=True)
class _Work:
    """An entry in hand, and what it says."""

    entry: Entry
    event: Event[Payload]


class Breaker:
    """Opens when failures look like a bad release rather than like bad entries (arroyo's DLQ limits)."""

    def __init__(self) -> None:
        self._recent: deque[bool] = deque(maxlen=BREAKER_WINDOW)
        self._row = 0

    def note(self, failed: bool) -> None:
        """Count one entry's outcome. Raises BreakerOpen."""
        self._recent.append(failed)
        self._row = self._row + 1 if failed else 0
        full = len(self._recent) == BREAKER_WINDOW
        if self._row > BREAKER_ROW or (full and failed and sum(self._recent) > BREAKER_SHARE * BREAKER_WINDOW):
            raise BreakerOpen(
                f"{sum(self._recent)} of the last {len(self._recent)} entries failed, {self._row} in a row; roll the "
                "release back or fix it, then start again: what failed is still pending or in `labelwright dead list`"
            )


class Stage:
    """One service on one partition, as one consumer of its group."""

    def __init__(self, service: Service, partition: Partition, settings: LabelwrightSettings) -> None:
        self.service = service
        self.partition = partition
        self.consumer = f"{socket.gethostname()[:40]}-{os.getpid()}-{next(_numbers)}-{os.urandom(3).hex()}"
        self.fault: BaseException | None = None
        self.is_ready = False
        self.beat_s = time.monotonic()
        self._settings = settings
        self._inputs = topology.inputs(service.name)
        self._ticks = topology.SERVICES[service.name].ticks
        self._breaker = Breaker()
        self._delay_s = 0.0
        self._in_doubt = False
        self._parked: set[tuple[str, bytes]] = set()
        self._claim_at = time.monotonic() + random.uniform(0, settings.claim_after_s / 2)  # noqa: S311  # jitter
        self._tick_at = self._gauges_at = 0.0
        self._stopping = False
        self._log = logger().bind(service=service.name, partition=partition.name)

    async def start(self) -> None:
        """Create the groups from the stream's beginning, so that nothing published before is missed."""
        await self.partition.ensure_groups(self.service.name)
        self.is_ready = True

    async def read_once(self, *_: Any) -> None:
        """Read one batch and handle it. Raises nothing but cancellation: what is fatal is kept in `fault`."""
        self.beat_s = time.monotonic()
        metrics.last_beat.labels(self.service.name).set(time.time())
        if self.fault or self._stopping:
            await asyncio.sleep(0.05)
            return
        try:
            await self._turn()
            self._delay_s, self.is_ready = 0.0, True
        except asyncio.CancelledError:
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
        """Hand back what is still ours, so that others take it at once, and leave the group."""
        self._stopping = True
        for stream in self._inputs:
            await self._hand_back(stream)
        keys = [self.partition.key(stream) for stream in self._inputs]
        await self.partition.function("leave", keys, [self.service.name, self.consumer])

    async def gauges(self) -> None:
        """Export the figures of the service's state."""
        if self.service.gauges:
            samples = await self.service.gauges(await self.partition.reads())
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
        entries = await self._read()
        for start in range(0, len(entries), self._settings.batch):
            await self._handle(entries[start : start + self._settings.batch])

    async def _read(self) -> list[Entry]:
        in_doubt, self._in_doubt = self._in_doubt, False
        block_ms = 250 if self._ticks else 1_000
        try:
            answer = await self.partition.client.xreadgroup(
                self.service.name,
                self.consumer,
                {self.partition.key(stream): "0" if in_doubt else ">" for stream in self._inputs},
                count=self._settings.batch,
                block=None if in_doubt else block_ms,
            )
        except ResponseError as error:
            self._in_doubt = in_doubt
            if "NOGROUP" not in str(error):
                raise
            metrics.groups_recreated.labels(self.service.name).inc()
            self._log.error("group.recreated", reason="the group was gone; data was lost or flushed")
            await self.partition.ensure_groups(self.service.name)
            return []
        pairs = answer.items() if isinstance(answer, dict) else answer or ()
        entries = [entry for key, found in pairs for entry in self._entries(key, found)]
        if in_doubt:
            entries = [entry for entry in entries if (entry.stream, entry.id) not in self._parked]
            self._in_doubt = len(entries) >= self._settings.batch
        return sorted(entries, key=_order)

    def _entries(self, key: bytes, found: Any) -> list[Entry]:
        # RESP3 wraps a stream's entries in one more list; an entry that was deleted has no fields
        rows = found[0] if len(found) == 1 and isinstance(found[0], list) else found
        stream = key.decode().partition(":")[2]
        return [Entry(stream, row[0], (row[1] or {}).get(FIELD)) for row in rows]

    async def _claim(self) -> None:
        idle_ms = int(self._settings.claim_after_s * 1_000)
        for stream in self._inputs:
            key, cursor = self.partition.key(stream), b"0-0"
            while True:
                cursor, rows, gone = await self.partition.client.xautoclaim(
                    key, self.service.name, self.consumer, idle_ms, cursor, count=self._settings.batch
                )
                if gone:
                    metrics.entries_vanished.labels(self.service.name).inc(len(gone))
                    self._log.error("entries.vanished", stream=stream, gone=len(gone))
                entries = [Entry(stream, row[0], row[1].get(FIELD)) for row in rows]
                if entries:
                    await self._take_over(key, entries)
                if cursor in (b"0-0", "0-0") or self._stopping:
                    break
            await self._bury_consumers(key)

    async def _take_over(self, key: str, entries: list[Entry]) -> None:
        """Handle claimed entries; those that were delivered often may be what kills processes, so each goes alone."""
        self._parked.difference_update((entry.stream, entry.id) for entry in entries)
        pending = await self.partition.client.xpending_range(
            key, self.service.name, entries[0].id, entries[-1].id, len(entries) * 4, self.consumer
        )
        deliveries = {row["message_id"]: row["times_delivered"] for row in pending}
        calm = [entry for entry in entries if deliveries.get(entry.id, 0) <= SUSPICIOUS_DELIVERIES]
        self._log.info("entries.claimed", stream=entries[0].stream, claimed=len(entries))
        if calm:
            await self._handle(calm)
        for entry in entries:
            often = deliveries.get(entry.id, 0)
            if often > self._settings.deliveries:
                await self._fail(entry, None, f"delivered {often} times without an answer", limit=1)
            elif often > SUSPICIOUS_DELIVERIES:
                await self._handle([entry])

    async def _bury_consumers(self, key: str) -> None:
        """Delete consumers of the dead, once they own nothing; the server checks that in the same call."""
        day_ms = 24 * 3_600_000
        for one in await self.partition.client.xinfo_consumers(key, self.service.name):
            if one["pending"] == 0 and one["idle"] > day_ms:
                await self.partition.function("leave", [key], [self.service.name, one["name"]])

    async def _handle(self, entries: list[Entry]) -> None:
        began = time.perf_counter()
        tally: Counter[str] = Counter()
        reads = await self.partition.reads()
        work, foreign = [], []
        for entry in entries:
            try:
                work.append(_Work(entry, decode(entry.event)))
            except ContractError as error:
                nobody: Event[Payload] = Event(entry.id.decode(), f"/{entry.stream}", "-", reads.now, Payload())
                cause = Cause(self.service.name, nobody, reads.now)
                foreign.append(decided(entry, cause, Reject(error.code, error.reason)))
                metrics.rejections.labels(self.service.name, error.code).inc()
        for call in calls(self.partition.prefix, foreign):
            answers = await self._commit(call)
            tally["rejected"] += answers.count(1)
        if work:
            await self._settle(work, tally)
        for outcome, number in tally.items():
            metrics.events.labels(self.service.name, entries[0].stream, outcome).inc(number)
        newest = time.time() - int(entries[-1].id.partition(b"-")[0]) / 1_000
        metrics.event_age_seconds.labels(self.service.name).observe(max(0.0, newest))
        self._log.info(
            "batch.committed",
            stream=entries[0].stream,
            entries=len(entries),
            oldest_s=round(time.time() - int(entries[0].id.partition(b"-")[0]) / 1_000, 3),
            duration_s=round(time.perf_counter() - began, 4),
            **tally,
        )

    async def _settle(self, work: list[_Work], tally: Counter[str]) -> None:
        """Decide and commit until every entry has its answer; what conflicts for too long waits for the next claim."""
        for attempt in range(1, MOST_TRIES + 1):
            try:
                answers = await self._attempt(work, tally)
            except (RedisError, OSError, MemoryError, asyncio.CancelledError):
                raise
            except Exception as error:
                await self._bisect(work, error, tally)
                return
            again = []
            for one, answer in zip(work, answers, strict=True):
                if answer < 0:
                    again.append(one)
                else:
                    self._breaker.note(failed=False)
            tally["gone"] += answers.count(0)
            if not again:
                return
            work = again
            metrics.conflicts.labels(self.service.name).inc(len(work))
            await asyncio.sleep(random.uniform(0, 0.002) * attempt)  # noqa: S311  # jitter
        self._parked.update((one.entry.stream, one.entry.id) for one in work)
        tally["again"] += len(work)

    async def _attempt(self, work: list[_Work], tally: Counter[str]) -> list[int]:
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
        answers = [answer for call in calls(self.partition.prefix, batch) for answer in await self._commit(call)]
        for phase, seconds in (
            ("load", loaded - started),
            ("decide", planned - loaded),
            ("commit", time.perf_counter() - planned),
        ):
            metrics.batch_seconds.labels(name, phase).observe(seconds)
        for decision, answer in zip(decisions, answers, strict=True):
            if answer == 1:
                outcome = "rejected" if isinstance(decision, Reject) else "committed"
                tally[outcome] += 1
                if isinstance(decision, Reject):
                    metrics.rejections.labels(name, decision.code).inc()
        return answers

    async def _commit(self, call: Any) -> list[int]:
        return await self.partition.commit(call, self.service.name, self.consumer)

    async def _bisect(self, work: list[_Work], error: Exception, tally: Counter[str]) -> None:
        """Halve a batch that no decision could be made about; the guilty entry alone is counted as failed."""
        if len(work) > 1:
            middle = len(work) // 2
            await self._settle(work[:middle], tally)
            await self._settle(work[middle:], tally)
            return
        (one,) = work
        # the traceback without its message: a message may repeat what a user wrote
        where = "".join(traceback.format_tb(error.__traceback__)[-3:])
        reason = f"{type(error).__name__} in {where}"[:4_000]
        gone = await self._fail(one.entry, one.event, reason, limit=self._settings.attempts)
        tally["dead" if gone else "failed"] += 1
        self._breaker.note(failed=True)

    async def _fail(self, entry: Entry, event: Event[Payload] | None, reason: str, *, limit: int) -> bool:
        """Count a failure; True if the entry went to `dead` by it."""
        from labelwright.runtime.dead import epitaph

        self._parked.add((entry.stream, entry.id))
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

    async def _hand_back(self, stream: str) -> None:
        key, name = self.partition.key(stream), self.service.name
        long_ago_ms = int(self._settings.claim_after_s * 1_000) + 1_000
        pending = await self.partition.client.xpending_range(key, name, "-", "+", 10_000, self.consumer)
        if ids := [row["message_id"] for row in pending]:
            await self.partition.client.xclaim(key, name, self.consumer, 0, ids, idle=long_ago_ms, justid=True)
            self._log.info("entries.handed_back", stream=stream, entries=len(ids))

    async def _wait_out(self, error: Exception) -> None:
        """Back off, 0.1 s doubling to 5 s with jitter; afterwards read first what we may hold without knowing."""
        self.is_ready, self._in_doubt = False, True
        self._delay_s = min(MOST_DELAY_S, max(LEAST_DELAY_S, self._delay_s * 2))
        delay_s = self._delay_s * random.uniform(0.5, 1.5)  # noqa: S311  # jitter
        metrics.refusals.labels(self.service.name, kind_of(error)).inc()
        self._log.warning("server.refused", kind=kind_of(error), delay_s=round(delay_s, 2))
        for _ in range(int(delay_s / 0.05) + 1):
            if self._stopping:
                return
            await asyncio.sleep(0.05)


def _order(entry: Entry) -> tuple[int, int]:
    ms, _, number = entry.id.partition(b"-")
    return int(ms), int(number)
