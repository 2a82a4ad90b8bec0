"""Group the texts of a list into themes, by the code that the service groups items by, without any server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from labelwright.themes import names
from labelwright.themes.grouping import Entry, Shelf, Similar
from labelwright.themes.vectors import Frequencies, read

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Group:
    """A theme of a list: its name, and the numbers of its texts from 0."""

    name: str
    members: list[int]


class Grouped:
    """A list of texts, grouped in its order, once how often what occurs in all of it was counted.

    `dense` are what a sentence model made of each text (`packed_dense`), `model` its version.
    """

    def __init__(self, texts: Sequence[str], dense: Sequence[str] | None = None, model: str | None = None) -> None:
        vectors = [read(text) for text in texts]
        self._shelf = Shelf("", Frequencies().add(vectors))
        for number, (text, vector) in enumerate(zip(texts, vectors, strict=True)):
            entry = Entry(
                head=text[: names.HEAD],
                vector=vector.packed(),
                dense=dense[number] if dense else None,
                model=model if dense else None,
                at=LONG_AGO,
            )
            self._shelf.entries[str(number)] = entry
            self._shelf.place(str(number))

    def groups(self, least: int = 1) -> list[Group]:
        """Return the themes of at least so many texts, the largest first."""
        members: dict[str, list[int]] = {}
        for item, entry in self._shelf.entries.items():
            if entry.theme:
                members.setdefault(entry.theme, []).append(int(item))
        large = [theme for theme, inside in members.items() if len(inside) >= least]
        chosen = sorted(large, key=lambda theme: -len(members[theme]))
        return [Group(self._name(theme), members[theme]) for theme in chosen]

    def similar(self, number: int) -> list[Similar]:
        """Return the ten texts that are most like this one, the likest first; `item` is a number as text."""
        return self._shelf.similar(str(number))

    def _name(self, name: str) -> str:
        theme = self._shelf.themes[name]
        return names.name(theme.phrases, theme.items, self._shelf.frequencies) if theme else ""
