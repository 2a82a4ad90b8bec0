"""Rows as the streams have them, and a ledger's folder seen as plain bytes."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgpack

from labelwright.contracts.envelope import Event, encode
from labelwright.contracts.labels import DisputeOpened, LabelResolved, LabelWithdrawn, Vote
from labelwright.contracts.payload import Payload
from labelwright.ledger import Ledger, Row

T0 = datetime(2026, 11, 23, 10, tzinfo=UTC)


def event_row(millisecond: int, sequence: int = 0, project: str = "shop") -> Row:
    """A stream's entry with a CloudEvent of which the ledger needs to know nothing."""
    body = {
        "specversion": "1.0",
        "id": f"e{millisecond}",
        "source": "/app",
        "type": "t",
        "project": project,
        "data": {},
    }
    return Row(f"{millisecond}-{sequence}", json.dumps(body).encode())


def change_row(millisecond: int) -> Row:
    """An entry of `changes`: group, what was acknowledged, what was written; opaque, and not UTF-8."""
    return Row(f"{millisecond}-0", bytes(msgpack.packb(["triage", [["items", "5-0"]], [b"\xff\xfe", millisecond]])))


def label(item: str, name: str = "toxic", *, project: str = "shop", probability: float = 0.9) -> Event[Payload]:
    vote = Vote(
        annotation=f"annotation_{item}",
        annotator="ann",
        source="team",
        source_kind="expert",
        label=name,
        price_usd=0.5,
        answered_at=T0,
    )
    return _event(
        project,
        LabelResolved(
            item=item,
            label=name,
            probability=probability,
            distribution={"fine": 1 - probability, "toxic": probability},
            method="belief",
            model_number=1,
            guideline_version=3,
            annotations=[vote],
            feedback=[f"feedback_{item}"],
            text=f"the text of {item}",
            cost_usd=0.5,
            opened_at=T0,
            resolved_at=T0,
        ),
    )


def withdrawal(item: str, name: str = "toxic", *, project: str = "shop") -> Event[Payload]:
    return _event(project, LabelWithdrawn(item=item, label=name, reason="merged into another"))


def dispute(item: str, *, project: str = "shop") -> Event[Payload]:
    opened = DisputeOpened(
        item=item, distribution={"fine": 0.5, "toxic": 0.5}, reason="split", guideline_version=3, annotations=[]
    )
    return _event(project, opened)


def append_labels(ledger: Ledger, first: int, events: Sequence[Event[Payload]], partition: str = "p1") -> None:
    """Commit events to `labels`, one a millisecond from `first` on."""
    rows = [Row(f"{place}-0", encode(event)) for place, event in enumerate(events, first)]
    ledger.append(partition, first + len(rows) - 1, {"labels": rows})


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _event(project: str, data: Payload) -> Event[Payload]:
    return Event(id="event", source="/resolve", project=project, time=T0, data=data, correlation_id="feedback_1")
