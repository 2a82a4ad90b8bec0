"""Feedback as triage meets it, and what decisions leave behind for the next batch, read from their own effects."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted
from labelwright.contracts.items import ItemOpened, ItemReinforced
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Decision, Emit, Write
from labelwright.engine.tables import Versioned
from services.triage.state import FIELD, Item, Known, State, items, voices

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
EMPTY = State(NOW, {})
SUBJECT = {"type": "llm_response", "id": "r1", "prompt": "Is it open?", "response": "We are always open."}


def feedback(name: str = "f1", **fields: Any) -> FeedbackAccepted:
    """A bare thumb down of anna, unless said otherwise."""
    thumb = {"kind": "thumb", "value": -1, "subject": SUBJECT, "user": "anna", "feedback": name, "received_at": NOW}
    return FeedbackAccepted.model_validate(thumb | fields)


def event(name: str = "f1", project: str = "acme", **fields: Any) -> Event[Payload]:
    """The event that carries it."""
    return Event(f"event-{name}", "/intake", project, NOW, feedback(name, **fields))


def told(decisions: Sequence[Decision]) -> list[ItemOpened | ItemReinforced]:
    """Everything that the decisions emit."""
    emitted = [effect.data for one in decisions for effect in one.effects if isinstance(effect, Emit)]
    return [data for data in emitted if isinstance(data, (ItemOpened, ItemReinforced))]


def after(state: State, decisions: Sequence[Decision], addresses: Sequence[tuple[str, str]]) -> State:
    """The state that the decisions' writes leave, at these addresses."""
    known = dict(state.known)
    for decision in decisions:
        for write in (effect for effect in decision.effects if isinstance(effect, Write)):
            for address in addresses:
                if write.command == "HSET" and write.key == items.of(*address).key:
                    assert write.args[0] == FIELD
                    version, _, body = write.args[1].partition("|")
                    item = Item.model_validate_json(body)
                    others = known[address].voices if address in known else frozenset[str]()
                    known[address] = Known(Versioned(int(version), item), others | {item.opener})
                if write.command == "SADD" and write.key == voices.of(*address).key:
                    known[address] = Known(known[address].document, known[address].voices | set(write.args))
    return State(state.now, known)
