"""A round of chaos: a server, workers and producers; kills and freezes spread over the load; then the tally."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Coroutine
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import redis

from labelwright import topology
from labelwright.registry import apply_project
from labelwright.runtime.embedded import Embedded
from labelwright.runtime.process import connect
from labelwright.runtime.server import Server
from labelwright.settings import LabelwrightSettings
from tests.chaos.load import project_file, told
from tests.chaos.processes import AWAY, OK, SERVICES, fork, produce, work
from tests.chaos.tally import Tally, tally

T = TypeVar("T")

WORKERS, LEAST_RUNNING, PRODUCERS = 6, 2, 2
CLAIM_AFTER_S: Final = 1.0
BATCH: Final = 50
"""Small, as the claim time is short: colleagues must not take over what is just being worked on."""

FROZEN_S: Final = (1.2 * CLAIM_AFTER_S, 2.5 * CLAIM_AFTER_S)
LEAST_GAP_S, MOST_GAP_S = 0.1, 1.0
SETTLED_S: Final = 0.5
"""Who was let go on last has committed after this, too late."""

STALLED_S: Final = 8 * CLAIM_AFTER_S
"""When for so long nothing moves, nothing more will be done about what waits."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is published and done to the processes."""

    events: int
    kills: int
    freezes: int
    server_kills: int

    def share(self, number: int, of: int) -> "Size":
        """Return one of so many shares that are as equal as can be and together the whole."""
        return Size(*(total // of + (number < total % of) for total in astuple(self)))


@dataclass(slots=True)
class Worker:
    """A worker process; `thaw_at` is when it goes on, while it is frozen."""

    pid: int
    thaw_at: float | None = None


class Round:
    """One round. What is done to whom, in which order, follows from the seed; when, from the load."""

    def __init__(self, folder: Path, seed: str, size: Size) -> None:
        self.seed = seed
        self.size = size
        self.workers: list[Worker] = []
        self.producers: list[int] = []
        self.faults: list[str] = []
        self._chance = random.Random(seed)
        self._server = Embedded(folder)
        self._options = LabelwrightSettings(redis_url=self._server.url, claim_after_s=CLAIM_AFTER_S, batch=BATCH)

    def run(self) -> Tally:
        """Publish, kill, wait until nothing is pending, and count. `faults` then says who ended unasked."""
        self._server.start()
        try:
            self._ask(_prepare)
            self._hire()
            shares = [self.size.share(number, PRODUCERS).events for number in range(PRODUCERS)]
            for number, share in enumerate(shares):
                self.producers.append(fork(partial(produce, self._options, self.seed, number, share)))
            plan = self._plan()
            for number, action in enumerate(plan):
                self._await_load(self.size.events * number // len(plan))
                action()
            self._await_rest()
            events = [event for number, share in enumerate(shares) for event in told(self.seed, number, share)]
            return self._ask(lambda server: tally(server.partitions[0], events))
        finally:
            for pid in [*self.producers, *(worker.pid for worker in self.workers)]:
                _end(pid)
            self._server.kill()

    def _plan(self) -> list[Callable[[], None]]:
        size = self.size
        plan = [self._kill] * size.kills + [self._freeze] * size.freezes + [self._kill_server] * size.server_kills
        self._chance.shuffle(plan)
        return plan

    def _kill(self) -> None:
        victim = self._chance.choice(self._running())
        _end(victim.pid)
        self.workers.remove(victim)
        self._hire()

    def _freeze(self) -> None:
        victim = self._chance.choice(self._running())
        os.kill(victim.pid, signal.SIGSTOP)
        victim.thaw_at = time.monotonic() + self._chance.uniform(*FROZEN_S)

    def _kill_server(self) -> None:
        self._server.kill()
        self._server.start()

    def _await_load(self, events: int) -> None:
        """Wait until so many events are published (or that takes long), and until there are workers to choose from."""
        began = time.monotonic()
        while True:
            self._look_after()
            waited_s = time.monotonic() - began
            is_due = waited_s > MOST_GAP_S or (waited_s > LEAST_GAP_S and self._published() >= events)
            if is_due and len(self._running()) > LEAST_RUNNING:
                return
            time.sleep(0.01)

    def _await_rest(self) -> None:
        """Wait until all is published and handled and nobody is frozen, or until nothing moves any more."""
        before, moved_at = (-1, -1, -1), time.monotonic()
        while True:
            self._look_after()
            now = self._published(), self._ask(unfinished), len(self._running())
            if now != before:
                before, moved_at = now, time.monotonic()
            still_s = time.monotonic() - moved_at
            is_at_rest = not self.producers and now[1:] == (0, WORKERS)
            if is_at_rest and still_s > SETTLED_S:
                return
            if still_s > STALLED_S:
                self.faults += ["a producer never came to its end"] * len(self.producers)
                return
            time.sleep(0.05)

    def _look_after(self) -> None:
        """Let the frozen go on when it is time, note who ended unasked, and replace workers."""
        for worker in list(self.workers):
            if worker.thaw_at and time.monotonic() > worker.thaw_at:
                os.kill(worker.pid, signal.SIGCONT)
                worker.thaw_at = None
            code = _exit_code(worker.pid)
            if code is not None:
                self.workers.remove(worker)
                if code != AWAY:  # it may start while the server is killed
                    self.faults.append(f"a worker ended by itself with exit code {code}")
        self._hire()
        for pid in list(self.producers):
            code = _exit_code(pid)
            if code is not None:
                self.producers.remove(pid)
                if code != OK:
                    self.faults.append(f"a producer ended with exit code {code}")

    def _hire(self) -> None:
        while len(self.workers) < WORKERS:
            self.workers.append(Worker(fork(partial(work, self._options))))

    def _running(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.thaw_at is None]

    def _published(self) -> int:
        with redis.Redis.from_url(self._server.url) as client:
            return int(client.xlen("{p0}:feedback"))

    def _ask(self, question: Callable[[Server], Coroutine[Any, Any, T]]) -> T:
        async def asked() -> T:
            server = await connect(self._options)
            try:
                return await question(server)
            finally:
                await server.close()

        return asyncio.run(asked())


async def _prepare(server: Server) -> None:
    await apply_project(server, project_file())
    for service in SERVICES:
        await server.partitions[0].ensure_groups(service.name)


async def unfinished(server: Server) -> int:
    """Count what is published and not handled yet; a clock's ticks come for ever."""
    partition, found = server.partitions[0], 0
    for service in SERVICES:
        for stream in set(topology.inputs(service.name)) & topology.STREAMS.keys():
            found += (await partition.unfinished(stream))[service.name]
    return found


def _exit_code(pid: int) -> int | None:
    """Return how a child ended, None if it didn't; to be asked until it is told, once."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
