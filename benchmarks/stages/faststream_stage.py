"""FastStream's stages over Redis Streams: one message at a time with @publisher, and batches in one MULTI.

What follows from a batch is written by bare XADDs (`faststream_batch`), the fastest that may still be called a stage of
FastStream, or by its `publish`, which adds a correlation id and headers (`faststream_batch_published`). Neither logs:
its default logger costs a third of the rate. Groups begin at 0: by default, what was there before is never read.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import redis
from faststream import AckPolicy, FastStream
from faststream.redis import RedisBroker, RedisStreamMessage, StreamSub

from benchmarks.stages.work import BATCH, Checked, Observation, check, observations

IN, OUT, GROUP = "observations", "checked", "stage"
MOST_RECORDS: Final = 500
"""Entries of FastStream's batches: above 200 it still gains."""


def with_publisher(broker: RedisBroker) -> None:
    """Declare the stage as its documentation does; the message is published, then acknowledged."""

    @broker.publisher(stream=OUT)
    @broker.subscriber(stream=StreamSub(IN, group=GROUP, consumer="one", max_records=BATCH), ack_policy=AckPolicy.ACK)
    async def handle(observation: Observation) -> Checked:
        return check(observation)


def in_batches(broker: RedisBroker, *, published: bool = False) -> None:
    """Declare a stage that reads many, and passes on and acknowledges all of them in one MULTI."""

    @broker.subscriber(
        stream=StreamSub(IN, group=GROUP, consumer="one", batch=True, max_records=MOST_RECORDS),
        ack_policy=AckPolicy.MANUAL,
    )
    async def handle(batch: list[Any], message: RedisStreamMessage) -> None:
        client: Any = await broker.connect()
        pipeline = client.pipeline(transaction=True)
        for one in batch:
            checked = check(Observation.model_validate(one))
            if published:
                await broker.publish(checked, stream=OUT, pipeline=pipeline)
            else:
                pipeline.xadd(OUT, {"__data__": checked.model_dump_json()})
        pipeline.xack(IN, GROUP, *message.raw_message["message_ids"])
        await pipeline.execute()


@dataclass(frozen=True)
class OnFastStream:
    """A stage that FastStream runs."""

    declare: Callable[[RedisBroker], None]

    def fill(self, url: str, entries: int) -> None:
        """Publish through FastStream's broker."""
        asyncio.run(_fill(url, entries))

    def run(self, url: str) -> None:
        """Work for ever."""
        broker = _broker(url)
        self.declare(broker)
        asyncio.run(FastStream(broker, logger=None).run())

    def passed_on(self, client: redis.Redis) -> int:
        """Count what reached the next stream."""
        return int(client.xlen(OUT))


def _broker(url: str) -> RedisBroker:
    silent: Any = None  # as its documentation has it, though its types don't
    return RedisBroker(url, logger=silent)


async def _fill(url: str, entries: int) -> None:
    async with _broker(url) as broker:
        client: Any = await broker.connect()
        await client.xgroup_create(IN, GROUP, id="0", mkstream=True)
        pipeline = client.pipeline(transaction=False)
        for observation in observations(entries):
            await broker.publish(observation, stream=IN, pipeline=pipeline)
            if len(pipeline) == BATCH:
                await pipeline.execute()
        await pipeline.execute()


CONTENDERS: Final = {
    "faststream_publisher": OnFastStream(with_publisher),
    "faststream_batch": OnFastStream(in_batches),
    "faststream_batch_published": OnFastStream(partial(in_batches, published=True)),
}
