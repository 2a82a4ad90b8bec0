"""`labelwright themes FILE`: themes and what is similar, of a file, without any server."""

import json
import subprocess
import sys
from pathlib import Path

TEXTS = [f"My card was declined at the {place}" for place in ("shop", "hotel", "museum", "bakery", "kiosk")]


def _themes(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "labelwright.cli", "themes", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_file_is_grouped_and_its_ids_are_its_own(tmp_path: Path) -> None:
    file = tmp_path / "feedback.jsonl"
    rows = [{"id": f"f{number}", "said": text} for number, text in enumerate([*TEXTS, "Thanks"])]
    file.write_text("\n".join(map(json.dumps, rows)))

    told = json.loads(_themes(str(file), "--field", "said", "--json").stdout)

    (theme,) = told["themes"]
    assert theme["members"] == ["f0", "f1", "f2", "f3", "f4"]
    assert "card" in theme["name"].casefold()
    assert {row["id"] for row in told["similar"][0]["similar"]} >= {"f1", "f2", "f3", "f4"}


def test_a_file_without_the_field_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "feedback.jsonl"
    file.write_text('{"comment": "hm"}\n')

    refused = _themes(str(file))

    assert refused.returncode == 2
    assert "has no text in 'text'" in refused.stderr
