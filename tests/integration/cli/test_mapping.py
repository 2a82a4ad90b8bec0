"""`labelwright publish --map`: a file of somebody else's becomes feedback, and no row is lost in silence."""

import json
from pathlib import Path

import pytest

from tests.integration.cli.conftest import ROOT, System, command

pytestmark = pytest.mark.server

RATINGS = ROOT.parent / "shared/data/feedback/feedbackqa.jsonl"
MAPPING = """
id: id
kind: {is: stars}
value: {from: rating, map: {Excellent: 5, Acceptable: 4, Could be Improved: 2, Bad: 1}}
comment: text
subject: {type: {is: answer}, id: item, prompt: question}
meta: {domain: domain}
"""


@pytest.fixture
def dsn(system: System) -> str:
    return f"{system.urls['publish'].replace('://', '://' + system.key('support', 'publisher') + '@')}/support"


def test_the_example_is_published_once_however_often_it_is_sent(system: System, dsn: str) -> None:
    files = (str(ROOT / "examples/survey.csv"), "--map", str(ROOT / "examples/survey.yaml"))

    first, again = (system.command("publish", *files, "--dsn", dsn, "--json") for _ in range(2))

    none = {"rejected": 0, "unfit": 0, "faults": []}
    assert (first.code, first.last) == (0, {"sent": 4, "accepted": 4, "duplicate": 0} | none)
    assert (again.code, again.last) == (0, {"sent": 4, "accepted": 0, "duplicate": 4} | none)


def test_a_dry_run_shows_the_first_events_and_each_row_that_doesnt_fit(tmp_path: Path) -> None:
    rows = [{"rating": "Good", "text": "fine", "item": "a"}, {"rating": "Meh", "text": "so so", "item": "b"}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, [*rows, *rows])))
    (tmp_path / "map.yaml").write_text(
        "kind: {is: stars}\nvalue: {from: rating, map: {Good: 5}}\nsubject: {type: {is: page}, id: item}\n"
    )

    ran = command(tmp_path, "publish", "rows.jsonl", "--map", "map.yaml", "--dry-run", "--json")

    fault = "value: 'Meh' isn't in its map, which has 'Good'; add it"
    assert ran.code == 1
    assert (ran.last["fit"], ran.last["unfit"], len(ran.last["first"])) == (2, 2, 2)
    assert ran.last["faults"] == [f"line {number}: {fault}" for number in (2, 4)]
    assert ran.said.count(fault) == 2


def test_yaml_that_says_yes_maps_yes(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("helped,page\nYes,cart\nno,cart\n")
    (tmp_path / "map.yaml").write_text(
        "kind: {is: thumb}\nvalue: {from: helped, map: {Yes: 1, no: -1}}\nsubject: {type: {is: page}, id: page}\n"
    )

    ran = command(tmp_path, "publish", "rows.csv", "--map", "map.yaml", "--dry-run", "--json")

    assert [event["value"] for event in ran.last["first"]] == [1, -1]


def test_a_bad_mapping_is_a_fault_of_usage_that_names_the_field(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("said,page\nslow,cart\n")
    (tmp_path / "map.yaml").write_text("kind: {is: text}\ncoment: said\nsubject: {type: {is: page}, id: page}\n")

    ran = command(tmp_path, "publish", "rows.csv", "--map", "map.yaml", "--dry-run")

    assert ran.code == 2
    assert "'coment' is no field of feedback; the fields are 'id'" in ran.said


def test_bad_rows_are_listed_and_the_others_published(system: System, dsn: str, tmp_path: Path) -> None:
    good = [f'"row {number} of mine is slow",cart' for number in range(3)]
    (tmp_path / "rows.csv").write_text("\n".join(["said,page", *good, ",cart", "a,b,c"]))
    (tmp_path / "map.yaml").write_text(
        "kind: {is: text}\ncomment: said\nsubject: {type: {is: page}, id: page}\nformat: csv\n"
    )

    ran = system.command(
        "publish", str(tmp_path / "rows.csv"), "--map", str(tmp_path / "map.yaml"), "--dsn", dsn, "--json"
    )

    assert ran.code == 1
    assert {name: ran.last[name] for name in ("sent", "accepted", "unfit")} == {"sent": 3, "accepted": 3, "unfit": 2}
    assert [fault.partition(":")[0] for fault in ran.last["faults"]] == ["line 5", "line 6"]


@pytest.mark.skipif(not RATINGS.exists(), reason="needs ../shared/data/feedback/feedbackqa.jsonl")
def test_ratings_of_answers_become_feedback_from_end_to_end(system: System, dsn: str, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAPPING)
    told = [json.loads(line) for line in RATINGS.read_text().splitlines()]

    ran = system.command("publish", str(RATINGS), "--map", str(tmp_path / "map.yaml"), "--dsn", dsn, "--json")

    assert (ran.code, ran.last["faults"]) == (0, [])
    assert ran.last["accepted"] == ran.last["sent"] == len(told)
    traced = system.command("trace", told[0]["id"], "--project", "support", "--json")
    assert traced.last["steps"][0]["step"] == "received"
