"""The story of an event: every step that was taken, with its time and reason."""

from typing import Any

import pytest

from labelwright import stories
from labelwright.contracts.envelope import Event, encode
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.engine.tables import Documents
from services.dispatch.state import Task, tasks
from tests.conftest import RunStages
from tests.installation import PROJECT, Caller, Installation, event

pytestmark = [pytest.mark.server, pytest.mark.anyio]

STAGES = ("intake", "triage", "resolve", "dispatch")


async def _steps(caller: Caller, identity: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await caller.get(f"/v1/feedback/{identity}")).json()["steps"]
    return found


async def test_an_event_is_followed_from_its_receipt_to_its_label(
    installation: Installation, run_stages: RunStages
) -> None:
    owner = await installation.caller("owner")
    ann = await installation.caller("annotator", annotator="ann")
    await owner.publish(event(id="e1"))
    received = await _steps(owner, "e1")
    await run_stages(*STAGES)
    asked = await _steps(owner, "e1")
    held = (await ann.post(f"/v1/projects/{PROJECT}/assignments", {})).json()
    leased = await _steps(owner, "e1")
    answered = await ann.post(
        f"/v1/assignments/{held['assignment']}/annotation", {"token": held["token"], "label": "wrong"}
    )
    await run_stages("resolve", "dispatch")
    told = await _steps(owner, "e1")

    assert [step["step"] for step in received] == ["received"]
    assert [step["step"] for step in asked] == ["received", "accepted", "item", "task"]
    assert (asked[2]["item"], asked[2]["how"], asked[2]["events"]) == (held["item"], "opened", 1)
    assert asked[2]["why"].startswith("severity plain x 2 | reach: 1 user of 1 customer, 1 counted x 1 | new x 1.5 |")
    assert (asked[3]["source"], asked[3]["status"]) == ("crowd", "ready")
    assert leased[4] == {
        "step": "assignment",
        "at": leased[4]["at"],
        "task": f"{held['item']}.1",
        "source": "crowd",
        "assignment": held["assignment"],
        "annotator": "ann",
        "times": 1,
        "expires_at": held["expires_at"],
    }
    assert told[5] == {
        "step": "annotation",
        "at": told[5]["at"],
        "annotation": answered.json()["annotation"],
        "annotator": "ann",
        "source": "crowd",
        "label": "wrong",
    }
    assert [step["at"] for step in told] == sorted(step["at"] for step in told)


async def test_an_event_that_was_turned_away_is_told_why(installation: Installation, run_stages: RunStages) -> None:
    publisher = await installation.caller("publisher")
    ahead = event(id="e1", occurred_at="2999-01-01T00:00:00Z")
    await publisher.publish(ahead)
    await run_stages("intake")

    answer = await publisher.get("/v1/feedback/e1")

    assert answer.json()["state"] == "rejected"
    last = answer.json()["steps"][-1]
    assert last["code"] == "from_the_future"
    assert last["reason"].startswith("the event says it is from 2999-01-01T00:00:00+00:00, over a day ahead")


async def test_an_event_that_never_passed_the_gateway_has_a_story_too(
    installation: Installation, run_stages: RunStages
) -> None:
    partition = installation.server.partition("p0")
    feedback = FeedbackReceived.model_validate(event())
    raw = encode(Event("x1", "/backend", PROJECT, await partition.now(), feedback))
    await installation.server.client.xadd(partition.key("feedback"), {"event": raw})
    await run_stages(*STAGES)
    publisher = await installation.caller("publisher")

    assert [step["step"] for step in await _steps(publisher, "x1")] == ["accepted", "item", "task"]


@pytest.mark.parametrize("identity", ["unknown", "a/b/c", "%00", "e" * 5_000, "💥", "%FF"])
async def test_an_unknown_event_is_not_found(installation: Installation, identity: str) -> None:
    publisher = await installation.caller("publisher")

    answer = await publisher.get(f"/v1/feedback/{identity}")

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def test_what_dispatch_keeps_of_a_task_is_what_stories_read(
    installation: Installation, run_stages: RunStages
) -> None:
    publisher = await installation.caller("publisher")
    await publisher.publish(event(id="e1"))
    await run_stages(*STAGES)
    reads = await installation.server.partition("p0").reads()
    read_by_stories: Documents[stories.Asked] = stories.tasks
    read_by_dispatch: Documents[Task] = tasks

    told, kept = await reads(read_by_stories.all(), read_by_dispatch.all())

    assert read_by_stories.name == read_by_dispatch.name
    assert {name: stories.Asked.model_validate(document.value.model_dump()) for name, document in kept.items()} == {
        name: document.value for name, document in told.items()
    }
    assert len(told) == 1
