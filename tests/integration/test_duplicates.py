"""Duplicates among texts that people wrote, and the command that finds them without a server."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

RATINGS = Path(__file__).parents[3] / "shared" / "data" / "feedback" / "feedbackqa.jsonl"


def duplicates(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "labelwright.cli", "duplicates", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def found(*arguments: str) -> dict[str, Any]:
    ran = duplicates(*arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return answer


def lines(path: Path, rows: Sequence[Any]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return str(path)


def test_groups_what_says_the_same_and_proposes_what_may(tmp_path: Path) -> None:
    texts = [
        {"id": "a", "text": "The dashboard loads slowly every morning since the update"},
        {"id": "b", "text": "THE DASHBOARD LOADS SLOWLY EVERY MORNING SINCE THE UPDATE!!"},
        {"id": "c", "text": "The dashbaord loads slowly every morning since the updtae"},
        {"id": "d", "text": "The dashboard never loads slowly in the morning since the update"},
        {"id": "e", "text": "My card was declined"},
    ]

    answer = found(lines(tmp_path / "texts.jsonl", texts))

    assert answer == {
        "groups": [
            {
                "members": ["a", "b", "c"],
                "pairs": [
                    {"a": "b", "b": "a", "score": 0.0, "reason": "the same words"},
                    {"a": "c", "b": "a", "score": 0.0, "reason": "typing errors and endings only"},
                ],
            }
        ],
        "proposed": [
            {
                "a": "d",
                "b": "a",
                "score": answer["proposed"][0]["score"],
                "reason": "a word that changes the meaning differs",
            }
        ],
    }


def test_names_lines_by_number_and_compares_within_a_field(tmp_path: Path) -> None:
    rows = [{"said": "Why so slow today", "stars": stars} for stars in (1, 1, 5)]
    file = lines(tmp_path / "rows.jsonl", rows)

    everywhere = found(file, "--field", "said")
    within = found(file, "--field", "said", "--within", "stars")

    assert [group["members"] for group in everywhere["groups"]] == [[1, 2, 3]]
    assert [group["members"] for group in within["groups"]] == [[1, 2]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1 is no JSON"),
        ("[1]", "line 1 is no JSON object"),
        ('{"body": "x"}', "has no text in 'text'; it has 'body'"),
    ],
)
def test_says_which_line_is_wrong(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(line)

    ran = duplicates(str(file))

    assert ran.returncode == 2
    assert said in ran.stderr


@pytest.mark.skipif(not RATINGS.exists(), reason="the public ratings are not here")
def test_finds_planted_duplicates_and_proposes_what_it_misses() -> None:
    """F1 at least .90, and at least 95 % of the misses proposed."""
    rows = [json.loads(line) for line in RATINGS.read_text("utf-8").splitlines()]
    planted = {row["id"]: row["dup_of"] for row in rows if row["dup_of"]}

    answer = found(str(RATINGS))

    first = {member: group["members"][0] for group in answer["groups"] for member in group["members"]}
    merged = [(pair["a"], pair["b"]) for group in answer["groups"] for pair in group["pairs"]]
    right = sum(planted.get(a, a) == planted.get(b, b) for a, b in merged)
    missed = [(a, b) for a, b in planted.items() if first.get(a, a) != first.get(b, b)]
    precision, recall = right / len(merged), 1 - len(missed) / len(planted)
    beside = {frozenset((pair["a"], pair["b"])) for pair in answer["proposed"]}
    proposed = sum(frozenset((first.get(a, a), first.get(b, b))) in beside for a, b in missed)
    print(f"precision {precision:.3f}, recall {recall:.3f}, {proposed} of {len(missed)} misses proposed")
    assert 2 * precision * recall / (precision + recall) >= 0.90
    assert proposed >= 0.95 * len(missed)
