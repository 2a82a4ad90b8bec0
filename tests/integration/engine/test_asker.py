"""Request and reply: every request has one answer, and a lease that nobody waits for any more goes back at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from labelwright.contracts.envelope import Event
from labelwright.contracts.work import HeartbeatSent, LeaseRequested, RequestAnswered
from labelwright.errors import ServerRefuses
from labelwright.registry import apply_project
from labelwright.runtime.asker import Asker
from labelwright.runtime.server import Server
from services.dispatch.state import counts
from tests.conftest import RunStages, until
from tests.unit.dispatch.office import PROJECT, opened, project_file

pytestmark = [pytest.mark.server, pytest.mark.anyio]

PATIENCE = timedelta(seconds=10)


@pytest.fixture
async def asker(server: Server) -> AsyncIterator[Asker]:
    """An asker, and a project that lives on p0."""
    await apply_project(server, project_file())
    async with Asker(server) as asker:
        yield asker


async def test_many_requests_at_once_each_get_a_task_of_their_own(
    server: Server, asker: Asker, run_stages: RunStages
) -> None:
    await _open(server, 50)
    await run_stages("dispatch")

    answers = await asyncio.gather(*(_ask(asker, f"r{number}", f"ann{number}") for number in range(50)))

    tasks = {answer.body["task"] for answer in answers if answer}
    assert [answer.request for answer in answers if answer] == [f"r{number}" for number in range(50)]
    assert len(tasks) == 50


async def test_the_same_request_again_is_told_the_same(server: Server, asker: Asker, run_stages: RunStages) -> None:
    await _open(server, 3)
    await run_stages("dispatch")

    first = await _ask(asker, "r1")
    again = await _ask(asker, "r1")

    assert first is not None
    assert again == first
    assert (await _counts(server))["leased"] == 1


async def test_two_who_ask_the_same_at_once_share_one_lease_and_it_stays_theirs(
    server: Server, asker: Asker, run_stages: RunStages
) -> None:
    await _open(server, 3)
    await run_stages("dispatch")

    first, second = await asyncio.gather(_ask(asker, "r1"), _ask(asker, "r1"))
    await run_stages("dispatch")
    later = await _ask(asker, "r2", "somebody else")  # by its answer, all earlier answers were heard
    await run_stages("dispatch")

    assert first is not None
    assert later is not None
    assert first == second
    held = await asker.ask(
        PROJECT,
        HeartbeatSent(
            request="still here",
            assignment=first.body["assignment"],
            token=first.body["token"],
            annotator="ann",
            reply=asker.name,
        ),
        timeout=PATIENCE,
    )
    assert held is not None
    assert held.status == 200
    assert (await _counts(server))["leased"] == 2


async def test_a_lease_that_comes_too_late_is_given_back_at_once(
    server: Server, asker: Asker, run_stages: RunStages
) -> None:
    await _open(server, 1)
    answer = await _ask(asker, "r1", patience=timedelta(seconds=0.1))  # nobody dispatches yet
    await run_stages("dispatch")

    async def is_ready_again() -> bool:
        found = await _counts(server)
        return found.get("ready") == 1 and not found.get("leased")

    await until(is_ready_again)
    assert answer is None
    taken = await _ask(asker, "r2", "somebody else")
    assert taken is not None
    assert taken.status == 200


async def test_a_request_of_nobodys_project_is_told_so(asker: Asker) -> None:
    request = LeaseRequested(
        request="r", annotator="a", sources=["crowd"], reply=asker.name, wait_until=datetime.now(UTC)
    )

    answer = await asker.ask("nobodys", request, timeout=PATIENCE)

    assert answer is not None
    assert (answer.status, answer.code) == (404, "unknown_project")


async def test_a_lost_answer_is_asked_for_again(server: Server, asker: Asker, run_stages: RunStages) -> None:
    await _open(server, 1)
    await run_stages("dispatch")
    leased = await _ask(asker, "r1")
    assert leased is not None
    beat = HeartbeatSent(
        request="beat", assignment=leased.body["assignment"], token=leased.body["token"], annotator="ann", reply="-"
    )

    waiting = asyncio.create_task(asker.ask(PROJECT, beat, timeout=PATIENCE))  # the first answer goes elsewhere
    partition = server.partition("p0")

    async def was_asked_again() -> bool:
        return int(await partition.client.xlen(partition.key("reply:-"))) >= 2

    await until(was_asked_again)
    waiting.cancel()


async def test_while_the_server_refuses_asking_says_so(server: Server, asker: Asker) -> None:
    await server.client.config_set("maxmemory", "1")
    try:
        with pytest.raises(ServerRefuses, match="outofmemory"):
            await _ask(asker, "r1")
    finally:
        await server.client.config_set("maxmemory", "0")


async def test_an_asker_ends_at_once(server: Server) -> None:
    await apply_project(server, project_file())
    for number in range(10):
        async with asyncio.timeout(5), Asker(server) as asker:
            await _ask(asker, f"r{number}", patience=timedelta(seconds=0.01))


async def _ask(
    asker: Asker, request: str, annotator: str = "ann", patience: timedelta = PATIENCE
) -> RequestAnswered | None:
    lease = LeaseRequested(
        request=request,
        annotator=annotator,
        sources=["crowd"],
        reply=asker.name,
        wait_until=datetime.now(UTC) + PATIENCE,
    )
    return await asker.ask(PROJECT, lease, timeout=patience)


async def _open(server: Server, count: int) -> None:
    partition = server.partition("p0")
    now = await partition.now()
    await partition.append([Event(f"e{n}", "/test", PROJECT, now, opened(f"i{n}.1")) for n in range(count)])


async def _counts(server: Server) -> dict[str, int]:
    (found,) = await (await server.partition("p0").reads())(counts.of(PROJECT).all())
    return dict(found)
