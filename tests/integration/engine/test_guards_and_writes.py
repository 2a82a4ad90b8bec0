"""Every guard and every write does on the server what the model of a partition says that it does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from labelwright.contracts.payload import Part
from labelwright.engine.decisions import Commit, Effect, Guard, Key, Write
from labelwright.engine.tables import Counter, Documents, Members, Ranking, Register, milliseconds
from labelwright.runtime.partition import Partition
from labelwright.runtime.plan import Call, Cause, Entry, decided
from labelwright.runtime.server import Server
from tests.engine_model import ModelPartition
from tests.integration.engine.stages import append, said

pytestmark = [pytest.mark.server, pytest.mark.anyio]


class Note(Part):
    """A small document."""

    text: str


register = Register("intake.register")
counter = Counter("intake.counter")
notes: Documents[Note] = Documents("intake.notes", Note)
members = Members("intake.members")
ranking = Ranking("intake.ranking")
text = Key("k", "intake.text")
KEYS = [register.key, counter.key, notes.key, members.key, ranking.key, text]

names = st.sampled_from(["a", "b", "", "größer 😀", "with\0null", "x:y"])
words = st.sampled_from(["", "once", "0", "ß", "1|{}"])
scores = st.sampled_from([0.0, 1.0, -1.5, 0.1, 1e-7, 1e15 + 0.5, 1.7e12, -0.0, 12345678.901])
deltas = st.sampled_from([1, -1, 0, 1_000_000_000_000, -999_999_999_999])
versions = st.integers(0, 3)
far = st.sampled_from([datetime(2126, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, 1, 2, 3, 456_000, tzinfo=UTC)])
past = st.just(datetime(2020, 1, 1, tzinfo=UTC))
anything = st.sampled_from(KEYS).map(lambda key: Key("*", key.name))

guards = st.one_of(
    st.builds(register.has, names),
    st.builds(register.lacks, names),
    st.builds(register.is_, names, words),
    st.builds(counter.below, names, deltas, st.sampled_from([-5, 0, 1, 2_000_000_000_000])),
    st.builds(notes.version_is, names, versions),
    st.builds(members.has, names),
    st.builds(members.lacks, names),
    st.builds(ranking.has, names),
    st.builds(ranking.lacks, names),
    st.builds(ranking.score_is, names, scores),
    st.builds(ranking.due, names, scores),
    st.builds(lambda value: Guard("KEQ", text, (value,)), words),
    st.builds(Guard, st.sampled_from(["EXISTS", "ABSENT"]), anything),
)
some_names = st.lists(names, min_size=1, max_size=3)
writes: st.SearchStrategy[Effect] = st.one_of(
    st.builds(register.put, names, words),
    st.builds(register.drop, names),
    st.builds(counter.add, names, deltas),
    st.builds(notes.put, names, st.builds(Note, text=words), versions),
    st.builds(notes.drop, names),
    some_names.map(lambda some: members.put(*some)),
    some_names.map(lambda some: members.drop(*some)),
    st.builds(ranking.put, names, scores),
    st.builds(ranking.drop, names),
    st.builds(lambda value: Write("SET", text, (value,)), words),
    st.builds(lambda key: Write("DEL", key), anything),
    st.builds(lambda key, moment: Write("PEXPIREAT", key, (str(milliseconds(moment)),)), anything, far | past),
)
decisions = st.builds(Commit, st.lists(guards, max_size=2), st.lists(writes, max_size=4))
batches = st.lists(st.lists(decisions, min_size=1, max_size=6), min_size=1, max_size=3)


@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches)
async def test_the_server_commits_as_the_model_does(server: Server, batches: list[list[Commit]]) -> None:
    partition = server.partition("p0")
    await partition.client.flushdb()
    await partition.ensure_groups("intake")
    model = ModelPartition(await partition.now())

    for batch in batches:
        answers = await _commit(partition, batch)

        events = [said(number) for number in range(len(batch))]
        refused = model.commit("intake", events, batch)
        assert [event for event, answer in zip(events, answers, strict=True) if answer < 0] == refused
        assert all(answer == 1 for answer in answers if answer >= 0)
        assert await _state(partition) == _model_state(model)


async def test_a_guard_looks_at_what_earlier_entries_of_its_batch_have_written(server: Server) -> None:
    partition = server.partition("p0")
    await partition.ensure_groups("intake")
    first = Commit([register.lacks("id")], [register.put("id", "first")])
    second = Commit([register.lacks("id")], [register.put("id", "second")])

    answers = await _commit(partition, [first, second])

    assert answers == [1, -1]
    assert (await _state(partition))["intake.register"] == {"id": "first"}


async def test_what_a_refused_entry_would_have_written_is_not_relied_on_by_later_ones(server: Server) -> None:
    partition = server.partition("p0")
    await partition.ensure_groups("intake")
    await _commit(partition, [Commit([], [notes.put("item", Note(text="a colleague's"), 1)])])
    refused = Commit([notes.version_is("item", 0)], [notes.put("item", Note(text="mine"), 1)])
    relying = Commit([notes.version_is("item", 1)], [notes.put("item", Note(text="mine, twice"), 2)])
    other = Commit([notes.version_is("other", 0)], [notes.put("other", Note(text="mine"), 1)])

    answers = await _commit(partition, [refused, relying, other])

    assert answers == [-1, -1, 1]
    assert (await _state(partition))["intake.notes"]["item"].startswith("1|")


async def test_a_refused_entry_stays_pending_and_a_committed_one_does_not(server: Server) -> None:
    partition = server.partition("p0")
    await partition.ensure_groups("intake")

    answers = await _commit(partition, [Commit([register.has("id")]), Commit(), Commit([], [counter.add("n")])])

    pending = await partition.client.xpending_range(partition.key("feedback"), "intake", "-", "+", 10)
    assert answers == [-1, 1, 1]
    assert len(pending) == 1


async def test_time_in_a_guard_is_compared_as_a_number(server: Server) -> None:
    partition = server.partition("p0")
    await partition.ensure_groups("intake")
    moment = datetime(2026, 11, 2, tzinfo=UTC)
    write = Commit([], [ranking.put("lease", milliseconds(moment))])
    due = Commit([ranking.due("lease", milliseconds(moment + timedelta(milliseconds=1)))])
    early = Commit([ranking.due("lease", milliseconds(moment - timedelta(milliseconds=1)))])

    assert await _commit(partition, [write, due, early]) == [1, 1, -1]


async def _commit(partition: Partition, batch: list[Commit]) -> list[int]:
    """Commit decisions about as many new entries, as the consumer that was given them."""
    await append(partition, range(len(batch)))
    answer: Any = await partition.client.xreadgroup("intake", "me", {partition.key("feedback"): ">"})
    (rows,) = answer.values() if isinstance(answer, dict) else [answer[0][1]]
    rows = rows[0] if isinstance(rows[0], list) else rows
    now = await partition.now()
    made = [
        decided(Entry("feedback", row[0], None), Cause("intake", said(number), now), decision)
        for number, (row, decision) in enumerate(zip(rows, batch, strict=True))
    ]
    return await partition.commit(Call(partition.prefix, made), "intake", "me")


async def _state(partition: Partition) -> dict[str, Any]:
    """What the server holds of the tables, and when they vanish."""
    client = partition.client
    state: dict[str, Any] = {}
    for key in KEYS:
        name = partition.key(key.name)
        match (await client.type(name)).decode():
            case "hash":
                state[key.name] = {f.decode(): v.decode() for f, v in (await client.hgetall(name)).items()}
            case "set":
                state[key.name] = {member.decode() for member in await client.smembers(name)}
            case "zset":
                state[key.name] = {m.decode(): score for m, score in await client.zrange(name, 0, -1, withscores=True)}
            case "string":
                state[key.name] = (await client.get(name)).decode()
        if (moment := await client.pexpiretime(name)) > 0:
            state[f"{key.name} vanishes"] = moment
    return state


def _model_state(model: ModelPartition) -> dict[str, Any]:
    tables: dict[str, Any] = {**model.hashes, **model.rankings, **model.sets, **model.texts}
    vanishing = {f"{key} vanishes": moment for key, moment in model.vanishing.items()}
    return {key: content for key, content in tables.items() if content or key in model.texts} | vanishing
