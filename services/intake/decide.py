"""Take in valid feedback once per event id, without the personal data in it; turn the rest away and say why."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError
from pydantic_core import to_json

from labelwright import stories
from labelwright.contracts.envelope import Event, in_one_sentence
from labelwright.contracts.feedback import UNSAID, FeedbackAccepted, FeedbackReceived
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Commit, Decision, Effect, Reject, emit
from labelwright.engine.tables import Remembered, milliseconds
from labelwright.errors import ContractError
from labelwright.expiry import named, overdue
from labelwright.stories import outcomes, story_key
from services.intake.cleaning import clean
from services.intake.complaints import complaint_of
from services.intake.state import State, ballot_of
from services.intake.votes import cast

MOST_AHEAD: Final = timedelta(days=1)
"""How far a publisher's clock may run ahead; beyond it, it is wrong, and so is every age computed from it."""

TOLD: Final = {"complaint", "complaint_by", "weight", "supersedes"}
"""What the story of feedback tells of its acceptance, where there is something to tell."""


def decide(batch: Sequence[Event[Payload]], state: State) -> Iterator[Decision]:
    """Yield one decision for each event, in order.

    The first event of an id in a project has the outcome of that id, accepted or a code, for as long as `outcomes`
    remembers it: whatever comes later under that id is acknowledged and changes nothing, be it a retry or a mended
    body, for an id names one event for ever; mended feedback needs an id of its own. Each vote supersedes the last one
    of its user on its subject, so that they make one chain. Within the batch outcomes and votes are remembered here;
    across consumers the guard fails and the event is decided again.
    """
    known, held = set(state.outcomes), dict(state.votes)
    for event in batch:
        story = story_key(event.project, event.id)
        if not isinstance(event.data, FeedbackReceived):
            yield Reject("unexpected_type", f"intake reads no {event.data.type!r}; publish {FeedbackReceived.type!r}")
        elif story in known:
            yield Commit()
        else:
            known.add(story)
            yield _first(event, event.data, story, state, held)


def _first(
    event: Event[Payload], feedback: FeedbackReceived, story: str, state: State, held: dict[str, Remembered]
) -> Decision:
    now = state.now
    guards = outcomes.lacks(story, now)
    try:
        accepted = _accept(event, feedback, state)
    except ContractError as error:
        effects: list[Effect] = [*outcomes.put(story, f"{milliseconds(now)}|{error.code}|{error.reason}", now)]
        if error.code == "expired":
            effects.append(overdue.of(event.project).add(named("before_intake", now - event.time)))
        return Reject(error.code, error.reason, guards, effects)
    vote = cast(event.project, ballot_of(event.project, feedback), accepted, state, held)
    return Commit([*guards, *vote.guards], [*_remembered(event.project, story, vote.accepted, now), *vote.effects])


def _remembered(project: str, story: str, accepted: FeedbackAccepted, now: datetime) -> Iterator[Effect]:
    """Say that the feedback was accepted, as what, and count it."""
    facts = accepted.model_dump(include=TOLD, exclude_defaults=True)
    told = f"accepted|{to_json(facts).decode()}" if facts else "accepted"
    yield from outcomes.put(story, f"{milliseconds(now)}|{told}", now)
    yield stories.accepted.add(project)
    if accepted.sign < 0 or accepted.complaint:
        yield stories.complaints.of(project).add(accepted.complaint or UNSAID)
    yield emit(accepted)


def _accept(event: Event[Payload], feedback: FeedbackReceived, state: State) -> FeedbackAccepted:
    """Return the feedback to accept.

    Raises ContractError: unknown_project, expired, schema_violation, from_the_future.
    """
    if event.project not in state.projects:
        reason = f"there is no project {event.project!r}; apply its project file, then publish under a new id"
        raise ContractError("unknown_project", reason)
    if event.expires_at and event.expires_at <= state.now:
        reason = f"the event expired at {event.expires_at.isoformat()}, before intake saw it; give it longer"
        raise ContractError("expired", reason)
    try:
        accepted = clean(event, feedback)
    except ValidationError as error:
        faults = in_one_sentence(error.errors(include_url=False))
        raise ContractError("schema_violation", f"after normalisation and redaction: {faults}") from None
    latest = max(accepted.received_at, accepted.occurred_at or accepted.received_at)
    if latest > state.now + MOST_AHEAD:
        reason = f"the event says it is from {latest.isoformat()}, over a day ahead; set the publisher's clock"
        raise ContractError("from_the_future", reason)
    said, is_weak = complaint_of(accepted), accepted.kind == "signal" or accepted.evaluator is not None
    weight = state.projects[event.project].signal_weight if is_weak else 1.0
    return accepted.model_copy(update={"complaint": said.complaint, "complaint_by": said.by, "weight": weight})
