"""The generator of the demo's feedback."""

from collections import Counter

import pytest
from pydantic import ValidationError

from labelwright.contracts.envelope import read_data
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.demo.annotators import ANNOTATORS, Truths
from labelwright.demo.feedback import generate
from labelwright.demo.project import project_file
from labelwright.text.redaction import redact

LABELS = project_file().label_names


def test_tells_the_same_for_the_same_seed_and_else_for_another() -> None:
    assert list(generate(300, 7)) == list(generate(300, 7))
    assert list(generate(300, 7)) != list(generate(300, 8))


def test_has_every_kind_of_event_and_every_label() -> None:
    told = list(generate(3_000, 1))

    kinds = Counter(one.kind for one in told)
    assert kinds.keys() == {"ordinary", "old_schema", "duplicate", "broken"}
    assert {one.truth for one in told} == {*LABELS, None}
    assert sum(bool(redact(one.event.get("comment") or "").counts) for one in told) > 100


def test_ordinary_and_old_events_fit_their_contract_and_broken_ones_do_not() -> None:
    for one in generate(1_000, 2):
        if one.kind == "broken":
            with pytest.raises(ValidationError):
                FeedbackReceived.model_validate(one.event)
        elif one.kind == "old_schema":
            assert isinstance(read_data(one.event["type"], one.event["data"]), FeedbackReceived)
        else:
            FeedbackReceived.model_validate(one.event)


def test_duplicates_are_events_that_were_sent_before() -> None:
    told = list(generate(2_000, 3))

    for number, one in enumerate(told):
        if one.kind == "duplicate":
            assert one.event in [earlier.event for earlier in told[:number]]


def test_annotators_answer_as_often_right_as_they_are_said_to() -> None:
    told = list(generate(6_000, 4))
    truths = Truths(told)
    texts = {text: truth for one in told if (text := one.event.get("comment")) and (truth := truths.of(text))}

    for who in ANNOTATORS:
        right = [who.answer(text, truth, LABELS) == truth for text, truth in texts.items()]
        assert sum(right) / len(right) == pytest.approx(who.accuracy, abs=0.06)


def test_knows_what_is_true_of_a_text_in_any_writing_and_redacted() -> None:
    told = [one for one in generate(500, 5) if one.kind == "ordinary"]
    truths = Truths(told)

    for one in told:
        assert truths.of(redact(one.event["comment"]).text.upper()) == one.truth
