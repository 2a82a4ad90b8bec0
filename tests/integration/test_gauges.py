"""Every stage exports how far its own service is behind, on one node and on a cluster."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from labelwright import metrics, topology
from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted
from labelwright.contracts.payload import Payload
from labelwright.contracts.work import AnnotationRecorded
from labelwright.engine.decisions import Decision
from labelwright.metrics import Sample
from labelwright.runtime import dead
from labelwright.runtime.embedded import cluster
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.settings import LabelwrightSettings
from tests.conftest import SECRET, until
from tests.unit.quality.shop import PROJECT, START, SUBJECT, abstained, answered, opened

pytestmark = [pytest.mark.server, pytest.mark.anyio]


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Sample]]:
    """What is exported from now on, by owner; forgotten afterwards."""
    samples: dict[str, list[Sample]] = {}
    monkeypatch.setattr(metrics.state, "_samples", samples)
    return samples


async def test_a_stage_exports_what_its_service_has_not_finished(
    server: Server, exported: dict[str, list[Sample]]
) -> None:
    await _check_backlog(server, exported)


@pytest.mark.cluster
async def test_on_a_cluster_it_is_the_same(tmp_path: Path, exported: dict[str, list[Sample]]) -> None:
    with cluster(tmp_path) as url:
        server = await Server.connect(LabelwrightSettings(redis_url=url, secret=SECRET, allow_unfit_server=True))
        await _check_backlog(server, exported)
        await server.close()


async def _check_backlog(server: Server, exported: dict[str, list[Sample]]) -> None:
    partition = server.partition("p0")
    quality, triage = (Stage(Service.named(name), partition, server.settings) for name in ("quality", "triage"))
    for stage in (quality, triage):
        await stage.start()
    to_quality = (opened("a"), opened("b"), answered("a", "ann", "slow"), abstained("b"))
    await partition.append(_events(_accepted("f1"), _accepted("f2"), *to_quality))
    await partition.client.xreadgroup("quality", "hangs", {partition.key("items"): ">"}, count=1)
    (held, *_), *_ = await partition.client.xrange(partition.key("items"))

    async def is_old() -> bool:
        return (await partition.now()).timestamp() * 1_000 >= int(held.partition(b"-")[0]) + 50

    await until(is_old)
    for stage in (quality, triage):
        await stage.gauges()

    of_quality, of_triage = (_own(exported[f"{name} p0"]) for name in ("quality", "triage"))
    assert of_quality["labelwright_stream_backlog_entries"] == 4
    assert 0.05 <= of_quality["labelwright_stream_oldest_pending_seconds"] < 60
    assert of_triage["labelwright_stream_backlog_entries"] == 2
    assert of_triage["labelwright_stream_oldest_pending_seconds"] == 0
    assert {sample.labels["service"] for sample in exported["triage p0"] if "backlog" in sample.name} == {"triage"}


async def test_dead_entries_are_counted_until_they_are_replayed(
    server: Server, exported: dict[str, list[Sample]]
) -> None:
    partition = server.partition("p0")

    def refuse(batch: Any, _state: Any) -> list[Decision]:
        raise ArithmeticError(f"{len(batch)} too many")

    settings = LabelwrightSettings(**(server.settings.model_dump() | {"attempts": 1}))
    stage = Stage(Service("triage", Service.named("triage").load, refuse), partition, settings)
    stage._ticks = {}  # else the clock's beats die as well
    await stage.start()
    await partition.append(_events(_accepted("f1"), _accepted("f2")))
    turning = asyncio.create_task(_turn(stage))

    async def are_dead() -> bool:
        await stage.gauges()
        return bool(_own(exported["triage p0"])["labelwright_dead_entries"] == 2)

    await until(are_dead)
    turning.cancel()
    with suppress(asyncio.CancelledError):
        await turning
    letter, *others = [letter async for letter in dead.letters(partition)]
    await dead.replay(partition, letter)
    await stage.gauges()

    assert len(others) == 1
    assert _own(exported["triage p0"])["labelwright_dead_entries"] == 1


async def test_a_group_that_is_gone_does_not_keep_the_stage_from_making_it_anew(
    server: Server, exported: dict[str, list[Sample]]
) -> None:
    partition = server.partition("p0")
    stage = Stage(Service.named("quality"), partition, server.settings)
    await stage.start()
    await partition.client.flushall()

    await stage.gauges()

    assert _own(exported["quality p0"])["labelwright_stream_backlog_entries"] == 0
    assert stage.fault is None


async def test_every_sample_of_every_service_is_declared(server: Server, exported: dict[str, list[Sample]]) -> None:
    partition = server.partition("p0")

    for name in topology.STAGES:
        await Stage(Service.named(name), partition, server.settings).gauges()

    assert exported.keys() == {f"{name} p0" for name in topology.STAGES}


def _own(samples: list[Sample]) -> dict[str, Any]:
    return {sample.name: sample.value for sample in samples if "project" not in sample.labels}


def _events(*payloads: Payload) -> list[Event[Payload]]:
    answers = [one for one in payloads if isinstance(one, AnnotationRecorded)]
    at = answers[0].answered_at if answers else START
    return [Event(f"e{number}", "/test", PROJECT, at, payload) for number, payload in enumerate(payloads)]


def _accepted(feedback: str) -> FeedbackAccepted:
    return FeedbackAccepted(kind="thumb", value=-1, subject=SUBJECT, feedback=feedback, received_at=START)


async def _turn(stage: Stage) -> None:
    while True:
        await stage.read_once()
