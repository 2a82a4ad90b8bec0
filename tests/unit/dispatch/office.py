"""An office of one project and its annotators, on the model of a partition: dispatch runs here without a server."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from labelwright import projects
from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import Subject
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import (
    GoldExample,
    Guideline,
    LabelDefinition,
    ProjectApplied,
    ProjectFile,
    Source,
    SourceKind,
)
from labelwright.contracts.quality import TickStruck
from labelwright.contracts.work import (
    AnnotationSubmitted,
    HeartbeatSent,
    LeaseRequested,
    ReleaseRequested,
    RequestAnswered,
    RetractionRequested,
    TaskOpened,
)
from labelwright.engine.tables import Versioned
from services.dispatch.decide import decide
from services.dispatch.state import STATES, State, Task, Waiter, address, counts, load, tasks, waiting
from tests.engine_model import ModelPartition

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
PROJECT = "shop"


def project_file(
    gold: Sequence[str] = (), gold_share: float = 0.0, project: str = PROJECT, labels: Sequence[str] = ("good", "bad")
) -> ProjectFile:
    """A project with one source of every kind that matters here."""
    return ProjectFile(
        project=project,
        guideline=Guideline(question="Good?", labels=[LabelDefinition(name=name) for name in labels]),
        skills=["german"],
        sources=[
            Source(name="crowd", kind="crowd", price_usd=0.1),
            Source(name="expert", kind="expert", price_usd=2.0),
            Source(name="rules", kind="rule", price_usd=0.0),
        ],
        gold=[GoldExample(text=text, label="good") for text in gold],
        gold_share=gold_share,
    )


class Office:
    """What tests say to dispatch, and what it said back."""

    def __init__(self, file: ProjectFile | None = None) -> None:
        self.model = ModelPartition(START)
        self.conflicts = 0
        self.chance = b"c" * 16
        self._numbers = count(1)
        self.apply(file or project_file())

    def apply(self, file: ProjectFile, number: int = 1) -> None:
        """Apply a project file, as the gateway does."""
        document = projects.Project(number=number, file=file)
        for table, name in ((projects.current, file.project), (projects.history, f"{file.project}@{number}")):
            write = table.put(name, document, number)
            self.model.hashes.setdefault(write.key.name, {})[name] = write.args[1]
        self.say(ProjectApplied(number=number, file=file), project=file.project)

    def say(self, *payloads: Payload, project: str = PROJECT) -> list[Event[Payload]]:
        """Hand dispatch one batch; return what it published."""
        return self.batch([self.event(payload, project) for payload in payloads])

    def batch(self, events: Sequence[Event[Payload]]) -> list[Event[Payload]]:
        """Hand dispatch these very events."""
        before = len(self.model.published)
        handled = self.model.handle("dispatch", load, decide, events, self.chance)
        self.conflicts += asyncio.run(handled)
        return self.model.published[before:]

    def load(self, batch: Sequence[Event[Payload]]) -> State:
        """What dispatch reads before it decides about these events."""
        return asyncio.run(load(batch, self.model.reads(self.chance)))

    def interleave(self, first: Sequence[Event[Payload]], second: Sequence[Event[Payload]], seconds: float = 0) -> None:
        """Let two replicas decide before either commits: the second loads `seconds` earlier and commits last."""
        asyncio.run(self._interleave(first, second, timedelta(seconds=seconds)))

    async def _interleave(
        self, first: Sequence[Event[Payload]], second: Sequence[Event[Payload]], between: timedelta
    ) -> None:
        late = await load(second, self.model.reads(b"b" * 16))
        self.model.move_to(self.model.now + between)
        early = await load(first, self.model.reads(b"a" * 16))
        made = [(batch, list(decide(batch, state))) for batch, state in ((first, early), (second, late))]
        for batch, decisions in made:
            if left := self.model.commit("dispatch", batch, decisions):
                self.conflicts += len(left) + await self.model.handle("dispatch", load, decide, left, self.chance)

    def event(self, payload: Payload, project: str = PROJECT) -> Event[Payload]:
        """An event that happens now."""
        number = next(self._numbers)
        return Event(f"e{number}", "/test", project, self.model.now, payload, f"story{number}")

    def later(self, **duration: float) -> list[Event[Payload]]:
        """Let time pass, and the clock strike."""
        self.model.move_to(self.model.now + timedelta(**duration))
        return self.batch(
            [Event(f"t{next(self._numbers)}", "/clock", "-", self.model.now, TickStruck(name="expire", slot=1))]
        )

    def open(self, task: str, **about: Any) -> list[Event[Payload]]:
        """Open one task."""
        return self.say(opened(task, **about))

    def lease(self, annotator: str = "ann", wait_s: float = 0, **about: Any) -> RequestAnswered:
        """Ask for the next task and return what was answered."""
        request = self.request(annotator, wait_s, **about)
        self.say(request)
        return self.answer(request.request)

    def request(self, annotator: str = "ann", wait_s: float = 0, **about: Any) -> LeaseRequested:
        """A request for the next task."""
        values = {"request": f"r{next(self._numbers)}", "sources": ["crowd"], "reply": "gw"} | about
        return LeaseRequested(annotator=annotator, wait_until=self.model.now + timedelta(seconds=wait_s), **values)

    def submit(self, body: dict[str, Any], label: str = "good", **about: Any) -> RequestAnswered:
        """Answer an assignment."""
        return self._hold(AnnotationSubmitted, body, label=label, **about)

    def heartbeat(self, body: dict[str, Any], **about: Any) -> RequestAnswered:
        """Tell that one is still at it."""
        return self._hold(HeartbeatSent, body, **about)

    def release(self, body: dict[str, Any], reason: str = "skip", **about: Any) -> RequestAnswered:
        """Give an assignment back."""
        return self._hold(ReleaseRequested, body, reason=reason, **about)

    def undo(self, body: dict[str, Any], **about: Any) -> RequestAnswered:
        """Take an answer back."""
        return self._hold(RetractionRequested, body, **about)

    def _hold(self, kind: type[Payload], body: dict[str, Any], **about: Any) -> RequestAnswered:
        values = {
            "request": f"r{next(self._numbers)}",
            "assignment": body["assignment"],
            "token": body["token"],
            "annotator": "ann",
            "reply": "gw",
        } | about
        self.say(kind(**values))
        return self.answer(values["request"])

    def answers(self, request: str) -> list[RequestAnswered]:
        """All that a request was answered."""
        return [data for _, data in self.model.replies if data.request == request]

    def answer(self, request: str) -> RequestAnswered:
        """The last thing that a request was answered."""
        return self.answers(request)[-1]

    def task(self, name: str) -> Task:
        """A task as dispatch has it."""
        document = self._tasks()[address(PROJECT, name)]
        return document.value

    def all_tasks(self) -> list[Task]:
        """Every task that dispatch remembers."""
        return [document.value for document in self._tasks().values()]

    def waiters(self) -> list[Versioned[Waiter]]:
        """Every request that waits."""
        (found,) = asyncio.run(self.model.reads()(waiting.of(PROJECT).all()))
        return list(found.values())

    def counts(self, project: str = PROJECT) -> dict[str, int]:
        """The project's exported counts."""
        (found,) = asyncio.run(self.model.reads()(counts.of(project).all()))
        return {state: found.get(state, 0) for state in STATES}

    def _tasks(self) -> dict[str, Versioned[Task]]:
        (found,) = asyncio.run(self.model.reads()(tasks.all()))
        return dict(found)


def opened(
    task: str,
    *,
    source: str = "crowd",
    source_kind: SourceKind = "crowd",
    priority: float = 1.0,
    skill: str | None = None,
    guideline_version: int = 1,
) -> TaskOpened:
    """A task about the item that its id begins with; it asks for the complaint where the id says so."""
    item, _, asks = task.partition(".")[0].partition("-")
    return TaskOpened(
        task=task,
        item=item,
        guideline_version=guideline_version,
        source=source,
        source_kind=source_kind,
        price_usd=0.1,
        priority=priority,
        text=f"text of {item}",
        subject=Subject(type="screen", id="checkout", prompt="Why?"),
        skill=skill,
        asks="complaint" if asks else "label",
    )


def machine_opened(task: str) -> TaskOpened:
    """A task for the project's rules."""
    return opened(task, source="rules", source_kind="rule")
