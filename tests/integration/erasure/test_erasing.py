"""A person is forgotten on a running system: their words are nowhere, all else is as it was, and the chain holds."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from labelwright import topology
from labelwright.contracts.envelope import Event, decode
from labelwright.contracts.erasure import ERASED
from labelwright.contracts.feedback import FeedbackReceived, Subject
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import ProjectFile
from labelwright.contracts.work import AnnotationSubmitted, LeaseRequested
from labelwright.ledger import Ledger, snapshot
from labelwright.registry import apply_project
from labelwright.runtime import dead
from labelwright.runtime.embedded import temporary
from labelwright.runtime.erasure import Erased, Late, erase
from labelwright.runtime.partition import Partition
from labelwright.runtime.rebuild import digest, rebuild
from labelwright.runtime.server import Server
from labelwright.settings import LabelwrightSettings
from labelwright.stories import cases
from services.publish.loop import Loop
from tests.conftest import SECRET, RunStages, until

pytestmark = [pytest.mark.server, pytest.mark.anyio, pytest.mark.timeout(60)]

PROJECT = "shop"
ADA = "ada.lovelace@example.org"
ADAS = ("quinquereme of Nineveh", "sandalwood and cedarwood", "peacocks beneath the awning", "ivory for Palestine")
BOBS = "dirty British coaster with a salt-caked smokestack"
NOTE = "butting through the Channel in the mad March days"


DYING = """
import os, signal, sys
from labelwright.cli import main
from labelwright.ledger import Store

moment = sys.argv.pop(1)
done = getattr(Store, moment)

calls = 0

def dying(store, path, *content):
    global calls
    calls += path.startswith("texts/")
    if calls == 2:  # the first commit's words are taken away already, the second's not yet, or in a copy alone
        os.kill(os.getpid(), signal.SIGKILL)
    return done(store, path, *content)

