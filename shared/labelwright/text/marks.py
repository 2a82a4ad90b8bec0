"""What the words say about what follows them: "my name is …", "password: …", a greeting, a signature.

A name has no shape, so only what is marked as one is found. The marks of each language are a file in `marks/`, so that
those who speak it can mend them. Their lists, in which `_` stands for a space: a name follows `introductions` ("my name
is"), `labels` before a colon ("first name"), `bare_labels` before a colon at the head of a line ("name"), `greetings`
at the head of a line where the name ends it or a sign follows ("Dear Ann,"), `closings` and `short_closings` before the
end ("Regards, Ann"; the short ones on a line of their own); `titles` may stand between. In Japanese a name stands
between `before` and `after`, or before `called`. `passwords` and `codes` name secrets; a colon, a copula or one of
`topics` follows. `nobody` lists words that stand in a name's place and are none: "my name is wrong", "Dear customer".
"""

import re
import tomllib
from collections.abc import Callable, Iterator
from importlib import resources
from itertools import islice
from typing import Final

import re2

from labelwright.text.shadow import Find

MOST_WORDS: Final = 4
"""A name has at most so many words; María José García López has."""

MOST_MARKS: Final = 500
"""So many marks of a text are followed: a bound on the work, not on what people write."""

_PARTICLES: Final = "von van der den de la le du da di del della dos das y bin ibn al ten ter zu zur"
PARTICLES: Final = frozenset(_PARTICLES.split())


def _lists() -> dict[str, list[str]]:
    """Return each list, with the phrases of all languages in it, the longest first."""
    found: dict[str, set[str]] = {}
    for file in resources.files("labelwright.text").joinpath("marks").iterdir():
        for name, phrases in tomllib.loads(file.read_text("utf-8")).items():
            found.setdefault(name, set()).update(phrase.replace("_", " ") for phrase in phrases.split())
    return {name: sorted(phrases, key=lambda phrase: (-len(phrase), phrase)) for name, phrases in found.items()}


_LISTS = _lists()
NOBODY: Final = frozenset(word.casefold() for word in _LISTS["nobody"])
"""Words that stand where a name is marked and are none, casefolded."""

_FAREWELLS = frozenset(phrase.casefold() for phrase in _LISTS["closings"] + _LISTS["short_closings"])
_NOBODY_BEGINS = tuple(sorted(word for word in NOBODY if not word[0].islower()))  # Japanese words go on without a space


def _any(*names: str) -> str:
    """Return what matches any phrase of these lists; an apostrophe may be a typographic one."""
    phrases = (re.escape(phrase) for name in names for phrase in _LISTS[name])
    return f"(?:{'|'.join(phrases)})".replace("'", "['’]").replace(r"\ ", "[ \u00a0]")


_GAP = "[ \u00a0\u3000]"
_COLON = f"{_GAP}?[:=：]{_GAP}{{0,4}}"
_QUOTE = "[\"'“”„‘’`«「『]?"
_TITLE = rf"(?:{_any('titles')}\.?{_GAP}{{1,2}}){{0,2}}"
_IS = rf"(?:{_COLON}|{_GAP}{_any('copulas')}(?:{_COLON}|{_GAP})|{_any('topics')})"
_MARKS = (
    "(?im)"
    rf"(?P<introduced>{_any('introductions')}(?:{_COLON}|{_GAP}{{1,2}}){_QUOTE}{_TITLE})"
    rf"|(?P<labeled>(?:{_any('labels')}|^{_GAP}*{_any('bare_labels')}){_COLON}{_QUOTE}{_TITLE})"
    rf"|(?P<addressed>^{_GAP}*{_any('greetings')},?{_GAP}{_TITLE}"
    rf"|(?:^|[.,!?]){_GAP}*(?:{_any('closings', 'short_closings')}[,.!]?{_GAP}*\n\s*|--{_GAP}?\n\s*){_TITLE}"
    rf"|(?:^|[.,!?\n]){_GAP}*{_any('closings')},?{_GAP}{_TITLE})"
    rf"|(?P<between>{_any('before')}{_GAP}?{_QUOTE})"
    rf"|(?P<called>{_any('called')})"
    rf"|(?P<kanji>{_any('kanji_labels')}{_COLON})"
    rf"|(?P<password>{_any('passwords')}[\"'”’]?{_IS}{_QUOTE})"
    rf"|(?P<code>{_any('codes')}{_IS})"
)
_options = re2.Options()
_options.never_capture = True
_MARK = re2.compile(_MARKS, _options)  # where a mark lies, in linear time
_KIND = re.compile(_MARKS)  # which one it is, tried where one lies
_WORD = r"[^\W\d_]+(?:['’\-][^\W\d_]+)*+\.?"
_RUN = re.compile(rf"{_WORD}(?:{_GAP}{_WORD}){{0,{MOST_WORDS}}}(?![\w@])")
_ENDS = re.compile(rf"{_GAP}?(?:[,;:!?|/()<>\n\r\t\"”»–-]|\.(?:\s|\Z)|\Z)")
_KANJI = "[一-龠々ァ-ヶー・]{1,8}"
_KANJI_RUN = re.compile(f"{_KANJI}(?:{_GAP}{_KANJI})?")
_KANJI_BEFORE = re.compile(rf"{_KANJI}(?:{_GAP}{_KANJI})?\Z")
_BETWEEN = re.compile(rf"([^\W\d_](?:[^\W\d_]|[ー・ 　]){{0,19}}?)[」』\"]?{_any('after')}")
_PASSWORD = re.compile(r"[^\s\"'“”‘’`„«»<>\[\]ぁ-んァ-ヶ一-龠。、]{4,128}")
_CODE = re.compile(r"[0-9]{3,8}(?!\w)")


