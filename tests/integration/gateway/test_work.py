"""The work API: one task to one holder, who alone may keep, answer, return or take back, as often as they repeat it."""

import asyncio
from datetime import datetime
from typing import Any

import httpx2
import pytest

from tests.conftest import RunStages, until
from tests.installation import Caller, Installation, event

pytestmark = [pytest.mark.server, pytest.mark.anyio]

STAGES = ("intake", "triage", "resolve", "dispatch")
NEXT = "/v1/projects/shop/assignments"


@pytest.fixture
async def ann(installation: Installation, run_stages: RunStages) -> Caller:
    """An annotator of the crowd, with all services at work."""
    await run_stages(*STAGES)
    return await installation.caller("annotator", annotator="ann")


async def _open(installation: Installation, run_stages: RunStages, *comments: str) -> None:
    publisher = await installation.caller("publisher")
    await publisher.publish(*(event(comment=comment) for comment in comments or ["the blue one costs too much here"]))
    await run_stages(*STAGES)


def _about(held: httpx2.Response, what: str) -> str:
    return f"/v1/assignments/{held.json()['assignment']}/{what}"


def _token(held: httpx2.Response, **more: Any) -> dict[str, Any]:
    return {"token": held.json()["token"]} | more


async def test_a_task_is_handed_out_answered_and_becomes_a_label(
    installation: Installation, run_stages: RunStages, ann: Caller
) -> None:
    await _open(installation, run_stages)

    held = await ann.post(NEXT, {})
    answered = await ann.post(_about(held, "annotation"), _token(held, label="wrong", note="see §2", active_ms=900))

    assert held.status_code == 200
    assert held.json()["text"] == "the blue one costs too much here"
    assert held.json()["annotator"] == "ann"
    assert answered.status_code == 201
    assert answered.json()["annotation"].startswith("annotation_")


async def test_nothing_to_label_is_204_at_once_and_after_waiting(ann: Caller) -> None:
    began = asyncio.get_running_loop().time()

    answers = [await ann.post(NEXT, {}), await ann.post(NEXT), await ann.post(NEXT, {"wait_s": 1})]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 3
    assert asyncio.get_running_loop().time() - began >= 1


async def test_whoever_waits_gets_the_task_when_it_comes_up(
    installation: Installation, run_stages: RunStages, ann: Caller
) -> None:
    waiting = asyncio.create_task(ann.post(NEXT, {"wait_s": 20}))
    await asyncio.sleep(0)

    await _open(installation, run_stages)

    assert (await asyncio.wait_for(waiting, 10)).status_code == 200


async def test_the_task_of_a_client_that_left_while_it_waited_is_free_at_once(
    installation: Installation, run_stages: RunStages, ann: Caller
) -> None:
    async with httpx2.AsyncClient(base_url=installation.url) as short:
        with pytest.raises(httpx2.ReadTimeout):
            await Caller(short, ann.key).post(NEXT, {"wait_s": 20}, timeout=0.5)
    await _open(installation, run_stages)
    bob = await installation.caller("annotator", annotator="bob")

    async def is_bobs() -> bool:
        return (await bob.post(NEXT, {})).status_code == 200

    await until(is_bobs, within_s=5)


async def test_the_same_request_gets_the_same_lease(
    installation: Installation, run_stages: RunStages, ann: Caller
) -> None:
    await _open(installation, run_stages, "the red one is broken again", "the green one never came here")

    answers = await asyncio.gather(*(ann.post(NEXT, {"request": "r1"}) for _ in range(5)))
    other = await ann.post(NEXT, {}, headers={"Idempotency-Key": "r2"})

    assert len({answer.json()["token"] for answer in answers}) == 1
    assert other.json()["item"] != answers[0].json()["item"]


async def test_a_waiter_that_gives_up_leaves_the_lease_to_those_that_wait_for_the_same_request(
    installation: Installation, run_stages: RunStages, ann: Caller
) -> None:
    patient = asyncio.create_task(ann.post(NEXT, {"request": "r1", "wait_s": 20}))
    async with httpx2.AsyncClient(base_url=installation.url) as short:
        with pytest.raises(httpx2.ReadTimeout):
            await Caller(short, ann.key).post(NEXT, {"request": "r1", "wait_s": 20}, timeout=0.5)
    await _open(installation, run_stages)

    held = await asyncio.wait_for(patient, 10)

    assert held.status_code == 200
    assert (await ann.post(_about(held, "heartbeat"), _token(held))).status_code == 200


async def test_a_heartbeat_moves_the_end_of_the_lease(
    installation: Installation, run_stages: RunStages, ann: Caller
) -> None:
    await _open(installation, run_stages)
    held = await ann.post(NEXT, {})

    beats = [await ann.post(_about(held, "heartbeat"), _token(held)) for _ in range(2)]

    ends = [datetime.fromisoformat(answer.json()["expires_at"]) for answer in (held, *beats)]
    assert ends == sorted(ends)
    assert (ends[1] - ends[0]).total_seconds() > 60


