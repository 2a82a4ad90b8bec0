"""A service's clock strikes once a slot, however many replicas listen to it, and says what was missed."""

import asyncio
from datetime import timedelta

import pytest

from labelwright.contracts.envelope import decode
from labelwright.contracts.quality import TickStruck
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from tests.conftest import until
from tests.integration.engine.stages import running

pytestmark = [pytest.mark.server, pytest.mark.anyio]

PERIOD = timedelta(milliseconds=60)


def _dispatcher(server: Server) -> Stage:
    """A replica whose clock strikes more often than dispatch's does."""
    one = Stage(Service.named("dispatch"), server.partition("p0"), server.settings)
    one._ticks = {"expire": PERIOD}
    return one


async def _ticks(partition: Partition) -> list[TickStruck]:
    rows = await partition.client.xrange(partition.key("ticks.dispatch"))
    ticks = [decode(fields[b"event"]).data for _, fields in rows]
    return [tick for tick in ticks if isinstance(tick, TickStruck)]


async def test_three_replicas_strike_each_slot_once(server: Server) -> None:
    partition = server.partition("p0")

    async def has_struck() -> bool:
        return len(await _ticks(partition)) >= 15

    async with running(*(_dispatcher(server) for _ in range(3))):
        await until(has_struck)

    slots = [tick.slot for tick in await _ticks(partition)]
    missed = sum(tick.missed for tick in await _ticks(partition))
    assert len(set(slots)) == len(slots)
    assert slots == sorted(slots)
    assert slots[-1] - slots[0] + 1 == len(slots) + missed


async def test_slots_that_passed_while_nobody_was_there_are_counted_in_one_tick(server: Server) -> None:
    partition, one = server.partition("p0"), _dispatcher(server)
    one._ticks = {"expire": timedelta(hours=1)}
    await one._strike()
    ((_, slot),) = (await partition.client.hgetall(partition.key("dispatch.clock"))).items()
    await partition.client.hset(partition.key("dispatch.clock"), "expire", int(slot) - 5)

    await one._strike()

    assert [(tick.slot, tick.missed) for tick in await _ticks(partition)] == [(int(slot), 0), (int(slot), 4)]


async def test_a_clock_that_went_back_strikes_nothing_until_it_has_caught_up(server: Server) -> None:
    partition, one = server.partition("p0"), _dispatcher(server)
    one._ticks = {"expire": timedelta(hours=1)}
    await one._strike()
    ((_, slot),) = (await partition.client.hgetall(partition.key("dispatch.clock"))).items()
    await partition.client.hset(partition.key("dispatch.clock"), "expire", int(slot) + 1)

    await one._strike()

    assert len(await _ticks(partition)) == 1


async def test_replicas_that_strike_at_the_same_moment_make_one_tick(server: Server) -> None:
    partition, replicas = server.partition("p0"), [_dispatcher(server) for _ in range(5)]
    for one in replicas:
        one._ticks = {"expire": timedelta(hours=1)}

    await asyncio.gather(*(one._strike() for one in replicas))

    assert len(await _ticks(partition)) == 1
