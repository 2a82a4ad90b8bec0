"""Marks: what a text hides (controls, zero-width, direction) is shown, so that people read what is there."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MOST_LINES: Final = 40
MOST_CHARACTERS: Final = 4_000
_NAMED: Final = 3

_HIDDEN: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_JOINERS: Final = "\u200c\u200d"  # Persian, Indic scripts and emoji need them, between characters that aren't ASCII
_SELECTORS: Final = "\ufe00-\ufe0f"  # they pick a form of the visible character before them
_TO_MARK: Final = re.compile(
    rf"(?:[{_HIDDEN}]"
    rf"|(?<![^\x00-\x7f{_HIDDEN}{_JOINERS}])[{_JOINERS}]|[{_JOINERS}](?![^\x00-\x7f{_HIDDEN}{_JOINERS}{_SELECTORS}])"
    rf"|(?<![^\s{_HIDDEN}{_JOINERS}{_SELECTORS}])[{_SELECTORS}])+"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text as it is, or (`is_mark`) what stands for characters that nobody would see; `about` names them."""

    text: str
    is_mark: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A text in pieces: its beginning, and the rest if it is long, which the page folds; `lines` is how many it has."""

    head: tuple[Piece, ...]
    rest: tuple[Piece, ...]
    lines: int


def show(text: str) -> Shown:
    """Return a text for the page. Nothing of it is lost, and nothing of it is hidden."""
    text = text.replace("\r\n", "\n")
    cut = _cut(text)
    return Shown(tuple(pieces(text[:cut])), tuple(pieces(text[cut:])), text.count("\n") + 1)


def pieces(text: str) -> Iterator[Piece]:
    """Yield the text's visible pieces and a mark for each run of hidden characters."""
    start = 0
    for hidden in _TO_MARK.finditer(text):
        if hidden.start() > start:
            yield Piece(text[start : hidden.start()])
        yield _mark(hidden[0])
        start = hidden.end()
    if start < len(text):
        yield Piece(text[start:])


def _mark(run: str) -> Piece:
    points = [f"U+{ord(char):04X}" for char in run]
    names = [f"{point} {unicodedata.name(char, 'control character')}" for point, char in zip(points, run, strict=True)]
    more = [f"and {len(run) - _NAMED} more"] if len(run) > _NAMED else []
    return Piece(" ".join([*points[:_NAMED], *more]), is_mark=True, about=", ".join([*names[:_NAMED], *more]))


def _cut(text: str) -> int:
    """Return where the beginning ends: after 40 lines or 4,000 characters, at a blank if one is near."""
    if len(text) <= MOST_CHARACTERS and text.count("\n") < MOST_LINES:
        return len(text)
    head = "\n".join(text.split("\n", MOST_LINES)[:MOST_LINES])
    if len(head) <= MOST_CHARACTERS:
        return len(head)
    blank = text.rfind(" ", MOST_CHARACTERS - 200, MOST_CHARACTERS)
    return blank if blank > 0 else MOST_CHARACTERS
