"""The tables of the service `themes`, which alone writes them, and how anyone reads themes and what is similar."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from labelwright.contracts.payload import Part
from labelwright.engine.reads import Reads, in_groups
from labelwright.engine.tables import Documents, Ranking, Versioned, Window
from labelwright.themes.grouping import (
    CELLS,
    MOST_SIMILAR,
    NEWEST,
    Entry,
    Meaning,
    Similar,
    Theme,
    candidates,
    likest,
    meaning_of,
)
from labelwright.themes.vectors import Frequencies, heaviest

LEAST_ITEMS: Final = 5
"""Fewer items are no theme to suggest; what is like one of them is shown beside it all the same."""

MOST_EXAMPLES: Final = 5


class Tally(Part):
    """How many items of a project were placed, and how many when frequencies were last counted."""

    placed: int = 0
    counted_at: int = 0


class Counts(Part):
    """The frequencies of a project's features, packed."""

    texts: int
    counts: str


entries: Documents[Entry] = Documents("themes.entries", Entry)
"""Per project: each open item by its id, and a closed one until the next beat."""

themes: Documents[Theme] = Documents("themes.themes", Theme)
"""Per project: each theme by its id, also one too small to be suggested."""

members = Ranking("themes.members")
"""Per project and theme: its items, the newest first (by the millisecond, negative)."""

cells = Ranking("themes.cells")
"""Per project and feature: the items whose heaviest features it is one of, the newest first; 65,536 at most."""

suggested = Ranking("themes.suggested")
"""Per project: the themes of five items or more, those with the most feedback first (negative)."""

waiting = Ranking("themes.waiting")
"""`<project>/<item>` of what is to be placed, counted anew or taken out on the next beats, the oldest first."""

tallies: Documents[Tally] = Documents("themes.tallies", Tally)
"""By project; each beat that changes a project's themes raises its version, so that no two do so at once."""

frequencies: Documents[Counts] = Documents("themes.frequencies", Counts)
"""By project: in how many texts each feature occurs; rewritten more seldom the larger the project is."""

closed = Window("themes.closed", timedelta(hours=1), keep=2)
"""`<project>/<item>` whose end was heard of before its beginning."""


class Suggestion(Part):
    """A theme as it is shown."""

    theme: str
    name: str
    items: int
    events: int
    examples: list[str]
    model: str | None = None
    first_at: str
    last_at: str


async def frequencies_of(reads: Reads, projects: Iterable[str]) -> dict[str, Frequencies]:
    """Read the frequencies of projects; of one without any, those of no texts."""
    asked = list(dict.fromkeys(projects))
    (found,) = await reads(frequencies.get_many(asked))
    return {
        project: Frequencies.unpacked(found[project].value.texts, found[project].value.counts)
        if project in found
        else Frequencies()
        for project in asked
    }


async def suggestions(reads: Reads, project: str, limit: int) -> list[Suggestion]:
    """Read the themes of a project that have the most feedback, each with its newest items as examples."""
    (ranked,) = await reads(suggested.of(project).first(limit))
    names = [name for name, _ in ranked]
    documents, newest = await in_groups(
        reads,
        [themes.of(project).get_many(names)],
        [members.of(project, name).first(MOST_EXAMPLES) for name in names],
    )
    found: Mapping[str, Versioned[Theme]] = documents[0]
    return [
        suggestion(name, found[name].value, [item for item, _ in examples])
        for name, examples in zip(names, newest, strict=True)
        if name in found
    ]


def suggestion(name: str, theme: Theme, examples: Sequence[str]) -> Suggestion:
    """Return how a theme is shown."""
    return Suggestion(
        theme=name,
        name=theme.name,
        items=theme.items,
        events=theme.events,
        examples=list(examples),
        model=theme.model,
        first_at=theme.first_at.isoformat(),
        last_at=theme.last_at.isoformat(),
    )


async def similar(reads: Reads, project: str, item: str, limit: int = MOST_SIMILAR) -> list[Similar] | None:
    """Return the open items of the project that are most like this one, at most ten; None where it isn't open.

    Reads the item's cells and its candidates, however many items are open: about 250 kB at the most.
    """
    (found,) = await reads(entries.of(project).get(item))
    if found is None or found.value.is_leaving:
        return None
    known = await frequencies_of(reads, [project])
    own = meaning_of(found.value, known[project])
    lying = await lying_in(reads, [(project, cell) for cell in cells_of(own)])
    others = candidates(own.weights, {cell: items for (_, cell), items in lying.items()}, item)
    (read,) = await reads(entries.of(project).get_many(others))
    there = {other: document.value for other, document in read.items()}
    return likest(own, others, there, lambda other: meaning_of(there[other], known[project]))[:limit]


def cells_of(meaning: Meaning) -> list[int]:
    """Return the cells in which what is like this is looked for."""
    return heaviest(meaning.weights, CELLS)


async def lying_in(reads: Reads, asked: Iterable[tuple[str, int]]) -> dict[tuple[str, int], list[str]]:
    """Read the newest items of cells, the newest last, by project and cell."""
    wanted = list(dict.fromkeys(asked))
    ranked = await reads.many([cells.of(project, str(cell)).first(NEWEST) for project, cell in wanted])
    return {
        address: [item for item, _ in reversed(items)] for address, items in zip(wanted, ranked, strict=True) if items
    }
