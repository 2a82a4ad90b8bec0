"""Votes: what one user last said of one subject in one way, so that a vote that changes replaces the earlier one."""

from typing import NamedTuple

from labelwright.contracts.feedback import FeedbackAccepted
from labelwright.engine.decisions import Effect, Guard
from labelwright.engine.tables import Remembered, milliseconds
from labelwright.stories import story_key, superseded
from services.intake.state import State, votes


class Cast(NamedTuple):
    """A vote as it is accepted, what that relies on and what it changes."""

    accepted: FeedbackAccepted
    guards: list[Guard]
    effects: list[Effect]


def cast(
    project: str, ballot: str | None, accepted: FeedbackAccepted, state: State, held: dict[str, Remembered]
) -> Cast:
    """Let a vote supersede the one before, or, where it is older than that, be superseded by it at once.

    Votes of one user on one subject in one kind make one chain, in the order of their `occurred_at` as far as they come
    in it: each relies on the last vote being the one that was read, and becomes the last one. A vote that repeats the
    value supersedes, too. `held` are the last votes as the batch leaves them.
    """
    if ballot is None:
        return Cast(accepted, [], [])
    now, before = state.now, held.get(ballot)
    guards = votes.still(ballot, before, now)
    ms = milliseconds(accepted.occurred_at or accepted.received_at)
    last_ms, _, last = before.value.partition("|") if before else ("", "", "")
    if before and ms < int(last_ms):
        late = accepted.model_copy(update={"superseded_by": last})
        return Cast(late, guards, list(_superseded(project, accepted.feedback, last, state)))
    value = f"{ms}|{accepted.feedback}"
    held[ballot] = Remembered(value, 0)
    effects: list[Effect] = [*votes.put(ballot, value, now)]
    if before is None:
        return Cast(accepted, guards, effects)
    effects += _superseded(project, last, accepted.feedback, state)
    return Cast(accepted.model_copy(update={"supersedes": last}), guards, effects)


def _superseded(project: str, feedback: str, by: str, state: State) -> list[Effect]:
    return [*superseded.put(story_key(project, feedback), f"{milliseconds(state.now)}|{by}", state.now)]
