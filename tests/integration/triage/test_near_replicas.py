"""Near-duplicates that two replicas have in hand at the same time are one item all the same, on a real server."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

import pytest

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted, Subject
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Commit, Decision
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.stories import Standing, placements, standings, story_key
from services.triage import decide, state
from services.triage.state import Placement
from tests.conftest import until
from tests.integration.engine.stages import running

pytestmark = [pytest.mark.server, pytest.mark.anyio]

PROJECT: Final = "shop"
PAIRS: Final = 120


async def test_two_replicas_merge_as_many_near_duplicates_as_one(server: Server) -> None:
    partition = server.partition("p0")

    alone = await _triaged(server, 1)
    await partition.client.flushall()
    together = await _triaged(server, 2)

    assert len(alone) == len(together) == PAIRS
    assert Counter(item.events for item in together) == {3: PAIRS}
    assert await _is_counted(partition, together)


async def test_without_the_guard_of_their_cells_two_replicas_miss_each_other(server: Server) -> None:
    """The test above can fail: a planted mutant guards no cell."""
    unguarded = await _triaged(server, 2, _guarding_no_cell)

    assert len(unguarded) > PAIRS
    assert sum(item.events for item in unguarded) == 3 * PAIRS


async def test_a_changed_vote_and_its_vote_on_two_replicas_count_once(server: Server) -> None:
    partition = server.partition("p0")
    votes = [_vote(f"v{number}", number) for number in range(PAIRS)]
    changes = [_vote(f"c{number}", number, supersedes=f"v{number}") for number in range(PAIRS)]
    said = [one for pair in zip(changes, votes, strict=True) for one in pair]

    items = await _standing(server, 2, said, decide.decide)

    assert sum(item.events for item in items) == PAIRS
    assert await _is_counted(partition, items)


def _guarding_no_cell(batch: Sequence[Event[Payload]], known: state.State) -> list[Decision]:
    return [
        Commit([one for one in decision.guards if not one.key.name.startswith(state.cells.name)], decision.effects)
        for decision in decide.decide(batch, known)
        if isinstance(decision, Commit)
    ]


async def _triaged(server: Server, replicas: int, deciding: Any = decide.decide) -> list[Standing]:
    """Triage triples of near-duplicates that come right after one another; the items that they became."""
    chance = Random(5)
    said = []
    for number in range(PAIRS):
        words = ["".join(chance.choice("bdfgklmnprst") + chance.choice("aeiou") for _ in range(4)) for _ in range(12)]
        for copy, at in enumerate((0, 4, 7)):  # its halves in the other order say the same, in other words than before
            said.append(_said(f"f{number}.{copy}", " ".join([*words[at:], *words[:at]])))
    return await _standing(server, replicas, said, deciding)


async def _standing(
    server: Server, replicas: int, said: Sequence[Event[FeedbackAccepted]], deciding: Any
) -> list[Standing]:
    hasty = server.settings.model_copy(update={"batch": 2, "claim_after_s": 0.05, "deliveries": 1_000})
    partition, service = server.partition("p0"), Service("triage", state.load, deciding)
    stages = [Stage(service, partition, hasty) for _ in range(replicas)]
    await partition.append(said)

    async def is_done() -> bool:
        assert not [stage.fault for stage in stages if stage.fault]
        return not (await partition.backlog())["triage"]

    async with running(*stages):
        await until(is_done, within_s=60)
    (found,) = await (await partition.reads())(standings.all())
    return [one.value for one in found.values()]


async def _is_counted(partition: Partition, items: Sequence[Standing]) -> bool:
    """Whether every piece of feedback has a place, and all that counts is counted."""
    names = [f"f{number}.{copy}" for number in range(PAIRS) for copy in range(3)]
    names += [f"{kind}{number}" for number in range(PAIRS) for kind in "vc"]
    reads = await partition.reads()
    (placed,) = await reads(placements.get_many([story_key(PROJECT, name) for name in names], reads.now))
    where = [Placement.read(raw) for raw in placed.values()]
    return len(where) in (2 * PAIRS, 3 * PAIRS) and sum(one.how != "superseded" for one in where) == sum(
        item.events for item in items
    )


def _said(name: str, comment: str) -> Event[FeedbackAccepted]:
    now = datetime.now(UTC)
    subject = Subject(type="screen", id="checkout")
    feedback = FeedbackAccepted(
        kind="text", comment=comment, user=name, subject=subject, feedback=name, received_at=now
    )
    return Event(f"accepted {name}", "/intake", PROJECT, now, feedback)


def _vote(name: str, number: int, supersedes: str | None = None) -> Event[FeedbackAccepted]:
    now = datetime.now(UTC)
    feedback = FeedbackAccepted(
        kind="thumb",
        value=1 if supersedes else -1,
        user=f"user {number}",
        subject=Subject(type="screen", id="checkout"),
        feedback=name,
        received_at=now,
        supersedes=supersedes,
    )
    return Event(f"accepted {name}", "/intake", PROJECT, now, feedback)
