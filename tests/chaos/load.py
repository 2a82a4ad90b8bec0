"""What producers publish, and how: feedback whose item follows from the seed, so that it can be counted afterwards."""

import asyncio
import hashlib
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from labelwright.contracts.envelope import Event, encode
from labelwright.contracts.feedback import FeedbackReceived, Subject
from labelwright.contracts.project import Guideline, LabelDefinition, ProjectFile, Source
from labelwright.runtime.partition import FeedbackToPublish, Limit, Partition

PROJECT: Final = "chaos"
MOST_AT_ONCE: Final = 40
EVENTS_AN_ITEM: Final = 10
HOT_ITEMS, HOT_SHARE = 5, 0.3
"""Every third event is about one of five items, so that colleagues meet at the same item all the time."""

Batch = Sequence[Event[FeedbackReceived]]


def project_file() -> ProjectFile:
    """One question, one source: all of resolve's decisions are to ask."""
    return ProjectFile(
        project=PROJECT,
        guideline=Guideline(question="Is it so?", labels=[LabelDefinition(name=name) for name in ("yes", "no")]),
        sources=[Source(name="crowd", kind="crowd", price_usd=0.1)],
        wrong_label_costs_usd=5,
    )


def told(seed: str, producer: int, events: int) -> Iterator[Event[FeedbackReceived]]:
    """Yield what a producer publishes: the same for the same seed but for the time at which it says it."""
    chance = random.Random(f"{seed}.{producer}")
    now = datetime.now(UTC)
    for number in range(events):
        kinds = HOT_ITEMS if chance.random() < HOT_SHARE else max(1, events // EVENTS_AN_ITEM)
        feedback = FeedbackReceived(
            kind="text",
            comment=f"the total of order {chance.randrange(kinds)} is not what the invoice says",
            subject=Subject(type="screen", id="orders"),
            user=f"user{chance.randrange(1_000)}",
        )
        yield Event(f"{producer}-{number}", "/shop", PROJECT, now, feedback)


def batches(events: Iterator[Event[FeedbackReceived]], chance: random.Random) -> Iterator[Batch]:
    """Yield the events as they are published together."""
    while batch := list(islice(events, chance.randint(1, MOST_AT_ONCE))):
        yield batch


async def through_gateway(partition: Partition, batch: Batch) -> None:
    """Publish by the function that the gateway calls."""
    encoded = [(event.id, encode(event)) for event in batch]
    ready = [FeedbackToPublish(name, hashlib.sha256(body).hexdigest(), body) for name, body in encoded]
    published = await partition.publish(PROJECT, ready, Limit(events_per_s=1e6, burst=1_000_000))
    if not set(published.statuses) <= {"accepted", "duplicate"}:
        raise AssertionError(f"the gateway's function answered {published.statuses}")


async def by_xadd(partition: Partition, batch: Batch) -> None:
    """Publish as whoever has only a Redis client does."""
    await partition.append(batch)


async def publish_until(is_over: asyncio.Event, partition: Partition, seed: str) -> list[Event[FeedbackReceived]]:
    """Publish some hundred events a second until told to end; what was published."""
    published: list[Event[FeedbackReceived]] = []
    for batch in batches(told(seed, 0, 1_000_000), random.Random(seed)):
        if is_over.is_set():
            break
        await through_gateway(partition, batch)
        published += batch
        await asyncio.sleep(0.04)
    return published
