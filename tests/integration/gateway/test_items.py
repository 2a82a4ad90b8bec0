"""Owners look at items and decide about them over HTTP: answered at once, with what was done or why not."""

import asyncio
from typing import Any

import pytest

from labelwright.stories import cases
from tests.conftest import RunStages, until
from tests.installation import PROJECT, Caller, Installation, event

pytestmark = [pytest.mark.server, pytest.mark.anyio]

STAGES = ("intake", "triage", "resolve", "dispatch")
EXPORT = "The export button does nothing when I press it twice in a row"
OPPOSITE = "The export button does not nothing when I press it twice in a row"
OTHER = "Search results are sorted by date and nobody asked for that"
WHY = {"reason": "I looked at both"}


@pytest.fixture
async def owner(installation: Installation, run_stages: RunStages) -> Caller:
    """The owner of a project that heard three things, two of which may be the same."""
    owner = await installation.caller("owner", annotator="olga")
    said = {"e1": EXPORT, "e2": OPPOSITE, "e3": OTHER, "e4": OTHER}
    await owner.publish(*(event(id=name, comment=text, user=f"u {name}") for name, text in said.items()))
    await run_stages(*STAGES)
    return owner


async def _item(caller: Caller, feedback: str) -> str:
    steps = (await caller.get(f"/v1/feedback/{feedback}")).json()["steps"]
    found: str = next(step["item"] for step in steps if step["step"] == "item")
    return found


async def test_the_queue_is_listed_with_what_makes_each_item_urgent(owner: Caller) -> None:
    found = (await owner.get("/v1/items")).json()["items"]

    assert found[0]["text"] == OTHER
    assert {item["text"] for item in found} == {EXPORT, OPPOSITE, OTHER}
    assert found[0]["events"] == 2
    assert found[0]["factors"].keys() >= {"severity", "reach", "novelty"}
    assert found[0]["why"]
    assert len((await owner.get("/v1/items", params={"limit": 1})).json()["items"]) == 1


async def test_a_proposal_is_listed_with_both_texts_and_accepted(owner: Caller, run_stages: RunStages) -> None:
    (pair,) = (await owner.get("/v1/merges")).json()["merges"]

    merged = await owner.post(f"/v1/items/{pair['item']}/merge", {"into": pair["other"], **WHY})
    await run_stages("resolve", "dispatch")

    assert {pair["text"], pair["other_text"]} == {EXPORT, OPPOSITE}
    assert 0 < pair["score"] < 1
    assert pair["reason"]
    assert (merged.status_code, merged.json()) == (200, {"item": pair["item"], "into": pair["other"]})
    assert (await owner.get("/v1/merges")).json() == {"merges": []}
    whole = (await owner.get(f"/v1/items/{pair['other']}")).json()
    assert (whole["events"], whole["members"]) == (2, [pair["item"]])
    assert [(one["text"], one["opened"], one["by"]) for one in whole["wordings"]] == [
        (EXPORT, True, None),
        (OPPOSITE, False, "olga"),
    ]
    (act,) = whole["acts"]
    assert (act["did"], act["by"], act["reason"], act["other"]) == ("took", "olga", WHY["reason"], pair["item"])
    gone = (await owner.get(f"/v1/items/{pair['item']}")).json()
    assert (gone["status"], gone["into"]) == ("merged", pair["other"])
    assert pair["item"] not in {item["item"] for item in (await owner.get("/v1/items")).json()["items"]}


async def test_the_story_tells_who_merged_and_parted_when_and_why(owner: Caller, run_stages: RunStages) -> None:
    export, other = await _item(owner, "e1"), await _item(owner, "e3")
    await owner.post(f"/v1/items/{other}/merge", {"into": export, **WHY})
    await run_stages("resolve")
    merged = (await owner.get("/v1/feedback/e3")).json()["steps"]
    parted = await owner.post(f"/v1/items/{export}/split", {"feedback": "e3", "reason": "they differ after all"})
    await run_stages("resolve")
    told = (await owner.get(f"/v1/items/{export}")).json()["steps"]

    (step,) = [step for step in merged if step["step"] == "merged"]
    assert (step["by"], step["reason"], step["other"]) == ("olga", WHY["reason"], export)
    assert "score" in step
    assert [(step["step"], step["by"], step["other"]) for step in told if "by" in step] == [
        ("took", "olga", other),
        ("split", "olga", parted.json()["item"]),
    ]
    now = (await owner.get(f"/v1/items/{parted.json()['item']}")).json()
    assert (now["events"], now["text"], now["status"]) == (2, OTHER, "open")


