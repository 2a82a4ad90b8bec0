"""What became of everything, counted from the ledger, and what the labels claim beside what is so."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from labelwright import topology
from labelwright.contracts import feedback, items, labels, work
from labelwright.contracts.envelope import decode
from labelwright.contracts.payload import Payload
from labelwright.demo.people import Deeds
from labelwright.demo.story import Story
from labelwright.ledger import Ledger, snapshot
from labelwright.runtime.rebuild import changes

FIXED_OVERLAP: Final = 3


def report(story: Story, deeds: Deeds, ledger: Ledger, partition: str, out: Path) -> dict[str, Any]:
    """Return the demo's figures; `accuracy` is of the labels whose truth is known, None where none is.

    `lost` counts what the gateway promised and the ledger doesn't have, feedback without an outcome, and entries that
    a service never finished. A snapshot is cut into `out` if there is a label.
    """
    received = {event.id for event, _ in _events(ledger, partition, "feedback")}
    accepted = [
        data for _, data in _events(ledger, partition, "accepted") if isinstance(data, feedback.FeedbackAccepted)
    ]
    rejected = {
        data.event for _, data in _events(ledger, partition, "rejected") if isinstance(data, feedback.EventRejected)
    }
    opened = sum(isinstance(data, items.ItemOpened) for _, data in _events(ledger, partition, "items"))
    tasks = sum(isinstance(data, work.TaskOpened) for _, data in _events(ledger, partition, "tasks"))
    answers = [
        data for _, data in _events(ledger, partition, "annotations") if isinstance(data, work.AnnotationRecorded)
    ]
    resolved, disputes = _labels(ledger, partition)
    late = _overdue(ledger, partition)
    expired = _expired(ledger, partition) + late
    judged = [(label, truth) for label in resolved if (truth := story.truth(label.text))]
    without_outcome = received - {one.feedback for one in accepted} - rejected
    lost = len(deeds.promised - received) + len(without_outcome) + _unfinished(ledger, partition) + deeds.sdk_lost
    people = [one for one in answers if one.source_kind in ("crowd", "expert") and one.gold_label is None]
    made = snapshot.cut(ledger, story.file.project, out, now=datetime.now(UTC)) if resolved else None
    return {
        "published": deeds.published,
        "accepted": len(accepted),
        "rejected": len(rejected & received) + deeds.refused["rejected"],
        "duplicates": deeds.refused["duplicate"],
        "items": opened,
        "tasks": tasks,
        "annotations": len(answers),
        "answers_of_people": len(people),
        "answers_with_fixed_overlap": FIXED_OVERLAP * opened,
        "labels": len(resolved),
        "disputes": disputes,
        "expired": expired,
        "expired_share": round(expired / (len(accepted) + late), 4) if accepted or late else 0.0,
        "complaints": _complaints(accepted, resolved),
        "claimed_accuracy": _mean([label.probability for label, _ in judged] or [one.probability for one in resolved]),
        "realised_accuracy": _mean([float(label.label == truth) for label, truth in judged]),
        "lost": lost,
        "spent_usd": round(sum(one.price_usd for one in answers), 2),
        "snapshot": str(made.path) if made else None,
    }


def _complaints(
    accepted: Sequence[feedback.FeedbackAccepted], resolved: Sequence[labels.LabelResolved]
) -> dict[str, dict[str, int]]:
    """Return by complaint how much feedback makes it, and how many labeled items; praise makes none."""
    said: Counter[str] = Counter(one.complaint or feedback.UNSAID for one in accepted if one.sign < 0 or one.complaint)
    labeled: Counter[str] = Counter(one.complaint or feedback.UNSAID for one in resolved)
    return {
        name: {"feedback": said[name], "labels": labeled[name]}
        for name in (*feedback.COMPLAINTS, feedback.UNSAID)
        if said[name] or labeled[name]
    }


def _labels(ledger: Ledger, partition: str) -> tuple[list[labels.LabelResolved], int]:
    """Return the present label of every item that has one, and how many disputes were opened."""
    last: dict[str, Payload] = {}
    disputes = 0
    for _, data in _events(ledger, partition, "labels"):
        if isinstance(data, (labels.LabelResolved, labels.DisputeOpened)):
            last[data.item] = data
            disputes += isinstance(data, labels.DisputeOpened)
    return [one for one in last.values() if isinstance(one, labels.LabelResolved)], disputes


def _expired(ledger: Ledger, partition: str) -> int:
    """Return how much feedback is in items that stand expired, without a label."""
    last: dict[str, items.ItemClosed | items.ItemReopened] = {}
    for _, data in _events(ledger, partition, "items"):
        if isinstance(data, (items.ItemClosed, items.ItemReopened)):
            known = last.get(data.item)
            last[data.item] = known if known and known.number > data.number else data
    closed = [one for one in last.values() if isinstance(one, items.ItemClosed)]
    return sum(one.events for one in closed if one.cause == "expired")


def _overdue(ledger: Ledger, partition: str) -> int:
    """Count the feedback whose own time was over before intake read it."""
    turned_away = (data for _, data in _events(ledger, partition, "rejected"))
    return sum(
        isinstance(data, feedback.EventRejected) and (data.service, data.code) == ("intake", "expired")
        for data in turned_away
    )


def _unfinished(ledger: Ledger, partition: str) -> int:
    """Count the entries that a service should have finished and didn't, once a reader."""
    done = {(change.group, *entry) for change in changes(ledger, partition) for entry in change.acknowledged}
    return sum(
        (reader, f"{{{partition}}}:{stream.name}", row.entry_id) not in done
        for stream in topology.STREAMS.values()
        if stream.readers
        for row in ledger.read(partition, stream.name)
        for reader in stream.readers
    )


def _events(ledger: Ledger, partition: str, stream: str) -> Iterator[tuple[Any, Payload]]:
    for row in ledger.read(partition, stream):
        event = decode(row.body)
        yield event, event.data


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
