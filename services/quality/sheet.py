"""The sheet of an item: what happened to it, in whatever order it was heard of, and what that adds to the sums.

A sheet holds facts alone, and what it adds is a pure function of them. So any order of events gives the same sheet,
and a change adds the difference between what the sheet added before and what it adds now.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from pydantic import Field

from labelwright.contracts.feedback import COMPLAINTS, UNSAID
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReopened
from labelwright.contracts.labels import DisputeOpened, LabelResolved, LabelWithdrawn
from labelwright.contracts.payload import Part
from labelwright.contracts.work import AnnotationRecorded, AnnotationRetracted, Asks
from labelwright.statistics.agreement import coincidences
from labelwright.stories import of_complaint

MOST_COUNTED: Final = 17
"""People of one item whose answers count for agreement, the earliest; their pairs bound what one event changes."""

LONGEST: Final = timedelta(days=365)
"""The longest time that the sums take: a publisher's clock may be centuries off, and a sum must stay one."""

WHOLE: Final = 720_720
"""1 in a pair of the sums: divisible by 1 to 16, so that the coincidences of up to 17 answers are whole numbers."""

DOLLAR: Final = 1_000_000
"""1 USD in the sums."""

BOUNDS_S: Final = (1, 5, 15, 60, 300, 900, 3_600, 4 * 3_600, 12 * 3_600, 86_400, 3 * 86_400, 7 * 86_400, 30 * 86_400)
"""Upper bounds of the times from feedback to label that are told apart; what is longer counts under `inf`."""


class Sum(NamedTuple):
    """One of a project's sums, of a guideline version or (None) of the whole project."""

    version: int | None
    name: str


class Answer(Part):
    """An annotation as far as agreement and gold accuracy need it, or what somebody said that the complaint means."""

    annotator: str
    source: str
    label: str
    guideline_version: int
    gold_label: str | None = None
    answered_at: datetime
    asks: Asks = "label"


class Outcome(Part):
    """How the item stands with its annotators since `at`; a label's cost is that of all answers about the item."""

    at: datetime
    state: Literal["labeled", "disputed", "withdrawn"]
    cost_usd: float = 0.0


class Closing(Part):
    """Whether triage closed the item, and why, or has it open again, by the latest news; `number` tells which is."""

    number: int
    cause: Literal["merged", "expired", "muted", "superseded", "erased"] | None = None


class Sheet(Part):
    """What is known of one item, or of one annotator's answers to one gold item.

    `answers` are those by annotation that stand; `retracted` names those that were heard of by their retraction first.
    """

    answers: dict[str, Answer] = Field(default_factory=dict)
    retracted: list[str] = Field(default_factory=list)
    received_at: datetime | None = None
    labeled_at: datetime | None = None
    outcome: Outcome | None = None
    closing: Closing | None = None
    said: str | None = None

    @property
    def complaint(self) -> str:
        """What the complaint means, one of five: as somebody told who was asked last, else as the feedback said."""
        asked = _standing(self, "complaint")
        told = asked[-1].label if asked else self.said
        return told if told in COMPLAINTS else UNSAID

    @property
    def is_waiting(self) -> bool:
        """Whether the item is open and has neither label nor dispute."""
        return self.received_at is not None and self.state is None

    @property
    def state(self) -> str | None:
        """How the item stands: labeled whatever else happened, or why it is closed, or disputed; None if it waits."""
        outcome = self.outcome.state if self.outcome and self.outcome.state != "withdrawn" else None
        cause = self.closing.cause if self.closing else None
        return outcome if outcome == "labeled" else cause or outcome


Told = (
    ItemOpened
    | ItemClosed
    | ItemReopened
    | AnnotationRecorded
    | AnnotationRetracted
    | LabelResolved
    | LabelWithdrawn
    | DisputeOpened
)
"""What a sheet is told of."""


def told(sheet: Sheet, data: Told, at: datetime) -> Sheet:
    """Return the sheet with what happened at a moment written down."""
    match data:
        case AnnotationRecorded():
            return _answered(sheet, data)
        case AnnotationRetracted():
            return _taken_back(sheet, data.annotation)
        case ItemOpened():
            received_at = _earliest(sheet.received_at, data.received_at)
            update: dict[str, Any] = {"received_at": received_at, "said": data.complaint}
        case ItemClosed() | ItemReopened():
            update = {"closing": _latest_closing(sheet, data)}
        case LabelResolved():
            label = Outcome(at=at, state="labeled", cost_usd=data.cost_usd)
            update = {
                "received_at": _earliest(sheet.received_at, data.opened_at),
                "labeled_at": _earliest(sheet.labeled_at, data.resolved_at),
                "outcome": _latest(sheet, label),
            }
        case DisputeOpened():
            update = {"outcome": _latest(sheet, Outcome(at=at, state="disputed"))}
        case LabelWithdrawn():
            update = {"outcome": _latest(sheet, Outcome(at=at, state="withdrawn"))}
    return sheet.model_copy(update=update)


