"""While a batch is committed the next one is read: what is read ahead is neither lost nor out of turn."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from redis.exceptions import ConnectionError as ServerAway

from labelwright.contracts.envelope import Event
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Decision
from labelwright.runtime.server import Server
from tests.conftest import until
from tests.integration.engine.stages import append, counted, mark, pending, running, stage

pytestmark = [pytest.mark.server, pytest.mark.anyio]


async def test_what_was_read_ahead_is_handed_back_when_the_stage_stops(server: Server) -> None:
    partition, stopped, successor = server.partition("p0"), stage(server, batch=5), stage(server, batch=5)
    await stopped.start()
    await append(partition, range(12))
    await stopped.read_once()
    await stopped.stop()
    assert await pending(partition) == 5
    assert len(await counted(partition)) == 5

    async def all_handled() -> bool:
        return len(await counted(partition)) == 12 and await pending(partition) == 0

    async with running(successor):
        await until(all_handled)

    assert set((await counted(partition)).values()) == {1}


async def test_what_was_read_ahead_waits_for_the_batch_whose_commit_failed(server: Server) -> None:
    partition, order, faults = server.partition("p0"), list[str](), [ServerAway("gone")]

    async def load(batch: Sequence[Event[Payload]], _reads: Any) -> None:
        if batch[0].id == "event 5" and faults:
            raise faults.pop()

    def decide(batch: Sequence[Event[Payload]], state: Any) -> Iterator[Decision]:
        order.extend(event.id for event in batch)
        return mark(batch, state)

    async def all_handled() -> bool:
        return len(await counted(partition)) == 17

    async with running(stage(server, decide, load, batch=5)):
        await append(partition, range(17))
        await until(all_handled)

    assert not faults
    assert order == [f"event {number}" for number in range(17)]
