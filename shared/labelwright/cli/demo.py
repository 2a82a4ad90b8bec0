"""`labelwright demo`: the whole pipeline on feedback whose truth is known, and what it claims beside what is so."""

import asyncio
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import labelwright
from labelwright import topology
from labelwright.access import Access
from labelwright.cli.opening import put_json, say
from labelwright.cli.publishing import post
from labelwright.contracts import feedback as contracts
from labelwright.contracts import items, labels, work
from labelwright.contracts.envelope import decode
from labelwright.contracts.project import ProjectFile
from labelwright.demo.annotators import ANNOTATORS, Annotator, Truths
from labelwright.demo.client import WorkClient
from labelwright.demo.feedback import Generated, generate
from labelwright.demo.project import project_file
from labelwright.demo.real import RealFeedback, read_real
from labelwright.errors import LabelwrightError
from labelwright.ledger import Ledger, Store, snapshot
from labelwright.logs import configure
from labelwright.registry import apply_project
from labelwright.runtime.embedded import Embedded, secret_of
from labelwright.runtime.process import Process, connect, until_signalled
from labelwright.runtime.server import Server
from labelwright.settings import LabelwrightSettings

PATIENCE_S: Final = 300.0
FIXED_OVERLAP: Final = 3


@dataclass
class Story:
    """What a demo runs on: a project file, events to post, and annotators who answer."""

    file: ProjectFile
    events: Sequence[Generated]
    annotators: Sequence[Annotator]
    truth: Callable[[str], str | None]
    answer: Callable[[Annotator, str], str | None]
    said: str


@dataclass
class Progress:
    """What the publisher and the annotators have done so far."""

    posted: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


async def demo(events: int, seed: int, source: Path | None, as_json: bool) -> int:
    """Run the demo; 0 if nothing was lost."""
    began = time.monotonic()
    story = _real(source) if source else _generated(events, seed)
    interactive = sys.stdout.isatty() and not as_json
    configure("json" if as_json else "auto", level=40)
    with tempfile.TemporaryDirectory(prefix="labelwright-demo-") as passing:
        folder = Path(passing)
        embedded = await asyncio.to_thread(Embedded(folder / "valkey").start)
        options = LabelwrightSettings(
            redis_url=embedded.url, data=folder, ledger=str(folder / "ledger"), secret=secret_of(folder), port=0
        )
        try:
            report = await _run(story, options, interactive, began)
        finally:
            await asyncio.to_thread(embedded.stop)
    if as_json:
        put_json(report)
    return 1 if report["lost"] else 0


async def _run(story: Story, options: LabelwrightSettings, interactive: bool, began: float) -> dict[str, Any]:
    server = await connect(options)
    process = Process(server, list(topology.SERVICES), ports={"gateway": 0, "desk": 0, "metrics": 0})
    asked_to_end = asyncio.Event()
    progress = Progress()
    try:
        async with until_signalled(asked_to_end.set):
            running = asyncio.create_task(process.run())
            await asyncio.wait({asyncio.create_task(process.ready.wait()), running}, return_when="FIRST_COMPLETED")
            if running.done():
                raise LabelwrightError(f"the services didn't start: {process.failure}")
            say(f"{story.said}")
            dsn, hands = await _open_shop(server, story, process.urls["gateway"])
            stopped = threading.Event()
            threads = [threading.Thread(target=_label, args=(hand, story, progress, stopped)) for hand in hands]
            publisher = threading.Thread(target=_publish, args=(dsn, story, progress))
            for thread in (publisher, *threads):
                thread.start()
            try:
                with _shown(interactive, process) as redraw:
                    await _until_settled(server, story, publisher, running, asked_to_end, redraw, progress)
            finally:
                stopped.set()
                await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in (publisher, *threads)))
            await _until_in_ledger(server, options)
            report = await asyncio.to_thread(_report, story, options, progress, Path.cwd() / "snapshots")
            report["seconds"] = round(time.monotonic() - began, 1)
            _tell(report, story)
            if interactive and not asked_to_end.is_set():
                say("Everything keeps running; Ctrl-C ends it.")
                await asked_to_end.wait()
            process.stop.set()
            if code := await running:
                raise LabelwrightError(f"a service failed ({process.failure}); exit code {code}")
    finally:
        with suppress(Exception):
            await server.close()
    return report


def _generated(events: int, seed: int) -> Story:
    posted = list(generate(events, seed))
    truths, file = Truths(posted), project_file()

    def answer(who: Annotator, text: str) -> str | None:
        truth = truths.of(text)
        return who.answer(text, truth, file.label_names) if truth else None

    said = (
        f"Generated (seed {seed}): {events} feedback events about a support assistant with known defects, told in many "
        "words,\nwith duplicates, personal data, broken and old-schema events; 10 simulated annotators of known skill."
    )
    return Story(file, posted, ANNOTATORS, truths.of, answer, said)


