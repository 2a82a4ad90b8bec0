"""What resolve knows before it decides: cases, project files, fitted models, and on a tick answers to learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from pydantic_core import from_json

from labelwright import projects
from labelwright.contracts import items, quality, work
from labelwright.contracts.envelope import Event
from labelwright.contracts.erasure import WordsErased
from labelwright.contracts.payload import Part, Payload
from labelwright.contracts.project import ProjectFile
from labelwright.engine.reads import Reads
from labelwright.engine.tables import Counter, Documents, Register, Versioned
from labelwright.statistics.belief import Model, prior_model
from labelwright.stories import Case, cases

ANSWERS_A_PART: Final = 10_000
GROWTH: Final = 1.2
FIRST_FIT: Final = 30
FITS_A_TICK: Final = 2


class StoredModel(Part):
    """A fitted model as JSON, its number, the labels that its classes are, and how many answers it was fitted on."""

    number: int
    labels: list[str]
    answers: int
    model: str


models: Documents[StoredModel] = Documents("resolve.models", StoredModel)
"""By project; what everybody believes by until the next refit."""

answers = Register("resolve.answers")
"""By project and part (`answers.of(project, part)`): `<item>/<annotator>` -> `<kind>|<label>|<gold label>`.

The last two parts of 10,000 answers are kept: 10,000 to 20,000 answers to learn from.
"""

counts = Counter("resolve.answer_counts")
"""By project: how many answers there ever were."""


@dataclass(frozen=True, slots=True)
class Believer:
    """A model in use, with its number; 0 is the prior, before anybody answered."""

    number: int
    model: Model


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a refit needs of a project: its file, its answers, and the version of the model that it replaces."""

    project: projects.Project
    rows: Mapping[str, str]
    count: int
    version: int
    number: int


@dataclass(frozen=True, slots=True)
class State:
    """The batch's cases by item, the project files in force and by `<project>@<number>`, models and answer counts."""

    now: datetime
    cases: Mapping[str, Versioned[Case]]
    in_force: Mapping[str, projects.Project]
    history: Mapping[str, projects.Project]
    models: Mapping[str, StoredModel]
    counts: Mapping[str, int]
    lessons: Sequence[Lesson] = field(default=())

    def file(self, project: str, number: int) -> ProjectFile | None:
        """Return the project file of a version; None if it isn't known."""
        present = self.in_force.get(project)
        if present and present.number == number:
            return present.file
        past = self.history.get(f"{project}@{number}")
        return past.file if past else None

    def believer(self, project: str, labels: Sequence[str]) -> Believer:
        """Return the project's model if it was fitted on these labels, else the prior."""
        stored = self.models.get(project)
        if stored and stored.labels == list(labels):
            return Believer(stored.number, _understood(stored.model))
        return Believer(0, _prior(len(labels)))


async def load(batch: Sequence[Event[Payload]], reads: Reads) -> State:
    """Read what the batch needs in two round trips; one or two more on the clock's beat or where items were merged."""
    names = {event.project for event in batch}
    asked = _items(batch)
    found, in_force, fitted, counted = await reads(
        cases.get_many(asked), projects.current.get_many(names), models.get_many(names), counts.all()
    )
    found |= await _led_to(reads, found, asked)
    present = {name: document.value for name, document in in_force.items()}
    past = {
        f"{case.value.project}@{case.value.guideline_version}"
        for case in found.values()
        if case.value.project not in present or present[case.value.project].number != case.value.guideline_version
    }
    (history,) = await reads(projects.history.get_many(past)) if past else ({},)
    return State(
        now=reads.now,
        cases=found,
        in_force=present,
        history={name: document.value for name, document in history.items()},
        models={name: document.value for name, document in fitted.items()},
        counts=counted,
        lessons=await _lessons(reads, counted) if _is_refit(batch) else (),
    )


def part(count: int) -> str:
    """Return the part of `answers` that the count's next answer goes to."""
    return str(count // ANSWERS_A_PART)


def _items(batch: Sequence[Event[Payload]]) -> list[str]:
    of_items = (
        items.ItemOpened,
        items.ItemReinforced,
        items.ItemClosed,
        items.ItemReopened,
        work.AnnotationRecorded,
        work.AnnotationAbstained,
        work.AnnotationRetracted,
    )
    named = [event.data.item for event in batch if isinstance(event.data, of_items)]
    for event in batch:
        match event.data:
            case items.ItemClosed(into=str(into)):
                named.append(into)
            case WordsErased(table=cases.name, names=erased):
                named += erased
            case items.ItemOpened(split_from=str(origin), takes=takes):
                named += [origin, *takes]
    return named


async def _led_to(
    reads: Reads, found: Mapping[str, Versioned[Case]], asked: Sequence[str]
) -> dict[str, Versioned[Case]]:
    """Read the cases that those which were read were merged into, and those that were merged into these."""
    more: dict[str, Versioned[Case]] = {}
    known, last = set(asked), dict(found)
    while wanted := {name for case in last.values() for name in (case.value.into, *case.value.members) if name} - known:
        known |= wanted
        (last,) = await reads(cases.get_many(sorted(wanted)))
        more |= last
    return more


def _is_refit(batch: Sequence[Event[Payload]]) -> bool:
    return any(isinstance(event.data, quality.TickStruck) for event in batch)


async def _lessons(reads: Reads, counted: Mapping[str, int]) -> list[Lesson]:
    """Read the answers of the projects that grew most since their last fit."""
    in_force, fitted = await reads(projects.current.get_many(counted), models.get_many(counted))
    grown = {
        name: count / max(fitted[name].value.answers if name in fitted else 0, 1)
        for name, count in counted.items()
        if name in in_force and count >= FIRST_FIT
    }
    due = sorted((name for name, growth in grown.items() if growth >= GROWTH), key=grown.__getitem__)[-FITS_A_TICK:]
    lessons = []
    for name in due:
        last = counted[name] // ANSWERS_A_PART
        parts = await reads.many([answers.of(name, str(number)).all() for number in {max(0, last - 1), last}])
        rows = {field: answer for rows in parts for field, answer in rows.items()}
        model = fitted.get(name)
        version, number = (model.version, model.value.number) if model else (0, 0)
        lessons.append(Lesson(in_force[name].value, rows, counted[name], version, number))
    return lessons


@lru_cache(maxsize=256)
def _understood(model: str) -> Model:
    return Model.from_json_dict(from_json(model))


@lru_cache(maxsize=64)
def _prior(classes: int) -> Model:
    return prior_model(classes)
