"""Scores as Langfuse's API takes them: `POST /api/public/scores`, and `score-create` events of its batches."""

import math
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from labelwright.adapters.scores import Score
from labelwright.contracts.feedback import Long
from labelwright.contracts.payload import Moment, Part, Short

VIA: Final = "langfuse"
DataType = Literal["NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT", "CORRECTION"]
Name = Annotated[Short | None, BeforeValidator(lambda name: name or None)]
"""A name that may be missing, for which clients send null or an empty text as well."""


class LangfuseScore(Part):
    """What a client sends; the API reference names and describes each field."""

    id: Name = None
    traceId: Name = None  # noqa: N815  # the field's name on the wire
    sessionId: Name = None  # noqa: N815
    observationId: Name = None  # noqa: N815
    datasetRunId: Name = None  # noqa: N815
    name: Short
    value: StrictBool | Annotated[StrictInt, Field(ge=-(2**53), le=2**53)] | StrictFloat | StrictStr
    dataType: DataType | None = None  # noqa: N815
    comment: Long | None = None
    metadata: Any = None
    environment: Name = None
    queueId: Name = None  # noqa: N815
    configId: Name = None  # noqa: N815
    source: Name = None
    timestamp: Moment | None = None

    @model_validator(mode="after")
    def _value_fits_type(self) -> Self:
        if not (self.traceId or self.sessionId or self.observationId or self.datasetRunId):
            raise ValueError("a score needs one of traceId, sessionId, observationId and datasetRunId")
        if isinstance(self.value, str):
            if self.dataType in ("NUMERIC", "BOOLEAN"):
                raise ValueError(f"the value of a {self.dataType} score must be a number")
            if not self.value.strip() or len(self.value) > 32_768:
                raise ValueError("a value in words must have 1 to 32768 characters")
        elif self.dataType in ("CATEGORICAL", "TEXT", "CORRECTION"):
            raise ValueError(f"the value of a {self.dataType} score must be a text")
        elif not math.isfinite(self.value):
            raise ValueError("the value must be a finite number")
        elif self.dataType == "BOOLEAN" and self.value not in (0, 1):
            raise ValueError("the value of a BOOLEAN score must be 0 or 1")
        return self


def read_score(body: object) -> tuple[str, Score]:
    """Read a score; also its own id, empty if it has none. Raises pydantic's ValidationError.

    Of the metadata, `annotator_kind`, `user_id`, `customer`, `prompt`, `response` and `model` are read where they are
    texts: the API has no place of its own for them.
    """
    read = LangfuseScore.model_validate(body)
    said = read.metadata if isinstance(read.metadata, dict) else {}
    words = read.value if isinstance(read.value, str) else ""
    is_free = read.dataType == "TEXT"
    kind, target = _target(read)
    texts = {name: str(said[name]) for name in ("prompt", "response", "model") if isinstance(said.get(name), str)}
    return read.id or "", Score(
        via=VIA,
        identity=(read.id,) if read.id else (kind, target, read.name),
        name=read.name,
        subject={"type": kind, "id": target, **texts},
        value=None if words else float(read.value),
        label="" if is_free or read.dataType == "CORRECTION" else words,
        explanation="\n\n".join(filter(None, (words if is_free else "", read.comment))),
        corrected=words if read.dataType == "CORRECTION" else "",
        annotator_kind=_text(said, "annotator_kind"),
        user=_text(said, "user_id") or _text(said, "userId"),
        customer=_text(said, "customer"),
        trace_id=read.traceId or "",
        environment=read.environment or "",
        occurred_at=read.timestamp,
        meta={
            key: value
            for key, value in (
                ("score_id", read.id),
                ("data_type", read.dataType),
                ("session", read.sessionId),
                ("config", read.configId),
                ("queue", read.queueId),
                ("metadata", read.metadata),
            )
            if value
        },
    )


def _target(score: LangfuseScore) -> tuple[str, str]:
    """Return the most exact thing that is scored, and its id."""
    for kind, found in (
        ("observation", score.observationId),
        ("trace", score.traceId),
        ("session", score.sessionId),
        ("dataset_run", score.datasetRunId),
    ):
        if found:
            return kind, found
    raise AssertionError("a validated score has a target")


def _text(values: dict[Any, Any], name: str) -> str:
    value = values.get(name)
    return value[:256] if isinstance(value, str) else ""
