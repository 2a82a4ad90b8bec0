"""Services restarted one after another under load, as a rolling update does: SIGTERM, with a successor at work."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from labelwright import topology
from labelwright.registry import apply_project
from labelwright.runtime.server import Server
from tests.chaos.load import project_file, publish_until
from tests.chaos.replicas import Replica
from tests.chaos.rounds import unfinished
from tests.chaos.tally import tally
from tests.conftest import until

pytestmark = [pytest.mark.chaos, pytest.mark.server, pytest.mark.anyio, pytest.mark.timeout(300)]

CLAIM_AFTER_S = 10
"""Long enough that what a stopped process had kept to itself would be late."""

SERVICES = ("intake", "triage", "resolve")
Hire = Callable[[str], Replica]


@pytest.fixture
async def hire(server: Server) -> AsyncIterator[Hire]:
    hired: list[Replica] = []

    def start(name: str) -> Replica:
        hired.append(Replica(name, server, {"LABELWRIGHT_CLAIM_AFTER_S": str(CLAIM_AFTER_S)}))
        return hired[-1]

    yield start
    for replica in hired:
        replica.kill()


async def _kept_to_itself(server: Server, replica: Replica) -> int:
    """Count the entries that a process holds and that nobody may claim yet."""
    kept, partition = 0, server.partitions[0]
    for stream in topology.inputs(replica.name):
        rows = await partition.client.xpending_range(partition.key(stream), replica.name, "-", "+", 10_000)
        own = [row for row in rows if f"-{replica.pid}-" in row["consumer"].decode()]
        kept += sum(row["time_since_delivered"] < CLAIM_AFTER_S * 1_000 for row in own)
    return kept


async def test_a_rolling_update_loses_and_doubles_nothing_and_keeps_nobody_waiting(server: Server, hire: Hire) -> None:
    await apply_project(server, project_file())
    olds = [hire(name) for name in SERVICES]
    successors = [hire(name) for name in SERVICES]
    for replica in (*olds, *successors):
        await replica.until_ready()
    is_over = asyncio.Event()
    publishing = asyncio.create_task(publish_until(is_over, server.partitions[0], "rolling"))

    for old in olds:
        assert await old.end() == 0
        assert await _kept_to_itself(server, old) == 0
    is_over.set()
    published = await publishing

    async def is_all_handled() -> bool:
        return await unfinished(server) == 0

    # news of an item that is handed back meanwhile waits for the item: for one claim time, and until the next look
    await until(is_all_handled, within_s=2 * CLAIM_AFTER_S)
    assert [await successor.end() for successor in successors] == [0, 0, 0]
    counted = await tally(server.partitions[0], published)
    assert len(published) > 100
    assert (counted.lost.total(), counted.doubled.total(), counted.rejected, counted.dead) == (0, 0, {}, {})
