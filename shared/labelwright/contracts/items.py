"""Items: the cases worth labeling, each one or many feedback events that mean the same thing."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from labelwright.contracts.feedback import Complaint, Kind, Subject
from labelwright.contracts.payload import Count, ItemId, Moment, Payload, Short

Reason = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class ItemOpened(Payload, stream="items"):
    """Triage saw something new. `factors` multiply to `priority`, so that a rank explains itself.

    `split_from` names the item that these words were part of until a person parted them; `takes` names those of the
    items merged into that one which leave with them, and their annotations with these.
    """

    item: ItemId
    feedback: Short
    fingerprint: Short
    kind: Kind
    sign: int
    text: str
    subject: Subject
    priority: float
    factors: dict[str, float] = Field(default_factory=dict)
    complaint: Complaint | None = None
    skill: Short | None = None
    split_from: ItemId | None = None
    takes: list[ItemId] = Field(default_factory=list)
    received_at: Moment


class ItemReinforced(Payload, stream="items"):
    """An item weighs otherwise now: more of the same came, or some of it left, or an owner pinned it.

    `feedback` is the piece that was counted, if that is why. `number` rises with each change of an item, so that of two
    pieces of news the later one is known, here and below.
    """

    item: ItemId
    feedback: Short | None = None
    events: Count
    users: Count
    priority: float
    factors: dict[str, float] = Field(default_factory=dict)
    number: Count = 0


class ItemClosed(Payload, stream="items"):
    """Nobody need label an item any more, for now; `into` names the item that it was merged into.

    `cause` is superseded where every piece of its feedback was a vote that was changed since.
    """

    item: ItemId
    cause: Literal["merged", "expired", "muted", "superseded", "erased"]
    reason: Reason
    into: ItemId | None = None
    by: Short | None = None
    events: Count
    opened_at: Moment
    number: Count = 0


class ItemReopened(Payload, stream="items"):
    """A closed item is worth labeling again: unmuted, or more of it came after it had expired."""

    item: ItemId
    reason: Reason
    by: Short | None = None
    priority: float
    number: Count = 0


class MergeProposed(Payload, stream="items"):
    """Two items may mean the same; a person decides. `score` runs from 0 (the same words) to 1 (nothing shared)."""

    item: ItemId
    other: ItemId
    score: Annotated[float, Field(ge=0, le=1)]
    reason: Reason
