"""`labelwright demo`: the whole pipeline on feedback whose truth is known, and what it claims beside what is so."""

import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from labelwright import topology
from labelwright.access import Access
from labelwright.cli.opening import put_json, say
from labelwright.cli.up import addresses, until_ready
from labelwright.contracts.project import MACHINES
from labelwright.demo import people
from labelwright.demo.client import WorkClient
from labelwright.demo.people import Deeds
from labelwright.demo.real import read_real
from labelwright.demo.report import FIXED_OVERLAP, report
from labelwright.demo.story import Story, generated
from labelwright.errors import LabelwrightError
from labelwright.ledger import Ledger
from labelwright.logs import configure
from labelwright.registry import apply_project
from labelwright.runtime.embedded import Embedded, secret_of
from labelwright.runtime.partition import Partition
from labelwright.runtime.process import Process, connect, until_signalled
from labelwright.runtime.server import Server
from labelwright.settings import LabelwrightSettings
from labelwright.stories import task_counts

PATIENCE_S: Final = 300.0
"""How long nothing may change before the demo gives up."""

STATES: Final = ("ready", "leased", "answered", "expired")
Redraw = Callable[[Mapping[str, int]], None]


async def demo(events: int, seed: int, source: Path | None, as_json: bool) -> int:
    """Run the demo; 0 if nothing was lost."""
    began = time.monotonic()
    story = read_real(source) if source else generated(events, seed)
    interactive = sys.stdout.isatty() and not as_json
    configure("json" if as_json else "auto", level=40)
    with tempfile.TemporaryDirectory(prefix="labelwright-demo-") as passing:
        folder = Path(passing)
        embedded = await asyncio.to_thread(Embedded(folder / "valkey").start)
        options = LabelwrightSettings(
            redis_url=embedded.url, data=folder, ledger=str(folder / "ledger"), secret=secret_of(folder), port=0
        )
        try:
            figures = await _run(story, options, interactive, began)
        finally:
            await asyncio.to_thread(embedded.stop)
    if as_json:
        put_json(figures)
    return 1 if figures["lost"] else 0


async def _run(story: Story, options: LabelwrightSettings, interactive: bool, began: float) -> dict[str, Any]:
    server = await connect(options)
    process = Process(server, list(topology.SERVICES), ports=dict.fromkeys(("gateway", "desk", "metrics"), 0))
    asked_to_end = asyncio.Event()
    try:
        async with until_signalled(asked_to_end.set):
            running = asyncio.create_task(process.run())
            await until_ready(process, running)
            say(story.said)
            for line in addresses(process):
                say(f"  {line}")
            deeds = await _labeled(server, process, story, interactive, asked_to_end)
            ledger = Ledger.of(options)
            await _until_in_ledger(server.partitions[0], ledger)
            figures = await asyncio.to_thread(
                report, story, deeds, ledger, server.partitions[0].name, Path.cwd() / "snapshots"
            )
            figures["seconds"] = round(time.monotonic() - began, 1)
            _tell(figures, story)
            if interactive and not asked_to_end.is_set():
                say("Everything keeps running; Ctrl-C ends it.")
                await asked_to_end.wait()
            process.stop.set()
            if code := await running:
                raise LabelwrightError(f"a service failed ({process.failure}); exit code {code}")
    finally:
        with suppress(Exception):
            await server.close()
    return figures


async def _labeled(
    server: Server, process: Process, story: Story, interactive: bool, asked_to_end: asyncio.Event
) -> Deeds:
    """Let the backend publish and the annotators work until there is nothing left that they could do."""
    dsn, hands = await _open_shop(server, story, process.urls)
    deeds, is_over = Deeds(), threading.Event()
    backend = threading.Thread(target=people.publish, args=(dsn, story, deeds), daemon=True)
    threads = [threading.Thread(target=people.work, args=(hand, story, deeds, is_over), daemon=True) for hand in hands]
    for thread in (backend, *threads):
        thread.start()
    try:
        with _shown(interactive) as redraw:
            await _until_at_rest(server.partitions[0], process, story, backend, deeds, asked_to_end, redraw)
    finally:
        is_over.set()
        await asyncio.gather(*(asyncio.to_thread(thread.join, 10) for thread in threads))
    return deeds


async def _open_shop(server: Server, story: Story, urls: Mapping[str, str]) -> tuple[str, list[WorkClient]]:
    """Apply the project file; make a key for the backend, for each annotator, and for whoever watches."""
    await apply_project(server, story.file)
    access, project, gateway = Access(server), story.file.project, urls["gateway"]
    key = await access.mint_key(project, ["publisher"], note="demo backend", env="demo")
    asked = [source.name for source in story.file.sources if source.kind not in MACHINES]
    yours = await access.mint_key(project, ["owner"], annotator="you", sources=asked, env="demo")
    say(f"  Label    {urls['desk']}/in/{access.sign_in_token(yours.split('_')[2])}   (you, as owner)")
    hands = []
    for who in story.annotators:
        own = await access.mint_key(project, ["annotator"], annotator=who.name, sources=[who.source], env="demo")
        hands.append(WorkClient(gateway, own, project, who))
    return f"{gateway.replace('://', f'://{key}@')}/{project}", hands


