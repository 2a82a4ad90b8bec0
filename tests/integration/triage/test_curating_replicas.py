"""Two replicas that are asked about one item at once: one of the owners is first, and nothing is counted twice."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from labelwright.contracts.curation import MergeRequested, SplitRequested
from labelwright.contracts.envelope import Event
from labelwright.registry import apply_project
from labelwright.runtime.asker import Asker
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.stories import standings
from tests.conftest import until
from tests.installation import project_file
from tests.integration.engine.stages import running
from tests.unit.triage.stories_told import feedback

pytestmark = [pytest.mark.server, pytest.mark.anyio]

TEXTS = ("The export button does nothing at all for me", "Search results are sorted by date and nobody asked")
PATIENCE = timedelta(seconds=20)


async def test_racing_merges_and_splits_lose_nothing_and_count_nothing_twice(server: Server) -> None:
    partition = server.partition("p0")
    await apply_project(server, project_file("acme"))
    replicas = [Stage(Service.named("triage"), partition, server.settings) for _ in range(2)]

    async with running(*replicas), Asker(server) as asker:
        now = await partition.now()
        said = [
            feedback(f"f{number}", kind="text", value=None, comment=TEXTS[number % 2], user=f"u{number}")
            for number in range(8)
        ]
        await partition.append([Event(one.feedback, "/intake", "acme", now, one) for one in said])
        await until(lambda: _counts(server, 8))
        one, two = sorted(await _open(server))

        async def olga(kind: type[Any], request: str, **about: str) -> int:
            asked = kind(request=request, by="olga", reason="I looked", reply=asker.name, **about)
            told = await asker.ask("acme", asked, timeout=PATIENCE)
            assert told is not None
            return told.status

        for turn in range(6):
            merged = await asyncio.gather(
                olga(MergeRequested, f"merge {turn} one", item=one, into=two),
                olga(MergeRequested, f"merge {turn} two", item=two, into=one),
            )
            assert sorted(merged) == [200, 409]
            assert await _counts(server, 8)
            splits = (olga(SplitRequested, f"split {turn} {name}", feedback=name) for name in ("f0", "f1"))
            parted = await asyncio.gather(*splits)
            assert sorted(parted) == [200, 409]
            assert await _counts(server, 8)
            one, two = sorted(await _open(server))
            events = await _events(server)
            assert (events[one], events[two]) == (4, 4)


async def _events(server: Server) -> dict[str, int]:
    (found,) = await (await server.partition("p0").reads())(standings.all())
    return {one.value.item: one.value.events for one in found.values()}


async def _counts(server: Server, events: int) -> bool:
    return sum((await _events(server)).values()) == events


async def _open(server: Server) -> list[str]:
    (found,) = await (await server.partition("p0").reads())(standings.all())
    return [one.value.item for one in found.values() if one.value.status == "open"]
