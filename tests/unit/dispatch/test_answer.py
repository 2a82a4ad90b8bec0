"""Answers: recorded once, under the guideline, and taken back."""

from labelwright.contracts.work import AnnotationRecorded, AnnotationRetracted, AssignmentLeased, TaskWithdrawn
from tests.engine_model import counted
from tests.unit.dispatch.office import START, Office, opened, project_file


def test_records_an_answer_with_its_price_and_its_moments() -> None:
    office = Office()
    office.open("a.1")
    held = office.lease("ann").body

    answer = office.submit(held, "bad", note="rude", active_ms=900)

    recorded = office.model.published[-1].data
    assert answer.status == 201
    assert recorded == AnnotationRecorded(
        annotation=answer.body["annotation"],
        task="a.1",
        item="a",
        assignment=held["assignment"],
        annotator="ann",
        source="crowd",
        source_kind="crowd",
        label="bad",
        guideline_version=1,
        price_usd=0.1,
        note="rude",
        active_ms=900,
        leased_at=START,
        answered_at=START,
    )
    assert office.counts() == {"ready": 0, "leased": 0, "answered": 1, "expired": 0, "opened": 1}


def test_tells_a_repeated_answer_the_same_and_records_it_once() -> None:
    office = Office()
    office.open("a.1")
    held = office.lease().body

    answers = [
        office.submit(held, "bad", request="s1"),
        office.submit(held, "bad", request="s1"),
        office.submit(held, "bad", request="s2"),
        office.submit(held, "good", request="s1"),
    ]

    assert {(answer.status, answer.body["annotation"]) for answer in answers} == {(201, answers[0].body["annotation"])}
    assert counted(office.model.published)["AnnotationRecorded"] == 1


def test_refuses_another_label_after_the_answer() -> None:
    office = Office()
    office.open("a.1")
    held = office.lease().body
    office.submit(held, "bad")

    answer = office.submit(held, "good")

    assert (answer.status, answer.code) == (409, "already_answered")
    assert office.task("a.1").label == "bad"


def test_refuses_a_label_that_the_guideline_lacks_and_keeps_the_lease() -> None:
    office = Office()
    office.open("a.1")
    held = office.lease().body

    answer = office.submit(held, "maybe")

    assert (answer.status, answer.code) == (422, "unknown_label")
    assert answer.detail == "guideline 'shop@1' has no label 'maybe'; its labels are 'good', 'bad'"
    assert office.submit(held, "good").status == 201


def test_takes_a_label_of_the_tasks_guideline_or_of_the_one_in_force() -> None:
    office = Office()
    office.say(opened("a.1"), opened("b.1"), opened("c.1"))
    held = [office.lease(name).body for name in ("ann", "bob", "eve")]
    office.apply(project_file(labels=("good", "unclear")), number=2)

    old = office.submit(held[0], "bad")
    new = office.submit(held[1], "unclear", annotator="bob")
    none = office.submit(held[2], "maybe", annotator="eve")

    assert [old.status, new.status, none.status] == [201, 201, 422]


def test_undo_takes_the_answer_back_and_leases_the_task_again() -> None:
    office = Office()
    office.open("a.1")
    held = office.lease("ann").body
    annotation = office.submit(held, "bad").body["annotation"]

    first, again = office.undo(held, request="u1"), office.undo(held, request="u1")
    second = office.submit(first.body, "good")

    assert first == again
    assert first.body["item"] == "a"
    assert first.body["assignment"] != held["assignment"]
    assert second.status == 201
    assert second.body["annotation"] != annotation
    assert [event.data for event in office.model.published if isinstance(event.data, AnnotationRetracted)] == [
        AnnotationRetracted(annotation=annotation, task="a.1", item="a", annotator="ann")
    ]
    assert len([event for event in office.model.published if isinstance(event.data, AssignmentLeased)]) == 2
    assert office.counts() == {"ready": 0, "leased": 0, "answered": 1, "expired": 0, "opened": 1}


def test_refuses_to_undo_what_is_not_answered() -> None:
    office = Office()
    office.open("a.1")
    held = office.lease().body

    answer = office.undo(held)

    assert (answer.status, answer.code) == (409, "not_answered")


def test_an_answer_after_the_tasks_withdrawal_is_refused() -> None:
    office = Office()
    office.open("a.1")
    held = office.lease().body
    office.say(TaskWithdrawn(task="a.1", reason="settled"))

    answer = office.submit(held)

    assert (answer.status, answer.code) == (409, "lease_over")


def test_forgets_a_task_that_is_long_over() -> None:
    office = Office()
    office.open("a.1")
    office.submit(office.lease().body)

    office.later(days=2, seconds=1)

    assert office.all_tasks() == []
    assert office.counts()["answered"] == 1
