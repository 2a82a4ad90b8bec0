"""What is left of feedback after intake."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted, FeedbackReceived
from labelwright.identity import derive
from services.intake.cleaning import clean

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DOWN: dict[str, Any] = {"kind": "thumb", "value": -1, "subject": {"type": "llm_response", "id": "r1"}}


def _cleaned(**fields: Any) -> FeedbackAccepted:
    feedback = FeedbackReceived.model_validate(DOWN | fields)
    return clean(Event("f1", "/gateway", "acme", NOW, feedback), feedback)


def _accepted(**fields: Any) -> FeedbackAccepted:
    return FeedbackAccepted.model_validate(DOWN | {"feedback": "f1", "received_at": NOW} | fields)


def test_personal_data_are_taken_out_of_every_text_and_counted() -> None:
    mail = "write to anna@example.com"

    cleaned = _cleaned(
        comment=mail,
        corrected=mail,
        reason=mail,
        subject={"type": "llm_response", "id": "r1", "prompt": mail, "response": "from 192.168.7.9"},
        meta={"note": mail, "nested": [{"deep": mail}], "number": 7},
    )

    said = "write to [mail]"
    assert cleaned == _accepted(
        comment=said,
        corrected=said,
        reason=said,
        subject={"type": "llm_response", "id": "r1", "prompt": said, "response": "from [ip]"},
        meta={"note": said, "nested": [{"deep": said}], "number": 7},
        redactions={"mail": 6, "ip": 1},
    )


def test_ids_stay_unless_they_are_personal_data() -> None:
    mail, card = "anna@example.com", "4111 1111 1111 1111"

    cleaned = _cleaned(user=mail, customer=card, trace_id="4bf92f3577b34da6a3ce929d0e0e4736", environment="eu@1")

    assert cleaned == _accepted(
        user=derive("pseudonym", "acme", mail),
        customer=derive("pseudonym", "acme", card),
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        environment="eu@1",
        redactions={"mail": 1, "card": 1},
    )


@pytest.mark.parametrize("user", ["4711", "u-00491711234567", "0171234567", "550e8400-e29b-41d4-a716-446655440000"])
def test_numbers_are_ids_like_others(user: str) -> None:
    assert _cleaned(user=user).user == user


def test_a_name_that_one_text_marks_goes_out_of_all_of_them() -> None:
    cleaned = _cleaned(
        comment="My name is Anna Schmidt and it is wrong",
        subject={"type": "llm_response", "id": "r1", "response": "Of course, Anna! Your order, Mrs Schmidt, is late."},
        meta={"user": {"name": "Bert Brecht"}, "note": "bert brecht sits beside Anna"},
    )

    assert cleaned == _accepted(
        comment="My name is [name] and it is wrong",
        subject={
            "type": "llm_response",
            "id": "r1",
            "response": "Of course, [name]! Your order, Mrs [name], is late.",
        },
        meta={"user": {"name": "[name]"}, "note": "[name] sits beside [name]"},
        redactions={"name": 6},
    )


def test_users_with_mail_addresses_stay_apart() -> None:
    assert _cleaned(user="anna@example.com").user != _cleaned(user="bert@example.com").user


def test_texts_are_trimmed_and_in_one_form_of_unicode() -> None:
    assert _cleaned(comment="  ﬁne\u2003 ", reason="\u200b") == _accepted(comment="fine")


def test_a_time_without_a_zone_is_utc() -> None:
    assert _cleaned(occurred_at="2026-05-04T11:00:00").occurred_at == datetime(2026, 5, 4, 11, tzinfo=UTC)


def test_a_tower_of_marks_is_cut_before_it_is_sorted() -> None:
    assert len(_cleaned(comment="a" + "\u0315\u0300" * 16_000).comment or "") <= 31


@given(st.text(max_size=60))
def test_cleaning_twice_is_cleaning_once(comment: str) -> None:
    once = _cleaned(comment=comment)

    assert _cleaned(comment=once.comment).comment == once.comment


@given(
    st.text(alphabet=st.characters(categories=["L"]), max_size=9), st.sampled_from(["comment", "corrected", "reason"])
)
@pytest.mark.parametrize("secret", ["anna@example.com", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"])
def test_no_text_keeps_what_is_personal(secret: str, before: str, name: str) -> None:
    cleaned = _cleaned(**{name: f"{before} {secret} is it"})

    assert secret not in (getattr(cleaned, name) or "")
    assert sum(cleaned.redactions.values()) >= 1
