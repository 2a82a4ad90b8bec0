"""What makes two pieces of feedback say the same, and what annotators see of them."""

from typing import Any

import pytest

from services.triage.wording import fingerprint_of, text_of
from tests.unit.triage.stories_told import SUBJECT, feedback

OTHER = SUBJECT | {"id": "r2"}
LONG = "The answer is plainly wrong"


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return fingerprint_of("acme", feedback(**one)) == fingerprint_of("acme", feedback(**other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"comment": LONG}, {"comment": "hi team,\nthe ANSWER is plainly wrong!! Thanks a lot"}),
        ({"comment": LONG}, {"comment": LONG, "subject": OTHER | {"prompt": "Who are you?"}}),
        ({"comment": "wrong"}, {"comment": "Wrong!"}),
        ({}, {"subject": OTHER}),
        ({"kind": "stars", "value": 1}, {"kind": "stars", "value": 2}),
        ({"user": "anna"}, {"user": "bert", "customer": "shop", "reason": "crash"}),
    ],
)
def test_these_say_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert _same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"comment": LONG}, {"comment": "The answer is plainly not wrong"}),
        ({"comment": LONG}, {"comment": LONG, "value": 1}),
        ({"comment": LONG}, {"comment": LONG, "kind": "text"}),
        ({"comment": LONG}, {"comment": LONG, "subject": SUBJECT | {"type": "screen"}}),
        ({"comment": LONG}, {}),
        ({"comment": "wrong"}, {"comment": "wrong", "subject": OTHER}),
        ({}, {"subject": SUBJECT | {"prompt": "Is it open on Sundays?"}}),
        ({"comment": LONG, "corrected": "Until 8 pm."}, {"comment": LONG, "corrected": "Until 9 pm."}),
        (
            {"comment": LONG, "corrected": "Until 8 pm."},
            {"comment": LONG, "corrected": "Until 8 pm.", "subject": SUBJECT | {"prompt": "And on Sundays?"}},
        ),
        ({"kind": "signal", "value": "retry"}, {"kind": "signal", "value": "edit"}),
        ({"subject": {"type": "screen", "id": "a"}}, {"subject": {"type": "screen", "id": "b"}}),
    ],
)
def test_these_differ(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert not _same(one, other)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"comment": LONG}, LONG),
        ({"corrected": "Until 8 pm."}, "Until 8 pm."),
        ({"comment": LONG, "corrected": "Until 8 pm."}, f"{LONG}\n\nUntil 8 pm."),
        ({}, "We are always open."),
        ({"subject": {"type": "screen", "id": "checkout"}}, "thumb down on screen checkout"),
        ({"subject": {"type": "screen", "id": "checkout"}, "value": 1}, "thumb up on screen checkout"),
        ({"subject": {"type": "screen", "id": "checkout"}, "kind": "stars", "value": 3}, "3 stars on screen checkout"),
        (
            {"subject": {"type": "screen", "id": "checkout"}, "kind": "signal", "value": "retry"},
            "retry on screen checkout",
        ),
    ],
)
def test_annotators_see_what_was_written_or_what_it_is_about(fields: dict[str, Any], text: str) -> None:
    assert text_of(feedback(**fields)) == text
