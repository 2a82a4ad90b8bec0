"""A complaint that doesn't say what it means is asked about first, once; hearsay isn't asked about at all."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from labelwright import projects
from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import Subject
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReinforced, ItemReopened
from labelwright.contracts.labels import LabelResolved
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import ProjectFile
from labelwright.contracts.work import AnnotationAbstained, AnnotationRecorded, AnnotationRetracted, TaskOpened
from labelwright.stories import Case, cases
from services.resolve.decide import decide
from services.resolve.state import load
from tests.engine_model import ModelPartition
from tests.unit.dispatch.office import PROJECT, START, project_file

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 2, tzinfo=UTC)


def _partition(**about: Any) -> ModelPartition:
    file = ProjectFile.model_validate(project_file().model_dump() | {"ask_complaint_of": "crowd"} | about)
    model = ModelPartition(START)
    for table, name in ((projects.current, PROJECT), (projects.history, f"{PROJECT}@1")):
        write = table.put(name, projects.Project(number=1, file=file), 1)
        model.hashes[write.key.name] = {write.args[0]: write.args[1]}
    return model


async def _say(model: ModelPartition, *payloads: Payload) -> list[TaskOpened]:
    """Tell resolve, and return the tasks that it opened since the beginning."""
    events = [
        Event(f"e{len(model.published)}-{number}", "/test", PROJECT, NOW, one) for number, one in enumerate(payloads)
    ]
    await model.handle("resolve", load, decide, events)
    return [event.data for event in model.published if isinstance(event.data, TaskOpened)]


async def _case(model: ModelPartition) -> Case:
    (found,) = await model.reads()(cases.get("i"))
    assert found is not None
    case: Case = found.value
    return case


def _opened(**about: Any) -> ItemOpened:
    values: dict[str, Any] = {"kind": "thumb", "sign": -1, "text": "thumb down on screen checkout"} | about
    return ItemOpened(
        item="i", feedback="f1", fingerprint="0" * 16, subject=Subject(type="screen", id="checkout"), priority=2.0,
        received_at=START, **values,
    )  # fmt: skip


def _answer(task: TaskOpened, label: str, at: int = 1, **about: Any) -> AnnotationRecorded:
    values = {"annotation": f"a{at}", "annotator": "ann"} | about
    return AnnotationRecorded(
        task=task.task, item=task.item, assignment="s", source=task.source, source_kind=task.source_kind, label=label,
        guideline_version=1, price_usd=task.price_usd, asks=task.asks, leased_at=START,
        answered_at=START + timedelta(seconds=at), **values,
    )  # fmt: skip


async def test_a_bare_complaint_is_first_asked_what_it_means_and_then_about_its_label() -> None:
    model = _partition()
    (first,) = await _say(model, _opened())

    first, second = await _say(model, _answer(first, "factually_wrong"))

    assert [(one.task, one.asks, one.source) for one in (first, second)] == [
        ("i-complaint.1", "complaint", "crowd"),
        ("i.2", "label", second.source),
    ]
    case = await _case(model)
    assert (case.complaint, case.votes, case.cost_usd, case.task) == ("factually_wrong", [], 0.1, "i.2")


@pytest.mark.parametrize(
    "about", [{"complaint": "unsafe"}, {"sign": 1}, {"kind": "text", "sign": 0, "text": "the year is off"}]
)
async def test_what_says_it_or_complains_of_nothing_is_not_asked(about: dict[str, Any]) -> None:
    (task,) = await _say(_partition(), _opened(**about))

    assert task.asks == "label"


async def test_without_a_source_for_it_nobody_is_asked() -> None:
    (task,) = await _say(_partition(ask_complaint_of=None), _opened())

    assert task.asks == "label"


async def test_an_answer_about_the_complaint_counts_towards_the_most_that_an_item_may_get() -> None:
    model = _partition(max_answers=2, sources=[{"name": "crowd", "kind": "crowd", "price_usd": 0.01}])
    (first,) = await _say(model, _opened())
    (*_, second) = await _say(model, _answer(first, "other"))

    opened = await _say(model, _answer(second, "good", 2))

    assert [task.asks for task in opened] == ["complaint", "label"]


async def test_where_one_answer_is_all_it_is_about_the_label() -> None:
    (task,) = await _say(_partition(max_answers=1), _opened())

    assert task.asks == "label"


async def test_a_machine_that_cannot_say_is_not_asked_again_and_may_still_label() -> None:
    model = _partition(ask_complaint_of="rules")
    (first,) = await _say(model, _opened())
    abstained = AnnotationAbstained(
        task=first.task, item="i", assignment="s", annotator="machine:rules", source="rules", source_kind="rule",
        guideline_version=1, asks="complaint",
    )  # fmt: skip

    opened = await _say(model, abstained)

    assert [task.asks for task in opened] == ["complaint", "label"]
    assert (await _case(model)).abstained == []


async def test_an_answer_that_is_taken_back_says_nothing_until_it_is_given_again() -> None:
    model = _partition()
    (first,) = await _say(model, _opened())
    answer = _answer(first, "unsafe")
    await _say(model, answer)
    await _say(
        model, AnnotationRetracted(annotation="a1", task=first.task, item="i", annotator="ann", asks="complaint")
    )
    between = (await _case(model)).complaint

    opened = await _say(model, _answer(first, "other", 2))

    assert (between, (await _case(model)).complaint) == (None, "other")
    assert [task.asks for task in opened] == ["complaint", "label"]


async def test_a_retraction_that_was_heard_of_first_keeps_the_answer_out() -> None:
    model = _partition()
    (first,) = await _say(model, _opened())
    gone = AnnotationRetracted(annotation="a1", task=first.task, item="i", annotator="ann", asks="complaint")

    await _say(model, gone, _answer(first, "unsafe"))

    case = await _case(model)
    assert (case.complaint, case.task) == (None, first.task)


async def test_the_label_tells_the_complaint() -> None:
    model = _partition(wrong_label_costs_usd=0.1, sources=[{"name": "crowd", "kind": "crowd", "price_usd": 0.01}])
    (first,) = await _say(model, _opened())
    opened = await _say(model, _answer(first, "unsafe"))

    for number in range(2, 9):
        if (await _case(model)).status == "labeled":
            break
        opened = await _say(model, _answer(opened[-1], "good", number, annotator=f"person {number}"))

    labels = [event.data for event in model.published if isinstance(event.data, LabelResolved)]
    assert [(label.complaint, label.label) for label in labels] == [("unsafe", "good")]


async def test_what_was_closed_while_it_was_asked_is_asked_again_when_it_reopens() -> None:
    model = _partition()
    await _say(model, _opened())
    closed = ItemClosed(item="i", cause="muted", reason="later", events=1, opened_at=START, number=2)

    opened = await _say(model, closed, ItemReopened(item="i", reason="now", priority=2.0, number=3))

    assert [task.task for task in opened] == ["i-complaint.1", "i-complaint.2"]


async def test_what_only_signals_tell_is_not_asked_about_until_they_weigh_as_much_as_a_word() -> None:
    model = _partition(signal_weight=0.25)
    asked = await _say(model, _opened(kind="signal", text="retry on screen checkout", complaint="other"))
    waiting = (await _case(model)).status
    still = await _say(model, ItemReinforced(item="i", feedback="f2", events=3, users=3, priority=2.0, number=2))

    enough = await _say(model, ItemReinforced(item="i", feedback="f4", events=4, users=4, priority=2.0, number=3))

    assert (asked, waiting, still) == ([], "asking", [])
    assert [task.asks for task in enough] == ["label"]


async def test_a_complaint_that_there_is_not_is_turned_away() -> None:
    model = _partition()
    (first,) = await _say(model, _opened())
    event = Event("e", "/test", PROJECT, NOW, _answer(first, "ugly"))

    (decision,) = decide([event], await load([event], model.reads()))

    assert getattr(decision, "code", "") == "unknown_complaint"
