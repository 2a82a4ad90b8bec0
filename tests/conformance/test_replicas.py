"""Two replicas of every service on a real server, whose batches interleave: all is done, and all of it once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
import redis.asyncio as redis

from labelwright import stories, topology
from labelwright.contracts import labels, work
from labelwright.contracts.envelope import Event, decode, read_data
from labelwright.contracts.feedback import FeedbackAccepted, FeedbackReceived
from labelwright.contracts.items import ItemOpened
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import MACHINES
from labelwright.demo.feedback import generate
from labelwright.demo.project import PROJECT, project_file
from labelwright.errors import ContractError
from labelwright.registry import apply_project
from labelwright.runtime.asker import Asker
from labelwright.runtime.dead import letters
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.stories import cases, placements, standings, story_key
from services.dispatch.state import STATES, counts
from services.quality.state import Scope, of_scope
from tests.changes import differences
from tests.conftest import until
from tests.integration.engine.stages import running

pytestmark = [pytest.mark.server, pytest.mark.anyio, pytest.mark.timeout(300)]

P = TypeVar("P", bound=Payload)
EVENTS, PEOPLE, QUESTIONS = 120, 10, 6
EMITTED = ("accepted", "items", "tasks", "assignments", "annotations", "labels", "metrics")
HOLDS = ("assignment", "token")
PATIENCE = timedelta(seconds=20)


class Told:
    """All that was said on a partition, by stream."""

    def __init__(self, streams: dict[str, list[Event[Payload]]]) -> None:
        self.streams = streams

    def of(self, kind: type[P]) -> list[P]:
        """What was said of one kind."""
        return [event.data for event in self.streams[kind.stream] if isinstance(event.data, kind)]


async def test_two_interleaved_replicas_of_every_service_keep_every_promise(server: Server) -> None:
    partition = server.partition("p0")
    await apply_project(server, project_file().model_copy(update={"ask_complaint_of": "crowd"}))
    published = list(_feedback())

    async with _two_of_each(server) as stages, Asker(server) as asker:
        for start in range(0, len(published), 20):
            await partition.append([*published[start : start + 20], published[start]])  # a publisher says it twice
        answers = await asyncio.gather(*(_work(asker, f"person {number}") for number in range(PEOPLE)))
        await until(lambda: _is_quiet(partition), within_s=120)
        for stage in stages:
            assert stage.fault is None
        await asyncio.gather(*(stage.stop() for stage in stages))

    told = await _told(partition)
    assert [letter async for letter in letters(partition)] == []
    assert told.streams["rejected"] == []
    _assert_nothing_is_emitted_twice(told)
    await _assert_intake(told, published)
    await _assert_triage(partition, told)
    await _assert_resolve(partition, told)
    await _assert_dispatch(partition, told, sum(answers))
    _assert_annotate(told)
    await _assert_quality(partition, told)
    await _assert_changes(server)


def _assert_nothing_is_emitted_twice(told: Told) -> None:
    ids = Counter(event.id for stream in EMITTED for event in told.streams[stream])
    assert ids.most_common(1)[0][1] == 1


async def _assert_intake(told: Told, published: Iterable[Event[Payload]]) -> None:
    """Every event is accepted once by its id."""
    accepted = Counter(one.feedback for one in told.of(FeedbackAccepted))

    assert accepted == dict.fromkeys({event.id for event in published}, 1)


async def _assert_triage(partition: Partition, told: Told) -> None:
    """Every accepted event counts once in its item, and every item was opened once."""
    accepted = told.of(FeedbackAccepted)
    reads = await partition.reads()
    known, placed = await reads(
        standings.all(), placements.get_many((story_key(PROJECT, one.feedback) for one in accepted), reads.now)
    )
    items = [one.value for one in known.values()]
    counted = [where for where in placed.values() if where.split("|")[2] != "superseded"]

    assert len(placed) == len(accepted)
    assert sum(item.events for item in items) == len(counted)
    assert Counter(one.item for one in told.of(ItemOpened)) == dict.fromkeys((item.item for item in items), 1)


async def _assert_resolve(partition: Partition, told: Told) -> None:
    """Every item has one case, which rests on each answer once and asked each of its tasks once."""
    (found,) = await (await partition.reads())(cases.all())
    opened = Counter(one.task for one in told.of(work.TaskOpened))
    answered = [one for one in told.of(work.AnnotationRecorded) if one.gold_label is None]
    recorded = Counter(one.annotation for one in answered if one.asks == "label")
    taken_back = {one.annotation for one in told.of(work.AnnotationRetracted)}
    votes = Counter(vote.annotation for case in found.values() for vote in case.value.votes)

    assert found.keys() == {one.item for one in told.of(ItemOpened)}
    assert set(opened.values()) == {1}
    assert len(opened) == sum(case.value.tasks_opened for case in found.values())
    assert votes == {annotation: 1 for annotation in recorded if annotation not in taken_back}
    labeled = [case.value for case in found.values() if case.value.status == "labeled"]
    assert {case.item for case in labeled} <= {one.item for one in told.of(labels.LabelResolved)}


async def _assert_dispatch(partition: Partition, told: Told, answers: int) -> None:
    """The books balance, nobody was shown an item twice, and each answer was recorded once."""
    (found,) = await (await partition.reads())(counts.of(PROJECT).all())
    leased = [one for one in told.of(work.AssignmentLeased) if not _is_machine(one)]
    by_hand = {(one.annotator, work.sight_of(one.item, one.asks), one.task) for one in leased}
    shown = Counter((annotator, sight) for annotator, sight, _ in by_hand)
    by_people = [one for one in told.of(work.AnnotationRecorded) if one.source_kind not in MACHINES]
    recorded = Counter(one.assignment for one in by_people)

    assert found["opened"] == sum(found.get(state, 0) for state in STATES if state != "opened")
    assert set(shown.values()) == {1}
    assert len(by_people) == len(recorded) == answers > PEOPLE


def _assert_annotate(told: Told) -> None:
    """Each lease of a machine is answered or given back, once."""
    asked = {one.assignment for one in told.of(work.AssignmentLeased) if _is_machine(one)}
    answered = [one.assignment for one in told.of(work.AnnotationSubmitted) if one.annotator.startswith("machine:")]
    given_back = [one.assignment for one in told.of(work.ReleaseRequested) if one.annotator.startswith("machine:")]

    assert Counter(answered + given_back) == dict.fromkeys(asked, 1)
    assert asked


async def _assert_quality(partition: Partition, told: Told) -> None:
    """What happened is counted once."""
    (sums, accepted) = await (await partition.reads())(
        of_scope(Scope(PROJECT, None)).all(), stories.accepted.get(PROJECT)
    )

    assert accepted == len(told.of(FeedbackAccepted))
    assert sums["labels"] == len(told.of(labels.LabelResolved))
    recorded = Counter(one.source for one in told.of(work.AnnotationRecorded))
    assert {name: sums[f"annotations/{name}"] for name in recorded} == recorded


async def _assert_changes(server: Server) -> None:
    """The recorded changes make every table anew."""
    async with redis.Redis.from_url(f"{server.settings.redis_url.rpartition('/')[0]}/9") as beside:
        await beside.flushdb()
        assert await differences(server.client, beside, server.settings) == []
        await beside.flushdb()


@asynccontextmanager
async def _two_of_each(server: Server) -> AsyncIterator[list[Stage]]:
    """Run two replicas of every stage, in small batches, each taking over from the other what is only a little late."""
    hasty = server.settings.model_copy(update={"batch": 3, "claim_after_s": 0.05, "deliveries": 1_000})
    stages = [Stage(Service.named(name), server.partition("p0"), hasty) for name in topology.STAGES for _ in range(2)]
    async with running(*stages):
        yield stages


async def _work(asker: Asker, person: str) -> int:
    """Ask, answer, and now and then take it back and answer again; how many answers were recorded.

    A lease may be over before its answer comes: somebody else's undo withdraws what was asked after their answer.
    """
    recorded = 0
    for number in range(QUESTIONS):
        leased = await _ask(asker, _lease(asker, person, number))
        if leased.status != 200:
            continue
        holds = {name: leased.body[name] for name in HOLDS} | {"annotator": person}
        await _ask(asker, work.HeartbeatSent(request=f"{person} beats {number}", reply=asker.name, **holds))
        recorded += await _answer(asker, f"{person} answers {number}", holds, leased.body["asks"])
        if number % 3 == 2:
            regret = work.RetractionRequested(request=f"{person} regrets {number}", reply=asker.name, **holds)
            held_again = await _ask(asker, regret)
            if held_again.status == 200:
                holds |= {name: held_again.body[name] for name in HOLDS}
                recorded += await _answer(asker, f"{person} answers {number} again", holds, leased.body["asks"])
    return recorded


async def _answer(asker: Asker, request: str, holds: dict[str, str], asks: str) -> bool:
    """Answer, twice as impatient clients do, and be told the same twice; whether it was recorded."""
    label = "tone" if asks == "label" else "not_what_i_wanted"
    answer = work.AnnotationSubmitted(request=request, label=label, reply=asker.name, **holds)
    first, second = await asyncio.gather(_ask(asker, answer), _ask(asker, answer))
    assert first == second
    return first.status == 201


async def _ask(asker: Asker, request: Any) -> work.RequestAnswered:
    told = await asker.ask(PROJECT, request, timeout=PATIENCE)
    assert told is not None
    assert told.status in (200, 201, 204) or told.code in ("lease_over", "not_answered"), told
    return told


def _lease(asker: Asker, person: str, number: int) -> work.LeaseRequested:
    return work.LeaseRequested(
        request=f"{person} asks {number}",
        annotator=person,
        sources=["crowd", "experts"],
        reply=asker.name,
        wait_until=datetime.now(UTC) + timedelta(seconds=5),
    )


def _feedback() -> Iterable[Event[Payload]]:
    for generated in generate(EVENTS, seed=3):
        given = generated.event
        with suppress(ContractError):
            data = read_data(given.get("type", FeedbackReceived.type), given.get("data", given))
            yield Event(given["id"], "/gateway", PROJECT, datetime.now(UTC), data)


def _is_machine(leased: work.AssignmentLeased) -> bool:
    return leased.source_kind in MACHINES


async def _is_quiet(partition: Partition) -> bool:
    """Whether nobody has anything left to do but the clocks' last ticks."""
    streams = [stream for stream in topology.STREAMS.values() if stream.readers]
    return not any([any((await partition.unfinished(stream.name)).values()) for stream in streams])


async def _told(partition: Partition) -> Told:
    streams = {}
    for name in topology.STREAMS:
        if name not in ("dead", "changes"):
            rows = await partition.client.xrange(partition.key(name))
            streams[name] = [decode(fields[b"event"]) for _, fields in rows]
    return Told(streams)
