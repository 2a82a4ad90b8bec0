"""Curation: what an owner asks triage to do with items by hand. Each is answered to whoever waits for a reply."""

from labelwright.contracts.items import Reason
from labelwright.contracts.payload import ItemId, Payload, Short


class MergeRequested(Payload, stream="curation"):
    """A person says that `item` means the same as `into`: fold it in."""

    request: Short
    item: ItemId
    into: ItemId
    by: Short
    reason: Reason
    reply: Short | None = None


class SplitRequested(Payload, stream="curation"):
    """A person says that the words of a piece of feedback don't mean what the rest of its item means: part them.

    They are never merged again by themselves. Nothing is done if the feedback isn't in `item`, where that is named.
    """

    request: Short
    feedback: Short
    item: ItemId | None = None
    by: Short
    reason: Reason
    reply: Short | None = None


class KeptApartRequested(Payload, stream="curation"):
    """A person declines a proposal: the two items differ, and aren't proposed again."""

    request: Short
    item: ItemId
    other: ItemId
    by: Short
    reason: Reason
    reply: Short | None = None


class PinRequested(Payload, stream="curation"):
    """An owner puts an item first, or no longer."""

    request: Short
    item: ItemId
    pinned: bool
    by: Short
    reason: Reason
    reply: Short | None = None


class MuteRequested(Payload, stream="curation"):
    """An owner takes an item out of the queue, or puts it back; feedback is counted in it all the same."""

    request: Short
    item: ItemId
    muted: bool
    by: Short
    reason: Reason
    reply: Short | None = None


Request = MergeRequested | SplitRequested | KeptApartRequested | PinRequested | MuteRequested
"""What an owner may ask of triage."""
