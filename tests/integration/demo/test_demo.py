"""`labelwright demo`, as a person runs it without a terminal."""

import json
from pathlib import Path

import pytest

from labelwright.ledger import snapshot
from tests.integration.cli.conftest import ROOT, command

pytestmark = pytest.mark.server

KEYS = {
    "published", "accepted", "rejected", "duplicates", "items", "tasks", "annotations", "labels", "disputes",
    "complaints", "claimed_accuracy", "realised_accuracy", "lost", "spent_usd", "snapshot", "seconds",
}  # fmt: skip


@pytest.mark.timeout(300)
def test_turns_generated_feedback_into_labels_and_loses_nothing(tmp_path: Path) -> None:
    ran = command(tmp_path, "demo", "--events", "300", "--seed", "3", "--json", within_s=280)

    assert ran.code == 0, ran.said
    figures = ran.last
    assert figures.keys() >= KEYS
    assert figures["lost"] == 0
    assert figures["published"] == 300
    assert figures["accepted"] + figures["rejected"] + figures["duplicates"] == 300
    assert figures["labels"] + figures["disputes"] >= figures["items"] > 50
    assert figures["realised_accuracy"] > 0.9
    assert abs(figures["claimed_accuracy"] - figures["realised_accuracy"]) < 0.06
    assert snapshot.verify(Path(figures["snapshot"])) == []
    assert "Generated (seed 3)" in ran.said


@pytest.mark.timeout(300)
def test_takes_real_feedback_instead(tmp_path: Path) -> None:
    source = ROOT.parent / "shared/data/feedback/feedbackqa.jsonl"
    if not source.exists():
        pytest.skip("the real feedback, ../shared/data/feedback/feedbackqa.jsonl, is not here")
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    few = {row["item"] for row in rows[:12]}
    file = tmp_path / "few.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows if row["item"] in few))

    ran = command(tmp_path, "demo", "--input", str(file), "--json", within_s=280)

    assert ran.code == 0, ran.said
    assert ran.last["lost"] == 0
    assert ran.last["labels"] + ran.last["disputes"] > 10
    assert ran.last["realised_accuracy"] is None
