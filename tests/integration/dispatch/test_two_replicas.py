"""Two dispatchers on one partition of a real server keep what they promise."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import pytest

from labelwright import projects
from labelwright.contracts.envelope import Event, decode
from labelwright.contracts.payload import Payload
from labelwright.contracts.work import AnnotationSubmitted, LeaseRequested, RequestAnswered
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from services.dispatch.state import gauges
from tests.conftest import RunStages
from tests.unit.dispatch.office import PROJECT, opened, project_file

pytestmark = [pytest.mark.server, pytest.mark.anyio]

TASKS = 120


async def test_every_request_gets_one_task_of_its_own_and_every_answer_is_recorded_once(
    server: Server, run_stages: RunStages
) -> None:
    partition = server.partition("p0")
    document = projects.Project(number=1, file=project_file(gold=("gold",), gold_share=0.3))
    applied = [projects.current.put(PROJECT, document, 1), projects.history.put(f"{PROJECT}@1", document, 1)]
    await partition.write("gateway", [], applied, cause="apply", project=PROJECT)
    now = await partition.now()
    requests = [
        LeaseRequested(
            request=f"r{n}", annotator=f"ann{n}", sources=["crowd"], reply="gw", wait_until=now + timedelta(seconds=60)
        )
        for n in range(TASKS)
    ]
    second = Stage(Service.named("dispatch"), partition, server.settings)
    await second.start()
    replica = asyncio.create_task(_turn(second))

    await _append(partition, [*requests[::2], *(opened(f"i{n}.1", priority=n % 5) for n in range(TASKS)), *requests])
    await run_stages("dispatch")
    leases = {answer.request: answer.body for answer in await _replies(partition)}
    await _append(partition, [_submission(f"ann{name[1:]}", body) for name, body in leases.items()] * 2)
    await run_stages("dispatch")
    replica.cancel()
    with suppress(asyncio.CancelledError):
        await replica

    answers = [answer for answer in await _replies(partition) if "annotation" in answer.body]
    figures = {s.labels.get("state", ""): s.value for s in await gauges(await partition.reads())}
    tasks = [body["task"] for body in leases.values()]
    assert len(leases) == len(set(tasks)) == TASKS
    assert len(answers) == 2 * TASKS
    assert len({answer.body["annotation"] for answer in answers}) == TASKS
    assert await partition.client.xlen(partition.key("annotations")) == TASKS
    assert figures.get("answered", TASKS) == TASKS


async def _turn(stage: Stage) -> None:
    while True:
        await stage.read_once()


async def _append(partition: Partition, payloads: Sequence[Payload]) -> None:
    now = await partition.now()
    events = [Event(f"e{n}", "/test", PROJECT, now, payload) for n, payload in enumerate(payloads)]
    await partition.append(events)


async def _replies(partition: Partition) -> list[RequestAnswered]:
    entries = await partition.client.xrange(partition.key("reply:gw"))
    return [data for _, fields in entries if isinstance(data := decode(fields[b"event"]).data, RequestAnswered)]


def _submission(annotator: str, body: dict[str, str]) -> AnnotationSubmitted:
    return AnnotationSubmitted(
        request=f"submit {annotator}",
        assignment=body["assignment"],
        token=body["token"],
        annotator=annotator,
        label="good",
        reply="gw",
    )
