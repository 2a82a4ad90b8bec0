"""Group texts as they come: each is merged into the first that says the same, proposed beside it, or stands alone."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from labelwright.duplicates.candidates import cells
from labelwright.duplicates.comparison import Verdict, compare
from labelwright.duplicates.statement import Statement, read

MOST_CANDIDATES: Final = 16
MOST_PROPOSALS: Final = 3

Match = tuple[int, Verdict]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a text went: merged into one that came before, or beside at most three that it may say the same as."""

    merged: Match | None = None
    proposed: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _First:
    number: int
    statement: Statement


@dataclass
class Index:
    """The texts of one scope, in memory; they are numbered from 0 in the order that they come in.

    Only those that were merged into none are looked up, so that no chain of small steps leads far.
    """

    key: bytes = b"labelwright"
    _count: int = 0
    _by_words: dict[str, int] = field(default_factory=dict)
    _by_cell: dict[str, _First] = field(default_factory=dict)

    def place(self, text: str) -> Placed:
        """Add a text and return where it went: of several that say the same, to the likest; proposals likest first."""
        statement, number = read(text), self._count
        self._count += 1
        same = self._by_words.get(statement.words)
        if same is not None:
            return Placed((same, Verdict("merged", 0.0, "the same words")))
        mine = cells(statement, self.key)
        likest = sorted(self._verdicts(statement, mine), key=lambda match: match[1].score)
        merged = next((match for match in likest if match[1].outcome == "merged"), None)
        self._by_words[statement.words] = merged[0] if merged else number
        if merged:
            return Placed(merged)
        first = _First(number, statement)
        for cell in mine:
            self._by_cell.setdefault(cell, first)
        return Placed(None, tuple(match for match in likest if match[1].outcome == "proposed")[:MOST_PROPOSALS])

    def _verdicts(self, statement: Statement, mine: tuple[str, ...]) -> list[Match]:
        found = list(filter(None, map(self._by_cell.get, mine)))
        near = Counter(found).most_common(MOST_CANDIDATES) if found else ()
        return [(known.number, compare(statement, known.statement)) for known, _ in near]
