"""A publisher that is killed at any moment leaves a ledger that is sound and goes on without a gap or a double."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labelwright.ledger import Ledger, Store
from tests.unit.ledger.entries import change_row, event_row

PUBLISH = """
import os, signal, sys
from labelwright.ledger import Ledger, Store
from tests.unit.ledger.entries import change_row, event_row

folder, moment, commits = sys.argv[1], sys.argv[2], int(sys.argv[3])
link, done = os.link, 0

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def watched_link(part, target):
    is_manifest = "/manifest/" in str(target)
    if done == commits and moment == ("the manifest is half written" if is_manifest else "a file is half written"):
        die()
    link(part, target)
    if done == commits and moment == ("the manifest is there" if is_manifest else "the first of two files is there"):
        die()

class Watched(Store):
    def put_new(self, path, content):
        if done == commits and moment == "the files are there" and path.startswith("manifest/"):
            die()
        super().put_new(path, content)

os.link = watched_link
ledger = Ledger(Watched(folder))
while True:
    cut = ledger.watermark("p1").cut + 2
    ledger.append("p1", cut, {"items": [event_row(cut - 1), event_row(cut)], "changes": [change_row(cut)]})
    done += 1
    print(cut, flush=True)
"""


def _publisher(folder: Path, moment: str, commits: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PUBLISH, str(folder), moment, str(commits)], stdout=subprocess.PIPE, text=True
    )


def _go_on_to(folder: Path, end: int) -> None:
    ledger = Ledger(Store(folder))
    begin = ledger.watermark("p1").cut
    assert begin < end
    items = [event_row(millisecond) for millisecond in range(begin + 1, end + 1)]
    changes = [change_row(millisecond) for millisecond in range(begin + 2, end + 1, 2)]
    ledger.append("p1", end, {"items": items, "changes": changes})


def _assert_whole_up_to(folder: Path, end: int) -> None:
    ledger = Ledger(Store(folder))
    assert list(ledger.read("p1", "items")) == [event_row(millisecond) for millisecond in range(1, end + 1)]
    assert list(ledger.read("p1", "changes")) == [change_row(millisecond) for millisecond in range(2, end + 1, 2)]
    report = ledger.verify()
    assert report.faults == report.leftovers == ()


@pytest.mark.parametrize("commits", [0, 2])
@pytest.mark.parametrize(
    ("moment", "committed"),
    [
        ("a file is half written", 0),
        ("the first of two files is there", 0),
        ("the files are there", 0),
        ("the manifest is half written", 0),
        ("the manifest is there", 1),
    ],
)
def test_killed_when(moment: str, committed: int, commits: int, tmp_path: Path) -> None:
    publisher = _publisher(tmp_path, moment, commits)
    publisher.communicate(timeout=60)
    assert publisher.returncode == -signal.SIGKILL

    report = Ledger(Store(tmp_path)).verify()
    assert report.faults == ()
    assert report.leftovers
    assert Ledger(Store(tmp_path)).watermark("p1").cut == 2 * (commits + committed)

    _go_on_to(tmp_path, 20)
    _assert_whole_up_to(tmp_path, 20)


def test_killed_again_and_again_at_any_moment(tmp_path: Path) -> None:
    for lines in (1, 2, 5, 9):
        publisher = _publisher(tmp_path, "never", -1)
        assert publisher.stdout is not None
        told = [int(publisher.stdout.readline()) for _ in range(lines)][-1]
        publisher.kill()
        publisher.communicate(timeout=60)

        ledger = Ledger(Store(tmp_path))
        assert ledger.watermark("p1").cut >= told
        assert ledger.verify().faults == ()

    end = Ledger(Store(tmp_path)).watermark("p1").cut + 4
    _go_on_to(tmp_path, end)
    _assert_whole_up_to(tmp_path, end)
