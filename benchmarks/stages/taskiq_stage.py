"""taskiq's stage over Redis Streams: a task that sends the next one, acknowledged when it is done."""

import asyncio
from typing import Any, Final

import redis
from taskiq.api import run_receiver_task
from taskiq_redis import RedisStreamBroker

from benchmarks.stages.work import BATCH, Checked, Observation, check, observations

IN, OUT = "taskiq:in", "taskiq:out"


class OnTaskiq:
    """A stage that taskiq runs, up to 100 tasks at once (its default)."""

    def fill(self, url: str, entries: int) -> None:
        """Send tasks."""
        asyncio.run(_fill(url, entries))

    def run(self, url: str) -> None:
        """Work for ever."""
        broker, _ = _tasks(url)
        asyncio.run(run_receiver_task(broker, run_startup=True))

    def passed_on(self, client: redis.Redis) -> int:
        """Count the next tasks."""
        return int(client.xlen(OUT))


def _tasks(url: str) -> tuple[RedisStreamBroker, Any]:
    broker = RedisStreamBroker(url, queue_name=IN, consumer_id="0", xread_count=BATCH)

    @broker.task(queue_name=OUT)
    async def passed_on(checked: Checked) -> None:
        """Stand for the next stage; nobody runs it."""

    @broker.task
    async def stage(observation: Observation) -> None:
        await passed_on.kiq(check(observation))

    return broker, stage


async def _fill(url: str, entries: int) -> None:
    broker, stage = _tasks(url)
    await broker.startup()
    for observation in observations(entries):
        await stage.kiq(observation)
    await broker.shutdown()


CONTENDERS: Final = {"taskiq": OnTaskiq()}
