"""Labels: the resolved answer of an item, with a probability and where it comes from; and disputes."""

from typing import Literal

from pydantic import Field

from labelwright.contracts.feedback import Complaint, Subject
from labelwright.contracts.payload import Cost, Count, ItemId, Moment, Part, Payload, Price, Short, SourceName
from labelwright.contracts.project import SourceKind


class Vote(Part):
    """An annotation as a label's provenance names it.

    `about` is the item whose words the annotator saw, where that was merged into the labeled one since.
    """

    annotation: Short
    annotator: Short
    source: SourceName
    source_kind: SourceKind
    label: Short
    price_usd: Price
    answered_at: Moment
    about: ItemId | None = None


class LabelResolved(Payload, stream="labels"):
    """An item is settled. `calibrated` says whether the probability was checked against gold."""

    item: ItemId
    label: Short
    probability: float
    distribution: dict[str, float]
    method: Literal["belief", "adjudicated"]
    calibrated: bool = False
    model_number: int
    guideline_version: int
    annotations: list[Vote]
    feedback: list[str] = Field(default_factory=list)
    feedback_events: Count = 1
    text: str
    subject: Subject | None = None
    complaint: Complaint | None = None
    cost_usd: Cost
    opened_at: Moment
    resolved_at: Moment


class DisputeOpened(Payload, stream="labels"):
    """Annotations don't settle an item: asking on isn't worth it, and the belief is too weak to release."""

    item: ItemId
    distribution: dict[str, float]
    reason: str
    guideline_version: int
    annotations: list[Vote]
    complaint: Complaint | None = None


class LabelWithdrawn(Payload, stream="labels"):
    """An item's label no longer stands: the item was merged into another, or is asked about again."""

    item: ItemId
    label: Short
    reason: str
