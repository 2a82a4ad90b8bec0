"""Kill and freeze workers, and the server, under load; then count what was lost and what was done twice.

`make chaos` runs it at full size. The last line is one JSON object.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from labelwright.logs import configure
from tests.chaos.mutants import MUTANTS
from tests.chaos.rounds import Round, Size
from tests.simulation.schedule import commit

EVENTS_A_ROUND = 40_000
"""Each round has a server of its own, so that what it loads after each kill stays bounded though nothing is trimmed."""


def chaos(size: Size, seed: int) -> dict[str, Any]:
    """Run rounds until all is done to all; the figures."""
    began, figures, faults = time.monotonic(), Counter[str](), list[str]()
    rounds = max(1, round(size.events / EVENTS_A_ROUND))
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="labelwright-chaos-") as folder:
            one = Round(Path(folder), f"{seed}.{number}", size.share(number, rounds))
            counted = one.run()
        figures.update(worker_kills=one.size.kills, freezes=one.size.freezes, server_kills=one.size.server_kills)
        figures.update(events=counted.events, lost=counted.lost.total(), doubled=counted.doubled.total())
        figures.update(rejected=counted.rejected.total(), dead=counted.dead.total())
        faults += one.faults
        print(f"round {number + 1} of {rounds}, {time.monotonic() - began:.0f} s: {counted}", file=sys.stderr)
    ended = {"seed": seed, "commit": commit(), "seconds": round(time.monotonic() - began, 1)}
    return {**figures, "faults": faults, **ended}


def main() -> int:
    """Print the figures; 1 if anything was lost, doubled, turned away or buried, or if a process failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000, help="workers killed -9")
    parser.add_argument("--freezes", type=int, default=300, help="workers stopped for longer than the claim time")
    parser.add_argument("--server-kills", type=int, default=100, help="times that the server is killed -9")
    parser.add_argument("--events", type=int, default=400_000, help="feedback events that are published")
    parser.add_argument("--seed", type=int, default=1, help="of what is published, and of what is done to whom")
    parser.add_argument("--mutant", choices=MUTANTS, help="plant a fault, to see that it is found")
    parser.add_argument("--json", action="store_true", help="say nothing else on the way")
    asked = parser.parse_args()
    if asked.mutant:
        MUTANTS[asked.mutant]()
    configure("json", level=50 if asked.json else 40)  # refusals are what this is about
    gc.freeze()  # as a process of ours does before it works; here for all that are forked
    figures = chaos(Size(asked.events, asked.kills, asked.freezes, asked.server_kills), asked.seed)
    print(json.dumps(figures))
    return 1 if any(figures[name] for name in ("lost", "doubled", "rejected", "dead", "faults")) else 0


if __name__ == "__main__":
    sys.exit(main())
