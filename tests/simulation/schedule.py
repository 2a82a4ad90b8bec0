"""One schedule: a seed decides whose command comes next, and what befalls whom; then quiet, and the laws."""

import hashlib
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.simulation.gate import Fate
from tests.simulation.world import STAGES, Ground, Release, Violation, World

STEPS: Final = 200
MOST_ROUNDS: Final = 60

FATES: Final = {
    Fate.ANSWERED: 0.955,
    Fate.REPLY_LOST: 0.025,
    Fate.SENDER_DIES_BEFORE: 0.01,
    Fate.SENDER_DIES_AFTER: 0.01,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a schedule went: its steps, a hash of who took them in which order, and the law that it broke."""

    seed: int
    steps: int
    trail: str
    violation: str | None = None


async def run_schedule(ground: Ground, seed: int, release: Release) -> Outcome:
    """Run one schedule to its end and judge it. Equal seeds give equal schedules."""
    schedule = Schedule(World(ground, Random(seed), release))
    broken = None
    try:
        await schedule.run()
    except Violation as violation:
        broken = f"seed {seed} at commit {commit()}: {violation}"
    finally:
        await schedule.world.end()
    return Outcome(seed, schedule.steps, schedule.trail.hexdigest()[:16], broken)


class Schedule:
    """Chooses, by the world's one source of chance, what happens next."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.steps = 0
        self.trail = hashlib.sha256()
        self._accidents: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (0.01, world.lose_functions),
            (0.01, world.rewind),
            (0.015, world.break_key),
            (0.02, self._leave),
        ]

    async def run(self) -> None:
        """Let it happen, let it come to rest, replay what died, and judge. Raises Violation."""
        await self.world.begin()
        triage_joins_at = self.world.random.randrange(STEPS // 2)
        for step in range(STEPS):
            if step == triage_joins_at:
                for _ in range(3):
                    await self.world.join("triage")
            await self._step()
        await self.world.mend_key()
        await self._come_to_rest()
        while await self.world.replay_letters():
            await self._come_to_rest()
        await self.world.check()

    async def _step(self) -> None:
        self.steps += 1
        chance = self.world.random.random()
        for share, accident in self._accidents:
            if chance < share:
                await accident()
                return
            chance -= share
        actor = self.world.random.choice(self.world.actors())
        which = self.world.random.randrange(actor.commands)
        (fate,) = self.world.random.choices(list(FATES), list(FATES.values()))
        self.trail.update(f"{actor.name} {which} {fate.name}\n".encode())
        await actor.step(fate, which)
        await self.world.replace_the_dead()

    async def _leave(self) -> None:
        if alive := [consumer for consumer in self.world.alive() if not consumer.leaving]:
            self.world.random.choice(alive).leave()

    async def _come_to_rest(self) -> None:
        """Let everyone go on undisturbed, the consumers one turn at a time, until nothing is left to do."""
        for _ in range(MOST_ROUNDS):
            for name, actor in self.world.others.items():
                while name != "trimmer" and not actor.is_over:
                    await self._quiet(actor.step)
            for consumer in self.world.alive():
                turns = consumer.turns
                while consumer.turns == turns and not consumer.actor.is_over:
                    await self._quiet(consumer.actor.step)
            await self.world.replace_the_dead()
            if not await self.world.backlog():
                return
        raise Violation(f"the stages {STAGES} never finish what there is: {await self.world.partition.backlog()}")

    async def _quiet(self, step: Callable[[], Awaitable[None]]) -> None:
        self.steps += 1
        await step()


def commit() -> str:
    """Return the commit that is tested, so that a seed can be run again where it failed."""
    told = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"
