"""Fold feedback that means the same into one item, and rank the item by how severe, widespread and new it is."""

from collections.abc import Iterator, Sequence

from labelwright.contracts.curation import (
    KeptApartRequested,
    MergeRequested,
    MuteRequested,
    PinRequested,
    SplitRequested,
)
from labelwright.contracts.envelope import Event
from labelwright.contracts.erasure import ErasureCompleted, ErasureRequested, WordsErased
from labelwright.contracts.feedback import FeedbackAccepted
from labelwright.contracts.payload import Payload
from labelwright.contracts.quality import TickStruck
from labelwright.engine.decisions import Decision, Reject
from services.triage.board import Board, Turn
from services.triage.curating import requested
from services.triage.erasing import words_erased
from services.triage.expiring import clock_struck
from services.triage.folding import feedback_accepted
from services.triage.state import State


def decide(batch: Sequence[Event[Payload]], state: State) -> Iterator[Decision]:
    """Yield one decision for each event, in order.

    Every piece of feedback is counted in one item, once, because a decision guards that it has no place yet and gives
    it one. Equal feedback opens one item, once, and so does what is near enough to be merged: a decision guards that
    the statement is unknown and its cells are empty, and fills them. No count is lost, because whatever changes an item
    guards the version of its standing and raises it. Within the batch the board remembers all of this.
    """
    board = Board(state)
    for event in batch:
        turn = Turn(board, event)
        yield _take(turn, event) or turn.decision()


def _take(turn: Turn, event: Event[Payload]) -> Reject | None:
    match event.data:
        case FeedbackAccepted() as feedback:
            feedback_accepted(turn, event.project, feedback)
        case MergeRequested() | SplitRequested() | KeptApartRequested() | PinRequested() | MuteRequested() as request:
            requested(turn, event.project, request)
        case TickStruck():
            clock_struck(turn)
        case WordsErased() as erased:
            words_erased(turn, event.project, erased)
        case ErasureRequested() | ErasureCompleted():
            pass  # a record
        case data:
            return Reject("unexpected_type", f"triage reads no {data.type!r}; see its streams in the topology")
    return None
