"""A gateway with every stage behind it and next to no limits, to be fed with anything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from labelwright import topology
from labelwright.registry import apply_project
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from services.gateway.settings import Settings
from tests.conftest import until
from tests.installation import Installation, installed, project_file


@pytest.fixture
async def stages(server: Server) -> AsyncIterator[list[Stage]]:
    """Every stage at work, on a project with rules, people and gold."""
    file = project_file(
        rules=[{"id": "r1", "pattern": "x+", "label": "wrong"}],
        sources=[
            {"name": "crowd", "kind": "crowd", "price_usd": 0.05},
            {"name": "expert", "kind": "expert", "price_usd": 2},
            {"name": "rules", "kind": "rule", "price_usd": 0},
        ],
        gold=[{"text": "gold", "label": "right"}],
        gold_share=0.3,
    )
    await apply_project(server, file)
    running = [Stage(Service.named(name), server.partition("p0"), server.settings) for name in topology.STAGES]
    for stage in running:
        await stage.start()
    tasks = [asyncio.create_task(_turn(stage)) for stage in running]
    yield running
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def installation(server: Server, stages: list[Stage]) -> AsyncIterator[Installation]:
    """A gateway in front of the stages."""
    assert stages
    settings = Settings(burst=10**6, events_per_s=10**6, longest_wait_s=0.2)
    async with installed(server, settings) as running:
        yield running


async def _turn(stage: Stage) -> None:
    while True:
        await stage.read_once()


async def all_ended(server: Server, stages: list[Stage], *, within_s: float) -> None:
    """Wait until nothing waits or is pending; raise what a stage stopped for."""

    async def is_done() -> bool:
        for stage in stages:
            if stage.fault:
                raise stage.fault
        return not any((await server.partition("p0").backlog()).values())

    await until(is_done, within_s=within_s)
