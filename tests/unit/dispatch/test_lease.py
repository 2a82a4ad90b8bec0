"""Who gets which task."""

from dataclasses import replace

from labelwright.contracts.work import AssignmentLeased, TaskReprioritised
from labelwright.engine.tables import Versioned
from services.dispatch.decide import decide
from services.dispatch.state import ready
from tests.engine_model import counted
from tests.unit.dispatch.office import PROJECT, Office, opened, project_file


def test_leases_the_most_urgent_task_first() -> None:
    office = Office()
    office.say(opened("a.1", priority=1), opened("b.1", priority=3), opened("c.1", priority=2))

    items = [office.lease(f"ann{n}").body["item"] for n in range(3)]

    assert items == ["b", "c", "a"]


def test_answers_with_the_assignment_as_its_holder_may_see_it() -> None:
    office = Office()
    office.open("a.1")

    answer = office.lease()

    held = office.task("a.1").lease
    assert held is not None
    assert answer.status == 200
    shown = "assignment task item project annotator token expires_at guideline_version text subject source asks"
    assert set(answer.body) == set(shown.split())
    assert (answer.body["assignment"], answer.body["token"]) == (held.assignment, held.token)
    assert (answer.body["text"], answer.body["source"], answer.body["project"]) == ("text of a", "crowd", PROJECT)


def test_gives_fifty_requests_of_one_batch_fifty_tasks() -> None:
    office = Office()
    office.say(*(opened(f"i{n}.1", priority=n % 7) for n in range(60)))
    requests = [office.request(f"ann{n % 20}") for n in range(50)]

    published = office.say(*requests)

    items = [office.answer(request.request).body["item"] for request in requests]
    assert len(set(items)) == 50
    assert counted(published) == {"AssignmentLeased": 50}
    assert office.counts() == {"ready": 10, "leased": 50, "answered": 0, "expired": 0, "opened": 60}
    assert office.conflicts == 0


def test_never_shows_an_item_twice_to_one_annotator() -> None:
    office = Office()
    office.say(opened("a.1"), opened("a.2"))

    first, second, other = office.lease("ann"), office.lease("ann"), office.lease("bob")

    assert (first.body["item"], second.status, other.body["item"]) == ("a", 204, "a")


def test_never_shows_an_item_twice_within_one_batch() -> None:
    office = Office()
    requests = [office.request("ann"), office.request("ann")]

    office.say(opened("a.1"), opened("a.2"), *requests)

    assert [office.answer(request.request).status for request in requests] == [200, 204]
    assert office.conflicts == 0


def test_leases_a_task_that_needs_a_skill_only_to_who_has_it() -> None:
    office = Office()
    office.open("a.1", skill="german")

    without, with_it = office.lease("ann"), office.lease("bob", skills=["german"])

    assert (without.status, with_it.status) == (204, 200)


def test_leases_only_from_the_sources_that_the_request_names() -> None:
    office = Office()
    office.open("a.1", source="expert", source_kind="expert")

    assert office.lease("ann", sources=["crowd"]).status == 204
    assert office.lease("ann", sources=["crowd", "expert"]).body["source"] == "expert"


def test_tells_a_repeated_request_the_same_and_leases_once() -> None:
    office = Office()
    office.say(opened("a.1"), opened("b.1"))
    request = office.request("ann")

    published = office.say(request, request) + office.say(request)

    answers = office.answers(request.request)
    assert len(answers) == 3
    assert all(answer == answers[0] for answer in answers)
    assert counted(published) == {"AssignmentLeased": 1}


def test_refuses_an_unknown_project_and_an_unknown_source() -> None:
    office = Office()
    stranger = office.request()
    office.say(stranger, project="nowhere")

    nobody, nothing = office.answer(stranger.request), office.lease(sources=["crowd", "oracle"])

    assert (nobody.status, nobody.code) == (404, "unknown_project")
    assert (nothing.status, nothing.code) == (422, "unknown_source")
    assert "'oracle'" in nothing.detail
    assert "'crowd', 'expert', 'rules'" in nothing.detail


def test_never_leases_the_task_of_another_project() -> None:
    office = Office()
    office.apply(project_file(project="other"))
    office.open("a.1")
    request = office.request("ann")

    office.say(request, project="other")

    assert office.answer(request.request).status == 204
    assert office.counts("other")["opened"] == 0


def test_ranks_a_task_anew_within_the_batch_and_after_it() -> None:
    office = Office()
    office.say(opened("a.1", priority=1), opened("b.1", priority=2), opened("c.1", priority=3))
    request = office.request("ann")

    office.say(TaskReprioritised(task="a.1", priority=9), request, TaskReprioritised(task="b.1", priority=5))

    assert office.answer(request.request).body["item"] == "a"
    assert office.lease("ann").body["item"] == "b"


def test_a_request_that_lay_past_its_wait_is_answered_204() -> None:
    office = Office()
    office.open("a.1")
    event = office.event(office.request("ann", wait_s=5))
    office.later(seconds=6)

    office.batch([event])

    assert office.model.replies[-1][1].status == 204
    assert office.counts()["leased"] == 0


def test_two_batches_decided_on_one_state_give_away_nothing_twice() -> None:
    office = Office()
    office.say(*(opened(f"i{n}.1") for n in range(12)))
    first = [office.event(office.request(f"ann{n}")) for n in range(5)]
    second = [office.event(office.request(f"bob{n}")) for n in range(5)]

    office.interleave(first, second)

    leased = [event.data.item for event in office.model.published if isinstance(event.data, AssignmentLeased)]
    assert len(leased) == len(set(leased)) == 10
    assert office.conflicts > 0
    assert office.counts()["leased"] == 10


def test_never_shows_an_item_twice_to_one_annotator_on_two_replicas() -> None:
    office = Office()
    office.say(opened("a.1"), opened("a.2", source="expert", source_kind="expert"))
    crowd, expert = office.request("ann"), office.request("ann", sources=["expert"])

    office.interleave([office.event(crowd)], [office.event(expert)])

    assert [office.answer(request.request).status for request in (crowd, expert)] == [200, 204]


def test_leases_once_to_a_request_that_two_replicas_have() -> None:
    office = Office()
    office.say(opened("a.1"), opened("b.1"), opened("c.1"))
    twice, other = office.request("ann"), office.request("bob")

    office.interleave([office.event(twice)], [office.event(other), office.event(twice)])

    first, second = office.answers(twice.request)
    assert first == second
    assert office.counts()["leased"] == 2


def test_says_nothing_is_there_only_while_no_task_left_the_queue_as_it_was_read() -> None:
    office = Office()
    office.open("a.1")
    request = office.event(office.request("ann"))
    state = office.load([request])
    gone = Versioned(2, office.task("a.1").model_copy(update={"status": "leased"}))

    (decision,) = decide([request], replace(state, tasks={"shop/a.1": gone}))

    assert ready.of("shop", "crowd", "-").has("a.1") in decision.guards
