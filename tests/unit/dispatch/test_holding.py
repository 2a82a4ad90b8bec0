"""What a holder may do: heartbeat, give back, and be told what is wrong."""

from datetime import timedelta

import pytest

from labelwright.contracts.work import AssignmentEnded
from tests.unit.dispatch.office import START, Office, opened


def test_a_heartbeat_extends_the_short_first_lease() -> None:
    office = Office()
    office.open("a.1")
    held = office.lease()

    answer = office.heartbeat(held.body)
    office.later(minutes=14)

    assert held.body["expires_at"] == (START + timedelta(seconds=30)).isoformat()
    assert answer.status == 200
    assert answer.body == {"expires_at": (START + timedelta(minutes=15)).isoformat()}
    assert office.task("a.1").status == "leased"


def test_an_expired_lease_makes_the_task_ready_for_another() -> None:
    office = Office()
    office.open("a.1")
    held = office.lease("ann")
    office.heartbeat(held.body)

    published = office.later(minutes=16)

    assert [event.data for event in published] == [
        AssignmentEnded(assignment=held.body["assignment"], task="a.1", item="a", annotator="ann", outcome="expired")
    ]
    assert (published[0].project, published[0].correlation_id) == ("shop", office.task("a.1").correlation_id)
    assert office.counts() == {"ready": 1, "leased": 0, "answered": 0, "expired": 0, "opened": 1}
    assert office.lease("ann").status == 204
    assert office.lease("bob").status == 200


def test_a_lease_that_nobody_ever_confirmed_counts_as_not_shown() -> None:
    office = Office()
    office.say(opened("a.1"), opened("b.1"))
    office.lease("ann")
    abandoned = office.lease("bob")
    office.release(abandoned.body, "abandoned", annotator="bob")

    office.later(seconds=31)

    assert office.lease("ann").body["item"] == "a"
    assert office.lease("bob").body["item"] == "b"


def test_nothing_is_accepted_after_the_lease_ran_out_even_before_the_clock_struck() -> None:
    office = Office()
    office.open("a.1")
    held = office.lease()
    office.model.move_to(START + timedelta(seconds=30))

    answers = [office.heartbeat(held.body), office.submit(held.body), office.release(held.body)]

    assert [(answer.status, answer.code) for answer in answers] == [(409, "lease_over")] * 3


def test_a_skipped_task_is_not_shown_to_who_skipped_it() -> None:
    office = Office()
    office.open("a.1")
    held = office.lease("ann")
    request = {"request": "skip-1"}

    first, again = office.release(held.body, **request), office.release(held.body, **request)

    assert first == again
    assert first.status == 200
    assert office.lease("ann").status == 204
    assert office.lease("bob").status == 200


@pytest.mark.parametrize("action", ["heartbeat", "release", "submit", "undo"])
def test_only_the_holder_with_the_token_may_act(action: str) -> None:
    office = Office()
    office.open("a.1")
    held = office.lease("ann").body

    wrong_token = getattr(office, action)(held | {"token": "guess"})
    wrong_person = getattr(office, action)(held, annotator="bob")
    unknown = getattr(office, action)(held | {"assignment": "none"})

    assert [(answer.status, answer.code) for answer in (wrong_token, wrong_person, unknown)] == [
        (403, "wrong_token"),
        (403, "wrong_token"),
        (404, "unknown_assignment"),
    ]
    assert office.task("a.1").status == "leased"


def test_a_tick_ends_at_most_what_one_commit_holds_and_the_next_goes_on() -> None:
    office = Office()
    office.say(*(opened(f"i{n}.1") for n in range(300)))
    for start in range(0, 300, 100):
        office.say(*(office.request(f"ann{n}") for n in range(start, start + 100)))

    office.later(seconds=31)
    after_one = office.counts()
    for _ in range(3):
        office.later(seconds=1)

    assert 0 < after_one["ready"] < 300
    assert office.counts() == {"ready": 300, "leased": 0, "answered": 0, "expired": 0, "opened": 300}
