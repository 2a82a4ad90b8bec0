"""The CloudEvents 1.0 envelope: one JSON document in the one field, `event`, of every stream entry."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from labelwright.contracts.payload import Payload, resolve
from labelwright.errors import ContractError

FIELD = b"event"
MAX_BYTES = 256 * 1024
_MINUTE = timedelta(minutes=1)

P_co = TypeVar("P_co", bound=Payload, covariant=True)


@dataclass(frozen=True, slots=True)
class Event(Generic[P_co]):
    """Something that happened. `source` and `id` are its identity for ever, through retries and replays.

    `correlation_id` is the id of the event that began the story (the feedback); `traceparent` follows W3C; after
    `expires_at` (CloudEvents' extension `expirytime`) the event is worth nothing. `audience` names the one service that
    a replayed event is for, since the others have had it.
    """

    id: str
    source: str
    project: str
    time: datetime
    data: P_co
    correlation_id: str = ""
    traceparent: str = ""
    expires_at: datetime | None = None
    audience: str = ""


def encode(event: Event[Payload]) -> bytes:
    """Return the envelope's JSON. Absent values are left out."""
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.data.type,
        "time": event.time,
        "project": event.project,
        "correlationid": event.correlation_id or event.id,
        "data": event.data,
    }
    if event.traceparent:
        envelope["traceparent"] = event.traceparent
    if event.expires_at:
        envelope["expirytime"] = event.expires_at
    if event.audience:
        envelope["audience"] = event.audience
    return to_json(envelope, exclude_none=True)


def decode(raw: bytes | str | None) -> Event[Payload]:
    """Read an envelope of any known version, lifting old data to the present version.

    Raises ContractError with a short code: not_an_event, too_large, not_json, not_cloudevents, unknown_type,
    unknown_version, schema_violation.
    """
    if raw is None:
        raise ContractError("not_an_event", "the entry has no field 'event'; publish one CloudEvents JSON in it")
    if len(raw) > MAX_BYTES:
        raise ContractError("too_large", f"the event has {len(raw)} bytes; the most is {MAX_BYTES}")
    try:
        envelope = from_json(raw, allow_inf_nan=False)
    except ValueError:
        raise ContractError("not_json", "the field 'event' is not valid JSON in UTF-8") from None
    if not isinstance(envelope, dict):
        raise ContractError("not_cloudevents", "the event is not a JSON object")
    return _event(envelope)


def _event(envelope: dict[str, Any]) -> Event[Payload]:
    if envelope.get("specversion") != "1.0":
        raise ContractError("not_cloudevents", "the event's 'specversion' must be '1.0'")
    event_id = _text(envelope, "id")
    return Event(
        event_id,
        _text(envelope, "source"),
        _text(envelope, "project"),
        _time(envelope, "time"),
        read_data(envelope.get("type"), envelope.get("data")),
        _optional(envelope, "correlationid") or event_id,
        _optional(envelope, "traceparent"),
        _time(envelope, "expirytime") if "expirytime" in envelope else None,
        _optional(envelope, "audience"),
    )


def read_data(type_name: object, data: object) -> Payload:
    """Validate an event's data as the present version of its type, after lifting it there."""
    model, chain = resolve(type_name)
    if not isinstance(data, dict):
        raise ContractError("schema_violation", "the event's 'data' is not a JSON object")
    try:
        for lift in chain:
            data = lift(data)
        return model.model_validate(data)
    except ValidationError as error:
        raise ContractError("schema_violation", in_one_sentence(error.errors(include_url=False))) from None
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        # a missing field is named by us; other messages repeat what a publisher wrote
        what = repr(error) if isinstance(error, KeyError) else type(error).__name__
        raise ContractError("schema_violation", f"old data lack what their version promises ({what})"[:200]) from None


def in_one_sentence(errors: Iterable[ErrorDetails]) -> str:
    """Tell the first three faults of a validation by JSON pointer, without repeating the input."""
    faults = [f"{pointer(error['loc'])}: {error['msg']}" for error in errors]
    more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
    return "; ".join(faults[:3])[:600] + more


def pointer(location: Iterable[int | str]) -> str:
    """Return a JSON pointer (RFC 6901) for a pydantic error's location."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in location) or "/"


def moment_of(text: object) -> datetime:
    """Read a timestamp as RFC 3339 has it, its offset in whole minutes; without an offset it is UTC.

    Raises TypeError or ValueError.
    """
    moment = datetime.fromisoformat(text)  # type: ignore[arg-type]  # another type raises TypeError
    offset = moment.utcoffset()
    if offset is None:
        return moment.replace(tzinfo=UTC)
    if offset and offset % _MINUTE:
        raise ValueError("an offset must be whole minutes")
    return moment


def _text(envelope: dict[str, Any], name: str) -> str:
    value = envelope.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 256:
        raise ContractError("not_cloudevents", f"the event's {name!r} must be a text of 1 to 256 characters")
    return value


def _optional(envelope: dict[str, Any], name: str) -> str:
    value = envelope.get(name, "")
    return value if isinstance(value, str) and len(value) <= 256 else ""


def _time(envelope: dict[str, Any], name: str) -> datetime:
    try:
        return moment_of(envelope.get(name))
    except (TypeError, ValueError):
        raise ContractError("not_cloudevents", f"the event's {name!r} must be an RFC 3339 timestamp") from None
