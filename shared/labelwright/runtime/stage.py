"""A stage's loop over one partition: read, load, decide, commit; and everything that can go wrong in between.

FastStream runs it: `read_once` takes the place of a subscriber's own read. What it may rely on and how it was measured
stands in docs/decisions/0002-one-function-commits-a-batch.md.
"""

import asyncio
import importlib
import importlib.util
import os
import random
import socket
import time
import traceback
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any, Final

from redis.exceptions import RedisError, ResponseError

from labelwright import metrics, topology
from labelwright.contracts.envelope import FIELD, Event, decode, encode
from labelwright.contracts.payload import Payload
from labelwright.contracts.quality import TickStruck
from labelwright.engine.decisions import Commit, Decision, Reject
from labelwright.errors import BreakerOpen, ContractError
from labelwright.logs import logger
from labelwright.metrics import Sample
from labelwright.runtime.partition import Partition
from labelwright.runtime.plan import Cause, Entry, calls, decided
from labelwright.runtime.server import kind_of
from labelwright.settings import LabelwrightSettings

MOST_TRIES: Final = 20  # of one decision whose guards fail, before its entry is left for the next read
SUSPICIOUS_DELIVERIES: Final = 2  # above this an entry may be what kills processes: it is claimed and decided alone
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
        """Import a service by its name; only what runs is imported. Raises SettingsError if its settings are wrong."""
        if importlib.util.find_spec(f"services.{name}.settings"):
            importlib.import_module(f"services.{name}.settings").settings()
        state = importlib.import_module(f"services.{name}.state")
        decide = importlib.import_module(f"services.{name}.decide")
        return cls(name, state.load, decide.decide, getattr(state, "gauges", None))


@dataclass(frozen=True, slots=True)
class _Work:
    """An entry in hand, and what it says."""

    entry: Entry
    event: Event[Payload]


@dataclass(frozen=True, slots=True)
class _Unread:
    """An entry that says nothing, and why."""

    entry: Entry
    error: Exception


