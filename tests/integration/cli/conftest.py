"""The whole system as `labelwright up` runs it, in a process of its own, and commands against it."""

import json
import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[3]
PORTS = {f"LABELWRIGHT_{name}": "0" for name in ("PORT", "GATEWAY_PORT", "DESK_PORT")}


class Ran(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    said: str

    @property
    def last(self) -> Any:
        """What the last line says in JSON."""
        return json.loads(self.out.splitlines()[-1])


class System:
    """A running system; `command` runs one of ours against it."""

    def __init__(self, folder: Path, urls: dict[str, str]) -> None:
        self.folder = folder
        self.urls = urls

    def command(self, *arguments: str, typed: str = "", **environment: str) -> Ran:
        """Run a command to its end."""
        return command(self.folder, *arguments, typed=typed, environment=environment)

    def key(self, project: str, *roles: str, **options: str) -> str:
        """Make an API key."""
        flags = [flag for role in roles for flag in ("--role", role)]
        flags += [flag for name, value in options.items() for flag in (f"--{name}", value)]
        made: str = self.command("keys", "new", project, *flags, "--json").last["key"]
        return made


def command(
    folder: Path,
    *arguments: str,
    typed: str = "",
    within_s: float = 60,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Ran:
    """Run a command in a folder, with an environment that has nothing of ours but what is given."""
    ended = subprocess.run(
        [sys.executable, "-m", "labelwright.cli", *arguments],
        cwd=folder, env=without_settings() | dict(environment), input=typed, capture_output=True, text=True,
        timeout=within_s, check=False,
    )  # fmt: skip
    return Ran(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """`labelwright up` over the embedded server, with the example's project applied."""
    folder = tmp_path_factory.mktemp("system")
    with up(folder) as running:
        applied = running.command("project", "apply", str(ROOT / "examples/support.yaml"), "--json")
        assert applied.last["new"], applied.said
        yield running


class up:  # noqa: N801  # it reads as the command that it runs
    """`labelwright up` in a folder, for as long as the block lasts; it must end with exit code 0."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self._folder = folder
        self._said: deque[str] = deque(maxlen=50)
        self._listener = Thread(target=self._listen, daemon=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "labelwright.cli", "up", *arguments],
            cwd=folder, env=without_settings() | PORTS | environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> System:
        for line in self._process.stderr or ():
            self._said.append(line)
            if line.startswith("Ctrl-C stops"):
                found = re.findall(r"^(\w+) +(http://[\d.:]+)", "".join(self._said), re.MULTILINE)
                self._listener.start()
                return System(self._folder, {name.lower(): url for name, url in found})
        raise AssertionError(f"the system did not start: {''.join(self._said)}")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        self._listener.join(timeout=10)
        assert self._process.returncode == 0, "".join(self._said)

    def _listen(self) -> None:
        """Read what it logs, for it stands still once nobody does and the pipe is full."""
        if self._process.stderr:
            with self._process.stderr as lines:
                self._said.extend(lines)


def without_settings() -> dict[str, str]:
    """Return this process's environment without anything of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LABELWRIGHT_")}
