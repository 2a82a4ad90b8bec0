"""Feedback survives os.fork: the child starts afresh, the parent goes on, nothing is sent twice."""

import subprocess
import sys
from pathlib import Path

from tests.unit.sdk.loopback import LoopbackGateway

FORK = """
import os, sys, labelwright
SCREEN = {"type": "screen", "id": "home"}
labelwright.init(sys.argv[1], spool=sys.argv[2] or None, limits=labelwright.Limits(linger_s=float(sys.argv[3])))
labelwright.thumb(True, subject=SCREEN, comment="parent before")
if sys.argv[4] == "flushed":
    assert labelwright.flush(20)
pid = os.fork()
if pid == 0:
    assert labelwright.stats()["waiting"] == 0
    labelwright.thumb(True, subject=SCREEN, comment="child")
    os._exit(0 if labelwright.flush(20) else 1)
labelwright.thumb(True, subject=SCREEN, comment="parent after")
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert labelwright.flush(20)
"""


def _fork(gateway: LoopbackGateway, spool: str, linger_s: float, when: str) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", FORK, gateway.dsn, spool, str(linger_s), when],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.stderr == ""
    assert run.returncode == 0
    return sorted(event["comment"] for event in gateway.events)


def test_parent_and_child_both_deliver_after_a_fork_with_a_live_connection(gateway: LoopbackGateway) -> None:
    assert _fork(gateway, "", 0, "flushed") == ["child", "parent after", "parent before"]


def test_a_child_does_not_send_what_waits_in_its_parent(gateway: LoopbackGateway) -> None:
    assert _fork(gateway, "", 30, "waiting") == ["child", "parent after", "parent before"]


def test_parent_and_child_share_a_spool_folder(gateway: LoopbackGateway, tmp_path: Path) -> None:
    (tmp_path / "1-dead.jsonl").write_bytes(b'{"id":"left","comment":"left"}\n')

    assert _fork(gateway, str(tmp_path), 0, "flushed") == ["child", "left", "parent after", "parent before"]


def test_what_was_closed_stays_closed_in_a_child_and_blocks_nothing(gateway: LoopbackGateway) -> None:
    script = """
import os, sys, threading, labelwright
SCREEN = {"type": "screen", "id": "home"}
labelwright.init(sys.argv[1])
labelwright.close()
def publish():
    while True:
        labelwright.thumb(True, subject=SCREEN)
for _ in range(3):
    threading.Thread(target=publish, daemon=True).start()
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        labelwright.thumb(True, subject=SCREEN)
        os._exit(0 if labelwright.stats()["lost"] == {"closed": 1} else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""
    run = subprocess.run(
        [sys.executable, "-c", script, gateway.dsn], capture_output=True, text=True, timeout=100, check=False
    )

    assert run.returncode == 0, run.stderr
    assert gateway.events == []


def test_a_fork_amid_publishing_threads_does_not_deadlock_the_child(gateway: LoopbackGateway) -> None:
    script = """
import os, sys, threading, labelwright
SCREEN = {"type": "screen", "id": "home"}
labelwright.init(sys.argv[1], limits=labelwright.Limits(linger_s=0.01, most_events=50))
done = threading.Event()
def publish():
    while not done.is_set():
        labelwright.thumb(True, subject=SCREEN, comment="parent")
for _ in range(3):
    threading.Thread(target=publish, daemon=True).start()
for _ in range(5):
    pid = os.fork()
    if pid == 0:
        labelwright.thumb(True, subject=SCREEN, comment="child")
        os._exit(0 if labelwright.flush(20) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
done.set()
"""
    run = subprocess.run(
        [sys.executable, "-c", script, gateway.dsn], capture_output=True, text=True, timeout=110, check=False
    )

    assert run.returncode == 0, run.stderr
    assert sum(event["comment"] == "child" for event in gateway.events) == 5
