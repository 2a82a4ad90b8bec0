"""Decide whether two statements are the same, may be the same, or differ, and say why."""

from dataclasses import dataclass
from typing import Literal

from labelwright.duplicates.statement import Statement


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison came to. `score` runs from 0 (the same words) to 1 (nothing shared)."""

    outcome: Literal["merged", "proposed", "apart"]
    score: float
    reason: str


def compare(new: Statement, known: Statement) -> Verdict:
    """Return whether `new` says what `known` says."""
    ours, theirs = set(new.words.split()), set(known.words.split())
    score = 1 - len(ours & theirs) / max(1, len(ours | theirs))
    outcome: Literal["merged", "proposed", "apart"] = (
        "merged" if score <= 0.1 else "proposed" if score < 0.5 else "apart"
    )
    return Verdict(outcome, score, f"{len(ours ^ theirs)} words differ")
