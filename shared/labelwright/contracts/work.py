"""Work: tasks, the requests of annotators, their leases, and their answers."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from labelwright.contracts.feedback import Short, Subject
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import SourceKind

Note = Annotated[str, StringConstraints(max_length=4_000)]


class TaskOpened(Payload, stream="tasks"):
    """Resolve asks one more answer about an item, of one source. A gold task carries its item's true label."""

    task: str
    item: str
    guideline_version: int
    source: str
    source_kind: SourceKind
    price_usd: float
    priority: float
    text: str
    subject: Subject | None = None
    skill: str | None = None
    gold_label: str | None = None


class TaskReprioritised(Payload, stream="tasks"):
    """An item that waits became more urgent."""

    task: str
    priority: float


class TaskWithdrawn(Payload, stream="tasks"):
    """Nobody needs to answer this any more."""

    task: str
    reason: str


class LeaseRequested(Payload, stream="work"):
    """An annotator asks for the next task, of one of `sources`; waits until `wait_until` if there is none."""

    request: str
    annotator: Short
    sources: list[str]
    skills: list[str] = Field(default_factory=list)
    reply: str
    wait_until: datetime


class HeartbeatSent(Payload, stream="work"):
    """The holder is still at it: extend the lease."""

    request: str
    assignment: Short
    token: Short
    annotator: Short
    reply: str | None = None


class ReleaseRequested(Payload, stream="work"):
    """The holder gives the task back; `reason` is skip, abstain, abandoned or what a person wrote.

    A machine that abstains says why in `note`.
    """

    request: str
    assignment: Short
    token: Short
    annotator: Short
    reason: Note = "skip"
    note: Note | None = None
    reply: str | None = None


class AnnotationSubmitted(Payload, stream="work"):
    """The holder answers."""

    request: str
    assignment: Short
    token: Short
    annotator: Short
    label: Short
    note: Note | None = None
    active_ms: Annotated[int, Field(ge=0)] | None = None
    reply: str | None = None


class RetractionRequested(Payload, stream="work"):
    """The annotator takes the last answer back, to answer again: undo."""

    request: str
    assignment: Short
    token: Short
    annotator: Short
    reply: str | None = None


class AssignmentLeased(Payload, stream="assignments"):
    """A task is an annotator's until `expires_at`, for whoever shows `token`."""

    assignment: str
    task: str
    item: str
    annotator: str
    source: str
    source_kind: SourceKind
    guideline_version: int
    token: str
    text: str
    expires_at: datetime


class AssignmentEnded(Payload, stream="assignments"):
    """A lease ended without an answer: released, expired or withdrawn. The task is ready again unless withdrawn."""

    assignment: str
    task: str
    item: str
    annotator: str
    outcome: str
    reason: str = ""


class AnnotationRecorded(Payload, stream="annotations"):
    """One annotator's answer to one task. With `gold_label`, it tested the annotator and settles nothing."""

    annotation: str
    task: str
    item: str
    assignment: str
    annotator: str
    source: str
    source_kind: SourceKind
    label: str
    guideline_version: int
    price_usd: float
    gold_label: str | None = None
    note: str | None = None
    active_ms: int | None = None
    leased_at: datetime
    answered_at: datetime


class AnnotationAbstained(Payload, stream="annotations"):
    """A machine had nothing to say about a task; the task is closed and another source may be asked."""

    task: str
    item: str
    assignment: str
    annotator: str
    source: str
    source_kind: SourceKind
    guideline_version: int


class AnnotationRetracted(Payload, stream="annotations"):
    """An annotator took an answer back and holds the task again. With `gold_label`, the answer had settled nothing."""

    annotation: str
    task: str
    item: str
    annotator: str
    gold_label: str | None = None


class RequestAnswered(Payload, stream="reply"):
    """Dispatch's answer to one request of an asker. `status` is HTTP's; a problem has a `code` and a `detail`."""

    request: str
    status: int
    code: str = ""
    detail: str = ""
    body: dict[str, Any] = Field(default_factory=dict)
