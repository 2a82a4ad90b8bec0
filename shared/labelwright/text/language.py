"""What is known of each language: which words carry no claim, which change one, and how people greet and take leave.

Each language is a file in `languages/`, so that those who speak it can mend it. Its word lists:

- `fillers` may come, go and be exchanged for each other without changing what is said;
- `light` words may come and go, but one isn't another;
- `guarded` words (negations, restrictions, modals, numbers) change what is said wherever one comes or goes;
- `asking` words do so in a question, and count as light elsewhere;
- `suffixes` inflect a word, `prefixes` make another one of it.

Its lists of phrases, in which `_` stands for a space, say how people greet, take leave, quote and sign.
"""

import math
import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any, Final

_COMMONEST: Final = 1e8  # how often the commonest words stand in a dictionary
_RAREST: Final = 50.0  # a dictionary's words stand in it at least this often
_LEAST: Final = defaultdict(lambda: _RAREST, {length: _RAREST * 10.0 ** (5 - length) for length in range(5)})


@dataclass(frozen=True)
class Language:
    """A language's lists. `dictionary` names its words with their counts, where there are any."""

    code: str
    fillers: frozenset[str]
    light: frozenset[str]
    guarded: frozenset[str]
    asking: frozenset[str]
    suffixes: frozenset[str]
    prefixes: frozenset[str]
    dictionary: str | None = None

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How often each known word stands in a large corpus; read when first asked for."""
        if self.dictionary is None:
            return {}
        from spellchecker import SpellChecker  # takes a tenth of a second, and not every language is met

        words: Mapping[str, int] = SpellChecker(language=self.dictionary).word_frequency.dictionary
        return words

    @cached_property
    def small(self) -> frozenset[str]:
        """The words that are listed, which everybody knows."""
        return self.fillers | self.light | self.guarded | self.asking

    def knows(self, word: str) -> bool:
        """Whether it is a word of the language, rather than a name, jargon or a typing error.

        The shorter a word, the commoner it must be: dictionaries hold `th` and `hae`, too.
        """
        return word in self.small or self.counts.get(word, 0) >= _LEAST[len(word)]

    def weight(self, word: str) -> float:
        """Return what a word says, from 0.1 for a filler to 1 for a rare or unknown word."""
        return self.weights[word]

    @cached_property
    def weights(self) -> Mapping[str, float]:
        """What each word says, worked out when it is first asked for."""
        return _Weights(self)

    def inflects(self, word: str, other: str) -> bool:
        """Whether two words are forms of one: the same stem of at least 4 letters, and endings of the language."""
        shared = _shared(word, other)
        return any(
            {word[stem:], other[stem:]} <= self.suffixes | {""} for stem in range(max(4, shared - 3), shared + 1)
        )

    def derives(self, word: str, other: str) -> bool:
        """Whether two words differ in a prefix that makes another word: `unhelpful`, or `ein…` and `aus…`."""
        head, other_head = word, other
        while head and other_head and head[-1] == other_head[-1]:
            head, other_head = head[:-1], other_head[:-1]
        return any(
            word[: len(head) + more] in heads and other[: len(other_head) + more] in heads
            for heads in [self.prefixes | {""}]
            for more in range(4)
        )


class _Weights(dict[str, float]):
    """The weights of the words that were met, up to a hundred thousand."""

    def __init__(self, language: Language) -> None:
        super().__init__()
        self._language = language

    def __missing__(self, word: str) -> float:
        weight = self._weigh(word)
        if len(self) < 100_000:
            self[word] = weight
        return weight

    def _weigh(self, word: str) -> float:
        if word in self._language.fillers:
            return 0.1
        if word in self._language.light or word in self._language.asking:
            return 0.2
        count = self._language.counts.get(word, _RAREST)
        return 1 - 0.6 * math.log(count / _RAREST) / math.log(_COMMONEST / _RAREST)


UNKNOWN: Final = Language("und", frozenset(), frozenset(), frozenset(), frozenset(), frozenset(), frozenset())
"""Of a language that isn't known every word counts, and no typing error is told from a word."""


def language_of(said: Set[str]) -> Language:
    """Return the language of which most small words are said, English first; UNKNOWN where there are none."""
    found, most = UNKNOWN, 0
    for language in languages():
        hits = len(said & language.small)
        if hits > most:
            found, most = language, hits
    return found


@cache
def languages() -> tuple[Language, ...]:
    """Return every language that there is a file of, English first."""
    return tuple(_language(code, lists) for code, lists in _files().items())


def _language(code: str, lists: Mapping[str, Any]) -> Language:
    fillers, light, guarded, asking, suffixes, prefixes = (
        frozenset(lists[name].split()) for name in ("fillers", "light", "guarded", "asking", "suffixes", "prefixes")
    )
    return Language(code, fillers, light, guarded, asking, suffixes, prefixes, lists.get("dictionary"))


@cache
def contractions() -> Mapping[str, str]:
    """Return what contracted words stand for: `doesnt` for `does not`."""
    return {short: long for lists in _files().values() for short, long in lists["contractions"].items()}


def phrases(name: str) -> str:
    """Return a list's phrases in all languages as alternatives of a pattern, the longest first; none matches nothing.

    Three dots in a phrase stand for up to 200 characters of a line.
    """
    longest_first = sorted(_listed(name), key=lambda phrase: (-len(phrase), phrase))
    escaped = (re.escape(phrase.replace("_", " ")) for phrase in longest_first)
    patterns = (phrase.replace(r"\ ", "[ ']").replace(r"\.\.\.", r"[^\n]{1,200}") for phrase in escaped)
    return "|".join(patterns) or r"(?!)"


def openings(*names: str) -> frozenset[str]:
    """Return the first word of every phrase of some lists."""
    return frozenset(phrase.partition("_")[0] for name in names for phrase in _listed(name))


def _listed(name: str) -> set[str]:
    return {phrase for lists in _files().values() for phrase in lists.get(name, "").split()}


def _shared(word: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))


@cache
def _files() -> Mapping[str, Mapping[str, Any]]:
    folder = resources.files("labelwright.text") / "languages"
    files = {file.name.removesuffix(".toml"): file for file in folder.iterdir() if file.name.endswith(".toml")}
    codes = sorted(files, key=lambda code: (code != "en", code))
    return {code: tomllib.loads(files[code].read_text("utf-8")) for code in codes}
