"""What was decided behind a refused decision relied on it, and is refused with it."""

from collections.abc import Sequence

import pytest

from labelwright.contracts.envelope import Event
from labelwright.contracts.payload import Part, Payload
from labelwright.engine.decisions import Commit, Guard, Write
from labelwright.engine.tables import Counter, Documents, Members, Ranking, Register
from labelwright.runtime.partition import Partition
from labelwright.runtime.plan import Call, Cause, decided
from labelwright.runtime.server import Server
from tests.engine_model import ModelPartition

pytestmark = [pytest.mark.server, pytest.mark.anyio]


class Sheet(Part):
    """A document."""

    said: str


sheets: Documents[Sheet] = Documents("test.sheets", Sheet)
places = Register("test.places")
counts = Counter("test.counts")
ranks = Ranking("test.ranks")
seen = Members("test.seen")


def _put(field: str, said: str, version: int) -> Commit:
    return Commit([sheets.version_is(field, version - 1)], [sheets.put(field, Sheet(said=said), version)])


async def test_a_version_that_another_made_is_not_the_one_that_was_expected(server: Server) -> None:
    partition = server.partition("p0")
    await _commit(partition, [_put("a", "another's", 1)])

    answers = await _commit(
        partition, [_put("a", "ours", 1), _put("a", "ours again", 2), _put("b", "beside", 1), _put("b", "beside", 2)]
    )

    reads = await partition.reads()
    (found,) = await reads(sheets.get_many(["a", "b"]))
    assert answers == [-1, -1, 1, 1]
    assert {field: document.value.said for field, document in found.items()} == {"a": "another's", "b": "beside"}


@pytest.mark.parametrize(
    ("write", "guard"),
    [
        (places.put("a", "here"), places.has("b")),
        (places.put("b", "here"), places.has("b")),
        (places.drop("b"), places.has("b")),
        (counts.add("b"), counts.below("b", 1, 9)),
        (ranks.put("b", 1), ranks.has("b")),
        (ranks.drop("b"), ranks.has("b")),
        (seen.put("a", "b"), seen.has("b")),
        (seen.drop("b"), seen.has("b")),
    ],
)
async def test_a_guard_on_what_a_refused_decision_would_have_written_does_not_hold(
    server: Server, write: Write, guard: Guard
) -> None:
    partition = server.partition("p0")
    there = [places.put("b", "there"), counts.add("b"), ranks.put("b", 1), seen.put("b")]
    await _commit(partition, [Commit((), there)])
    is_about_it = "b" in write.args

    answers = await _commit(
        partition, [Commit([places.has("nowhere")], [write]), Commit([guard]), Commit([guard]), Commit()]
    )

    assert answers == ([-1, -1, -1, 1] if is_about_it else [-1, 1, 1, 1])


async def test_the_model_of_a_partition_refuses_the_same(server: Server) -> None:
    model = ModelPartition(await server.partition("p0").now())
    events = [Event(f"e{n}", "/test", "shop", model.now, Payload()) for n in range(4)]
    model.commit("test", events[:1], [_put("a", "another's", 1)])

    left = model.commit("test", events, [_put("a", "", 1), _put("a", "", 2), _put("b", "", 1), _put("b", "", 2)])

    assert left == events[:2]


async def _commit(partition: Partition, decisions: Sequence[Commit]) -> list[int]:
    now = await partition.now()
    event = Event("e", "/test", "shop", now, Payload())
    made = [decided(None, Cause("test", event, now), decision) for decision in decisions]
    return await partition.commit(Call(partition.prefix, made), "test", "")
