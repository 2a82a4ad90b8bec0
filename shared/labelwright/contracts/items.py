"""Items: the cases worth labeling, each one or many feedback events that mean the same thing."""

from datetime import datetime

from pydantic import Field

from labelwright.contracts.feedback import Kind, Subject
from labelwright.contracts.payload import Payload


class ItemOpened(Payload, stream="items"):
    """Triage saw something new. `factors` multiply to `priority`, so that a rank explains itself."""

    item: str
    feedback: str
    fingerprint: str
    kind: Kind
    sign: int
    text: str
    subject: Subject
    priority: float
    factors: dict[str, float] = Field(default_factory=dict)
    skill: str | None = None
    received_at: datetime


class ItemReinforced(Payload, stream="items"):
    """More of the same: the item weighs more now."""

    item: str
    feedback: str
    events: int
    users: int
    priority: float
    factors: dict[str, float] = Field(default_factory=dict)
