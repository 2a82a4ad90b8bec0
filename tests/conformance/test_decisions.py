"""Every service of the topology decides as the engine relies on: one pure decision an event, on what is its own."""

import asyncio
import copy
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from labelwright import topology
from labelwright.contracts.envelope import Event, decode
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Commit, Decision, Emit, Reject, Reply, Write
from labelwright.runtime.plan import MOST_COMMANDS, Cause, decided
from services.triage.state import Placement
from tests.conformance.contracts import events
from tests.conformance.story import Story, Turn, told

ROOT = Path(__file__).parents[2]
F = TypeVar("F", bound=Callable[..., Any])
SEEDS = [7, 8]


def some(number: int) -> Callable[[F], F]:
    """So many examples, however long one takes; explaining a failure would take longer than finding it."""
    phases = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    return examples(max_examples=number, deadline=None, suppress_health_check=slow, phases=phases)


every_stage = pytest.mark.parametrize("name", topology.STAGES)
ANSWERS = {"dispatch", "triage"}
"""Services that may reply to an asker."""


def _turns(name: str) -> list[tuple[Story, Turn]]:
    return [(story, turn) for story in map(told, SEEDS) for turn in story.turns[name]]


@every_stage
def test_the_story_gives_a_service_enough_to_decide(name: str) -> None:
    turns = _turns(name)

    assert len(turns) > 40
    assert {event.data.stream for _, turn in turns for event in turn.batch} == {
        stream.partition(".")[0] for stream in topology.inputs(name)
    }


def test_the_story_knows_near_duplicates_and_changed_votes() -> None:
    for story in map(told, SEEDS):
        registers = [held for key, held in story.model.hashes.items() if key.startswith("triage.placements:")]

        ways = {Placement.read(raw).how for held in registers for raw in held.values()}
        assert ways == {"opened", "joined", "reinforced", "superseded"}


@every_stage
def test_one_decision_an_event(name: str) -> None:
    for _, turn in _turns(name):
        assert len(turn.decisions) == len(turn.batch)
        assert all(isinstance(decision, (Commit, Reject)) for decision in turn.decisions)


@every_stage
def test_decisions_come_in_the_order_of_their_events(name: str) -> None:
    """What is decided about an event hangs on those before it alone, never on those that come after."""
    for story, turn in _turns(name):
        for many in range(1, len(turn.batch)):
            decide = story.services[name].decide
            assert list(decide(turn.batch[:many], copy.deepcopy(turn.state))) == list(turn.decisions[:many])


@every_stage
def test_equal_input_gives_equal_output_and_stays_as_it_was(name: str) -> None:
    for story, turn in _turns(name):
        batch, state = copy.deepcopy(turn.batch), copy.deepcopy(turn.state)

        again = list(story.services[name].decide(batch, state))

        assert again == list(turn.decisions)
        assert batch == turn.batch
        assert state == turn.state


