"""Workers killed and frozen and the server killed, under load; and that a release without its protections is seen."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.mutants import MUTANTS

pytestmark = [pytest.mark.chaos, pytest.mark.server, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]


def _chaos(**sizes: int | str) -> dict[str, Any]:
    """Run it in a process that has no thread, since it forks; its figures name the seed and the commit."""
    arguments = [text for name, size in sizes.items() for text in (f"--{name.replace('_', '-')}", str(size))]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *arguments, "--json"],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    sys.stderr.write(ended.stderr)
    assert ended.stdout, ended.stderr
    figures: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return figures | {"exit_code": ended.returncode}


def test_nothing_is_lost_and_nothing_is_done_twice() -> None:
    figures = _chaos(kills=25, freezes=10, server_kills=3, events=5_000, seed=1)

    expected = {"worker_kills": 25, "freezes": 10, "server_kills": 3, "events": 5_000, "exit_code": 0}
    expected |= {"lost": 0, "doubled": 0, "rejected": 0, "dead": 0}
    assert figures == figures | expected | {"faults": []}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_release_is_seen_that_has(mutant: str) -> None:
    figures = _chaos(mutant=mutant, kills=10, freezes=10, server_kills=0, events=2_000, seed=1)

    assert figures["lost"] + figures["doubled"] > 0, figures
    assert figures["exit_code"] == 1
