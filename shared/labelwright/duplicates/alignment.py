"""Align two statements word by word, so that what is left over is what one says and the other doesn't."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from rapidfuzz.distance import Levenshtein

from labelwright.duplicates.misspelling import is_garbled, is_same_word, without_moved_blanks
from labelwright.duplicates.statement import Statement
from labelwright.text.language import Language

MOST_PAIRS: Final = 64
"""Words of one side times those of the other in a block that is searched for typing errors."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Where two statements part: the words that only ours has, and theirs; `is_edge` at the beginning or the end."""

    ours: Sequence[str]
    theirs: Sequence[str]
    is_edge: bool


def align(new: Statement, known: Statement) -> tuple[list[Gap], int]:
    """Return what differs once typing errors, endings and moved blanks are mended, and how many words were mended.

    The alignment is Levenshtein's, over words (rapidfuzz).
    """
    gaps, mended = [], 0
    names = new.names | known.names
    strange = new.strange | known.strange
    for left, right, is_edge in _blocks(new.tokens, known.tokens):
        ours, theirs = _unmended(left, right, known.language, names, strange)
        mended += len(left) - len(ours)
        if ours or theirs:
            gaps.append(Gap(ours, theirs, is_edge))
    return gaps, mended


def is_moved(new: Statement, known: Statement) -> bool:
    """Whether the words are the same in another order that says the same: clauses change places, or the two halves.

    Words that change places one by one are no such order: who told whom would be lost.
    """
    if len(new.words) != len(known.words):
        return False
    if f" {new.words} " in f" {known.words} {known.words} ":
        return True
    return _consists(new.words, known.clauses) or _consists(known.words, new.clauses)


def _consists(words: str, clauses: Sequence[str]) -> bool:
    """Whether the words are these clauses in any order, and nothing else."""
    rest = f" {words} "
    for clause in clauses:
        before, found, after = rest.partition(f" {clause} ")
        if not found:
            return False
        rest = f"{before} | {after}"
    return not rest.strip(" |")


def _blocks(ours: Sequence[str], theirs: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[str], bool]]:
    """Yield the parts that differ, and whether each is at an edge."""
    steps = Levenshtein.opcodes(ours, theirs)
    for is_equal, run in groupby(steps, key=lambda step: step.tag == "equal"):
        if is_equal:
            continue
        block = list(run)
        first, last = block[0], block[-1]
        is_head = first.src_start == first.dest_start == 0
        is_tail = last.src_end == len(ours) and last.dest_end == len(theirs)
        yield ours[first.src_start : last.src_end], theirs[first.dest_start : last.dest_end], is_head or is_tail


def _unmended(
    left: Sequence[str], right: Sequence[str], language: Language, names: Set[str], strange: Set[str]
) -> tuple[Sequence[str], Sequence[str]]:
    """Return the words of a block that have no partner on the other side."""
    if not left or not right or len(left) * len(right) > MOST_PAIRS:
        return left, right
    is_strange = not strange.isdisjoint((*left, *right))
    ours, theirs = list(left), list(right)
    if is_strange or len(left) != len(right):
        ours, theirs = without_moved_blanks(left, right, language)
    for word in list(ours):
        for other in theirs:
            may_be = word in strange or other in strange or word[:4] == other[:4]
            if may_be and is_same_word(word, other, language, names):
                ours.remove(word)
                theirs.remove(other)
                break
    may_be_garbled = ours and theirs and is_strange and names.isdisjoint((*left, *right))
    if may_be_garbled and (is_garbled(left, right, language) or is_garbled(right, left, language)):
        return [], []
    return ours, theirs
