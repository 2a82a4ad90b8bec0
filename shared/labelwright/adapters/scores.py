"""What a score of another tool means: a vote where a person gave it and we know which way it points.

A score has a name and a number or a label, and neither says which way is up: 1 is bad for `hallucination`, and the
worst of five stars. So the project file says by name what a score is (`scores: {rating: stars}`), a few names are known
anyway, and so are labels that are judgements themselves (`incorrect`). What a machine says is never a vote.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic_core import to_json

from labelwright.contracts.project import ScoreMeaning
from labelwright.errors import ContractError
from labelwright.identity import derive

USUAL: Final[Mapping[str, ScoreMeaning]] = {"user-feedback": "thumb", "feedback": "thumb", "thumbs": "thumb"}
"""Names by which others' SDKs and guides send what a user pressed."""

WAYS: Final = dict.fromkeys(("👍", "up", "thumbs-up", "good", "positive", "correct", "helpful", "pass", "like"), 1) | (
    dict.fromkeys(("👎", "down", "thumbs-down", "bad", "negative", "incorrect", "unhelpful", "fail", "dislike"), -1)
)
"""Labels that say themselves which way they point."""

HUMAN: Final = "human"
MOST_NAME: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One score. `via` names the protocol; `identity` makes it the same score when it is sent again, or changed.

    `annotator_kind` is HUMAN, LLM, CODE, another word, or empty where nobody says it; `identifier` names the annotator
    among those who score by `name`; `user` is a user of the product, where the protocol tells one.
    """

    via: str
    identity: tuple[str, ...]
    name: str
    subject: Mapping[str, Any]
    value: float | None = None
    label: str = ""
    explanation: str = ""
    corrected: str = ""
    annotator_kind: str = ""
    identifier: str = ""
    user: str = ""
    customer: str = ""
    trace_id: str = ""
    environment: str = ""
    release: str = ""
    occurred_at: datetime | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


def feedback_of(score: Score, meanings: Mapping[str, ScoreMeaning]) -> dict[str, Any]:
    """Return the event to publish for a score; `meanings` are the project file's, by name.

    The same score is the same event, under the same id; a changed one is another, of the same user on the same subject,
    and so a changed vote. Raises ContractError where the score can't be what the project file says that it is.
    """
    name = constant(score.name)
    meaning = {constant(one): kind for one, kind in meanings.items()}.get(name) or USUAL.get(name)
    said = _said_by_a_machine(score) if _is_of_a_machine(score, meaning) else _said_by_a_person(score, meaning)
    event = {
        **said,
        "subject": dict(score.subject),
        "trace_id": score.trace_id[:MOST_NAME],
        "environment": score.environment[:MOST_NAME],
        "release": score.release[:MOST_NAME],
        "occurred_at": score.occurred_at.isoformat() if score.occurred_at else None,
        "meta": {
            "via": score.via,
            "score": _present(
                name=score.name,
                value=score.value,
                label=score.label,
                annotator_kind=score.annotator_kind,
                identifier=score.identifier,
            ),
            **score.meta,
        },
    }
    event = {key: value for key, value in event.items() if value not in (None, "")}
    return {"id": derive(score.via, *score.identity, to_json(event).decode()), **event}


def constant(name: str) -> str:
    """Return a name in small letters and hyphens, so that `User Feedback` is `user-feedback`."""
    return re.sub(r"[\s_.\-]+", "-", name.strip().casefold())


def _is_of_a_machine(score: Score, meaning: ScoreMeaning | None) -> bool:
    """Whether a machine said it: it says so, the project file says so, or nobody says that a person did."""
    if score.annotator_kind:
        return score.annotator_kind.casefold() != HUMAN or meaning == "machine"
    return meaning in (None, "machine") and not score.corrected


def _said_by_a_machine(score: Score) -> dict[str, Any]:
    return {
        "kind": "text",
        "comment": _in_words(score),
        "evaluator": (score.identifier or score.name)[:MOST_NAME],
        "user": derive("annotator", score.name, score.identifier),
    }


def _said_by_a_person(score: Score, meaning: ScoreMeaning | None) -> dict[str, Any]:
    who = {
        "user": score.user or derive("annotator", score.name, score.identifier or "\x1f".join(score.identity)),
        "customer": score.customer or ("" if score.user else score.via),
    }
    if score.corrected:
        return who | {"kind": "correction", "corrected": score.corrected, "comment": score.explanation}
    if meaning == "stars":
        return who | {"kind": "stars", "value": _stars(score), "comment": score.explanation}
    way = None if meaning == "text" else _way(score, meaning)
    if way is None:
        return who | {"kind": "text", "comment": _in_words(score)}
    reason = "" if constant(score.label) in WAYS else score.label[:MOST_NAME]
    return who | {"kind": "thumb", "value": way, "reason": reason, "comment": score.explanation}


def _way(score: Score, meaning: ScoreMeaning | None) -> int | None:
    if meaning == "thumb" and score.value is not None:
        return 1 if score.value > 0 else -1
    return WAYS.get(constant(score.label))


def _stars(score: Score) -> int:
    if score.value not in (1, 2, 3, 4, 5):
        shown = score.label or score.value
        raise ContractError(
            "schema_violation",
            f"score {score.name[:60]!r} is stars in the project file, so its value must be a whole number from 1 to 5, "
            f"not {str(shown)[:60]!r}",
        )
    return int(score.value)


def _in_words(score: Score) -> str:
    """Return what the score says to somebody who reads it; a bare number stays out where there are words."""
    result = score.label or ("" if score.explanation or score.value is None else f"{score.value:g}")
    named = f"{score.name}: {result}" if result else ""
    return "\n\n".join(filter(None, (named, score.explanation, score.corrected)))


def _present(**facts: Any) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value not in (None, "")}
