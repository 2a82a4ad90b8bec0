"""Statements are merged only where every difference is harmless."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.duplicates import compare, read
from tests.unit.duplicates.pairs import APART, SAME

TABLE = Path(__file__).parents[4] / "shared" / "data" / "duplicates" / "pairs.jsonl"
DOUBTS = {
    "a number or a sign differs",
    "a word that changes the meaning differs",
    "a name differs",
    "one asks, the other says",
    "another question",
    "words changed places",
    "other words",
    "one says more",
}
HOSTILE = [
    "",
    " ",
    "a" * 100_000,
    "a " * 50_000,
    ". " * 50_000,
    "漢字" * 25_000,
    "\u0301" * 50_000,
    "\u202eabc\u202c \u200b\u200d",
    "😀\u200d" * 25_000,
    "not " * 25_000,
    "\ud800",
    "Hi, " * 25_000,
    "thanks. " * 12_500,
    "A" * 50_000 + " not",
]


@pytest.mark.parametrize(("one", "other"), APART)
def test_what_says_something_else_is_not_merged(one: str, other: str) -> None:
    assert compare(read(one), read(other)).outcome != "merged"
    assert compare(read(other), read(one)).outcome != "merged"


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_says_the_same_is_merged(one: str, other: str) -> None:
    assert compare(read(one), read(other)).outcome == "merged"
    assert compare(read(other), read(one)).outcome == "merged"


def test_every_doubt_is_needed_by_some_pair() -> None:
    reasons = {compare(read(one), read(other)).reason for one, other in APART}

    assert reasons >= DOUBTS


@pytest.mark.skipif(not TABLE.exists(), reason="the public table of pairs is not here")
def test_the_public_table_holds() -> None:
    pairs = [json.loads(line) for line in TABLE.read_text("utf-8").splitlines()]
    merged = [compare(read(pair["a"]), read(pair["b"])).outcome == "merged" for pair in pairs]

    assert not [pair for pair, is_merged in zip(pairs, merged, strict=True) if is_merged and not pair["merge"]]
    assert sum(is_merged for pair, is_merged in zip(pairs, merged, strict=True) if pair["merge"]) >= 44


@pytest.mark.parametrize("one", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("other", HOSTILE, ids=range(len(HOSTILE)))
def test_any_two_texts_are_compared_in_a_moment(one: str, other: str) -> None:
    """What takes quadratic time would not come back before the test's deadline."""
    verdict = compare(read(one), read(other))

    assert 0 <= verdict.score <= 1


@given(st.text(), st.text())
def test_no_text_is_too_strange(one: str, other: str) -> None:
    verdict = compare(read(one), read(other))

    assert 0 <= verdict.score <= 1
    assert (verdict.score == 0) <= (verdict.outcome == "merged")


@given(st.text())
def test_a_text_says_what_it_says(text: str) -> None:
    assert compare(read(text), read(f"  {text}\n")).reason == "the same words"


def test_a_long_text_is_left_to_people() -> None:
    words = " ".join(f"word{number}" for number in range(500))

    verdict = compare(read(words), read(f"{words} more"))

    assert (verdict.outcome, verdict.reason) == ("proposed", "too long to compare word by word")
