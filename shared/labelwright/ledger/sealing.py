"""Sealing: the words that people wrote leave a row, and a reference to each stays in their place.

A reference is a keyed hash of what it stands for, so equal words have equal references (SQL can count and join them),
and whoever doesn't have the installation's secret can't guess short ones. The words themselves are kept beside the
ledger (`labelwright.ledger.texts`), where they can be taken away without changing a row.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

import msgpack
from pydantic_core import from_json, to_json

from labelwright.contracts.erasure import ERASED
from labelwright.errors import LedgerError
from labelwright.ledger.files import OPAQUE, Row

WORDS: Final = frozenset(
    {
        *("comment", "corrected", "prompt", "response", "text", "note", "reason", "closed_because", "meta"),
        *("user", "customer", "name", "head", "phrases", "vector", "dense"),
    }
)
"""The fields, in events and documents, that hold what people or models wrote, who they are, or what is made of that."""

WHOLE: Final = {"feedback": frozenset({"data"}), "dead": frozenset({"event", "reason"})}
"""Streams that hold what publishers sent as they sent it, and what of that is sealed whole."""

CLEAR: Final = frozenset({"guidelines", "gateway.projects", "gateway.project_versions"})
"""The stream and the tables of project files: what the owner of a project wrote for everybody to read."""

_ENVELOPE: Final = frozenset(
    {"specversion", "id", "source", "type", "time", "project", "correlationid", "traceparent", "expirytime", "audience"}
)
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,15}(?:Z|[+-][0-9:]{4,9})?")
_FORMS: Final = {
    "specversion": re.compile(r"[0-9.]{1,5}"), "type": re.compile(r"labelwright\.[a-z_.]{1,80}\.v[0-9]{1,4}"),
    "time": _MOMENT, "expirytime": _MOMENT, "traceparent": re.compile("[0-9a-f-]{0,60}"),
}  # fmt: skip
_SEALED: Final = (str, dict, list)
_NESTED: Final = (dict, list)
_TELLING: Final = frozenset({"project", "user", "annotator", "by", "feedback", "item", "other"})
_KNOWN: Final = _ENVELOPE | {"data"}
_TELLERS: Final = frozenset({"note", "reason"})
_REFERENCE = re.compile(r"sealed:([0-9a-f]{32})(\{\}|\[\])?")
_WHOLE_REFERENCE = re.compile(rb"sealed:([0-9a-f]{32})")
_HAS_WORDS = re.compile(rb'"(?:%s)"\s*:\s*["{\[]' % "|".join(sorted(WORDS)).encode())
_DOCUMENT = re.compile(rb"((?:[0-9]+\|)?)(\{.*)", re.DOTALL)
_INSTEAD: Final[Mapping[str | None, Any]] = {None: ERASED, "{}": {}, "[]": []}

Words = Mapping[bytes, bytes | None]
"""What references stand for; None for what was taken away."""


class Use(NamedTuple):
    """One use of some words: their reference, the words as JSON, and marks of whose they are and what they are about.

    A mark is a keyed hash of an id in its project, 0 where nobody is named. `who` wrote them; they came with
    `feedback`; they are told of `item` (and `other`).
    """

    reference: bytes
    who: int
    feedback: int
    item: int
    other: int
    words: bytes


class About(NamedTuple):
    """Whose the words in an object are, as far as the object and those around it say."""

    project: str = ""
    user: int = 0
    teller: int = 0
    feedback: int = 0
    item: int = 0
    other: int = 0


_NOBODY: Final = About()
_Swap = Callable[[str, Any, About], Any]


class Sealer:
    """Seals the rows of one commit, and gathers the words that it takes out of them in `uses`.

    The same rows under the same key give the same sealed rows and the same uses.
    """

    def __init__(self, key: bytes) -> None:
        self.uses: dict[Use, None] = {}
        self._key = key
        self._marks: dict[tuple[str, str, str], int] = {}
        self._references: dict[bytes, bytes] = {}

    def seal(self, stream: str, row: Row) -> Row:
        """Return the row with references in place of words."""
        if stream in CLEAR:
            return row
        if stream in OPAQUE:
            return Row(row.entry_id, self._changes(row.body))
        if stream not in WHOLE and not _HAS_WORDS.search(row.body) and _is_plain(row.body):
            return row
        return Row(row.entry_id, self._event(stream, row.body))

    def mark(self, kind: str, project: str, name: str) -> int:
        """Return the mark of a person (`who`), a piece of feedback or an item."""
        found = self._marks.get((kind, project, name))
        if found is None:
            found = self._marks[kind, project, name] = mark(self._key, kind, project, name)
        return found

    def _event(self, stream: str, body: bytes) -> bytes:
        envelope = _object(body)
        if envelope is None:
            return self._whole(body)
        about = self._of_envelope(stream, envelope)
        opens = stream == "items" and str(envelope.get("type")).startswith("labelwright.items.item_opened.")
        swap = partial(self._put, opens=True) if opens else self._put
        return to_json(_turned(envelope, stream, about, swap, self._about))

    def _of_envelope(self, stream: str, envelope: Mapping[str, Any]) -> About:
        """Tell whose the words of an event are that are sealed without being looked into."""
        about = About(project=_text(envelope, "project"))
        if stream == "dead":
            envelope = _object(_text(envelope, "event").encode("utf-8", "replace")) or envelope
        elif stream not in WHOLE:
            return about
        data = envelope.get("data")
        told = self._about(data, about) if isinstance(data, dict) and stream == "dead" else about
        who = (_text(data, "user") or _text(data, "user_id")) if isinstance(data, dict) else ""
        return told._replace(
            user=self.mark("who", about.project, who) if who else told.teller,
            feedback=told.feedback or self.mark("feedback", about.project, _text(envelope, "id")),
        )

    def _changes(self, body: bytes) -> bytes:
        if not _HAS_WORDS.search(body) and not _WHOLE_REFERENCE.search(body):
            return body
        try:
            group, done, writes = msgpack.unpackb(body, raw=True, strict_map_key=False)
            return _packed(group, done, [self._write(write) for write in writes])
        except (ValueError, TypeError):
            return self._whole(body)

    def _write(self, write: list[Any]) -> list[Any]:
        table, values = _table(write[1]), write[2:]
        return [
            *write[:2],
            *(
                self.seal_value(table, before, value) if isinstance(value, bytes) else value
                for before, value in zip([b"", *values], values, strict=False)
            ),
        ]

    def seal_value(self, table: str, name: bytes, value: bytes) -> bytes:
        """Return what a table (`<name>` or `<name>:<project>`) holds under a name, with references in place of words.

        Where the value doesn't say what it is about, its name may: many tables go by items.
        """
        kind, _, part = table.partition(":")
        if kind in CLEAR:
            return value
        if _WHOLE_REFERENCE.fullmatch(value):
            return self._whole(value)
        if not _HAS_WORDS.search(value):
            return value
        match = _DOCUMENT.fullmatch(value)
        document = _object(match[2]) if match else None
        if match is None or document is None or to_json(document) != match[2]:
            return self._whole(value)
        item = name.rpartition(b"/")[2].decode("utf-8", "replace")
        about = About(part.partition(":")[0], item=self.mark("item", "", item))
        return match[1] + to_json(_walked(document, about, self._put, self._about))

    def _whole(self, body: bytes) -> bytes:
        reference = _reference(self._key, body)
        self.uses[Use(reference, 0, 0, 0, 0, body)] = None
        return b"sealed:" + reference.hex().encode()

    def _about(self, node: Mapping[str, Any], about: About) -> About:
        """Return whose the words in an object are: as around it, but for what it says itself."""
        if _TELLING.isdisjoint(node):
            return about
        told = {name: value for name in _TELLING if isinstance(value := node.get(name), str) and value}
        project, teller = told.get("project", about.project), told.get("annotator") or told.get("by")
        return About(
            project,
            self.mark("who", project, told["user"]) if "user" in told else about.user,
            self.mark("who", project, teller) if teller else about.teller,
            self.mark("feedback", project, told["feedback"]) if "feedback" in told else about.feedback,
            self.mark("item", "", told["item"]) if "item" in told else about.item,
            self.mark("item", "", told["other"]) if "other" in told else about.other,
        )

    def _put(self, name: str, value: Any, about: About, *, opens: bool = False) -> str:
        """Note a use of words, and return what stands for them.

        A note is its writer's, whatever it is about. Words that came with a piece of feedback are that feedback's, in
        whatever item they lie; only the event that opens an item tells both, and so leads from one to the other.
        """
        words = to_json(value)
        reference = self._references.get(words)
        if reference is None:
            reference = self._references[words] = _reference(self._key, words)
        if about.teller and name in _TELLERS:
            use = Use(reference, about.teller, 0, 0, 0, words)
        elif about.feedback and not opens:
            use = Use(reference, about.user, about.feedback, 0, 0, words)
        else:
            use = Use(reference, about.user, about.feedback, about.item, about.other, words)
        self.uses[use] = None
        return f"sealed:{reference.hex()}{_kind(value)}"


def unseal(stream: str, row: Row, words: Callable[[], Words]) -> Row:
    """Return the row as it was, but for what was taken away: that reads `[erased]`.

    Raises LedgerError where the words of a reference are missing without having been taken away.
    """
    if b"sealed:" not in row.body or stream in CLEAR:
        return row
    if match := _WHOLE_REFERENCE.fullmatch(row.body):
        return Row(row.entry_id, _body_of(words(), match[1]))
    if stream in OPAQUE:
        group, done, writes = msgpack.unpackb(row.body, raw=True, strict_map_key=False)
        return Row(row.entry_id, _packed(group, done, [_write_of(write, words) for write in writes]))
    envelope = _object(row.body)
    if envelope is None:
        return row
    return Row(row.entry_id, to_json(_turned(envelope, stream, _NOBODY, partial(_get, words), _unchanged)))


def mark(key: bytes, kind: str, project: str, name: str) -> int:
    """Return 63 bits that stand for a person, a piece of feedback or an item; never 0, equal for equal arguments."""
    named = "\x1f".join((project, name)).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(named, digest_size=8, key=key, person=kind.encode()).digest()
    return (int.from_bytes(digest) >> 1) or 1


def _turned(envelope: Mapping[str, Any], stream: str, about: About, swap: _Swap, learn: Any) -> dict[str, Any]:
    """Return an envelope, or a dead letter, with its words turned into references or back."""
    whole = WHOLE.get(stream, frozenset())
    turned = dict(envelope)
    for name in whole if stream == "dead" else whole | _foreign(envelope):
        if (value := envelope.get(name)) and isinstance(value, _SEALED):
            turned[name] = swap(name, value, about)
    if "data" in envelope and "data" not in whole and stream != "dead":
        turned["data"] = _walked(envelope["data"], about, swap, learn)
    return turned


def _foreign(envelope: Mapping[str, Any]) -> set[str]:
    """Return what in an envelope somebody may have written: what doesn't belong there, or hasn't its form."""
    foreign = envelope.keys() - _KNOWN
    return foreign.union(name for name in _FORMS.keys() & envelope.keys() if _is_malformed(name, envelope[name]))


def _is_malformed(name: str, value: object) -> bool:
    """Whether a publisher's envelope has something else in one of its fields than what belongs there."""
    form = _FORMS.get(name)
    return form is not None and isinstance(value, str) and form.fullmatch(value) is None


