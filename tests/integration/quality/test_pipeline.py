"""Feedback goes through the services, people answer, labels come out, and the figures say so."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from labelwright import projects, stories
from labelwright.contracts.envelope import Event, decode
from labelwright.contracts.feedback import FeedbackReceived, Subject
from labelwright.contracts.labels import LabelResolved
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import (
    GoldExample,
    Guideline,
    LabelDefinition,
    ProjectApplied,
    ProjectFile,
    Source,
)
from labelwright.contracts.work import AnnotationRecorded, AnnotationSubmitted, LeaseRequested, RequestAnswered
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server
from services.quality.state import Scope, figures_of, totals_of
from tests.conftest import RunStages

pytestmark = [pytest.mark.server, pytest.mark.anyio]

PROJECT = "shop"
COMPLAINTS = [f"The {what} is {how}." for what in ("checkout", "search", "login") for how in ("slow", "ugly", "broken")]
PEOPLE = ("ann", "bob", "eve", "joe", "kim")
FILE = ProjectFile(
    project=PROJECT,
    guideline=Guideline(question="What is it?", labels=[LabelDefinition(name=name) for name in ("speed", "other")]),
    sources=[Source(name="crowd", kind="crowd", price_usd=0.1)],
    gold=[GoldExample(text="It takes ages.", label="speed"), GoldExample(text="I like blue.", label="other")],
    gold_share=0.3,
    max_answers=5,
)


async def test_the_figures_are_those_of_what_went_through(server: Server, run_stages: RunStages) -> None:
    partition = server.partition("p0")
    await _apply(partition)
    texts = [*COMPLAINTS, *COMPLAINTS[:4]]
    await _append(partition, [_feedback(text, number) for number, text in enumerate(texts)], "feedback")
    stages = ("intake", "triage", "resolve", "dispatch", "quality")
    await run_stages(*stages)

    for turn in range(len(COMPLAINTS)):
        leases = await _lease(partition, run_stages, turn)
        await _append(partition, [_answer(who, body) for who, body in leases.items()], f"answer {turn}")
        await run_stages(*stages)

    totals = await totals_of(await partition.reads(), [Scope(PROJECT, None), Scope(PROJECT, 1)])
    whole, version = (figures_of(scope, total) for scope, total in totals.items())
    labels = [one for one in await _data(partition, "labels") if isinstance(one, LabelResolved)]
    answers = [one for one in await _data(partition, "annotations") if isinstance(one, AnnotationRecorded)]
    gold = [one for one in answers if one.gold_label is not None]
    (cases,) = await (await partition.reads())(stories.cases.all())
    costs = [case.value.cost_usd for case in cases.values() if case.value.status == "labeled"]
    assert whole["feedback_accepted_total"] == len(texts)
    assert whole["items.waiting"] + whole["items.labeled"] + whole["items.disputed"] == len(COMPLAINTS)
    assert whole["labels_resolved_total"] == len(labels) > 0
    assert whole["annotations_total.crowd"] == len(answers)
    assert whole["spend_usd_total.crowd"] == pytest.approx(sum(answer.price_usd for answer in answers))
    assert whole["label_cost_usd"] == pytest.approx(sum(costs) / len(costs))
    assert whole["gold_answers.crowd"] == len(gold) > 0
    right = sum(answer.label == answer.gold_label for answer in gold)
    assert whole["gold_accuracy_ratio.crowd"] == pytest.approx(right / len(gold))
    assert 0 < whole["feedback_to_label_seconds.p50"] < 60
    assert version["agreement_answers"] > 0
    assert version["agreement.raw"] == 1


async def _apply(partition: Partition) -> None:
    document = projects.Project(number=1, file=FILE)
    files = [projects.current.put(PROJECT, document, 1), projects.history.put(f"{PROJECT}@1", document, 1)]
    await partition.write("gateway", [], files, cause="apply", project=PROJECT)
    await _append(partition, [ProjectApplied(number=1, file=FILE)], "apply")


async def _lease(partition: Partition, run_stages: RunStages, turn: int) -> dict[str, dict[str, str]]:
    """Let everybody ask for a task, and return what they got."""
    now = await partition.now()
    asked = {f"lease {turn} {who}": who for who in PEOPLE}
    requests = [
        LeaseRequested(request=name, annotator=who, sources=["crowd"], reply="gw", wait_until=now + timedelta(0))
        for name, who in asked.items()
    ]
    await _append(partition, requests, f"lease {turn}")
    await run_stages("dispatch")
    replies = [one for one in await _data(partition, "reply:gw") if isinstance(one, RequestAnswered)]
    return {asked[one.request]: one.body for one in replies if one.request in asked and one.status == 200}


def _answer(who: str, body: dict[str, str]) -> AnnotationSubmitted:
    is_slow = "slow" in body["text"] or "ages" in body["text"]
    return AnnotationSubmitted(
        request=f"submit {body['assignment']}",
        assignment=body["assignment"],
        token=body["token"],
        annotator=who,
        label="speed" if is_slow else "other",
        reply="gw",
    )


def _feedback(text: str, number: int) -> FeedbackReceived:
    return FeedbackReceived(kind="text", comment=text, subject=Subject(type="screen", id="shop"), user=f"u{number}")


async def _append(partition: Partition, payloads: Sequence[Payload], name: str) -> None:
    now = await partition.now()
    await partition.append([Event(f"{name}.{n}", "/test", PROJECT, now, data) for n, data in enumerate(payloads)])


async def _data(partition: Partition, stream: str) -> list[Payload]:
    entries = await partition.client.xrange(partition.key(stream))
    return [decode(fields[b"event"]).data for _, fields in entries]
