"""Grouping: what has one cause comes together, what leaves makes room, and the work for one item is bounded."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.themes.grouping import (
    CELLS,
    MOST_CANDIDATES,
    MOST_SIMILAR,
    NEWEST,
    Entry,
    Meaning,
    Shelf,
    candidates,
    likeness,
    packed_dense,
)
from labelwright.themes.offline import Grouped
from labelwright.themes.vectors import Frequencies, read, weigh

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
CARDS = [f"My card was declined at the {where}" for where in ("shop", "station", "hotel", "museum", "bakery", "kiosk")]
APPS = [f"The app crashes when I open the {what}" for what in ("map", "menu", "camera", "calendar", "inbox", "profile")]


def _shelf(texts: Sequence[str], dense: Sequence[Sequence[float]] | None = None) -> Shelf:
    shelf = Shelf("acme", Frequencies().add([read(text) for text in texts]))
    for number, text in enumerate(texts):
        vector = packed_dense(dense[number]) if dense else None
        shelf.entries[f"i{number}"] = Entry(
            head=text, vector=read(text).packed(), dense=vector, model="m" if dense else None, at=NOW
        )
        shelf.place(f"i{number}")
    return shelf


def _members(shelf: Shelf) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for item, entry in shelf.entries.items():
        if entry.theme:
            found.setdefault(entry.theme, set()).add(item)
    return found


def test_what_has_one_cause_comes_together_and_what_has_none_stays_alone() -> None:
    shelf = _shelf([text for pair in zip(CARDS, APPS, strict=True) for text in pair] + ["Thanks"])

    assert sorted(map(sorted, _members(shelf).values())) == sorted(
        [sorted(f"i{number}" for number in range(0, 12, 2)), sorted(f"i{number}" for number in range(1, 12, 2))]
    )
    assert shelf.entries["i12"].theme is None


def test_a_theme_counts_its_items_and_their_feedback() -> None:
    shelf = _shelf(CARDS)
    (theme,) = shelf.themes
    shelf.entries["i0"] = shelf.entries["i0"].model_copy(update={"events": 5})

    shelf.recount("i0")

    held = shelf.themes[theme]
    assert held is not None
    assert (held.items, held.events) == (6, 10)


def test_a_closed_item_leaves_its_theme_its_cells_and_the_similar() -> None:
    shelf = _shelf(CARDS)
    (theme,) = shelf.themes

    shelf.leave("i0")

    held = shelf.themes[theme]
    assert held is not None
    assert (held.items, held.events) == (5, 5)
    assert "shop" not in held.phrases
    assert all("i0" not in items for items in shelf.cells.values())
    assert "i0" not in {one.item for one in shelf.similar("i1")}


def test_a_theme_goes_with_its_last_item() -> None:
    shelf = _shelf(CARDS)
    (theme,) = shelf.themes

    for number in range(len(CARDS)):
        shelf.leave(f"i{number}")

    assert shelf.themes[theme] is None
    assert not any(shelf.cells.values())


def test_what_an_item_was_merged_into_takes_its_place_unless_it_has_one() -> None:
    shelf = _shelf([*CARDS, "Thanks", *APPS])
    cards, apps = shelf.entries["i0"].theme, shelf.entries["i7"].theme
    for item, into in (("i0", "i6"), ("i1", "i7")):
        shelf.entries[item] = shelf.entries[item].model_copy(update={"is_leaving": True, "into": into})
        shelf.leave(item)

    assert cards
    held = shelf.themes[cards]
    assert held is not None
    assert shelf.entries["i6"].theme == cards
    assert shelf.entries["i7"].theme == apps
    assert held.items == 5


def test_a_model_brings_together_what_words_do_not() -> None:
    texts = ["Refund me", "Return what I paid", "Sunny weather"]
    dense = [[1.0, 0.0], [0.9, 0.44], [0.0, 1.0]]
    by_words = likeness(*(Meaning(weigh(read(text), Frequencies())) for text in texts[:2]))
    shelf = _shelf(texts, dense)

    assert likeness(shelf.meaning("i0"), shelf.meaning("i1")) > by_words
    assert likeness(shelf.meaning("i0"), shelf.meaning("i2")) == pytest.approx(0)


def test_two_models_are_not_compared() -> None:
    shelf = _shelf(["Refund me", "Repay me"], [[1.0, 0.0], [1.0, 0.0]])
    one, other = shelf.meaning("i0"), shelf.meaning("i1")

    assert likeness(one, Meaning(other.weights, other.dense, "another")) == likeness(one, Meaning(other.weights))


def test_an_item_is_compared_with_few_however_many_are_like_it() -> None:
    weights = weigh(read(CARDS[0]), Frequencies())
    crowded = {cell: [f"i{number}" for number in range(10_000)] for cell in weights}

    found = candidates(weights, crowded)

    assert len(found) == MOST_CANDIDATES
    assert {int(item[1:]) for item in found} <= set(range(10_000 - NEWEST, 10_000))


@given(st.lists(st.text(max_size=60), max_size=12))
def test_any_texts_are_grouped_each_once(texts: list[str]) -> None:
    grouped = Grouped(texts)

    members = [number for group in grouped.groups() for number in group.members]
    assert len(members) == len(set(members))
    for number in range(len(texts)):
        similar = grouped.similar(number)
        assert len(similar) <= MOST_SIMILAR
        assert str(number) not in {one.item for one in similar}
        assert [one.score for one in similar] == sorted((one.score for one in similar), reverse=True)


@given(st.lists(st.sampled_from(CARDS + APPS), max_size=20), st.data())
def test_a_shelf_keeps_its_books_whatever_leaves(texts: list[str], data: st.DataObject) -> None:
    shelf = _shelf(texts)
    for item in data.draw(st.lists(st.sampled_from(sorted(shelf.entries)), unique=True)) if texts else []:
        shelf.leave(item)

    held = {theme: inside for theme, inside in shelf.themes.items() if inside}
    assert {theme: inside.items for theme, inside in held.items()} == {
        theme: len(items) for theme, items in _members(shelf).items()
    }
    assert {item for items in shelf.cells.values() for item in items} <= shelf.entries.keys()
    assert all(len(entry.cells) <= CELLS for entry in shelf.entries.values())
