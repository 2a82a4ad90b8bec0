"""A plan that could fail is refused whole: not one entry of its batch is acknowledged, not one key is written."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import pytest
from redis.exceptions import NoPermissionError, OutOfMemoryError, ReadOnlyError, ResponseError

from labelwright.engine.decisions import Guard, Key
from labelwright.errors import PlanError
from labelwright.runtime import functions
from labelwright.runtime.partition import Partition
from labelwright.runtime.plan import Call, Decided, Entry
from labelwright.runtime.server import Server, make_client
from tests.integration.engine.stages import append, contents, pending

pytestmark = [pytest.mark.server, pytest.mark.anyio]

Effect = tuple[str, str, str, tuple[str, ...]]
GOOD: Effect = ("HSET", "h", "intake.fresh", ("field", "value"))

BAD_WRITES: dict[str, list[Effect]] = {
    "a set where there is a hash": [("SADD", "S", "intake.hash", ("member",))],
    "a hash where there is a string": [("HSET", "h", "intake.string", ("field", "value"))],
    "an event where there is a hash": [("XADD", "s", "intake.hash", ("{}",))],
    "one new key as a hash and as a set": [
        ("HSET", "h", "intake.new", ("field", "value")),
        ("SADD", "S", "intake.new", ("member",)),
    ],
    "a sum with a text": [("HINCRBY", "h", "intake.hash", ("text", "1"))],
    "a sum with a number that has leading zeros": [("HINCRBY", "h", "intake.hash", ("zeros", "1"))],
    "a sum with a text that the plan itself writes before": [
        ("HSET", "h", "intake.new", ("count", "many")),
        ("HINCRBY", "h", "intake.new", ("count", "1")),
    ],
    "a sum of minus nought": [("HINCRBY", "h", "intake.new", ("count", "-0"))],
    "a sum of 007": [("HINCRBY", "h", "intake.new", ("count", "007"))],
    "a sum of a hexadecimal": [("HINCRBY", "h", "intake.new", ("count", "0x10"))],
    "a sum of a fraction": [("HINCRBY", "h", "intake.new", ("count", "1.5"))],
    "a sum beyond all sense": [("HINCRBY", "h", "intake.new", ("count", "1000000000001"))],
    "a score that is no number": [("ZADD", "z", "intake.new", ("nan", "member"))],
    "an infinite score": [("ZADD", "z", "intake.new", ("inf", "member"))],
    "a score beyond doubles": [("ZADD", "z", "intake.new", ("9" * 310, "member"))],
    "a score with an exponent": [("ZADD", "z", "intake.new", ("1e5", "member"))],
    "a score without a member": [("ZADD", "z", "intake.new", ("1", "member", "2"))],
    "a moment before time": [("PEXPIREAT", "*", "intake.hash", ("-1",))],
    "a moment with leading zeros": [("PEXPIREAT", "*", "intake.hash", ("007",))],
    "a field without a value": [("HSET", "h", "intake.new", ("field", "value", "field"))],
    "no argument at all": [("SADD", "S", "intake.new", ())],
    "more arguments than the server unpacks": [("SADD", "S", "intake.new", tuple(map(str, range(201))))],
    "a command that could fail on data": [("RENAME", "h", "intake.hash", ("intake.other",))],
    "a set's command on a hash's letter": [("SADD", "h", "intake.new", ("member",))],
    "an event on a stream at the end of its ids": [("XADD", "s", "full", ("{}",))],
    "more commands than a call may hold": [("SADD", "S", "intake.new", ("member",))] * 4_001,
    "more bytes than a call may hold": [("HSET", "h", "intake.new", ("field", "x" * 1_100_000))],
}

BAD_GUARDS: dict[str, tuple[list[Effect], Guard]] = {
    "an unknown kind": ([], Guard("MAYBE", Key("h", "intake.hash"), ("text",))),
    "a ranking where there is a hash": ([], Guard("ZHAS", Key("z", "intake.hash"), ("member",))),
    "a score that is no number": ([], Guard("ZDUE", Key("z", "intake.new"), ("member", "soon"))),
    "a version that is no number": ([], Guard("VER", Key("h", "intake.new"), ("field", "first"))),
    "a limit that is no number": ([], Guard("BELOW", Key("h", "intake.new"), ("field", "1", "lots"))),
    "a count that is a text": ([], Guard("BELOW", Key("h", "intake.hash"), ("text", "1", "5"))),
    "a count that the plan itself makes a text before": (
        [("HSET", "h", "intake.new", ("count", "many"))],
        Guard("BELOW", Key("h", "intake.new"), ("count", "1", "5")),
    ),
}


async def _refused(partition: Partition, batch: list[Decided], error: type[Exception] = PlanError) -> str:
    """Commit a batch; assert that it is refused and that the server holds what it held before; the refusal."""
    before = await contents(partition.client)

    with pytest.raises(error) as refusal:
        await partition.commit(Call(partition.prefix, batch), "intake", "me")

    assert await contents(partition.client) == before
    return str(refusal.value)


@pytest.fixture
async def entries(server: Server) -> list[Entry]:
    """Three entries in the hands of the consumer `me`, and keys of several types."""
    partition = server.partition("p0")
    client, key = partition.client, partition.key
    await partition.ensure_groups("intake")
    await append(partition, range(3))
    await client.hset(key("intake.hash"), mapping={"text": "many", "zeros": "007"})
    await client.set(key("intake.string"), "text")
    await client.xadd(key("full"), {"event": ""}, id="18446744073709551615-1")
    answer = await client.xreadgroup("intake", "me", {key("feedback"): ">"})
    (rows,) = answer.values() if isinstance(answer, dict) else [answer[0][1]]
    return [Entry("feedback", row[0], b"") for row in (rows[0] if isinstance(rows[0], list) else rows)]


@pytest.mark.parametrize("bad", BAD_WRITES)
async def test_a_bad_write_of_one_entry_leaves_the_whole_batch_undone(
    bad: str, server: Server, entries: list[Entry]
) -> None:
    partition = server.partition("p0")
    batch = [Decided(entries[0], [], [GOOD]), Decided(entries[1], [], BAD_WRITES[bad]), Decided(entries[2], [], [GOOD])]

    await _refused(partition, batch)

    assert await pending(partition) == 3


@pytest.mark.parametrize("bad", BAD_GUARDS)
async def test_a_bad_guard_of_one_entry_leaves_the_whole_batch_undone(
    bad: str, server: Server, entries: list[Entry]
) -> None:
    before, guard = BAD_GUARDS[bad]

    await _refused(
        server.partition("p0"), [Decided(entries[0], [], [GOOD, *before]), Decided(entries[1], [guard], [GOOD])]
    )


@pytest.mark.parametrize(
    "plan",
    [
        b"\xc1",
        msgpack.packb("text"),
        msgpack.packb([1, "1-1", 0, 1, "HSET", 2, 2, "field"], use_bin_type=False),
        msgpack.packb([1, "1-1", 0, 1, "HSET", 9, 2, "field", "value"], use_bin_type=False),
        msgpack.packb([2, "1-1", 0, 0], use_bin_type=False),
        msgpack.packb([1, "1-1", 0, 1, "HSET", 2, 2, "field", 7], use_bin_type=False),
        msgpack.packb([1, "1-1", 0, 1_000_000_000, "HSET", 2, 2, "field", "value"], use_bin_type=False),
        msgpack.packb([1, "1-1"], use_bin_type=False),
    ],
    ids=["no msgpack", "no array", "cut short", "no such key", "no stream", "a bare number", "endless", "no guards"],
)
async def test_a_malformed_plan_is_refused_without_a_write(plan: bytes, server: Server, entries: list[Entry]) -> None:
    partition = server.partition("p0")
    keys = [partition.key(name) for name in ("feedback", "intake.fresh", "changes")]
    before = await contents(partition.client)

    with pytest.raises(ResponseError, match=r"^PLAN "):
        await partition.function("commit", keys, ["intake", "me", "shs", plan])

    assert await contents(partition.client) == before
    assert len(entries) == 3


async def test_a_refusal_names_no_key_and_no_text(server: Server, entries: list[Entry]) -> None:
    secret: Effect = ("HINCRBY", "h", "intake.hash", ("text", "+49 30 1234567"))

    refusal = await _refused(server.partition("p0"), [Decided(entries[0], [], [secret])])

    assert "1234567" not in refusal
    assert "intake.hash" not in refusal


async def test_a_missing_group_is_told_before_anything_is_written(server: Server, entries: list[Entry]) -> None:
    partition = server.partition("p0")
    await partition.client.xgroup_destroy(partition.key("feedback"), "intake")

    refusal = await _refused(partition, [Decided(entries[0], [], [GOOD])], ResponseError)

    assert refusal.startswith("NOGROUP")


async def test_a_server_out_of_memory_takes_nothing_of_a_batch(server: Server, entries: list[Entry]) -> None:
    partition = server.partition("p0")
    await partition.client.config_set("maxmemory", "1")
    try:
        await _refused(partition, [Decided(entry, [], [GOOD]) for entry in entries], OutOfMemoryError)
    finally:
        await partition.client.config_set("maxmemory", "0")


async def test_a_replica_takes_nothing_of_a_batch(server: Server, entries: list[Entry]) -> None:
    partition = server.partition("p0")
    await partition.client.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        await _refused(partition, [Decided(entry, [], [GOOD]) for entry in entries], ReadOnlyError)
    finally:
        await partition.client.execute_command("REPLICAOF", "NO", "ONE")


@asynccontextmanager
async def _worker(server: Server, *rules: str) -> AsyncIterator[Any]:
    """Connect as a user of these ACL rules."""
    await server.client.execute_command("ACL", "SETUSER", "worker", "reset", "on", ">secret", *rules)
    client = make_client(server.settings.redis_url.replace("redis://", "redis://worker:secret@"))
    try:
        yield client
    finally:
        await client.aclose()
        await server.client.execute_command("ACL", "DELUSER", "worker")


async def test_a_worker_of_one_partition_reaches_no_key_of_another(server: Server, entries: list[Entry]) -> None:
    async with _worker(server, "~{p0}*", "+@all") as client:
        foreign = Partition(client, "p1")
        before = await contents(server.client)

        with pytest.raises((NoPermissionError, ResponseError), match=r"(?i)permission"):
            await foreign.commit(Call(foreign.prefix, [Decided(None, [], [GOOD])]), "intake", "")

        assert await contents(server.client) == before
        assert await Partition(client, "p0").commit(
            Call("{p0}", [Decided(entries[0], [], [GOOD])]), "intake", "me"
        ) == [1]


@pytest.mark.parametrize(
    ("denied", "guards", "effects"),
    [
        ("-zadd", [], [GOOD, ("ZADD", "z", "intake.ranking", ("1", "member"))]),
        ("-hexists", [Guard("HHAS", Key("h", "intake.hash"), ("text",))], [GOOD]),
        ("-exists", [Guard("ABSENT", Key("*", "intake.other"))], [GOOD]),
        ("-pexpireat", [], [GOOD, ("REPLY", "s", "reply:asker", ("{}",))]),
        ("-xadd", [], [GOOD]),
        ("-xack", [], [GOOD]),
    ],
)
async def test_a_permission_that_lacks_is_told_before_anything_is_written(
    denied: str, guards: list[Guard], effects: list[Effect], server: Server, entries: list[Entry]
) -> None:
    async with _worker(server, "~{p0}*", "+@all", denied) as client:
        before = await contents(server.client)

        with pytest.raises(PlanError, match="permission"):
            await Partition(client, "p0").commit(
                Call("{p0}", [Decided(entries[0], [], [GOOD]), Decided(entries[1], guards, effects)]), "intake", "me"
            )

        assert await contents(server.client) == before


async def test_a_worker_that_may_only_call_functions_needs_no_eval_and_may_not_load(server: Server) -> None:
    rules = ("~{p0}*", "-@all", "+@stream", "+@hash", "+@keyspace", "+fcall", "+time", "+hello", "+client")
    async with _worker(server, *rules) as client:
        worker = Partition(client, "p0")
        deletes: Effect = ("DEL", "*", "intake.fresh", ())

        answers = await worker.commit(Call("{p0}", [Decided(None, [], [GOOD]), Decided(None, [], [deletes])]), "x", "")

        assert answers == [1, 1]
        for forbidden in (("EVAL", "return 1", "0"), ("FUNCTION LOAD", "REPLACE", functions.LIBRARY)):
            with pytest.raises(NoPermissionError):
                await client.execute_command(*forbidden)
