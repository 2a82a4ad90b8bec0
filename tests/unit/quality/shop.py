"""A shop whose work is measured: quality runs here on the model of a partition, without a server."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import Complaint, Subject
from labelwright.contracts.items import ItemOpened
from labelwright.contracts.labels import DisputeOpened, LabelResolved
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import SourceKind
from labelwright.contracts.quality import QualityMeasured, TickStruck
from labelwright.contracts.work import AnnotationAbstained, AnnotationRecorded, AnnotationRetracted
from labelwright.metrics import Sample
from services.quality.decide import decide
from services.quality.state import Scope, State, figures_of, gauges, load, totals_of
from tests.engine_model import ModelPartition

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
PROJECT = "shop"
SUBJECT = Subject(type="screen", id="checkout")


class Shop:
    """What tests tell quality, and what it makes of it."""

    def __init__(self) -> None:
        self.model = ModelPartition(START)
        self.conflicts = 0
        self.chance = b"c" * 16
        self._numbers = count(1)

    def tell(self, *payloads: Payload, project: str = PROJECT) -> list[Event[Payload]]:
        """Hand quality one batch; return what it published."""
        return self.batch([self.event(payload, project) for payload in payloads])

    def batch(self, events: Sequence[Event[Payload]]) -> list[Event[Payload]]:
        """Hand quality these very events."""
        before = len(self.model.published)
        self.conflicts += asyncio.run(self.model.handle("quality", load, decide, events, self.chance))
        return self.model.published[before:]

    def accept(self, pieces: int, project: str = PROJECT) -> None:
        """Let intake have accepted so much feedback."""
        self.model.hashes.setdefault("intake.accepted", {})[project] = str(pieces)

    def load(self, batch: Sequence[Event[Payload]]) -> State:
        """What quality reads before it decides about these events."""
        return asyncio.run(load(batch, self.model.reads(self.chance)))

    def interleave(self, first: Sequence[Event[Payload]], second: Sequence[Event[Payload]]) -> None:
        """Let two replicas decide before either commits."""
        made = [(batch, list(decide(batch, self.load(batch)))) for batch in (first, second)]
        for batch, decisions in made:
            if left := self.model.commit("quality", batch, decisions):
                self.conflicts += len(left)
                self.batch(left)

    def event(self, payload: Payload, project: str = PROJECT) -> Event[Payload]:
        """An event that happens now."""
        return Event(f"e{next(self._numbers)}", "/test", project, self.model.now, payload)

    def wait(self, **duration: float) -> None:
        """Let time pass."""
        self.model.move_to(self.model.now + timedelta(**duration))

    def strike(self) -> list[QualityMeasured]:
        """Let the clock strike; return what was measured."""
        number = next(self._numbers)
        tick = Event("t" + str(number), "/clock", "-", self.model.now, TickStruck(name="measure", slot=number))
        return [event.data for event in self.batch([tick]) if isinstance(event.data, QualityMeasured)]

    def all_figures(self, version: int | None = None, project: str = PROJECT) -> dict[str, float]:
        """A scope's figures as they are now, those of each complaint among them."""
        scope = Scope(project, version)
        return figures_of(scope, asyncio.run(totals_of(self.model.reads(), [scope]))[scope])

    def figures(self, version: int | None = None, project: str = PROJECT, complaint: str = "") -> dict[str, float]:
        """A scope's figures as they are now, of everything or of one complaint, by the same names."""
        found = self.all_figures(version, project)
        if not complaint:
            return {name: value for name, value in found.items() if not name.startswith("complaint_")}
        return {
            name.removeprefix("complaint_").replace(f".{complaint}", "", 1): value
            for name, value in found.items()
            if name.startswith("complaint_") and name.split(".")[1] == complaint
        }

    def samples(self) -> list[Sample]:
        """What is exported to Prometheus."""
        return list(asyncio.run(gauges(self.model.reads())))


def abstained(item: str = "a") -> AnnotationAbstained:
    """A rule had nothing to say about an item."""
    return AnnotationAbstained(
        task=f"{item}.2", item=item, assignment="x", annotator="machine:rules", source="rules", source_kind="rule",
        guideline_version=1,
    )  # fmt: skip


def opened(item: str, received_at: datetime = START, complaint: Complaint | None = None) -> ItemOpened:
    """An item that triage opened."""
    return ItemOpened(
        item=item, feedback=f"f {item}", fingerprint="f" * 32, kind="text", sign=0, text="too slow", subject=SUBJECT,
        priority=1.0, complaint=complaint, received_at=received_at,
    )  # fmt: skip


def answered(
    item: str,
    annotator: str,
    label: str,
    *,
    annotation: str = "",
    gold: str | None = None,
    version: int = 1,
    kind: SourceKind = "crowd",
    at: datetime = START,
    **about: Any,
) -> AnnotationRecorded:
    """An annotator's answer."""
    values = {"source": kind, "price_usd": 0.1} | about
    return AnnotationRecorded(
        annotation=annotation or f"{item}/{annotator}", task=f"{item}.1", item=item, assignment="a",
        annotator=annotator, source_kind=kind, label=label, guideline_version=version, gold_label=gold,
        leased_at=START, answered_at=at, **values,
    )  # fmt: skip


def taken_back(answer: AnnotationRecorded) -> AnnotationRetracted:
    """The undoing of an answer."""
    return AnnotationRetracted(
        annotation=answer.annotation,
        task=answer.task,
        item=answer.item,
        annotator=answer.annotator,
        gold_label=answer.gold_label,
    )


def resolved(item: str, *, at: datetime = START, cost_usd: float = 0.3, received_at: datetime = START) -> LabelResolved:
    """An item's label."""
    return LabelResolved(
        item=item, label="slow", probability=0.9, distribution={"slow": 0.9}, method="belief", model_number=0,
        guideline_version=1, annotations=[], text="too slow", cost_usd=cost_usd, opened_at=received_at, resolved_at=at,
    )  # fmt: skip


def disputed(item: str) -> DisputeOpened:
    """An item's dispute."""
    return DisputeOpened(item=item, distribution={}, reason="split", guideline_version=1, annotations=[])
