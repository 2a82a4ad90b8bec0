"""A consumer's inbox: what it reads of its service's streams, takes over from the silent, and hands back at its end."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, takewhile
from typing import Any, Final

from redis.exceptions import RedisError, ResponseError

from labelwright import metrics, topology
from labelwright.contracts.envelope import FIELD, Event, decode
from labelwright.contracts.payload import Payload
from labelwright.engine.tables import milliseconds
from labelwright.logs import logger
from labelwright.metrics import Sample
from labelwright.runtime import dead
from labelwright.runtime.partition import Partition
from labelwright.runtime.plan import Entry
from labelwright.settings import LabelwrightSettings

SUSPICIOUS_DELIVERIES: Final = 2  # above this an entry may be what kills processes: it is claimed and decided alone
BURIED_AFTER: Final = timedelta(days=1)

_numbers = count()


@dataclass(frozen=True, slots=True)
class Work:
    """An entry in hand, and what it says."""

    entry: Entry
    event: Event[Payload]


@dataclass(frozen=True, slots=True)
class Unread:
    """An entry that says nothing, and why."""

    entry: Entry
    error: Exception


Found = Work | Unread


@dataclass(frozen=True, slots=True)
class Claimed:
    """Entries taken over from a silent consumer, and how often each was delivered by now."""

    found: list[Found]
    deliveries: Mapping[bytes, int]


class Inbox:
    """One consumer of a service's group on one partition. Errors of the server pass through as redis-py raises them."""

    def __init__(self, service: str, partition: Partition, settings: LabelwrightSettings) -> None:
        self.consumer = f"{socket.gethostname()[:40]}-{os.getpid()}-{next(_numbers)}-{os.urandom(3).hex()}"
        self.streams = topology.inputs(service)
        self._service = service
        self._partition = partition
        self._settings = settings
        self._in_doubt = False
        self._parked: set[tuple[str, bytes]] = set()
        self._ahead: asyncio.Task[list[Found]] | None = None
        self._log = logger().bind(service=service, partition=partition.name)

    async def next(self) -> list[Found]:
        """Read; where more is waiting, the batch after this one is read and decoded while this one is committed."""
        if self._in_doubt:
            await self.drop_ahead()
        ahead, self._ahead = self._ahead, None
        found = await (ahead or self._read())
        if len(found) >= self._settings.batch and not self._in_doubt:
            self._ahead = asyncio.create_task(self._read())
            for _ in range(3):  # redis-py writes it some turns of the loop later; then its answer comes while we commit
                await asyncio.sleep(0)
        return found

    async def silent(self) -> AsyncIterator[Claimed]:
        """Take over what was silent for too long; what was delivered often alone, since it may be what kills processes.

        It is claimed alone, too: a death in between must not count against entries whose turn hadn't come.
        """
        idle_ms = milliseconds_of(self._settings.claim_after)
        client, name = self._partition.client, self._service
        for stream in self.streams:
            key, after = self._partition.key(stream), "-"
            while silent := await client.xpending_range(key, name, after, "+", self._settings.batch, idle=idle_ms):
                deliveries = {row["message_id"]: row["times_delivered"] + 1 for row in silent}
                chosen = _together(deliveries)
                _, rows, gone = await client.xautoclaim(key, name, self.consumer, idle_ms, chosen[0], count=len(chosen))
                if gone:
                    metrics.entries_vanished.labels(name).inc(len(gone))
                    self._log.error("entries.vanished", stream=stream, gone=len(gone))
                entries = [Entry(stream, row[0], row[1].get(FIELD)) for row in rows]
                if entries:
                    self._parked.difference_update((entry.stream, entry.id) for entry in entries)
                    self._log.info("entries.claimed", stream=stream, claimed=len(entries))
                    yield Claimed([_understood(entry) for entry in entries], deliveries)
                after = f"({chosen[-1].decode()}"
            await self.bury_consumers(key)

    def park(self, entries: Iterable[Entry]) -> None:
        """Leave entries pending, unseen by this consumer until somebody claims them."""
        self._parked.update((entry.stream, entry.id) for entry in entries)

    def is_parked(self, entry: Entry) -> bool:
        """Whether the entry waits for a claim."""
        return (entry.stream, entry.id) in self._parked

    def doubt(self) -> None:
        """Read first, from now on, what we may hold without knowing: an answer of the server was lost."""
        self._in_doubt = True

    def cancel_ahead(self) -> None:
        """Read nothing ahead any more; its owner ends at once."""
        if self._ahead:
            self._ahead.cancel()

    async def drop_ahead(self) -> None:
        """Wait for what is read ahead and leave it pending; a cancelled read might be answered all the same."""
        ahead, self._ahead = self._ahead, None
        if ahead:
            with suppress(RedisError, OSError):
                await ahead

    async def leave(self) -> None:
        """Hand back what is still ours, so that others take it at once, and leave the group."""
        await self.drop_ahead()
        for stream in self.streams:
            await self._hand_back(stream)
        keys = [self._partition.key(stream) for stream in self.streams]
        await self._partition.function("leave", keys, [self._service, self.consumer])

    async def bury_consumers(self, key: str) -> None:
        """Delete consumers of the dead, once they own nothing; the server checks that in the same call."""
        for one in await self._partition.client.xinfo_consumers(key, self._service):
            if one["pending"] == 0 and one["idle"] > milliseconds_of(BURIED_AFTER):
                await self._partition.function("leave", [key], [self._service, one["name"]])

    async def standing(self) -> list[Sample]:
        """Measure what waits in the service's streams; where a group is gone, nothing waits until it is made anew."""
        name, partition = self._service, self._partition
        now_ms = milliseconds(await partition.now())
        backlog, oldest_ms = 0, now_ms
        for stream in self.streams:
            backlog += (await partition.unfinished(stream)).get(name, 0)
            with suppress(ResponseError):
                for row in await partition.client.xpending_range(partition.key(stream), name, "-", "+", 1):
                    oldest_ms = min(oldest_ms, int(row["message_id"].partition(b"-")[0]))
        mine, where = {"service": name, "partition": partition.name}, {"partition": partition.name}
        return [
            Sample("labelwright_stream_backlog_entries", mine, backlog),
            Sample("labelwright_stream_oldest_pending_seconds", mine, (now_ms - oldest_ms) / 1_000),
            Sample("labelwright_dead_entries", where, await dead.waiting(partition)),
        ]

    async def _read(self) -> list[Found]:
        in_doubt, self._in_doubt = self._in_doubt, False
        block_ms = 250 if topology.SERVICES[self._service].ticks else 1_000
        try:
            answer = await self._partition.client.xreadgroup(
                self._service,
                self.consumer,
                {self._partition.key(stream): "0" if in_doubt else ">" for stream in self.streams},
                count=self._settings.batch,
                block=None if in_doubt else block_ms,
            )
        except ResponseError as error:
            self._in_doubt = in_doubt
            if "NOGROUP" not in str(error):
                raise
            metrics.groups_recreated.labels(self._service).inc()
            self._log.error("group.recreated", reason="the group was gone; data was lost or flushed")
            await self._partition.ensure_groups(self._service)
            return []
        pairs = answer.items() if isinstance(answer, dict) else answer or ()
        entries = [entry for key, found in pairs for entry in _entries(key, found)]
        if in_doubt:
            entries = [entry for entry in entries if not self.is_parked(entry)]
            self._in_doubt = len(entries) >= self._settings.batch
        return [_understood(entry) for entry in sorted(entries, key=_order)]

    async def _hand_back(self, stream: str) -> None:
        key, client = self._partition.key(stream), self._partition.client
        long_ago_ms = milliseconds_of(self._settings.claim_after) + 1_000
        pending = await client.xpending_range(key, self._service, "-", "+", 10_000, self.consumer)
        if ids := [row["message_id"] for row in pending]:
            await client.xclaim(key, self._service, self.consumer, 0, ids, idle=long_ago_ms, justid=True)
            self._log.info("entries.handed_back", stream=stream, entries=len(ids))


def milliseconds_of(span: timedelta) -> int:
    """Return a span of time in the server's unit."""
    return span // timedelta(milliseconds=1)


def _entries(key: bytes, found: Any) -> list[Entry]:
    # RESP3 wraps a stream's entries in one more list; an entry that was deleted has no fields
    rows = found[0] if len(found) == 1 and isinstance(found[0], list) else found
    stream = key.decode().partition(":")[2]
    return [Entry(stream, row[0], (row[1] or {}).get(FIELD)) for row in rows]


def _understood(entry: Entry) -> Found:
    try:
        return Work(entry, decode(entry.event))
    except Exception as error:  # a bug of decode is this entry's failure, not the batch's
        return Unread(entry, error)


def _together(deliveries: Mapping[bytes, int]) -> list[bytes]:
    """Return the first entries that may be claimed at once: up to one that may be what kills, or that one alone."""
    calm = takewhile(lambda entry: deliveries[entry] <= SUSPICIOUS_DELIVERIES, deliveries)
    return list(calm) or list(deliveries)[:1]


def _order(entry: Entry) -> tuple[int, int]:
    ms, _, number = entry.id.partition(b"-")
    return int(ms), int(number)
