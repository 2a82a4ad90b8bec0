"""Clean a piece of feedback: one form of Unicode, no personal data, nothing that only looks like a text."""

import unicodedata
from collections import Counter
from datetime import UTC, datetime

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted, FeedbackReceived
from labelwright.contracts.payload import Part, Payload
from labelwright.identity import derive
from labelwright.text.fingerprint import stream_safe
from labelwright.text.redaction import redact, redact_strings

TEXTS = frozenset({"comment", "corrected", "reason", "prompt", "response"})
"""What people and models wrote: trimmed, brought to NFKC, redacted; a text of nothing visible is left out."""

IDS = frozenset({"user", "customer", "trace_id", "id"})
"""What publishers chose: opaque, hence unchanged, unless there is a mail address in it."""


def clean(event: Event[Payload], feedback: FeedbackReceived) -> FeedbackAccepted:
    """Return what is kept of an event's feedback, counting by kind what was taken out in `redactions`.

    An id with a mail address becomes a pseudonym, the same for the same id within a project; whoever knows the address
    can compute it. Raises pydantic's ValidationError where cleaning leaves too little (a comment of white space) or
    too much (NFKC can make a text longer than the contract's bound).
    """
    redactions: Counter[str] = Counter()
    kept = vars(feedback) | {
        **_cleaned(feedback, event.project, redactions),
        "subject": vars(feedback.subject) | _cleaned(feedback.subject, event.project, redactions),
        "occurred_at": _in_utc(feedback.occurred_at),
        "feedback": event.id,
        "received_at": event.time,
        "redactions": redactions,
    }
    if feedback.meta:
        kept["meta"], counts = redact_strings(feedback.meta)
        redactions.update(counts)
    return FeedbackAccepted.model_validate(kept)


def _cleaned(part: Part, project: str, redactions: Counter[str]) -> dict[str, str | None]:
    """Return the texts and the ids of a part that cleaning may change."""
    cleaned: dict[str, str | None] = {}
    for name, value in vars(part).items():
        if value is None:
            continue
        if name in TEXTS:
            redacted = redact(_visible(value))
            cleaned[name] = redacted.text or None
            if redacted.counts:
                redactions.update(redacted.counts)
        elif name in IDS and "@" in value and (mails := redact(value).counts.get("mail")):
            cleaned[name] = derive("pseudonym", project, value)
            redactions["mail"] += mails
    return cleaned


def _visible(text: str) -> str:
    """Return the text in NFKC and trimmed; empty if it only has spaces and characters that show nothing."""
    trimmed = unicodedata.normalize("NFKC", stream_safe(text)).strip()
    return trimmed if any(character.isprintable() and not character.isspace() for character in trimmed) else ""


def _in_utc(moment: datetime | None) -> datetime | None:
    """A time without its zone is taken as UTC, as everywhere on the wire."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
