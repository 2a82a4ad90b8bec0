"""Read a text as a vector of hashed words and parts of words, compact enough to keep for every open item.

Nothing is fitted and no list of words is needed: how often a feature occurs in the project (`Frequencies`) says how
much it tells. Pure Python, so that who only asks for what is similar needs no numpy.
"""

import re
import unicodedata
from array import array
from base64 import b64decode, b64encode
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from math import log, sqrt
from typing import Final
from zlib import compress, crc32, decompress

from labelwright.text.words import stream_safe

SPACE: Final = 1 << 16
"""Hashed features; two that fall on one are taken for the same."""

MOST_CHARACTERS: Final = 2_500
"""Of a text that are read: its time is bounded."""

HEAD: Final = 80
"""Characters at the head that count whole; what comes later counts less the later it comes, as people write."""

MOST_READ, MOST_KEPT = 512, 256
"""Features of a text that are read, nearest to its head; and that are kept of them, those that tell most."""

UNIT: Final = 256
LEAST: Final = 8
GRAM: Final = 4
WORD: Final = 2.0
"""A word counts this many times a part of it: with about four parts a word, both halves tell about the same."""

_LONGEST: Final = 40
_WORD = re.compile(r"\w+")
_PART = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)|_")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class Vector:
    """A text's features, rising, and how often each occurs in it; not yet weighed by how rare they are."""

    features: "array[int]"
    amounts: "array[int]"
    """In parts of `UNIT`."""

    def packed(self) -> str:
        """Return it as text, about five characters a feature."""
        return b64encode(self.features.tobytes() + self.amounts.tobytes()).decode()

    @classmethod
    def unpacked(cls, text: str) -> "Vector":
        """Return the vector that was packed."""
        raw = b64decode(text)
        return cls(array("H", raw[: len(raw) // 2]), array("H", raw[len(raw) // 2 :]))

    @classmethod
    def of(cls, amounts: Mapping[int, float], kept: Iterable[int]) -> "Vector":
        """Return the vector of the kept features, without those whose amount is next to nothing."""
        rounded = ((feature, min(0xFFFF, round(UNIT * amounts[feature]))) for feature in sorted(kept))
        told = [pair for pair in rounded if pair[1] >= LEAST]
        return cls(array("H", [feature for feature, _ in told]), array("H", [amount for _, amount in told]))

    def spread(self) -> dict[int, float]:
        """Return the amount of each feature."""
        return {feature: amount / UNIT for feature, amount in zip(self.features, self.amounts, strict=True)}


@dataclass(frozen=True, slots=True)
class Frequencies:
    """In how many of a project's texts each feature occurs, as far as texts were counted."""

    texts: int = 0
    counts: "array[int]" = field(default_factory=lambda: array("H", bytes(2 * SPACE)))

    def add(self, vectors: Sequence[Vector]) -> "Frequencies":
        """Return the frequencies with these texts counted in."""
        counts = array("H", self.counts)
        for vector in vectors:
            for feature in vector.features:
                counts[feature] = min(0xFFFF, counts[feature] + 1)
        return Frequencies(self.texts + len(vectors), counts)

    def packed(self) -> str:
        """Return the counts as text; they are few and mostly small, so that they are well compressed."""
        return b64encode(compress(self.counts.tobytes(), 6)).decode()

    @classmethod
    def unpacked(cls, texts: int, text: str) -> "Frequencies":
        """Return the frequencies that were packed."""
        return cls(texts, array("H", decompress(b64decode(text))))

    def share(self, feature: int) -> float:
        """Return the share of texts that have the feature, never 0 or 1."""
        return (self.counts[feature] + 0.5) / (self.texts + 1)

    def rarity(self, feature: int) -> float:
        """Return 1 for what every text has, and more the rarer it is."""
        return log((self.texts + 1) / (self.counts[feature] + 1)) + 1


Weights = Mapping[int, float]
"""Features with their weights, of length 1 unless there are none."""


def read(text: str) -> Vector:
    """Return the vector of any text, in time linear in its length: its features, those nearest to its head."""
    amounts: defaultdict[int, float] = defaultdict(float)
    for word, at in words(text):
        nearness = min(1.0, HEAD / (at + 1))
        for feature, times in _features(word):
            amounts[feature] += nearness * times
    return Vector.of(amounts, islice(amounts, MOST_READ))


def words(text: str) -> Iterable[tuple[str, int]]:
    """Yield the words of a text as they are written, and where each begins."""
    head = stream_safe(text[:MOST_CHARACTERS])
    plain = head if head.isascii() else unicodedata.normalize("NFKC", head)
    return ((found[0], found.start()) for found in _WORD.finditer(plain))


def kept(vector: Vector, frequencies: Frequencies) -> Vector:
    """Return the vector with the features that tell most, as the project's texts have it today."""
    if len(vector.features) <= MOST_KEPT:
        return vector
    return Vector.of(vector.spread(), heaviest(weigh(vector, frequencies), MOST_KEPT))


def weigh(vector: Vector, frequencies: Frequencies) -> dict[int, float]:
    """Return the vector's weights as the project tells them today, of length 1.

    A word said again tells little more, as BM25 has it (Robertson and Zaragoza, 2009).
    """
    return unit(
        {
            feature: amount / (amount + UNIT) * frequencies.rarity(feature)
            for feature, amount in zip(vector.features, vector.amounts, strict=True)
        }
    )


def unit(weights: Weights) -> dict[int, float]:
    """Return weights of length 1; nothing where there is nothing."""
    length = sqrt(sum(weight * weight for weight in weights.values()))
    return {feature: weight / length for feature, weight in weights.items()} if length else {}


def cosine(one: Weights, other: Weights) -> float:
    """Return how like two weighed vectors are: 0 nothing in common, 1 the same."""
    few, many = (one, other) if len(one) <= len(other) else (other, one)
    return sum(weight * many[feature] for feature, weight in few.items() if feature in many)


def heaviest(weights: Weights, count: int) -> list[int]:
    """Return the features that tell most; of equals, the lower."""
    return sorted(weights, key=lambda feature: (-weights[feature], feature))[:count]


def feature_of(word: str) -> int:
    """Return the feature of a whole word, however it is cased."""
    return crc32(f" {word.casefold()} ".encode("utf-8", "surrogatepass")) & 0xFFFF


@lru_cache(maxsize=65_536)
def _features(word: str) -> Sequence[tuple[int, float]]:
    """Return the features of a word: itself, the words that it is made of (camelCase), and its parts."""
    whole = word[:_LONGEST]
    made_of = [part for part in _PART.split(whole) if part]
    amounts = Counter({feature_of(name): WORD for name in ({whole, *made_of})})
    size = 2 if _UNSPACED.search(whole) else GRAM
    spaced = f" {whole.casefold()} "
    for at in range(max(1, len(spaced) - size + 1)):
        amounts[crc32(spaced[at : at + size].encode("utf-8", "surrogatepass") + b"\0") & 0xFFFF] += 1
    return tuple(amounts.items())
