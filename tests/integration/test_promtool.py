"""What a running process exports satisfies Prometheus' own linter."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator

import httpx2
import pytest

from labelwright import metrics, topology
from labelwright.contracts.envelope import Event
from labelwright.contracts.payload import Payload
from labelwright.runtime import stage
from labelwright.runtime.process import Process
from labelwright.runtime.server import Server
from tests.conftest import until
from tests.unit.quality.shop import PROJECT, START, abstained, answered, opened, resolved

pytestmark = [pytest.mark.server, pytest.mark.anyio]

PROMTOOL = shutil.which("promtool")


@pytest.fixture
async def exposition(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The text of /metrics once every kind of figure is in it."""
    monkeypatch.setattr(stage, "GAUGES_EVERY_S", 0.2)
    payloads: list[Payload] = [abstained(), opened("a"), opened("b"), resolved("a")]
    payloads += [answered("a", who, "slow") for who in ("ann", "bob")]
    payloads += [answered("g", "ann", "slow", gold="slow")]
    await server.partition("p0").append(
        [Event(f"e{number}", "/test", PROJECT, START, payload) for number, payload in enumerate(payloads)]
    )
    process = Process(server, list(topology.STAGES), ports={"metrics": 0})
    running = asyncio.create_task(process.run())
    async with httpx2.AsyncClient() as http:
        text = ""

        async def is_told() -> bool:
            nonlocal text
            if not process.ready.is_set():
                return False
            text = (await http.get(f"{process.urls['metrics']}/metrics")).text
            return "labelwright_gold_accuracy_ratio{" in text and "labelwright_agreement{" in text

        await until(is_told, within_s=20)
        yield text
    process.stop.set()
    assert await running == 0


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on PATH; it comes with Prometheus")
async def test_promtool_finds_nothing_to_complain_of(exposition: str) -> None:
    assert await asyncio.to_thread(_complaints, exposition) == (0, "")


async def test_all_that_is_exported_is_declared(exposition: str) -> None:
    exported = {line.split()[2] for line in exposition.splitlines() if line.startswith("# TYPE labelwright_")}

    assert {"labelwright_items", "labelwright_feedback_to_label_seconds"} <= exported
    assert exported <= metrics.CATALOGUE.keys()


def _complaints(text: str) -> tuple[int, str]:
    command = [str(PROMTOOL), "check", "metrics"]
    checked = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return checked.returncode, checked.stdout + checked.stderr
