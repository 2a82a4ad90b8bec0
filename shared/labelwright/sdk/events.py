"""One piece of feedback as it goes over the wire, and what is checked of it before it leaves."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from labelwright.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Required, TypedDict

    class Details(TypedDict, total=False):
        """What every kind of feedback may say."""

        subject: Required[Mapping[str, object]]
        corrected: str | None
        reason: str | None
        comment: str | None
        user: str | int | None
        customer: str | int | None
        occurred_at: datetime | None
        trace_id: str | None
        meta: dict[str, Any] | None


KINDS = ("thumb", "stars", "correction", "text", "signal")
SIGNALS = ("retry", "edit", "abandon")
MAX_BYTES = 64 * 1024
_MAX_SHORT, _MAX_LONG = 256, 32_768

_DETAILS = ("subject", "corrected", "reason", "comment", "user", "customer", "occurred_at", "trace_id", "meta")
_FIELDS = frozenset(("id", "project", "kind", "value", "environment", "release", "sample_rate", *_DETAILS))
_SHORT = ("id", "project", "reason", "user", "customer", "trace_id", "environment", "release")
_LONG = ("corrected", "comment")
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str)


class Event(dict[str, Any]):
    """An event's JSON object, whose fields can also be read as attributes; a field it doesn't have reads as None."""

    def __getattr__(self, name: str) -> Any:
        """Return the field `name`, or None where this event doesn't have it."""
        if name in _FIELDS:
            return self.get(name)
        raise AttributeError(f"feedback has no field {name!r}; its fields are {', '.join(sorted(_FIELDS))}")


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562): it sorts by the millisecond, and its last 62 bits are chance."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF000 << 64) | 0x7000 << 64
    number = number & ~(0xC000 << 48) | 0x8000 << 48
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def is_sampled(event_id: str, rate: float) -> bool:
    """Say whether an event belongs to the sample: a share `rate` of all ids, decided by the id's own chance."""
    return int(event_id[-12:], 16) < rate * (1 << 48)


def draft(event_id: str, kind: str, value: object, details: Mapping[str, Any]) -> Event:
    """Make an event of what a caller gave. What is None or an empty text is left out; numbers as ids become text.

    Raises ContractError for a field that feedback doesn't have; `check` looks at the rest.
    """
    for name in details:
        if name not in _DETAILS:
            raise ContractError("invalid", f"feedback has no field {name!r}; its fields are {', '.join(_DETAILS)}")
    event = Event(id=event_id, kind=kind, occurred_at=_now())
    event.update(_present(details))
    if value is not None:
        event["value"] = value
    for name in ("user", "customer"):
        if name in event:
            event[name] = _as_id(event[name])
    if hasattr(event["occurred_at"], "isoformat"):
        event["occurred_at"] = _timestamp(event["occurred_at"])
    if hasattr(details.get("subject"), "items"):
        event["subject"] = subject = _present(details["subject"])
        subject["id"] = _as_id(subject.get("id"))
    if "trace_id" not in event and (trace_id := _current_trace_id()):
        event["trace_id"] = trace_id
    return event


def check(event: Event) -> None:
    """Raise ContractError, naming the field, where the gateway would reject `event`."""
    _check_value(event)
    _check_texts(event, _SHORT, 1, _MAX_SHORT)
    _check_texts(event, _LONG, 0, _MAX_LONG)
    subject = event.get("subject")
    if not isinstance(subject, dict) or not subject.get("type") or not subject.get("id"):
        raise ContractError(
            "invalid",
            "'subject' must tell by 'type' and 'id' what the feedback is about; labelwright.response(id=…) makes one",
        )
    _check_texts(subject, ("type", "id", "model"), 1, _MAX_SHORT, "subject.")
    _check_texts(subject, ("prompt", "response"), 0, _MAX_LONG, "subject.")
    if not isinstance(event.get("meta", {}), dict):
        raise ContractError("invalid", f"'meta' must be a dict, not a {type(event.meta).__name__}")
    if not isinstance(event.get("occurred_at"), str):
        raise ContractError("invalid", f"'occurred_at' must be a datetime, not a {type(event.occurred_at).__name__}")


def encode(event: Event) -> bytes:
    """Return the event's JSON in UTF-8; half characters become `?`, and what JSON doesn't know becomes text.

    Raises ContractError `too_large` above 64 KiB and `invalid` for what has no JSON (a NaN, a dict inside itself).
    """
    try:
        body = _encoder.encode(event).encode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError) as error:
        raise ContractError("invalid", f"the event can't be written as JSON ({error}); look at 'meta'") from None
    if len(body) > MAX_BYTES:
        raise ContractError(
            "too_large", f"the event has {len(body)} bytes, the most is {MAX_BYTES}; shorten its texts in before_send"
        )
    return body


def _check_value(event: Event) -> None:
    kind, value = event.get("kind"), event.get("value")
    if kind not in KINDS:
        raise ContractError("invalid", f"'kind' must be one of {', '.join(KINDS)}, not {_brief(kind)}")
    if value is not None and type(value) not in (int, str):
        raise ContractError("invalid", f"'value' must be a whole number or a text, not {_brief(value)}")
    if kind == "thumb" and value not in (-1, 1):
        raise ContractError("invalid", f"'value' of a thumb must be -1 or 1 (up: True or False), not {_brief(value)}")
    if kind == "stars" and not (isinstance(value, int) and 1 <= value <= 5):
        raise ContractError("invalid", f"'value' of stars must be a whole number from 1 to 5, not {_brief(value)}")
    if kind == "signal" and value not in SIGNALS:
        raise ContractError("invalid", f"'value' of a signal must be one of {', '.join(SIGNALS)}, not {_brief(value)}")
    if kind == "correction" and not event.corrected:
        raise ContractError("invalid", "a correction needs as 'corrected' the text that the response should have been")
    if kind == "text" and not str(event.comment or "").strip():
        raise ContractError("invalid", "feedback of kind 'text' needs a 'comment'")


def _check_texts(of: Mapping[str, Any], names: tuple[str, ...], least: int, most: int, path: str = "") -> None:
    for name in names:
        text = of.get(name)
        if text is None:
            continue
        if not isinstance(text, str):
            raise ContractError("invalid", f"'{path}{name}' must be a text, not a {type(text).__name__}")
        if not least <= len(text) <= most:
            raise ContractError(
                "invalid" if len(text) < least else "too_large",
                f"'{path}{name}' has {len(text)} characters; it must have {least} to {most}",
            )


def _brief(value: object) -> str:
    """Show enough of a wrong value to recognise it, and too little to log a user's text."""
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:30]}…"


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value or not (value is None or type(value) is str)}


def _as_id(value: object) -> object:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number or type(value).__name__ == "UUID" else value


def _now() -> str:
    seconds, rest_ns = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest_ns // 1_000_000:03d}Z"


def _timestamp(moment: datetime) -> str:
    if getattr(moment, "tzinfo", None) is None:
        raise ContractError("invalid", "'occurred_at' has no time zone; use datetime.now(timezone.utc)")
    return moment.isoformat()


def _current_trace_id() -> str | None:
    """Return the trace in which OpenTelemetry says that we are, if the host has loaded it. Never loads it."""
    opentelemetry = sys.modules.get("opentelemetry.trace")
    if opentelemetry is None:
        return None
    with contextlib.suppress(Exception):  # a host's tracing may be half configured; feedback must not depend on it
        context = opentelemetry.get_current_span().get_span_context()
        if context.is_valid:
            return f"{context.trace_id:032x}"
    return None
