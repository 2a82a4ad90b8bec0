"""What feedback complains of: what was ticked goes before what the words seem to say; praise complains of nothing."""

from typing import Any

import pytest

from labelwright.contracts.feedback import FeedbackReceived
from services.intake.complaints import Said, complaint_of

DOWN: dict[str, Any] = {"kind": "thumb", "value": -1, "subject": {"type": "llm_response", "id": "r1"}}


def _said(**about: Any) -> Said:
    return complaint_of(FeedbackReceived.model_validate(DOWN | about))


def test_a_reason_tells() -> None:
    assert _said(reason="not_factual") == Said("factually_wrong", "event")


def test_words_tell() -> None:
    assert _said(comment="that is not true") == Said("factually_wrong", "words")


def test_what_both_tell_is_told_by_the_words_so_that_ticking_changes_nothing() -> None:
    assert _said(comment="that is not true", reason="incorrect") == _said(comment="that is not true")


def test_what_was_ticked_goes_before_what_the_words_seem_to_say() -> None:
    assert _said(comment="that is not true", reason="too long") == Said("not_what_i_wanted", "event")


def test_words_say_more_than_other() -> None:
    assert _said(comment="that is not true", reason="Other") == Said("factually_wrong", "words")
    assert _said(comment="hm", reason="Other") == Said("other", "event")


@pytest.mark.parametrize(
    "meta",
    [
        {"tags": ["mobile", "hallucination"]},
        {"categories": "inaccurate"},
        {"data": {"reason": "not_factually_correct"}},
        {"annotation": {"Tags": ["wrong_answer"]}},
    ],
)
def test_tags_tell_wherever_widgets_leave_them(meta: dict[str, Any]) -> None:
    assert _said(meta=meta) == Said("factually_wrong", "event")


@pytest.mark.parametrize("meta", [{"note": "incorrect"}, {"tags": [1, None, {"tags": "incorrect"}]}, {"tags": {}}])
def test_other_fields_tell_nothing(meta: dict[str, Any]) -> None:
    assert _said(meta=meta) == Said()


def test_praise_means_no_complaint() -> None:
    assert _said(value=1, comment="wrong date", reason="incorrect") == Said()


def test_a_report_in_words_complains_if_its_words_do() -> None:
    assert _said(kind="text", value=None, comment="wrong date") == Said("factually_wrong", "words")
    assert _said(kind="text", value=None, comment="Thanks, all is well") == Said()


def test_a_bare_thumbs_down_does_not_say() -> None:
    assert _said() == Said()
