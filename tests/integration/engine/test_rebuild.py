"""What the ledger holds makes the server anew: the same tables, and the same work still to do."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labelwright import topology
from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackReceived, Subject
from labelwright.contracts.work import LeaseRequested
from labelwright.errors import LedgerError
from labelwright.ledger import Ledger
from labelwright.registry import apply_project
from labelwright.runtime.partition import Partition
from labelwright.runtime.rebuild import digest, rebuild
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.stories import standings
from services.publish.loop import Loop
from tests.conftest import until
from tests.integration.engine.stages import running
from tests.unit.dispatch.office import PROJECT, project_file

pytestmark = [pytest.mark.server, pytest.mark.anyio]


async def test_a_server_made_anew_holds_what_the_lost_one_held(server: Server, tmp_path: Path) -> None:
    server.settings = server.settings.model_copy(update={"ledger": str(tmp_path / "ledger")})
    partition = server.partition("p0")
    await apply_project(server, project_file())
    await _work(server, [_said(number) for number in range(40)])
    await _work(server, [_wants(number) for number in range(10)])
    await partition.append([_said(number) for number in range(40, 50)])
    await partition.client.xreadgroup("intake", "in hand", {partition.key("feedback"): ">"}, count=4)

    await _keep(server)
    before = {name: await digest(server, name) for name in ("p0", "registry")}
    await server.client.flushall()
    made = await rebuild(server, _ledger(server))

    assert {name: await digest(server, name) for name in ("p0", "registry")} == before
    assert len(before["p0"]) > 20
    assert sum(one.writes for one in made) > 200


async def test_who_goes_on_from_a_server_made_anew_does_nothing_twice(server: Server, tmp_path: Path) -> None:
    server.settings = server.settings.model_copy(update={"ledger": str(tmp_path / "ledger")})
    partition = server.partition("p0")
    await apply_project(server, project_file())
    await _work(server, [_said(number) for number in range(20)])
    await partition.append([_said(number) for number in range(15, 30)])  # five of them again
    await _keep(server)
    await server.client.flushall()
    await rebuild(server, _ledger(server))

    await _work(server, [_said(number) for number in range(30, 35)])

    stories = [key async for key in server.client.scan_iter(match="{p0}:intake.outcomes:*")]
    assert [await server.client.hlen(key) for key in stories] == [35]
    assert await _events(partition) == 35


async def test_a_server_that_holds_something_is_not_written_over(server: Server, tmp_path: Path) -> None:
    server.settings = server.settings.model_copy(update={"ledger": str(tmp_path / "ledger")})
    await apply_project(server, project_file())
    await _keep(server)
    before = await digest(server, "p0")

    with pytest.raises(LedgerError, match="isn't empty"):
        await rebuild(server, _ledger(server))

    assert await digest(server, "p0") == before


async def _work(server: Server, events: Iterable[Event[FeedbackReceived] | Event[LeaseRequested]]) -> None:
    """Publish events and let every stage do what there is to do; then all stages end."""
    partition = server.partition("p0")
    stages = [Stage(Service.named(name), partition, server.settings) for name in topology.STAGES]
    await partition.append(list(events))

    async def all_done() -> bool:
        faults = [one.fault for one in stages if one.fault]
        assert not faults
        return not any((await partition.backlog()).values()) and not any((await partition.backlog()).values())

    async with running(*stages):
        await until(all_done, within_s=30)
        await asyncio.gather(*(one.stop() for one in stages))


async def _keep(server: Server) -> None:
    """Bring all there is into the ledger."""
    for partition in (server.partition("p0"), server.registry):
        loop = Loop(partition, server)
        await loop.stop()
        assert loop.fault is None


def _ledger(server: Server) -> Ledger:
    return Ledger.of(server.settings)


def _said(number: int) -> Event[FeedbackReceived]:
    feedback = FeedbackReceived(
        kind="text",
        comment=f"the answer to question {number % 7} is wrong again",
        user=f"user {number}",
        subject=Subject(type="screen", id="checkout"),
    )
    return Event(f"event {number}", "/test", PROJECT, datetime.now(UTC), feedback)


def _wants(number: int) -> Event[LeaseRequested]:
    request = LeaseRequested(
        request=f"r{number}",
        annotator=f"ann{number}",
        sources=["crowd"],
        reply="gw",
        wait_until=datetime.now(UTC) + timedelta(seconds=1),
    )
    return Event(f"request {number}", "/test", PROJECT, datetime.now(UTC), request)


async def _events(partition: Partition) -> int:
    """How many pieces of feedback triage counted in its items."""
    (found,) = await (await partition.reads())(standings.all())
    return sum(standing.value.events for standing in found.values())
