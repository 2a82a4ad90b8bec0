"""Vectors: any text, linear, compact, and alike where the words are."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labelwright.themes.vectors import (
    MOST_CHARACTERS,
    MOST_KEPT,
    MOST_READ,
    Frequencies,
    Vector,
    cosine,
    feature_of,
    kept,
    read,
    weigh,
)

NOTHING = Frequencies()


def _alike(one: str, other: str, known: Frequencies = NOTHING) -> float:
    return cosine(weigh(read(one), known), weigh(read(other), known))


def test_equal_words_are_the_same_and_foreign_ones_have_nothing_in_common() -> None:
    assert _alike("The card was declined", "the CARD was declined") == pytest.approx(1)
    assert _alike("xyz", "quark") == 0


def test_a_typing_error_leaves_most_in_common() -> None:
    assert _alike("my payment was declined", "my paymet was declined") > 0.8
    assert _alike("payment", "paymet") > _alike("payment", "weather")


def test_words_within_a_word_are_found() -> None:
    assert _alike("NameNodeTimeout", "name node timeout") > _alike("namenodetimeout", "name node timeout")


def test_what_is_said_first_counts_most() -> None:
    tail = " and so on" * 60

    assert _alike("login broken" + tail, "login broken") > _alike("pay" + tail + " login broken", "login broken")


def test_what_is_rare_in_the_project_counts_most() -> None:
    known = Frequencies().add([read(f"the card number {number}") for number in range(50)] + [read("stolen")])

    assert known.rarity(feature_of("stolen")) > known.rarity(feature_of("card"))
    assert _alike("card stolen", "stolen bag", known) > _alike("card stolen", "card bag", known)


def test_languages_without_spaces_have_parts_in_common() -> None:
    assert _alike("カードが盗まれました", "カードを紛失しました") > _alike("カードが盗まれました", "天気は晴れです")


def test_at_most_so_many_features_are_kept() -> None:
    vector = read(" ".join(f"word{number}" for number in range(2_000)))

    assert len(vector.features) == MOST_READ
    assert len(kept(vector, NOTHING).features) == MOST_KEPT


@given(st.text(max_size=400))
@example("")
@example("\ud800\udfff \u202e\u200b e" + "\u0301" * 300)
@example("😀" * 50)
@example("我" * 200)
def test_any_text_has_a_vector_that_is_packed_and_read_as_it_was(text: str) -> None:
    vector = read(text)

    assert Vector.unpacked(vector.packed()) == vector
    assert list(vector.features) == sorted(set(vector.features))
    assert weigh(vector, NOTHING) == {} or _alike(text, text) == pytest.approx(1)


@given(st.lists(st.text(max_size=40), max_size=5))
def test_frequencies_are_packed_and_read_as_they_were(texts: list[str]) -> None:
    known = Frequencies().add([read(text) for text in texts])

    assert known.texts == len(texts)
    assert Frequencies.unpacked(known.texts, known.packed()) == known


@pytest.mark.parametrize("text", ["a" * 1_000_000, "a b" * 300_000, "e" + "\u0301" * 500_000, "字" * 500_000])
def test_a_megabyte_takes_no_longer_than_its_head(text: str) -> None:
    began = time.perf_counter()
    vector = read(text)

    assert time.perf_counter() - began < 0.5
    assert vector == read(text[:MOST_CHARACTERS])
