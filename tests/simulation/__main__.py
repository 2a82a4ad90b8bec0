"""Run the simulation at any size: `python -m tests.simulation --steps 1000000 --seed 7 --json`."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom
from typing import Any

from labelwright.runtime.embedded import Embedded
from tests.simulation.mutants import MUTANTS, killed_at
from tests.simulation.schedule import commit, run_schedule
from tests.simulation.world import Ground, Release

MOST_VIOLATIONS = 5


@contextmanager
def arena() -> Iterator[str]:
    """Run a server whose streams can be trimmed to the entry, and yield its URL."""
    with tempfile.TemporaryDirectory(prefix="labelwright-simulation-") as folder:
        server = Embedded(Path(folder), options=("--appendonly", "no", "--stream-node-max-entries", "1")).start()
        try:
            yield server.url
        finally:
            server.kill()


async def simulate(url: str, steps: int, seed: int) -> dict[str, Any]:
    """Run schedules of `seed`, `seed + 1`, … until so many steps were taken, then every mutant; the figures."""
    began = time.perf_counter()
    taken = schedules = 0
    violations: list[str] = []
    async with Ground.on(url) as ground:
        while taken < steps and len(violations) < MOST_VIOLATIONS:
            outcome = await run_schedule(ground, seed + schedules, Release())
            taken += outcome.steps
            schedules += 1
            if outcome.violation:
                violations.append(outcome.violation)
        mutants = {name: await killed_at(ground, mutant) for name, mutant in MUTANTS.items()}
    return {
        "steps": taken,
        "schedules": schedules,
        "violations": violations,
        "mutants_killed": sum(found is not None for found in mutants.values()),
        "mutants_survived": sorted(name for name, found in mutants.items() if found is None),
        "killed_at_seed": mutants,
        "seed": seed,
        "commit": commit(),
        "seconds": round(time.perf_counter() - began, 1),
    }


def main() -> int:
    """Print the figures; 1 if a law was broken or a mutant survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--steps", type=int, default=60_000, help="commands of actors in all")
    parser.add_argument("--seed", type=int, help="of the first schedule; by default chosen by chance")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else SystemRandom().randrange(1_000_000_000)
    with arena() as url:
        figures = asyncio.run(simulate(url, asked.steps, seed))
    if asked.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name}: {figure}" for name, figure in figures.items()))
    return 1 if figures["violations"] or figures["mutants_survived"] else 0


if __name__ == "__main__":
    sys.exit(main())
