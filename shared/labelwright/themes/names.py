"""Name a theme by its own words, as its people write them: what they say there and seldom elsewhere in the project."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, pairwise
from math import log
from typing import Final

from labelwright.text.language import languages
from labelwright.themes.vectors import Frequencies, feature_of, words

HEAD: Final = 160
"""Characters at the head of a text from which names are taken."""

MOST_PHRASES: Final = 120
"""Phrases of a theme that are counted; the rarest make room."""

MOST_PARTS: Final = 3
LEAST_SHARE: Final = 0.25
"""A part of a name stands in at least this share of the theme's items."""

COMMON: Final = 0.2
"""What so many of a project's texts have says nothing at the edge of a pair of words."""

_CONTRACTED = re.compile(r"\w+['’]\w+")
_SENTENCE = re.compile(r"[.!?;:,()\[\]\n\"“”]+")
_NUMBER = re.compile(r"[\d_]+")

Phrases = Mapping[str, int]


def phrases(text: str) -> Sequence[str]:
    """Return the words and pairs of neighbouring words at the head of a text, each once, as they are written."""
    return list(dict.fromkeys(_phrases(text[:HEAD])))


def counted(known: Phrases, text: str, by: int) -> dict[str, int]:
    """Return the phrases with those of one more text counted, or one less (`by` -1); the rarest make room."""
    counts = Counter(known)
    for phrase in phrases(text):
        counts[phrase] += by
    latest = {phrase: number for number, phrase in enumerate(counts)}
    best = sorted((p for p in counts if counts[p] > 0), key=lambda p: (-counts[p], -latest[p]))[:MOST_PHRASES]
    return {phrase: counts[phrase] for phrase in sorted(best, key=latest.__getitem__)}


def name(known: Phrases, items: int, frequencies: Frequencies) -> str:
    """Return two or three phrases that tell the theme from the rest of the project, the most telling first.

    A phrase scores by how many of the theme's items have it, times the logarithm of how much oftener they do than the
    project's texts. No two parts of a name share a word. Empty where the items have nothing in common.
    """
    by_meaning: dict[str, Counter[str]] = {}
    for phrase, count in known.items():
        by_meaning.setdefault(phrase.casefold(), Counter())[phrase] += count
    scores = {
        meaning: score
        for meaning, written in by_meaning.items()
        if (score := _score(meaning, written.total() / max(1, items), frequencies)) > 0
    }
    telling = {meaning: score for meaning, score in scores.items() if not _small() & {*meaning.split()}}
    scores = telling or scores
    parts: list[str] = []
    used: set[str] = set()
    for meaning in sorted(scores, key=lambda one: (-scores[one], one)):
        if not used & {*meaning.split()} and len(parts) < MOST_PARTS:
            used |= {*meaning.split()}
            parts.append(by_meaning[meaning].most_common(1)[0][0])
    return ", ".join(parts)


@cache
def _small() -> frozenset[str]:
    """Return the words of every language that tell nothing by themselves; a theme's last resort."""
    return frozenset(chain.from_iterable(language.small for language in languages()))


def _score(meaning: str, share: float, frequencies: Frequencies) -> float:
    elsewhere = [frequencies.share(feature_of(word)) for word in meaning.split()]
    is_pair = len(elsewhere) > 1
    if share < LEAST_SHARE or (is_pair and max(elsewhere) > COMMON):
        return 0
    expected = max(elsewhere[0] * elsewhere[1], 1 / (frequencies.texts + 1)) if is_pair else elsewhere[0]
    return min(share, 1) * log(min(share, 1) / expected)


def _phrases(text: str) -> Iterator[str]:
    for sentence in _SENTENCE.split(_CONTRACTED.sub(",", text)):
        said = [word for word, _ in words(sentence)]
        yield from (word for word in said if len(word) > 1 and not _NUMBER.fullmatch(word))
        yield from (f"{one} {other}" for one, other in pairwise(said))
