"""Clean a piece of feedback: one form of Unicode, no personal data, nothing that only looks like a text."""

import unicodedata
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted, FeedbackReceived
from labelwright.contracts.payload import Part, Payload
from labelwright.text.redaction import ID_FIELDS, Names, names_marked, redact, redact_id, redact_strings
from labelwright.text.words import stream_safe

TEXTS = frozenset({"comment", "corrected", "reason", "prompt", "response"})
"""What people and models wrote: trimmed, brought to NFKC, redacted; a text of nothing visible is left out."""


def clean(event: Event[Payload], feedback: FeedbackReceived) -> FeedbackAccepted:
    """Return what is kept of an event's feedback, counting by kind what was taken out in `redactions`.

    A name that one text marks, or a field of `meta`, goes out of all of them. An id that is a mail address, a number of
    somebody's or a secret becomes a pseudonym, the same for the same id within a project; whoever knows the id can
    compute it. Raises pydantic's ValidationError where cleaning leaves too little (a comment of white space) or too
    much (NFKC can make a text longer than the contract's bound).
    """
    redactions: Counter[str] = Counter()
    said, about = _visible_texts(feedback), _visible_texts(feedback.subject)
    names = names_marked([*said.values(), *about.values()], feedback.meta)
    kept = vars(feedback) | {
        **_cleaned(feedback, said, event.project, names, redactions),
        "subject": vars(feedback.subject) | _cleaned(feedback.subject, about, event.project, names, redactions),
        "occurred_at": _in_utc(feedback.occurred_at),
        "feedback": event.id,
        "received_at": event.time,
        "redactions": redactions,
    }
    if feedback.meta:
        kept["meta"], counts = redact_strings(feedback.meta, names)
        redactions.update(counts)
    return FeedbackAccepted.model_validate(kept)


def _visible_texts(part: Part) -> dict[str, str]:
    return {name: _visible(value) for name, value in vars(part).items() if name in TEXTS and value is not None}


def _cleaned(
    part: Part, texts: Mapping[str, str], project: str, names: Names, redactions: Counter[str]
) -> dict[str, str | None]:
    """Return the texts and the ids of a part that cleaning may change."""
    cleaned: dict[str, str | None] = {}
    for name, text in texts.items():
        redacted = redact(text, names)
        cleaned[name] = redacted.text or None
        if redacted.counts:
            redactions.update(redacted.counts)
    for name, value in vars(part).items():
        if name in ID_FIELDS and value is not None:
            cleaned[name], counts = redact_id(value, project)
            redactions.update(counts)
    return cleaned


def _visible(text: str) -> str:
    """Return the text in NFKC and trimmed; empty if it only has spaces and characters that show nothing."""
    trimmed = unicodedata.normalize("NFKC", stream_safe(text)).strip()
    return trimmed if any(character.isprintable() and not character.isspace() for character in trimmed) else ""


def _in_utc(moment: datetime | None) -> datetime | None:
    """A time without its zone is taken as UTC, as everywhere on the wire."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