async def test_a_merge_takes_the_answers_along_and_a_split_brings_them_back(
    installation: Installation, owner: Caller, run_stages: RunStages
) -> None:
    ann = await installation.caller("annotator", annotator="ann")
    export, other = await _item(owner, "e1"), await _item(owner, "e3")
    while (task := (await ann.post(f"/v1/projects/{PROJECT}/assignments", {})).json())["item"] != other:
        pass
    answer = {"token": task["token"], "label": "wrong"}
    recorded = (await ann.post(f"/v1/assignments/{task['assignment']}/annotation", answer)).json()["annotation"]

    await owner.post(f"/v1/items/{other}/merge", {"into": export, **WHY})
    await run_stages("resolve")
    joined = await _votes(installation, export)
    own = (await owner.post(f"/v1/items/{export}/split", {"feedback": "e4", **WHY})).json()["item"]
    await run_stages("resolve")

    assert joined == [(recorded, other)]
    assert await _votes(installation, export) == []
    assert await _votes(installation, own) == [(recorded, other)]


async def test_an_item_is_pinned_and_muted(owner: Caller, run_stages: RunStages) -> None:
    export, other = await _item(owner, "e1"), await _item(owner, "e3")

    pinned = await owner.post(f"/v1/items/{export}/pin", WHY)
    muted = await owner.post(f"/v1/items/{other}/mute", WHY)
    await run_stages("resolve", "dispatch")
    queue = (await owner.get("/v1/items")).json()["items"]
    await owner.post(f"/v1/items/{other}/mute", {"muted": False, **WHY})
    await run_stages("resolve", "dispatch")

    assert (pinned.json(), muted.json()) == ({"item": export, "pinned": True}, {"item": other, "muted": True})
    assert queue[0]["item"] == export
    assert queue[0]["pinned"]["by"] == "olga"
    assert other not in {item["item"] for item in queue}
    assert other in {item["item"] for item in (await owner.get("/v1/items")).json()["items"]}


async def test_what_cannot_be_is_a_problem_that_says_why(owner: Caller) -> None:
    export, other = await _item(owner, "e1"), await _item(owner, "e3")
    answers = [
        await owner.post("/v1/items/none/merge", {"into": export, **WHY}),
        await owner.post(f"/v1/items/{export}/split", {"feedback": "none", **WHY}),
        await owner.post(f"/v1/items/{export}/split", {"feedback": "e1", **WHY}),
        await owner.post(f"/v1/items/{export}/split", {"feedback": "e3", **WHY}),
        await owner.post(f"/v1/items/{export}/merge", {"into": other}),
        await owner.get("/v1/items/none"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 409, 409, 422, 404]
    assert [answer.json()["code"] for answer in answers[:4]] == [
        "unknown_item",
        "unknown_feedback",
        "one_wording",
        "other_item",
    ]
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in answers)


async def test_who_reviews_decides_about_proposals_and_nothing_else(installation: Installation, owner: Caller) -> None:
    reviewer = await installation.caller("reviewer", annotator="rae")
    publisher = await installation.caller("publisher")
    (pair,) = (await reviewer.get("/v1/merges")).json()["merges"]
    other = await _item(owner, "e3")

    apart = await reviewer.post(f"/v1/items/{pair['item']}/keep-apart", {"other": pair["other"], **WHY})
    refused = [
        await reviewer.post(f"/v1/items/{other}/merge", {"into": pair["other"], **WHY}),
        await reviewer.post(f"/v1/items/{other}/pin", WHY),
        await reviewer.post(f"/v1/items/{other}/split", {"feedback": "e3", **WHY}),
        await publisher.get("/v1/merges"),
        await publisher.post(f"/v1/items/{other}/mute", WHY),
    ]

    assert apart.json() == {"item": pair["item"], "other": pair["other"]}
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert (await owner.get("/v1/merges")).json() == {"merges": []}


async def test_what_is_sent_again_under_its_key_is_done_once(owner: Caller) -> None:
    export, other = await _item(owner, "e1"), await _item(owner, "e3")
    once = {"Idempotency-Key": "merge 1"}

    answers = await asyncio.gather(
        *(owner.post(f"/v1/items/{other}/merge", {"into": export, **WHY}, headers=once) for _ in range(3))
    )

    assert [answer.json() for answer in answers] == [{"item": other, "into": export}] * 3
    assert (await owner.get(f"/v1/items/{export}")).json()["events"] == 3


async def test_no_key_reaches_another_projects_items(installation: Installation, owner: Caller) -> None:
    export = await _item(owner, "e1")
    await installation.apply("bank")
    stranger = await installation.caller("owner", project="bank")

    assert (await stranger.get(f"/v1/items/{export}")).status_code == 404
    assert (await stranger.get("/v1/items")).json() == {"items": []}
    answer = await stranger.post(f"/v1/items/{export}/mute", WHY)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_item")


async def _votes(installation: Installation, item: str) -> list[tuple[str, Any]]:
    partition = installation.server.partition("p0")

    async def is_known() -> bool:
        (found,) = await (await partition.reads())(cases.get(item))
        return found is not None

    await until(is_known)
    (found,) = await (await partition.reads())(cases.get(item))
    return [(vote.annotation, vote.about) for vote in found.value.votes] if found else []
