"""Evaluations in OpenTelemetry's data: `gen_ai.evaluation.result` events, as OTLP's JSON has them.

`logs_in` and `spans_in` flatten a request; `evaluation_of` reads one result from the attributes of an event.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from labelwright.adapters.scores import Score
from labelwright.errors import ContractError

EVALUATION: Final = "gen_ai.evaluation.result"
VIA: Final = "opentelemetry"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE: Final = re.compile(r"-?[0-9]{1,20}")
_READ: Final = ("gen_ai.evaluation.", "gen_ai.response.", "user.", "enduser.")
"""Attributes that have their place in the feedback, or name a person."""

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A log record, or an event of a span: its name, attributes, where in a trace it stands, and when it happened."""

    name: str
    attributes: Attributes
    resource: Attributes
    trace_id: str = ""
    span_id: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A span, the spans that it links to as (trace id, span id), and its events."""

    attributes: Attributes
    resource: Attributes
    trace_id: str
    span_id: str
    links: tuple[tuple[str, str], ...] = ()
    events: tuple[Record, ...] = ()
    at: datetime | None = field(default=None)


def logs_in(request: object) -> Iterator[Record]:
    """Yield the records of an ExportLogsServiceRequest. Raises ContractError where it isn't one."""
    for resource, record in _leaves(request, "resourceLogs", "scopeLogs", "logRecords"):
        attributes = attributes_of(record)
        name = _text(record, "eventName") or str(attributes.get("event.name", ""))
        at = _moment(record, "timeUnixNano") or _moment(record, "observedTimeUnixNano")
        yield Record(name, attributes, resource, _id(record, "traceId"), _id(record, "spanId"), at)


def spans_in(request: object) -> Iterator[Span]:
    """Yield the spans of an ExportTraceServiceRequest. Raises ContractError where it isn't one."""
    for resource, span in _leaves(request, "resourceSpans", "scopeSpans", "spans"):
        trace_id, span_id = _id(span, "traceId"), _id(span, "spanId")
        links = tuple((_id(link, "traceId"), _id(link, "spanId")) for link in _objects(span, "links"))
        events = tuple(
            Record(
                _text(event, "name"), attributes_of(event), resource, trace_id, span_id, _moment(event, "timeUnixNano")
            )
            for event in _objects(span, "events")
        )
        at = _moment(span, "endTimeUnixNano")
        yield Span(attributes_of(span), resource, trace_id, span_id, links, events, at)


def evaluation_of(record: Record) -> Score:
    """Read a `gen_ai.evaluation.result` event.

    Who said it stands in attributes beyond the conventions, which have none for that: any `….annotator_kind` (HUMAN,
    LLM, CODE) and `….identifier`. Raises ContractError where it says nothing, or nothing that it is about.
    """
    said = record.attributes
    kind, target = _target(record)
    name = text(said, "gen_ai.evaluation.name")
    if not name:
        raise ContractError("schema_violation", "an evaluation needs the attribute 'gen_ai.evaluation.name'")
    value, label = number(said, "gen_ai.evaluation.score.value"), text(said, "gen_ai.evaluation.score.label")
    explanation = text(said, "gen_ai.evaluation.explanation")
    identifier = ending(said, "identifier")
    check_result(value, label, explanation)
    model = text(said, "gen_ai.response.model") or text(said, "gen_ai.request.model")
    return Score(
        via=VIA,
        identity=(kind, target, name, identifier),
        name=name,
        subject={"type": kind, "id": target} | ({"model": model} if model else {}),
        value=value,
        label=label,
        explanation=explanation,
        annotator_kind=ending(said, "annotator_kind"),
        identifier=identifier,
        user=text(said, "user.id") or text(said, "enduser.pseudo.id") or text(said, "enduser.id"),
        trace_id=record.trace_id,
        occurred_at=record.at,
        **circumstances(record.resource),
        meta={key: value for key, value in said.items() if not key.startswith(_READ)},
    )


def circumstances(resource: Attributes) -> dict[str, str]:
    """Return the environment and the release that a resource names."""
    environment = text(resource, "deployment.environment.name") or text(resource, "deployment.environment")
    return {"environment": environment, "release": text(resource, "service.version")}


def check_result(value: float | None, label: str, explanation: str) -> None:
    """Raise ContractError for a score that says nothing."""
    if value is None and not label and not explanation:
        raise ContractError("schema_violation", "a score needs at least one of score, label and explanation")


