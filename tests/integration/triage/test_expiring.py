"""On a real server the clock lets items expire, and status, gateway and metrics tell the same of it."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from labelwright import metrics
from labelwright.cli import looking
from labelwright.expiry import lost
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.stories import task_counts
from tests.conftest import until
from tests.installation import PROJECT, Caller, Installation, event, installed
from tests.integration.engine.stages import running

pytestmark = [pytest.mark.server, pytest.mark.anyio]

A_MOMENT = 1e-5
"""Days: less than a second."""

NEW, OLD = "the new screen shows nothing", "the old price is shown on the second page"


def _stage(name: str, server: Server) -> Stage:
    stage = Stage(Service.named(name), server.partition("p0"), server.settings)
    stage._ticks = dict.fromkeys(stage._ticks, timedelta(milliseconds=100))
    return stage


async def _exported(stage: Stage) -> dict[tuple[str, str], float]:
    """What /metrics tells of what expired, by reason and age."""
    await stage.gauges()
    families = {family.name: family for family in text_string_to_metric_families(generate_latest().decode())}
    samples = families["labelwright_feedback_expired_events"].samples
    return {(one.labels["reason"], one.labels["age"]): one.value for one in samples if one.labels["project"] == PROJECT}


async def _publish(owner: Caller) -> None:
    late = {
        "specversion": "1.0", "id": "late", "source": "/shop", "type": "labelwright.feedback.feedback_received.v2",
        "expirytime": "2020-01-01T00:00:00Z", "data": event(),
    }  # fmt: skip
    said = [
        event(id="a", comment=NEW, user="anna"),
        event(id="b", comment=NEW, user="bert"),
        event(id="c", comment=OLD),
    ]
    await owner.publish(*said)
    await owner.post("/v1/feedback", late, headers={"Content-Type": "application/cloudevents+json"})


async def test_what_nobody_labels_in_time_expires_and_every_place_tells_the_same(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics.state, "_samples", {})
    monkeypatch.setenv("LABELWRIGHT_SECRET", server.settings.secret.get_secret_value())
    monkeypatch.setenv("LABELWRIGHT_ALLOW_UNFIT_SERVER", str(server.settings.allow_unfit_server))
    partition = server.partition("p0")
    stages = [_stage(name, server) for name in ("intake", "triage", "resolve", "dispatch", "quality")]

    async def has_expired() -> bool:
        return (await lost(await partition.reads(), [PROJECT]))[PROJECT].total == 4

    async def nobody_is_asked() -> bool:
        (tasks,) = await (await partition.reads())(task_counts.of(PROJECT).all())
        return tasks.get("expired") == tasks.get("opened") == 2

    async with installed(server) as installation:
        await installation.apply(expire_after_days=A_MOMENT)
        owner = await installation.caller("owner")
        await _publish(owner)
        async with running(*stages):
            await until(has_expired, within_s=30)
            await until(nobody_is_asked, within_s=30)
            told = (await owner.get(f"/v1/projects/{PROJECT}/signal")).json()
            story = (await owner.get("/v1/feedback/b")).json()
            exported = await _exported(stages[-1])
        await looking.status(server.settings.redis_url, watch=False, as_json=True)
        (shown,) = json.loads(capsys.readouterr().out.splitlines()[-1])["signal"]

    assert exported == {("never_asked", "1d"): 3, ("before_intake", "1d"): 1}
    assert told == shown
    assert {(one["reason"], one["age"]): one["events"] for one in told["by"]} == exported
    assert (told["signal"], told["expired"], told["expired_share"]) == (4, 4, 1.0)
    assert story["state"] == "closed"
    assert story["steps"][-1]["cause"] == "expired"


async def test_the_story_of_feedback_says_why_its_item_is_where_it_is(installation: Installation) -> None:
    owner = await installation.caller("owner")
    await owner.publish(event(id="a", comment=NEW, user="anna"), event(id="b", comment=NEW, user="bert"))
    stages = [_stage(name, installation.server) for name in ("intake", "triage", "resolve")]

    async def is_asked() -> bool:
        steps = (await owner.get("/v1/feedback/b")).json().get("steps", [])
        return any(step["step"] == "item" and step["events"] == 2 for step in steps)

    async with running(*stages):
        await until(is_asked)
    steps = (await owner.get("/v1/feedback/b")).json()["steps"]

    (item,) = [step for step in steps if step["step"] == "item"]
    assert item["why"].startswith("severity plain x 2 | reach: 2 users of 2 customers, 2 counted x 1.29 | new x 1.5 |")
    assert item["factors"].keys() == {"severity", "reach", "novelty", "customer"}
    assert item["priority"] == pytest.approx(2 * item["factors"]["reach"] * 1.5, abs=0.01)


@pytest.fixture
async def installation(server: Server) -> AsyncIterator[Installation]:
    async with installed(server) as running_here:
        await running_here.apply()
        yield running_here
