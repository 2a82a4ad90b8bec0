"""What intake knows before it decides: which projects there are, and what became of these event ids before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from labelwright import projects
from labelwright.contracts.envelope import Event
from labelwright.contracts.payload import Payload
from labelwright.engine.reads import Reads
from labelwright.stories import outcomes, story_key


@dataclass(frozen=True, slots=True)
class State:
    """The applied projects among those of the batch, the outcomes known by story, and the server's time."""

    now: datetime
    projects: frozenset[str]
    outcomes: Mapping[str, str]


async def load(batch: Sequence[Event[Payload]], reads: Reads) -> State:
    """Read all that the batch needs in one round trip."""
    stories = [story_key(event.project, event.id) for event in batch]
    applied, known = await reads(
        projects.current.get_many(event.project for event in batch),
        outcomes.get_many(stories, reads.now),
    )
    return State(reads.now, frozenset(applied), known)
