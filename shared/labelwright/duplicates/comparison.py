"""Decide whether two statements are the same, may be the same, or differ, and say why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from labelwright.duplicates.alignment import Gap, align, is_moved
from labelwright.duplicates.statement import Statement
from labelwright.text.language import Language

MOST_WORDS: Final = 400
"""Longer texts are the same only word by word: people compare the rest."""

LEAST_ALIKE: Final = 0.4
"""The part of the weight that must lie in words that are written alike, to look further."""

FEWEST_ALIKE: Final = 0.3
"""The part of the longer one's words that must be written alike, whatever they weigh."""

LITTLE: Final = 0.45
"""Above this score two statements have too little in common to trouble a person."""

MOST_MENDED: Final = 0.45
"""The part of the words that may be misspelt or inflected."""

MOST_LEFT_OUT: Final = 0.12
"""The score up to which a text that leaves out words says the same."""

FEWEST_SHARED: Final = 6
"""Words that say something, in common, below which every such word more is another statement."""

MOST_AT_ONCE: Final = 2
"""Such words left out in one place; more are a clause."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison came to, with one of a few constant reasons.

    `score` is the weight of the words that differ by that of all words: 0 for the same words, 1 for nothing shared.
    """

    outcome: Literal["merged", "proposed", "apart"]
    score: float
    reason: str


def compare(new: Statement, known: Statement) -> Verdict:
    """Return whether `new` says what `known` says.

    Alike isn't the same: `not`, a number or a name more is another statement. Two are merged only where every
    difference is harmless: a typing error, an ending, a filler, clauses in another order, or, in a text that says
    enough, words left out in haste. What may be harmless is proposed to a person.
    """
    if new.words == known.words:
        return Verdict("merged", 0.0, "the same words")
    alike = _alike(new, known)
    if alike < LEAST_ALIKE:
        return Verdict("apart", 1.0, "too little in common")
    if max(len(new.tokens), len(known.tokens)) > MOST_WORDS:
        return Verdict("proposed", round(1 - alike, 4), "too long to compare word by word")
    if is_moved(new, known):
        return Verdict("merged", 0.0, "the same words in another order")
    return _weighed(new, known)


def _weighed(new: Statement, known: Statement) -> Verdict:
    gaps, mended = align(new, known)
    score = _score(gaps, new, known)
    if score > LITTLE:
        return Verdict("apart", score, "too little in common")
    doubt = _doubt(gaps, new, known, score)
    if doubt is None and mended > MOST_MENDED * len(new.tokens):
        doubt = "too many typing errors"
    if doubt:
        return Verdict("proposed", score, doubt)
    return Verdict("merged", score, "words more that change nothing" if gaps else "typing errors and endings only")


def _doubt(gaps: Sequence[Gap], new: Statement, known: Statement, score: float) -> str | None:
    """Return why what is left over may change what is said; None where it can't."""
    language, names = known.language, new.names | known.names
    ours = [word for gap in gaps for word in gap.ours]
    theirs = [word for gap in gaps for word in gap.theirs]
    leftover = {*ours, *theirs}
    asked = {word for gap in gaps if new.asks or gap.is_edge for word in (*gap.ours, *gap.theirs)}
    exchanged = [{*gap.ours, *gap.theirs} for gap in gaps if gap.ours and gap.theirs]
    doubts = (
        (not all(map(str.isalpha, leftover)), "a number or a sign differs"),
        (language.guarded & leftover, "a word that changes the meaning differs"),
        (names & leftover, "a name differs"),
        (leftover and new.asks != known.asks, "one asks, the other says"),
        (language.asking & asked, "another question"),
        (ours and sorted(ours) == sorted(theirs), "words changed places"),
        (any(not words <= language.fillers for words in exchanged), "other words"),
        (_telling(ours, language) and _telling(theirs, language), "other words"),
    )
    return next((reason for holds, reason in doubts if holds), None) or _says_more(gaps, known, score)


def _says_more(gaps: Sequence[Gap], known: Statement, score: float) -> str | None:
    """Return why words that only one of them has may say more; None where they don't.

    They may be left out where small words are, too, within a text that says enough without them: who writes in haste
    leaves out this and that. A word alone is meant: `all my money`.
    """
    telling = [_telling((*gap.ours, *gap.theirs), known.language) for gap in gaps]
    count = sum(map(len, telling))
    if count == 0:
        return None
    if any(len(words) > (1 if gap.is_edge else MOST_AT_ONCE) for gap, words in zip(gaps, telling, strict=True)):
        return "one says more"
    is_hasty = not all(telling)
    shared = len(_telling(known.tokens, known.language)) - count
    return None if is_hasty and score <= MOST_LEFT_OUT and shared >= FEWEST_SHARED else "one says more"


def _telling(words: Sequence[str], language: Language) -> list[str]:
    return [word for word in words if word not in language.small]


def _alike(new: Statement, known: Statement) -> float:
    """Return the part of the longer one's weight that lies in words that both have, or that may be misspelt."""
    ours, theirs = new.vocabulary, known.vocabulary
    shared = ours & theirs
    if len(shared) < FEWEST_ALIKE * max(len(ours), len(theirs)):
        return 0.0
    alike = sum(map(known.language.weights.__getitem__, shared))
    most = max(new.vocabulary_weight, known.vocabulary_weight, alike, 0.01)
    if alike < LEAST_ALIKE * most:
        alike += max(len(new.strange - shared), len(known.strange - shared))  # a strange word's weight is 1
    return alike / max(most, alike)


def _score(gaps: Sequence[Gap], new: Statement, known: Statement) -> float:
    differs = sum(known.language.weight(word) for gap in gaps for word in (*gap.ours, *gap.theirs))
    both = new.weight + known.weight
    return min(1.0, round(differs / both, 4)) if both else 1.0
