"""A cluster of three nodes: partitions spread over them, and every commit stays within one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from labelwright import topology
from labelwright.contracts.envelope import Event, encode
from labelwright.contracts.feedback import FeedbackReceived, Subject
from labelwright.contracts.work import AnnotationSubmitted, LeaseRequested
from labelwright.engine.decisions import Commit
from labelwright.registry import apply_project
from labelwright.runtime import functions
from labelwright.runtime.asker import Asker
from labelwright.runtime.embedded import cluster
from labelwright.runtime.partition import FeedbackToPublish, Limit, Partition
from labelwright.runtime.plan import Call, Cause, decided
from labelwright.runtime.process import Process
from labelwright.runtime.server import Server
from labelwright.settings import LabelwrightSettings
from services.dispatch.state import STATES, counts, known
from tests.conftest import SECRET, until
from tests.integration.engine.stages import counted, handled, running, said, stage, tallies
from tests.unit.dispatch.office import project_file

pytestmark = [pytest.mark.server, pytest.mark.cluster, pytest.mark.anyio]

PARTITIONS = 6


@pytest.fixture(scope="module")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with cluster(tmp_path_factory.mktemp("cluster")) as url:
        yield url


@pytest.fixture
async def server(cluster_url: str) -> AsyncIterator[Server]:
    settings = LabelwrightSettings(
        redis_url=cluster_url, secret=SECRET, partitions=PARTITIONS, claim_after_s=1.0, port=0
    )
    connected = await Server.connect(settings)
    await connected.client.flushall(target_nodes="primaries")
    yield connected
    await connected.close()


async def test_the_partitions_lie_on_every_node_and_each_has_the_functions(server: Server) -> None:
    nodes = {server.client.get_node_from_key(partition.key("")).name for partition in server.partitions}
    loaded = await server.client.execute_command("FUNCTION LIST", target_nodes="primaries")

    assert len(nodes) == 3
    assert len(loaded) == 3
    assert all(functions.VERSION in str(libraries) for libraries in loaded.values())


async def test_every_partition_commits_on_the_node_that_it_lies_on(server: Server) -> None:
    answers = []
    for partition in server.partitions:
        now = await partition.now()
        decision = Commit([handled.lacks("x")], [handled.put("x", "once"), tallies.add("x"), tallies.vanish_at(now)])
        one = decided(None, Cause("intake", said(1), now), decision)
        answers.append([await partition.commit(Call(partition.prefix, [one]), "intake", "") for _ in range(2)])

    assert answers == [[[1], [-1]]] * PARTITIONS


async def test_a_node_that_lost_the_functions_gets_them_again(server: Server) -> None:
    await server.client.execute_command("FUNCTION FLUSH", target_nodes="primaries")

    for partition in server.partitions:
        assert await partition.write("intake", [], [handled.put("x", "")], cause="c", project="shop")


async def test_replicas_of_a_stage_on_every_partition_do_everything_once(server: Server) -> None:
    stages = [stage(server, partition=partition.name, batch=7) for partition in server.partitions for _ in range(2)]
    for partition in server.partitions:
        await partition.append([said(number) for number in range(40)])

    async def all_handled() -> bool:
        return all([len(await counted(partition)) == 40 for partition in server.partitions])

    async with running(*stages):
        await until(all_handled, within_s=30)

    for partition in server.partitions:
        assert set((await counted(partition)).values()) == {1}


async def test_feedback_becomes_labels_on_a_cluster(server: Server) -> None:
    files = [project_file(project=f"project-{number}") for number in range(PARTITIONS)]
    for file in files:
        await apply_project(server, file)
    process = Process(server, topology.STAGES, ports={"metrics": 0})
    running_process = asyncio.create_task(process.run())
    try:
        async with Asker(server) as asker:
            for file in files:
                assert await _published(server, file.project, 6) == ["accepted"] * 6
            answered = await asyncio.gather(*(_annotate(asker, file.project) for file in files))
            await until(lambda: _all_labeled(server), within_s=60)
    finally:
        process.stop.set()
        code = await running_process

    assert code == 0
    assert min(answered) >= 1
    for partition in server.partitions:
        await _assert_sound(partition)


async def _annotate(asker: Asker, project: str) -> int:
    """Answer whatever is asked, three people in turn, until none of them is asked for a while; how often."""
    answers, misses = 0, 0
    while misses < 3:
        lease = LeaseRequested(
            request=f"{project} {answers} {misses}",
            annotator=f"person {(answers + misses) % 3}",
            sources=["crowd", "expert"],
            reply=asker.name,
            wait_until=datetime.now(UTC) + timedelta(seconds=2),
        )
        leased = await asker.ask(project, lease, timeout=timedelta(seconds=10))
        if leased is None or leased.status != 200:
            misses += 1
            continue
        misses = 0
        answer = AnnotationSubmitted(
            request=f"{project} {answers} answer",
            assignment=leased.body["assignment"],
            token=leased.body["token"],
            annotator=lease.annotator,
            label="bad",
            reply=asker.name,
        )
        told = await asker.ask(project, answer, timeout=timedelta(seconds=10))
        assert told is not None
        assert told.status == 201
        answers += 1
    return answers


async def _published(server: Server, project: str, count: int) -> list[str]:
    partition = await server.partition_of(project)
    assert partition is not None
    now, events = await partition.now(), []
    for number in range(count):
        feedback = FeedbackReceived(
            kind="text", comment=f"answer {number % 3} names the wrong year", subject=Subject(type="screen", id="s")
        )
        event = Event(f"{project} {number}", "/test", project, now, feedback)
        events.append(FeedbackToPublish(event.id, str(number), encode(event)))
    return (await partition.publish(project, events, Limit(1_000, 1_000))).statuses


async def _all_labeled(server: Server) -> bool:
    """Whether no stage has anything left to do and every project's items have their label or dispute."""
    for partition in server.partitions:
        if any((await partition.backlog()).values()):
            return False
        if await partition.client.xlen(partition.key("labels")) < 3:
            return False
    return True


async def _assert_sound(partition: Partition) -> None:
    """Everything was accepted, nothing died, and dispatch's books balance."""
    client, key = partition.client, partition.key
    assert await client.xlen(key("accepted")) == 6
    assert await client.xlen(key("dead")) == 0
    assert await client.xlen(key("rejected")) == 0
    (name,) = await (await partition.reads())(known.all())
    (found,) = await (await partition.reads())(counts.of(*name).all())
    assert found["opened"] == sum(found.get(state, 0) for state in STATES if state != "opened") > 0
