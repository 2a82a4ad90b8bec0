"""What themes knows of the items of a batch and, on the clock's beat, of those that wait and of what is near them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import unquote

from labelwright.contracts.envelope import Event
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReinforced, ItemReopened
from labelwright.contracts.payload import Payload
from labelwright.contracts.quality import TickStruck
from labelwright.engine.reads import Reads, in_groups
from labelwright.engine.tables import Versioned
from labelwright.metrics import Sample
from labelwright.stories import cases, story_key
from labelwright.themes.grouping import Entry, Theme, candidates, meaning_of
from labelwright.themes.tables import (
    Tally,
    cells_of,
    closed,
    entries,
    frequencies_of,
    lying_in,
    suggested,
    tallies,
    themes,
    waiting,
)
from labelwright.themes.vectors import Frequencies
from services.themes.reading import Dense, reader_of
from services.themes.settings import settings

MOST_PLACED: Final = 40
"""Items that one beat places or takes out: with 24 cells each, as much as fits into one commit."""


MOST_WAITING_TOLD: Final = 1_000


class Address(NamedTuple):
    """An item of a project."""

    project: str
    item: str

    @property
    def name(self) -> str:
        """The address in one word."""
        return story_key(*self)

    @classmethod
    def named(cls, name: str) -> "Address":
        """Return the address of that name."""
        project, _, item = name.partition("/")
        return cls(unquote(project), item)


@dataclass(frozen=True, slots=True)
class Room:
    """What a beat knows of one project: how often what occurs, the items in the cells it looks into, the themes there.

    The version is that of the project's tally: whoever changes its themes raises it.
    """

    tally: Tally
    version: int
    frequencies: Frequencies
    cells: Mapping[int, Sequence[str]]
    themes: Mapping[str, Versioned[Theme]]


@dataclass(frozen=True, slots=True)
class State:
    """The known items by address, what the model made of new ones, and on a tick what waits, and each project's room.

    `texts` are those of reopened items, `ended` the new items whose end was heard of already.
    """

    now: datetime
    entries: Mapping[Address, Versioned[Entry]] = field(default_factory=dict)
    dense: Mapping[str, Dense] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    ended: frozenset[str] = frozenset()
    waiting: Sequence[Address] = ()
    rooms: Mapping[str, Room] = field(default_factory=dict)


async def load(batch: Sequence[Event[Payload]], reads: Reads) -> State:
    """Read the batch's items; on a tick also what waits and, for each of it, at most 96 items and their themes."""
    is_tick = any(isinstance(event.data, TickStruck) for event in batch)
    (due,) = await reads(waiting.first(MOST_PLACED)) if is_tick else ([],)
    queue = [Address.named(name) for name, _ in due]
    opened = {
        Address(event.project, event.data.item): event.data.text
        for event in batch
        if isinstance(event.data, ItemOpened)
    }
    reopened = [Address(event.project, event.data.item) for event in batch if isinstance(event.data, ItemReopened)]
    known = await _entries(reads, [*_addresses(batch), *queue])
    ended, told = await in_groups(
        reads,
        [closed.get_many([one.name for one in opened], reads.now)],
        [cases.get_many([one.item for one in reopened])],
    )
    texts = {
        one.name: told[0][one.item].value.text
        for one in reopened
        if one.item in told[0] and told[0][one.item].value.project == one.project
    }
    fresh = {one.name: text for one, text in opened.items() if one not in known} | texts
    folder = settings().folder
    dense = await reader_of(folder).read(fresh) if folder and fresh else {}
    state = State(reads.now, known, dense, texts, frozenset(ended[0]), queue)
    return await _with_rooms(state, reads) if queue else state


async def gauges(reads: Reads) -> Iterable[Sample]:
    """Export how many themes each project has, and how many items wait: of the thousand oldest, and so at most."""
    due, known = await reads(waiting.first(MOST_WAITING_TOLD), tallies.all())
    projects = sorted(known)
    sizes = await reads.many([suggested.of(project).size() for project in projects])
    unplaced = Counter(Address.named(name).project for name, _ in due)
    return [
        *(
            Sample("labelwright_themes", {"project": one}, float(size))
            for one, size in zip(projects, sizes, strict=True)
        ),
        *(Sample("labelwright_themes_waiting_items", {"project": one}, float(unplaced[one])) for one in projects),
    ]


def _addresses(batch: Sequence[Event[Payload]]) -> Iterable[Address]:
    for event in batch:
        match event.data:
            case ItemOpened(item=item) | ItemReinforced(item=item) | ItemClosed(item=item) | ItemReopened(item=item):
                yield Address(event.project, item)


async def _entries(reads: Reads, asked: Iterable[Address]) -> dict[Address, Versioned[Entry]]:
    by_project: defaultdict[str, list[str]] = defaultdict(list)
    for project, item in asked:
        by_project[project].append(item)
    found = await reads.many([entries.of(project).get_many(items) for project, items in by_project.items()])
    return {
        Address(project, item): document
        for project, documents in zip(by_project, found, strict=True)
        for item, document in documents.items()
    }


async def _with_rooms(state: State, reads: Reads) -> State:
    """Read what is near the items that wait: their cells, the candidates in them, their themes; three round trips."""
    projects = list(dict.fromkeys(one.project for one in state.waiting))
    known = await frequencies_of(reads, projects)
    meanings = {
        one: meaning_of(state.entries[one].value, known[one.project]) for one in state.waiting if one in state.entries
    }
    lying = await lying_in(
        reads, [(one.project, cell) for one, meaning in meanings.items() for cell in cells_of(meaning)]
    )
    cells: dict[str, dict[int, list[str]]] = {project: {} for project in projects}
    for (project, cell), items in lying.items():
        cells[project][cell] = items
    near = [
        Address(one.project, other)
        for one, meaning in meanings.items()
        for other in candidates(meaning.weights, cells[one.project], one.item)
    ]
    heirs = [Address(one.project, into) for one in meanings if (into := state.entries[one].value.into)]
    found = {**await _entries(reads, [*near, *heirs]), **state.entries}
    named: dict[str, dict[str, None]] = {project: {} for project in projects}
    for address, entry in found.items():
        if entry.value.theme and address.project in named:
            named[address.project][entry.value.theme] = None
    documents, counted = await in_groups(
        reads, [themes.of(project).get_many(names) for project, names in named.items()], [tallies.get_many(projects)]
    )
    rooms = {}
    for project, themes_found in zip(named, documents, strict=True):
        tally = counted[0].get(project) or Versioned(0, Tally())
        rooms[project] = Room(tally.value, tally.version, known[project], cells[project], themes_found)
    return State(state.now, found, state.dense, state.texts, state.ended, state.waiting, rooms)
