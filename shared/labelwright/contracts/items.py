"""Items: the cases worth labeling, each one or many feedback events that mean the same thing."""

from pydantic import Field

from labelwright.contracts.feedback import Kind, Subject
from labelwright.contracts.payload import Count, ItemId, Moment, Payload, Short


class ItemOpened(Payload, stream="items"):
    """Triage saw something new. `factors` multiply to `priority`, so that a rank explains itself."""

    item: ItemId
    feedback: Short
    fingerprint: Short
    kind: Kind
    sign: int
    text: str
    subject: Subject
    priority: float
    factors: dict[str, float] = Field(default_factory=dict)
    skill: Short | None = None
    received_at: Moment


class ItemReinforced(Payload, stream="items"):
    """More of the same: the item weighs more now."""

    item: ItemId
    feedback: Short
    events: Count
    users: Count
    priority: float
    factors: dict[str, float] = Field(default_factory=dict)
