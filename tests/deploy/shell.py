"""Run a program and look at what it says."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(
    *command: str, folder: Path = ROOT, environment: dict[str, str] | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, however it ends."""
    return subprocess.run(
        command, cwd=folder, env=environment, input=stdin, capture_output=True, text=True, check=False
    )


def output(*command: str, environment: dict[str, str] | None = None, stdin: str | None = None) -> str:
    """Return what a program printed; where it fails, the test fails with its words."""
    done = run(*command, environment=environment, stdin=stdin)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-3_000:]}"
    return done.stdout
