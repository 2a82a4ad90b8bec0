"""Reading bodies: limits, compression, JSON in its several wrappings, and one event out of each."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final
from uuid import uuid4

from fastapi import Request
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from labelwright.contracts.envelope import Event, encode, pointer, read_data
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.errors import ContractError
from labelwright.runtime.partition import FeedbackToPublish
from services.gateway.problems import Problem, members
from services.gateway.settings import Settings

SOURCE: Final = "/v1/feedback"
KNOWN: Final = frozenset(FeedbackReceived.model_fields) | {"id", "project"}
JSON: Final = ("application/json", "application/cloudevents+json", "application/cloudevents-batch+json", "")
NDJSON: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl")
MOST_ID: Final = 128


@dataclass(frozen=True, slots=True)
class Read:
    """One event of a request: what to publish, or why not."""

    id: str | None
    publish: FeedbackToPublish | None = None
    error: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


async def body_of(request: Request, settings: Settings) -> bytes:
    """Return the body, decompressed. Raises 413, 415, 400."""
    most = settings.most_body_bytes
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            raise Problem(413, f"the request has more than {most} bytes; send less at once")
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding == "identity":
        return bytes(content)
    if coding != "gzip":
        raise Problem(415, f"content coding {coding[:40]!r} isn't known; send gzip or nothing")
    inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = inflate.decompress(bytes(content), most + 1)
    except zlib.error:
        raise Problem(400, "the body isn't valid gzip; compress it again") from None
    if len(plain) > most:
        raise Problem(413, f"the request has more than {most} bytes once decompressed; send less at once")
    if not inflate.eof:
        raise Problem(400, "the gzip body is cut short; send it whole")
    return plain


def events_in(body: bytes, request: Request, settings: Settings) -> list[object]:
    """Return the JSON values that a body holds: one, an array's, or a line's each. Raises 400, 413, 415."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in NDJSON:
        values = [_json_or_fault(line) for line in body.splitlines() if line.strip()]
    elif kind in JSON or kind.endswith("+json"):
        try:
            value = from_json(body, allow_inf_nan=False)
        except ValueError:
            raise Problem(400, "the body isn't valid JSON in UTF-8; check it with any JSON tool") from None
        headers = {name[3:]: text for name, text in request.headers.items() if name.startswith("ce-")}
        if headers:
            value = {**headers, "data": value}
        values = value if isinstance(value, list) else [value]
    else:
        taken = ", ".join((*JSON[:3], NDJSON[0]))
        raise Problem(415, f"content type {kind[:60]!r} isn't taken; send one of {taken}")
    if not values:
        raise Problem(400, "the request holds no event; send at least one")
    if len(values) > settings.most_events:
        raise Problem(413, f"the request has {len(values)} events; the most is {settings.most_events}")
    return values


def read_event(value: object, project: str, now: datetime, settings: Settings, default_id: str | None = None) -> Read:
    """Check one event and make its envelope; never raises: what is wrong is in `error`."""
    event_id = value.get("id") if isinstance(value, dict) and isinstance(value.get("id"), str) else None
    try:
        return _read(value, project, now, settings, default_id)
    except ContractError as error:
        return Read(event_id, error=problem_of(error))
    except ValidationError as error:
        faults = [{"pointer": pointer(fault["loc"]), "detail": fault["msg"]} for fault in error.errors()[:5]]
        slug = "schema-violation"
        return Read(event_id, error=members(slug, 422, faults[0]["detail"], code="schema_violation", errors=faults))


def _read(value: object, project: str, now: datetime, settings: Settings, default_id: str | None) -> Read:
    if isinstance(value, _Fault):
        raise ContractError("not_json", "the line isn't valid JSON in UTF-8")
    if not isinstance(value, dict):
        raise ContractError("schema_violation", "an event must be a JSON object")
    event_id = _id(value.get("id"), default_id)
    if _is_deep(value, settings.most_depth):
        raise ContractError("too_deep", f"the event nests deeper than {settings.most_depth} levels; flatten it")
    if value.get("project") not in (None, project):
        raise ContractError("foreign_project", f"the key belongs to project {project!r}; use the other project's key")
    data, expires, unknown = _from_cloudevent(value) if "specversion" in value else _from_plain(value)
    envelope = encode(Event(event_id, SOURCE, project, now, data, expires_at=expires))
    if len(envelope) > settings.most_event_bytes:
        most = settings.most_event_bytes
        raise ContractError("too_large", f"the event has {len(envelope)} bytes; the most is {most}")
    fingerprint = blake2b(to_json(data), digest_size=8).hexdigest()
    return Read(event_id, FeedbackToPublish(event_id, fingerprint, envelope), warnings=unknown)


def problem_of(error: ContractError) -> dict[str, Any]:
    """Return a rejected event's problem."""
    slug = {"too_large": "too-large", "foreign_project": "not-allowed", "id_reused": "id-reused"}.get(error.code)
    return members(slug or "schema-violation", 422, error.reason, code=error.code)


class _Fault:
    """A line that isn't JSON."""


def _json_or_fault(line: bytes) -> object:
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError:
        return _Fault()


def _id(given: object, default: str | None) -> str:
    if given is None:
        return default or str(uuid4())
    if not isinstance(given, str) or not 0 < len(given) <= MOST_ID or not given.isprintable():
        raise ContractError("bad_id", f"an event's id must be a printable text of 1 to {MOST_ID} characters")
    return given


def _from_plain(value: dict[str, Any]) -> tuple[FeedbackReceived, datetime | None, tuple[str, ...]]:
    unknown = tuple(f"field {name[:60]!r} isn't known and was ignored" for name in value.keys() - KNOWN)
    return FeedbackReceived.model_validate(value), None, unknown[:5]


def _from_cloudevent(value: dict[str, Any]) -> tuple[FeedbackReceived, datetime | None, tuple[str, ...]]:
    if value["specversion"] != "1.0":
        raise ContractError("not_cloudevents", "the CloudEvent's 'specversion' must be '1.0'")
    data = read_data(value.get("type"), value.get("data"))
    if not isinstance(data, FeedbackReceived):
        raise ContractError("unknown_type", f"only {FeedbackReceived.type!r} and its older versions may be published")
    return data, _expiry(value.get("expirytime")), ()


def _expiry(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)  # type: ignore[arg-type]  # another type raises TypeError, caught below
    except (TypeError, ValueError):
        raise ContractError("not_cloudevents", "the CloudEvent's 'expirytime' must be an RFC 3339 timestamp") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_deep(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_is_deep(inner, levels - 1) for inner in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_is_deep(inner, levels - 1) for inner in value)
    return False
