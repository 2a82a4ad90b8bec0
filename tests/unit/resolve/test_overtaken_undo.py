"""An answer, its undo and the next answer may be taken by replicas in any order: what was said last counts."""

from datetime import timedelta
from itertools import permutations

import pytest

from labelwright import projects
from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import Subject
from labelwright.contracts.items import ItemOpened
from labelwright.contracts.payload import Payload
from labelwright.contracts.work import AnnotationRecorded, AnnotationRetracted
from labelwright.stories import Case, cases
from services.resolve.decide import decide
from services.resolve.state import load
from tests.engine_model import ModelPartition
from tests.unit.dispatch.office import PROJECT, START, project_file

pytestmark = pytest.mark.anyio


def _said(data: Payload, minute: int) -> Event[Payload]:
    return Event(f"event {minute}", "/dispatch", PROJECT, START + timedelta(minutes=minute), data)


def _answered(annotation: str, label: str, minute: int) -> Event[Payload]:
    recorded = AnnotationRecorded(
        annotation=annotation, task="i1.1", item="i1", assignment=annotation, annotator="ann", source="crowd",
        source_kind="crowd", label=label, guideline_version=1, price_usd=0.1,
        leased_at=START, answered_at=START + timedelta(minutes=minute),
    )  # fmt: skip
    return _said(recorded, minute)


OPENED = _said(
    ItemOpened(
        item="i1", feedback="f1", fingerprint="0" * 32, kind="text", sign=0, text="It is wrong.",
        subject=Subject(type="screen", id="checkout"), priority=2.0, received_at=START,
    ),
    0,
)  # fmt: skip
FIRST = _answered("a1", "good", 1)
UNDO = _said(AnnotationRetracted(annotation="a1", task="i1.1", item="i1", annotator="ann"), 2)
SECOND = _answered("a2", "bad", 3)


async def _case(*events: Event[Payload]) -> Case:
    model = ModelPartition(START)
    document = projects.current.put(PROJECT, projects.Project(number=1, file=project_file()), 1)
    model.hashes[document.key.name] = {document.args[0]: document.args[1]}
    for event in (OPENED, *events):
        await model.handle("resolve", load, decide, [event])
    (found,) = await model.reads()(cases.get("i1"))
    assert found is not None
    case: Case = found.value
    return case


@pytest.mark.parametrize("order", list(permutations([FIRST, UNDO, SECOND])))
async def test_the_last_answer_counts_and_both_are_paid(order: tuple[Event[Payload], ...]) -> None:
    case = await _case(*order)

    assert [(vote.annotation, vote.label) for vote in case.votes] == [("a2", "bad")]
    assert case.cost_usd == 0.2


@pytest.mark.parametrize("order", [[FIRST, UNDO], [UNDO, FIRST]])
async def test_an_answer_that_was_taken_back_does_not_count(order: list[Event[Payload]]) -> None:
    case = await _case(*order)

    assert case.votes == []
    assert (case.status, case.task) == ("asking", "i1.1")
    assert case.cost_usd == 0.1
