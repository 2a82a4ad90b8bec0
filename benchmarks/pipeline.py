"""`make bench-pipeline`: the whole pipeline on this machine, from published feedback to labels in the ledger.

Real processes as `labelwright up --only …` starts them, an append-only file that is synced every second, the ledger and
trimming on. Feedback is told in the words of the demo's generator, some of it broken or of an old schema; a share of it
says something new (--new), all else was said lately. It goes in through the server's function that the gateway calls,
or with --http through the gateway itself, which then has its share of the same processors. Machine rules answer; nobody
else is asked.

First as fast as it goes: all that was published, by the time until nothing is left to do for any service. Then half as
fast: how long each accepted event waited until triage's commit placed it in its item, told by the ids that the server
gave to both, as the ledger keeps them.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import msgpack

from labelwright import topology
from labelwright.access import Access
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.contracts.project import ProjectFile, Source
from labelwright.demo.feedback import generate
from labelwright.demo.project import PROJECT, project_file
from labelwright.ledger import Ledger
from labelwright.registry import apply_project
from labelwright.runtime.embedded import Embedded, free_port, secret_of
from labelwright.runtime.partition import FeedbackToPublish, Limit, Partition
from labelwright.runtime.process import connect
from labelwright.runtime.server import Server
from labelwright.sdk.lines import post
from labelwright.settings import LabelwrightSettings

SERVICES: Final = (*topology.STAGES, "publish")
LAYOUTS: Final = {
    "one": (SERVICES,),
    "two": (("intake", "triage"), ("resolve", "dispatch", "annotate", "quality", "themes", "publish")),
    "each": tuple((name,) for name in SERVICES),
}
"""How the services are spread over processes."""

NEW: Final = 0.04
"""The share of the feedback that says something new and so opens an item: of a thousand complaints, forty cases."""

LATELY: Final = 500
"""What was said that many news ago is not said again."""

AT_ONCE: Final = 100
MOST_WAITING: Final = 5_000
NO_LIMIT: Final = Limit(1e6, 1_000_000)
PATIENCE_S: Final = 180.0
_LETTERS: Final = str.maketrans("0123456789", "abcdefghij")

Send = Callable[[Sequence[FeedbackToPublish]], Awaitable[Any]]


def main() -> None:
    """Run both phases and print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=40_000, help="published as fast as it goes")
    parser.add_argument("--seconds", type=float, default=15, help="of the phase at half that rate")
    parser.add_argument("--new", type=float, default=NEW, help="share of the feedback that opens an item")
    parser.add_argument("--layout", choices=LAYOUTS, default="two", help="services in one process, two, or one each")
    parser.add_argument("--http", action="store_true", help="publish through the gateway")
    chosen = parser.parse_args()
    figures = bench(chosen.events, chosen.seconds, chosen.layout, new=chosen.new, over_http=chosen.http)
    print(json.dumps(asyncio.run(figures)))


