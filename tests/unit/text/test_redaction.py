"""Personal data is taken out of texts: by check digits where there are any, and never by what only looks like it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.text.finders import passes_luhn, passes_mod97
from labelwright.text.redaction import redact, redact_strings

HIDDEN = [
    ("write to Ann.Lee+x@mail.example.co.uk please", "write to [mail] please", "mail"),
    ("my card is 4111 1111 1111 1111, charged twice", "my card is [card], charged twice", "card"),
    ("card 5500-0055-5555-5559", "card [card]", "card"),
    ("IBAN DE89 3704 0044 0532 0130 00 was debited", "IBAN [iban] was debited", "iban"),
    ("GB82WEST12345698765432", "[iban]", "iban"),
    ("login from 203.0.113.7 today", "login from [ip] today", "ip"),
    ("and from 2001:db8::8a2e:370:7334", "and from [ip]", "ip"),
    ("call +44 20 7946 0958", "call [phone]", "phone"),
    ("call 415-555-0123", "call [phone]", "phone"),
    ("my number is 0171 2345678", "my number is [phone]", "phone"),
    ("AKIAIOSFODNN7EXAMPLE leaked", "[key] leaked", "key"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----", "[key]", "key"),
]
KEPT = [
    "card 4111 1111 1111 1112 has a wrong check digit",
    "order 1234567890123 is late",
    "GB82WEST12345698765433 is mistyped",
    "version 10.11.12.13 of the app",
    "it costs 1,234.50 since 2026-11-24",
    "open logo@2x.png",
    "order 415-555-0123 hasn't come",
    "bearer responsibilities",
    "",
]


@pytest.mark.parametrize(("text", "redacted", "kind"), HIDDEN, ids=[kind for *_, kind in HIDDEN])
def test_takes_out_what_is_personal(text: str, redacted: str, kind: str) -> None:
    found = redact(text)

    assert found.text == redacted
    assert found.counts == {kind: 1}


@pytest.mark.parametrize("text", KEPT)
def test_keeps_what_only_looks_like_it(text: str) -> None:
    assert redact(text).text == text
    assert redact(text).counts == {}


def test_takes_out_what_is_written_in_other_scripts_digits() -> None:
    assert redact("call +４４ ２０ ７９４６ ０９５８").text == "call [phone]"


def test_takes_out_what_overlaps_as_one() -> None:
    found = redact("https://pay.example/?key=4111111111111111")

    assert sum(found.counts.values()) == 1
    assert "1111" not in found.text


@given(st.text())
def test_any_text_is_fine_and_twice_is_once(text: str) -> None:
    once = redact(text).text

    assert redact(once).text == once


@given(st.text(alphabet="abc xyz\n", max_size=30), st.integers(10**14, 10**15 - 1), st.text(alphabet=" ,;", min_size=1))
def test_a_card_number_never_stays(before: str, stem: int, after: str) -> None:
    digits = f"4{stem % 10**14:014d}"
    number = next(f"{digits}{check}" for check in range(10) if passes_luhn(f"{digits}{check}".encode()))

    assert number not in redact(f"{before} {number}{after}").text


@given(st.integers(0, 10**18 - 1))
def test_an_iban_never_stays(account: int) -> None:
    rest = f"{account:018d}"
    number = next(f"DE{check:02d}{rest}" for check in range(2, 99) if passes_mod97(f"DE{check:02d}{rest}".encode()))

    assert redact(f"to {number}.").text == "to [iban]."


@pytest.mark.parametrize(
    "unit", ["@", "a@", "1", "1.", "1:", "+1 ", "4111", "(((", "DE89 ", "key=", "://:", "-----BEGIN ", "a" * 63 + "."]
)
def test_hostile_text_is_read_to_its_end(unit: str) -> None:
    """All patterns are RE2's; a backtracking one would not come back within the test's time."""
    text = unit * (1_000_000 // len(unit))

    assert len(redact(text).text) > 0


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(JSON)
def test_strings_are_redacted_at_any_depth_and_the_value_is_left_alone(value: Any) -> None:
    before = json.dumps(value)
    nested: Any = [{"deep": [value, "me@example.org"]}]

    copy, counts = redact_strings(nested)

    assert json.dumps(value) == before
    assert copy[0]["deep"][1] == "[mail]"
    assert counts["mail"] >= 1


def test_a_value_that_nests_deeper_than_python_calls_is_redacted() -> None:
    value: Any = "me@example.org"
    for _ in range(5_000):
        value = [value]

    copy, counts = redact_strings(value)

    for _ in range(5_000):
        (copy,) = copy
    assert copy == "[mail]"
    assert counts == {"mail": 1}
