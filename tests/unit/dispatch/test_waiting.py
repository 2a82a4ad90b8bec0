"""Requests that wait for a task that is not there yet."""

from datetime import timedelta

from labelwright.contracts.quality import TickStruck
from labelwright.contracts.work import AssignmentLeased
from tests.unit.dispatch.office import START, Office, opened


def test_a_task_that_opens_goes_to_the_oldest_waiter_whom_it_fits() -> None:
    office = Office()
    requests = [
        office.request("expert", wait_s=20, sources=["expert"]),
        office.request("first", wait_s=20),
        office.request("second", wait_s=20),
    ]
    for request in requests:
        office.say(request)

    office.open("a.1")

    assert [len(office.answers(request.request)) for request in requests] == [0, 1, 0]
    assert office.answer(requests[1].request).body["item"] == "a"
    assert office.counts() == {"ready": 0, "leased": 1, "answered": 0, "expired": 0, "opened": 1}


def test_a_waiter_in_the_same_batch_is_served_by_the_task_behind_it() -> None:
    office = Office()
    request = office.request("ann", wait_s=20)

    office.say(request, opened("a.1"))

    assert [answer.status for answer in office.answers(request.request)] == [200]


def test_never_gives_a_waiter_an_item_that_it_has_seen() -> None:
    office = Office()
    office.open("a.1")
    office.lease("ann")
    request = office.request("ann", wait_s=20)
    office.say(request)

    office.open("a.2")

    assert office.answers(request.request) == []
    assert office.counts()["ready"] == 1


def test_a_task_that_is_given_back_goes_to_a_waiter() -> None:
    office = Office()
    office.open("a.1")
    held = office.lease("ann")
    request = office.request("bob", wait_s=20)
    office.say(request)

    office.release(held.body)

    assert office.answer(request.request).body["item"] == "a"
    assert office.counts()["leased"] == 1


def test_a_waiter_past_its_deadline_is_answered_204_once() -> None:
    office = Office()
    request = office.request("ann", wait_s=20)
    office.say(request)

    office.later(seconds=19)
    early = office.answers(request.request)
    office.later(seconds=2)
    office.later(seconds=2)

    assert early == []
    assert [answer.status for answer in office.answers(request.request)] == [204]


def test_a_waiter_that_asks_again_is_still_one_waiter() -> None:
    office = Office()
    request = office.request("ann", wait_s=20)
    office.say(request)
    office.say(request.model_copy(update={"reply": "gw2"}))

    published = office.say(opened("a.1"), opened("b.1"))

    assert len([event for event in published if isinstance(event.data, AssignmentLeased)]) == 1
    assert [asker for asker, _ in office.model.replies] == ["gw2"]


def test_a_request_is_answered_204_at_once_where_too_many_wait() -> None:
    office = Office()
    requests = [office.request(f"ann{n}", wait_s=20) for n in range(201)]

    office.say(*requests)

    assert [office.answers(request.request) == [] for request in requests] == [True] * 200 + [False]


def test_a_task_and_its_waiter_never_miss_each_other_on_two_replicas() -> None:
    office = Office()
    request = office.request("ann", wait_s=20)

    office.interleave([office.event(request)], [office.event(opened("a.1"))])
    other = office.request("bob", wait_s=20)
    office.interleave([office.event(opened("b.1"))], [office.event(other)])

    assert office.answer(request.request).body["item"] == "a"
    assert office.answer(other.request).body["item"] == "b"
    assert office.conflicts == 2


def test_a_waiter_is_not_leased_a_task_after_it_was_told_that_there_is_none() -> None:
    office = Office()
    request = office.request("ann", wait_s=20)
    office.say(request)
    office.model.move_to(START + timedelta(seconds=19))

    office.interleave([office.event(TickStruck(name="expire", slot=1), "-")], [office.event(opened("a.1"))], seconds=2)

    assert [answer.status for answer in office.answers(request.request)] == [204]
    assert office.counts()["ready"] == 1
