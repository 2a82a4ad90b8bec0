"""Bring what people write to one writing, so that equal statements are equal words."""

import re
import unicodedata
from collections.abc import Callable, Iterator

from labelwright.text.language import contractions, openings, phrases

_MOST_MARKS = 30  # on one letter; Unicode's Stream-Safe Text Format (UAX #15) has the same bound
_SHORTEST = 8  # characters that a cut must leave: below that, the quoted line or the greeting was the message
_TAIL = 90  # characters at the end in which a courtesy is looked for


def normalise(text: str) -> str:
    """Return the words of `text` in one writing, parted by single spaces; equal results mean the same statement.

    Numbers keep their inner signs (`1.5` is not `15`, `-5` not `5`), and %, currencies and signs like < stay.
    Contracted words are written out. Signature, quoted lines, a greeting at the head and a courtesy at the tail go
    unless they are all there is. A text without any words, like an emoji, stands for itself. Any text is fine, in time
    linear in its length; twice is the same as once.
    """
    return parted(text)[1]


def parted(text: str) -> tuple[str, str]:
    """Return what a text says as it was written, without quotes and courtesies, and its words in one writing."""
    plain = plain_text(text)
    body = _without_courtesy(_without_quotes(plain))
    return body, words_of(body) or words_of(plain) or " ".join(plain.split())


def plain_text(text: str) -> str:
    """Return the text in NFKC with one kind of quotes and dashes, and without what has no width; case stays."""
    if text.isascii():
        return text.replace("`", "'")
    return unicodedata.normalize("NFKC", stream_safe(text.translate(_plains)))


def stream_safe(text: str) -> str:
    """Drop marks beyond the 30th on one letter: NFKC sorts them in quadratic time."""
    return text if text.isascii() else "".join(_few_marks(text))


def _few_marks(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST_MARKS:
            yield character


def _without_quotes(text: str) -> str:
    parted = _SIGNATURE.split(text, maxsplit=1)[0]
    return _unless_too_short(_QUOTED.sub("", parted), text)


def _without_courtesy(text: str) -> str:
    greeting = _GREETING.match(text)
    start, end = greeting.end() if greeting else 0, len(text)
    while courtesy := _courtesy(text, max(start, end - _TAIL), end):
        end = courtesy.start()
    return _unless_too_short(text[start:end], text)


def _courtesy(text: str, start: int, end: int) -> re.Match[str] | None:
    """Find a courtesy at the tail; its first words are looked up before, for the pattern is slow."""
    tail = text[start:end]
    if tail.isascii() and _openings.isdisjoint(_LETTERS.findall(tail.lower())):
        return None
    return _COURTESY.search(text, start, end)


def _unless_too_short(cut: str, text: str) -> str:
    return cut if len(cut.strip()) >= _SHORTEST else text


def _written_out(word: str) -> str:
    return _contractions.get(word, word)


def words_of(text: str) -> str:
    """Return the words of plain text in one writing, all of them: quotes and courtesies, too."""
    if "'" in text:
        text = _CONTRACTED.sub(lambda contracted: _FULL[contracted[1].lower()], text)
        text = _ELIDED.sub(lambda elided: f"{elided[0][:-1]} ", text)
    folded = unicodedata.normalize("NFKC", text.casefold()).translate(_keeps)
    return " ".join(map(_written_out, _IN_NUMBER_NOT.sub(" ", _IN_WORD.sub("", f" {folded}")).split()))


class _Folds(dict[int, str]):
    """What to write for each character, worked out when it is first met; a few alphabets are remembered."""

    def __init__(self, fold: Callable[[str], str]) -> None:
        super().__init__()
        self._fold = fold

    def __missing__(self, point: int) -> str:
        folded = self._fold(chr(point))
        if len(self) < 8_192:
            self[point] = folded
        return folded


def _plain(character: str) -> str:
    """Unify quotes and dashes, and drop what has no width, before NFKC could turn them into something else."""
    if character in "‘’‛′ʼ`´＇":
        return "'"
    category = unicodedata.category(character)
    if category == "Pd" or character == "\N{MINUS SIGN}":
        return "-"
    if category == "Cf" or "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return ""
    return character


def _kept(character: str) -> str:
    """Keep letters, marks, digits and what changes a number or a name; the rest parts words."""
    if character in ".,:/-'":
        return character  # these are judged by their neighbours
    if character in "%+#" or (unicodedata.category(character) in ("Sc", "Sm") and character not in "|~"):
        return f" {character} "
    if (
        "\u3041" <= character <= "\u30ff"
        or "\u3400" <= character <= "\u9fff"
        or "\U00020000" <= character <= "\U0003ffff"
    ):
        return f" {character} "  # Japanese and Chinese: spaces between words mean nothing
    return character if unicodedata.category(character)[0] in "LMN" else " "


_contractions = contractions()
_plains, _keeps = _Folds(_plain), _Folds(_kept)


_LEAVING = rf"(?: (?:{phrases('courtesy_tails')})){{0,4}}"
_SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)
_QUOTED = re.compile(
    rf"^[ \t]{{0,9}}(?:>.*|{phrases('wrote')}|(?:{phrases('devices')}) [^\n]{{1,60}}"
    rf"|[^\n]{{1,40}}(?:{phrases('sent')}))[ \t]{{0,9}}$",
    re.MULTILINE | re.IGNORECASE,
)
_GREETING = re.compile(
    rf"\W{{0,9}}(?:(?:{phrases('greetings')})(?: (?:{phrases('addressed')})){{0,5}}[ \t]{{0,9}}[,!.:;。、\n]"
    rf"|(?:{phrases('labels')}) ?:)\s{{0,9}}",
    re.IGNORECASE,
)
_LEAVE = rf"(?:{phrases('courtesies')}){_LEAVING}(?:[,!.]?\s{{0,9}}[,\n]\s{{0,9}}(?-i:[A-Z]\w{{1,20}} ?){{1,2}})?"
_COURTESY = re.compile(
    rf"(?:(?<=[.!?,;\n。、]) ?-? ?{_LEAVE}|(?<=\w) (?:{phrases('farewells')}){_LEAVING}"
    rf"|[-(.,] ?(?:{phrases('devices')}) [^\n]{{1,40}})[\s.!,:;)。]{{0,9}}\Z",
    re.IGNORECASE,
)
_openings = openings("courtesies", "farewells", "devices")
_LETTERS = re.compile(r"[a-z]+")
_CONTRACTED = re.compile(r"'(m|re|ve|ll)\b", re.IGNORECASE)
_FULL = {"m": " am", "re": " are", "ve": " have", "ll": " will"}
_ELIDED = re.compile(r"\b(?:l|d|qu|n|s|j|m|t|c|jusqu|un|all|dell|nell|sull|dall)(?:')(?=[^\W\d_]{2})", re.IGNORECASE)
# the sign first and its neighbours then: a pattern that begins with what it looks for is found many times faster
_IN_WORD = re.compile(r"'(?=[^\W\d_])(?<=[^\W\d_]')")
_IN_NUMBER_NOT = re.compile(r"[-.,:/'](?:(?!\d)|(?<![\d ].)|(?<=[,:/'])(?<!\d.))")
