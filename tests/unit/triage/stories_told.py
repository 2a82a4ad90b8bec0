"""Feedback as triage meets it, and a partition in memory on which triage hears it, batch by batch."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Decision, Emit
from labelwright.stories import Standing, placements, standings, story_key
from services.triage.decide import decide
from services.triage.state import Address, Known, Placement, State, as_known, load, tallies
from services.triage.wording import fingerprint_of
from tests.engine_model import ModelPartition

P = TypeVar("P", bound=Payload)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
EMPTY = State(NOW)
SUBJECT = {"type": "llm_response", "id": "r1", "prompt": "Is it open?", "response": "We are always open."}


def feedback(name: str = "f1", **fields: Any) -> FeedbackAccepted:
    """A bare thumb down of anna, unless said otherwise."""
    thumb = {"kind": "thumb", "value": -1, "subject": SUBJECT, "user": "anna", "feedback": name, "received_at": NOW}
    return FeedbackAccepted.model_validate(thumb | fields)


def event(name: str = "f1", project: str = "acme", **fields: Any) -> Event[Payload]:
    """The event that carries it."""
    return Event(f"event-{name}", "/intake", project, NOW, feedback(name, **fields))


def said(name: str, comment: str, **fields: Any) -> Event[Payload]:
    """A text, by a user of its own."""
    return event(name, **{"kind": "text", "value": None, "comment": comment, "user": f"user of {name}"} | fields)


def statement(one: Event[Payload]) -> str:
    """The fingerprint of what an event says."""
    assert isinstance(one.data, FeedbackAccepted)
    return fingerprint_of(one.project, one.data)


def told(decisions: Sequence[Decision]) -> list[Payload]:
    """Everything that the decisions emit."""
    return [effect.data for one in decisions for effect in one.effects if isinstance(effect, Emit)]


class Shop:
    """What triage remembers, in memory; it hears batches of feedback."""

    def __init__(self) -> None:
        self.model = ModelPartition(NOW)

    def later(self, **duration: float) -> None:
        """Let time pass."""
        self.model.move_to(self.model.now + timedelta(**duration))

    def hears(self, *batch: Event[Payload]) -> list[Payload]:
        """Let triage decide about a batch; what it emits."""
        before = len(self.model.published)
        assert asyncio.run(self.model.handle("triage", load, decide, batch)) == 0
        return [one.data for one in self.model.published[before:]]

    def decided(self, *batch: Event[Payload]) -> list[Decision]:
        """What triage decides about a batch by what it knows now, without doing it."""
        return list(decide(batch, self.state(*batch)))

    def told(self, kind: type[P]) -> list[P]:
        """All that was emitted of one kind."""
        return [one.data for one in self.model.published if isinstance(one.data, kind)]

    def state(self, *batch: Event[Payload]) -> State:
        """What triage reads for a batch."""
        return asyncio.run(load(batch, self.model.reads()))

    def items(self) -> dict[Address, Known]:
        """Every item, with its tally."""

        async def read() -> dict[Address, Known]:
            reads = self.model.reads()
            (stood,) = await reads(standings.all())
            asked = [Address(one.value.project, one.value.item) for one in stood.values()]
            return as_known(asked, stood, await reads.many([tallies.of(*item).all() for item in asked]))

        return asyncio.run(read())

    def standings(self) -> list[Standing]:
        """How every item stands, the oldest first."""
        return [known.standing.value for known in self.items().values()]

    def place(self, name: str, project: str = "acme") -> Placement:
        """Where a piece of feedback is."""
        key = story_key(project, name)
        (found,) = asyncio.run(self.model.reads()(placements.get_many([key], self.model.now)))
        return Placement.read(found[key])
