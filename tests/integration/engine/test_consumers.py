"""Entries change hands: taken over from the dead, handed back by who leaves, left lying nowhere, done twice never."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from labelwright.contracts.envelope import Event
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Commit, Decision
from labelwright.runtime.dead import letters
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server
from tests.conftest import until
from tests.integration.engine.stages import append, counted, handled, mark, pending, running, stage

pytestmark = [pytest.mark.server, pytest.mark.anyio]


async def test_what_was_published_before_the_first_start_is_seen(server: Server) -> None:
    partition = server.partition("p0")
    await append(partition, range(5))

    async with running(stage(server)):
        await until(lambda: _are_handled(partition, 5))

    assert set((await counted(partition)).values()) == {1}


async def test_what_a_dead_consumer_held_is_taken_over(server: Server) -> None:
    partition = server.partition("p0")
    await _read_and_die(partition, range(300))
    await append(partition, range(300, 310))

    async with running(stage(server, claim_after_s=0.2), stage(server, claim_after_s=0.2)):
        await until(lambda: _are_handled(partition, 310))

    assert set((await counted(partition)).values()) == {1}
    assert await pending(partition) == 0


async def test_an_entry_that_may_kill_processes_is_decided_alone_and_at_last_not_at_all(server: Server) -> None:
    partition = server.partition("p0")
    batches: list[int] = []
    await _read_and_die(partition, range(10))
    ids = [entry_id for entry_id, _ in await partition.client.xrange(partition.key("feedback"))]
    for _ in range(3):  # one entry was in the hands of three more that died
        await partition.client.xclaim(partition.key("feedback"), "intake", "ghost", 0, [ids[4]])
    for _ in range(6):
        await partition.client.xclaim(partition.key("feedback"), "intake", "ghost", 0, [ids[7]])

    def decide(batch: Sequence[Event[Payload]], state: Any) -> Iterator[Decision]:
        batches.append(len(batch))
        return mark(batch, state)

    async with running(stage(server, decide, claim_after_s=0.05, deliveries=6)):
        await until(lambda: _are_handled(partition, 9))

    (letter,) = [letter async for letter in letters(partition)]
    assert batches == [4, 1, 2, 2]  # four, the one alone, two up to what is buried, and two behind it
    assert "without an answer" in letter["reason"]
    assert letter["id"] == "event 7"
    assert "event 4" in await counted(partition)


async def test_a_decision_that_never_finds_its_guard_to_hold_waits_for_the_next_claim(server: Server) -> None:
    partition = server.partition("p0")
    tried = 0

    def decide(batch: Sequence[Event[Payload]], state: Any) -> Iterator[Decision]:
        nonlocal tried
        tried += 1
        for _, decision in zip(batch, mark(batch, state), strict=True):
            yield Commit([handled.has("the key")], decision.effects) if isinstance(decision, Commit) else decision

    await append(partition, [1])
    async with running(stage(server, decide, claim_after_s=0.1, deliveries=1000)):

        async def was_parked() -> bool:
            return tried >= 20

        await until(was_parked)
        await partition.client.hset(partition.key("intake.handled"), "the key", "")
        await until(lambda: _are_handled(partition, 1))

    assert await counted(partition) == {"event 1": 1}


async def test_who_leaves_finishes_its_turn_and_is_forgotten(server: Server) -> None:
    partition, began, may_go_on = server.partition("p0"), asyncio.Event(), asyncio.Event()

    async def load(_batch: Sequence[Event[Payload]], _reads: Any) -> None:
        began.set()
        await may_go_on.wait()

    one = stage(server, load=load, claim_after_s=60.0)
    await append(partition, range(3))
    async with running(one):
        await began.wait()
        leaving = asyncio.create_task(one.stop())
        await asyncio.sleep(0)
        may_go_on.set()
        await leaving

    assert set(await counted(partition)) == {"event 0", "event 1", "event 2"}
    assert await partition.client.xinfo_consumers(partition.key("feedback"), "intake") == []


async def test_what_who_leaves_could_not_finish_is_handed_back_at_once(server: Server) -> None:
    partition, is_mended = server.partition("p0"), asyncio.Event()

    def decide(batch: Sequence[Event[Payload]], state: Any) -> Iterator[Decision]:
        if not is_mended.is_set():
            raise RuntimeError("not now")
        return mark(batch, state)

    await append(partition, range(5))
    leaver = stage(server, decide, claim_after_s=60.0, attempts=100)

    async def all_failed() -> bool:
        return int(await partition.client.hlen(partition.key("intake.attempts"))) == 5

    async with running(leaver):
        await until(all_failed)
        await leaver.stop()
    is_mended.set()
    heir = stage(server, decide, claim_after_s=60.0)
    heir._claim_at = 0.0  # its first claim, which jitter would put off by up to half a minute
    async with running(heir):
        await until(lambda: _are_handled(partition, 5), within_s=5)

    assert set((await counted(partition)).values()) == {1}
    assert await partition.client.hlen(partition.key("intake.attempts")) == 0


async def test_a_rolling_restart_under_load_leaves_no_entry_to_wait_for_the_claim(server: Server) -> None:
    partition, is_over = server.partition("p0"), asyncio.Event()
    sent = 0

    async def publish() -> None:
        nonlocal sent
        while not is_over.is_set():
            await append(partition, range(sent, sent + 7))
            sent += 7

    async def stranded() -> int:
        rows = await partition.client.xpending_range(partition.key("feedback"), "intake", "-", "+", 10_000)
        return sum(row["time_since_delivered"] < 60_000 for row in rows)

    publisher = asyncio.create_task(publish())
    for _ in range(12):
        one = stage(server, claim_after_s=60.0, batch=20)
        async with running(one):
            seen = len(await counted(partition))

            async def moved_on(seen: int = seen) -> bool:
                return len(await counted(partition)) > seen

            await until(moved_on)
            await one.stop()
            assert await stranded() == 0
    is_over.set()
    await publisher
    last = stage(server, claim_after_s=60.0)
    last._claim_at = 0.0
    async with running(last):
        await until(lambda: _are_handled(partition, sent))

    assert set((await counted(partition)).values()) == {1}


async def test_two_replicas_share_a_stream_and_do_everything_once(server: Server) -> None:
    partition = server.partition("p0")
    await append(partition, range(500))

    async with running(*(stage(server, batch=7, claim_after_s=0.001, deliveries=1000) for _ in range(3))):
        await until(lambda: _are_handled(partition, 500), within_s=30)

    assert set((await counted(partition)).values()) == {1}
    assert [letter async for letter in letters(partition)] == []


async def test_a_consumer_that_was_idle_for_a_day_and_owns_nothing_is_buried(server: Server) -> None:
    partition = server.partition("p0")
    one = stage(server, claim_after_s=0.05)
    await one.start()
    stream = partition.key("feedback")
    await partition.client.xgroup_createconsumer(stream, "intake", "yesterday's")
    await _read_and_die(partition, [1], consumer="still owns one")

    await one._inbox.bury_consumers(stream)
    kept = {row["name"] for row in await partition.client.xinfo_consumers(stream, "intake")}
    await partition.function("leave", [stream], ["intake", "still owns one"])
    await partition.function("leave", [stream], ["intake", "yesterday's"])
    left = {row["name"] for row in await partition.client.xinfo_consumers(stream, "intake")}

    assert kept == {b"yesterday's", b"still owns one"}  # neither was idle for a day
    assert left == {b"still owns one"}


async def _read_and_die(partition: Partition, numbers: Any, consumer: str = "ghost") -> None:
    await partition.ensure_groups("intake")
    await append(partition, numbers)
    await partition.client.xreadgroup("intake", consumer, {partition.key("feedback"): ">"})


async def _are_handled(partition: Partition, count: int) -> bool:
    return len(await counted(partition)) >= count and await pending(partition) == 0
