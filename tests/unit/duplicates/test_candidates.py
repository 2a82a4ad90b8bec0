"""Near-duplicates share a cell, other texts hardly ever do, and nobody's cells are another project's."""

from hypothesis import given
from hypothesis import strategies as st

from labelwright.duplicates import cells, read

KEY = b"k" * 16
GOLDEN = ("BBohxXdp", "knGShPg1", "MIIzhw+C", "cYOlqsH9")
TEXT = "The export of the yearly report to a spreadsheet stops at half of the rows"


def test_a_statement_has_fourteen_short_cells() -> None:
    found = cells(read(TEXT), KEY)

    assert len(set(found)) == 14
    assert {len(cell) for cell in found} == {8}


def test_cells_stay_what_they_are() -> None:
    """They outlive a release in the server: another way to work them out needs another name of the table."""
    assert cells(read(TEXT), KEY)[:4] == GOLDEN


def test_a_near_duplicate_shares_a_cell() -> None:
    near = "the exprot of the yearly report to spreadsheet stops at half of teh rows!"

    assert set(cells(read(TEXT), KEY)) & set(cells(read(near), KEY))


def test_another_statement_shares_none() -> None:
    other = "My card was declined although there is money on the account"

    assert not set(cells(read(TEXT), KEY)) & set(cells(read(other), KEY))


def test_another_key_gives_other_cells() -> None:
    assert not set(cells(read(TEXT), KEY)) & set(cells(read(TEXT), b"l" * 16))


@given(st.text())
def test_any_text_has_cells_and_equal_words_have_equal_ones(text: str) -> None:
    assert cells(read(text), KEY) == cells(read(f" {text} "), KEY)
    assert len(cells(read(text), KEY)) == 14


def test_a_million_letters_have_cells() -> None:
    assert len(cells(read("a" * 1_000_000), KEY)) == 14
