"""Equal fingerprints mean the same statement, in whatever writing; different ones a different one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.errors import SettingsError
from labelwright.text.fingerprint import fingerprint
from labelwright.text.words import normalise

KEY = b"k" * 32
SAME = [
    ("The price is wrong!", "the  PRICE is wrong"),
    ("The price is wrong", "ｔｈｅ ｐｒｉｃｅ is wrong."),
    ("Hi team,\nthe price is wrong\nThanks", "The price is wrong"),
    ("The price is wrong\n-- \nSent by Ann", "the price is wrong"),
    ("> you said 12\nthe price is wrong here", "The price is wrong here"),
    ("don't do that", "dont do that"),
    ("die Straße ist gesperrt", "DIE STRASSE IST GESPERRT"),
]
DIFFERENT = [
    ("it costs 1.5", "it costs 15"),
    ("it is -5 outside", "it is 5 outside"),
    ("up by 5 %", "up by 5"),
    ("it costs 5 €", "it costs 5 $"),
    ("the answer is correct", "the answer is not correct"),
    ("👍", "👎"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_statement_in_two_writings_is_one(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)
    assert fingerprint(("p",), one, KEY) == fingerprint(("p",), other, KEY)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_statements_that_look_alike_stay_two(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@given(st.text())
def test_any_text_is_fine_and_normalising_twice_is_once(text: str) -> None:
    once = normalise(text)

    assert normalise(once) == once


@given(st.text(min_size=1).filter(str.strip))
def test_case_and_space_around_don_t_matter(text: str) -> None:
    assert normalise(f"  {text}\n") == normalise(text)


def test_the_parts_of_a_scope_are_kept_apart() -> None:
    assert fingerprint(("a", "bc"), "x", KEY) != fingerprint(("ab", "c"), "x", KEY)


def test_nobody_can_tell_without_the_key() -> None:
    assert fingerprint((), "wrong price", KEY) != fingerprint((), "wrong price", b"other" * 4)
    with pytest.raises(SettingsError, match="the fingerprint key has 0 bytes"):
        fingerprint((), "wrong price", b"")


@pytest.mark.parametrize("unit", ["a", "\u0301", "> ", "hi ", "thanks ", "\u202e", "'", ". ", "漢", "😀\u200d"])
def test_a_million_characters_come_to_an_end(unit: str) -> None:
    """Neither marks that NFKC sorts nor courtesies at the tail take quadratic time, which would not come back."""
    assert isinstance(normalise(unit * (1_000_000 // len(unit))), str)
