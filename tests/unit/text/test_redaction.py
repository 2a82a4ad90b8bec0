"""Personal data is taken out of texts: by check digits where there are any, and never by what only looks like it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.text.finders import passes_luhn, passes_mod97
from labelwright.text.redaction import KINDS, Redacted, finds, names_marked, redact, redact_id, redact_strings

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
    ("AKIAIOSFODNN7EXAMPLE leaked", "[secret] leaked", "secret"),
    ("call me at 612345678.", "call me at [phone].", "phone"),
    ("電話は090-1234-5678です", "電話は[phone]です", "phone"),
    ("0049 171 2345678 is mine", "[phone] is mine", "phone"),
    ("password: hunter2, it says", "password: [secret], it says", "secret"),
    ("my password is Tr0ub4dor&3.", "my password is [secret].", "secret"),
    ("パスワードはhunter22です", "パスワードは[secret]です", "secret"),
    ("my PIN is 4821!", "my PIN is [secret]!", "secret"),
    ("postgres://ann:geheim@db.example/x", "postgres://ann:[secret]@db.example/x", "secret"),
    ("ghp_abcdefghijklmnopqrstuvwxyzABCDEFGHIJ", "[secret]", "secret"),
    ("My name is Anna Schmidt and I wait", "My name is [name] and I wait", "name"),
    ("my name is anna, it fails", "my name is [name], it fails", "name"),
    ("Ich heiße Jürgen von der Heide. Bitte", "Ich heiße [name]. Bitte", "name"),
    ("je m’appelle Zoé, merci", "je m’appelle [name], merci", "name"),
    ("Me llamo José María García López y espero", "Me llamo [name] y espero", "name"),
    ("mi chiamo Marco D'Angelo", "mi chiamo [name]", "name"),
    ("meu nome é João da Silva", "meu nome é [name]", "name"),
    ("私の名前は田中太郎です。", "私の名前は[name]です。", "name"),
    ("佐藤花子と申します。", "[name]と申します。", "name"),
    ("First name: Anna\nIt fails", "First name: [name]\nIt fails", "name"),
    ("Dear Mrs. Smith, thank you", "Dear Mrs. [name], thank you", "name"),
    ("It fails.\nKind regards,\nAnna Schmidt", "It fails.\nKind regards,\n[name]", "name"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----", "[secret]", "secret"),
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
    "order 550e8400-e29b-41d4-a716-446655440000",
    "commit 0123456789012345678901234567890123456789",
    "ISBN 978-0-306-40615-7",
    "EAN 4006381333931",
    "the price is 612 345 678 €",
    "注文番号04210740093が届きません",
    "1700000000 seconds",
    "git@github.com:labelwright/labelwright.git",
    "My name is wrong on the bill",
    "my name isn't shown",
    "mein Name ist falsch geschrieben",
    "名前は変更可能です",
    "私の名前は表示されません",
    "File name: Report Final",
    "Hi Team, it fails",
    "Thanks,\nGreat product",
    "password: required",
    "my password is wrong",
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


def test_a_marked_name_goes_out_wherever_else_it_stands() -> None:
    found = redact("My name is Anna Schmidt. ANNA SCHMIDT, Schmidt and Anna are one; annas and Hannah aren't.")

    assert found.text == "My name is [name]. [name], [name] and [name] are one; annas and Hannah aren't."


def test_a_name_that_is_a_word_goes_out_only_as_a_name() -> None:
    assert redact("my name is will and it will stay").text == "my name is [name] and it will stay"


def test_given_names_go_out() -> None:
    assert redact("Anna asked Bo", frozenset({"Anna Schmidt"})).text == "[name] asked Bo"


def test_fields_say_whose_names_they_hold() -> None:
    fields = {"user": {"name": "Anna Schmidt", "email": "bo.ek@example.org"}, "model": {"name": "Opus"}}

    assert names_marked([], fields) == {"Anna Schmidt", "Bo Ek"}


def test_fields_say_what_they_hold() -> None:
    fields = {"password": "x y", "phone": 491711234567, "tokens": 512, "token": "abc", "me@example.org": 1, "[mail]": 2}

    copy, counts = redact_strings(fields)

    assert copy == {
        "password": "[secret]", "phone": "[phone]", "tokens": 512, "token": "[secret]", "[mail]'": 1, "[mail]": 2,
    }  # fmt: skip
    assert counts == {"secret": 2, "phone": 1, "mail": 1}
    assert redact_strings(copy) == (copy, {})


def test_an_id_that_is_personal_has_one_pseudonym_in_a_project() -> None:
    (first, counts), (again, _), (elsewhere, _) = (redact_id("+49 171 2345678", name) for name in ("a", "a", "b"))

    assert first == again != elsewhere
    assert counts == {"phone": 1}
    assert "171" not in first


def test_takes_out_what_overlaps_as_one() -> None:
    found = redact("https://pay.example/?key=4111111111111111")

    assert sum(found.counts.values()) == 1
    assert "1111" not in found.text


PIECES = st.sampled_from(
    [
        *(text for text, _, _ in HIDDEN), *KEPT, "order ", "version ", "1.2.3.4", "0171 2345678", "name: ", "Bo", "://",
        "@", "+", "00", "[name]", "[mail]", "password=", "\n", "Regards,\n", "DE89", "4111", " ", "-", ".",
        "と申します",
    ]
)  # fmt: skip


@given(st.text() | st.text(st.characters(categories=["Cs", "Cf", "Mn", "Nd", "Lo"])))
def test_any_text_is_fine(text: str) -> None:
    once = redact(text).text

    assert redact(once) == Redacted(once, {})


@given(st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join))
def test_twice_is_once_and_nothing_is_found_in_what_is_left(text: str) -> None:
    once = redact(text)

    assert finds(once.text) == []
    assert redact(once.text).text == once.text
    assert once.counts.keys() <= set(KINDS)


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