def _real(path: Path) -> Story:
    real: RealFeedback = read_real(path)
    return Story(real.file, real.events, real.annotators, real.truth, real.answer, real.said)


async def _open_shop(server: Server, story: Story, gateway: str) -> tuple[str, list[WorkClient]]:
    """Apply the project file; make a publisher's key and one for each annotator."""
    await apply_project(server, story.file)
    access, project = Access(server), story.file.project
    key = await access.mint_key(project, ["publisher"], note="demo backend", env="demo")
    owner = await access.mint_key(project, ["owner"], annotator="you", sources=_people(story.file), env="demo")
    say(f"  sign in to the desk at /in/{access.sign_in_token(owner.split('_')[2])}")
    hands = []
    for who in story.annotators:
        own = await access.mint_key(project, ["annotator"], annotator=who.name, sources=[who.source], env="demo")
        hands.append(WorkClient(gateway, own, project, who))
    return f"{gateway.replace('://', f'://{key}@')}/{project}", hands


def _people(file: ProjectFile) -> list[str]:
    return [source.name for source in file.sources if source.kind in ("crowd", "expert")]


def _publish(dsn: str, story: Story, progress: Progress) -> None:
    """Post everything: through the SDK what it can say, as raw HTTP what only an old or broken backend would send."""
    labelwright.init(dsn)
    try:
        for one in story.events:
            progress.posted[one.kind] += 1
            if one.kind == "ordinary" and "id" not in one.event:
                event = dict(one.event)
                labelwright.feedback(event.pop("kind"), event.pop("value", None), **event)
            else:
                _post_raw(dsn, one, progress)
        if not labelwright.flush(60):
            progress.faults.append("the SDK could not deliver everything within a minute")
    finally:
        stats = labelwright.stats()
        progress.posted["sdk_accepted"] = stats["accepted"]
        progress.posted["sdk_lost"] = sum(stats["lost"].values())
        labelwright.close()


def _post_raw(dsn: str, one: Generated, progress: Progress) -> None:
    for _ in range(20):
        status, answer, wait_s = post(dsn, json.dumps(one.event).encode())
        if status not in (429, 503):
            result = answer.get("results", [{"status": "rejected"}])[0]["status"]
            progress.posted[f"raw_{result}"] += 1
            return
        time.sleep(wait_s)
    progress.faults.append("the gateway took an event in none of 20 tries")


def _label(hand: WorkClient, story: Story, progress: Progress, stopped: threading.Event) -> None:
    """Pull tasks and answer them until the demo is over; what one doesn't know one gives back."""
    while not stopped.is_set():
        try:
            task = hand.next_task(wait_s=1)
            if task is None:
                continue
            label = story.answer(hand.who, task["text"])
            if label is None:
                hand.release(task)
            else:
                hand.annotate(task, label)
                progress.answered[hand.who.name] += 1
        except LabelwrightError as error:
            progress.faults.append(str(error))
            time.sleep(0.2)


async def _until_settled(
    server: Server,
    story: Story,
    publisher: threading.Thread,
    running: "asyncio.Task[int]",
    asked_to_end: asyncio.Event,
    redraw: Callable[[dict[str, Any]], None],
    progress: Progress,
) -> None:
    """Wait until all is published, nothing waits anywhere, and no task is open."""
    partition, deadline, calm = server.partitions[0], time.monotonic() + PATIENCE_S, 0
    while calm < 3 and not asked_to_end.is_set():
        if running.done():
            raise LabelwrightError("a service failed; see its log above")
        if time.monotonic() > deadline:
            raise LabelwrightError(f"not everything was settled within {PATIENCE_S:.0f} s: {progress.faults[-3:]}")
        backlog = await partition.backlog()
        counts = await _counts(server, story.file.project)
        redraw({"published": sum(progress.posted[kind] for kind in _KINDS), "answers": progress.answered.total()} | counts)
        at_rest = not publisher.is_alive() and not counts["open"] and sum(backlog.values()) <= 2  # a clock's tick or two
        calm = calm + 1 if at_rest else 0
        await asyncio.sleep(0.25)


_KINDS: Final = ("ordinary", "old_schema", "duplicate", "broken")


async def _counts(server: Server, project: str) -> dict[str, int]:
    from labelwright.demo.tables import counts_of

    return await counts_of(server.partitions[0], project)


