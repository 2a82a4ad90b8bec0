"""What a dead process leaves is taken over without blaming the entries that it never came to."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest

from labelwright.contracts.envelope import Event, decode
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Decision
from labelwright.runtime.dead import letters
from labelwright.runtime.server import Server
from labelwright.runtime.stage import Stage
from tests.conftest import until
from tests.integration.engine.stages import append, counted, mark, pending, stage

pytestmark = [pytest.mark.server, pytest.mark.anyio]


class Killed(BaseException):
    """The process is gone: nothing of the runtime may handle it."""


def _kill_at(bad: str) -> Any:
    def decide(batch: Sequence[Event[Payload]], state: Any) -> Iterator[Decision]:
        if any(event.id == bad for event in batch):
            raise Killed
        yield from mark(batch, state)

    return decide


async def _live(one: Stage) -> None:
    with suppress(Killed):
        while True:
            await one.read_once()


async def test_what_kills_process_after_process_is_buried_alone(server: Server) -> None:
    partition = server.partition("p0")
    await partition.ensure_groups("intake")
    await append(partition, range(20))

    async def is_over() -> bool:
        return await pending(partition) == 0 and len(await counted(partition)) == 19

    async def keep_starting() -> None:
        while True:
            one = stage(server, _kill_at("event 7"), claim_after_s=0.03, deliveries=5)
            await one.start()
            await _live(one)

    crashing = asyncio.create_task(keep_starting())
    await until(is_over, within_s=20)
    crashing.cancel()
    with suppress(asyncio.CancelledError):
        await crashing

    assert await counted(partition) == {f"event {number}": 1 for number in range(20) if number != 7}
    assert [decode(letter["event"]).id async for letter in letters(partition)] == ["event 7"]


async def test_a_stage_ends_at_the_first_cancellation_whatever_it_is_doing(server: Server) -> None:
    partition = server.partition("p0")
    await append(partition, range(3_000))
    for pause_ms in range(20):
        stages = [stage(server, batch=5) for _ in range(3)]
        for one in stages:
            await one.start()
        living = [asyncio.create_task(_live(one)) for one in stages]
        await asyncio.wait(living, timeout=pause_ms / 1_000)

        for task in living:
            task.cancel()

        _, left = await asyncio.wait(living, timeout=3)
        assert not left