class Breaker:
    """Opens when failures look like a bad release rather than like bad entries (arroyo's DLQ limits)."""

    def __init__(self) -> None:
        self._recent: deque[bool] = deque(maxlen=BREAKER_WINDOW)
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
        full = len(self._recent) == BREAKER_WINDOW
        if self._row > BREAKER_ROW or (full and sum(self._recent) > BREAKER_SHARE * BREAKER_WINDOW):
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
        self._turning = asyncio.Lock()
        self._ahead: asyncio.Task[list[_Work | _Unread]] | None = None
        self._log = logger().bind(service=service.name, partition=partition.name)

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
            if self._ahead:
                self._ahead.cancel()
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
            await self._drop_ahead()
            for stream in self._inputs:
                await self._hand_back(stream)
            keys = [self.partition.key(stream) for stream in self._inputs]
            await self.partition.function("leave", keys, [self.service.name, self.consumer])

    async def gauges(self) -> None:
        """Export how far the service is behind, and the figures of its state."""
        samples = await self._standing()
        if self.service.gauges:
            samples += await self.service.gauges(await self.partition.reads())
        metrics.state.put(f"{self.service.name} {self.partition.name}", samples)

    async def _standing(self) -> list[Sample]:
        """Measure what waits in the service's streams; where a group is gone, nothing waits until it is made anew."""
        name, client, key = self.service.name, self.partition.client, self.partition.key
        now_ms = (await self.partition.now()).timestamp() * 1_000
        backlog, oldest_ms = 0, now_ms
        for stream in self._inputs:
            backlog += (await self.partition.unfinished(stream)).get(name, 0)
            with suppress(ResponseError):
                for row in await client.xpending_range(key(stream), name, "-", "+", 1):
                    oldest_ms = min(oldest_ms, int(row["message_id"].partition(b"-")[0]))
        dead = await client.xlen(key("dead")) - await client.scard(key("dead.replayed"))
        mine, where = {"service": name, "partition": self.partition.name}, {"partition": self.partition.name}
        return [
            Sample("labelwright_stream_backlog_entries", mine, backlog),
            Sample("labelwright_stream_oldest_pending_seconds", mine, (now_ms - oldest_ms) / 1_000),
            Sample("labelwright_dead_entries", where, max(0, dead)),
        ]

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
        found = await self._next()
        for start in range(0, len(found), self._settings.batch):
            if self._stopping:
                return
            await self._handle(found[start : start + self._settings.batch])

    async def _next(self) -> list[_Work | _Unread]:
        """Read; where more is waiting, the batch after this one is read and decoded while this one is committed."""
        if self._in_doubt:
            await self._drop_ahead()
        ahead, self._ahead = self._ahead, None
        found = await (ahead or self._read())
        if len(found) >= self._settings.batch and not self._in_doubt:
            self._ahead = asyncio.create_task(self._read())
            for _ in range(3):  # redis-py writes it some turns of the loop later; then its answer comes while we commit
                await asyncio.sleep(0)
        return found

    async def _drop_ahead(self) -> None:
        """Wait for what is read ahead and leave it pending; a cancelled read might be answered all the same."""
        ahead, self._ahead = self._ahead, None
        if ahead:
            with suppress(RedisError, OSError):
                await ahead

    async def _read(self) -> list[_Work | _Unread]:
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
        return [_understood(entry) for entry in sorted(entries, key=_order)]

    def _entries(self, key: bytes, found: Any) -> list[Entry]:
        # RESP3 wraps a stream's entries in one more list; an entry that was deleted has no fields
        rows = found[0] if len(found) == 1 and isinstance(found[0], list) else found
        stream = key.decode().partition(":")[2]
        return [Entry(stream, row[0], (row[1] or {}).get(FIELD)) for row in rows]

    async def _claim(self) -> None:
        """Take over what was silent for too long; what was delivered often alone, since it may be what kills processes.

        It is claimed alone, too: a death in between must not count against entries whose turn hadn't come.
        """
        idle_ms = int(self._settings.claim_after_s * 1_000)
        client, name = self.partition.client, self.service.name
        for stream in self._inputs:
            key, after = self.partition.key(stream), "-"
            while not self._stopping:
                silent = await client.xpending_range(key, name, after, "+", self._settings.batch, idle=idle_ms)
                if not silent:
                    break
                deliveries = {row["message_id"]: row["times_delivered"] + 1 for row in silent}
                chosen = _together(deliveries)
                _, rows, gone = await client.xautoclaim(key, name, self.consumer, idle_ms, chosen[0], count=len(chosen))
                if gone:
                    metrics.entries_vanished.labels(name).inc(len(gone))
                    self._log.error("entries.vanished", stream=stream, gone=len(gone))
                entries = [Entry(stream, row[0], row[1].get(FIELD)) for row in rows]
                if entries:
                    await self._take_over(key, entries, deliveries)
                after = f"({chosen[-1].decode()}"
            await self._bury_consumers(key)

    async def _take_over(self, key: str, entries: list[Entry], deliveries: Mapping[bytes, int]) -> None:
        self._parked.difference_update((entry.stream, entry.id) for entry in entries)
        self._log.info("entries.claimed", stream=entries[0].stream, claimed=len(entries))
        hopeful = [entry for entry in entries if deliveries.get(entry.id, 1) <= self._settings.deliveries]
        if hopeful:
            await self._handle([_understood(entry) for entry in hopeful])
        for entry in entries:
            if entry not in hopeful:
                often, found = deliveries[entry.id], _understood(entry)
                event = found.event if isinstance(found, _Work) else None
                await self._fail(entry, event, f"delivered {often} times without an answer", limit=1)
        await self._forgive(key, entries)

    async def _forgive(self, key: str, entries: list[Entry]) -> None:
        """Forget the failures of entries that found their decision at last."""
        settled = [entry for entry in entries if (entry.stream, entry.id) not in self._parked]
        if settled:
            attempts = self.partition.key(f"{self.service.name}.attempts")
            await self.partition.client.hdel(attempts, *(f"{key} {entry.id.decode()}" for entry in settled))

    async def _bury_consumers(self, key: str) -> None:
        """Delete consumers of the dead, once they own nothing; the server checks that in the same call."""
        day_ms = 24 * 3_600_000
        for one in await self.partition.client.xinfo_consumers(key, self.service.name):
            if one["pending"] == 0 and one["idle"] > day_ms:
                await self.partition.function("leave", [key], [self.service.name, one["name"]])

    async def _handle(self, found: Sequence[_Work | _Unread]) -> None:
        self.beat_s = time.monotonic()
        began = time.perf_counter()
        tally: Counter[str] = Counter()
        reads = await self.partition.reads()
        work, passed, refused = [], [], []
        for one in found:
            if isinstance(one, _Work) and self._is_mine(one):
                work.append(one)
            elif isinstance(one, _Work):
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

    def _is_mine(self, one: _Work) -> bool:
        """Whether an event isn't for another reader of its stream alone, as a replayed dead letter is."""
        stream = topology.STREAMS.get(one.entry.stream)
        others = set(stream.readers) - {self.service.name} if stream else set()
        return one.event.audience not in others

    async def _settle(self, work: list[_Work], tally: Counter[str]) -> None:
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

    async def _bisect(self, work: list[_Work], error: Exception, tally: Counter[str]) -> None:
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


def _is_no_bug(error: Exception) -> bool:
    """Whether it will pass: the server refuses for now, or memory is short. A key of the wrong type stays wrong."""
    is_for_ever = isinstance(error, ResponseError) and "WRONGTYPE" in str(error)
    return isinstance(error, (RedisError, OSError, MemoryError)) and not is_for_ever


def _understood(entry: Entry) -> _Work | _Unread:
    try:
        return _Work(entry, decode(entry.event))
    except Exception as error:  # a bug of decode is this entry's failure, not the batch's
        return _Unread(entry, error)


def _together(deliveries: Mapping[bytes, int]) -> list[bytes]:
    """Return the first entries that may be claimed at once: up to one that may be what kills, or that one alone."""
    calm = takewhile(lambda entry: deliveries[entry] <= SUSPICIOUS_DELIVERIES, deliveries)
    return list(calm) or list(deliveries)[:1]


def _order(entry: Entry) -> tuple[int, int]:
    ms, _, number = entry.id.partition(b"-")
    return int(ms), int(number)
