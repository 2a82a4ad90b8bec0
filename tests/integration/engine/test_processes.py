"""Real processes, `python -m services.<name>`: how they end says what happened, and never 0 on a failure."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from labelwright import topology
from labelwright.contracts.envelope import encode
from labelwright.runtime.embedded import Embedded, free_port
from tests.conftest import SECRET, eventually
from tests.integration.engine.stages import said

pytestmark = [pytest.mark.server]

ROOT = Path(__file__).parents[3]
MOST_WAIT_S = 60.0


class Runs:
    """Processes of services, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def begin(self, name: str, url: str, **environment: str) -> "Run":
        """Start a service's process."""
        settings = {"REDIS_URL": url, "SECRET": SECRET, "PORT": "0", "DATA": str(self._folder), "LOG_FORMAT": "json"}
        log = self._folder / f"{len(self._running)}-{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", f"services.{name}"],
                cwd=ROOT,
                env=os.environ | {f"LABELWRIGHT_{key}": value for key, value in (settings | environment).items()},
                stdout=output,
                stderr=output,
            )
        self._running.append(process)
        return Run(process, log)

    def kill(self) -> None:
        """End who still runs."""
        for process in self._running:
            process.kill()
            process.wait()


@dataclass(frozen=True, slots=True)
class Run:
    """A service's process, and what it says."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def exit_code(self) -> int:
        """Wait for its end."""
        return self.process.wait(MOST_WAIT_S)

    def said(self) -> str:
        """What it said until now."""
        return self.log.read_text(errors="replace")

    def says(self, words: str) -> bool:
        """Whether it says this before the deadline."""
        return eventually(lambda: words in self.said() or self.process.poll() is not None, within_s=MOST_WAIT_S) and (
            words in self.said()
        )

    def terminate(self) -> int:
        """Ask it to end, as Kubernetes does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.exit_code()


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    begun = Runs(tmp_path)
    yield begun
    begun.kill()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Embedded]:
    server = Embedded(tmp_path / "server").start()
    yield server
    server.kill()


def test_a_stage_that_is_asked_to_end_ends_well_and_leaves_its_group(runs: Runs, embedded: Embedded) -> None:
    run = runs.begin("intake", embedded.url)
    with redis.Redis(port=embedded.port) as client:
        assert run.says("process.started"), run.said()
        for number in range(3):
            client.xadd("{p0}:feedback", {"event": encode(said(number))})
        assert eventually(lambda: client.xlen("{p0}:rejected") == 3)  # nobody applied the project

        assert run.terminate() == 0, run.said()

        assert client.xinfo_consumers("{p0}:feedback", "intake") == []
    assert '"exit_code": 0' in run.said()


def test_a_stage_that_can_decide_nothing_opens_its_breaker_and_fails(runs: Runs, embedded: Embedded) -> None:
    with redis.Redis(port=embedded.port) as client:
        client.set("{p0}:rejected", "a foreign hand: no rejection can be written")
        for number in range(150):
            client.xadd("{p0}:feedback", {"event": encode(said(number))})

        run = runs.begin("intake", embedded.url, ATTEMPTS="1")

        assert run.exit_code() == 1, run.said()
        assert client.xlen("{p0}:dead") == 101
        assert client.xlen("{p0}:feedback") == 150
    assert "in a row" in run.said()


def test_a_port_that_is_taken_is_a_failure(runs: Runs, embedded: Embedded) -> None:
    run = runs.begin("intake", embedded.url, PORT=str(embedded.port))

    assert run.exit_code() == 1, run.said()
    assert "is it taken?" in run.said()


def test_wrong_settings_are_told_all_together(runs: Runs, embedded: Embedded) -> None:
    shared = runs.begin("intake", embedded.url, BATCH="0", ATTEMPTS="many")
    own = runs.begin("dispatch", embedded.url, DISPATCH_MOST_WAITERS="-1")

    assert shared.exit_code() == 2, shared.said()
    assert own.exit_code() == 2, own.said()
    assert "LABELWRIGHT_BATCH" in shared.said()
    assert "LABELWRIGHT_ATTEMPTS" in shared.said()
    assert "LABELWRIGHT_DISPATCH_MOST_WAITERS" in own.said()


def test_a_server_that_is_away_or_full_is_waited_for_and_then_told(runs: Runs, embedded: Embedded) -> None:
    with redis.Redis(port=embedded.port) as client:
        client.config_set("maxmemory", "1")

    away = runs.begin("intake", f"redis://127.0.0.1:{free_port()}/0", CONNECT_WITHIN_S="1")
    full = runs.begin("intake", embedded.url, CONNECT_WITHIN_S="1")

    assert away.exit_code() == 3, away.said()
    assert full.exit_code() == 3, full.said()
    assert "the server refuses (connection)" in away.said()
    assert "the server refuses (outofmemory)" in full.said()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--maxmemory-policy", "allkeys-lru"), "maxmemory-policy noeviction"),
        (("--appendonly", "no"), "appendonly yes"),
    ],
)
def test_a_server_that_would_lose_data_is_not_used(
    options: tuple[str, ...], reason: str, runs: Runs, tmp_path: Path
) -> None:
    unfit = Embedded(tmp_path / "unfit", options=options).start()
    try:
        run = runs.begin("intake", unfit.url)

        assert run.exit_code() == 4, run.said()
        assert reason in run.said()
        allowed = runs.begin("intake", unfit.url, ALLOW_UNFIT_SERVER="true")
        assert allowed.says("process.started"), allowed.said()
        assert allowed.terminate() == 0
    finally:
        unfit.kill()


def test_every_service_has_a_process_that_ends_well_when_it_is_asked_to(runs: Runs, embedded: Embedded) -> None:
    begun = [runs.begin(name, embedded.url) for name in (*topology.STAGES, "publish")]

    for run in begun:
        assert run.says("process.started"), run.said()
    for run in begun:
        assert run.terminate() == 0, run.said()
