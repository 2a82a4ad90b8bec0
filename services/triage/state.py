"""What triage remembers: each item by its fingerprint, and the users who brought it up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted
from labelwright.contracts.payload import Part, Payload
from labelwright.engine.reads import Reads
from labelwright.engine.tables import Documents, Members, Versioned
from services.triage.wording import fingerprint_of

FIELD: Final = "item"


class Item(Part):
    """An item as far as ranking it needs. `opener` is the first voice: an item of one user needs no set of voices."""

    item: str
    events: int
    severity: int
    novelty: float
    opener: str
    forgotten_at: datetime


items: Documents[Item] = Documents("triage.items", Item)
"""By project and fingerprint (`items.of(project, fingerprint)`), in the one field `item`; vanishes when forgotten."""

voices = Members("triage.voices")
"""By project and fingerprint: the users beside the opener who brought the item up, at most 200; vanishes with it."""


@dataclass(frozen=True, slots=True)
class Known:
    """An item as it was read or as the batch left it, with all its voices."""

    document: Versioned[Item]
    voices: frozenset[str]


@dataclass(frozen=True, slots=True)
class State:
    """The known items of the batch by project and fingerprint, and the server's time."""

    now: datetime
    known: Mapping[tuple[str, str], Known]


async def load(batch: Sequence[Event[Payload]], reads: Reads) -> State:
    """Read the batch's items, then the voices of those that are known: two round trips."""
    asked = list(
        dict.fromkeys(
            (event.project, fingerprint_of(event.project, event.data))
            for event in batch
            if isinstance(event.data, FeedbackAccepted)
        )
    )
    documents = await reads.many([items.of(*address).get(FIELD) for address in asked])
    found = [(address, document) for address, document in zip(asked, documents, strict=True) if document]
    heard = await reads.many([voices.of(*address).all() for address, _ in found])
    return State(
        reads.now,
        {
            address: Known(document, others | {document.value.opener})
            for (address, document), others in zip(found, heard, strict=True)
        },
    )
