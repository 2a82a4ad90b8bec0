"""Group items that may have one cause: each joins the theme of those most like it, or founds one with its likest.

Nothing here compares an item with all others. An item lies in the cells of its 24 heaviest features; who shares cells
with it are its candidates, at most 96, of the newest 128 in each cell. Whatever the number of items, placing one costs
the same.
"""

from array import array
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, NamedTuple

from labelwright.contracts.payload import Moment, Part
from labelwright.identity import derive
from labelwright.themes.names import counted
from labelwright.themes.vectors import Frequencies, Vector, Weights, cosine, heaviest, kept, weigh

CELLS: Final = 24
NEWEST: Final = 128
MOST_CANDIDATES: Final = 96
MOST_SIMILAR: Final = 10

JOINS, JOINS_BY_MODEL = 0.4, 0.45
"""How like its theme's centre an item must be to join, by words alone and with a model."""

REMEMBERED: Final = 50
"""A theme's centre is the mean of about so many of its latest items."""

MODEL_WEIGHS: Final = 0.5
"""What a model says counts this much beside the words."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is compared of an item or a theme: its words' weights and, where a model read it, the model's vector."""

    weights: Weights
    dense: "array[int] | None" = None
    model: str | None = None


class Entry(Part):
    """An open item as grouping needs it: its vectors, the head of its text, in which cells it lies, its theme.

    `counted` of its `events` are counted in its theme, `number` is that of the last news of it. One that is leaving is
    closed, maybe merged `into` another.
    """

    head: str
    vector: str
    dense: str | None = None
    model: str | None = None
    events: int = 1
    at: Moment
    cells: list[int] = []  # noqa: RUF012  # pydantic copies it
    is_placed: bool = False
    theme: str | None = None
    counted: int = 0
    number: int = 0
    is_leaving: bool = False
    into: str | None = None


class Theme(Part):
    """Items that may have one cause. `told` items, and `name`, are what was last told of it."""

    centre: str
    dense: str | None = None
    model: str | None = None
    phrases: dict[str, int]
    items: int
    events: int
    name: str = ""
    told: int = 0
    first_at: Moment
    last_at: Moment


class Similar(NamedTuple):
    """An item that is like another, and how much: 1 the same, 0 nothing in common."""

    item: str
    score: float


class Shelf:
    """Items and themes of one project while items are placed: all of them offline, on a server what was read.

    `entries`, `themes` and `cells` are changed; `touched` names the items and themes that were.
    """

    def __init__(self, project: str, frequencies: Frequencies) -> None:
        self.project = project
        self.frequencies = frequencies
        self.entries: dict[str, Entry] = {}
        self.themes: dict[str, Theme | None] = {}
        self.cells: dict[int, list[str]] = {}
        self.touched: dict[str, None] = {}
        self._meanings: dict[str, Meaning] = {}

    def meaning(self, item: str) -> Meaning:
        """Return what is compared of an item."""
        if item not in self._meanings:
            self._meanings[item] = meaning_of(self.entries[item], self.frequencies)
        return self._meanings[item]

    def similar(self, item: str) -> list[Similar]:
        """Return the ten open items that are most like this one, the likest first."""
        own = self.meaning(item)
        return likest(own, candidates(own.weights, self.cells, item), self.entries, self.meaning)

    def place(self, item: str) -> None:
        """Put an item into its cells, and into a theme if it fits one or founds one. Once an item."""
        entry = self.entries[item]
        shorter = kept(Vector.unpacked(entry.vector), self.frequencies)
        own = Meaning(weigh(shorter, self.frequencies), _dense(entry.dense), entry.model)
        self._meanings[item] = own
        near = self.similar(item)
        cells = heaviest(own.weights, CELLS)
        for cell in cells:
            self.cells.setdefault(cell, []).append(item)
        self._write(item, entry, vector=shorter.packed(), cells=cells, is_placed=True)
        theme = self._theme_for(own, near)
        if theme:
            self._join(item, theme)
        elif near and near[0].score >= _least(own, self.meaning(near[0].item)):
            self._found(near[0].item, item)

    def recount(self, item: str) -> None:
        """Let a theme know that an item has more feedback, or less."""
        entry = self.entries[item]
        theme = self.themes.get(entry.theme) if entry.theme else None
        if theme and entry.theme:
            self._write_theme(entry.theme, theme, events=theme.events + entry.events - entry.counted)
            self._write(item, entry, counted=entry.events)

    def leave(self, item: str) -> None:
        """Take a closed item out; what it was merged into takes its place in the theme, unless it has one."""
        entry = self.entries.pop(item)
        for cell in entry.cells:
            if item in self.cells.get(cell, ()):
                self.cells[cell].remove(item)
        theme = self.themes.get(entry.theme) if entry.theme else None
        if theme and entry.theme:
            self._write_theme(
                entry.theme,
                theme,
                items=theme.items - 1,
                events=theme.events - entry.counted,
                phrases=counted(theme.phrases, entry.head, -1),
            )
            successor = self.entries.get(entry.into or "")
            if entry.into and successor and not (successor.theme or successor.is_leaving):
                self._join(entry.into, entry.theme)
            if (left := self.themes[entry.theme]) and left.items < 1:
                self.themes[entry.theme] = None

    def _theme_for(self, own: Meaning, near: Iterable[Similar]) -> str | None:
        """Return the theme, of those that the likest items are in, whose centre is likest, if it is like enough."""
        best, least = None, 0.0
        for name in dict.fromkeys(self.entries[one.item].theme for one in near):
            theme = self.themes.get(name) if name else None
            if theme is None or name is None:
                continue
            centre = Meaning(weigh(Vector.unpacked(theme.centre), self.frequencies), _dense(theme.dense), theme.model)
            score = likeness(own, centre)
            if score >= _least(own, centre) and score > least:
                best, least = name, score
        return best

    def _found(self, first: str, second: str) -> None:
        theme = derive("theme", self.project, first, second)
        entry = self.entries[first]
        self.themes[theme] = Theme(
            centre=entry.vector,
            dense=entry.dense,
            model=entry.model,
            phrases=counted({}, entry.head, 1),
            items=1,
            events=entry.events,
            first_at=entry.at,
            last_at=entry.at,
        )
        self._write(first, entry, theme=theme, counted=entry.events)
        self._join(second, theme)

    def _join(self, item: str, name: str) -> None:
        entry, theme = self.entries[item], self.themes[name]
        if theme is None:
            return
        items = theme.items + 1
        self._write_theme(
            name,
            theme,
            centre=_mean(theme.centre, entry.vector, items, self.frequencies),
            dense=_mean_dense(theme, entry, items),
            phrases=counted(theme.phrases, entry.head, 1),
            items=items,
            events=theme.events + entry.events,
            first_at=min(theme.first_at, entry.at),
            last_at=max(theme.last_at, entry.at),
        )
        self._write(item, entry, theme=name, counted=entry.events)

    def _write(self, item: str, _entry: Entry, **changes: object) -> None:
        self.entries[item] = self.entries[item].model_copy(update=changes)
        self.touched[item] = None

    def _write_theme(self, name: str, theme: Theme, **changes: object) -> None:
        self.themes[name] = theme.model_copy(update=changes)


