"""Only the owner of an entry commits it, and only once."""

import pytest

from labelwright.engine.decisions import Commit
from labelwright.runtime.partition import Partition
from labelwright.runtime.plan import Call, Cause, Decided, Entry, decided
from labelwright.runtime.server import Server
from tests.integration.engine.stages import append, counted, pending, said, tallies

pytestmark = [pytest.mark.server, pytest.mark.anyio]


@pytest.fixture
async def entry(server: Server) -> Entry:
    """One entry in the hands of `old`."""
    partition = server.partition("p0")
    await partition.ensure_groups("intake")
    await append(partition, [1])
    await partition.client.xreadgroup("intake", "old", {partition.key("feedback"): ">"})
    ((entry_id, _),) = await partition.client.xrange(partition.key("feedback"))
    return Entry("feedback", entry_id, None)


async def test_a_commit_that_comes_again_changes_nothing(server: Server, entry: Entry) -> None:
    partition = server.partition("p0")

    answers = [await _commit(partition, "old", entry) for _ in range(2)]

    assert answers == [[1], [0]]
    assert await counted(partition) == {"event 1": 1}


async def test_an_entry_twice_in_one_plan_has_its_effects_once(server: Server, entry: Entry) -> None:
    partition = server.partition("p0")

    assert await _commit(partition, "old", entry, entry) == [1, 0]
    assert await counted(partition) == {"event 1": 1}


async def test_who_was_frozen_while_another_took_over_commits_nothing(server: Server, entry: Entry) -> None:
    partition = server.partition("p0")
    await partition.client.xautoclaim(partition.key("feedback"), "intake", "new", 0)

    late = await _commit(partition, "old", entry)

    assert late == [0]
    assert await pending(partition) == 1
    assert await _commit(partition, "new", entry) == [1]
    assert await counted(partition) == {"event 1": 1}


async def test_who_lost_an_entry_can_not_count_it_as_failed(server: Server, entry: Entry) -> None:
    partition = server.partition("p0")
    key = partition.key
    await partition.client.xautoclaim(key("feedback"), "intake", "new", 0)
    keys = [key("feedback"), key("intake.attempts"), key("dead"), key("changes")]

    answer = await partition.function("fail", keys, ["intake", "old", entry.id, "1", "{}"])

    assert answer == 0
    assert await partition.client.xlen(key("dead")) == 0
    assert await pending(partition) == 1


async def test_a_letter_that_can_not_be_kept_does_not_cost_the_entry(server: Server, entry: Entry) -> None:
    partition = server.partition("p0")
    key = partition.key
    await partition.client.set(key("dead"), "a foreign hand")
    keys = [key("feedback"), key("intake.attempts"), key("dead"), key("changes")]

    with pytest.raises(Exception, match="PLAN key type"):
        await partition.function("fail", keys, ["intake", "old", entry.id, "1", "{}"])

    assert await pending(partition) == 1


async def test_a_consumer_is_deleted_only_when_it_owns_nothing(server: Server, entry: Entry) -> None:
    partition = server.partition("p0")
    stream = partition.key("feedback")

    kept = await partition.function("leave", [stream], ["intake", "old"])
    await _commit(partition, "old", entry)
    gone = await partition.function("leave", [stream], ["intake", "old"])

    assert (kept, gone) == (0, 1)
    assert await partition.client.xinfo_consumers(stream, "intake") == []


async def test_nothing_is_trimmed_that_a_group_still_needs(server: Server, entry: Entry) -> None:
    partition = server.partition("p0")
    await partition.client.config_set("stream-node-max-entries", "1")
    await append(partition, range(2, 6))
    stream, newest = partition.key("feedback"), "9999999999999-0"

    async def trim(*readers: str) -> int:
        return int(await partition.function("trim", [stream], [newest, "100", *readers]))

    try:
        assert await trim("intake", "newcomer") == 0  # newcomer has no group yet: it must see all
        assert await trim("intake") == 0  # the first entry is pending
        await _commit(partition, "old", entry)
        assert await trim("intake") == 0  # delivered up to it; the others were not read yet
        await partition.client.xreadgroup("intake", "old", {stream: ">"})
        assert await trim("intake") == 1
        assert [e for e, _ in await partition.client.xrange(stream, count=1)] != [entry.id]
    finally:
        await partition.client.config_set("stream-node-max-entries", "100")


async def _commit(partition: Partition, consumer: str, *entries: Entry) -> list[int]:
    now = await partition.now()
    made: list[Decided] = [
        decided(entry, Cause("intake", said(1), now), Commit(effects=[tallies.add("event 1")])) for entry in entries
    ]
    return await partition.commit(Call(partition.prefix, made), "intake", consumer)
