"""Replicas share a stream, so news of an item may come before the item, and older news after newer."""

from datetime import UTC, datetime

import pytest

from labelwright import projects
from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import Subject
from labelwright.contracts.items import ItemOpened, ItemReinforced
from labelwright.contracts.payload import Payload
from labelwright.contracts.work import TaskReprioritised
from labelwright.engine.decisions import Commit
from labelwright.stories import cases
from services.resolve.decide import decide
from services.resolve.state import load
from tests.engine_model import ModelPartition
from tests.unit.dispatch.office import PROJECT, START, project_file

pytestmark = pytest.mark.anyio


@pytest.fixture
def partition() -> ModelPartition:
    model = ModelPartition(START)
    document = projects.current.put(PROJECT, projects.Project(number=1, file=project_file()), 1)
    model.hashes[document.key.name] = {document.args[0]: document.args[1]}
    return model


def _told(data: Payload) -> Event[Payload]:
    return Event(f"event {data!r}"[:200], "/triage", PROJECT, datetime(2026, 11, 2, tzinfo=UTC), data)


def _opened() -> Event[Payload]:
    subject = Subject(type="screen", id="checkout")
    return _told(
        ItemOpened(
            item="i1", feedback="f1", fingerprint="0" * 32, kind="text", sign=0, text="It is wrong.",
            subject=subject, priority=2.0, received_at=START,
        )
    )  # fmt: skip


def _reinforced(events: int, priority: float) -> Event[Payload]:
    return _told(ItemReinforced(item="i1", feedback=f"f{events}", events=events, users=events, priority=priority))


async def test_news_of_an_item_waits_until_the_item_is_opened(partition: ModelPartition) -> None:
    news = _reinforced(2, 3.0)

    decisions = list(decide([news], await load([news], partition.reads())))
    waiting = partition.commit("resolve", [news], decisions)
    await partition.handle("resolve", load, decide, [_opened()])
    await partition.handle("resolve", load, decide, waiting)

    assert decisions == [Commit([cases.has("i1")])]
    (known,) = await partition.reads()(cases.get("i1"))
    assert known is not None
    assert (known.value.feedback_events, known.value.priority) == (2, 3.0)


async def test_older_news_does_not_undo_newer(partition: ModelPartition) -> None:
    await partition.handle("resolve", load, decide, [_opened(), _reinforced(4, 5.0), _reinforced(3, 4.0)])

    (known,) = await partition.reads()(cases.get("i1"))
    assert known is not None
    assert (known.value.feedback_events, known.value.priority) == (4, 5.0)
    assert known.value.feedback == ["f1", "f4", "f3"]
    told = [event.data.priority for event in partition.published if isinstance(event.data, TaskReprioritised)]
    assert told == [10.0]  # the belief is still the prior: as unsure as can be, twice the priority