def _walked(node: Any, about: About, swap: _Swap, learn: Any) -> Any:
    """Return a JSON value with every use of words in it turned into references or back."""
    if isinstance(node, dict):
        about = learn(node, about)
        return {
            name: swap(name, value, about)
            if name in WORDS and isinstance(value, _SEALED) and value and value != ERASED
            else (_walked(value, about, swap, learn) if isinstance(value, _NESTED) else value)
            for name, value in node.items()
        }
    if isinstance(node, list):
        return [_walked(value, about, swap, learn) if isinstance(value, _NESTED) else value for value in node]
    return node


def _get(words: Callable[[], Words], _: str, value: Any, __: About) -> Any:
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value  # a row from before there was sealing
    found = _found(words(), match[1])
    return _INSTEAD[match[2]] if found is None else from_json(found)


def _write_of(write: list[Any], words: Callable[[], Words]) -> list[Any]:
    if _table(write[1]).partition(":")[0] in CLEAR:
        return write
    return [*write[:2], *(_value_of(value, words) if isinstance(value, bytes) else value for value in write[2:])]


def _value_of(value: bytes, words: Callable[[], Words]) -> bytes:
    if b"sealed:" not in value:
        return value
    if whole := _WHOLE_REFERENCE.fullmatch(value):
        return _body_of(words(), whole[1])
    match = _DOCUMENT.fullmatch(value)
    document = _object(match[2]) if match else None
    if match is None or document is None:
        return value
    return match[1] + to_json(_walked(document, _NOBODY, partial(_get, words), _unchanged))