def attributes_of(owner: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a record, a span, a resource: plain values by key. Raises ContractError."""
    return {_text(pair, "key"): _plain(pair.get("value")) for pair in _objects(owner, "attributes")}


def text(attributes: Attributes, name: str) -> str:
    """Return an attribute that is a text, else an empty one."""
    value = attributes.get(name)
    return value if isinstance(value, str) else ""


def ending(attributes: Attributes, name: str) -> str:
    """Return the text of the attribute `name`, under whatever prefix."""
    return next((text(attributes, key) for key in attributes if key == name or key.endswith(f".{name}")), "")


def number(attributes: Attributes, name: str) -> float | None:
    """Return an attribute that is a finite number; true and false are 1 and 0."""
    value = attributes.get(name)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _target(record: Record) -> tuple[str, str]:
    """Return the most exact thing that is evaluated: the response, else the span, else the trace."""
    for kind, found in (
        ("llm_response", text(record.attributes, "gen_ai.response.id")),
        ("span", record.span_id),
        ("trace", record.trace_id),
    ):
        if found:
            return kind, found
    raise ContractError(
        "schema_violation", "an evaluation needs what it is about: 'gen_ai.response.id', or the span that it is part of"
    )


def _leaves(request: object, *names: str) -> Iterator[tuple[Attributes, Mapping[str, Any]]]:
    """Yield what lies three lists deep, each with the attributes of its resource."""
    outer, middle, inner = names
    if not isinstance(request, dict):
        raise _misshapen("request", "an object")
    for owner in _objects(request, outer):
        resource = owner.get("resource") or {}
        if not isinstance(resource, dict):
            raise _misshapen("resource", "an object")
        attributes = attributes_of(resource)
        for scope in _objects(owner, middle):
            for leaf in _objects(scope, inner):
                yield attributes, leaf


def _objects(owner: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = owner.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _misshapen(name, "an array of objects")
    return found


def _text(owner: Mapping[str, Any], name: str) -> str:
    found = owner.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise _misshapen(name, "a text")
    return found


def _id(owner: Mapping[str, Any], name: str) -> str:
    """Read the id of a trace or a span; hexadecimal is written either way."""
    return _text(owner, name).lower()


def _moment(owner: Mapping[str, Any], name: str) -> datetime | None:
    """Read nanoseconds since 1970, a number or a text of one; 0 is unknown."""
    found = owner.get(name)
    if found in (None, 0, "0", ""):
        return None
    if isinstance(found, bool) or not _WHOLE.fullmatch(str(found)):
        raise _misshapen(name, "a whole number of nanoseconds")
    try:
        return _EPOCH + timedelta(microseconds=int(str(found)) // 1_000)
    except OverflowError:
        raise _misshapen(name, "a moment before the year 10000") from None


def _plain(value: object) -> Any:
    """Return an AnyValue as JSON would have it; a whole number that is a text becomes a number."""
    if value is None or value == {}:
        return None
    if not isinstance(value, dict):
        raise _misshapen("value", "an object like {'stringValue': …}")
    (kind, found), *_ = value.items()
    plain: Any = None
    match kind:
        case "stringValue" | "boolValue" | "bytesValue" if isinstance(found, str | bool):
            plain = found
        case "intValue":
            plain = _whole(found)
        case "doubleValue":
            plain = _double(found)
        case "arrayValue" if isinstance(found, dict):
            plain = [_plain(one) for one in _objects(found, "values")]
        case "kvlistValue" if isinstance(found, dict):
            plain = {_text(pair, "key"): _plain(pair.get("value")) for pair in _objects(found, "values")}
    return plain


def _whole(found: object) -> int:
    if isinstance(found, bool) or not _WHOLE.fullmatch(str(found)):
        raise _misshapen("intValue", "a whole number")
    return int(str(found))


def _double(found: object) -> float | None:
    """Read a double; NaN and the infinities, which JSON has as texts, are no number here."""
    if isinstance(found, str):
        try:
            found = float(found)
        except ValueError:
            raise _misshapen("doubleValue", "a number") from None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise _misshapen("doubleValue", "a number")
    return float(found) if abs(found) < 1e300 else None


def _misshapen(name: str, what: str) -> ContractError:
    return ContractError("not_otlp", f"{name!r} must be {what}; send OTLP in its protocol buffers or in their JSON")
