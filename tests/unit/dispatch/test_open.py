"""Tasks are opened once, withdrawn at any time, and machines get theirs at once."""

from datetime import timedelta

from labelwright.contracts.work import (
    AnnotationAbstained,
    AssignmentEnded,
    AssignmentLeased,
    TaskReprioritised,
    TaskWithdrawn,
)
from labelwright.engine.decisions import Reject
from services.dispatch.decide import decide
from services.dispatch.settings import DispatchSettings
from services.dispatch.state import State
from tests.engine_model import counted
from tests.unit.dispatch.office import START, Office, machine_opened, opened


def test_a_task_that_comes_twice_is_opened_once() -> None:
    office = Office()

    office.say(opened("a.1"), opened("a.1"))
    office.say(opened("a.1", priority=5))

    assert office.counts() == {"ready": 1, "leased": 0, "answered": 0, "expired": 0, "opened": 1}
    assert office.task("a.1").question.priority == 1


def test_rejects_a_task_of_a_project_without_a_file() -> None:
    office = Office()
    state = State(now=START, chance=b"", settings=DispatchSettings())

    (decision,) = decide([office.event(opened("a.1"), "nowhere")], state)

    reason = "task 'a.1' is of project 'nowhere', which has no project file; apply one first"
    assert decision == Reject("unknown_project", reason)


def test_withdraws_a_ready_and_a_leased_task() -> None:
    office = Office()
    office.say(opened("a.1", priority=2), opened("b.1"))
    held = office.lease("ann").body

    published = office.say(TaskWithdrawn(task="a.1", reason="settled"), TaskWithdrawn(task="b.1", reason="settled"))

    assert [event.data for event in published] == [
        AssignmentEnded(
            assignment=held["assignment"],
            task="a.1",
            item="a",
            annotator="ann",
            outcome="withdrawn",
            reason="settled",
        )
    ]
    assert office.lease("bob").status == 204
    assert office.counts() == {"ready": 0, "leased": 0, "answered": 0, "expired": 2, "opened": 2}


def test_a_withdrawal_that_overtook_its_task_still_closes_it() -> None:
    office = Office()

    office.say(TaskWithdrawn(task="a.1", reason="settled"))
    office.say(opened("a.1"))

    assert office.lease().status == 204
    assert office.counts() == {"ready": 0, "leased": 0, "answered": 0, "expired": 1, "opened": 1}


def test_a_withdrawal_on_another_replica_closes_the_task_in_either_order() -> None:
    office = Office()

    office.interleave([office.event(TaskWithdrawn(task="a.1", reason="settled"))], [office.event(opened("a.1"))])
    office.interleave([office.event(opened("b.1"))], [office.event(TaskWithdrawn(task="b.1", reason="settled"))])

    assert office.counts() == {"ready": 0, "leased": 0, "answered": 0, "expired": 2, "opened": 2}


def test_says_nothing_about_tasks_it_does_not_know_or_that_are_over() -> None:
    office = Office()
    office.open("a.1")
    office.submit(office.lease().body)

    published = office.say(TaskReprioritised(task="z.1", priority=3), TaskWithdrawn(task="a.1", reason="late"))

    assert published == []
    assert office.counts()["answered"] == 1


def test_leases_a_machines_task_to_the_machine_at_once() -> None:
    office = Office()

    (event,) = office.say(machine_opened("a.1"))

    held = office.task("a.1").lease
    assert held is not None
    assert event.data == AssignmentLeased(
        assignment=held.assignment,
        task="a.1",
        item="a",
        annotator="machine:rules",
        source="rules",
        source_kind="rule",
        guideline_version=1,
        token=held.token,
        text="text of a",
        expires_at=START + timedelta(seconds=60),
    )
    assert office.counts() == {"ready": 0, "leased": 1, "answered": 0, "expired": 0, "opened": 1}


def test_a_machine_that_abstains_closes_the_task() -> None:
    office = Office()
    office.say(machine_opened("a.1"))
    held = office.task("a.1").lease
    assert held is not None

    office.release({"assignment": held.assignment, "token": held.token}, "abstain", annotator="machine:rules")

    assert [type(event.data) for event in office.model.published[-2:]] == [AssignmentEnded, AnnotationAbstained]
    assert office.counts() == {"ready": 0, "leased": 0, "answered": 0, "expired": 1, "opened": 1}


def test_a_silent_machine_is_asked_three_times_again_and_then_abstains() -> None:
    office = Office()
    office.say(machine_opened("a.1"))

    for _ in range(6):
        office.later(seconds=61)

    assert counted(office.model.published) == {"AssignmentLeased": 4, "AssignmentEnded": 4, "AnnotationAbstained": 1}
    assert office.counts()["expired"] == 1
