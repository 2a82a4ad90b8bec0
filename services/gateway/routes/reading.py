"""Reading events: JSON in its several wrappings, and one event out of each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import unquote
from uuid import uuid4

from fastapi import Request
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from labelwright.contracts.envelope import Event, encode, moment_of, pointer, read_data
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.errors import ContractError
from labelwright.runtime.partition import FeedbackToPublish
from services.gateway.answers import FeedbackEvent
from services.gateway.problems import Problem, members
from services.gateway.routes.body import content_type, is_json
from services.gateway.settings import Settings

SOURCE: Final = "/v1/feedback"
KNOWN: Final = frozenset(FeedbackEvent.model_fields)
NDJSON: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl")
TAKEN: Final = ("application/json", NDJSON[0], "application/cloudevents+json", "application/cloudevents-batch+json")
MOST_ID: Final = 128
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Read:
    """One event of a request: what to publish, or why not."""

    id: str | None
    publish: FeedbackToPublish | None = None
    error: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def events_in(body: bytes, request: Request, settings: Settings) -> list[object]:
    """Return the JSON values that a body holds: one, an array's, or a line's each. Raises 400, 413, 415."""
    kind = content_type(request)
    if kind in NDJSON:
        values = [_json_or_fault(line) for line in body.splitlines() if line.strip()]
    elif is_json(kind) or not kind:
        try:
            value = from_json(body, allow_inf_nan=False)
        except ValueError:
            raise Problem(400, "the body isn't valid JSON in UTF-8; check it with any JSON tool") from None
        if "ce-specversion" in request.headers and not kind.startswith("application/cloudevents"):
            value = {**_attributes(request), "data": value}
        values = value if isinstance(value, list) else [value]
    else:
        raise Problem(415, f"content type {kind[:60]!r} isn't taken; send one of {', '.join(TAKEN)}")
    if not values:
        raise Problem(400, "the request holds no event; send at least one")
    if len(values) > settings.most_events:
        raise Problem(413, f"the request has {len(values)} events; the most is {settings.most_events}")
    return values


def read_event(value: object, project: str, now: datetime, settings: Settings, default_id: str | None = None) -> Read:
    """Check one event and make its envelope; never raises: what is wrong is in `error`.

    A `value` that couldn't even be read comes as the ContractError or ValidationError that tells why.
    """
    event_id = value.get("id") if isinstance(value, dict) and isinstance(value.get("id"), str) else None
    try:
        return _read(value, project, now, settings, default_id)
    except ContractError as error:
        return Read(event_id, error=problem_of(error))
    except ValidationError as error:
        faults = [{"pointer": pointer(fault["loc"]), "detail": fault["msg"]} for fault in error.errors()[:5]]
        slug = "schema-violation"
        return Read(event_id, error=members(slug, 422, faults[0]["detail"], code="schema_violation", errors=faults))


def problem_of(error: ContractError) -> dict[str, Any]:
    """Return a rejected event's problem."""
    slug = {"too_large": "too-large", "foreign_project": "not-allowed", "id_reused": "id-reused"}.get(error.code)
    return members(slug or "schema-violation", 422, error.reason, code=error.code)


def _read(value: object, project: str, now: datetime, settings: Settings, default_id: str | None) -> Read:
    if isinstance(value, Exception):
        raise value
    if not isinstance(value, dict):
        raise ContractError("schema_violation", "an event must be a JSON object")
    event_id = _id(value.get("id"), default_id)
    if _is_deep(value, settings.most_depth):
        raise ContractError("too_deep", f"the event nests deeper than {settings.most_depth} levels; flatten it")
    if value.get("project") not in (None, project):
        raise ContractError("foreign_project", f"the key belongs to project {project!r}; use the other project's key")
    wrapped = "specversion" in value
    data = _from_cloudevent(value) if wrapped else FeedbackReceived.model_validate(value)
    expires = _moment(value, "expirytime") if wrapped else None
    traceparent = value.get("traceparent") if wrapped else None
    envelope = encode(
        Event(
            event_id,
            SOURCE,
            project,
            now,
            data,
            traceparent=traceparent if isinstance(traceparent, str) else "",
            expires_at=expires,
        )
    )
    if len(envelope) > settings.most_event_bytes:
        most = settings.most_event_bytes
        raise ContractError("too_large", f"the event has {len(envelope)} bytes; the most is {most}")
    fingerprint = blake2b(to_json(data), digest_size=8).hexdigest()
    warnings = (
        ()
        if wrapped
        else tuple(f"field {name[:60]!r} isn't known and was ignored" for name in value if name not in KNOWN)
    )
    return Read(event_id, FeedbackToPublish(event_id, fingerprint, envelope), warnings=warnings[:5])


def _json_or_fault(line: bytes) -> object:
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError:
        return ContractError("not_json", "the line isn't valid JSON in UTF-8")


def _attributes(request: Request) -> dict[str, str]:
    """Return a CloudEvent's attributes from its headers (HTTP binding 1.0.2, 3.1.3). Raises 400."""
    found = {name[3:]: text for name, text in request.headers.items() if name.startswith("ce-")}
    try:
        return {name: unquote(_unquoted(text), errors="strict") for name, text in found.items()}
    except UnicodeDecodeError:
        raise Problem(400, "a header ce-… isn't UTF-8 once percent-decoded; encode it again") from None


def _unquoted(text: str) -> str:
    """Undo a quoted string of RFC 9110, 5.6.4."""
    if len(text) < 2 or not (text[0] == text[-1] == '"'):
        return text
    return _ESCAPED.sub(r"\1", text[1:-1])


def _id(given: object, default: str | None) -> str:
    if given is None:
        return default or str(uuid4())
    if not isinstance(given, str) or not 0 < len(given) <= MOST_ID or not given.isprintable():
        raise ContractError("bad_id", f"an event's id must be a printable text of 1 to {MOST_ID} characters")
    return given


def _from_cloudevent(value: dict[str, Any]) -> FeedbackReceived:
    if value["specversion"] != "1.0":
        raise ContractError("not_cloudevents", "the CloudEvent's 'specversion' must be '1.0'")
    data = read_data(value.get("type"), value.get("data"))
    if not isinstance(data, FeedbackReceived):
        raise ContractError("unknown_type", f"only {FeedbackReceived.type!r} and its older versions may be published")
    return data if data.occurred_at else data.model_copy(update={"occurred_at": _moment(value, "time")})


def _moment(value: dict[str, Any], name: str) -> datetime | None:
    if value.get(name) is None:
        return None
    try:
        return moment_of(value[name])
    except (TypeError, ValueError):
        raise ContractError("not_cloudevents", f"the CloudEvent's {name!r} must be an RFC 3339 timestamp") from None


def _is_deep(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_is_deep(inner, levels - 1) for inner in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_is_deep(inner, levels - 1) for inner in value)
    return False
