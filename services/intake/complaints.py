"""What a complaint means: told by the user's own words, else by the reason and the tags that came with it."""

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

from labelwright.contracts.feedback import Complaint, Feedback
from labelwright.text.complaints import of_reasons, of_words

TAGGED: Final = frozenset(
    {
        "reason", "reasons", "tag", "tags", "category", "categories", "issue", "issues", "label", "labels", "problem",
        "problems", "feedback_tags", "feedback_reason", "feedback_reasons", "selected_reasons", "flags",
    }
)  # fmt: skip
"""Fields of `meta`, or of an object in it, in which widgets leave what their user ticked."""


class Said(NamedTuple):
    """A complaint, and what tells it; nothing where nothing does."""

    complaint: Complaint | None = None
    by: Literal["words", "event"] | None = None


def complaint_of(feedback: Feedback) -> Said:
    """Return what a complaint means; praise means none, and what a machine says is no complaint.

    What a user ticked goes before what their words seem to say, but where the words say the same, or more than "other",
    it is told by the words: so equal words tell the same, ticked or not.
    """
    if feedback.sign > 0 or feedback.evaluator:
        return Said()
    words = of_words(feedback.comment) if feedback.comment else None
    ticked = of_reasons(_ticked(feedback))
    if words and ticked in (words, "other", None):
        return Said(words, "words")
    return Said(ticked, "event") if ticked else Said()


def _ticked(feedback: Feedback) -> Iterator[str]:
    """Yield the reason and the tags, those of the event first."""
    if feedback.reason:
        yield feedback.reason
    yield from _tags(feedback.meta)
    for inner in feedback.meta.values():
        if isinstance(inner, dict):
            yield from _tags(inner)


def _tags(fields: dict[str, Any]) -> Iterator[str]:
    for name, value in fields.items():
        if name.casefold() in TAGGED:
            values = value if isinstance(value, list) else [value]
            yield from (one for one in values if isinstance(one, str))
