"""Read what a complaint means: from a reason or a tag that a widget sent, or from the words of a user.

What is known of each language stands in a file of its own beside this one. Of every complaint it lists `reasons`, as
the usual widgets say them, and `patterns` (RE2) over a user's words. `passed_over` are patterns of what only looks like
a complaint; `negations` take back the complaint that follows in the same clause (unless `emphasis` stands between, as
in "not only wrong"), and `breaks` end a clause beside punctuation. Files and texts are compared without case, accents
and apostrophes. All languages are tried on every text: nobody says which one it is in.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import re2

from labelwright.contracts.feedback import COMPLAINTS, Complaint

LANGUAGES: Final = ("en", "de", "es", "fr")
MOST_FINDS: Final = 16
"""As often is one pattern looked for in a text; what says the same more often says no more."""

MOST_TAGS: Final = 32
_REACH: Final = 4
_LONGEST_REASON: Final = 80
_APOSTROPHES: Final = "'’‘‛′ʼ`´＇"
_WORD: Final = re.compile(r"[^\W\d_]+")
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


class _Find(NamedTuple):
    """Where a pattern matches, and which complaint it makes; None passes over what it covers."""

    start: int
    end: int
    complaint: Complaint | None


class _Rule(NamedTuple):
    """A pattern, the complaint that it makes, and the negations that it names itself."""

    complaint: Complaint | None
    pattern: Any
    negations: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """All languages' lists: reasons as they are looked up, rules, one automaton over all of these, and the words that
    take a complaint back.
    """

    reasons: Mapping[str, Complaint]
    rules: Sequence[_Rule]
    any_rule: Any
    negations: frozenset[str]
    emphasis: frozenset[str]
    breaks: frozenset[str]


def of_reason(reason: str) -> Complaint | None:
    """Return what a widget's reason or tag means; `snake_case`, `kebab-case` and `camelCase` make no difference."""
    return of_words(_HUMP.sub(" ", reason))


def of_reasons(reasons: Iterable[str]) -> Complaint | None:
    """Return what several reasons or tags mean together: harm first, then the one that they agree on; else None.

    `other` only counts where nothing else is said. At most 32 are looked at.
    """
    return _together(
        {found for reason, _ in zip(reasons, range(MOST_TAGS), strict=False) if (found := of_reason(reason))}
    )


def of_words(text: str) -> Complaint | None:
    """Return the complaint that a user's words make; None where they make none, or several.

    A text that is a known reason means that. Else of two patterns that overlap the longer one counts, and harm counts
    before all. Works on any text, in time linear in its length. Whether it is praise is the caller's to know.
    """
    plain, lexicon = _plain(text), _lexicon()
    if known := lexicon.reasons.get(_alone(plain)):
        return known
    rules = [lexicon.rules[number] for number in lexicon.any_rule.Match(plain) or ()]
    finds = [find for rule in rules for find in _finds(rule, plain)]
    return _together({find.complaint for find in _longest(finds) if find.complaint and not _is_negated(plain, find)})


def _together(found: set[Complaint]) -> Complaint | None:
    said = found - {"other"} or found
    if "unsafe" in said:
        return "unsafe"
    return next(iter(said)) if len(said) == 1 else None


def _finds(rule: _Rule, plain: str) -> Iterator[_Find]:
    """Yield where a rule matches, unless one of the words that it leaves open is a negation."""
    taking_back = _lexicon().negations - rule.negations
    for match, _ in zip(rule.pattern.finditer(plain), range(MOST_FINDS), strict=False):
        if rule.complaint is None or taking_back.isdisjoint(match.group().split()):
            yield _Find(match.start(), match.end(), rule.complaint)


def _longest(finds: Sequence[_Find]) -> list[_Find]:
    """Keep what overlaps nothing that is passed over, and nothing longer of another complaint."""
    kept: list[_Find] = []
    for find in sorted(finds, key=lambda one: (one.complaint is not None, one.start - one.end)):
        rivals = (one for one in kept if one.start < find.end and find.start < one.end)
        if all(rival.complaint == find.complaint for rival in rivals):
            kept.append(find)
    return kept


def _is_negated(plain: str, find: _Find) -> bool:
    """Whether one of the few words before it in its clause takes the complaint back."""
    lexicon, follows = _lexicon(), ""
    for word in reversed(plain[max(0, find.start - 64) : find.start].split()[-_REACH:]):
        if word == "|" or word in lexicon.breaks:
            return False
        if word in lexicon.negations:
            return follows not in lexicon.emphasis
        follows = word
    return False


@lru_cache(maxsize=1)
def _lexicon() -> _Lexicon:
    languages = [tomllib.loads((files(__name__) / f"{name}.toml").read_text("utf-8")) for name in LANGUAGES]
    options = re2.Options()
    options.max_mem = 256 << 20
    negations, emphasis, breaks = (
        frozenset(_folded(" ".join(language[name] for language in languages)).split())
        for name in ("negations", "emphasis", "breaks")
    )
    rules: list[_Rule] = []
    together = re2.Set.SearchSet(options)
    for complaint, line in _patterns(languages):
        pattern = rf"\b(?:{_folded(line)})\b" if not line.startswith("^") else rf"{_folded(line)}\b"
        rules.append(_Rule(complaint, re2.compile(pattern, options), negations.intersection(_WORD.findall(pattern))))
        together.Add(pattern)
    together.Compile()
    return _Lexicon(
        {
            _alone(_plain(line)): name
            for language in languages
            for name in COMPLAINTS
            for line in _lines(language[name], "reasons")
        },
        rules,
        together,
        negations,
        emphasis,
        breaks,
    )


def _patterns(languages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Complaint | None, str]]:
    for language in languages:
        for line in _lines(language, "passed_over"):
            yield None, line
        for name in COMPLAINTS:
            for line in _lines(language[name], "patterns"):
                yield name, line


def _lines(table: Mapping[str, Any], name: str) -> list[str]:
    return [line for line in table[name].splitlines() if line.strip()]


class _Folds(dict[int, str]):
    """What is left of each character, worked out when it is first met; a few alphabets are remembered."""

    def __missing__(self, point: int) -> str:
        folded = _character(chr(point))
        if len(self) < 8_192:
            self[point] = folded
        return folded


def _character(character: str) -> str:
    """Return letters and digits without case and marks; a bar for what ends a clause; a space for what parts words."""
    category = unicodedata.category(character)
    if character in _APOSTROPHES or category[0] == "M" or category == "Cf":
        return ""
    if category[0] in "LN":
        parts = unicodedata.normalize("NFKD", character.casefold())
        return "".join(part for part in parts if unicodedata.category(part)[0] in "LN")
    if character in "-_/" or category in ("Pc", "Zs", "Sk") or character == "\t":
        return " "
    return " | "


def _folded(text: str) -> str:
    """Return a line of a list as texts are compared, its signs (RE2's) as they are."""
    return "".join(_FOLDS[ord(one)] if one.isalpha() or one in _APOSTROPHES else one for one in text)


def _plain(text: str) -> str:
    return " ".join(text.translate(_FOLDS).split())


def _alone(plain: str) -> str:
    """Return a plain text without its punctuation, as reasons are looked up."""
    return plain.replace(" |", "").removeprefix("| ") if len(plain) < _LONGEST_REASON else ""


_FOLDS: Final = _Folds()
