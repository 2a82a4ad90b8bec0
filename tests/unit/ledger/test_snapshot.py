"""A snapshot follows from the ledger alone, proves itself, and tells what changed since another."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from labelwright.contracts.envelope import Event, encode
from labelwright.contracts.feedback import FeedbackAccepted
from labelwright.contracts.labels import LabelResolved
from labelwright.contracts.payload import Payload
from labelwright.errors import LedgerError
from labelwright.ledger import Ledger, Row, Store, snapshot
from labelwright.ledger.snapshot import Change, Difference, Snapshot
from tests.unit.ledger.entries import T0, append_labels, contents, dispute, label, withdrawal


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(Store("memory://"))


def _cut(ledger: Ledger, folder: Path, project: str = "shop") -> Snapshot:
    return snapshot.cut(ledger, project, folder, now=T0)


def _labels(cut: Snapshot) -> dict[str, str]:
    table = pq.read_table(cut.path / snapshot.LABELS)
    return dict(zip(table["item"].to_pylist(), table["label"].to_pylist(), strict=True))


def test_every_label_says_who_gave_it_and_where_it_stands_in_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    append_labels(ledger, 1, [label("b"), label("a", "fine", probability=0.75)])

    cut = _cut(ledger, tmp_path)

    rows = pq.read_table(cut.path / snapshot.LABELS).to_pylist()
    entry = next(row for row in ledger.read("p1", "labels", "1-0"))
    assert [row["item"] for row in rows] == ["a", "b"]
    assert {name: rows[0][name] for name in rows[0] if name not in ("opened_at", "resolved_at", "ledger_sha256")} == {
        "item": "a",
        "text": "the text of a",
        "subject": None,
        "label": "fine",
        "probability": 0.75,
        "distribution": [{"label": "fine", "probability": 0.25}, {"label": "toxic", "probability": 0.75}],
        "calibrated": False,
        "method": "belief",
        "model_number": 1,
        "guideline_version": 3,
        "complaint": "unsaid",
        "feedback_ids": ["feedback_a"],
        "superseded_feedback_ids": [],
        "feedback_events": 1,
        "annotation_ids": ["annotation_a"],
        "annotators": ["ann"],
        "cost_usd": 0.5,
        "correlation_id": "feedback_1",
        "ledger_partition": "p1",
        "ledger_entry": entry.entry_id,
    }
    annotations = pq.read_table(cut.path / snapshot.ANNOTATIONS).to_pylist()
    assert [(row["item"], row["annotation"], row["label"]) for row in annotations] == [
        ("a", "annotation_a", "fine"),
        ("b", "annotation_b", "toxic"),
    ]
    assert (cut.labels, cut.annotations, cut.cut_at) == (2, 2, T0)
    head = ledger.watermark("p1")
    assert cut.ledger == {"p1": {"number": 1, "cut": 2, "chains": {"labels": head.head("labels").chain}}}


def test_the_card_tells_what_the_hub_and_a_reader_need(ledger: Ledger, tmp_path: Path) -> None:
    append_labels(ledger, 1, [label("a"), label("b"), label("c", "fine", probability=0.7)])

    card = (_cut(ledger, tmp_path).path / snapshot.CARD).read_text()

    _, front, text = card.split("---\n", 2)
    about = yaml.safe_load(front)
    assert about["pretty_name"] == "shop"
    assert about["annotations_creators"] == ["expert-generated"]
    assert about["size_categories"] == ["n<1K"]
    assert [config["data_files"][0]["path"] for config in about["configs"]] == ["data/*.parquet", "annotations.parquet"]
    assert "3 labels from 3 annotations under guideline version 3" in text
    assert "about 0.5 of the labels are wrong" in text
    assert "| fine | 1 |\n| toxic | 2 |\n" in text


def test_the_last_label_of_an_item_counts(ledger: Ledger, tmp_path: Path) -> None:
    append_labels(ledger, 1, [label("a", "toxic"), label("b", "toxic")])
    append_labels(ledger, 3, [label("a", "fine")])

    assert _labels(_cut(ledger, tmp_path)) == {"a": "fine", "b": "toxic"}


def test_a_dispute_takes_an_item_out_until_it_is_labeled_again(ledger: Ledger, tmp_path: Path) -> None:
    append_labels(ledger, 1, [label("a"), label("b"), dispute("a")])
    disputed = _cut(ledger, tmp_path)
    append_labels(ledger, 4, [label("a", "fine")])

    settled = _cut(ledger, tmp_path)

    assert _labels(disputed) == {"b": "toxic"}
    assert _labels(settled) == {"a": "fine", "b": "toxic"}


def test_a_withdrawn_label_is_no_row_until_its_item_is_labeled_again(ledger: Ledger, tmp_path: Path) -> None:
    append_labels(ledger, 1, [label("a"), label("b"), withdrawal("a")])
    withdrawn = _cut(ledger, tmp_path)
    append_labels(ledger, 4, [label("a", "fine")])

    assert _labels(withdrawn) == {"b": "toxic"}
    assert _labels(_cut(ledger, tmp_path)) == {"a": "fine", "b": "toxic"}


def test_an_answer_about_a_merged_item_says_which_words_it_is_about(ledger: Ledger, tmp_path: Path) -> None:
    resolved = label("a")
    assert isinstance(resolved.data, LabelResolved)
    (vote,) = resolved.data.annotations
    moved = vote.model_copy(update={"annotation": "moved", "annotator": "ben", "about": "b"})
    both = resolved.data.model_copy(update={"annotations": [vote, moved]})
    append_labels(ledger, 1, [replace(resolved, data=both)])

    rows = pq.read_table(_cut(ledger, tmp_path).path / snapshot.ANNOTATIONS).to_pylist()

    assert [(row["item"], row["annotation"], row["about"]) for row in rows] == [
        ("a", "annotation_a", None),
        ("a", "moved", "b"),
    ]


def test_another_projects_labels_stay_out(ledger: Ledger, tmp_path: Path) -> None:
    append_labels(ledger, 1, [label("a"), label("b", project="bank"), dispute("a", project="bank")])

    assert _labels(_cut(ledger, tmp_path)) == {"a": "toxic"}
    assert _labels(_cut(ledger, tmp_path, "bank")) == {"b": "toxic"}


def test_a_project_in_two_partitions_is_one_dataset(ledger: Ledger, tmp_path: Path) -> None:
    append_labels(ledger, 1, [label("a"), label("b")], "p1")
    append_labels(ledger, 5, [label("b", "fine"), label("c")], "p2")
    append_labels(ledger, 8, [label("c", "fine")], "p1")
    append_labels(ledger, 1, [label("z", project="bank")], "p3")

    cut = _cut(ledger, tmp_path)

    assert _labels(cut) == {"a": "toxic", "b": "fine", "c": "fine"}
    assert cut.ledger.keys() == {"p1", "p2"}


def test_a_project_without_a_label_has_no_snapshot(ledger: Ledger, tmp_path: Path) -> None:
    append_labels(ledger, 1, [label("a", project="bank"), dispute("b")])

    with pytest.raises(LedgerError, match="project 'shop' has no label in the ledger"):
        _cut(ledger, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_was_never_an_event_is_passed_over_and_a_newer_version_is_not(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append("p1", 2, {"labels": [Row("1-0", b"\xff garbage"), Row("2-0", encode(label("a")))]})
    assert _labels(_cut(ledger, tmp_path)) == {"a": "toxic"}
    newer = encode(label("a", "fine")).replace(b".v1", b".v999")
    ledger.append("p1", 3, {"labels": [Row("3-0", newer)]})

    with pytest.raises(LedgerError, match=r"entry '3-0' of stream 'labels' in partition 'p1' can't be read"):
        _cut(ledger, tmp_path)


def test_no_snapshot_is_cut_from_a_damaged_ledger(tmp_path: Path) -> None:
    ledger = Ledger(Store(tmp_path / "ledger"))
    append_labels(ledger, 1, [label("a")])
    file = next((tmp_path / "ledger/data").rglob("*.parquet"))
    file.write_bytes(file.read_bytes().replace(b"PAR1", b"PAR2"))

    with pytest.raises(LedgerError, match="has other bytes"):
        _cut(ledger, tmp_path / "snapshots")


def test_the_same_ledger_gives_the_same_bytes_whenever_and_wherever_it_is_cut(tmp_path: Path) -> None:
    events = [label("a"), label("b", "fine"), dispute("a"), label("a", "fine")]
    ledger = Ledger(Store("memory://"))
    append_labels(ledger, 1, events)

    first = snapshot.cut(ledger, "shop", tmp_path / "x", now=T0)
    again = snapshot.cut(ledger, "shop", tmp_path / "x", now=T0.replace(year=2030))
    elsewhere = snapshot.cut(ledger, "shop", tmp_path / "y", now=T0)

    assert first.id == again.id == elsewhere.id == first.path.name
    assert contents(first.path) == contents(elsewhere.path)
    assert contents(first.path).keys() == {snapshot.LABELS, snapshot.ANNOTATIONS, snapshot.CARD, snapshot.ABOUT}
    assert snapshot.verify(first.path) == snapshot.verify(elsewhere.path) == []


def test_a_snapshot_bears_witness_of_every_chain_it_was_cut_from(tmp_path: Path) -> None:
    snapshots = []
    for item in ("e1", "e2"):
        ledger = Ledger(Store("memory://"))
        ledger.append("p1", 9, {"items": [Row("1-0", item.encode())], "labels": [Row("2-0", encode(label("a")))]})
        snapshots.append(_cut(ledger, tmp_path))

    assert snapshots[0].id != snapshots[1].id
    assert snapshots[0].ledger["p1"]["chains"]["labels"] == snapshots[1].ledger["p1"]["chains"]["labels"]


def test_what_an_interrupted_cut_left_is_completed_by_the_next(ledger: Ledger, tmp_path: Path) -> None:
    append_labels(ledger, 1, [label("a")])
    cut = _cut(ledger, tmp_path)
    whole = contents(cut.path)
    (cut.path / snapshot.ABOUT).unlink()
    (cut.path / snapshot.CARD).unlink()
    assert snapshot.verify(cut.path) == [f"{cut.path / snapshot.ABOUT} is missing; cut the snapshot again"]

    _cut(ledger, tmp_path)

    assert contents(cut.path) == whole
    assert snapshot.verify(cut.path) == []


def test_a_folder_with_other_content_is_never_overwritten(ledger: Ledger, tmp_path: Path) -> None:
    append_labels(ledger, 1, [label("a")])
    cut = _cut(ledger, tmp_path)
    (cut.path / snapshot.CARD).write_bytes(b"mine")

    with pytest.raises(LedgerError, match=r"README\.md is there already with other content; a snapshot never changes"):
        _cut(ledger, tmp_path)
    assert (cut.path / snapshot.CARD).read_bytes() == b"mine"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ledger = Ledger(Store("memory://"))
    append_labels(ledger, 1, [label("a"), label("b", "fine")])
    return _cut(ledger, tmp_path_factory.mktemp("snapshots")).path


@given(st.data())
def test_a_flipped_bit_or_a_cut_end_of_a_snapshot_is_always_found(whole: Path, data: st.DataObject) -> None:
    path, content = data.draw(st.sampled_from(sorted(contents(whole).items())))
    place = data.draw(st.integers(0, len(content) - 1))
    flip = data.draw(st.sampled_from([1 << bit for bit in range(8)]))
    damaged = data.draw(
        st.sampled_from([content[:place], content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :]])
    )

    (whole / path).write_bytes(damaged)
    found = snapshot.verify(whole)
    (whole / path).write_bytes(content)

    assert any(fault.startswith(str(whole / path)) for fault in found)
    assert snapshot.verify(whole) == []


def test_missing_extra_and_renamed_are_found(whole: Path, tmp_path: Path) -> None:
    copy = copytree(whole, tmp_path / "renamed")
    (copy / snapshot.LABELS).unlink()
    (copy / "extra.txt").touch()

    assert snapshot.verify(copy) == [
        f"{copy} holds the snapshot {whole.name!r}; a snapshot's folder is named by its id",
        f"{copy / snapshot.LABELS} is missing; cut the snapshot again",
        f"{copy / 'extra.txt'} isn't part of the snapshot; remove it",
    ]


@pytest.mark.parametrize("about", ["", "[]", "{}", "7", '{"id":"x","files":7}', '{"id":7,"files":{}}', "\xff"])
def test_a_description_of_something_else_is_a_fault(about: str, tmp_path: Path) -> None:
    (tmp_path / snapshot.ABOUT).write_text(about, "latin-1")

    assert snapshot.verify(tmp_path)[0].startswith(str(tmp_path / snapshot.ABOUT))


def test_a_description_in_another_form_is_found(whole: Path, tmp_path: Path) -> None:
    copy = copytree(whole, tmp_path / whole.name)
    (copy / snapshot.ABOUT).write_bytes((copy / snapshot.ABOUT).read_bytes() + b" ")

    assert len(snapshot.verify(copy)) == 1


def test_a_description_rewritten_with_its_hashes_no_longer_fits_its_folder(whole: Path, tmp_path: Path) -> None:
    copy = copytree(whole, tmp_path / whole.name)
    about = json.loads((copy / snapshot.ABOUT).read_text())
    about["labels"] = 3
    about["id"] = snapshot._identity(about)
    (copy / snapshot.ABOUT).write_bytes(snapshot._canonical(about))

    assert snapshot.verify(copy) == [
        f"{copy} holds the snapshot {about['id']!r}; a snapshot's folder is named by its id"
    ]


def test_a_difference_names_what_came_went_and_turned(ledger: Ledger, tmp_path: Path) -> None:
    append_labels(ledger, 1, [label("gone"), label("same"), label("turned", "toxic")])
    old = _cut(ledger, tmp_path)
    append_labels(
        ledger, 4, [dispute("gone"), label("same", probability=0.8), label("turned", "fine"), label("came", "fine")]
    )
    new = _cut(ledger, tmp_path)

    assert snapshot.diff(old.path, new.path) == Difference(
        added=[Change("came", None, None, "fine", 0.9)],
        removed=[Change("gone", "toxic", 0.9, None, None)],
        changed=[Change("turned", "toxic", 0.9, "fine", 0.9)],
    )
    assert snapshot.diff(old.path, old.path) == Difference([], [], [])


def test_a_damaged_snapshot_is_not_compared(whole: Path, tmp_path: Path) -> None:
    copy = copytree(whole, tmp_path / whole.name)
    (copy / snapshot.LABELS).write_bytes(b"")

    with pytest.raises(LedgerError, match="isn't a whole snapshot"):
        snapshot.diff(whole, copy)


said = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["toxic", "fine", "dispute"])), max_size=10)


@given(said, st.integers(0, 10))
def test_a_snapshot_has_the_last_word_on_each_item(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str]], split: int
) -> None:
    events: Sequence[Event[Payload]] = [
        dispute(item) if word == "dispute" else label(item, word) for item, word in [("always", "fine"), *said]
    ]
    ledger = Ledger(Store("memory://"))
    ledger.append("p1", 0, {})
    for begin, part in ((1, events[:split]), (1 + len(events[:split]), events[split:])):
        append_labels(ledger, begin, part)

    cut = _cut(ledger, tmp_path_factory.mktemp("cut"))

    assert _labels(cut) == {"always": "fine"} | {item: word for item, word in dict(said).items() if word != "dispute"}


def test_a_label_on_another_stream_does_not_count(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append("p1", 5, {"dead": [Row("1-0", encode(label("b")))], "labels": [Row("5-0", encode(label("a")))]})

    assert _labels(_cut(ledger, tmp_path)) == {"a": "toxic"}


def _accepted(feedback: str, time: datetime, **about: str) -> Event[Payload]:
    values = {"kind": "thumb", "value": -1, "subject": {"type": "screen", "id": "s"}, "received_at": T0}
    data = FeedbackAccepted.model_validate({**values, "feedback": feedback, **about})
    return Event(f"accepted {feedback}", "/intake", "shop", time, data)


def test_a_vote_that_was_changed_no_longer_counts_and_is_kept(ledger: Ledger, tmp_path: Path) -> None:
    later = T0 + timedelta(minutes=1)
    resolved = label("a")
    assert isinstance(resolved.data, LabelResolved)
    told = resolved.data.model_copy(update={"feedback": ["f1", "f2", "f3"], "feedback_events": 3})
    votes = [_accepted("f9", later, supersedes="f1"), _accepted("f3", T0, superseded_by="f2")]
    rows = [Row(f"1-{place}", encode(vote)) for place, vote in enumerate(votes)]
    ledger.append("p1", 1, {"accepted": rows})
    append_labels(ledger, 2, [replace(resolved, data=told)])

    (row,) = pq.read_table(_cut(ledger, tmp_path).path / snapshot.LABELS).to_pylist()

    assert (row["feedback_ids"], row["superseded_feedback_ids"], row["feedback_events"]) == (["f2"], ["f1", "f3"], 2)


def test_labels_are_told_apart_by_complaint(ledger: Ledger, tmp_path: Path) -> None:
    unsafe = label("a")
    assert isinstance(unsafe.data, LabelResolved)
    append_labels(ledger, 1, [replace(unsafe, data=unsafe.data.model_copy(update={"complaint": "unsafe"})), label("b")])

    cut = _cut(ledger, tmp_path)

    rows = pq.read_table(cut.path / snapshot.LABELS).to_pylist()
    assert {row["item"]: row["complaint"] for row in rows} == {"a": "unsafe", "b": "unsaid"}
    assert json.loads((cut.path / snapshot.ABOUT).read_text())["by_complaint"] == {
        "unsafe": {"toxic": 1},
        "unsaid": {"toxic": 1},
    }
    assert "| unsafe | toxic | 1 |" in (cut.path / snapshot.CARD).read_text()