async def bench(
    events: int, seconds: float, layout: str, *, new: float = NEW, over_http: bool = False
) -> dict[str, Any]:
    """Measure one layout on a server of its own."""
    first, *others = LAYOUTS[layout]
    processes = [(*first, "gateway") if over_http else first, *others]
    with tempfile.TemporaryDirectory(prefix="labelwright-bench-") as folder:
        data = Path(folder)
        embedded = Embedded(data / "valkey").start()
        options = LabelwrightSettings(redis_url=embedded.url, data=data, secret=secret_of(data))
        server = await connect(options)
        gateway_port = free_port()
        try:
            await apply_project(server, project())
            partition = server.partitions[0]
            with services(processes, options, gateway_port):
                await _until_ready(partition)
                send = await _door(server, gateway_port) if over_http else _straight(partition)
                many = list(feedback(0, events, new))
                began = time.monotonic()
                await publish(send, many, partition)
                await _until_done(partition)
                rate = events / (time.monotonic() - began)
                print(f"{events} events in {events / rate:.1f} s: {rate:,.0f}/s; now half as fast", flush=True)
                fewer = list(feedback(events, int(seconds * rate / 2), new))
                calm_from_ms = int((await partition.now()).timestamp() * 1_000)
                await publish(send, fewer, partition, rate / 2)
                await _until_done(partition)
        finally:
            await server.close()
            embedded.stop()
        report = _report(Ledger.of(options), calm_from_ms, rate)
    return report | {
        "processes": [",".join(names) for names in processes],
        "published_by": "HTTP to the gateway" if over_http else "the gateway's function on the server",
        "new_share": new,
        "events_a_call": AT_ONCE,
        "persistence": "append-only file, fsync every second",
        "cpus": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def project() -> ProjectFile:
    """Return the demo's project where only the rules are worth their price."""
    sources = [Source(name="rules", kind="rule", price_usd=0), Source(name="crowd", kind="crowd", price_usd=5)]
    return project_file().model_copy(update={"sources": sources, "wrong_label_costs_usd": 1.0, "gold": []})


def feedback(first: int, count: int, new: float) -> Iterator[FeedbackToPublish]:
    """Yield feedback as the gateway hands it over: a share says something new, all else was said lately."""
    chance, now = random.Random(first), datetime.now(UTC).isoformat()
    told = (one.event for one in generate(count, seed=first))
    lately: list[dict[str, Any]] = []
    for number in range(first, first + count):
        if lately and chance.random() > new:
            event = chance.choice(lately[-LATELY:]) | {"id": f"{number}", "user": f"u_{chance.randrange(4_000)}"}
        else:
            event = _told_anew(next(told), number)
            lately.append(event)
        body = json.dumps(_envelope(event, now)).encode()
        yield FeedbackToPublish(event["id"], blake2b(body, digest_size=16).hexdigest(), body)


def _told_anew(event: dict[str, Any], number: int) -> dict[str, Any]:
    name = str(number).translate(_LETTERS)  # no digits: they would make every text look as if it held a phone number
    return event | {"comment": f"{event['comment']} That was in the {name} build."} if "comment" in event else event


def _envelope(event: dict[str, Any], now: str) -> dict[str, Any]:
    if "specversion" in event:
        return event | {"time": now}
    return {
        "specversion": "1.0",
        "id": event["id"],
        "source": "/benchmark",
        "type": FeedbackReceived.type,
        "project": PROJECT,
        "time": now,
        "data": {name: value for name, value in event.items() if name != "id"},
    }


def _straight(partition: Partition) -> Send:
    return lambda events: partition.publish(PROJECT, events, NO_LIMIT)


async def _door(server: Server, port: int) -> Send:
    async def is_open() -> bool:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return True
        return False

    await _until(is_open)
    key = await Access(server).mint_key(PROJECT, ["publisher"], note="benchmark")
    dsn = f"http://{key}@127.0.0.1:{port}/{PROJECT}"

    async def send(events: Sequence[FeedbackToPublish]) -> None:
        status, answer, _ = await asyncio.to_thread(post, dsn, b"\n".join(event.event for event in events))
        if "results" not in answer or any(result["status"] == "retry" for result in answer["results"]):
            raise SystemExit(f"the gateway answered {status} {answer.get('detail', 'with events to send again')}")

    return send


async def publish(
    send: Send, events: Sequence[FeedbackToPublish], partition: Partition, rate: float | None = None
) -> None:
    """Publish at a rate, or as fast as intake takes it."""
    began = time.monotonic()
    for start in range(0, len(events), AT_ONCE):
        if rate:
            await asyncio.sleep(max(0.0, began + start / rate - time.monotonic()))
        elif start % 1_000 == 0:
            await _until(lambda: _has_room(partition))
        await send(events[start : start + AT_ONCE])


@contextmanager
def services(layout: Sequence[Sequence[str]], options: LabelwrightSettings, gateway_port: int) -> Iterator[None]:
    """Run the services as processes, and ask them to end."""
    environment = os.environ | {
        "LABELWRIGHT_DATA": str(options.data),
        "LABELWRIGHT_SECRET": options.secret.get_secret_value(),
        "LABELWRIGHT_LOG_FORMAT": "json",
        "LABELWRIGHT_GATEWAY_PORT": str(gateway_port),
        "LABELWRIGHT_GATEWAY_EVENTS_PER_S": str(NO_LIMIT.events_per_s),
        "LABELWRIGHT_GATEWAY_BURST": str(NO_LIMIT.burst),
    }
    command = [sys.executable, "-m", "labelwright.cli", "up", "--redis", options.redis_url, "--only"]
    running = [
        subprocess.Popen(
            [*command, ",".join(names)],
            env=environment | {"LABELWRIGHT_PORT": str(free_port())},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for names in layout
    ]
    try:
        yield
        for process in running:
            process.terminate()
        codes = [process.wait(60) for process in running]
        if any(codes):
            raise SystemExit(f"a process ended with exit code {max(codes, key=abs)}; the figures are void")
    finally:
        for process in running:
            process.kill()


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not await holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"the services stand still for {PATIENCE_S:.0f} s; run `labelwright up` to see why")
        await asyncio.sleep(0.05)


async def _has_room(partition: Partition) -> bool:
    return (await partition.unfinished("feedback")).get("intake", 0) < MOST_WAITING


async def _until_ready(partition: Partition) -> None:
    async def all_groups_are_there() -> bool:
        readers = [(stream, name) for name in topology.STAGES for stream in topology.inputs(name)]
        return all([name in await partition.unfinished(stream) for stream, name in readers])

    await _until(all_groups_are_there)


async def _until_done(partition: Partition) -> None:
    """Wait until no service has anything to do but its clock's ticks, twice in a row: one may emit to another."""
    calm = 0

    async def is_done() -> bool:
        nonlocal calm
        waiting = [
            (await partition.unfinished(stream.name)).get(name, 0)
            for stream in topology.STREAMS.values()
            for name in stream.readers
        ]
        calm = 0 if any(waiting) else calm + 1
        return calm == 2

    await _until(is_done)


def _report(ledger: Ledger, calm_from_ms: int, rate: float) -> dict[str, Any]:
    """Count what became of the events, and how long they waited, from the ledger."""
    told = Counter(
        json.loads(row.body)["type"].split(".")[2]
        for stream in ("feedback", "accepted", "rejected", "items", "labels")
        for row in ledger.read("p0", stream)
    )
    waits_s = sorted(_waits(ledger, calm_from_ms))
    percentiles = quantiles(waits_s, n=100)
    return {
        "events_per_second": round(rate),
        "labels_per_second": round(rate * told["label_resolved"] / told["feedback_received"]),
        "half_rate_events_per_second": round(rate / 2),
        "accepted_to_item_p50_s": round(percentiles[49], 4),
        "accepted_to_item_p99_s": round(percentiles[98], 4),
        "accepted_to_item_max_s": round(waits_s[-1], 4),
        "published": told["feedback_received"],
        "accepted": told["feedback_accepted"],
        "rejected": told["event_rejected"],
        "items": told["item_opened"],
        "labels": told["label_resolved"],
        "disputes": told["dispute_opened"],
    }


def _waits(ledger: Ledger, from_ms: int) -> Iterator[float]:
    """Yield for each event that was accepted since then the seconds until triage committed it."""
    for row in ledger.read("p0", "changes"):
        committed_ms = int(row.entry_id.partition("-")[0])
        if committed_ms >= from_ms:
            group, acknowledged, _ = msgpack.unpackb(row.body, raw=True)
            if group == b"triage":
                for _, entry_id in acknowledged:
                    accepted_ms = int(entry_id.partition(b"-")[0])
                    if accepted_ms >= from_ms:
                        yield (committed_ms - accepted_ms) / 1_000


if __name__ == "__main__":
    main()
