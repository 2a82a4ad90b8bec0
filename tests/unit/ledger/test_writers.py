"""Two who write one partition corrupt nothing: of a commit's number, one gets it."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.errors import LedgerError
from labelwright.ledger import Ledger, Store
from labelwright.ledger.manifest import Commit
from tests.unit.ledger.entries import contents, event_row


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path / "ledger") if request.param == "folder" else Store("memory://")


def test_the_second_to_commit_is_told_and_goes_on_from_the_watermark(store: Store) -> None:
    first, second = Ledger(store), Ledger(store)
    first.append("p1", 3, {"items": [event_row(3)]})
    second.append("p1", 5, {"items": [event_row(5)]})

    with pytest.raises(LedgerError, match="another publisher has written"):
        first.append("p1", 6, {"items": [event_row(6)]})

    assert first.watermark("p1").cut == 5
    first.append("p1", 7, {"items": [event_row(6)]})
    assert list(second.read("p1", "items")) == [event_row(3), event_row(5), event_row(6)]
    report = second.verify()
    assert report.faults == report.leftovers == ()


def test_the_loser_of_a_race_over_equal_rows_leaves_the_winners_file(store: Store) -> None:
    first, second = Ledger(store), Ledger(store)
    first.append("p1", 3, {})
    second.append("p1", 4, {"items": [event_row(4)]})

    with pytest.raises(LedgerError, match="another publisher"):
        first.append("p1", 4, {"items": [event_row(4)]})

    assert list(first.read("p1", "items")) == [event_row(4)]
    report = first.verify()
    assert report.faults == report.leftovers == ()


class Slow(Store):
    """A store whose next manifest waits until something else has happened."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.reached = threading.Event()
        self.resume = threading.Event()

    def put_new(self, path: str, content: bytes) -> None:
        if path.startswith("manifest/"):
            self.reached.set()
            assert self.resume.wait(30)
        super().put_new(path, content)


def test_a_slow_writer_that_was_taken_over_can_not_commit_what_was_swept_away(tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    faults: list[str] = []

    def append() -> None:
        try:
            Ledger(slow).append("p1", 3, {"items": [event_row(3)]})
        except LedgerError as error:
            faults.append(str(error))

    thread = threading.Thread(target=append)
    thread.start()
    assert slow.reached.wait(30)
    other = Ledger(Store(tmp_path))
    other.append("p1", 4, {"items": [event_row(2), event_row(4)]})
    slow.resume.set()
    thread.join()

    assert len(faults) == 1
    assert list(other.read("p1", "items")) == [event_row(2), event_row(4)]
    assert other.verify().faults == ()
    assert len(contents(tmp_path / "data")) == 1


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_of_many_at_once_each_millisecond_is_committed_by_one(kind: str, tmp_path: Path) -> None:
    store = Store(tmp_path) if kind == "folder" else Store("memory://")
    won: list[Commit] = []
    together = threading.Barrier(3)

    def publish() -> None:
        ledger = Ledger(store)
        together.wait()
        for _ in range(400):
            try:
                cut = ledger.watermark("p1").cut + 1
                if cut > 12:
                    return
                won.append(ledger.append("p1", cut, {"items": [event_row(cut)]}))
            except LedgerError:
                continue

    threads = [threading.Thread(target=publish) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ledger = Ledger(store)
    assert list(ledger.read("p1", "items")) == [event_row(millisecond) for millisecond in range(1, 13)]
    assert sorted(commit.cut for commit in won) == list(range(1, 13))
    assert ledger.verify().faults == ()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), max_size=12))
def test_however_writers_take_turns_there_is_no_gap_and_no_double(turns: list[tuple[int, int]]) -> None:
    store = Store("memory://")
    writers = [Ledger(store) for _ in range(3)]
    kept = []
    for writer, rows in turns:
        begin = writers[writer].watermark("p1").cut
        new = [event_row(begin + step) for step in range(1, rows + 1)]
        try:
            writers[writer].append("p1", begin + rows, {"items": new})
        except LedgerError:  # another committed since this one did; its next turn begins from the watermark
            continue
        kept += new

    ledger = Ledger(store)
    assert list(ledger.read("p1", "items")) == kept
    assert [row.entry_id for row in kept] == [f"{number}-0" for number in range(1, len(kept) + 1)]
    report = ledger.verify()
    assert report.faults == report.leftovers == ()