def likeness(one: Meaning, other: Meaning) -> float:
    """Return how like two meanings are, 0 to 1: by their words and, where the same model read both, by it as well."""
    words = cosine(one.weights, other.weights)
    if one.dense is None or other.dense is None or one.model != other.model:
        return words
    by_model = max(0.0, sum(a * b for a, b in zip(one.dense, other.dense, strict=True)) / 127**2)
    return (words + MODEL_WEIGHS * by_model) / (1 + MODEL_WEIGHS)


def candidates(weights: Weights, cells: Mapping[int, Sequence[str]], item: str = "") -> list[str]:
    """Return the items that share the weightiest cells with these weights, the most promising first."""
    shared: Counter[str] = Counter()
    for cell in heaviest(weights, CELLS):
        for other in cells.get(cell, ())[-NEWEST:]:
            shared[other] += weights[cell]  # type: ignore[assignment]  # a counter adds floats as well
    shared.pop(item, None)
    return [other for other, _ in sorted(shared.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_CANDIDATES]]


def likest(
    own: Meaning, others: Iterable[str], entries: Mapping[str, Entry], meaning: Callable[[str], Meaning]
) -> list[Similar]:
    """Return the ten of the others that are most like `own`, without what is closed."""
    open_ = [other for other in others if other in entries and not entries[other].is_leaving]
    scored = [Similar(other, likeness(own, meaning(other))) for other in open_]
    return sorted(scored, key=lambda one: (-one.score, one.item))[:MOST_SIMILAR]


def meaning_of(entry: Entry, frequencies: Frequencies) -> Meaning:
    """Return what is compared of an entry, by the frequencies of today."""
    return Meaning(weigh(Vector.unpacked(entry.vector), frequencies), _dense(entry.dense), entry.model)


def packed_dense(vector: Iterable[float]) -> str:
    """Return a unit vector at one byte a number, as text."""
    return b64encode(array("b", [max(-127, min(127, round(127 * value))) for value in vector]).tobytes()).decode()


def _dense(text: str | None) -> "array[int] | None":
    return array("b", b64decode(text)) if text else None


def _least(own: Meaning, other: Meaning) -> float:
    return JOINS_BY_MODEL if own.dense and other.dense and own.model == other.model else JOINS


def _mean(centre: str, vector: str, items: int, frequencies: Frequencies) -> str:
    """Return the centre moved towards one more vector, by its share in the mean."""
    share = 1 / min(items, REMEMBERED)
    before, more = Vector.unpacked(centre).spread(), Vector.unpacked(vector).spread()
    amounts = {
        feature: before.get(feature, 0.0) * (1 - share) + more.get(feature, 0.0) * share
        for feature in sorted({*before, *more})
    }
    return kept(Vector.of(amounts, amounts), frequencies).packed()


def _mean_dense(theme: Theme, entry: Entry, items: int) -> str | None:
    before, more = _dense(theme.dense), _dense(entry.dense)
    if before is None or more is None or theme.model != entry.model:
        return theme.dense
    many = min(items, REMEMBERED) - 1
    summed = [many * a + b for a, b in zip(before, more, strict=True)]
    length = sqrt(sum(value * value for value in summed)) or 1.0
    return packed_dense(value / length for value in summed)
