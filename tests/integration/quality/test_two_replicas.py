"""Two replicas of quality on one partition of a real server count everything once."""

import asyncio
import random
from contextlib import suppress
from datetime import timedelta

import pytest

from labelwright.contracts.envelope import Event, decode
from labelwright.contracts.payload import Payload
from labelwright.contracts.quality import QualityMeasured
from labelwright.contracts.work import AnnotationRecorded
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.settings import LabelwrightSettings
from services.quality.state import Scope, figures_of, totals_of
from tests.conftest import RunStages, until
from tests.unit.quality.shop import PROJECT, START, Shop, abstained, answered, opened, resolved, taken_back

pytestmark = [pytest.mark.server, pytest.mark.anyio]

ITEMS, PEOPLE = 40, 6


async def test_two_replicas_count_as_one_does(server: Server, run_stages: RunStages) -> None:
    partition = server.partition("p0")
    small = LabelwrightSettings(**(server.settings.model_dump() | {"batch": 7}))
    replicas = [Stage(Service.named("quality"), partition, small) for _ in range(2)]
    events = _story()

    for stage in replicas:
        await stage.start()
    turning = [asyncio.create_task(_turn(stage)) for stage in replicas]
    for start in range(0, len(events), 50):
        await partition.append(events[start : start + 50])
    await run_stages("quality")
    found = {version: await _figures(server, version) for version in (None, 1)}
    for task in turning:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    assert [stage.fault for stage in replicas] == [None, None]
    assert found == await asyncio.to_thread(_alone, events)


async def test_what_was_measured_last_is_what_is_so(server: Server, run_stages: RunStages) -> None:
    partition = server.partition("p0")
    await partition.append(_story())
    await run_stages("quality")

    async def told() -> dict[int | None, dict[str, float]]:
        entries = await partition.client.xrange(partition.key("metrics"))
        measured = [decode(fields[b"event"]).data for _, fields in entries]
        return {one.guideline_version: one.values for one in measured if isinstance(one, QualityMeasured)}

    async def is_told() -> bool:
        return await told() == {version: await _figures(server, version) for version in (None, 1)}

    await until(is_told)


def _story() -> list[Event[Payload]]:
    """What happens to the items, shuffled: replicas hear of it in any order."""
    chance = random.Random(7)
    payloads: list[Payload] = []
    for number in range(ITEMS):
        item = f"i{number % (ITEMS // 2)}" if number % 3 else f"i{number}"
        answers: list[AnnotationRecorded] = [
            answered(item, f"ann{who}", chance.choice(["slow", "fine"]), annotation=f"a{number}.{who}",
                     at=START + timedelta(seconds=number))
            for who in range(PEOPLE)
        ]  # fmt: skip
        gold = [answered("gold", f"ann{number}", chance.choice(["slow", "fine"]), gold="slow")]
        undone = [taken_back(answer) for answer in answers if chance.random() < 0.3]
        payloads += [abstained(item), opened(item), *answers, *gold, *undone]
        payloads += [resolved(item, at=START + timedelta(seconds=number))]
    chance.shuffle(payloads)
    return [Event(f"e{number}", "/test", PROJECT, START, payload) for number, payload in enumerate(payloads)]


def _alone(events: list[Event[Payload]]) -> dict[int | None, dict[str, float]]:
    """What one replica makes of the events, one at a time."""
    shop = Shop()
    for event in events:
        shop.batch([event])
    return {version: shop.all_figures(version) for version in (None, 1)}


async def _figures(server: Server, version: int | None) -> dict[str, float]:
    scope = Scope(PROJECT, version)
    totals = await totals_of(await server.partition("p0").reads(), [scope])
    return figures_of(scope, totals[scope])


async def _turn(stage: Stage) -> None:
    while True:
        await stage.read_once()
