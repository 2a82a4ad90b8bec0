"""Labels: the resolved answer of an item, with a probability and where it comes from; and disputes."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from labelwright.contracts.feedback import Subject
from labelwright.contracts.payload import Part, Payload
from labelwright.contracts.project import SourceKind


class Vote(Part):
    """An annotation as a label's provenance names it."""

    annotation: str
    annotator: str
    source: str
    source_kind: SourceKind
    label: str
    price_usd: float
    answered_at: datetime


class LabelResolved(Payload, stream="labels"):
    """An item is settled. `calibrated` says whether the probability was checked against gold."""

    item: str
    label: str
    probability: float
    distribution: dict[str, float]
    method: Literal["belief", "adjudicated"]
    calibrated: bool = False
    model_number: int
    guideline_version: int
    annotations: list[Vote]
    feedback: list[str] = Field(default_factory=list)
    feedback_events: int = 1
    text: str
    subject: Subject | None = None
    cost_usd: float
    opened_at: datetime
    resolved_at: datetime


class DisputeOpened(Payload, stream="labels"):
    """Annotations don't settle an item: asking on isn't worth it, and the belief is too weak to release."""

    item: str
    distribution: dict[str, float]
    reason: str
    guideline_version: int
    annotations: list[Vote]
