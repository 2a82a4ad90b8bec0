"""Names: a theme's own words, as its people write them."""

from hypothesis import given
from hypothesis import strategies as st

from labelwright.themes.names import MOST_PHRASES, counted, name, phrases
from labelwright.themes.offline import Grouped
from labelwright.themes.vectors import Frequencies, read

CARDS = [f"My debit card was declined at the {where}" for where in ("shop", "station", "hotel", "museum", "bakery")]
APPS = [f"The NameNode crashes when I open the {what}" for what in ("map", "menu", "camera", "calendar", "inbox")]
WISHES = ("close", "rename", "share", "print", "find", "lock", "copy")
OTHERS = [f"I would like to {what} my account" for what in WISHES]


def _names(texts: list[str]) -> list[str]:
    return [group.name for group in Grouped(texts).groups(5)]


def test_a_theme_is_named_by_what_it_says_and_others_do_not() -> None:
    first, second = sorted(_names(CARDS + APPS), key=lambda one: "NameNode" in one)

    assert "debit card" in first or "card" in first
    assert "declined" in first
    assert "NameNode" in second


def test_small_words_name_nothing() -> None:
    for told in _names(CARDS + APPS + OTHERS):
        assert not {"my", "the", "was", "at", "when", "i", "to"} & set(told.casefold().replace(",", "").split())


def test_a_name_is_written_as_most_write_it() -> None:
    texts = ["iPhone broken", "iPhone broken", "iphone broken"]
    known: dict[str, int] = {}
    for text in texts:
        known = counted(known, text, 1)

    assert "iPhone" in name(known, 3, Frequencies().add([read("something else")] * 20))


def test_no_two_parts_share_a_word() -> None:
    for told in _names(CARDS + APPS + OTHERS):
        used = told.casefold().replace(",", "").split()
        assert len(used) == len(set(used))


def test_what_leaves_is_counted_no_more() -> None:
    known = counted(counted({}, CARDS[0], 1), CARDS[1], 1)

    assert counted(known, CARDS[1], -1) == counted({}, CARDS[0], 1)


def test_a_phrase_crosses_no_sentence() -> None:
    assert "late card" not in phrases("It came late. Card is fine")


@given(st.lists(st.text(max_size=200), max_size=8))
def test_any_texts_have_a_name_that_is_one_of_few_phrases(texts: list[str]) -> None:
    known: dict[str, int] = {}
    for text in texts:
        known = counted(known, text, 1)
        assert len(known) <= MOST_PHRASES

    told = name(known, len(texts), Frequencies().add([read(text) for text in texts]))
    assert told == "" or 1 <= len(told.split(", ")) <= 3
    assert len(told) <= 400