async def test_what_is_given_back_is_somebody_elses(
    installation: Installation, run_stages: RunStages, ann: Caller
) -> None:
    await _open(installation, run_stages)
    bob = await installation.caller("annotator", annotator="bob")
    held = await ann.post(NEXT, {})
    assert (await bob.post(NEXT, {})).status_code == 204

    released = [await ann.post(_about(held, "release"), _token(held, reason="unclear")) for _ in range(2)]

    assert [(answer.status_code, answer.json()) for answer in released] == [(200, {})] * 2
    assert (await ann.post(NEXT, {})).status_code == 204
    assert (await bob.post(NEXT, {})).json()["item"] == held.json()["item"]
    late = await ann.post(_about(held, "annotation"), _token(held, label="wrong"))
    assert (late.status_code, late.json()["code"]) == (409, "lease_over")


async def test_an_answer_again_is_the_same_annotation_and_another_one_conflicts(
    installation: Installation, run_stages: RunStages, ann: Caller
) -> None:
    await _open(installation, run_stages)
    held = await ann.post(NEXT, {})

    same = [await ann.post(_about(held, "annotation"), _token(held, label="wrong")) for _ in range(2)]
    other = await ann.post(_about(held, "annotation"), _token(held, label="right"))

    assert same[0].json() == same[1].json()
    assert [answer.status_code for answer in same] == [201, 201]
    assert (other.status_code, other.json()["code"]) == (409, "already_answered")
    assert other.headers["content-type"] == "application/problem+json"


async def test_an_answer_taken_back_is_held_again_and_repeating_that_changes_nothing(
    installation: Installation, run_stages: RunStages, ann: Caller
) -> None:
    await _open(installation, run_stages)
    held = await ann.post(NEXT, {})
    await ann.post(_about(held, "annotation"), _token(held, label="wrong"))

    anew = [await ann.post(_about(held, "retraction"), _token(held)) for _ in range(2)]
    corrected = await ann.post(_about(anew[0], "annotation"), _token(anew[0], label="right"))

    assert [answer.status_code for answer in anew] == [200, 200]
    assert anew[0].json() == anew[1].json()
    assert anew[0].json()["assignment"] != held.json()["assignment"]
    assert corrected.status_code == 201


@pytest.mark.parametrize("what", ["heartbeat", "release", "annotation", "retraction"])
async def test_without_the_token_or_as_somebody_else_nothing_can_be_done(
    installation: Installation, run_stages: RunStages, ann: Caller, what: str
) -> None:
    await _open(installation, run_stages)
    held = await ann.post(NEXT, {})
    bob = await installation.caller("annotator", annotator="bob")
    more = {"label": "wrong"} if what == "annotation" else {}

    forged = await ann.post(_about(held, what), {"token": "guess", **more})
    stolen = await bob.post(_about(held, what), _token(held, **more))
    unknown = await ann.post(f"/v1/assignments/assignment_none/{what}", _token(held, **more))

    assert [(one.status_code, one.json()["code"]) for one in (forged, stolen, unknown)] == [
        (403, "wrong_token"),
        (403, "wrong_token"),
        (404, "unknown_assignment"),
    ]
    assert held.json()["token"] not in forged.text + stolen.text
    assert (await ann.post(_about(held, "heartbeat"), _token(held))).status_code == 200


async def test_a_label_that_the_guideline_has_not_is_refused_by_name(
    installation: Installation, run_stages: RunStages, ann: Caller
) -> None:
    await _open(installation, run_stages)
    held = await ann.post(NEXT, {})

    answer = await ann.post(_about(held, "annotation"), _token(held, label="maybe"))

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_label")
    assert "'right', 'wrong'" in answer.json()["detail"]


async def test_a_key_asks_for_its_own_sources_and_skills_alone(
    installation: Installation, run_stages: RunStages, ann: Caller
) -> None:
    await run_stages(*STAGES)
    owner = await installation.caller("owner")

    answers = [
        await ann.post(NEXT, {"sources": ["expert"]}),
        await ann.post(NEXT, {"skills": ["german"]}),
        await owner.post(NEXT, {}),
        await ann.post(NEXT, {"sources": ["crowd"], "skills": []}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 204]
    assert "its sources are: 'crowd'" in answers[0].json()["detail"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"wait_s": 26},
        {"wait_s": -1},
        {"wait_s": "NaN"},
        {"sources": "crowd"},
        {"request": ""},
        {"request": "x" * 257},
        {"request": "a\x00b"},
        {"sources": ["crowd"] * 33},
        7,
    ],
)
async def test_a_request_that_does_not_fit_is_told_where(ann: Caller, wanted: Any) -> None:
    answer = await ann.post(NEXT, wanted)

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/schema-violation")
    assert answer.json()["errors"]


async def test_when_nobody_dispatches_the_caller_is_told_to_ask_again(installation: Installation) -> None:
    ann = await installation.caller("annotator")

    answer = await ann.post("/v1/assignments/a1/heartbeat", {"token": "t"})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