async def _until_in_ledger(server: Server, options: LabelwrightSettings) -> None:
    """Wait until the ledger covers this moment."""
    partition = server.partitions[0]
    now_ms = int((await partition.now()).timestamp() * 1_000)
    ledger = Ledger(Store(options.ledger_location))
    last = {name: await partition.client.xinfo_stream(partition.key(name)) for name in ("labels", "annotations")}
    wanted = {name: found["last-generated-id"].decode() for name, found in last.items()}
    deadline = time.monotonic() + 60
    while True:
        heads = (await asyncio.to_thread(ledger.watermark, partition.name)).last_ids
        if all(heads.get(name) == entry for name, entry in wanted.items()):
            return
        if time.monotonic() > deadline:
            raise LabelwrightError(f"the ledger did not reach {now_ms} within a minute; is publish running?")
        await asyncio.sleep(0.2)


def _report(story: Story, options: LabelwrightSettings, progress: Progress, out: Path) -> dict[str, Any]:
    """Count from the ledger what became of everything, and compare labels with the truth."""
    ledger = Ledger(Store(options.ledger_location))
    in_feedback = {event.id for event in _events(ledger, "feedback")}
    accepted = [e.data for e in _events(ledger, "accepted") if isinstance(e.data, contracts.FeedbackAccepted)]
    rejected = {e.data.event for e in _events(ledger, "rejected") if isinstance(e.data, contracts.EventRejected)}
    opened = [e.data for e in _events(ledger, "items") if isinstance(e.data, items.ItemOpened)]
    tasks = sum(isinstance(e.data, work.TaskOpened) for e in _events(ledger, "tasks"))
    answers = [e.data for e in _events(ledger, "annotations") if isinstance(e.data, work.AnnotationRecorded)]
    resolved: dict[str, labels.LabelResolved] = {}
    disputes = 0
    for event in _events(ledger, "labels"):
        if isinstance(event.data, labels.LabelResolved):
            resolved[event.data.item] = event.data
        disputes += isinstance(event.data, labels.DisputeOpened)
    promised = progress.posted["sdk_accepted"] + progress.posted["raw_accepted"]
    unanswered = in_feedback - {one.feedback for one in accepted} - rejected
    known = [(label, story.truth(label.text)) for label in resolved.values()]
    judged = [(label, truth) for label, truth in known if truth]
    made = snapshot.cut(ledger, story.file.project, out, now=datetime.now(UTC)) if resolved else None
    people = [one for one in answers if one.source_kind in ("crowd", "expert") and one.gold_label is None]
    return {
        "published": sum(progress.posted[kind] for kind in _KINDS),
        "accepted": len(accepted),
        "rejected": len(rejected) + progress.posted["raw_rejected"],
        "duplicates": progress.posted["raw_duplicate"],
        "items": len(opened),
        "tasks": tasks,
        "annotations": len(answers),
        "answers_of_people": len(people),
        "answers_with_fixed_overlap": FIXED_OVERLAP * len(opened),
        "labels": len(resolved),
        "disputes": disputes,
        "claimed_accuracy": _mean([label.probability for label, _ in judged]),
        "realised_accuracy": _mean([float(label.label == truth) for label, truth in judged]),
        "lost": promised - len(in_feedback) + len(unanswered) + progress.posted["sdk_lost"],
        "spent_usd": round(sum(one.price_usd for one in answers), 2),
        "snapshot": str(made.path) if made else None,
    }


def _events(ledger: Ledger, stream: str) -> Iterator[Any]:
    return (decode(row.body) for row in ledger.read("p0", stream))


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _tell(report: dict[str, Any], story: Story) -> None:
    say(
        f"\n{report['published']} events published, {report['accepted']} accepted, {report['rejected']} rejected, "
        f"{report['duplicates']} duplicates, {report['lost']} lost (counted from the ledger)\n"
        f"{report['items']} items, {report['labels']} labels, {report['disputes']} disputes, "
        f"{report['answers_of_people']} answers of people (a fixed overlap of {FIXED_OVERLAP} takes "
        f"{report['answers_with_fixed_overlap']}), ${report['spent_usd']:.2f}"
    )
    if report["realised_accuracy"] is not None:
        say(f"claimed accuracy {report['claimed_accuracy']:.1%}, realised {report['realised_accuracy']:.1%}")
    say(f"snapshot {report['snapshot']}\n{report['seconds']} s; project {story.file.project!r}")


@contextmanager
def _shown(interactive: bool, process: Process) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Yield how progress is shown: a live line on a terminal, a plain one every few seconds elsewhere."""
    from labelwright.cli.up import addresses

    for line in addresses(process):
        say("  " + line)
    if not interactive:
        last = [time.monotonic()]

        def plain(counts: dict[str, Any]) -> None:
            if time.monotonic() > last[0] + 5:
                last[0] = time.monotonic()
                say("  ".join(f"{name} {count}" for name, count in counts.items()))

        yield plain
        return
    from rich.live import Live
    from rich.text import Text

    with Live(Text(""), refresh_per_second=8, transient=True) as live:
        yield lambda counts: live.update(Text("   ".join(f"{name} ▸ {count}" for name, count in counts.items())))
