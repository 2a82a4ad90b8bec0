"""Make Redis anew from the ledger: every table by its recorded writes, every stream by what was not finished."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from labelwright import topology
from labelwright.errors import LedgerError
from labelwright.ledger import Ledger
from labelwright.ledger.files import order
from labelwright.runtime.server import Server, refusing

REBUILDER: Final = "rebuild"
LONG_AGO_MS: Final = 24 * 3_600_000
PIPELINE: Final = 1_000
PASSING: Final = (".clock", ".attempts", ":reply:", ":ticks.", ":gateway.rate:")
"""What a rebuild leaves out: clocks, counts of failures, replies and rate limits only matter for seconds."""

Acknowledged = Mapping[str, Mapping[str, set[str]]]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was made: writes to tables, and entries that wait to be worked on."""

    partition: str
    writes: int
    entries: int


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit did: the entries (key of the stream, id) that a group finished by it, and its writes, raw."""

    group: str
    acknowledged: list[tuple[str, str]]
    writes: list[list[bytes]]


def changes(ledger: Ledger, partition: str) -> Iterator[Change]:
    """Yield every commit of a partition, in order. Raises LedgerError."""
    for row in ledger.read(partition, "changes"):
        group, done, writes = msgpack.unpackb(row.body, raw=True, strict_map_key=False)
        yield Change(group.decode(), [(stream.decode(), entry.decode()) for stream, entry in done], writes)


async def rebuild(server: Server, ledger: Ledger) -> list[Rebuilt]:
    """Fill an empty server from the ledger, partition by partition.

    What was acknowledged isn't done again, what wasn't is pending and is claimed at once. Raises LedgerError if the
    server isn't empty or if the ledger is damaged, and ServerRefuses.
    """
    made = []
    with refusing():
        for name in ledger.partitions():
            if [key async for key in _keys(server.client, name)]:
                raise LedgerError(f"partition {name!r} isn't empty on this server; rebuild into an empty one")
            made.append(await _rebuild(server.client, ledger, name))
    return made


async def digest(server: Server, partition: str) -> dict[str, str]:
    """Return a hash of every table, and of what each stream's groups haven't finished; equal servers, equal hashes."""
    found: dict[str, str] = {}
    client = server.client
    with refusing():
        async for key in _keys(client, partition):
            kind = (await client.type(key)).decode()
            if kind == "stream":
                content: Any = await _unfinished(client, key)
            elif kind == "hash":
                content = sorted((await client.hgetall(key)).items())
            elif kind == "zset":
                content = sorted(tuple(pair) for pair in await client.zrange(key, 0, -1, withscores=True))
            elif kind == "set":
                content = sorted(await client.smembers(key))
            else:
                content = await client.get(key)
            if content:
                found[key] = hashlib.sha256(repr(content).encode()).hexdigest()[:16]
    return dict(sorted(found.items()))


async def _rebuild(client: Any, ledger: Ledger, partition: str) -> Rebuilt:
    acknowledged: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    writes = 0
    pipeline = client.pipeline(transaction=False)
    for change in changes(ledger, partition):
        for stream, entry in change.acknowledged:
            acknowledged[stream][change.group].add(entry)
        for write in change.writes:
            pipeline.execute_command(write[0].decode(), *write[1:])
            writes += 1
            if writes % PIPELINE == 0:
                await pipeline.execute()
    await pipeline.execute()
    streams = ["changes"] if partition == "registry" else list(topology.STREAMS)
    entries = 0
    for stream in streams:
        entries += await _refill(client, ledger, partition, stream, acknowledged)
    return Rebuilt(partition, writes, entries)


async def _refill(client: Any, ledger: Ledger, partition: str, stream: str, acknowledged: Acknowledged) -> int:
    """Put back what some reader hasn't finished, under its own id; and let no id be minted twice."""
    key = f"{{{partition}}}:{stream}"
    readers = topology.STREAMS[stream].readers
    done = acknowledged.get(key, {})
    last, kept = "", 0
    for row in ledger.read(partition, stream):
        last = row.entry_id
        if stream == "dead" or any(row.entry_id not in done.get(reader, ()) for reader in readers):
            await client.xadd(key, {"event": row.body}, id=row.entry_id)
            kept += 1
    if not last:
        return 0
    known = await client.xrevrange(key, count=1)
    if not known or order(known[0][0].decode()) < order(last):
        await client.xadd(key, {"event": b""}, id=last)
        await client.xdel(key, last)
    for reader in readers:
        await client.xgroup_create(key, reader, id="0", mkstream=True)
        await _deliver(client, key, reader, done.get(reader, set()))
    return kept


async def _deliver(client: Any, key: str, reader: str, done: set[str]) -> None:
    """Acknowledge what the group had acknowledged; the rest stays pending, old enough to be claimed at once."""
    while True:
        answer = await client.xreadgroup(reader, REBUILDER, {key: ">"}, count=PIPELINE)
        pairs: Any = answer.items() if isinstance(answer, dict) else answer or ()
        rows = [row for _, found in pairs for row in (found[0] if found and isinstance(found[0], list) else found)]
        ids = [row[0].decode() for row in rows]
        if not ids:
            return
        if finished := [entry for entry in ids if entry in done]:
            await client.xack(key, reader, *finished)
        if waiting := [entry for entry in ids if entry not in done]:
            await client.xclaim(key, reader, REBUILDER, 0, waiting, idle=LONG_AGO_MS, justid=True)


async def _unfinished(client: Any, key: str) -> list[Any]:
    """Return by group the ids that it hasn't finished: pending, or not delivered yet."""
    found = []
    for group in await client.xinfo_groups(key):
        name, delivered = group["name"], group["last-delivered-id"].decode()
        pending = [row["message_id"] for row in await client.xpending_range(key, name, "-", "+", 1_000_000)]
        waiting = [row[0] for row in await client.xrange(key, min=f"({delivered}")]
        if ids := sorted(pending + waiting):
            found.append((name, ids))
    return sorted(found)


async def _keys(client: Any, partition: str) -> Any:
    async for raw in client.scan_iter(match=f"{{{partition}}}:*", count=1_000):
        key = raw.decode()
        if not any(passing in key for passing in PASSING):
            yield key
