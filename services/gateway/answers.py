"""What the gateway answers, as models: they are its OpenAPI, and what the tests hold it to."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from labelwright.contracts.feedback import Feedback, Subject
from labelwright.contracts.project import ProjectFile
from labelwright.contracts.work import Asks
from labelwright.curation import Pair, Picture, Queued


class Fault(BaseModel):
    """Where a document doesn't fit, as a JSON pointer, and why."""

    pointer: str
    detail: str


class ProblemDetails(BaseModel):
    """An error (RFC 9457); `type` is a page that tells what to do."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str = ""
    errors: list[Fault] = Field(default_factory=list)
    request_id: str


class EventFault(BaseModel):
    """Why one event of a request was rejected; the members of a problem."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[Fault] = Field(default_factory=list)


class EventResult(BaseModel):
    """What became of one event of a request. Send again what is `retry`, and nothing else."""

    id: str | None
    status: Literal["accepted", "duplicate", "rejected", "retry"]
    trace: str = ""
    warnings: list[str] = Field(default_factory=list)
    error: EventFault | None = None


class PublishResult(BaseModel):
    """How many events were what, and what each was, in the request's order."""

    accepted: int
    duplicate: int
    rejected: int
    retry: int
    results: list[EventResult]


class FeedbackEvent(Feedback):
    """An event as it is published. Without an `id` it gets one, and isn't safe to send again."""

    id: str | None = Field(None, min_length=1, max_length=128)
    project: str | None = Field(None, description="must be the key's project, if it is there at all")


class StoryStep(BaseModel):
    """One thing that happened, and what is known of it."""

    model_config = ConfigDict(extra="allow")

    step: str
    at: datetime


class Story(BaseModel):
    """What became of an event, step by step; `state` is the last one."""

    id: str
    project: str
    state: str
    steps: list[StoryStep]


class Assignment(BaseModel):
    """A task, for whoever shows the token, until it expires or is extended by a heartbeat.

    What it `asks` is the guideline's question, answered by one of its labels, or what the complaint means, answered by
    factually_wrong, not_what_i_wanted, unsafe or other.
    """

    assignment: str
    task: str
    item: str
    project: str
    annotator: str
    token: str
    expires_at: datetime
    guideline_version: int
    text: str
    subject: Subject | None
    source: str
    asks: Asks


class Extended(BaseModel):
    """The lease's new end."""

    expires_at: datetime


class Nothing(BaseModel):
    """It is done, and there is nothing to tell."""


class Recorded(BaseModel):
    """The annotation that was recorded."""

    annotation: str


class VoteRow(BaseModel):
    """An annotation that a label rests on."""

    annotation: str
    source: str
    label: str


class LabelRow(BaseModel):
    """The present label of an item, with its probability and where it comes from."""

    item: str
    text: str
    label: str
    probability: float
    distribution: dict[str, float]
    method: Literal["belief", "adjudicated"]
    guideline_version: int
    annotations: list[VoteRow]
    feedback_events: int
    feedback: list[str]
    cost_usd: float
    resolved_at: datetime


class LabelPage(BaseModel):
    """Labels in the order in which they were settled, and the cursor to go on from."""

    labels: list[LabelRow]
    next: str


class ProjectInForce(BaseModel):
    """The project file in force and its number; `gold` is for the owner alone."""

    number: int
    file: ProjectFile


class ProjectApplied(BaseModel):
    """The version in force now, and whether it is new."""

    project: str
    number: int
    new: bool


class ItemPage(BaseModel):
    """Open items, the most urgent first."""

    items: list[Queued]


class MergePage(BaseModel):
    """Pairs of items that may mean the same, the likeliest first."""

    merges: list[Pair]


class ItemWhole(Picture):
    """An item whole, and what became of it step by step."""

    steps: list[StoryStep]


class Curated(BaseModel):
    """What was done: about which item, which for a split is the one that the parted words have now."""

    item: str
    into: str | None = None
    split_from: str | None = None
    other: str | None = None
    pinned: bool | None = None
    muted: bool | None = None


PROBLEM: dict[str, Any] = {"model": ProblemDetails}


class Expired(BaseModel):
    """How much feedback expired for a reason, at most how old."""

    reason: str
    age: str
    events: int


class Signal(BaseModel):
    """How much feedback there was, and which share of it expired without a label."""

    project: str
    signal: int
    expired: int
    expired_share: float
    by: list[Expired]
