"""Quality's tables, what it reads before it decides, and what it exports to Prometheus."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Final, NamedTuple

from labelwright.contracts.envelope import Event
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReopened
from labelwright.contracts.labels import DisputeOpened, LabelResolved, LabelWithdrawn
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import MACHINES
from labelwright.contracts.quality import TickStruck
from labelwright.contracts.work import AnnotationRecorded, AnnotationRetracted
from labelwright.engine.reads import Reads, in_groups
from labelwright.engine.tables import Counter, Documents, Members, Ranking, Register, Versioned, milliseconds
from labelwright.expiry import expired, lost_of, overdue
from labelwright.metrics import CATALOGUE, Sample
from labelwright.stories import accepted, complaints, sums
from services.quality.figures import Totals, complaints_in, of_one, of_project, of_version, times
from services.quality.sheet import Sheet

MOST_MEASURED: Final = 50
"""Scopes that one tick measures; what else changed waits for the next tick."""

LATEST_VERSIONS: Final = 3
"""Guideline versions of a project whose agreement is exported; the stream `metrics` tells of every one."""

FIELD: Final = "sheet"

sheets: Documents[Sheet] = Documents("quality.sheets", Sheet)
"""By project and item, and for gold by annotator (`sheet_at`), in the one field `sheet`.

A sheet that waits for nothing more vanishes when nobody has mentioned it for long.
"""

waiting = Ranking("quality.waiting")
"""Per project: the items with neither label nor dispute, by the millisecond of their first feedback."""

changed = Register("quality.changed")
"""Each scope that changed since it was last measured, and the id of the event that changed it last."""

scopes = Members("quality.scopes")
"""Every scope that ever had a sum."""


class Scope(NamedTuple):
    """What is measured: a project as a whole, or what was answered under one of its guideline versions."""

    project: str
    version: int | None

    @property
    def name(self) -> str:
        """The scope in one word; no project's name contains the sign."""
        return f"{self.project}@{'' if self.version is None else self.version}"

    @classmethod
    def named(cls, name: str) -> "Scope":
        """Return the scope of that name."""
        project, _, version = name.rpartition("@")
        return cls(project, int(version) if version else None)


class Address(NamedTuple):
    """Whose sheet it is: an item's, or of a gold item, which everybody answers, one annotator's."""

    project: str
    item: str
    annotator: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """The batch's sheets by address, and which of its scopes are known; on a tick, what changed and its totals."""

    now: datetime
    sheets: Mapping[Address, Versioned[Sheet]] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()
    changed: Mapping[str, str] = field(default_factory=dict)
    totals: Mapping[Scope, Totals] = field(default_factory=dict)


def of_scope(scope: Scope) -> Counter:
    """Return the sums of a scope."""
    return sums.of(scope.project, "-" if scope.version is None else str(scope.version))


def sheet_at(address: Address) -> Documents[Sheet]:
    """Return the table that holds a sheet."""
    return sheets.of(*(address if address.annotator else address[:2]))


def address_of(event: Event[Payload]) -> Address | None:
    """Return the address of the sheet that an event is written down in; None if it only counts.

    An answer counts for agreement if a person gave it, and for gold accuracy or for what a complaint means whoever did.
    """
    match event.data:
        case ItemOpened(item=item) | ItemClosed(item=item) | ItemReopened(item=item):
            return Address(event.project, item)
        case LabelResolved(item=item) | LabelWithdrawn(item=item) | DisputeOpened(item=item):
            return Address(event.project, item)
        case AnnotationRecorded() | AnnotationRetracted() as data if data.gold_label is not None:
            return Address(event.project, data.item, data.annotator)
        case AnnotationRecorded(source_kind=kind, asks="label") if kind in MACHINES:
            return None
        case AnnotationRecorded(item=item) | AnnotationRetracted(item=item):
            return Address(event.project, item)
    return None


