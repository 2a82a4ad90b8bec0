"""What can't be decided is found alone, tried again, put aside with its reason, and comes back when it is mended."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from labelwright.contracts.envelope import MAX_BYTES, Event, decode
from labelwright.contracts.feedback import EventRejected
from labelwright.contracts.items import ItemReinforced
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Commit, Decision
from labelwright.errors import BreakerOpen, LabelwrightError
from labelwright.runtime.dead import letters, replay
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server
from tests.conftest import until
from tests.integration.engine.stages import append, counted, handled, mark, pending, running, said, stage

pytestmark = [pytest.mark.server, pytest.mark.anyio]

BAD = {"event 20", "event 120", "event 199"}


class Fragile:
    """A decision that raises on some events until it is mended; it remembers the sizes of its batches."""

    def __init__(self, bad: set[str]) -> None:
        self.bad = bad
        self.batches: list[int] = []

    def __call__(self, batch: Sequence[Event[Payload]], state: Any) -> Iterator[Decision]:
        """Decide as `mark` does."""
        self.batches.append(len(batch))
        for event in batch:
            if event.id in self.bad:
                raise ZeroDivisionError(f"secret of {event.id}")
        return mark(batch, state)


async def test_three_bad_entries_of_two_hundred_end_in_dead_and_the_others_are_committed(server: Server) -> None:
    partition, fragile = server.partition("p0"), Fragile(BAD)
    one = stage(server, fragile, attempts=3, claim_after_s=0.05)
    await append(partition, range(200))

    async with running(one):
        await until(lambda: _has_dead(partition, 3))

    found = {letter["id"]: letter async for letter in letters(partition)}
    assert found.keys() == BAD
    assert await counted(partition) == {f"event {n}": 1 for n in range(200) if f"event {n}" not in BAD}
    assert await pending(partition) == 0
    assert await partition.client.hlen(partition.key("intake.attempts")) == 0
    assert sum(size == 1 for size in fragile.batches) >= 3 * 3
    assert len(fragile.batches) < 60  # bisected, not tried one by one


async def test_a_dead_letter_says_who_failed_where_but_not_what_a_user_wrote(server: Server) -> None:
    partition = server.partition("p0")
    await append(partition, [1])

    async with running(stage(server, Fragile({"event 1"}), attempts=1)):
        await until(lambda: _has_dead(partition, 1))

    (letter,) = [letter async for letter in letters(partition)]
    assert (letter["service"], letter["stream"], letter["project"]) == ("intake", "feedback", "shop")
    assert "ZeroDivisionError" in letter["reason"]
    assert "test_failures.py" in letter["reason"]
    assert "secret of event 1" not in letter["reason"]
    assert decode(letter["event"]).id == "event 1"


async def test_a_dead_letter_is_replayed_once(server: Server) -> None:
    partition, fragile = server.partition("p0"), Fragile({"event 1"})
    await append(partition, [1])
    async with running(stage(server, fragile, attempts=1)):
        await until(lambda: _has_dead(partition, 1))
        (letter,) = [letter async for letter in letters(partition)]
        fragile.bad.clear()

        outcomes = await asyncio.gather(*(replay(partition, letter) for _ in range(5)), return_exceptions=True)

        async def is_handled() -> bool:
            return await counted(partition) == {"event 1": 1}

        await until(is_handled)
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert len(refused) == 4
    assert all(isinstance(one, LabelwrightError) and "replayed before" in str(one) for one in refused)
    assert await counted(partition) == {"event 1": 1}


async def test_a_replayed_letter_is_for_the_service_that_failed_alone(server: Server) -> None:
    partition, fragile = server.partition("p0"), Fragile({"event 1"})
    more = ItemReinforced(item="i", feedback="f", events=2, users=1, priority=1)
    await partition.append([replace(said(1), data=more)])

    async with running(stage(server, fragile, attempts=1, name="resolve"), stage(server, name="quality")):
        await until(lambda: _lies_in_dead(partition))
        (letter,) = [letter async for letter in letters(partition)]
        fragile.bad.clear()
        await replay(partition, letter)

        async def is_finished() -> bool:
            backlog = await partition.backlog()
            return backlog["resolve"] == backlog["quality"] == 0

        await until(is_finished)

    assert (await counted(partition))["event 1"] == 2


async def test_an_entry_that_failed_for_a_while_leaves_no_count_behind(server: Server) -> None:
    partition, fragile = server.partition("p0"), Fragile({"event 1"})
    await append(partition, [1])

    async def has_failed() -> bool:
        return bool(await partition.client.hlen(partition.key("intake.attempts")))

    async def is_clean() -> bool:
        return await counted(partition) == {"event 1": 1} and not await has_failed()

    async with running(stage(server, fragile, attempts=100, deliveries=1000, claim_after_s=0.05)):
        await until(has_failed)
        fragile.bad.clear()
        await until(is_clean)

    assert [letter async for letter in letters(partition)] == []


async def test_entries_that_say_nothing_are_rejected_at_once_with_a_code_and_hold_up_nobody(server: Server) -> None:
    partition = server.partition("p0")
    envelope = '{"specversion":"1.0","id":"x","source":"/t","project":"shop","time":"2026-11-02T00:00:00Z",%s}'
    bad: dict[str, dict[str, str | bytes]] = {
        "not_an_event": {"other": "field"},
        "not_json": {"event": b"\xff\xfe{"},
        "not_cloudevents": {"event": "[]"},
        "unknown_type": {"event": envelope % '"type":"labelwright.feedback.unheard_of.v1","data":{}'},
        "unknown_version": {"event": envelope % '"type":"labelwright.feedback.feedback_received.v999","data":{}'},
        "schema_violation": {"event": envelope % '"type":"labelwright.feedback.feedback_received.v2","data":{}'},
        "too_large": {"event": "x" * (MAX_BYTES + 1)},
    }
    await append(partition, [1])
    for fields in bad.values():
        await partition.client.xadd(partition.key("feedback"), fields)
    await append(partition, [2])

    async def all_handled() -> bool:
        return len(await counted(partition)) == 2 and await pending(partition) == 0

    async with running(stage(server)):
        await until(all_handled)

    rejected = [decode(row[b"event"]).data for _, row in await partition.client.xrange(partition.key("rejected"))]
    codes = sorted(data.code for data in rejected if isinstance(data, EventRejected))
    assert codes == sorted(bad)
    assert all(isinstance(data, EventRejected) and data.entry and data.reason for data in rejected)
    assert await counted(partition) == {"event 1": 1, "event 2": 1}


async def test_a_release_that_can_decide_nothing_stops_before_all_goes_to_dead(server: Server) -> None:
    partition = server.partition("p0")
    everything = {f"event {number}" for number in range(400)}
    one = stage(server, Fragile(everything), attempts=1)
    await append(partition, range(400))

    async def has_stopped() -> bool:
        return one.fault is not None

    async with running(one):
        await until(has_stopped)

    assert isinstance(one.fault, BreakerOpen)
    assert not one.is_ready
    assert len([letter async for letter in letters(partition)]) == 101


async def test_a_decision_too_many_or_too_few_is_a_bug_and_goes_to_dead(server: Server) -> None:
    partition = server.partition("p0")
    await append(partition, [1])

    async with running(stage(server, lambda _batch, _state: [Commit(), Commit()], attempts=1)):
        await until(lambda: _has_dead(partition, 1))

    (letter,) = [letter async for letter in letters(partition)]
    assert "RuntimeError" in letter["reason"]


async def test_a_decision_that_the_server_refuses_fails_alone(server: Server) -> None:
    partition = server.partition("p0")
    await append(partition, range(10))

    def decide(batch: Sequence[Event[Payload]], state: Any) -> Iterator[Decision]:
        for event, decision in zip(batch, mark(batch, state), strict=True):
            big = handled.put("big", "x" * 1_100_000)
            yield Commit(effects=[big]) if event.id == "event 4" else decision

    async with running(stage(server, decide, attempts=1)):
        await until(lambda: _has_dead(partition, 1))

    (letter,) = [letter async for letter in letters(partition)]
    assert letter["id"] == "event 4"
    assert "PlanError" in letter["reason"]
    assert await counted(partition) == {f"event {n}": 1 for n in range(10) if n != 4}


async def test_a_key_of_the_wrong_type_fails_the_entry_that_reads_it_and_no_other(server: Server) -> None:
    partition = server.partition("p0")
    await partition.client.set(partition.key("intake.broken"), "a foreign hand")
    await append(partition, range(10))

    async def load(batch: Sequence[Event[Payload]], reads: Any) -> None:
        if any(event.id == "event 4" for event in batch):
            await reads(type(handled)("intake.broken").all())

    async with running(stage(server, load=load, attempts=1)):
        await until(lambda: _has_dead(partition, 1))

    (letter,) = [letter async for letter in letters(partition)]
    assert letter["id"] == "event 4"
    assert await counted(partition) == {f"event {n}": 1 for n in range(10) if n != 4}


async def _has_dead(partition: Partition, count: int) -> bool:
    return int(await partition.client.xlen(partition.key("dead"))) >= count and await pending(partition) == 0


async def _lies_in_dead(partition: Partition) -> bool:
    return bool(await partition.client.xlen(partition.key("dead")))
