"""What is appended is read back, whole and in order, from wherever a reader left off."""

from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.errors import LedgerError
from labelwright.ledger import Ledger, Row, Store
from labelwright.ledger.files import order
from tests.unit.ledger.entries import change_row, contents, event_row


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path / "ledger") if request.param == "folder" else Store("memory://")


def test_a_ledger_that_nobody_wrote_is_empty_and_sound(store: Store) -> None:
    ledger = Ledger(store)

    assert ledger.partitions() == []
    assert ledger.streams("p1") == []
    assert list(ledger.read("p1", "items")) == []
    assert ledger.watermark("p1").cut == 0
    assert ledger.watermark("p1").last_ids == {}
    assert ledger.verify().faults == ()


def test_a_file_that_is_not_the_ledgers_is_left_alone(store: Store) -> None:
    store.put_new("data/p1/notes.txt", b"mine")

    Ledger(store).append("p1", 5, {"items": [event_row(5)]})

    assert store.get("data/p1/notes.txt") == b"mine"
    assert Ledger(store).verify().leftovers == ("data/p1/notes.txt",)


def test_every_stream_of_every_partition_is_read_back(store: Store) -> None:
    ledger = Ledger(store)
    ledger.append("p1", 5, {"items": [event_row(1), event_row(5)], "changes": [change_row(2)], "tasks": []})
    ledger.append("p2", 9, {"items": [event_row(9)]})
    ledger.append("p1", 8, {"items": [event_row(5, 1)], "changes": [change_row(8)]})

    reader = Ledger(store)

    assert reader.partitions() == ["p1", "p2"]
    assert {partition: reader.streams(partition) for partition in reader.partitions()} == {
        "p1": ["changes", "items"],
        "p2": ["items"],
    }
    assert list(reader.read("p1", "items")) == [event_row(1), event_row(5), event_row(5, 1)]
    assert list(reader.read("p1", "changes")) == [change_row(2), change_row(8)]
    assert list(reader.read("p2", "items")) == [event_row(9)]
    assert list(reader.read("p1", "labels")) == []
    report = reader.verify()
    assert (report.commits, report.files, report.rows) == (3, 5, 6)
    assert (report.leftovers, report.faults) == ((), ())


def test_the_watermark_says_how_far_the_ledger_has_everything(store: Store) -> None:
    ledger = Ledger(store)
    ledger.append("p1", 5, {"items": [event_row(1), event_row(4)], "tasks": [event_row(2)]})
    ledger.append("p1", 7, {})
    ledger.append("p1", 7, {"items": [event_row(7)]}, epoch=2)

    head = Ledger(store).watermark("p1")

    assert (head.number, head.cut, head.epoch) == (3, 7, 2)
    assert head.last_ids == {"items": "7-0", "tasks": "2-0"}
    assert {stream: reached.rows for stream, reached in head.heads.items()} == {"items": 3, "tasks": 1}


@pytest.mark.parametrize(
    ("cut", "rows"),
    [
        (9, [event_row(5)]),  # is there already
        (9, [event_row(3)]),  # lies before what is there
        (9, [event_row(10)]),  # lies behind the cut
        (9, [event_row(8), event_row(7)]),  # falls
        (9, [event_row(8), event_row(8)]),  # stands still
        (9, [Row("8", b"{}")]),
        (4, []),  # goes back
    ],
)
def test_what_would_make_a_gap_or_a_double_is_refused_and_changes_nothing(
    store: Store, cut: int, rows: list[Row]
) -> None:
    ledger = Ledger(store)
    ledger.append("p1", 5, {"items": [event_row(5)]})

    with pytest.raises(LedgerError):
        ledger.append("p1", cut, {"items": rows})

    assert list(ledger.read("p1", "items")) == [event_row(5)]
    ledger.append("p1", 9, {"items": [event_row(9)]})
    assert list(ledger.read("p1", "items")) == [event_row(5), event_row(9)]
    assert ledger.verify().faults == ledger.verify().leftovers == ()


def test_an_epoch_never_goes_back(store: Store) -> None:
    ledger = Ledger(store)
    ledger.append("p1", 5, {}, epoch=1)

    with pytest.raises(LedgerError, match="cut 6 of epoch 0 lies before cut 5 of epoch 1"):
        ledger.append("p1", 6, {}, epoch=0)


@pytest.mark.parametrize("name", ["", "P1", "../p1", "a/b", "a" * 65, "-a", "p1\n"])
def test_a_name_that_is_no_folders_is_refused(store: Store, name: str) -> None:
    with pytest.raises(LedgerError, match="can't name a partition or stream"):
        Ledger(store).append(name, 5, {})
    with pytest.raises(LedgerError, match="can't name a partition or stream"):
        Ledger(store).append("p1", 5, {name: [event_row(1)]})


def test_equal_appends_make_equal_files_whoever_writes_them(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        ledger = Ledger(Store(tmp_path / folder))
        ledger.append("p1", 5, {"items": [event_row(1), event_row(5)], "changes": [change_row(2)]})
        ledger.append("p1", 9, {"items": [event_row(9)]})

    assert contents(tmp_path / "a" / "data") == contents(tmp_path / "b" / "data")
    assert len(contents(tmp_path / "a" / "data")) == 3


def test_sql_reads_a_stream_as_it_lies_there(tmp_path: Path) -> None:
    ledger = Ledger(Store(tmp_path))
    ledger.append("p1", 5, {"items": [event_row(1), event_row(5, project="bank")]})
    ledger.append("p1", 9, {"items": [event_row(9)]})

    found = duckdb.execute(
        f"select project, count(*), max(event ->> '$.id') from read_parquet('{tmp_path}/data/*/items/*.parquet')"  # noqa: S608
        " group by project order by project"
    ).fetchall()

    assert found == [("bank", 1, "e5"), ("shop", 2, "e9")]


ids = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), unique=True, max_size=25).map(sorted)


@given(ids.filter(lambda found: (0, 0) not in found), st.data())
def test_reading_after_an_id_gives_exactly_what_is_behind_it(
    entries: list[tuple[int, int]], data: st.DataObject
) -> None:
    rows = [event_row(*entry) for entry in entries]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    ledger = Ledger(Store("memory://"))
    for begin, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        ledger.append("p1", 30, {"items": rows[begin:end]})
    after = data.draw(st.tuples(st.integers(0, 31), st.integers(0, 3)))

    found = list(Ledger(ledger._store).read("p1", "items", f"{after[0]}-{after[1]}"))

    assert found == [row for row in rows if order(row.entry_id) > after]
    assert ledger.watermark("p1").last_ids.get("items", "0-0") == (rows[-1].entry_id if rows else "0-0")
