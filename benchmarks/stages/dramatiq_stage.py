"""dramatiq's stage over Redis: an actor that sends to the next one, acknowledged when it is done."""

import threading
from typing import Any, Final

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from benchmarks.stages.work import Observation, check, observations

THREADS: Final = 4
"""Of 1, 4 and 8 the fastest for a stage that waits for Redis alone."""


class OnDramatiq:
    """A stage that dramatiq runs in threads of one process."""

    def fill(self, url: str, entries: int) -> None:
        """Send messages."""
        _, stage = _actors(url)
        for observation in observations(entries):
            stage.send(observation.model_dump(mode="json"))

    def run(self, url: str) -> None:
        """Work for ever."""
        broker, _ = _actors(url)
        dramatiq.Worker(broker, queues={"in"}, worker_threads=THREADS).start()
        threading.Event().wait()

    def passed_on(self, client: redis.Redis) -> int:
        """Count the next messages."""
        return int(client.llen("dramatiq:out"))


def _actors(url: str) -> tuple[RedisBroker, Any]:
    broker = RedisBroker(url=url)  # type: ignore[no-untyped-call]  # it takes what redis-py takes, untyped

    @dramatiq.actor(broker=broker, queue_name="out")
    def passed_on(checked: dict[str, Any]) -> None:
        """Stand for the next stage; nobody runs it."""

    @dramatiq.actor(broker=broker, queue_name="in")
    def stage(observation: dict[str, Any]) -> None:
        passed_on.send(check(Observation.model_validate(observation)).model_dump(mode="json"))

    return broker, stage


CONTENDERS: Final = {"dramatiq": OnDramatiq()}
