"""Lease to each annotator who asks the most urgent task that is theirs to label, and take the answers."""

from collections.abc import Iterator, Sequence

from labelwright.contracts.envelope import Event
from labelwright.contracts.erasure import ErasureCompleted, ErasureRequested, WordsErased
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import ProjectApplied
from labelwright.contracts.quality import TickStruck
from labelwright.contracts.work import (
    AnnotationSubmitted,
    HeartbeatSent,
    LeaseRequested,
    ReleaseRequested,
    RetractionRequested,
    TaskOpened,
    TaskReprioritised,
    TaskWithdrawn,
)
from labelwright.engine.decisions import Decision, Reject
from services.dispatch.board import Board, Turn
from services.dispatch.clock import tick_struck
from services.dispatch.erasing import words_erased
from services.dispatch.holding import annotation_submitted, heartbeat_sent, release_requested, retraction_requested
from services.dispatch.leasing import lease_requested
from services.dispatch.opening import project_applied, task_opened, task_reprioritised, task_withdrawn
from services.dispatch.state import State


def decide(batch: Sequence[Event[Payload]], state: State) -> Iterator[Decision]:
    """Yield one decision for each event, in order.

    No task is leased twice at once, because every decision about a task guards the task's version and raises it. No
    annotator is shown an item twice, because a lease guards that the item is unseen and makes it seen; only a lease
    that its holder never confirmed before it ran out counts as not shown. No request is given two leases, because a
    lease guards that the request has no answer and remembers one. Within the batch the board remembers all of this.
    """
    board = Board(state)
    for event in batch:
        turn = Turn(board, event)
        rejected = _take(turn, event)
        yield rejected or turn.decision()


def _take(turn: Turn, event: Event[Payload]) -> Reject | None:  # noqa: PLR0912  # one case for each kind of event
    project, data = event.project, event.data
    match data:
        case LeaseRequested():
            lease_requested(turn, project, data)
        case HeartbeatSent():
            heartbeat_sent(turn, project, data)
        case ReleaseRequested():
            release_requested(turn, project, data)
        case AnnotationSubmitted():
            annotation_submitted(turn, project, data)
        case RetractionRequested():
            retraction_requested(turn, project, data)
        case TaskOpened():
            return task_opened(turn, project, data)
        case TaskReprioritised():
            task_reprioritised(turn, project, data)
        case TaskWithdrawn():
            task_withdrawn(turn, project, data)
        case ProjectApplied():
            project_applied(turn, project, data)
        case WordsErased():
            words_erased(turn, data)
        case ErasureRequested() | ErasureCompleted():
            pass  # a record
        case TickStruck():
            tick_struck(turn)
        case _:
            return Reject("unexpected_type", f"dispatch reads no {data.type!r}; see its streams in the topology")
    return None
