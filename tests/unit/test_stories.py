"""What became of a piece of feedback, told from what the tables hold."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.contracts.labels import Vote
from labelwright.stories import Act, Asked, Case, Holder, Known, Proposal, Question, Standing, Step, steps, story_key

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
MS = str(int(START.timestamp() * 1000))


def _at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def _case(**about: Any) -> Case:
    values = {
        "project": "shop",
        "item": "i",
        "status": "asking",
        "text": "t",
        "guideline_version": 1,
        "priority": 1,
        "opened_at": START,
    }
    return Case(**(values | about))


def _vote(number: int, at: datetime) -> Vote:
    return Vote(
        annotation=f"a{number}",
        annotator=f"ann{number}",
        source="crowd",
        source_kind="crowd",
        label="wrong",
        price_usd=0.1,
        answered_at=at,
    )


def _asked(number: int, status: str, at: datetime, holder: str | None = None) -> Asked:
    lease = Holder(assignment=f"s{number}", annotator=holder, leased_at=at, expires_at=at) if holder else None
    question = Question(task=f"i.{number}", source="crowd")
    return Asked(question=question, status=status, opened_at=at, leases=int(bool(holder)), lease=lease)


def _names(known: Known) -> list[str]:
    return [step.step for step in steps(known)]


def test_nothing_known_is_no_story() -> None:
    assert steps(Known()) == []


def test_the_beginning_is_told_as_it_was_written_down() -> None:
    known = Known(received=f"{MS}|f00", outcome=f"{MS}|accepted", placement=f"{MS}|item_1|reinforced")

    assert steps(known) == [
        Step(step="received", at=START),
        Step(step="accepted", at=START),
        Step(step="item", at=START, facts={"item": "item_1", "how": "reinforced"}),
    ]


def test_a_rejection_is_told_with_its_code_and_its_reason_whole() -> None:
    known = Known(outcome=f"{MS}|schema_violation|/a: x | y; /b: z")

    assert steps(known) == [
        Step(step="rejected", at=START, facts={"code": "schema_violation", "reason": "/a: x | y; /b: z"})
    ]


def test_tasks_holders_and_answers_are_told_in_the_order_of_their_times() -> None:
    case = _case(votes=[_vote(1, _at(2))], tasks_opened=2, task="i.2")
    asked = [_asked(2, "leased", _at(3), "bob"), _asked(1, "answered", _at(1), "ann")]

    told = steps(Known(case=case, tasks=asked))

    assert [(step.step, step.facts.get("task") or step.facts["annotation"]) for step in told] == [
        ("task", "i.1"),
        ("assignment", "i.1"),
        ("annotation", "a1"),
        ("task", "i.2"),
        ("assignment", "i.2"),
    ]
    assert "expires_at" not in told[1].facts
    assert told[4].facts["expires_at"] == _at(3).isoformat()


def test_an_answer_outlives_what_is_remembered_of_its_task() -> None:
    assert _names(Known(case=_case(votes=[_vote(1, _at(1))], tasks_opened=1))) == ["annotation"]


def test_a_dispute_is_told_from_its_last_answer_and_a_label_from_its_settling() -> None:
    disputed = _case(status="disputed", votes=[_vote(1, _at(1)), _vote(2, _at(5))], distribution={"wrong": 0.5})
    labeled = _case(status="labeled", label="wrong", probability=0.9, method="belief", resolved_at=_at(9))

    assert steps(Known(case=disputed))[-1] == Step(step="dispute", at=_at(5), facts={"distribution": {"wrong": 0.5}})
    assert steps(Known(case=_case(status="disputed")))[-1].at == START
    assert steps(Known(case=labeled)) == [
        Step(step="label", at=_at(9), facts={"label": "wrong", "probability": 0.9, "method": "belief"})
    ]


def test_what_was_done_by_hand_is_told_with_who_why_and_how_near_among_what_else_happened() -> None:
    acts = [
        Act(did="took", by="olga", at=_at(2), reason="one bug", other="j", score=0.1),
        Act(did="pinned", by="otto", at=_at(4), reason="urgent"),
    ]
    proposal = Proposal(other="k", score=0.3, reason="a number differs")
    standing = _standing("i", acts=acts, proposals=[proposal])
    case = _case(votes=[_vote(1, _at(1)), _vote(2, _at(3))])

    told = steps(Known(case=case, standing=standing))

    assert [step.step for step in told] == ["item", "proposed", "annotation", "took", "annotation", "pinned"]
    assert told[1].facts == {"other": "k", "score": 0.3, "reason": "a number differs"}
    assert told[3] == Step(
        step="took", at=_at(2), facts={"by": "olga", "reason": "one bug", "other": "j", "score": 0.1}
    )


def test_a_merge_is_told_once_to_whose_feedback_was_in_the_merged_item() -> None:
    merged = Act(did="merged", by="olga", at=_at(2), reason="one bug", other="i", score=0.1)
    took = Act(did="took", by="olga", at=_at(2), reason="one bug", other="j", score=0.1)
    before = _standing("j", status="merged", into="i", acts=[merged])

    told = steps(Known(placement=f"{MS}|j|opened|w", standing=_standing("i", acts=[took]), before=before))

    assert [step.step for step in told] == ["item", "merged"]


def _standing(item: str, **about: Any) -> Standing:
    return Standing(project="shop", item=item, opened_at=START, last_at=START, expires_at=_at(99), **about)


def test_a_step_is_flat_as_json() -> None:
    assert Step(step="item", at=START, facts={"item": "i"}).flat() == {
        "step": "item",
        "at": START.isoformat(),
        "item": "i",
    }


@given(st.text(), st.text(), st.text(), st.text())
def test_no_two_stories_share_a_key(project: str, event: str, other: str, another: str) -> None:
    assert (story_key(project, event) == story_key(other, another)) == ((project, event) == (other, another))


@pytest.mark.parametrize("status", ["ready", "leased", "answered", "closed"])
def test_a_task_is_told_with_how_it_stands(status: str) -> None:
    (told, *_) = steps(Known(case=_case(tasks_opened=1), tasks=[_asked(1, status, _at(1))]))

    assert told.facts == {"task": "i.1", "source": "crowd", "status": status}