def difference(before: Sheet, after: Sheet) -> Counter[Sum]:
    """Return by how much the sums change when a sheet does: those of everything, and those of its complaint."""
    is_other = after.complaint != before.complaint
    total: Counter[Sum] = Counter()
    total.update(_and_of(after.complaint, dict(_of_item(after))))
    total.subtract(_and_of(before.complaint, dict(_of_item(before))))
    if is_other or after.answers != before.answers:
        total.update(_of_answers(after))
        total.subtract(_of_answers(before))
    return total


def _and_of(complaint: str, sums: Mapping[Sum, int]) -> dict[Sum, int]:
    return {**sums, **{Sum(one.version, of_complaint(complaint, one.name)): count for one, count in sums.items()}}


def _of_answers(sheet: Sheet) -> Counter[Sum]:
    total: Counter[Sum] = Counter()
    by_version: dict[int, list[Answer]] = defaultdict(list)
    for answer in _standing(sheet):
        if answer.gold_label is None:
            by_version[answer.guideline_version].append(answer)
        else:
            total.update(_of_gold(answer))
    for version, answers in by_version.items():
        total.update(_and_of(sheet.complaint, dict(_of_pairs(version, answers[:MOST_COUNTED]))))
    return total


def _answered(sheet: Sheet, data: AnnotationRecorded) -> Sheet:
    if data.annotation in sheet.retracted:
        return sheet.model_copy(update={"retracted": [one for one in sheet.retracted if one != data.annotation]})
    answer = Answer(
        annotator=data.annotator,
        source=data.source,
        label=data.label,
        guideline_version=data.guideline_version,
        gold_label=data.gold_label,
        answered_at=data.answered_at,
        asks=data.asks,
    )
    return sheet.model_copy(update={"answers": {**sheet.answers, data.annotation: answer}})


def _taken_back(sheet: Sheet, annotation: str) -> Sheet:
    if annotation not in sheet.answers:
        return sheet.model_copy(update={"retracted": sorted({*sheet.retracted, annotation})})
    left = {name: answer for name, answer in sheet.answers.items() if name != annotation}
    return sheet.model_copy(update={"answers": left})


def _earliest(known: datetime | None, heard: datetime) -> datetime:
    return min(known, heard) if known else heard


def _latest(sheet: Sheet, outcome: Outcome) -> Outcome:
    known = [outcome, sheet.outcome] if sheet.outcome else [outcome]
    return max(known, key=lambda one: (one.at, one.state, one.cost_usd))


def _latest_closing(sheet: Sheet, data: ItemClosed | ItemReopened) -> Closing:
    known = sheet.closing
    cause = data.cause if isinstance(data, ItemClosed) else None
    return known if known and known.number > data.number else Closing(number=data.number, cause=cause)


def _standing(sheet: Sheet, asks: Asks = "label") -> list[Answer]:
    """Return each annotator's latest answer to a question, the earliest of these first."""
    latest: dict[str, tuple[datetime, str, Answer]] = {}
    for name, answer in sheet.answers.items():
        if answer.asks != asks:
            continue
        held = (answer.answered_at, name, answer)
        latest[answer.annotator] = max(latest.get(answer.annotator, held), held, key=lambda one: one[:2])
    return [answer for _, _, answer in sorted(latest.values(), key=lambda one: one[:2])]


def _of_item(sheet: Sheet) -> Iterator[tuple[Sum, int]]:
    if sheet.received_at:
        yield Sum(None, "items"), 1
    if sheet.state:
        yield Sum(None, sheet.state), 1
    elif sheet.is_waiting:
        yield Sum(None, "waiting"), 1
    if sheet.outcome:
        yield Sum(None, "cost"), round(sheet.outcome.cost_usd * DOLLAR)
    if sheet.received_at and sheet.labeled_at:
        took = min(max(sheet.labeled_at - sheet.received_at, timedelta()), LONGEST)
        bound = next((str(bound) for bound in BOUNDS_S if took.total_seconds() <= bound), "inf")
        yield Sum(None, f"took/{bound}"), 1
        yield Sum(None, "took_ms"), took // timedelta(milliseconds=1)


def _of_gold(answer: Answer) -> dict[Sum, int]:
    scopes = (None, answer.guideline_version)
    given = {Sum(scope, f"gold/{answer.source}"): 1 for scope in scopes}
    is_right = int(answer.label == answer.gold_label)
    return given | {Sum(scope, f"right/{answer.source}"): is_right for scope in scopes}


def _of_pairs(version: int, answers: Sequence[Answer]) -> Iterator[tuple[Sum, int]]:
    """Yield the upper half of the coincidence matrix: it is symmetric."""
    counts = Counter(answer.label for answer in answers)
    labels = sorted(counts)
    matrix = _coincidences(tuple(counts[label] for label in labels))
    for row, label in enumerate(labels):
        for column in range(row, len(labels)):
            yield Sum(version, f"pair/{label}/{labels[column]}"), matrix[row][column]


@lru_cache(maxsize=10_000)
def _coincidences(counts: tuple[int, ...]) -> list[list[int]]:
    return [[round(cell * WHOLE) for cell in row] for row in coincidences(counts).tolist()]
