"""Cut a project's labels out of the ledger into an immutable dataset that can prove itself; verify and compare such."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelwright.contracts.envelope import Event, decode
from labelwright.contracts.erasure import ERASED
from labelwright.contracts.feedback import UNSAID, FeedbackAccepted
from labelwright.contracts.labels import DisputeOpened, LabelResolved, LabelWithdrawn
from labelwright.contracts.payload import Payload
from labelwright.errors import ContractError, LedgerError
from labelwright.ledger.card import card
from labelwright.ledger.files import Row, order
from labelwright.ledger.ledger import Ledger
from labelwright.ledger.manifest import Commit
from labelwright.ledger.store import Store

LABELS = "data/train.parquet"
ANNOTATIONS = "annotations.parquet"
CARD = "README.md"
ABOUT = "snapshot.json"

_OUTCOMES = (LabelResolved, LabelWithdrawn, DisputeOpened)
ACCEPTED = FeedbackAccepted.stream
_NEVER_AN_EVENT = frozenset({"not_an_event", "not_json", "not_cloudevents"})
_TIME = pa.timestamp("us", tz="UTC")
_LABELS = pa.schema(
    {
        "item": pa.string(),
        "text": pa.string(),
        "subject": pa.struct({name: pa.string() for name in ("type", "id", "prompt", "response", "model")}),
        "label": pa.string(),
        "probability": pa.float64(),
        "distribution": pa.list_(pa.struct({"label": pa.string(), "probability": pa.float64()})),
        "calibrated": pa.bool_(),
        "method": pa.string(),
        "model_number": pa.int64(),
        "guideline_version": pa.int64(),
        "complaint": pa.string(),
        "feedback_ids": pa.list_(pa.string()),
        "superseded_feedback_ids": pa.list_(pa.string()),
        "feedback_events": pa.int64(),
        "annotation_ids": pa.list_(pa.string()),
        "annotators": pa.list_(pa.string()),
        "cost_usd": pa.float64(),
        "opened_at": _TIME,
        "resolved_at": _TIME,
        "correlation_id": pa.string(),
        "ledger_partition": pa.string(),
        "ledger_entry": pa.string(),
        "ledger_sha256": pa.string(),
    }
)
_ANNOTATIONS = pa.schema(
    {
        "item": pa.string(),
        "annotation": pa.string(),
        "annotator": pa.string(),
        "source": pa.string(),
        "source_kind": pa.string(),
        "label": pa.string(),
        "price_usd": pa.float64(),
        "answered_at": _TIME,
        "about": pa.string(),
    }
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A dataset in a folder named by its id.

    `ledger` says for each partition up to which manifest and cut it was read, and every stream's chain there. `cut_at`
    is not in the folder, whose bytes follow from the ledger alone.
    """

    id: str
    path: Path
    project: str
    labels: int
    annotations: int
    ledger: dict[str, dict[str, Any]]
    cut_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """An item's label in two snapshots; None where a snapshot doesn't have the item."""

    item: str
    old_label: str | None
    old_probability: float | None
    new_label: str | None
    new_probability: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What leads from one snapshot's labels to another's, each list by item."""

    added: list[Change]
    removed: list[Change]
    changed: list[Change]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The last that was said of an item, and where it stands in the ledger."""

    partition: str
    row: Row
    sha256: bytes
    event: Event[Payload]