async def _until_at_rest(
    partition: Partition,
    process: Process,
    story: Story,
    backend: threading.Thread,
    deeds: Deeds,
    asked_to_end: asyncio.Event,
    redraw: Redraw,
) -> None:
    """Wait until all is published, nothing waits for a service, no task is held, and no annotator finds one."""
    names, calm, changed_at, before = {who.name for who in story.annotators}, 0, time.monotonic(), -1
    while calm < 3 and not asked_to_end.is_set():
        backlog = await partition.backlog()
        (counted,) = await (await partition.reads())(task_counts.of(story.file.project).all())
        redraw({"published": deeds.published, "answers": deeds.answers.total()} | _ordered(counted))
        waits = sum(backlog.values()) > len(topology.STAGES)  # a clock's tick may always be on its way
        is_at_rest = not backend.is_alive() and not waits and not counted.get("leased", 0) and deeds.idle >= names
        calm = calm + 1 if is_at_rest else 0
        progress = deeds.published + deeds.answers.total() + sum(counted.values())
        if progress != before:
            before, changed_at = progress, time.monotonic()
        if process.failure or time.monotonic() > changed_at + PATIENCE_S:
            raise LabelwrightError(
                f"the demo came to a halt ({process.failure or deeds.faults[-3:]}); see the log above"
            )
        await asyncio.sleep(0.25)


def _ordered(counted: Mapping[str, int]) -> dict[str, int]:
    return {state: counted.get(state, 0) for state in STATES}


async def _until_in_ledger(partition: Partition, ledger: Ledger) -> None:
    """Wait until the ledger covers this moment; the clocks' ticks keep it going."""
    now_ms, deadline = int((await partition.now()).timestamp() * 1_000), time.monotonic() + 60
    while (await asyncio.to_thread(ledger.watermark, partition.name)).cut < now_ms:
        if time.monotonic() > deadline:
            raise LabelwrightError("the ledger did not reach this moment within a minute; see publish's log above")
        await asyncio.sleep(0.2)


def _tell(figures: Mapping[str, Any], story: Story) -> None:
    say(
        f"\n{figures['published']} events published, {figures['accepted']} accepted, {figures['rejected']} rejected, "
        f"{figures['duplicates']} duplicates, {figures['lost']} lost (counted from the ledger)\n"
        f"{figures['items']} items, {figures['labels']} labels, {figures['disputes']} disputes; "
        f"{figures['answers_of_people']} answers of people (a fixed overlap of {FIXED_OVERLAP} takes "
        f"{figures['answers_with_fixed_overlap']}),\n{figures['annotations'] - figures['answers_of_people']} of rules "
        f"and on gold; ${figures['spent_usd']:.2f} spent\n"
        f"{figures['expired_share']:.1%} of the feedback expired without a label"
    )
    if complaints := figures["complaints"]:
        told = (f"{name} {row['feedback']} ({row['labels']} labels)" for name, row in complaints.items())
        say(f"complaints: {', '.join(told)}")
    if figures["realised_accuracy"] is not None:
        say(f"claimed accuracy {figures['claimed_accuracy']:.1%}, realised {figures['realised_accuracy']:.1%}")
    elif figures["labels"]:
        say(f"claimed accuracy {figures['claimed_accuracy']:.1%}; not calibrated, and no truth is known to check it by")
    say(f"snapshot {figures['snapshot']}\n{figures['seconds']} s; project {story.file.project!r}")


@contextmanager
def _shown(interactive: bool) -> Iterator[Redraw]:
    """Yield how progress is shown: live on a terminal, a plain line every few seconds elsewhere."""
    if not interactive:
        yield _Plain()
        return
    from rich.live import Live
    from rich.text import Text

    with Live(Text(""), refresh_per_second=8, transient=True) as live:
        yield lambda counts: live.update(Text("   ".join(f"{name} ▸ {count}" for name, count in counts.items())))


class _Plain:
    """Says how far it is, every five seconds."""

    def __init__(self) -> None:
        self._next_s = time.monotonic() + 5

    def __call__(self, counts: Mapping[str, int]) -> None:
        if time.monotonic() > self._next_s:
            self._next_s = time.monotonic() + 5
            say("  ".join(f"{name} {count}" for name, count in counts.items()))
