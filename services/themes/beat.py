"""One beat in one project: place what is new, count anew what has grown, take out what is closed; and write it down."""

from collections.abc import Iterator, MutableMapping
from typing import Final

from labelwright.contracts.themes import ThemeSuggested
from labelwright.engine.decisions import Effect, Guard, emit
from labelwright.engine.tables import Versioned, milliseconds
from labelwright.themes import names
from labelwright.themes.grouping import Entry, Shelf, Theme
from labelwright.themes.tables import (
    LEAST_ITEMS,
    Counts,
    Tally,
    cells,
    entries,
    frequencies,
    members,
    suggested,
    tallies,
    themes,
    waiting,
)
from labelwright.themes.vectors import Vector
from services.themes.state import Address, Room, State

ALL_COUNTED: Final = 500
"""So many of a project's first texts are all counted; of later ones those of a beat, each time the project has grown
by a sixteenth: a sample, for the frequencies are large."""

STEP: Final = 1.25
"""A theme is told again when its items have grown or shrunk by so much."""


class Beat:
    """A project's themes before and after one beat."""

    def __init__(
        self, project: str, room: Room, state: State, held: MutableMapping[Address, Versioned[Entry] | None]
    ) -> None:
        self._project, self._room, self._state, self._held = project, room, state, held
        self._shelf = Shelf(project, room.frequencies)
        self._before = {address.item: known for address, known in held.items() if known and address.project == project}
        self._shelf.entries = {item: known.value for item, known in self._before.items()}
        self._shelf.themes = {name: theme.value for name, theme in room.themes.items()}
        self._shelf.cells = {cell: list(items) for cell, items in room.cells.items()}
        self._due = [one.item for one in state.waiting if one.project == project and one.item in self._before]
        self._new = [item for item in self._due if not self._before[item].value.is_placed]

    def place(self) -> None:
        """Do for each item, oldest first, what it waits for; and name the themes that have changed."""
        for item in self._due:
            entry = self._shelf.entries[item]
            if entry.is_leaving:
                self._shelf.leave(item)
            elif entry.is_placed:
                self._shelf.recount(item)
            else:
                self._shelf.place(item)
        for name, theme in self._shelf.themes.items():
            if theme and self._has_changed(name, theme):
                self._shelf.themes[name] = self._told(theme)
        for item in [*self._due, *self._shelf.touched]:
            self._held[Address(self._project, item)] = self._after(item)

    def guards(self) -> Iterator[Guard]:
        """Hold while no other beat has changed the project's themes, and what is written is as it was read."""
        yield tallies.version_is(self._project, self._room.version)
        table = entries.of(self._project)
        for item in dict.fromkeys([*self._due, *self._shelf.touched]):
            yield table.version_is(item, self._before[item].version)

    def effects(self) -> Iterator[Effect]:
        """Write what has changed, and tell the themes whose size or name have."""
        yield from self._counted()
        for item in self._due:
            yield waiting.drop(Address(self._project, item).name)
        for item in dict.fromkeys([*self._due, *self._shelf.touched]):
            yield from self._written(item)
        for name, theme in self._shelf.themes.items():
            if theme is None or self._has_changed(name, theme):
                yield from self._told_of(name, theme)

    def _after(self, item: str) -> Versioned[Entry] | None:
        entry = self._shelf.entries.get(item)
        return Versioned(self._before[item].version + 1, entry) if entry else None

    def _has_changed(self, name: str, theme: Theme) -> bool:
        known = self._room.themes.get(name)
        return known is None or known.value != theme

    def _told(self, theme: Theme) -> Theme:
        """Return the theme as it is to be told: when it grew or shrank by much, or begins or ends to be suggested."""
        was, is_ = theme.told >= LEAST_ITEMS, theme.items >= LEAST_ITEMS
        grew = is_ and not theme.told / STEP < theme.items < theme.told * STEP
        if was == is_ and not grew:
            return theme
        name = names.name(theme.phrases, theme.items, self._shelf.frequencies)
        return theme.model_copy(update={"told": theme.items, "name": name})

    def _counted(self) -> Iterator[Effect]:
        """Write the project's tally and, where that is due, its frequencies with the new texts counted in."""
        placed = self._room.tally.placed + len(self._new)
        is_due = self._new and (placed <= ALL_COUNTED or placed >= self._room.tally.counted_at * 17 / 16)
        tally = Tally(placed=placed, counted_at=placed if is_due else self._room.tally.counted_at)
        yield tallies.put(self._project, tally, self._room.version + 1)
        if is_due:
            texts = [Vector.unpacked(self._before[item].value.vector) for item in self._new]
            known = self._room.frequencies.add(texts)
            counts = Counts(texts=known.texts, counts=known.packed())
            yield frequencies.put(self._project, counts, self._room.version + 1)

    def _written(self, item: str) -> Iterator[Effect]:
        before, after = self._before[item].value, self._shelf.entries.get(item)
        table = entries.of(self._project)
        yield table.put(item, after, self._before[item].version + 1) if after else table.drop(item)
        now_in = set(after.cells) if after else set()
        for cell in before.cells:
            if cell not in now_in:
                yield cells.of(self._project, str(cell)).drop(item)
        for cell in after.cells if after else ():
            if cell not in before.cells:
                yield cells.of(self._project, str(cell)).put(item, -milliseconds(before.at))
        theme = after.theme if after else None
        if before.theme and before.theme != theme:
            yield members.of(self._project, before.theme).drop(item)
        if theme and theme != before.theme:
            yield members.of(self._project, theme).put(item, -milliseconds(before.at))

    def _told_of(self, name: str, theme: Theme | None) -> Iterator[Effect]:
        known = self._room.themes.get(name)
        table, ranking = themes.of(self._project), suggested.of(self._project)
        version = known.version + 1 if known else 1
        yield table.put(name, theme, version) if theme else table.drop(name)
        was = known is not None and known.value.told >= LEAST_ITEMS
        if theme and theme.items >= LEAST_ITEMS:
            yield ranking.put(name, -theme.events)
        elif was:
            yield ranking.drop(name)
        last = theme or (known.value.model_copy(update={"items": 0, "events": 0}) if known and was else None)
        if last and (theme is None or theme.told != (known.value.told if known else 0)):
            yield emit(self._suggestion(name, last))

    def _suggestion(self, name: str, theme: Theme) -> ThemeSuggested:
        inside = sorted(
            (item for item, entry in self._shelf.entries.items() if entry.theme == name),
            key=lambda item: (-milliseconds(self._shelf.entries[item].at), item),
        )
        return ThemeSuggested(
            theme=name,
            name=theme.name,
            items=theme.items,
            events=theme.events,
            examples=inside[:5] if theme.items else [],
            model=theme.model,
            first_at=theme.first_at,
            last_at=theme.last_at,
        )
