"""A vote that its user changed gives way: one chain a user, subject and kind, on however many replicas."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright import projects, stories
from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted, FeedbackReceived
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import ProjectFile
from labelwright.engine.decisions import Emit
from labelwright.runtime.server import Server
from labelwright.stories import superseded
from services.intake.decide import decide
from services.intake.state import load
from tests.engine_model import ModelPartition

pytestmark = pytest.mark.anyio

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
FILE = ProjectFile.model_validate(
    {
        "project": "acme",
        "guideline": {"question": "Is it?", "labels": [{"name": "yes"}, {"name": "no"}]},
        "sources": [{"name": "people", "kind": "expert", "price_usd": 1}],
        "signal_weight": 0.2,
    }
)
APPLIED = projects.current.put("acme", projects.Project(number=1, file=FILE), 1)


@pytest.fixture
def partition() -> ModelPartition:
    model = ModelPartition(START)
    model.hashes[APPLIED.key.name] = {APPLIED.args[0]: APPLIED.args[1]}
    return model


def _vote(name: str, value: Any = -1, user: str | None = "ann", at: int | None = None, **about: Any) -> Event[Payload]:
    values = {"kind": "thumb", "value": value, "subject": {"type": "llm_response", "id": "r1"}, "user": user} | about
    if at is not None:
        values["occurred_at"] = START + timedelta(seconds=at)
    return Event(name, "/gateway", "acme", START, FeedbackReceived.model_validate(values))


async def _accepted(partition: ModelPartition, *votes: Event[Payload]) -> dict[str, FeedbackAccepted]:
    await partition.handle("intake", load, decide, list(votes))
    told = [event.data for event in partition.published if isinstance(event.data, FeedbackAccepted)]
    return {one.feedback: one for one in told}


async def test_a_changed_vote_supersedes_the_one_before(partition: ModelPartition) -> None:
    accepted = await _accepted(partition, _vote("f1", -1), _vote("f2", 1), _vote("f3", -1))

    assert [accepted[name].supersedes for name in ("f1", "f2", "f3")] == [None, "f1", "f2"]
    (found,) = await partition.reads()(superseded.get_many(["acme/f1", "acme/f2", "acme/f3"], partition.now))
    assert {key: value.partition("|")[2] for key, value in found.items()} == {"acme/f1": "f2", "acme/f2": "f3"}


async def test_a_vote_that_repeats_the_value_supersedes_with_the_same_weight(partition: ModelPartition) -> None:
    accepted = await _accepted(partition, _vote("f1"), _vote("f2"))

    assert (accepted["f2"].supersedes, accepted["f2"].weight) == ("f1", 1.0)


async def test_an_older_vote_that_comes_late_is_superseded_at_once(partition: ModelPartition) -> None:
    accepted = await _accepted(partition, _vote("new", at=60), _vote("old", at=0), _vote("newer", at=61))

    assert (accepted["old"].supersedes, accepted["old"].superseded_by) == (None, "new")
    assert accepted["newer"].supersedes == "new"
    (story,) = [await stories.tell(partition.reads(), "acme", "old")]
    assert (story[-1].step, story[-1].facts) == ("superseded", {"by": "new"})


@pytest.mark.parametrize(
    "other",
    [
        _vote("f2", user="bob"),
        _vote("f2", user=None),
        _vote("f2", subject={"type": "llm_response", "id": "r2"}),
        _vote("f2", subject={"type": "screen", "id": "r1"}),
        _vote("f2", 2, kind="stars"),
    ],
)
async def test_another_user_subject_or_kind_is_another_vote(partition: ModelPartition, other: Event[Payload]) -> None:
    accepted = await _accepted(partition, _vote("f1"), other)

    assert accepted["f2"].supersedes is None


async def test_two_texts_of_one_user_are_two(partition: ModelPartition) -> None:
    texts = [_vote(name, None, kind="text", comment=f"comment {name}") for name in ("f1", "f2")]

    accepted = await _accepted(partition, *texts)

    assert accepted["f2"].supersedes is None


async def test_a_signal_is_weak_evidence_and_the_last_of_a_user_counts(partition: ModelPartition) -> None:
    signals = [_vote(name, name, kind="signal") for name in ("retry", "edit")]

    accepted = await _accepted(partition, *signals)

    assert {name: one.weight for name, one in accepted.items()} == {"retry": 0.2, "edit": 0.2}
    assert accepted["edit"].supersedes == "retry"


async def test_a_vote_is_remembered_for_thirty_days(partition: ModelPartition) -> None:
    await _accepted(partition, _vote("f1"))
    partition.move_to(START + timedelta(days=30))
    within = (await _accepted(partition, _vote("f2")))["f2"]
    partition.move_to(START + timedelta(days=76))
    beyond = (await _accepted(partition, _vote("f3")))["f3"]

    assert (within.supersedes, beyond.supersedes) == ("f1", None)


async def test_the_story_tells_both_ends(partition: ModelPartition) -> None:
    await _accepted(partition, _vote("f1", reason="incorrect"), _vote("f2", 1))

    first = await stories.tell(partition.reads(), "acme", "f1")
    second = await stories.tell(partition.reads(), "acme", "f2")

    assert first[0].facts == {"complaint": "factually_wrong", "complaint_by": "event"}
    assert first[-1].facts == {"by": "f2"}
    assert second[0].facts == {"supersedes": "f1"}


VOTES = st.lists(
    st.tuples(st.sampled_from(["ann", "bob", None]), st.sampled_from([-1, 1]), st.integers(0, 9)), max_size=12
)


@given(VOTES, st.lists(st.integers(1, 4), max_size=12))
async def test_votes_of_a_user_make_one_chain_whatever_comes_when(
    votes: Sequence[tuple[str | None, int, int]], sizes: Sequence[int]
) -> None:
    model = ModelPartition(START)
    model.hashes[APPLIED.key.name] = {APPLIED.args[0]: APPLIED.args[1]}
    events = [_vote(f"f{number}", value, user, at) for number, (user, value, at) in enumerate(votes)]
    left = list(events)
    for size in [*sizes, len(events) or 1]:
        batch, left = left[:size], left[size:]
        if batch:
            await model.handle("intake", load, decide, batch)

    accepted = [event.data for event in model.published if isinstance(event.data, FeedbackAccepted)]
    for user in ("ann", "bob"):
        mine = [one for one in accepted if one.user == user]
        gone = [one.supersedes for one in mine if one.supersedes] + [one.feedback for one in mine if one.superseded_by]
        standing = [one for one in mine if one.feedback not in gone]
        assert len(gone) == len(set(gone)) == max(0, len(mine) - 1)
        latest = [max(one.occurred_at for one in mine if one.occurred_at)] if mine else []
        assert [one.occurred_at for one in standing] == latest
    assert not any(one.supersedes or one.superseded_by for one in accepted if one.user is None)


@pytest.mark.server
async def test_two_replicas_make_one_chain(server: Server) -> None:
    partition = server.partition("p0")
    await partition.write("gateway", [], [APPLIED], cause="apply", project="acme")
    votes = [_vote("f1"), _vote("f2", 1)]
    states = [await load([vote], await partition.reads()) for vote in votes]

    committed = []
    for vote, state in zip(votes, states, strict=True):
        (decision,) = decide([vote], state)
        done = await partition.write("intake", decision.guards, decision.effects, cause=vote.id, project="acme")
        committed.append(done)
    (again,) = decide([votes[1]], await load([votes[1]], await partition.reads()))

    assert committed == [True, False]
    emitted = [effect.data for effect in again.effects if isinstance(effect, Emit)]
    assert [one.supersedes for one in emitted if isinstance(one, FeedbackAccepted)] == ["f1"]


async def test_a_colleague_in_the_next_period_is_seen(partition: ModelPartition) -> None:
    """Just before a period ends one replica reads; just after it another commits."""
    await _accepted(partition, _vote("f0"))
    edge = START.timestamp() // timedelta(days=15).total_seconds() + 1
    partition.move_to(datetime.fromtimestamp(edge * timedelta(days=15).total_seconds(), UTC) - timedelta(seconds=1))
    vote = _vote("slow", 1)
    early = list(decide([vote], await load([vote], partition.reads())))
    partition.move_to(partition.now + timedelta(seconds=2))
    await _accepted(partition, _vote("fast", 1))

    assert partition.commit("intake", [vote], early) == [vote]
