"""A stage on the real server that decides as a test says; it reads and writes intake's streams."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackReceived, Subject
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Commit, Decision
from labelwright.engine.tables import Counter, Register
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage

handled = Register("intake.handled")
tallies = Counter("intake.tallies")


def said(number: int, comment: str = "the answer is wrong") -> Event[Payload]:
    """One piece of feedback, `event <number>`."""
    feedback = FeedbackReceived(kind="text", comment=comment, subject=Subject(type="screen", id="checkout"))
    return Event(f"event {number}", "/test", "shop", datetime(2026, 11, 2, tzinfo=UTC), feedback)


def mark(batch: Sequence[Event[Payload]], _state: Any) -> Iterator[Decision]:
    """Note each event by its id, and count it."""
    for event in batch:
        yield Commit(effects=[handled.put(event.id, "once"), tallies.add(event.id)])


def stage(
    server: Server, decide: Any = mark, load: Any = None, partition: str = "p0", name: str = "intake", **changed: Any
) -> Stage:
    """A replica of intake, or of another service, that decides like this; `changed` are settings."""
    settings = server.settings.model_copy(update=changed)
    return Stage(Service(name, load or _nothing, decide), server.partition(partition), settings)


@asynccontextmanager
async def running(*stages: Stage) -> AsyncIterator[None]:
    """Start stages and let them turn; at the end they are cut off, as by a kill."""
    for one in stages:
        await one.start()
    tasks = [asyncio.create_task(_turn_for_ever(one)) for one in stages]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def counted(partition: Partition) -> dict[str, int]:
    """How often each event had its effect."""
    (found,) = await (await partition.reads())(tallies.all())
    return dict(found)


async def pending(partition: Partition, stream: str = "feedback", group: str = "intake") -> int:
    """How many entries the group holds unfinished."""
    summary = await partition.client.xpending(partition.key(stream), group)
    return int(summary["pending"])


async def append(partition: Partition, numbers: Iterable[int]) -> None:
    """Publish feedback with these numbers."""
    await partition.append([said(number) for number in numbers])


async def contents(client: Any) -> dict[bytes, bytes]:
    """Every key of the server with its serialised value: equal before and after means that nothing was written."""
    return {key: await client.dump(key) async for key in client.scan_iter(count=1_000)}


async def _nothing(_batch: Sequence[Event[Payload]], _reads: Any) -> None:
    """Nothing needs to be known."""


async def _turn_for_ever(one: Stage) -> None:
    while True:
        await one.read_once()
        if one.fault:
            return
