"""The desk ends soon when it is asked to, whoever still looks at it."""

import asyncio
import os
import signal
import sys
import time

import httpx2
import pytest

from labelwright.registry import apply_project
from labelwright.runtime.embedded import free_port
from labelwright.runtime.server import Server
from services.dispatch.state import waiting
from tests.conftest import SECRET, RunStages, until
from tests.desk_office import PROJECT, Office, project_file, visit

pytestmark = [pytest.mark.server, pytest.mark.anyio]


async def test_ends_within_two_seconds_with_a_page_that_waits(server: Server, run_stages: RunStages) -> None:
    await apply_project(server, project_file())
    await run_stages("dispatch")
    port = free_port()
    environment = os.environ | {
        "LABELWRIGHT_REDIS_URL": server.settings.redis_url,
        "LABELWRIGHT_SECRET": SECRET,
        "LABELWRIGHT_DESK_PORT": str(port),
        "LABELWRIGHT_PORT": str(free_port()),
        "LABELWRIGHT_ALLOW_UNFIT_SERVER": "true",
    }
    desk = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.desk", env=environment)
    office = Office(server, f"http://127.0.0.1:{port}", server.partition("p0"))
    async with visit(office.url) as browser:
        link = await office.link()

        async def is_up() -> bool:
            try:
                return (await browser.get(link)).status_code == 200
            except httpx2.TransportError:
                return False

        await until(is_up, within_s=30)
        page = asyncio.create_task(browser.get("/label?wait_s=20", headers={"HX-Request": "true"}))

        async def page_waits() -> bool:
            (found,) = await (await office.partition.reads())(waiting.of(PROJECT).size())
            return found > 0

        await until(page_waits)
        asked_at = time.monotonic()
        desk.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(desk.wait(), 10)
        took_s = time.monotonic() - asked_at
        await asyncio.wait({page})

    assert code == 0
    assert took_s < 2
    assert page.exception() or page.result().status_code != 200
