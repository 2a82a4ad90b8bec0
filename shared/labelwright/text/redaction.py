"""Take personal data out of users' words: `write to anna@example.com` becomes `write to [mail]`."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from labelwright.text.finders import Find, find, shadow

KINDS = ("key", "iban", "card", "mail", "ip", "phone")
"""What is taken out, the most specific first: it names a find that could be two things."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without personal data, and how many pieces of each kind were taken out of it."""

    text: str
    counts: dict[str, int]


def redact(text: str) -> Redacted:
    """Replace mail addresses, phone, card and account numbers, IP addresses and keys by their kind in brackets.

    Works on any text, in time linear in its length. What overlaps goes out as one piece, named after its longest find.
    Names and postal addresses stay: no pattern finds them reliably. Cards and IBANs must have right check digits, so a
    mistyped one stays.
    """
    finds = list(_disjoint(find(shadow(text))))
    if not finds:
        return Redacted(text, {})
    return Redacted("".join(_pieces(text, finds)), dict(Counter(found.kind for found in finds)))


def redact_strings(value: Any) -> tuple[Any, dict[str, int]]:
    """Return a copy of a JSON value with every string redacted, and the counts by kind.

    Keys of objects stay, numbers too. Any depth is fine; the value must not contain itself.
    """
    counts: Counter[str] = Counter()
    holder: list[Any] = [value]
    waiting: list[dict[Any, Any] | list[Any]] = [holder]
    while waiting:  # not by recursion: how deep a value goes is the sender's choice
        container = waiting.pop()
        for key, child in container.items() if isinstance(container, dict) else enumerate(container):
            if isinstance(child, str):
                redacted = redact(child)
                counts.update(redacted.counts)
                container[key] = redacted.text
            elif isinstance(child, dict | list):
                container[key] = child.copy()
                waiting.append(container[key])
    return holder[0], dict(counts)


def _disjoint(finds: Iterable[Find]) -> Iterator[Find]:
    """Unite finds that overlap, so that nothing of the shorter one stays behind."""
    united: list[Find] = []
    end = 0
    for found in sorted(finds):
        if united and found.start >= end:
            yield _one(united, end)
            united = []
        united.append(found)
        end = max(end, found.end)
    if united:
        yield _one(united, end)


def _one(finds: list[Find], end: int) -> Find:
    longest = max(finds, key=lambda found: (found.end - found.start, -KINDS.index(found.kind)))
    return Find(finds[0].start, end, longest.kind)


def _pieces(text: str, finds: Iterable[Find]) -> Iterator[str]:
    end = 0
    for found in finds:
        yield text[end : found.start]
        yield f"[{found.kind}]"
        end = found.end
    yield text[end:]
