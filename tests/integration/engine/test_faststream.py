"""What we use of FastStream beyond its public face, so that a version that changes it fails here, not at night."""

import asyncio
from typing import Any

import pytest
from faststream import AckPolicy
from faststream.redis import RedisBroker, StreamSub

from labelwright.runtime.process import _subscribe
from labelwright.runtime.server import Server
from tests.conftest import until
from tests.integration.engine.stages import append, counted, stage

pytestmark = [pytest.mark.server, pytest.mark.anyio]


def _broker(server: Server) -> Any:
    make: Any = RedisBroker
    return make(server.settings.redis_url, logger=None)


async def test_a_started_subscriber_calls_our_read_again_and_again_until_it_is_stopped(server: Server) -> None:
    broker, calls, events = _broker(server), 0, asyncio.Event()
    subscriber = broker.subscriber(
        stream=StreamSub("{p0}:feedback", group="intake", consumer="me", last_id="0"), ack_policy=AckPolicy.MANUAL
    )

    async def handle(message: Any) -> None:
        raise AssertionError(f"FastStream read {message!r} by itself")

    async def read(*_: Any) -> None:
        nonlocal calls
        calls += 1
        events.set()
        await asyncio.sleep(0)

    subscriber(handle)
    subscriber._get_msgs = read
    await append(server.partition("p0"), [1])
    await broker.start()

    async def was_called_often() -> bool:
        return calls > 10

    await until(was_called_often)
    await broker.stop()
    ended_at = calls
    events.clear()
    await asyncio.wait([asyncio.create_task(events.wait())], timeout=0.05)

    assert calls == ended_at


async def test_a_group_that_is_there_is_kept_as_it_is(server: Server) -> None:
    partition, one = server.partition("p0"), stage(server)
    await append(partition, range(3))
    await one.start()
    await partition.client.xreadgroup("intake", "another", {partition.key("feedback"): ">"}, count=2)
    broker = _broker(server)
    _subscribe(broker, one)

    await broker.start()

    async def has_read() -> bool:
        return len(await counted(partition)) == 1

    await until(has_read)
    await one.stop()
    await broker.stop()
    assert await counted(partition) == {"event 2": 1}


async def test_a_stage_lives_as_a_subscriber_and_ends_with_its_broker(server: Server) -> None:
    partition, one = server.partition("p0"), stage(server)
    await one.start()
    broker = _broker(server)
    _subscribe(broker, one)
    await broker.start()
    await append(partition, range(100))

    async def all_handled() -> bool:
        return len(await counted(partition)) == 100

    await until(all_handled)
    await one.stop()
    async with asyncio.timeout(5):
        await broker.stop()

    beat_s = one.beat_s
    await append(partition, [100])
    assert one.beat_s == beat_s
    assert set((await counted(partition)).values()) == {1}
