"""Several reads are one call to the server, and tell what each of them tells alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.exceptions import ResponseError

from labelwright.contracts.payload import Part
from labelwright.engine.tables import Counter, Documents, Members, Ranking, Read, Register, Window
from labelwright.runtime.server import Server

pytestmark = [pytest.mark.server, pytest.mark.anyio]

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
MANY = [f"{number}" for number in range(450)]


class Note(Part):
    """A small document."""

    text: str


register = Register("intake.register")
counter = Counter("intake.counter")
notes: Documents[Note] = Documents("intake.notes", Note)
members = Members("intake.members")
ranking = Ranking("intake.ranking")
window = Window("intake.window", timedelta(days=100_000), keep=2)
WRITES = [
    register.put("größer 😀", "1|{}"),
    register.put("with\0null", ""),
    counter.add("a", 10**12),
    notes.put("a", Note(text="once"), 1),
    *(members.put(*MANY[start : start + 150]) for start in (0, 150, 300)),
    ranking.put("1.1", 0.1),
    ranking.put("x.1", -1.5),
    ranking.put("y.1", 1e15 + 0.5),
    *window.put("f", "said", NOW),
]
READS: list[Read[Any]] = [
    register.get("größer 😀"), register.get("nothing"), register.get_many(["with\0null", "nothing", "größer 😀"]),
    register.all(), register.size(), register.of("nobody").all(),
    counter.get("a"), counter.get("nothing"), counter.all(),
    notes.get("a"), notes.get("nothing"), notes.get_many(["nothing", "a"]), notes.all(), notes.size(),
    members.all(), members.among([*MANY, "nothing"]), members.size(), members.of("nobody").all(),
    ranking.first(2), ranking.first_outside(members, 2), ranking.up_to(0.1, 5), ranking.from_score(0.1, 5),
    ranking.score("y.1"), ranking.score("nothing"), ranking.size(),
    window.get_many(["f", "nothing"], NOW), register.get_many([]),
]  # fmt: skip


async def test_several_reads_tell_what_each_tells_alone(server: Server) -> None:
    partition = server.partition("p0")
    await partition.write("intake", [], WRITES, cause="test", project="acme")
    reads = await partition.reads()

    alone = [(await reads(read))[0] for read in READS]

    assert await reads.many(READS) == alone
    assert alone[0] == "1|{}"
    assert alone[19] == [("x.1", -1.5), ("y.1", 1e15 + 0.5)]


async def test_several_reads_load_the_library_where_the_server_lost_it(server: Server) -> None:
    await server.client.function_flush()
    reads = await server.partition("p0").reads()

    assert await reads(register.get("a"), counter.get("a")) == (None, 0)


async def test_a_key_of_another_type_is_said_to_be_one(server: Server) -> None:
    partition = server.partition("p0")
    await server.client.set(partition.key(register.name), "a text")
    reads = await partition.reads()

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await reads(counter.get("a"), register.get("a"))
