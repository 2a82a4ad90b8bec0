"""Tell a typing error from another word: one who knows the words of a language can, up to a point."""

from collections.abc import Sequence, Set
from typing import Final

from rapidfuzz.distance import OSA

from labelwright.text.language import Language

MOST_SLIPS: Final = 3
FEWEST_LETTERS: Final = 5
"""Of words that are judged together: `am` isn't `pm`."""


def is_same_word(word: str, other: str, language: Language, names: Set[str]) -> bool:
    """Whether one word is the other misspelt or inflected.

    Never are numbers, words that both are known (`form`, `from`), and what differs in a prefix that makes another word.
    """
    if word == other:
        return True
    is_known, is_other_known = language.knows(word), language.knows(other)
    if is_known and is_other_known:
        is_alike = word[:4] == other[:4] and word.isalpha() and other.isalpha()
        return is_alike and not language.guarded & {word, other} and language.inflects(word, other)
    slips = OSA.distance(word, other, score_cutoff=MOST_SLIPS)
    if slips > MOST_SLIPS or not language.dictionary or not (word.isalpha() and other.isalpha()):
        return False
    is_name = word in names or other in names
    if not is_name and (_is_torn(word, other, language) or _is_torn(other, word, language)):
        return True
    if language.derives(word, other):
        return False
    is_new = not (is_known or is_other_known)
    return language.inflects(word, other) or _may_slip(word, other, slips, is_name=is_name, is_new=is_new)


def is_garbled(typed: Sequence[str], meant: Sequence[str], language: Language) -> bool:
    """Whether words are others typed badly: all of `meant` are known, and no known word of `typed` is another one.

    There are five letters or more, with one slip in six at most; blanks count for nothing.
    """
    if all(map(language.knows, typed)) or not all(map(language.knows, meant)):
        return False
    if any(word not in meant and word not in language.small and language.knows(word) for word in typed):
        return False
    letters = "".join(meant)
    most = max(1, len(letters) // 6)
    return len(letters) >= FEWEST_LETTERS and OSA.distance("".join(typed), letters, score_cutoff=most) <= most


def without_moved_blanks(ours: Sequence[str], theirs: Sequence[str], language: Language) -> tuple[list[str], list[str]]:
    """Return two runs of words without those between which only the blank moved: `no tfocus` is `not focus`."""
    left, right = list(ours), list(theirs)
    joined = {"".join(right[at : at + size]): (at, size) for size in (1, 2) for at in range(len(right) - size + 1)}
    at = 0
    while at < len(left):
        for size in (2, 1):
            run = left[at : at + size]
            to, other = joined.get("".join(run), (0, 0))
            partner = right[to : to + other]
            if size + other > 2 and "".join(partner) == "".join(run) and _may_rejoin(run, partner, language):
                left[at : at + size], right[to : to + other] = [], [""] * other
                at -= 1
                break
        at += 1
    return left, [word for word in right if word]


def _may_rejoin(run: Sequence[str], partner: Sequence[str], language: Language) -> bool:
    """Whether one of them is no word, or none changes what is said: `not able` isn't `notable`."""
    return not all(map(language.knows, (*run, *partner))) or not language.guarded & {*run, *partner}


def _is_torn(word: str, other: str, language: Language) -> bool:
    """Whether an unknown word is a small word with a letter more or less: `nd` for `and`, `oft` for `of`."""
    if len(word) > 4 or abs(len(word) - len(other)) != 1 or other not in language.small or language.knows(word):
        return False
    return OSA.distance(word, other, score_cutoff=1) == 1


def _may_slip(word: str, other: str, slips: int, *, is_name: bool, is_new: bool) -> bool:
    """Whether fingers may slip as often as that in words of such length.

    A short word may have two letters exchanged, or one more or less, but not another one: `form` isn't `farm`. A name,
    or a word that no dictionary has, needs more letters.
    """
    shorter = min(len(word), len(other))
    if sorted(word) == sorted(other):
        return shorter >= (2 + is_name + is_new if slips == 1 else 6)
    least = 3 + 3 * is_name + 2 * is_new + 2 * (len(word) == len(other))
    return shorter >= least + 4 * (slips - 1)