def test_equal_input_gives_equal_output_in_every_process() -> None:
    """Decisions don't hang on the order of a set or on anything else that differs from process to process."""
    hashes = [
        subprocess.run(
            [sys.executable, "-m", "tests.conformance.digest"],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert hashes[0] == hashes[1]
    assert len(hashes[0].split()) == 2 * len(topology.STAGES)


@every_stage
def test_a_service_writes_its_own_tables_and_the_streams_that_the_topology_gives_it(name: str) -> None:
    for _, turn in _turns(name):
        for decision in turn.decisions:
            _assert_within_bounds(name, decision)


@every_stage
def test_a_service_emits_all_that_the_topology_lets_it(name: str) -> None:
    emitted = {
        type(effect.data)
        for _, turn in _turns(name)
        for decision in turn.decisions
        for effect in decision.effects
        if isinstance(effect, Emit)
    }
    allowed = {
        carried
        for stream in topology.outputs(name)
        if stream not in ("rejected", "dead", "changes")
        for carried in topology.contracts(stream)
    }

    assert emitted <= allowed
    # streams with several writers: what this service leaves to others
    assert allowed - emitted <= {carried for carried in allowed if _writers(carried) > 1}


def _writers(carried: type[Payload]) -> int:
    return len(topology.STREAMS[carried.stream].writers)


@every_stage
def test_an_event_of_a_foreign_type_is_rejected_with_a_code(name: str) -> None:
    story = told()
    mine = {carried for stream in topology.inputs(name) for carried in topology.contracts(stream)}
    foreign = [
        next(event for event in stream if type(event.data) is kind)
        for stream in story.streams.values()
        for kind in {type(event.data) for event in stream} - mine
    ]
    state = story.turns[name][0].state

    decisions = list(story.services[name].decide(foreign, copy.deepcopy(state)))

    assert len(foreign) > 5
    assert len(decisions) == len(foreign)
    for decision in decisions:
        assert isinstance(decision, Reject)
        assert decision.code == "unexpected_type"
        assert "labelwright." in decision.reason


@every_stage
def test_a_batch_alone_on_its_partition_conflicts_with_nobody(name: str) -> None:
    """A decision's guards hold on what it read and on what its own batch did before."""
    assert [told(seed).conflicts[name] for seed in SEEDS] == [0, 0]


@every_stage
def test_a_decision_fits_into_one_commit_and_its_events_can_be_read(name: str) -> None:
    for story, turn in _turns(name):
        for event, decision in zip(turn.batch, turn.decisions, strict=True):
            made = decided(None, Cause(name, event, story.model.now), decision)
            assert made.commands <= MOST_COMMANDS
            for command, _, key, arguments in made.effects:
                assert len(arguments) <= 200
                if command == "XADD":
                    assert decode(arguments[0]).data.stream == key


@some(60)
@given(data=st.data())
@every_stage
def test_whatever_comes_is_decided_and_never_raises(name: str, data: st.DataObject) -> None:
    """Events that say anything about anything that the story knows, twice, out of order, and from nowhere."""
    story = told()
    batch = data.draw(st.lists(_whatever(name), min_size=1, max_size=8))
    service = story.services[name]

    state = _loaded(service.load(batch, story.model.reads()))
    before = copy.deepcopy(state)
    decisions = list(service.decide(batch, state))

    assert len(decisions) == len(batch)
    assert state == before
    for event, decision in zip(batch, decisions, strict=True):
        _assert_within_bounds(name, decision)
        assert decided(None, Cause(name, event, story.model.now), decision).commands <= MOST_COMMANDS
    for many in range(1, len(batch)):
        assert list(service.decide(batch[:many], copy.deepcopy(before))) == decisions[:many]


@some(25)
@given(data=st.data())
@every_stage
def test_what_came_before_may_come_again_in_any_order_and_finds_its_end(name: str, data: st.DataObject) -> None:
    story = told()
    model = story.model.copy()
    batch = data.draw(st.lists(st.sampled_from(_seen(name)), min_size=1, max_size=20))

    conflicts = asyncio.run(model.handle(name, story.services[name].load, story.services[name].decide, batch))

    assert conflicts < len(batch)
    assert not [event for event in model.published if event.data.stream == "rejected"]


@lru_cache
def _whatever(name: str) -> st.SearchStrategy[Event[Payload]]:
    """What a service may find in its streams: events of its contracts about anything, and events that were there."""
    story = told()
    kinds = [carried for stream in topology.inputs(name) for carried in topology.contracts(stream)]
    return st.one_of(events(kinds, story.words(), story.files), st.sampled_from(_seen(name)))


def _seen(name: str) -> list[Event[Payload]]:
    return [event for stream in topology.inputs(name) for event in told().streams[stream]]


def _loaded(loading: Awaitable[Any]) -> Any:
    async def load() -> Any:
        return await loading

    return asyncio.run(load())


def _assert_within_bounds(name: str, decision: Decision) -> None:
    for effect in decision.effects:
        match effect:
            case Write(_, key, _):
                assert key.name.partition(".")[0] == name, f"{name} writes {key.name!r}"
            case Emit(data):
                assert data.stream in topology.outputs(name), f"{name} emits to {data.stream!r}"
                assert type(data) in topology.contracts(data.stream)
            case Reply():
                assert name in ANSWERS
    if isinstance(decision, Reject):
        assert decision.code.replace("_", "").isalpha()
        assert decision.reason
