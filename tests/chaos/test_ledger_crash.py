"""The publisher killed between a commit's files and its manifest, under load: the ledger has everything once."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from labelwright import topology
from labelwright.contracts.envelope import decode
from labelwright.contracts.feedback import FeedbackAccepted
from labelwright.ledger import Ledger
from labelwright.registry import apply_project
from labelwright.runtime.embedded import temporary
from labelwright.runtime.rebuild import digest, rebuild
from labelwright.runtime.server import Server
from labelwright.settings import LabelwrightSettings
from tests.chaos.load import project_file, publish_until
from tests.chaos.replicas import Replica
from tests.conftest import RunStages, until

pytestmark = [pytest.mark.chaos, pytest.mark.server, pytest.mark.anyio, pytest.mark.timeout(300)]

DYING = """
import os, signal, sys
from labelwright.ledger import Store
from labelwright.runtime import run

put_new, manifests = Store.put_new, int(sys.argv[1])

def dying(store, path, content):
    global manifests
    if path.startswith("manifest/"):
        if manifests == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        manifests -= 1
    put_new(store, path, content)

Store.put_new = dying
run("publish")
"""

Hire = Callable[..., Replica]


@pytest.fixture
async def hire(server: Server, tmp_path: Path) -> AsyncIterator[Hire]:
    hired: list[Replica] = []

    def start(*command: str) -> Replica:
        settings = {"LABELWRIGHT_LEDGER": str(tmp_path / "ledger"), "LABELWRIGHT_PUBLISH_EVERY_S": "0.1"}
        hired.append(Replica("publish", server, settings, command=command))
        return hired[-1]

    yield start
    for replica in hired:
        replica.kill()


async def test_a_publisher_killed_before_its_manifest_leaves_no_gap_and_no_double(
    server: Server, hire: Hire, run_stages: RunStages, tmp_path: Path
) -> None:
    partition, ledger = server.partitions[0], Ledger.of(server.settings, str(tmp_path / "ledger"))
    await apply_project(server, project_file())
    for name in topology.STAGES:
        await partition.ensure_groups(name)
    await run_stages("intake", "triage")
    is_over = asyncio.Event()
    publishing = asyncio.create_task(publish_until(is_over, partition, "ledger"))

    for manifests in (0, 3):
        assert await hire("-c", DYING, str(manifests)).until_ended() == -signal.SIGKILL
        report = ledger.verify()
        assert report.faults == ()
        assert report.leftovers
    publisher = await hire().until_ready()
    is_over.set()
    sent = Counter(event.id for event in await publishing)
    await run_stages()
    handled_ms = int(await partition.server_time() * 1_000)

    async def all_is_written() -> bool:
        return ledger.watermark(partition.name).cut >= handled_ms

    await until(all_is_written, within_s=30)
    assert await publisher.end() == 0

    assert len(sent) > 100
    assert Counter(decode(row.body).id for row in ledger.read("p0", "feedback")) == sent
    accepted = [decode(row.body).data for row in ledger.read("p0", "accepted")]
    assert Counter(data.feedback for data in accepted if isinstance(data, FeedbackAccepted)) == sent
    report = ledger.verify()
    assert report.faults == report.leftovers == ()
    assert await _rebuilt(ledger) == {name: await digest(server, name) for name in ledger.partitions()}


async def _rebuilt(ledger: Ledger) -> dict[str, dict[str, str]]:
    with temporary() as url:
        anew = await Server.connect(LabelwrightSettings(redis_url=url))
        try:
            await rebuild(anew, ledger)
            return {name: await digest(anew, name) for name in ledger.partitions()}
        finally:
            await anew.close()
