"""Labelwright's stage as it ships: turns of `Stage` over a partition, in the place that the topology gives to intake.

In three shapes: one partition, like the peers; one partition where a decision also guards and remembers the event's
id, so that what is published twice counts once; two partitions as concurrent loops, as a process runs all of its own.
"""

import asyncio
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import redis

from benchmarks.stages.work import BATCH, Observation, check, observations
from labelwright.contracts.envelope import Event, encode
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Commit, Decision, Reject, emit
from labelwright.engine.reads import Reads
from labelwright.engine.tables import Register
from labelwright.logs import configure
from labelwright.runtime.process import connect
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.settings import LabelwrightSettings

PLACE: Final = "intake"
seen = Register("intake.seen")


def decide(batch: Sequence[Event[Payload]], known: frozenset[str] | None) -> Iterator[Decision]:
    """Yield one decision for each event; where ids are known, each id is passed on once."""
    met = set(known or ())
    for event in batch:
        if not isinstance(event.data, Observation):
            yield Reject("unexpected_type", f"this stage reads no {event.data.type!r}")
        elif known is None:
            yield Commit(effects=[emit(check(event.data))])
        elif event.id in met:
            yield Commit()
        else:
            met.add(event.id)
            yield Commit([seen.lacks(event.id)], [seen.put(event.id, "1"), emit(check(event.data))])


async def nothing(_batch: Sequence[Event[Payload]], _reads: Reads) -> None:
    """Need no state."""


async def known_ids(batch: Sequence[Event[Payload]], reads: Reads) -> frozenset[str]:
    """Read which of the batch's ids were met before."""
    (found,) = await reads(seen.get_many(event.id for event in batch))
    return frozenset(found)


@dataclass(frozen=True)
class Ours:
    """Our stage on so many partitions; see the module."""

    partitions: int = 1
    once_per_id: bool = False

    def fill(self, url: str, entries: int) -> None:
        """Publish events to the partitions in turn."""
        now = datetime.now(UTC)
        with redis.Redis.from_url(url) as client, client.pipeline(transaction=False) as pipeline:
            for number, observation in enumerate(observations(entries)):
                event: Event[Payload] = Event(f"observation-{number}", "/benchmark", "support", now, observation)
                pipeline.xadd(f"{{p{number % self.partitions}}}:feedback", {"event": encode(event)})
                if len(pipeline) == BATCH:
                    pipeline.execute()
            pipeline.execute()

    def run(self, url: str) -> None:
        """Work for ever."""
        asyncio.run(self._run(url))

    def passed_on(self, client: redis.Redis) -> int:
        """Count what reached `accepted`."""
        return sum(client.xlen(f"{{p{number}}}:accepted") for number in range(self.partitions))

    async def _run(self, url: str) -> None:
        configure("json")
        server = await connect(LabelwrightSettings(redis_url=url, partitions=self.partitions, batch=BATCH))
        service = Service(PLACE, known_ids if self.once_per_id else nothing, decide)
        stages = [Stage(service, partition, server.settings) for partition in server.partitions]
        for stage in stages:
            await stage.start()
        gc.collect()
        gc.freeze()  # as Process does
        gc.set_threshold(100_000, 50, 50)
        await asyncio.gather(*map(_turn_for_ever, stages))


async def _turn_for_ever(stage: Stage) -> None:
    while not stage.fault:
        await stage.read_once()


CONTENDERS: Final = {
    "ours": Ours(),
    "ours_once_per_id": Ours(once_per_id=True),
    "ours_two_partitions": Ours(partitions=2),
}
