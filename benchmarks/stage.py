"""`make bench-stage`: our stage beside its peers, in turns, on the same server, with the same payload.

The load is published before a worker starts; a rate is what was passed on, from a tenth of the load to all of it, by
the time between: starting up is not counted. Rounds are interleaved and ours is compared with each peer within a round,
for the machine's speed drifts; medians of the rounds are told.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from importlib.metadata import version
from operator import truediv
from typing import Any, Final

import redis

from benchmarks.stages import NAMES, named
from benchmarks.stages.work import observations
from labelwright.runtime.embedded import temporary

ENTRIES: Final = {"ours": 40_000, "faststream_batch": 20_000, "faststream_batch_published": 20_000}
FEW: Final = 4_000
"""Entries for those that take one at a time."""

PATIENCE_S: Final = 120.0
PACKAGES: Final = ("faststream", "taskiq", "taskiq-redis", "dramatiq", "celery", "redis", "hiredis", "pydantic")


def main() -> None:
    """Run the rounds and print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=NAMES, choices=NAMES)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual load")
    chosen = parser.parse_args()
    rates: dict[str, list[float]] = defaultdict(list)
    with temporary() as url:
        for turn in range(chosen.rounds):
            for name in chosen.only:
                rates[name].append(rate_of(name, url, max(200, int(entries_of(name) * chosen.scale))))
                print(f"round {turn + 1}  {name:22} {rates[name][-1]:9,.0f} entries/s", flush=True)
        facts = _facts(url)
    print(json.dumps(report(rates) | facts))


def entries_of(name: str) -> int:
    """Return how many entries make a run of some seconds."""
    return ENTRIES.get(name) or ENTRIES.get(name.partition("_")[0], FEW)


def rate_of(name: str, url: str, entries: int) -> float:
    """Return the entries a second that a contender drains, in a process of its own on an empty server."""
    contender = named(name)
    with redis.Redis.from_url(url) as client:
        client.flushall()
        contender.fill(url, entries)
        command = [sys.executable, "-m", "benchmarks.stages", name, url]
        worker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + PATIENCE_S
            first, began = _reach(contender, client, worker, entries // 10, deadline)
            last, ended = _reach(contender, client, worker, entries, deadline)
        finally:
            worker.kill()
            worker.wait()
    if last != entries:
        raise SystemExit(f"{name} passed on {last} of {entries} entries; it must pass on each once")
    return (last - first) / (ended - began)


def _reach(
    contender: Any, client: redis.Redis, worker: "subprocess.Popen[bytes]", wanted: int, deadline: float
) -> tuple[int, float]:
    while True:
        count, now = contender.passed_on(client), time.monotonic()
        if count >= wanted:
            return count, now
        if worker.poll() is not None or now > deadline:
            raise SystemExit(f"the worker stands at {count} of {wanted} entries (exit code {worker.poll()})")
        time.sleep(0.005)


def report(rates: dict[str, list[float]]) -> dict[str, Any]:
    """Return how many times ours is faster than each, as the median of the rounds, and the median rates."""
    times = {
        f"times_{name}": round(statistics.median(map(truediv, rates["ours"], of_one)), 2)
        for name, of_one in rates.items()
        if "ours" in rates and name != "ours"
    }
    medians = {name: round(statistics.median(of_one)) for name, of_one in rates.items()}
    spread = {name: [round(min(of_one)), round(max(of_one))] for name, of_one in rates.items()}
    return {**times, "entries_per_second": medians, "spread": spread}


def _facts(url: str) -> dict[str, Any]:
    with redis.Redis.from_url(url) as client:
        facts: dict[str, Any] = client.info()
    server = {"valkey": facts["valkey_version"]} if "valkey_version" in facts else {"redis": facts["redis_version"]}
    return {
        "payload_bytes": len(next(observations(1)).model_dump_json()),
        "server": server,
        "persistence": "append-only file, fsync every second",
        "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in PACKAGES},
        "cpus": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    main()
