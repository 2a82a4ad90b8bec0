"""Labeling: what a person at the desk asks of dispatch, in their own name, and what they are told."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

from pydantic import Field

from labelwright import projects
from labelwright.access import Principal
from labelwright.contracts import work
from labelwright.contracts.feedback import COMPLAINTS, Subject
from labelwright.contracts.payload import Part
from labelwright.contracts.project import Guideline, LabelDefinition, ProjectFile
from labelwright.contracts.work import RequestAnswered
from labelwright.identity import derive
from labelwright.runtime.asker import Asker, Request
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import refusing
from labelwright.stories import task_counts
from services.desk.hand import Answered, Turn, Word
from services.desk.problems import Problem

PATIENCE: Final = timedelta(seconds=5)
MOST_GUIDELINES: Final = 64

ABOUT_COMPLAINTS: Final = Guideline(
    question="What does this complaint mean?",
    labels=[LabelDefinition(name=name, definition=meaning) for name, meaning in COMPLAINTS.items()],
)
"""What is asked, and what may be answered, where a task asks what a complaint means."""


class Held(Part):
    """A task as its form names it: the turn that holds it, and the proof of its lease."""

    turn: Word
    assignment: Word
    token: Word


class Answer(Held):
    """A label for the task, and how long somebody looked at it."""

    label: Word
    active_ms: Annotated[int, Field(ge=0, le=86_400_000)] | None = None


class Skip(Held):
    """The task goes to somebody else."""

    reason: Literal["not my language", "not my field", "another reason"]


class Task(Part):
    """A leased task as dispatch hands it out. Nothing in it tells gold from work."""

    assignment: str
    token: str
    guideline_version: int
    text: str
    subject: Subject | None = None
    source: str
    asks: work.Asks = "label"

    def guideline(self, file: ProjectFile) -> Guideline:
        """Return the question that the task puts, and its answers."""
        return file.guideline if self.asks == "label" else ABOUT_COMPLAINTS


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of a project's tasks wait for people, and how many are with somebody."""

    ready: int = 0
    leased: int = 0


class Guidelines:
    """Project files by version; a version never changes, so what was read once is kept."""

    def __init__(self) -> None:
        self._kept: dict[str, ProjectFile] = {}

    async def read(self, partition: Partition, project: str, number: int) -> ProjectFile:
        """Return a version of a project file. Raises ServerRefuses, and Problem where there is none."""
        name = f"{project}@{number}"
        if name not in self._kept:
            with refusing():
                (found,) = await (await partition.reads())(projects.history.get(name))
            if found is None:
                raise Problem(500, f"Guideline {name} isn't there any more; tell the project's owner.")
            if len(self._kept) >= MOST_GUIDELINES:
                self._kept.clear()
            self._kept[name] = found.value.file
        return self._kept[name]


class Labeler:
    """A person at work in the one project that their key is bound to."""

    def __init__(self, who: Principal, partition: Partition, asker: Asker, guidelines: Guidelines) -> None:
        self.who = who
        self._partition = partition
        self._asker = asker
        self._guidelines = guidelines

    async def guideline(self, number: int) -> ProjectFile:
        """Return the version of the project file that a task is asked under."""
        return await self._guidelines.read(self._partition, self.who.project, number)

    async def tally(self) -> Tally:
        """Count the project's tasks."""
        with refusing():
            (counted,) = await (await self._partition.reads())(task_counts.of(self.who.project).all())
        return Tally(max(0, counted.get("ready", 0)), max(0, counted.get("leased", 0)))

    async def take(self, turn: Turn, wait: timedelta) -> RequestAnswered:
        """Lease the turn's task, or hear again which one it is; waits for one to come up.

        A turn has one task for ever: a page that is loaded again, or sent twice, leases nothing more.
        """
        if turn.undoes:
            return await self.retract(turn.undoes)
        with refusing():
            until = await self._partition.now() + wait
        request = work.LeaseRequested(
            request=derive("request", self.who.key_id, "desk", turn.name),
            annotator=self.who.annotator,
            sources=list(self.who.sources),
            skills=list(self.who.skills),
            reply=self._asker.name,
            wait_until=until,
        )
        return await self._ask(request, wait + PATIENCE)

    async def confirm(self, held: Held | Task) -> RequestAnswered:
        """Say that somebody is at the task."""
        return await self._about(work.HeartbeatSent, held, str(uuid4()))

    async def answer(self, answer: Answer) -> RequestAnswered:
        """Submit an answer; the same one again is the same answer."""
        return await self._about(
            work.AnnotationSubmitted, answer, answer.label, label=answer.label, active_ms=answer.active_ms
        )

    async def skip(self, skip: Skip) -> RequestAnswered:
        """Give the task back."""
        return await self._about(work.ReleaseRequested, skip, "", reason=skip.reason)

    async def retract(self, answered: Answered) -> RequestAnswered:
        """Take an answer back and hold its task again; asked again, it is told the same."""
        return await self._about(work.RetractionRequested, answered, "")

    async def _about(
        self, kind: type[Any], held: Held | Task | Answered, repeat: str, **more: object
    ) -> RequestAnswered:
        asked = kind(
            request=derive("request", self.who.key_id, held.assignment, kind.__name__, repeat),
            assignment=held.assignment,
            token=held.token,
            annotator=self.who.annotator,
            reply=self._asker.name,
            **more,
        )
        return await self._ask(asked, PATIENCE)

    async def _ask(self, asked: Request, patience: timedelta) -> RequestAnswered:
        with refusing():
            told = await self._asker.ask(self.who.project, asked, timeout=patience)
        if told is None:
            raise Problem(503, "Nobody answered in time: the service that hands out tasks is away.")
        return told