setattr(Store, moment, dying)
main()
"""

FILE = ProjectFile.model_validate(
    {
        "project": PROJECT,
        "guideline": {"question": "Is it wrong?", "labels": [{"name": "right"}, {"name": "wrong"}]},
        "sources": [{"name": "crowd", "kind": "crowd", "price_usd": 0.05}],
        "gold_share": 0,
    }
)


@pytest.fixture
def ledger(server: Server, tmp_path: Path) -> Ledger:
    server.settings = server.settings.model_copy(update={"ledger": str(tmp_path / "ledger")})
    return Ledger.of(server.settings)


async def test_a_forgotten_persons_words_are_nowhere_and_all_else_is_as_it_was(
    server: Server, ledger: Ledger, run_stages: RunStages, tmp_path: Path
) -> None:
    partition = server.partition("p0")
    async with _rolled(partition, server):
        await _told(server, run_stages)
        await _answered(partition, run_stages)
        released = snapshot.cut(
            await _covered(ledger, partition), PROJECT, tmp_path / "snapshots", now=datetime.now(UTC)
        )
        assert [word for word in ADAS[:3] if word in str(await _everything(server))] == list(ADAS[:3])

        done = await _erased(server, ledger, ADA)

    assert done.remains == []
    assert len(done.trail.feedback) == 3
    assert set(done.trail.items) >= {await _item_of(partition, "ada-1")} - {""}
    assert set(done.trail.items) & snapshot.items(released.path)
    everything = (await _everything(server)) | dict(_files(tmp_path / "ledger", ledger))
    left = str(everything)
    assert [(words, where) for words in (*ADAS, ADA) for where, held in everything.items() if words in str(held)] == []
    assert BOBS in left
    assert NOTE in left
    assert ledger.verify().faults == ()
    texts = {decode(row.body).data.text for row in ledger.read("p0", "items") if b"item_opened" in row.body}  # type: ignore[attr-defined]
    assert texts >= {ERASED, BOBS}
    anew = snapshot.cut(ledger, PROJECT, tmp_path / "snapshots", now=datetime.now(UTC))
    assert not set(done.trail.items) & snapshot.items(anew.path)
    assert snapshot.items(anew.path) == snapshot.items(released.path) - set(done.trail.items)
    await run_stages()
    await Loop(partition, server).stop()
    assert await _rebuilt(ledger) == {name: await digest(server, name) for name in ledger.partitions()}


async def test_erasing_again_finds_the_same_and_has_nothing_left_to_take_away(
    server: Server, ledger: Ledger, run_stages: RunStages
) -> None:
    partition = server.partition("p0")
    async with _rolled(partition, server):
        await _told(server, run_stages)
        first = await _erased(server, ledger, ADA)

        again = await _erased(server, ledger, ADA)
        await _covered(ledger, partition)

    assert first.trail.left > 0
    assert (again.trail.left, again.documents, again.letters) == (0, {}, 0)
    assert (again.trail.feedback, again.trail.items) == (first.trail.feedback, first.trail.items)
    kinds = [decode(row.body).data.type for row in ledger.read("p0", "erasures")]
    assert kinds.count("labelwright.erasures.erasure_completed.v1") == 2


@pytest.mark.parametrize("moment", ["put_new", "delete"])
async def test_who_erases_may_be_killed_half_way_and_erasing_again_ends_it(
    server: Server, ledger: Ledger, run_stages: RunStages, tmp_path: Path, moment: str
) -> None:
    partition = server.partition("p0")
    async with _rolled(partition, server):
        await _told(server, run_stages)
        killed = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", DYING, moment, "erase", ADA, "--project", PROJECT),
            *("--ledger", str(tmp_path / "ledger"), "--redis", server.settings.redis_url),
            env=os.environ | {"LABELWRIGHT_SECRET": SECRET, "LABELWRIGHT_DATA": str(tmp_path)},
        )
        assert await asyncio.wait_for(killed.wait(), 40) == -signal.SIGKILL
        assert any(words in str(dict(_files(tmp_path / "ledger", ledger))) for words in ADAS)

        done = await _erased(server, ledger, ADA)

    assert done.trail.left > 0
    everything = await _everything(server) | dict(_files(tmp_path / "ledger", ledger))
    assert [words for words in (*ADAS, ADA) if words in str(everything)] == []
    report = ledger.verify()
    assert report.faults == report.leftovers == ()


async def test_an_annotators_notes_are_forgotten_and_the_annotations_stay(
    server: Server, ledger: Ledger, run_stages: RunStages, tmp_path: Path
) -> None:
    partition = server.partition("p0")
    async with _rolled(partition, server):
        await _told(server, run_stages)
        await _answered(partition, run_stages)

        await _erased(server, ledger, "john")

    left = str(await _everything(server)) + str(dict(_files(tmp_path / "ledger", ledger)))
    assert NOTE not in left
    assert [words for words in (*ADAS[:3], BOBS) if words not in left] == []
    recorded = [decode(row.body).data for row in ledger.read("p0", "annotations")]
    assert [one.label for one in recorded] == ["wrong"] * len(recorded)  # type: ignore[attr-defined]
    assert {one.note for one in recorded if one.annotator == "john"} == {ERASED}  # type: ignore[attr-defined]


async def test_nobody_is_asked_about_words_that_were_erased(
    server: Server, ledger: Ledger, run_stages: RunStages
) -> None:
    partition = server.partition("p0")
    async with _rolled(partition, server):
        await _told(server, run_stages)
        item = await _item_of(partition, "ada-1")
        (asked,) = await (await partition.reads())(cases.get(item))
        assert asked
        assert asked.value.task

        await _erased(server, ledger, ADA)

    (case,) = await (await partition.reads())(cases.get(item))
    assert case
    assert (case.value.text, case.value.status, case.value.task, case.value.closed) == (ERASED, "idle", None, "erased")
    tasks = await partition.client.hgetall(partition.key("dispatch.tasks"))
    mine = [raw for name, raw in tasks.items() if name.startswith(f"{PROJECT}/{item}.".encode())]
    assert mine
    assert all(b'"status":"closed"' in raw for raw in mine)


async def test_the_like_of_erased_words_opens_a_new_item(server: Server, ledger: Ledger, run_stages: RunStages) -> None:
    partition = server.partition("p0")
    async with _rolled(partition, server):
        await _told(server, run_stages)
        await _erased(server, ledger, ADA)

        await partition.append([_said("carol-1", "carol", f"a {ADAS[0]} from distant Ophir")])
        await run_stages()

    item = await _item_of(partition, "carol-1")
    (case,) = await (await partition.reads())(cases.get(item))
    assert case
    assert case.value.status == "asking"
    assert ADAS[0] in case.value.text


async def test_a_dead_letter_with_their_words_is_taken_away(
    server: Server, ledger: Ledger, run_stages: RunStages
) -> None:
    partition = server.partition("p0")
    async with _rolled(partition, server):
        await _told(server, run_stages)
        for number, name in enumerate((ADA, "bob")):
            event = Event(f"dead-{number}", "/test", PROJECT, datetime.now(UTC), _feedback(name, "words that killed"))
            letter = dead.epitaph("intake", _entry(event), event, "it failed")
            await partition.client.xadd(partition.key("dead"), {"event": letter})

        done = await _erased(server, ledger, ADA)

    assert done.letters == 1
    assert [letter["id"] async for letter in dead.letters(partition)] == ["dead-1"]


async def test_one_piece_of_feedback_of_nobody_is_forgotten_by_its_id(
    server: Server, ledger: Ledger, run_stages: RunStages, tmp_path: Path
) -> None:
    partition = server.partition("p0")
    async with _rolled(partition, server):
        await _told(server, run_stages)
        await partition.append([_said("nobody-1", None, f"{ADAS[3]} and something else to say")])
        await run_stages()

        done = await _erased(server, ledger, "nobody-1")

    assert done.trail.feedback == ("nobody-1",)
    left = str(await _everything(server)) + str(dict(_files(tmp_path / "ledger", ledger)))
    assert ADAS[3] not in left
    assert ADAS[0] in left


async def test_without_a_publisher_it_says_what_it_waits_for(
    server: Server, ledger: Ledger, run_stages: RunStages
) -> None:
    await _told(server, run_stages)

    with pytest.raises(Late, match="is publish running"):
        await erase(server, ledger, PROJECT, ADA, within=timedelta(seconds=0.5), tell=lambda _: None)


async def _told(server: Server, run_stages: RunStages) -> None:
    await apply_project(server, FILE)
    await server.partition("p0").append(
        [
            _said("ada-1", ADA, f"the {ADAS[0]} was not what I ordered from you"),
            _said("ada-2", ADA, ADAS[1], kind="correction", corrected=f"cargo of {ADAS[1]} and sweet white wine"),
            _said("ada-3", ADA, "apes", response=f"They keep {ADAS[2]} of the stern."),
            _said("bob-1", "bob", BOBS),
        ]
    )
    await run_stages(*topology.STAGES)


def _said(identity: str, user: str | None, comment: str, **about: Any) -> Event[FeedbackReceived]:
    return Event(identity, "/test", PROJECT, datetime.now(UTC), _feedback(user, comment, **about))


def _feedback(user: str | None, comment: str, response: str | None = None, **about: Any) -> FeedbackReceived:
    subject = Subject(type="llm_response", id=f"r-{comment[:4]}", response=response)
    values = {"kind": "text", "comment": comment, "user": user, "subject": subject} | about
    return FeedbackReceived.model_validate(values)


def _entry(event: Event[Payload]) -> Any:
    from labelwright.contracts.envelope import encode
    from labelwright.runtime.plan import Entry

    return Entry("feedback", b"1-1", encode(event))


async def _answered(partition: Partition, run_stages: RunStages) -> None:
    """Let three people answer all there is, each with a note."""
    for who in ("john", "jane", "jack", "joan", "jill"):
        for number in range(6):
            request = f"{who}-{number}"
            long_ago = datetime.now(UTC) - timedelta(minutes=1)
            wait = LeaseRequested(request=request, annotator=who, sources=["crowd"], reply="desk", wait_until=long_ago)
            await partition.append([Event(request, "/test", PROJECT, await partition.now(), wait)])
            await run_stages()
            answers = await partition.client.xrevrange(partition.key("reply:desk"), count=1)
            body = decode(answers[0][1][b"event"]).data.body if answers else {}  # type: ignore[attr-defined]
            if body.get("annotator") != who:
                break
            answer = AnnotationSubmitted(
                request=f"answer-{request}",
                assignment=body["assignment"],
                token=body["token"],
                annotator=who,
                label="wrong",
                note=NOTE if who == "john" else None,
            )
            await partition.append([Event(answer.request, "/test", PROJECT, await partition.now(), answer)])
            await run_stages()
    await partition.client.delete(partition.key("reply:desk"))


async def _erased(server: Server, ledger: Ledger, name: str) -> Erased:
    return await erase(
        server, ledger, PROJECT, name, within=timedelta(seconds=15), tell=lambda line: print("TELL", line)
    )


@asynccontextmanager
async def _rolled(partition: Partition, server: Server) -> AsyncIterator[None]:
    """Roll the ledger all the time."""
    loop = Loop(partition, server)

    async def roll() -> None:
        while True:
            await loop.roll()
            await asyncio.sleep(0.02)

    rolling = asyncio.create_task(roll())
    try:
        yield
    finally:
        while not rolling.done():  # Python 3.11's wait_for swallows a cancellation that comes while redis-py sends
            rolling.cancel()
            await asyncio.wait([rolling], timeout=1)


async def _covered(ledger: Ledger, partition: Partition) -> Ledger:
    now_ms = int(await partition.server_time() * 1_000)

    async def is_covered() -> bool:
        return ledger.watermark("p0").cut >= now_ms

    await until(is_covered)
    return ledger


async def _item_of(partition: Partition, feedback: str) -> str:
    found = [raw async for raw in _placements(partition, feedback)]
    return found[-1].split("|")[1] if found else ""


async def _placements(partition: Partition, feedback: str) -> AsyncIterator[str]:
    async for key in partition.client.scan_iter(match=f"{partition.prefix}:triage.placements:*"):
        raw = await partition.client.hget(key, f"{PROJECT}/{feedback}")
        if raw:
            yield raw.decode()


async def _everything(server: Server) -> dict[str, Any]:
    """Return all that the server holds, by key."""
    client = server.client
    found: dict[str, Any] = {}
    async for key in client.scan_iter(count=1_000):
        kind = (await client.type(key)).decode()
        if kind == "stream":
            found[key.decode()] = await client.xrange(key)
        elif kind == "hash":
            found[key.decode()] = await client.hgetall(key)
        elif kind == "zset":
            found[key.decode()] = await client.zrange(key, 0, -1)
        elif kind == "set":
            found[key.decode()] = await client.smembers(key)
        else:
            found[key.decode()] = await client.get(key)
    return found


def _files(root: Path, ledger: Ledger) -> Iterator[tuple[str, Any]]:
    """Yield all that the ledger's files hold: their bytes, their columns, and the words beside them."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield str(path), path.read_bytes()
            if path.suffix == ".parquet":
                yield f"{path} read", pq.read_table(path).to_pylist()
    for partition in ledger.partitions():
        for stream in ledger.streams(partition):
            yield f"{partition} {stream}", [row.body for row in ledger.read(partition, stream)]


async def _rebuilt(ledger: Ledger) -> dict[str, dict[str, str]]:
    with temporary() as url:
        anew = await Server.connect(LabelwrightSettings(redis_url=url))
        try:
            await rebuild(anew, ledger)
            return {name: await digest(anew, name) for name in ledger.partitions()}
        finally:
            await anew.close()
