"""Give statements that differ only in case, punctuation, emoji, white space or courtesy one keyed fingerprint."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from labelwright.errors import SettingsError

_MOST_MARKS = 30  # on one letter; Unicode's Stream-Safe Text Format (UAX #15) has the same bound
_SHORTEST = 8  # characters that a cut must leave: below that, the quoted line or the greeting was the message
_TAIL = 90  # characters at the end in which a courtesy is looked for


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


_plains, _keeps = _Folds(_plain), _Folds(_kept)

_SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)
_QUOTED = re.compile(
    r"^[ \t]{0,9}(?:>.*|on [^\n]{1,200} wrote:|am [^\n]{1,200} schrieb[^\n]{0,80}:|sent from [^\n]{1,60}"
    r"|von meinem [^\n]{1,60} gesendet|enviado desde [^\n]{1,60}|iPhoneから送信)[ \t]{0,9}$",
    re.MULTILINE | re.IGNORECASE,
)
_GREETING = re.compile(
    r"\W{0,9}(?:hi|hello|hey|dear|good (?:morning|day|evening)|hallo|guten (?:tag|morgen)|hola|buenos d[ií]as|bonjour)"
    r"(?: (?:team|there|all|everyone|support|folks|zusammen|equipo|sir or madam))?[ \t]{0,9}[,!.:;\n]\s{0,9}",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"(?<=[.!?,;\n])\s{0,9}(?:many thanks|thanks|thank you|thx|cheers|please fix (?:this|it)|(?:kind |best )?regards"
    r"|danke|vielen dank|viele grüße|mfg|muchas gracias|gracias|merci|よろしくお願いいたします)"
    r"(?: (?:in advance|a lot|so much|very much|again|soon|im voraus|de antemano))?[\s.!,:;)]{0,9}\Z",
    re.IGNORECASE,
)
# the sign first and its neighbours then: a pattern that begins with what it looks for is found many times faster
_IN_WORD = re.compile(r"'(?=[^\W\d_])(?<=[^\W\d_]')")
_IN_NUMBER_NOT = re.compile(r"[-.,:/'](?:(?!\d)|(?<![\d ].)|(?<=[,:/'])(?<!\d.))")


def normalise(text: str) -> str:
    """Return the words of `text` in one writing, parted by single spaces; equal results mean the same statement.

    Numbers keep their inner signs (`1.5` is not `15`, `-5` not `5`), and %, currencies and signs like < stay.
    Signature, quoted lines, a greeting at the head and a courtesy at the tail go unless they are all there is. A text
    without any words, like an emoji, stands for itself. Any text is fine, in time linear in its length; twice is the
    same as once.
    """
    plain = text.replace("`", "'") if text.isascii() else stream_safe(text.translate(_plains))
    words = _words(_without_courtesy(_without_quotes(plain)))
    return words or _words(plain) or " ".join(plain.split())


def fingerprint(scope: Sequence[str], text: str, key: bytes) -> str:
    """Return 32 hex digits that are equal where scope and normalised text are, and tell nobody without `key` the text.

    `key` has 1 to 64 bytes (keyed BLAKE2b, RFC 7693), else SettingsError: short texts behind a known key can be
    guessed. The parts of `scope` are kept apart: ("a", "bc") is not ("ab", "c").
    """
    return seal((*scope, normalise(text)), key)


def seal(parts: Sequence[str], key: bytes) -> str:
    """Return the fingerprint of parts that are in one writing already; `fingerprint` tells what it promises."""
    if not 1 <= len(key) <= 64:
        raise SettingsError(f"the fingerprint key has {len(key)} bytes; give it 1 to 64, better 32 random ones")
    digest = hashlib.blake2b(key=key, digest_size=16, person=b"fingerprint.1")
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


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
    body = text[greeting.end() :] if greeting else text
    while courtesy := _COURTESY.search(body, max(0, len(body) - _TAIL)):
        body = body[: courtesy.start()]
    return _unless_too_short(body, text)


def _unless_too_short(cut: str, text: str) -> str:
    return cut if len(cut.strip()) >= _SHORTEST else text


def _words(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_keeps)
    return " ".join(_IN_NUMBER_NOT.sub(" ", _IN_WORD.sub("", folded)).split())
