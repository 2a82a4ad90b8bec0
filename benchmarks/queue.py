"""`make bench-queue`: how long items wait when ranked by `labelwright.ageing`, beside first come and strict priority.

A simulation: one annotator who labels an item a minute, items at random at a stated load for a week, then at 0.6 for a
week in which the queue drains. 70 % are plain, 25 % are serious, 5 % are grave; how many users say so, and whether in
words, is drawn too, and the priority is what triage's own formula makes of it. Every order serves the same items and
never idles while one waits. Equal seeds give equal figures.
"""

import argparse
import heapq
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from labelwright.ageing import rank
from services.triage.priority import factors, novelty, priority

START: Final = datetime(2026, 1, 5, tzinfo=UTC)
A_LABEL: Final = timedelta(minutes=1)
LOADS: Final = (0.9, 1.25, 2.0)
AFTERWARDS: Final = 0.6
KINDS: Final = {"plain": 2, "serious": 4, "grave": 8}
"""The kinds of items, as triage counts how severe they are."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An item, when it came and how urgent it is."""

    kind: str
    priority: float
    since: datetime


Order = Callable[[Arrival], tuple[float, ...]]
"""What arrivals are ranked by, least first."""


def aged(hours: float) -> Order:
    """Return the order of `labelwright.ageing.rank` with so many hours for a doubling of the priority."""
    doubling = timedelta(hours=hours)
    return lambda arrival: (rank(arrival.priority, arrival.since, doubling),)


ORDERS: Final[dict[str, Order]] = {
    "first come": lambda arrival: (arrival.since.timestamp(),),
    "strict": lambda arrival: (-arrival.priority, arrival.since.timestamp()),
    "aged 6 h": aged(6),
    "aged 12 h": aged(12),
    "aged 24 h": aged(24),
}


def arrivals(load: float, seed: int, week: timedelta = timedelta(days=7)) -> list[Arrival]:
    """Return a week of items at a load, and one at 0.6, at random."""
    chance = random.Random(f"{load} {seed}")  # the wait of a queue is no secret
    return [
        Arrival(kind, _priority(kind, chance), moment)
        for share, begin in ((load, START), (AFTERWARDS, START + week))
        for moment in _moments(chance, share, begin, begin + week)
        for kind in chance.choices(list(KINDS), (70, 25, 5))
    ]


def waits(coming: Sequence[Arrival], order: Order) -> list[timedelta]:
    """Return how long each arrival waits for its turn, in the order in which they come."""
    queue: list[tuple[tuple[float, ...], int]] = []
    waited, free, number = [timedelta()] * len(coming), START, 0
    while queue or number < len(coming):
        if not queue:
            free = max(free, coming[number].since)
        while number < len(coming) and coming[number].since <= free:
            heapq.heappush(queue, (order(coming[number]), number))
            number += 1
        _, first = heapq.heappop(queue)
        waited[first] = free - coming[first].since
        free += A_LABEL
    return waited


def report(loads: Sequence[float], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return hours waited (median, 95th percentile, longest) by load, order and kind, over all seeds."""
    rows = []
    for load in loads:
        weeks = [arrivals(load, seed) for seed in seeds]
        for name, order in ORDERS.items():
            waited = [(one.kind, wait) for week in weeks for one, wait in zip(week, waits(week, order), strict=True)]
            by_kind = {kind: _hours([wait for one, wait in waited if kind in (one, "all")]) for kind in ("all", *KINDS)}
            rows.append({"load": load, "order": name, **by_kind})
    return rows


def main() -> None:
    """Print the table, and one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    rows = report(LOADS, seeds)
    print("hours waited, p50/p95/longest")
    print(_line("load", "order", "all", *KINDS))
    print(_line(*["---"] * 6))
    for row in rows:
        told = ("/".join(f"{hours:.1f}" for hours in row[kind].values()) for kind in ("all", *KINDS))
        print(_line(f"{row['load']}", row["order"], *told))
    print(json.dumps({"seeds": len(seeds), "hours_waited": rows}))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _priority(kind: str, chance: random.Random) -> float:
    """Draw who says it, one user mostly and a hundred now and then, and whether in words: triage makes this of it."""
    users = min(int(chance.paretovariate(1.2)), 100)
    told = novelty(is_in_words=chance.random() < 0.5)
    return priority(factors(severity=KINDS[kind], voices={f"{user:x}.0" for user in range(users)}, novelty=told))


def _moments(chance: random.Random, load: float, begin: datetime, end: datetime) -> Iterator[datetime]:
    moment = begin
    while (moment := moment + chance.expovariate(load) * A_LABEL) < end:
        yield moment


def _hours(waited: Sequence[timedelta]) -> dict[str, float]:
    ordered = sorted(waited)
    at = {"p50": ordered[len(ordered) // 2], "p95": ordered[len(ordered) * 95 // 100], "longest": ordered[-1]}
    return {name: round(wait / timedelta(hours=1), 2) for name, wait in at.items()}


if __name__ == "__main__":
    main()
