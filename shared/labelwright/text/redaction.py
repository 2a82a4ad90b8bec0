"""Take personal data out of users' words: `write to anna@example.com` becomes `write to [mail]`."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from labelwright.identity import derive
from labelwright.text.fields import kind_of, names_in
from labelwright.text.finders import find
from labelwright.text.marks import NOBODY, find_marked
from labelwright.text.shadow import Find

KINDS: Final = ("secret", "iban", "card", "mail", "ip", "phone", "name")
"""What is taken out, the most specific first: it names a find that could be two things."""

MOST_NAMES: Final = 20
"""So many names that an event marks are looked for in all its texts."""

ID_FIELDS: Final = frozenset({"user", "customer", "trace_id", "id", "user_id", "response_id"})
"""Fields of feedback, in any version, that hold what publishers chose: opaque, unless it is personal data."""

_PLACEHOLDER: Final = re.compile(rf"\[(?:{'|'.join(KINDS)})\]")
_PLAIN_KEY: Final = re.compile("[A-Za-z_.-]*")
_OPAQUE: Final = re.compile(  # too short for any kind, a UUID, or the id of a trace
    "[A-Za-z0-9_-]{1,12}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[0-9]*[a-f])[0-9a-f]{32}"
)
_PASSES: Final = 4
_LONGEST_NAME: Final = 80

Names = frozenset[str]


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without personal data, and how many pieces of each kind were taken out of it."""

    text: str
    counts: dict[str, int]


def redact(text: str, names: Names = frozenset()) -> Redacted:
    """Replace mail addresses, phone, card and account numbers, IP addresses, secrets and names by [their kind].

    Works on any text, in time linear in its length; twice is the same as once. What overlaps goes out as one piece,
    named after its longest find. Cards and IBANs must have right check digits, so a mistyped one stays. A name goes out
    where words mark it ("my name is …") and wherever else the text has it, and so do the given `names`; others stay,
    and so do postal addresses: no pattern finds them reliably.
    """
    counts: Counter[str] = Counter()
    for _ in range(_PASSES):  # what goes out may have hidden what is there beside it
        found = finds(text, names)
        if not found:
            break
        counts.update(one.kind for one in found)
        text = "".join(_pieces(text, found))
    return Redacted(text, dict(counts))


def finds(text: str, names: Names = frozenset()) -> list[Find]:
    """Return where personal data lies in a text, in order and apart."""
    found = _united(find(text), text)
    names |= {text[one.start : one.end] for one in found if one.kind == "name"}
    return _united([*found, *_where(names, text)], text) if names else found


def redact_id(value: str, project: str) -> tuple[str, dict[str, int]]:
    """Return an id that a publisher chose, or its pseudonym if it is personal data, and the counts by kind.

    The same id has the same pseudonym within a project, and whoever knows the id can compute it. Ids are often numbers:
    only one with "+" is taken for a phone number.
    """
    if _OPAQUE.fullmatch(value):
        return value, {}
    found = redact(value).counts
    if "+" not in value:
        found.pop("phone", None)
    return (derive("pseudonym", project, value), found) if found else (value, {})


def names_marked(texts: Iterable[str], fields: Any = None) -> Names:
    """Return the names that texts mark, and those that a JSON value's fields give: to be taken out of all of them."""
    found = [text[mark.start : mark.end] for text in texts for mark in find_marked(text) if mark.kind == "name"]
    return frozenset([*found, *(names_in(fields) if fields else ())][:MOST_NAMES])


def redact_strings(value: Any, names: Names = frozenset(), *, project: str = "") -> tuple[Any, dict[str, int]]:
    """Return a copy of a JSON value with every string redacted, keys of objects too, and the counts by kind.

    A field whose name says what it holds (`password`, `phone`, a user's `name`) is taken out whole; other numbers stay.
    With a project, ids of feedback become that project's pseudonyms where they are personal data (`redact_id`).
    Any depth is fine; the value must not contain itself.
    """
    counts: Counter[str] = Counter()
    holder: list[Any] = [value]
    waiting: list[tuple[str, dict[Any, Any] | list[Any]]] = [("", holder)]
    while waiting:  # not by recursion: how deep a value goes is the sender's choice
        inside, container = waiting.pop()
        for key, child in list(container.items() if isinstance(container, dict) else enumerate(container)):
            field = key if isinstance(key, str) else inside
            if isinstance(child, dict):
                container[key] = _with_plain_keys(child, names, counts)
                waiting.append((field, container[key]))
            elif isinstance(child, list):
                container[key] = child.copy()
                waiting.append((field, container[key]))
            elif project and field in ID_FIELDS and isinstance(child, str):
                container[key], found = redact_id(child, project)
                counts.update(found)
            elif isinstance(child, str | int) and not isinstance(child, bool):
                container[key] = _plain_value(field, inside, child, names, counts)
    return holder[0], dict(counts)


