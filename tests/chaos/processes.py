"""What chaos is done to: workers that run our real stages, and producers; forked, so that they share our imports."""

import asyncio
import os
import random
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, NoReturn

from redis.exceptions import RedisError

from labelwright.errors import ServerRefuses
from labelwright.runtime.partition import Partition
from labelwright.runtime.process import connect
from labelwright.runtime.server import refusing
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.settings import LabelwrightSettings
from tests.chaos.load import batches, by_xadd, through_gateway, told

SERVICES: Final = [Service.named(name) for name in ("intake", "triage", "resolve")]
"""What each worker runs; imported once, here, so that a fork is at work within 30 ms."""

OK, FAULT, AWAY = 0, 1, 3
MOST_WAITING: Final = 2_000
"""So many events may wait for intake and triage before producers hold back."""

LOST_REPLIES: Final = 0.1
"""Share of publications that are repeated as if their reply had been lost, beside those that a killed server loses."""


def fork(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Start a process that runs `main` and return its id; the caller must have no thread and no running loop."""
    pid = os.fork()
    if pid == 0:
        _run(main)
    return pid


def _run(main: Callable[[], Coroutine[Any, Any, int]]) -> NoReturn:
    code = FAULT
    try:
        code = asyncio.run(main())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)  # nothing of the parent's may be flushed or cleaned up here


async def work(options: LabelwrightSettings) -> int:
    """Run every service on every partition until killed, or until the parent is gone; the exit code."""
    parent = os.getppid()
    try:
        server = await connect(options)
        stages = [Stage(service, partition, options) for service in SERVICES for partition in server.partitions]
        with refusing():
            for stage in stages:
                await stage.start()
    except ServerRefuses:
        return AWAY
    turning = [asyncio.create_task(_turn_for_ever(stage)) for stage in stages]
    while turning:
        await asyncio.wait(turning, timeout=0.2)
        if any(stage.fault for stage in stages):
            return FAULT
        if os.getppid() != parent:
            break
    return OK


async def _turn_for_ever(stage: Stage) -> None:
    while True:
        await stage.read_once()


async def produce(options: LabelwrightSettings, seed: str, producer: int, events: int) -> int:
    """Publish all of a producer's events, retrying until each is acknowledged; exit code 0 says that each was."""
    parent = os.getppid()
    chance = random.Random(f"{seed}.{producer}.publish")
    partition = (await connect(options)).partitions[0]
    for batch in batches(told(seed, producer, events), chance):
        send = chance.choice((through_gateway, by_xadd))
        copies = 2 if chance.random() < LOST_REPLIES else 1
        while copies and os.getppid() == parent:
            with suppress(RedisError, OSError):
                await _room(partition)
                await send(partition, batch)
                copies -= 1
            if copies:
                await asyncio.sleep(chance.uniform(0, 0.1))
    return OK


async def _room(partition: Partition) -> None:
    """Wait, but not for ever: what nobody handles must not end the load."""
    for _ in range(50):
        if await _waiting(partition) <= MOST_WAITING:
            return
        await asyncio.sleep(0.02)


async def _waiting(partition: Partition) -> int:
    feedback, accepted = await partition.unfinished("feedback"), await partition.unfinished("accepted")
    return feedback["intake"] + accepted["triage"]
