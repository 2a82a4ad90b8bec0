"""User feedback as Sentry's SDKs send it: items of an envelope, and the older user reports.

Who wrote is personal data: mail and name are never part of an event. The user becomes a pseudonym, and the name is
taken out of what they wrote.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from pydantic_core import from_json, to_json

from labelwright.contracts.envelope import moment_of
from labelwright.errors import ContractError
from labelwright.identity import derive

VIA: Final = "sentry"
MOST_ITEMS: Final = 1_000
MOST_NAME: Final = 256
LEAST_NAME: Final = 3
"""Characters of a name that is looked for: a shorter one is part of too many words."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of an envelope."""

    type: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope: its headers and its items."""

    headers: Mapping[str, Any]
    items: list[Item]


def read_envelope(body: bytes) -> Envelope:
    """Take an envelope apart. Raises ContractError where it is malformed."""
    line, at = _line(body, 0)
    headers = _object(line, "an envelope's first line")
    items: list[Item] = []
    while (at := _past_empty_lines(body, at)) < len(body):
        if len(items) == MOST_ITEMS:
            raise ContractError("not_an_envelope", f"the envelope has more than {MOST_ITEMS} items; send less at once")
        line, at = _line(body, at)
        about = _object(line, "an item's header")
        payload, at = _payload(body, at, about.get("length"))
        items.append(Item(str(about.get("type", "")), payload))
    return Envelope(headers, items)


def feedback_in(envelope: Envelope, project: str) -> Iterator[Json | ContractError]:
    """Yield the events to publish for an envelope's feedback, or why one can't be read; all else is passed over."""
    for item in envelope.items:
        if item.type not in ("feedback", "event", "user_report"):
            continue
        try:
            payload = _object(item.payload, f"an item of type {item.type!r}")
            if item.type == "user_report":
                yield event_of_report(payload, project)
            elif item.type == "feedback" or payload.get("type") == "feedback":
                yield _event(payload, envelope, project)
        except ContractError as error:
            yield error


def event_of_report(report: Mapping[str, Any], project: str) -> Json:
    """Return the event of a user report (`event_id`, `email`, `name`, `comments`). Raises ContractError."""
    name, mail = _text(report, "name"), _text(report, "email")
    event = {
        **_said(_text(report, "comments"), name),
        "subject": _subject(_text(report, "event_id"), ""),
        "user": _user(project, mail, name),
        "meta": {"via": VIA},
    }
    return _identified(event)


def _line(body: bytes, at: int) -> tuple[bytes, int]:
    """Return the line that begins at a place, and where the next one does."""
    end = body.find(b"\n", at)
    return (body[at:end], end + 1) if end >= 0 else (body[at:], len(body))


def _past_empty_lines(body: bytes, at: int) -> int:
    while body[at : at + 1] == b"\n":
        at += 1
    return at


def _payload(body: bytes, at: int, length: object) -> tuple[bytes, int]:
    """Return an item's payload, to the end of the line where it has no length, and where the rest begins."""
    if length is None:
        return _line(body, at)
    if isinstance(length, bool) or not isinstance(length, int) or not 0 <= length <= len(body) - at:
        raise ContractError("not_an_envelope", "an item is longer than what is left of the envelope; send it whole")
    end = at + length
    if body[end : end + 1] not in (b"", b"\n"):
        raise ContractError("not_an_envelope", "an item must end in a line feed; its length is wrong")
    return body[at:end], end


def _event(payload: Json, envelope: Envelope, project: str) -> Json:
    said = _object_in(_object_in(payload, "contexts"), "feedback")
    trace = _object_in(_object_in(payload, "contexts"), "trace")
    user = _object_in(payload, "user")
    mail, name = _text(said, "contact_email") or _text(user, "email"), _text(said, "name")
    tags = payload.get("tags")
    event_id = _text(payload, "event_id") or _text(envelope.headers, "event_id")
    event: Json = {
        **_said(_text(said, "message"), name),
        "subject": _subject(_text(said, "associated_event_id"), _text(said, "url")),
        "user": str(user.get("id") or "")[:MOST_NAME] or _user(project, mail, name or _text(user, "username")),
        "occurred_at": _moment(payload.get("timestamp")),
        "trace_id": _text(trace, "trace_id"),
        "environment": _text(payload, "environment"),
        "release": _text(payload, "release"),
        "meta": {"via": VIA} | ({"tags": tags} if isinstance(tags, dict | list) and tags else {}),
    }
    return _identified(event, event_id)


def _identified(event: Json, event_id: str = "") -> Json:
    """Leave out what is empty, and add an id: the same for what is sent again."""
    event = {key: value for key, value in event.items() if value not in (None, "")}
    return {"id": derive(VIA, event_id or to_json(event).decode()), **event}


def _said(message: str, name: str) -> Json:
    if not message.strip():
        raise ContractError("schema_violation", "the feedback says nothing; it needs a message")
    return {"kind": "text", "comment": without_name(message, name)}


def without_name(message: str, name: str) -> str:
    """Replace the parts of a name in a message, whatever their case, by `[name]`."""
    parts = {part for part in re.split(r"\W+", name[:MOST_NAME]) if len(part) >= LEAST_NAME}
    if not parts:
        return message
    any_part = "|".join(map(re.escape, sorted(parts, key=len, reverse=True)))
    return re.sub(rf"\b(?:{any_part})\b", "[name]", message, flags=re.IGNORECASE)


def _subject(event_id: str, url: str) -> Json:
    """Return what the feedback is about: the event that it names, else the page, without its query."""
    if event_id:
        return {"type": "sentry_event", "id": event_id[:256]}
    try:
        parts = urlsplit(url)
    except ValueError:
        return {"type": "screen", "id": "unknown"}
    page = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return {"type": "screen", "id": page[:256] or "unknown"}


def _user(project: str, mail: str, name: str) -> str:
    """Return a pseudonym, the same that intake gives to this mail address; empty for somebody who says nothing."""
    return derive("pseudonym", project, mail or name) if mail or name else ""


def _moment(found: object) -> str | None:
    """Read a timestamp, which is RFC 3339 or seconds since 1970; what is neither is left out."""
    try:
        if isinstance(found, int | float) and not isinstance(found, bool):
            return datetime.fromtimestamp(found, UTC).isoformat()
        return moment_of(found).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _object(raw: bytes, what: str) -> Json:
    try:
        read = from_json(raw)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise ContractError("not_an_envelope", f"{what} must be a JSON object in UTF-8")
    return read


def _object_in(owner: Mapping[str, Any], name: str) -> Json:
    found = owner.get(name)
    return found if isinstance(found, dict) else {}


def _text(owner: Mapping[str, Any], name: str) -> str:
    found = owner.get(name)
    return found if isinstance(found, str) else ""