def _with_plain_keys(fields: dict[str, Any], names: Names, counts: Counter[str]) -> dict[str, Any]:
    """Return the fields, those with personal data in their names renamed; none is lost where two become equal."""
    if all(map(_PLAIN_KEY.fullmatch, fields)):
        return fields.copy()
    kept: dict[str, Any] = {}
    for key, value in fields.items():
        redacted = redact(key, names)
        counts.update(redacted.counts)
        renamed = redacted.text
        while renamed in kept or (renamed != key and renamed in fields):
            renamed += "'"
        kept[renamed] = value
    return kept


def _plain_value(field: str, inside: str, value: str | int, names: Names, counts: Counter[str]) -> str | int:
    redacted = redact(value, names) if isinstance(value, str) else None
    if (kind := kind_of(field, inside, value)) and not (redacted and kind in redacted.counts):
        counts[kind] += 1
        return f"[{kind}]"
    if redacted is None:
        return value
    counts.update(redacted.counts)
    return redacted.text


def _where(names: Names, text: str) -> Iterator[Find]:
    """Yield where these names stand in the text, whole or in part."""
    folded = text.casefold() if any(" " in name for name in names) else ""
    there = [known for known in _spellings(names) if (known.casefold() in folded if " " in known else known in text)]
    if there:
        for match in re.finditer("|".join(map(_spelt, there)), text):
            yield Find(*match.span(), "name")


@lru_cache(maxsize=256)
def _spellings(names: Names) -> tuple[str, ...]:
    """Return the names and their parts as they are looked for, the longest first.

    A name that is written small is none elsewhere ("my name is will"), nor is a part that is a common word.
    """
    found: set[str] = set()
    for name in sorted(names)[:MOST_NAMES]:
        if 2 <= len(name) <= _LONGEST_NAME and (name.lower() != name or name.upper() == name):
            found.add(" ".join(name.split()))
            found.update(part for part in name.split() if _stands_alone(part))
    return tuple(sorted(found, key=lambda one: (-len(one), one)))


def _stands_alone(part: str) -> bool:
    if part.upper() == part.lower():  # Japanese
        return len(part) >= 2
    return len(part) >= 3 and part[0].isupper() and part.casefold() not in NOBODY


def _spelt(name: str) -> str:
    """Return the pattern of a name: a part as it is, a whole name in any case, Japanese ones within words, too."""
    escaped = re.escape(name)
    if name.upper() == name.lower():
        return escaped
    return rf"(?<!\w)(?i:{escaped})(?!\w)" if " " in name else rf"(?<!\w){escaped}(?!\w)"


def _united(finds: Iterable[Find], text: str) -> list[Find]:
    """Unite finds that overlap, so that nothing of the shorter one stays behind; what went out before is no find."""
    united: list[Find] = []
    longest = 0
    for found in sorted(finds):
        start, end, kind = found
        if text[start] == "[" and _PLACEHOLDER.fullmatch(text, start, end):
            continue
        if not united or start >= united[-1].end:
            united.append(found)
            longest = end - start
            continue
        before = united[-1]
        is_longer = (end - start, -KINDS.index(kind)) > (longest, -KINDS.index(before.kind))
        united[-1] = Find(before.start, max(end, before.end), kind if is_longer else before.kind)
        longest = max(longest, end - start)
    return united


def _pieces(text: str, finds: Iterable[Find]) -> Iterator[str]:
    end = 0
    for found in finds:
        yield text[end : found.start]
        yield f"[{found.kind}]"
        end = found.end
    yield text[end:]
