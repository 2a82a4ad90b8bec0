"""Forget a person: take their words out of the tables, the ledger and the streams, and say when that is done.

Nothing here can be left half done for good: every step looks for what there is and takes that away, so that who was
interrupted begins anew. What is still on its way is waited for first, since words that are in flight would come back.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

from redis.exceptions import ResponseError

from labelwright import topology
from labelwright.contracts.envelope import Event
from labelwright.contracts.erasure import MOST_NAMES, ErasureCompleted, ErasureRequested, WordsErased
from labelwright.contracts.payload import Payload
from labelwright.errors import LabelwrightError
from labelwright.identity import derive
from labelwright.ledger import Ledger, Row
from labelwright.ledger.erasure import Trail
from labelwright.ledger.files import order
from labelwright.runtime import dead
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server, refusing
from labelwright.stories import standings

PAGE: Final = 500
LOOK_EVERY_S: Final = 0.1
PATIENCE_S: Final = 10.0
"""A table that still has their words after so long has nobody who takes them out."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was touched: in the ledger, in tables (documents by table), and in streams (entries, dead letters).

    `remains` says what this could not do, each a sentence that ends in what to do; nothing else remains.
    """

    trail: Trail
    documents: Mapping[str, int]
    letters: int
    trimmed: int
    remains: Sequence[str]


class Late(LabelwrightError):
    """The deadline passed; erasing again goes on."""

    exit_code = 4


async def erase(
    server: Server, ledger: Ledger, project: str, name: str, *, within: timedelta, tell: Callable[[str], None]
) -> Erased:
    """Take away all that somebody wrote in a project, by the name that publishers or annotators have for them.

    `name` may be the id of one piece of feedback, too. What they send afterwards is new. `tell` hears what is waited
    for. Raises Late when the deadline passes, ServerRefuses, and LedgerError.
    """
    with refusing():
        partition = await server.partition_of(project)
        if partition is None:
            raise LabelwrightError(f"there is no project {project!r}; `labelwright project list` shows them")
        return await _Erasure(partition, ledger, project, name, within, tell).run()


class _Erasure:
    """One erasure in one partition."""

    def __init__(
        self,
        partition: Partition,
        ledger: Ledger,
        project: str,
        name: str,
        within: timedelta,
        tell: Callable[[str], None],
    ) -> None:
        self._partition = partition
        self._ledger = ledger
        self._project = project
        self._names = [name, derive("pseudonym", project, name)]
        self._within = within
        self._deadline_s = time.monotonic() + within.total_seconds()
        self._tell = tell
        self._request = f"erasure-{os.urandom(8).hex()}"
        self._person = f"{ledger.sealer().mark('who', project, name):016x}"

    async def run(self) -> Erased:
        await self._say(ErasureRequested(request=self._request, person=self._person))
        trail, touched = await self._follow(), set[tuple[str, str]]()
        changed_s = time.monotonic()
        while held := await self._standings(trail) | await self._documents(trail):
            fresh = {(table, name) for table, names in held.items() for name in names} - touched
            if fresh:
                changed_s = time.monotonic()
                self._tell(f"taking their words out of {len(fresh)} documents")
            elif time.monotonic() > changed_s + PATIENCE_S:
                break
            touched |= fresh
            for table, names in held.items():
                await self._take_out(table, names)
            trail = await self._follow()  # what was asked about them meanwhile has come to its table by now
        forgotten = await asyncio.to_thread(self._ledger.forget, trail)
        letters = await self._bury(trail)
        trimmed = await self._empty_streams(trail)
        remains = [
            f"table {table!r} has their words in {len(names)} documents; is every service of this release running?"
            for table, names in (await self._documents(trail)).items()
        ] + await self._rewrite()
        await self._say(
            ErasureCompleted(
                request=self._request,
                person=self._person,
                feedback=len(trail.feedback),
                items=len(trail.items),
                uses=forgotten.left,
                documents=len(touched),
            )
        )
        return Erased(forgotten, _counted(touched), letters, trimmed, remains)

    async def _take_out(self, table: str, names: Sequence[str]) -> None:
        for start in range(0, len(names), MOST_NAMES):
            some = list(names[start : start + MOST_NAMES])
            await self._say(WordsErased(request=self._request, table=table, names=some))

    async def _follow(self) -> Trail:
        """Wait until all that was said before now is decided and in the ledger, then follow their words there."""
        for stream in (name for name, one in topology.STREAMS.items() if one.readers):
            bound = await self._now_ms()
            await self._until(partial(self._behind, stream, bound))
        await self._until(partial(self._uncovered, await self._now_ms()))
        return await asyncio.to_thread(self._ledger.trail, self._partition.name, self._project, self._names)

    async def _behind(self, stream: str, bound: int) -> str:
        """Say who hasn't finished what was in a stream at a moment; nothing where all have."""
        client, key = self._partition.client, self._partition.key(stream)
        last = await client.xrevrange(key, max=str(bound), count=1)
        if not last:
            return ""
        groups = {group["name"].decode(): group for group in await client.xinfo_groups(key)}
        for reader in topology.STREAMS[stream].readers:
            if reader not in groups:
                return f"{reader} has never read {stream!r}; start it"
            if order(groups[reader]["last-delivered-id"].decode()) < order(last[0][0].decode()):
                return f"{reader} hasn't read all of {stream!r}; is it running?"
            pending = await client.xpending_range(key, reader, "-", str(bound), 1)
            if pending:
                return f"{reader} hasn't finished entry {pending[0]['message_id'].decode()} of {stream!r}"
        return ""

    async def _uncovered(self, bound: int) -> str:
        head = await asyncio.to_thread(self._ledger.watermark, self._partition.name)
        return "" if head.cut >= bound else "the ledger isn't so far yet; is publish running?"

    async def _standings(self, trail: Trail) -> dict[str, list[str]]:
        """Return how triage knows the items that they opened: it has no words there, but goes by them."""
        named = [f"{self._project}/{item}" for item in trail.items]
        (found,) = await (await self._partition.reads())(standings.get_many(named))
        known = [name for name, document in found.items() if document.value.status != "merged"]
        return {standings.name: known} if known else {}

    async def _documents(self, trail: Trail) -> dict[str, list[str]]:
        """Return the documents of tables that hold their words."""
        found: dict[str, list[str]] = {}
        async for table, key in self._keys("hash"):
            async for name, value in self._fields(key):
                sealer = self._ledger.sealer()
                sealer.seal_value(table, name, value)
                if any(map(trail.has, sealer.uses)):
                    found.setdefault(table, []).append(name.decode("utf-8", "surrogatepass"))
        return found

    async def _bury(self, trail: Trail) -> int:
        """Take away the dead letters that hold their words."""
        letters = await self._entries(trail, "dead")
        return sum([await dead.bury(self._partition, letter) for letter in letters])

    async def _empty_streams(self, trail: Trail) -> int:
        """Trim every stream behind the ledger and its readers, until no entry has their words."""
        trimmed = 0

        async def held() -> str:
            nonlocal trimmed
            head = await asyncio.to_thread(self._ledger.watermark, self._partition.name)
            for stream, last in head.last_ids.items():
                if stream != "dead":
                    key, readers = self._partition.key(stream), topology.STREAMS[stream].readers
                    trimmed += await self._partition.function("trim", [key], [last, "0", *readers])
            async for stream, _ in self._keys("stream"):
                if await self._entries(trail, stream):
                    return f"an entry of {stream!r} has their words, which isn't read by all or isn't in the ledger yet"
            return ""

        await self._until(held)
        return trimmed

    async def _entries(self, trail: Trail, stream: str) -> list[str]:
        """Return the entries of a stream that hold their words."""
        found: list[str] = []
        after = "-"
        while rows := await self._partition.client.xrange(self._partition.key(stream), min=after, count=PAGE):
            for entry_id, fields in rows:
                sealer = self._ledger.sealer()
                sealer.seal(stream, Row(entry_id.decode(), next(iter(fields.values()), b"")))
                if any(map(trail.has, sealer.uses)):
                    found.append(entry_id.decode())
            after = f"({rows[-1][0].decode()}"
        return found

    async def _rewrite(self) -> list[str]:
        """Let the server write its append-only file anew, without what was trimmed."""
        client = self._partition.client
        where = {"target_nodes": client.PRIMARIES} if hasattr(client, "PRIMARIES") else {}
        try:
            await client.execute_command("BGREWRITEAOF", **where)
        except ResponseError as error:
            if "progress" not in str(error) and "scheduled" not in str(error):
                return ["the server's append-only file has their words until it is rewritten; run BGREWRITEAOF"]
        return []

    async def _say(self, data: Payload) -> None:
        event = Event(derive("event", self._request, data.type, os.urandom(8).hex()), "/erasure", self._project,
                      await self._partition.now(), data)  # fmt: skip
        await self._partition.append([event])

    async def _until(self, missing: Callable[[], Awaitable[str]]) -> None:
        told = ""
        while why := await missing():
            if why != told:
                self._tell(f"waiting: {why}")
                told = why
            if time.monotonic() > self._deadline_s:
                raise Late(f"not done within {self._within}: {why}; then erase again, which goes on from here")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _now_ms(self) -> int:
        return int(await self._partition.server_time() * 1_000)

    async def _keys(self, kind: str) -> AsyncIterator[tuple[str, bytes]]:
        """Yield the partition's keys of a type, each with its name within the partition."""
        client, prefix = self._partition.client, f"{self._partition.prefix}:"
        async for key in client.scan_iter(match=f"{prefix}*", count=1_000):
            if (await client.type(key)).decode() == kind:
                yield key.decode().removeprefix(prefix), key

    async def _fields(self, key: bytes) -> AsyncIterator[tuple[bytes, bytes]]:
        cursor: Any = 0
        while True:
            cursor, found = await self._partition.client.hscan(key, cursor, count=PAGE)
            for name, value in found.items():
                yield name, value
            if not cursor:
                return


def _counted(touched: Iterable[tuple[str, str]]) -> dict[str, int]:
    return dict(Counter(table.partition(":")[0] for table, _ in touched))