async def load(batch: Sequence[Event[Payload]], reads: Reads) -> State:
    """Read the batch's sheets; on a tick what changed, and only then, lest a change go unseen, its totals."""
    addresses = [*dict.fromkeys(address for event in batch if (address := address_of(event)))]
    is_tick = any(isinstance(event.data, TickStruck) for event in batch)
    documents, known, marks = await in_groups(
        reads,
        [sheet_at(address).get(FIELD) for address in addresses],
        [scopes.among(_scopes(batch))],
        [changed.all()] if is_tick else [],
    )
    due = _due(marks[0], reads.chance) if is_tick else {}
    return State(
        now=reads.now,
        sheets={address: document for address, document in zip(addresses, documents, strict=True) if document},
        scopes=known[0],
        changed=due,
        totals=await totals_of(reads, [Scope.named(name) for name in due]),
    )


async def gauges(reads: Reads) -> Iterable[Sample]:
    """Export every project's figures, and how people agree under its latest guideline versions."""
    (names,) = await reads(scopes.all())
    versions: dict[str, list[int]] = defaultdict(list)
    for project, version in map(Scope.named, sorted(names)):
        versions[project] += [] if version is None else [version]
    latest = {project: sorted(numbers)[-LATEST_VERSIONS:] for project, numbers in versions.items()}
    asked = [Scope(project, number) for project, numbers in latest.items() for number in (None, *numbers)]
    totals = await totals_of(reads, asked)
    return list(chain.from_iterable(_samples(scope, totals[scope]) for scope in asked))


def figures_of(scope: Scope, totals: Totals) -> dict[str, float]:
    """Return what the totals of a scope say, by the names of docs/metrics.md."""
    return of_project(totals) if scope.version is None else of_version(totals)


async def totals_of(reads: Reads, asked: Sequence[Scope]) -> dict[Scope, Totals]:
    """Read the totals of scopes in one round trip."""
    sums_found, fed, counts, oldest, gone, late, said = await in_groups(
        reads,
        [of_scope(scope).all() for scope in asked],
        [accepted.get(scope.project) for scope in asked],
        [waiting.of(scope.project).size() for scope in asked],
        [waiting.of(scope.project).first(1) for scope in asked],
        [expired.of(scope.project).all() for scope in asked],
        [overdue.of(scope.project).all() for scope in asked],
        [complaints.of(scope.project).all() for scope in asked],
    )
    now_ms = milliseconds(reads.now)
    ages_s = [max(0.0, now_ms - first[0][1]) / 1_000 if first else 0.0 for first in oldest]
    lost = map(lost_of, fed, gone, late)
    return dict(zip(asked, map(Totals, sums_found, fed, counts, ages_s, lost, said), strict=True))


def _samples(scope: Scope, totals: Totals) -> Iterator[Sample]:
    """Yield the figures that have a metric with just the labels of their scope and those that stand behind dots."""
    own = {"project": scope.project}
    if scope.version is None:
        yield Sample("labelwright_feedback_to_label_seconds", own, times(totals.sums))
        for complaint in complaints_in(totals):
            took = times(of_one(totals, complaint).sums)
            yield Sample("labelwright_complaint_feedback_to_label_seconds", own | {"complaint": complaint}, took)
    else:
        own["guideline_version"] = str(scope.version)
    for name, value in figures_of(scope, totals).items():
        base, *further = name.split(".")
        metric = CATALOGUE[f"labelwright_{base}"]
        left = [label for label in metric.labels if label not in own]
        if own.keys() <= set(metric.labels) and len(left) == len(further):
            yield Sample(metric.name, own | dict(zip(left, further, strict=True)), value)


def _due(marks: Mapping[str, str], chance: bytes) -> dict[str, str]:
    """Draw what one tick measures: all that changed, or so many by lot that none is passed over for ever."""
    drawn = sorted(marks, key=lambda name: hashlib.blake2b(name.encode(), key=chance).digest())
    return {name: marks[name] for name in drawn[:MOST_MEASURED]}


def _scopes(batch: Iterable[Event[Payload]]) -> Iterator[str]:
    for event in batch:
        yield Scope(event.project, None).name
        version = getattr(event.data, "guideline_version", None)
        if version is not None:
            yield Scope(event.project, version).name
