"""Erasure in the ledger: follow a person's words through it, and take them away without changing a row.

The words of a piece of feedback are marked with whose they are; the event that opened an item leads from the feedback
to the item, and everything that is told of the item later is marked with it. Following runs once through the commits,
in order, since nothing is told of an item before it is opened.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc
from pydantic_core import from_json

from labelwright.ledger.files import Row
from labelwright.ledger.manifest import Commit
from labelwright.ledger.sealing import Use, mark
from labelwright.ledger.texts import Texts

Rows = Callable[[Commit, str], Iterator[tuple[Row, bytes]]]


@dataclass(frozen=True, slots=True)
class Trail:
    """What a person wrote in a partition, as far as its ledger goes.

    `feedback` and `items` are ids: what they sent, and the items that were opened by it. `uses` counts where their
    words stand in rows, `left` those that haven't been taken away.
    """

    people: frozenset[int]
    feedback: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    uses: int = 0
    left: int = 0
    marks: frozenset[int] = field(default=frozenset(), repr=False)
    about: frozenset[int] = field(default=frozenset(), repr=False)
    texts: tuple[str, ...] = field(default=(), repr=False)

    def has(self, use: Use) -> bool:
        """Whether a use of words, in a row or a table, is theirs."""
        about = use.item in self.about or use.other in self.about
        return use.who in self.people or use.feedback in self.marks or about


def follow(
    texts: Texts, key: bytes, commits: Iterable[Commit], project: str, names: Sequence[str], rows: Rows
) -> Trail:
    """Follow the words of a person, who goes by these names in a project; a name may be the id of a piece of feedback.

    Raises LedgerError.
    """
    people = frozenset(mark(key, "who", project, name) for name in names)
    marks = {mark(key, "feedback", project, name) for name in names}
    about: set[int] = set()
    feedback: dict[str, None] = {}
    items: dict[str, None] = {}
    uses = left = 0
    touched = []
    for commit in commits:
        if commit.texts is None:
            continue
        table = texts.marks(commit.texts)
        of_feedback = set(_column(table, "feedback", _among(table, "who", people))) - {0}
        marks |= of_feedback
        opening = pc.and_(_among(table, "feedback", marks), pc.not_equal(table["item"], 0))
        opened = set(_column(table, "item", opening))
        about |= opened
        mine = _mine(table, people, marks, about)
        if not pc.any(mine).as_py():
            continue
        touched.append(commit.texts)
        uses += pc.sum(mine).as_py()
        left += pc.sum(pc.and_(mine, table["there"])).as_py()
        if of_feedback or opened:
            feedback |= dict.fromkeys(_named(rows, commit, "accepted", "feedback", key, project, "feedback", marks))
            items |= dict.fromkeys(_named(rows, commit, "items", "item", key, "", "item", opened))
    return Trail(people, tuple(feedback), tuple(items), uses, left, frozenset(marks), frozenset(about), tuple(touched))


def forget(texts: Texts, trail: Trail) -> Trail:
    """Take away what a trail leads to; its `left` is how many uses had their words still."""
    left = sum(
        texts.take_away(name, lambda table: _mine(table, trail.people, trail.marks, trail.about))
        for name in trail.texts
    )
    return replace(trail, left=left)


def _mine(table: pa.Table, people: Iterable[int], feedback: Iterable[int], items: Iterable[int]) -> pa.Array:
    """Tell for each use whether its words go: theirs, or of their feedback, or told of an item that it opened."""
    about = pc.or_(_among(table, "item", items), _among(table, "other", items))
    return pc.or_(pc.or_(_among(table, "who", people), _among(table, "feedback", feedback)), about)


def _among(table: pa.Table, column: str, marks: Iterable[int]) -> pa.Array:
    return pc.is_in(table[column], pa.array(sorted(marks), pa.int64()))


def _column(table: pa.Table, column: str, chosen: pa.Array) -> list[int]:
    found: list[int] = table[column].filter(chosen).to_pylist()
    return found


def _named(
    rows: Rows, commit: Commit, stream: str, name: str, key: bytes, project: str, kind: str, marks: Iterable[int]
) -> Iterator[str]:
    """Yield the ids in a commit's stream that have one of these marks."""
    wanted = set(marks)
    if stream not in commit.files or not wanted:
        return
    for row, _ in rows(commit, stream):
        try:
            named = from_json(row.body)["data"][name]
        except (ValueError, TypeError, KeyError):
            continue  # anyone may XADD anything
        if isinstance(named, str) and mark(key, kind, project, named) in wanted:
            yield named
