"""A story: the whole pipeline really run, in memory, from feedback to labels; and every turn that a service took."""

import asyncio
import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from random import Random
from typing import Any, Final

from labelwright import projects, topology
from labelwright.contracts import curation, work
from labelwright.contracts.envelope import Event, read_data
from labelwright.contracts.erasure import ErasureCompleted, ErasureRequested, WordsErased
from labelwright.contracts.feedback import COMPLAINTS, FeedbackAccepted, FeedbackReceived, Subject
from labelwright.contracts.items import ItemClosed, ItemOpened
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import ProjectApplied, ProjectFile
from labelwright.contracts.quality import TickStruck
from labelwright.demo.feedback import generate
from labelwright.demo.project import PROJECT, project_file
from labelwright.engine.decisions import Decision
from labelwright.errors import ContractError
from labelwright.runtime.service import Service
from labelwright.stories import cases, standings, tasks
from tests.engine_model import ModelPartition

START: Final = datetime(2026, 11, 24, 9, tzinfo=UTC)
MOST_TRIES: Final = 20
BATCH: Final = 9
PEOPLE: Final = [f"person {number}" for number in range(6)]
NAMES: Final = frozenset(
    {"item", "task", "assignment", "token", "annotator", "source", "request", "annotation", "label", "feedback"}
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One batch of one service: what it was told, what it knew, and what it decided."""

    batch: Sequence[Event[Payload]]
    state: Any
    decisions: Sequence[Decision]


class Story:
    """A partition in memory on which every stage takes its turns; `streams` is all that was said."""

    def __init__(self, seed: int) -> None:
        self.model = ModelPartition(START)
        self.services = {name: Service.named(name) for name in topology.STAGES}
        self.turns: dict[str, list[Turn]] = {name: [] for name in topology.STAGES}
        self.streams: dict[str, list[Event[Payload]]] = {}
        self.files: list[ProjectFile] = []
        self.conflicts: Counter[str] = Counter()
        self._read = dict.fromkeys(((name, stream) for name in topology.STAGES for stream in topology.inputs(name)), 0)
        self._random = Random(seed)
        self._numbers = count(1)
        self._heard = 0

    def words(self) -> dict[str, list[str]]:
        """Return what things are called in the story, by the names that contracts give to their fields."""
        found: dict[str, dict[str, None]] = {"project": {PROJECT: None}, "event": {}}
        for event in (event for events in self.streams.values() for event in events):
            found["event"][event.id] = None
            for name, value in event.data.model_dump().items():
                if name in NAMES and isinstance(value, str):
                    found.setdefault(name, {})[value] = None
        return {name: list(values)[:40] for name, values in found.items()}

    def apply(self, file: ProjectFile) -> None:
        """Bring a project file into force, as the gateway does."""
        self.files.append(file)
        number = len(self.files)
        document = projects.Project(number=number, file=file)
        for table, name in ((projects.current, file.project), (projects.history, f"{file.project}@{number}")):
            write = table.put(name, document, number)
            self.model.hashes.setdefault(write.key.name, {})[name] = write.args[1]
        self.say(ProjectApplied(number=number, file=file))

    def publish(self, events: int) -> None:
        """Publish generated feedback; what the gateway wouldn't take is left out."""
        for generated in generate(events, seed=self._random.randrange(1_000)):
            given = generated.event
            with suppress(ContractError):
                data = read_data(given.get("type", FeedbackReceived.type), given.get("data", given))
                self._append(Event(given["id"], "/gateway", PROJECT, self.model.now, data))

    def echo(self) -> None:
        """Let people say nearly the same: the halves of a sentence in whatever order."""
        words = ["the", "export", "button", "does", "nothing", "when", "I", "press", "it", "twice", "in", "a", "row"]
        subject = Subject(type="screen", id="export")
        for at in self._random.sample(range(len(words)), 5):
            comment, user = " ".join([*words[at:], *words[:at]]), f"echo {next(self._numbers)}"
            self.say(FeedbackReceived(kind="text", comment=comment, user=user, subject=subject))

    def change_votes(self) -> None:
        """Let some users change their vote, and one say it again; a vote that was cast before comes late."""
        for vote in [e.data for e in self.streams["feedback"] if isinstance(e.data, FeedbackReceived)][-9:]:
            if vote.kind == "thumb" and vote.user:
                earlier = self.model.now - timedelta(days=1)
                self.say(vote, vote.model_copy(update={"value": -1, "comment": None}))
                self.say(vote.model_copy(update={"value": 1, "comment": None, "occurred_at": earlier}))

    def say(self, *payloads: Payload, project: str = PROJECT) -> None:
        """Say something now."""
        for payload in payloads:
            self._append(Event(f"said {next(self._numbers)}", "/story", project, self.model.now, payload))

    async def go_on(self) -> None:
        """Let every stage take its turns, a few entries each, until nobody has anything left to do."""
        while unread := [
            (name, stream) for (name, stream), at in self._read.items() if len(self.streams.get(stream, ())) > at
        ]:
            name = self._random.choice(sorted({name for name, _ in unread}))
            batch: list[Event[Payload]] = []
            for stream in (stream for one, stream in unread if one == name):
                at = self._read[name, stream]
                some = self.streams[stream][at : at + self._random.randint(1, BATCH)]
                self._read[name, stream] += len(some)
                batch += some
            await self._turn(name, batch)

    def later(self, **duration: float) -> None:
        """Let time pass, and every clock strike."""
        self.model.move_to(self.model.now + timedelta(**duration))
        for name in topology.STAGES:
            for clock, period in topology.SERVICES[name].ticks.items():
                slot = int(self.model.now.timestamp() // period.total_seconds())
                tick = Event(f"tick {name} {slot}", "/clock", "-", self.model.now, TickStruck(name=clock, slot=slot))
                self.streams.setdefault(f"ticks.{name}", []).append(tick)

    def ask(self) -> None:
        """Let some people ask for their next task."""
        for person in self._random.sample(PEOPLE, 4):
            self.say(
                work.LeaseRequested(
                    request=f"request {next(self._numbers)}",
                    annotator=person,
                    sources=["crowd"] if person != PEOPLE[0] else ["crowd", "experts"],
                    reply=person,
                    wait_until=self.model.now + timedelta(seconds=self._random.choice([0, 30])),
                )
            )

    def answer(self) -> None:
        """Let those who were leased a task do what people do: answer, beat, give back, regret, forget."""
        leased, self._heard = self.model.replies[self._heard :], len(self.model.replies)
        for person, told in leased:
            if told.status == 200 and "token" in told.body:
                self.say(*self._reaction(person, told.body))

    def curate(self) -> None:
        """Let an owner do things with items by hand, some of which can't be."""
        items = [event.data.item for event in self.streams.get("items", ()) if isinstance(event.data, ItemOpened)]
        heard = [event.data.feedback for event in self.streams["accepted"] if isinstance(event.data, FeedbackAccepted)]
        one, two, three, four = self._random.sample(items, 4)
        about = {"by": "an owner", "reason": "the owner looked at it", "reply": "an owner"}
        for kind, what in (
            (curation.MergeRequested, {"item": one, "into": two}),
            (curation.SplitRequested, {"feedback": self._random.choice(heard)}),
            (curation.KeptApartRequested, {"item": two, "other": three}),
            (curation.PinRequested, {"item": three, "pinned": self._random.random() < 0.7}),
            (curation.MuteRequested, {"item": four, "muted": self._random.random() < 0.7}),
        ):
            self.say(kind.model_validate({"request": f"request {next(self._numbers)}", **what, **about}))
        told = [event.data for event in self.streams["items"]]
        for merged in [one.item for one in told if isinstance(one, ItemClosed) and one.into][-1:]:
            first = next(one.feedback for one in told if isinstance(one, ItemOpened) and one.item == merged)
            self.say(curation.SplitRequested(request=f"request {next(self._numbers)}", feedback=first, **about))
        for muted in [one.item for one in told if isinstance(one, ItemClosed) and one.cause == "muted"][-1:]:
            request = f"request {next(self._numbers)}"
            self.say(curation.MuteRequested(request=request, item=muted, muted=False, **about))

    def forget(self) -> None:
        """Let somebody who opened an item be forgotten, as an erasure does: whose table it is takes their words out."""
        opened = [event.data.item for event in self.streams["items"] if isinstance(event.data, ItemOpened)]
        item, request = self._random.choice(opened), f"erasure {next(self._numbers)}"
        self.say(ErasureRequested(request=request, person="nobody we know"))
        for table, name in (
            (cases.name, item),
            (tasks.name, f"{PROJECT}/{item}.1"),
            (standings.name, f"{PROJECT}/{item}"),
            (f"triage.wordings:{PROJECT}", item),
        ):
            self.say(WordsErased(request=request, table=table, names=[name]))
        self.say(ErasureCompleted(request=request, person="nobody we know", feedback=1, items=1, uses=9, documents=4))

    def _reaction(self, person: str, body: dict[str, Any]) -> Iterator[Payload]:
        holds = {"assignment": body["assignment"], "token": body["token"], "annotator": person, "reply": person}
        answers = self.files[-1].label_names if body["asks"] == "label" else list(COMPLAINTS)
        label = self._random.choice(answers)
        submitted = work.AnnotationSubmitted(request=f"answer {next(self._numbers)}", label=label, **holds)
        match self._random.randrange(10):
            case 0:
                yield work.ReleaseRequested(request=f"release {next(self._numbers)}", **holds)
            case 1:
                return
            case 2:
                yield submitted
                yield work.RetractionRequested(request=f"regret {next(self._numbers)}", **holds)
            case 3:
                yield work.AnnotationSubmitted(request=f"answer {next(self._numbers)}", label="no label", **holds)
            case _:
                yield work.HeartbeatSent(request=f"beat {next(self._numbers)}", **holds)
                yield submitted

    async def _turn(self, name: str, batch: Sequence[Event[Payload]]) -> None:
        service, left = self.services[name], list(batch)
        for _ in range(MOST_TRIES):
            state = await service.load(left, self.model.reads(self._random.randbytes(16)))
            before = copy.deepcopy(state)
            decisions = list(service.decide(left, state))
            self.turns[name].append(Turn(left, before, decisions))
            said = len(self.model.published)
            left = self.model.commit(name, left, decisions)
            for event in self.model.published[said:]:
                self._append(event)
            self.conflicts[name] += len(left)
            if not left:
                return
        raise AssertionError(f"{name!r} conflicts with nobody but itself about {left[0]!r}")

    def _append(self, event: Event[Payload]) -> None:
        self.streams.setdefault(event.data.stream, []).append(event)


@lru_cache
def told(seed: int = 7) -> Story:
    """Tell a story of some hours: feedback in waves, people at work, a guideline that changes, leases that run out.

    What nobody labeled for some hours expires, and some of it is said again. An owner merges, splits, pins and mutes
    now and then, and somebody is forgotten.
    """
    return asyncio.run(_tell(seed))


async def _tell(seed: int) -> Story:
    story, file = Story(seed), project_file().model_copy(update={"expire_after_days": 0.1})
    story.apply(file)
    for wave in range(6):
        story.publish(40)
        story.say(story.streams["feedback"][-1].data, project="nobody's")
        await story.go_on()
        for _ in range(9):
            story.ask()
            await story.go_on()
            story.answer()
            await story.go_on()
            story.later(seconds=20)
            await story.go_on()
        story.echo()
        story.change_votes()
        story.curate()
        await story.go_on()
        story.forget()
        await story.go_on()
        if wave == 2:
            better = {"title": "The same, said better", "ask_complaint_of": "crowd"}
            story.apply(file.model_copy(update=better))
        story.later(hours=1)
        await story.go_on()
    return story
