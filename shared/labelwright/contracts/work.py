"""Work: tasks, the requests of annotators, their leases, and their answers."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from labelwright.contracts.feedback import Subject
from labelwright.contracts.payload import Count, ItemId, Moment, Payload, Price, Short, SourceName
from labelwright.contracts.project import SourceKind

Note = Annotated[str, StringConstraints(max_length=4_000)]
Asks = Literal["label", "complaint"]
"""What a task asks: the guideline's question, or what a complaint means (`contracts.feedback.COMPLAINTS`)."""


def sight_of(item: str, asks: Asks) -> str:
    """Return what is seen of an item by whom a question is put: each question is put once to anybody.

    A task is named by it and a number: `<sight>.<n>`.
    """
    return item if asks == "label" else f"{item}-{asks}"


class TaskOpened(Payload, stream="tasks"):
    """Resolve asks one more answer about an item, of one source. A gold task carries its item's true label."""

    task: Short
    item: ItemId
    guideline_version: int
    source: SourceName
    source_kind: SourceKind
    price_usd: Price
    priority: float
    text: str
    subject: Subject | None = None
    skill: Short | None = None
    gold_label: Short | None = None
    asks: Asks = "label"

    @property
    def sight(self) -> str:
        """What an annotator has seen who was shown the task."""
        return sight_of(self.item, self.asks)


class TaskReprioritised(Payload, stream="tasks"):
    """An item that waits became more urgent."""

    task: Short
    priority: float


class TaskWithdrawn(Payload, stream="tasks"):
    """Nobody needs to answer this any more."""

    task: Short
    reason: Note


class LeaseRequested(Payload, stream="work"):
    """An annotator asks for the next task, of one of `sources`; waits until `wait_until` if there is none."""

    request: Short
    annotator: Short
    sources: Annotated[list[SourceName], Field(max_length=32)]
    skills: Annotated[list[Short], Field(max_length=64)] = Field(default_factory=list)
    reply: Short
    wait_until: Moment


class HeartbeatSent(Payload, stream="work"):
    """The holder is still at it: extend the lease."""

    request: Short
    assignment: Short
    token: Short
    annotator: Short
    reply: Short | None = None


class ReleaseRequested(Payload, stream="work"):
    """The holder gives the task back; `reason` is skip, abstain, abandoned or what a person wrote.

    A machine that abstains says why in `note`.
    """

    request: Short
    assignment: Short
    token: Short
    annotator: Short
    reason: Note = "skip"
    note: Note | None = None
    reply: Short | None = None


class AnnotationSubmitted(Payload, stream="work"):
    """The holder answers."""

    request: Short
    assignment: Short
    token: Short
    annotator: Short
    label: Short
    note: Note | None = None
    active_ms: Count | None = None
    reply: Short | None = None


class RetractionRequested(Payload, stream="work"):
    """The annotator takes the last answer back, to answer again: undo."""

    request: Short
    assignment: Short
    token: Short
    annotator: Short
    reply: Short | None = None


class AssignmentLeased(Payload, stream="assignments"):
    """A task is an annotator's until `expires_at`, for whoever shows `token`."""

    assignment: Short
    task: Short
    item: ItemId
    annotator: Short
    source: SourceName
    source_kind: SourceKind
    guideline_version: int
    token: Short
    text: str
    expires_at: Moment
    asks: Asks = "label"


class AssignmentEnded(Payload, stream="assignments"):
    """A lease ended without an answer: released, expired or withdrawn. The task is ready again unless withdrawn."""

    assignment: Short
    task: Short
    item: ItemId
    annotator: Short
    outcome: Short
    reason: Note = ""


class AnnotationRecorded(Payload, stream="annotations"):
    """One annotator's answer to one task. With `gold_label`, it tested the annotator and settles nothing.

    Where the task `asks` for the complaint, `label` is one of the complaints, and no annotation of the item's label.
    """

    annotation: Short
    task: Short
    item: ItemId
    assignment: Short
    annotator: Short
    source: SourceName
    source_kind: SourceKind
    label: Short
    guideline_version: int
    price_usd: Price
    gold_label: Short | None = None
    note: Note | None = None
    active_ms: Count | None = None
    leased_at: Moment
    answered_at: Moment
    asks: Asks = "label"


class AnnotationAbstained(Payload, stream="annotations"):
    """A machine had nothing to say about a task; the task is closed and another source may be asked."""

    task: Short
    item: ItemId
    assignment: Short
    annotator: Short
    source: SourceName
    source_kind: SourceKind
    guideline_version: int
    asks: Asks = "label"


class AnnotationRetracted(Payload, stream="annotations"):
    """An annotator took an answer back and holds the task again. With `gold_label`, the answer had settled nothing."""

    annotation: Short
    task: Short
    item: ItemId
    annotator: Short
    gold_label: Short | None = None
    asks: Asks = "label"


class RequestAnswered(Payload, stream="reply"):
    """Dispatch's answer to one request of an asker. `status` is HTTP's; a problem has a `code` and a `detail`."""

    request: Short
    status: int
    code: str = ""
    detail: str = ""
    body: dict[str, Any] = Field(default_factory=dict)
