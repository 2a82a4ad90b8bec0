"""What intake knows before it decides: the project files, what became of these event ids before, and the last votes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from labelwright import projects
from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import Feedback
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import ProjectFile
from labelwright.engine.reads import Reads
from labelwright.engine.tables import Remembered, Window
from labelwright.identity import derive
from labelwright.stories import outcomes, story_key

NO_VOTE: Final = "text"
"""A kind of feedback that adds to what was said rather than changes it: two comments are two."""

votes = Window("intake.votes", timedelta(days=15), keep=3)
"""What `ballot_of` names -> `<ms of the vote>|<event id>`: the last vote, for at least thirty days after it came."""


@dataclass(frozen=True, slots=True)
class State:
    """The project files of the batch, the outcomes known by story, the last votes by ballot, and the server's time."""

    now: datetime
    projects: Mapping[str, ProjectFile]
    outcomes: Mapping[str, str]
    votes: Mapping[str, Remembered] = field(default_factory=dict)


async def load(batch: Sequence[Event[Payload]], reads: Reads) -> State:
    """Read all that the batch needs in one round trip."""
    stories = [story_key(event.project, event.id) for event in batch]
    applied, known, last = await reads(
        projects.current.get_many(event.project for event in batch),
        outcomes.get_many(stories, reads.now),
        votes.find_many(_ballots(batch), reads.now),
    )
    return State(reads.now, {name: document.value.file for name, document in applied.items()}, known, last)


def ballot_of(project: str, feedback: Feedback) -> str | None:
    """Return what a vote shares with those that it changes: project, user, subject and kind; None if it is no vote."""
    if feedback.user is None or feedback.kind == NO_VOTE:
        return None
    subject = feedback.subject
    return derive("vote", project, feedback.user, subject.type, subject.id, feedback.kind)


def _ballots(batch: Sequence[Event[Payload]]) -> Iterator[str]:
    for event in batch:
        if isinstance(event.data, Feedback) and (ballot := ballot_of(event.project, event.data)):
            yield ballot