def find_marked(text: str) -> Iterator[Find]:
    """Yield the names and secrets that words mark as such, at the first 500 marks."""
    for start, end in islice(_marks(text), MOST_MARKS):
        if start and text[start].isalnum() and text[start - 1].isascii() and text[start - 1].isalnum():
            continue  # the end of a longer word
        kind = _KIND.match(text, start)
        found = _FINDERS[kind.lastgroup or ""](text, start, end) if kind else Find(end, end, "")
        if found.start < found.end:
            yield found


def _marks(text: str) -> Iterator[tuple[int, int]]:
    """Yield where marks lie in the text. RE2 reads bytes, so their offsets are turned back into the text's."""
    raw = text.encode(errors="replace")
    at = last = 0
    for match in _MARK.finditer(raw):
        start, end = match.span()
        at += len(raw[last:start].decode())
        length = len(raw[start:end].decode())
        yield at, at + length
        at, last = at + length, end


def _introduced(text: str, _: int, end: int) -> Find:
    """Find a name behind "my name is", also one that is written small: "my name is anna and I"."""
    run = _RUN.match(text, end)
    return Find(end, end + len(_capitalised(run[0]) or _small(run[0])) if run else end, "name")


def _labeled(text: str, _: int, end: int) -> Find:
    """Find a name behind "first name:", a small one only where nothing else follows."""
    run = _RUN.match(text, end)
    name = run and (_capitalised(run[0]) or (_ENDS.match(text, run.end()) and _small(run[0])))
    return Find(end, end + len(name or ""), "name")


def _addressed(text: str, _: int, end: int) -> Find:
    """Find a name that stands alone behind a greeting or a farewell."""
    run = _RUN.match(text, end)
    name = _capitalised(run[0]) if run and _ENDS.match(text, run.end()) else ""
    is_alone = run is not None and name == run[0].rstrip(".") and name.casefold() not in _FAREWELLS
    return Find(end, end + len(name) if is_alone else end, "name")


def _between(text: str, _: int, end: int) -> Find:
    found = _BETWEEN.match(text, end)
    return Find(end, found.end(1) if found and _is_japanese(found[1]) else end, "name")


def _called(text: str, start: int, _: int) -> Find:
    first = max(0, start - 17)
    found = _KANJI_BEFORE.search(text[first:start])
    return Find(first + found.start() if found and _is_japanese(found[0]) else start, start, "name")


def _behind_kanji(text: str, _: int, end: int) -> Find:
    found = _KANJI_RUN.match(text, end)
    return Find(end, found.end() if found and _is_japanese(found[0]) else end, "name")


def _password(text: str, start: int, end: int) -> Find:
    """Find what stands behind "password" and looks like one: by its digits or signs, or alone behind a colon."""
    found = _PASSWORD.match(text, end)
    secret = found[0].rstrip(".,;:!?)}") if found else ""
    has_colon = re.search("[:=：]", text[start:end]) is not None
    is_alone = has_colon and text[end + len(secret) : end + len(secret) + 1] in ("", "\n", "\r")
    is_word = secret.isalpha() and (secret.islower() or secret.istitle() or secret.isupper())
    if len(secret) < 4 or not any(map(str.isalnum, secret)) or (is_word and not is_alone) or _is_no_secret(secret):
        secret = ""
    return Find(end, end + len(secret), "secret")


def _is_no_secret(word: str) -> bool:
    return word.casefold() in NOBODY or re.search(r"\w\(|^\$", word) is not None  # a call, a variable


def _code(text: str, _: int, end: int) -> Find:
    found = _CODE.match(text, end)
    return Find(end, found.end() if found else end, "secret")


_FINDERS: Final[dict[str, Callable[[str, int, int], Find]]] = {
    "introduced": _introduced, "labeled": _labeled, "addressed": _addressed, "between": _between, "called": _called,
    "kanji": _behind_kanji, "password": _password, "code": _code,
}  # fmt: skip
"""By the kind of mark: what it marks, given where the mark lies; an empty find is none."""


def _capitalised(run: str) -> str:
    """Return the capitalised words at the head of a run, and the particles between them."""
    length = end = 0
    for count, word in enumerate(_split(run)):
        bare = word.rstrip(".")
        is_particle = bare.casefold() in PARTICLES
        if count == MOST_WORDS or not (is_particle or (word[0].isupper() and bare.casefold() not in NOBODY)):
            break
        end += len(word) + 1
        length = end - 1 if word[0].isupper() else length
        if word.endswith(".") and len(word) > 2:  # a sentence ends; an initial doesn't end one
            break
    return run[:length].rstrip(".")


def _small(run: str) -> str:
    """Return a name of one or two words that is written small, and nothing where the words can be something else."""
    words = _split(run)
    count = next((at for at, word in enumerate(words) if word.rstrip(".").casefold() in NOBODY), len(words))
    if count == 0 or words[0].endswith(("ed", "ing", "ly", "ed.", "ing.", "ly.")):  # "my name is misspelled"
        return ""
    return run[: len(words[0]) if count > 2 else sum(map(len, words[:count])) + count - 1].rstrip(".")


def _split(run: str) -> list[str]:
    return run.replace("\u00a0", " ").replace("\u3000", " ").split(" ")


def _is_japanese(name: str) -> bool:
    """Say whether it can be a name: "間違っている" has the endings of a verb, "正しい" those of an adjective."""
    return not (name.strip().startswith(_NOBODY_BEGINS) or re.search("[ぁ-ん][一-龠]|[一-龠]しい|[ぁ-ん]{7}", name))
