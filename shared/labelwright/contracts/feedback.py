"""Feedback: what product backends publish, what was accepted of it, and what was turned away and why."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StrictInt, StrictStr, StringConstraints, model_validator

from labelwright.contracts.payload import Json, Moment, Part, Payload, Short, upgrades

Kind = Literal["thumb", "stars", "correction", "text", "signal"]
Long = Annotated[str, StringConstraints(max_length=32_768)]
SIGNALS = ("retry", "edit", "abandon")
Complaint = Literal["factually_wrong", "not_what_i_wanted", "unsafe", "other"]
"""What a complaint means: the answer is false, or true but not what was asked for, or harmful, or none of these."""

COMPLAINTS: Final[dict[Complaint, str]] = {
    "factually_wrong": "It says something that is not so, or leads to what doesn't work.",
    "not_what_i_wanted": "It may be true, but isn't what was asked for: beside the point, too little, the wrong form.",
    "unsafe": "It could harm somebody, insults, or gives away what is private.",
    "other": "The complaint is about something else, or nobody could tell from what is there.",
}
"""The complaints and what each means, as people are asked."""

UNSAID: Final = "unsaid"
"""What statistics call feedback that names no complaint."""


class Subject(Part):
    """What the feedback is about: a response of a model, a screen, a search result."""

    type: Short
    id: Short
    prompt: Long | None = None
    response: Long | None = None
    model: Short | None = None


class Feedback(Part):
    """One user's word on one subject.

    `value` is -1 or 1 for a thumb, 1 to 5 for stars, one of retry, edit, abandon for a signal, absent otherwise;
    `user` and `customer` are opaque to us: send pseudonyms. `evaluator` names the model or the program that said it,
    where that wasn't a user: it is weak evidence then, and neither praise nor a complaint.
    """

    kind: Kind
    value: StrictInt | StrictStr | None = None
    corrected: Long | None = None
    reason: Short | None = None
    subject: Subject
    comment: Long | None = None
    user: Short | None = None
    customer: Short | None = None
    evaluator: Short | None = None
    occurred_at: Moment | None = None
    trace_id: Short | None = None
    environment: Short | None = None
    release: Short | None = None
    sample_rate: Annotated[float, Field(gt=0, le=1)] = 1.0
    meta: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _value_fits_kind(self) -> Self:
        value = self.value
        if self.kind == "thumb" and value not in (-1, 1):
            raise ValueError("the value of a thumb must be -1 or 1")
        if self.kind == "stars" and not (isinstance(value, int) and 1 <= value <= 5):
            raise ValueError("the value of stars must be a whole number from 1 to 5")
        if self.kind == "signal" and value not in SIGNALS:
            raise ValueError("the value of a signal must be 'retry', 'edit' or 'abandon'")
        if self.kind == "correction" and not self.corrected:
            raise ValueError("a correction needs the text 'corrected'")
        if self.kind == "text" and not (self.comment and self.comment.strip()):
            raise ValueError("feedback of kind 'text' needs a 'comment'")
        return self

    @property
    def sign(self) -> int:
        """-1 for a complaint, 1 for praise, 0 when the feedback doesn't say, or a machine says it."""
        if self.evaluator:
            return 0
        if self.kind == "stars" and isinstance(self.value, int):
            return (self.value > 3) - (self.value < 3)
        if self.kind == "thumb" and isinstance(self.value, int):
            return self.value
        return 0 if self.kind == "text" else -1


class FeedbackReceived(Feedback, Payload, stream="feedback", version=2):
    """A product backend published feedback; nothing of it is checked yet but its form."""


@upgrades(FeedbackReceived, 1)
def _from_flat_thumbs(old: Json) -> Json:
    """Version 1 knew thumbs on responses alone, flat, with `up`, `text` and Unix seconds."""
    if not isinstance(old["up"], bool):
        raise TypeError("up must be true or false")
    lifted = {
        "kind": "thumb",
        "value": 1 if old["up"] else -1,
        "subject": {"type": "llm_response", "id": old["response_id"]},
        "comment": old.get("text"),
        "user": old.get("user_id"),
    }
    if "ts" in old:
        lifted["occurred_at"] = datetime.fromtimestamp(float(old["ts"]), UTC)
    return lifted


class FeedbackAccepted(Feedback, Payload, stream="accepted"):
    """Valid, upgraded, redacted, seen for the first time. `feedback` is the id under which it was published.

    `complaint` is absent for praise, and for a complaint that doesn't say. `weight` is what it counts as evidence: 1,
    or less for an implicit signal. `supersedes` names the feedback that the same user gave before on the same subject
    in the same kind: a changed vote; `superseded_by` the later vote that came before this one did.

    `complaint_by` says what tells the complaint: the `words` that the user wrote, or, where these don't, the `event`
    with its reason and tags.
    """

    feedback: Short
    received_at: Moment
    redactions: dict[str, int] = Field(default_factory=dict)
    complaint: Complaint | None = None
    complaint_by: Literal["words", "event"] | None = None
    weight: Annotated[float, Field(gt=0, le=1)] = 1.0
    supersedes: Short | None = None
    superseded_by: Short | None = None


class EventRejected(Payload, stream="rejected"):
    """A service turned an event away. Where it lies is kept, not what it says; `code` is bounded and counted."""

    service: str
    code: str
    reason: str
    stream_name: str
    entry: str
    event: str | None = None