def cut(ledger: Ledger, project: str, out_root: Path, *, now: datetime) -> Snapshot:
    """Write the project's labels, as the ledger has them, to `out_root/<id>` and return what was written.

    The last label of an item counts; a dispute opened after it, or its withdrawal because the item was merged or is
    asked about again, takes the item out until it is labeled again, and erasure does for good. The same ledger gives
    the same id and the same bytes, whenever and wherever it is cut (under one version of pyarrow); a folder that is
    there already stays as it is. `snapshot.json` is written last: without it a folder isn't a snapshot. A vote that was
    changed is told apart from the feedback that still counts.
    Raises LedgerError if the project has no label, if a ledger file is damaged, or if the folder has other content.
    """
    heads = {partition: ledger.watermark(partition) for partition in ledger.partitions()}
    labels = [
        (outcome, outcome.event.data)
        for _, outcome in sorted(_last_outcomes(ledger, heads, project).items())
        if isinstance(outcome.event.data, LabelResolved) and outcome.event.data.text != ERASED
    ]
    if not labels:
        raise LedgerError(
            f"project {project!r} has no label in the ledger; check its name, or wait for its first label"
        )
    changed = _changed_votes(ledger, heads, project)
    votes = [(label.item, vote) for _, label in labels for vote in label.annotations]
    about: dict[str, Any] = {
        "version": 1,
        "project": project,
        "labels": len(labels),
        "annotations": len(votes),
        "by_label": Counter(label.label for _, label in labels),
        "by_complaint": _by_complaint([label for _, label in labels]),
        "expected_wrong_labels": round(sum(1 - label.probability for _, label in labels), 3),
        "source_kinds": sorted({vote.source_kind for _, vote in votes}),
        "guideline_versions": sorted({label.guideline_version for _, label in labels}),
        "ledger": {name: _position(heads[name]) for name in {outcome.partition for outcome, _ in labels}},
    }
    contents = {
        LABELS: _parquet(_LABELS, [_label_row(outcome, label, changed) for outcome, label in labels]),
        ANNOTATIONS: _parquet(_ANNOTATIONS, [{"item": item, **vote.model_dump()} for item, vote in votes]),
        CARD: card(about).encode(),
    }
    about["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    about["id"] = _identity(about)
    _write(Store(out_root), about["id"], contents | {ABOUT: _canonical(about)})
    return Snapshot(about["id"], Path(out_root, about["id"]), project, len(labels), len(votes), about["ledger"], now)


def verify(path: Path) -> list[str]:
    """Return what is wrong with a snapshot's folder, each a sentence that names the file; empty if it is whole."""
    try:
        content = (path / ABOUT).read_bytes()
        about = json.loads(content)
        files, identity = dict(about["files"]), about["id"]
    except FileNotFoundError:
        return [f"{path / ABOUT} is missing; cut the snapshot again"]
    except (ValueError, TypeError, KeyError):
        return [f"{path / ABOUT} isn't the description of a snapshot; cut the snapshot again"]
    found = []
    if identity != _identity(about) or content != _canonical(about):
        found.append(f"{path / ABOUT} was changed: it doesn't hash to its id {identity!r}; cut the snapshot again")
    if identity != path.resolve().name:
        found.append(f"{path} holds the snapshot {identity!r}; a snapshot's folder is named by its id")
    there = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
    found += [f"{path / name} is missing; cut the snapshot again" for name in sorted(files.keys() - there)]
    found += [f"{path / name} isn't part of the snapshot; remove it" for name in sorted(there - files.keys() - {ABOUT})]
    found += [
        f"{path / name} was changed: its SHA-256 isn't the one in {ABOUT}; cut the snapshot again"
        for name in sorted(there & files.keys())
        if hashlib.sha256((path / name).read_bytes()).hexdigest() != files[name]
    ]
    return found


def diff(path_a: Path, path_b: Path) -> Difference:
    """Return the items that only B has, those that only A has, and those whose label differs (not its probability).

    Raises LedgerError if either isn't a whole snapshot.
    """
    old, new = _beliefs(path_a), _beliefs(path_b)
    absent = (None, None)
    changes = [Change(item, *old.get(item, absent), *new.get(item, absent)) for item in sorted(old.keys() | new.keys())]
    in_both = [change for change in changes if change.item in old and change.item in new]
    return Difference(
        added=[change for change in changes if change.item not in old],
        removed=[change for change in changes if change.item not in new],
        changed=[change for change in in_both if change.old_label != change.new_label],
    )


def items(path: Path) -> frozenset[str]:
    """Return the items that a snapshot has labels of. Raises LedgerError if it isn't a whole snapshot."""
    return frozenset(_beliefs(path))


def _last_outcomes(ledger: Ledger, heads: Mapping[str, Commit], project: str) -> dict[str, _Outcome]:
    last: dict[str, _Outcome] = {}
    for partition, head in heads.items():
        for row, sha256 in ledger.read_proven(partition, "labels"):
            if order(row.entry_id) > order(head.head("labels").last):
                break  # appended since the heads were read
            event = _event(partition, "labels", row)
            if event is None or event.project != project or not isinstance(event.data, _OUTCOMES):
                continue
            earlier = last.get(event.data.item)
            if earlier is None or order(earlier.row.entry_id) < order(row.entry_id):
                last[event.data.item] = _Outcome(partition, row, sha256, event)
    return last


def _event(partition: str, stream: str, row: Row) -> Event[Payload] | None:
    """Return a row's event; None for what was never an event, since anyone may XADD anything."""
    try:
        return decode(row.body)
    except ContractError as error:
        if error.code in _NEVER_AN_EVENT:
            return None
        raise LedgerError(
            f"entry {row.entry_id!r} of stream {stream!r} in partition {partition!r} can't be read ({error.reason}); "
            "cut with the version of Labelwright that wrote it"
        ) from None


def _changed_votes(ledger: Ledger, heads: Mapping[str, Commit], project: str) -> dict[str, datetime]:
    """Return when each vote that was changed gave way to a later one, by the id of its feedback."""
    found: dict[str, datetime] = {}
    for partition, head in heads.items():
        if ACCEPTED not in head.heads:
            continue
        for row in ledger.read(partition, ACCEPTED):
            if order(row.entry_id) > order(head.head(ACCEPTED).last):
                break
            event = _event(partition, ACCEPTED, row)
            if event is None or event.project != project or not isinstance(event.data, FeedbackAccepted):
                continue
            given_way = event.data.supersedes or (event.data.feedback if event.data.superseded_by else None)
            if given_way:
                found.setdefault(given_way, event.time)
    return found


def _by_complaint(labels: Sequence[LabelResolved]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for label in labels:
        found.setdefault(label.complaint or UNSAID, Counter())[label.label] += 1
    return found


def _label_row(outcome: _Outcome, label: LabelResolved, changed: Mapping[str, datetime]) -> dict[str, Any]:
    gone = [one for one in label.feedback if one in changed]
    gone_since = sum(changed[one] > label.resolved_at for one in gone)
    return label.model_dump() | {
        "complaint": label.complaint or UNSAID,
        "superseded_feedback_ids": gone,
        "feedback_events": max(0, label.feedback_events - gone_since),
        "distribution": [{"label": name, "probability": share} for name, share in sorted(label.distribution.items())],
        "feedback_ids": [one for one in label.feedback if one not in changed],
        "annotation_ids": [vote.annotation for vote in label.annotations],
        "annotators": [vote.annotator for vote in label.annotations],
        "correlation_id": outcome.event.correlation_id,
        "ledger_partition": outcome.partition,
        "ledger_entry": outcome.row.entry_id,
        "ledger_sha256": outcome.sha256.hex(),
    }


def _position(head: Commit) -> dict[str, Any]:
    chains = {stream: reached.chain for stream, reached in head.heads.items()}
    return {"number": head.number, "cut": head.cut, "chains": chains}


def _parquet(schema: pa.Schema, rows: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink, compression="zstd", store_schema=False)
    return bytes(sink.getvalue())


def _canonical(about: dict[str, Any]) -> bytes:
    return json.dumps(about, sort_keys=True, indent=2, ensure_ascii=False).encode() + b"\n"


def _identity(about: dict[str, Any]) -> str:
    """Return the first 128 bits of the hash of everything a snapshot says, which has every file's hash in it."""
    return hashlib.sha256(_canonical({key: about[key] for key in about if key != "id"})).hexdigest()[:32]


def _write(store: Store, folder: str, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        try:
            store.put_new(f"{folder}/{name}", content)
        except FileExistsError as error:
            raise LedgerError(f"{error}; a snapshot never changes: verify that folder, then move it away") from None


def _beliefs(path: Path) -> dict[str, tuple[str, float]]:
    faults = verify(path)
    if faults:
        raise LedgerError(f"{path} isn't a whole snapshot: {faults[0]}")
    columns = pq.read_table(path / LABELS, columns=["item", "label", "probability"]).to_pydict()
    return {
        item: (label, probability)
        for item, label, probability in zip(columns["item"], columns["label"], columns["probability"], strict=True)
    }