def _body_of(words: Words, reference: bytes) -> bytes:
    found = _found(words, reference.decode())
    return ERASED.encode() if found is None else found


def _found(words: Words, reference: str) -> bytes | None:
    try:
        return words[bytes.fromhex(reference)]
    except KeyError:
        raise LedgerError(f"the words of {reference} are missing; restore the ledger's `texts` from a copy") from None


def _unchanged(_: Any, about: About) -> About:
    return about


def _packed(*parts: Any) -> bytes:
    packed: bytes = msgpack.packb(parts, use_bin_type=False)
    return packed


def _reference(key: bytes, words: bytes) -> bytes:
    return hashlib.blake2b(words, digest_size=16, key=key, person=b"words").digest()


def _kind(value: Any) -> str:
    return "{}" if isinstance(value, dict) else "[]" if isinstance(value, list) else ""


def _is_plain(body: bytes) -> bool:
    """Whether a body without words is an envelope with nothing else in it that somebody may have written."""
    envelope = _object(body)
    return envelope is not None and not _foreign(envelope)


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        found = from_json(raw, allow_inf_nan=False)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _text(node: Mapping[str, Any], name: str) -> str:
    value = node.get(name)
    return value if isinstance(value, str) else ""


def _table(key: bytes) -> str:
    return key.decode("utf-8", "replace").partition(":")[2]
