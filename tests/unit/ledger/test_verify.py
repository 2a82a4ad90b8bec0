"""No byte of the ledger changes unseen."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.errors import LedgerError
from labelwright.ledger import Ledger, Row, Store
from labelwright.ledger.files import tabulate, write
from labelwright.ledger.manifest import Commit, File, file_path
from tests.unit.ledger.entries import change_row, contents, event_row


def _write_ledger(folder: Path) -> None:
    ledger = Ledger(Store(folder))
    ledger.append("p1", 5, {"items": [event_row(1), event_row(5)], "changes": [change_row(2)]})
    ledger.append("p1", 6, {})
    ledger.append("p1", 9, {"items": [event_row(7)], "changes": [change_row(9)]})


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    _write_ledger(folder)
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return copytree(sound, tmp_path / "copy")


def _faults(folder: Path) -> tuple[str, ...]:
    return Ledger(Store(folder)).verify().faults


def _names_the_file(faults: tuple[str, ...], path: str) -> bool:
    return any(fault.startswith(path) for fault in faults)


@given(st.data())
def test_a_flipped_bit_is_always_found_and_its_file_named(sound: Path, data: st.DataObject) -> None:
    path, content = data.draw(st.sampled_from(sorted(contents(sound).items())))
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8

    (sound / path).write_bytes(flipped)
    found = _faults(sound)
    (sound / path).write_bytes(content)

    assert _names_the_file(found, path)
    assert _faults(sound) == ()


@given(st.data())
def test_a_truncated_file_is_always_found_and_named(sound: Path, data: st.DataObject) -> None:
    path, content = data.draw(st.sampled_from(sorted(contents(sound).items())))
    length = data.draw(st.integers(0, len(content) - 1))

    (sound / path).write_bytes(content[:length])
    found = _faults(sound)
    (sound / path).write_bytes(content)

    assert _names_the_file(found, path)
    assert _faults(sound) == ()


def test_a_missing_file_is_named(folder: Path) -> None:
    for path in (*(folder / "data").rglob("*.parquet"), folder / "manifest/p1/000000000002.json"):
        content = path.read_bytes()
        path.unlink()

        assert _names_the_file(_faults(folder), path.relative_to(folder).as_posix())
        path.write_bytes(content)


def test_two_files_that_change_places_are_found(folder: Path) -> None:
    first, second = sorted((folder / "data/p1/items").iterdir())
    swapped = first.read_bytes(), second.read_bytes()
    second.write_bytes(swapped[0])
    first.write_bytes(swapped[1])

    assert len(_faults(folder)) == 2


def test_a_stray_file_is_a_leftover_and_no_fault(folder: Path) -> None:
    stray = folder / "data/p1/items/notes.txt"
    stray.write_bytes(b"hello")

    report = Ledger(Store(folder)).verify()

    assert report.leftovers == ("data/p1/items/notes.txt",)
    assert report.faults == ()
    Ledger(Store(folder)).append("p1", 10, {})
    assert stray.exists()


def _forge(folder: Path, number: int, change: Callable[[Commit], Commit]) -> None:
    """Rewrite a manifest as the ledger itself would write it, its own hash included."""
    path = folder / f"manifest/p1/{number:012d}.json"
    name = path.relative_to(folder).as_posix()
    path.write_bytes(change(Commit.parse(name, path.read_bytes())).to_bytes())


def test_a_manifest_forged_with_its_hash_betrays_itself_by_the_next(folder: Path) -> None:
    _forge(folder, 2, lambda commit: commit.model_copy(update={"writer": "somebody else"}))

    assert _faults(folder) == ("manifest/p1/000000000003.json doesn't carry the hash of the manifest before it",)
    with pytest.raises(LedgerError, match=r"000000000003\.json doesn't carry the hash"):
        list(Ledger(Store(folder)).read("p1", "items"))


def test_a_last_manifest_that_forgets_a_file_betrays_itself_by_its_heads(folder: Path) -> None:
    _forge(folder, 3, lambda commit: commit.model_copy(update={"files": {"changes": commit.files["changes"]}}))

    assert _faults(folder) == ("manifest/p1/000000000003.json has heads that don't follow from its files",)
    with pytest.raises(LedgerError, match="heads that don't follow"):
        list(Ledger(Store(folder)).read("p1", "items"))


def test_a_manifest_that_goes_back_is_a_fault(folder: Path) -> None:
    _forge(folder, 3, lambda commit: commit.model_copy(update={"cut": 4}))

    assert _faults(folder) == ("manifest/p1/000000000003.json goes back: cut 6 to 4, epoch 0 to 0",)


def _commit_2(folder: Path) -> Commit:
    path = "manifest/p1/000000000002.json"
    return Commit.parse(path, (folder / path).read_bytes())


def _put_in_place(folder: Path, rows: list[Row], change: Callable[[pa.Table], pa.Table] = lambda table: table) -> str:
    """Put another last file of `items`, and forge names, hashes and heads so that all of them fit it."""
    before = _commit_2(folder)
    next((folder / "data/p1/items").glob("000000000003_*")).unlink()
    table = change(tabulate("items", rows, bytes.fromhex(before.head("items").chain)))
    path = file_path("p1", "items", 3, rows[0].entry_id, rows[-1].entry_id)
    (folder / path).write_bytes(write(table))
    file = File.describe(path, write(table), table)
    _forge(
        folder,
        3,
        lambda commit: before.next(cut=9, epoch=0, writer=commit.writer, files={**commit.files, "items": file}),
    )
    return path


def _rechained(table: pa.Table) -> pa.Table:
    chain = tabulate("items", [Row("7-0", b"forged")], bytes(32))["chain"]
    return table.set_column(table.schema.get_field_index("chain"), table.schema.field("chain"), chain)


@pytest.mark.parametrize(
    ("rows", "change", "told"),
    [
        ([event_row(7)], _rechained, "column 'chain' of entry '7-0' doesn't follow from its body and the rows before"),
        (
            [event_row(7)],
            lambda table: table.set_column(4, table.schema.field(4), pa.array(["bank"])),
            "column 'project' of entry '7-0' doesn't follow from its body",
        ),
        (
            [event_row(7)],
            lambda table: table.append_column("note", pa.array(["x"])),
            "other names or types than a file",
        ),
        ([event_row(8), event_row(7)], lambda table: table, "entry '7-0' stands behind '8-0'"),
    ],
)
def test_a_forged_file_is_found_by_its_rows_when_every_manifest_fits(
    folder: Path, rows: list[Row], change: Callable[[pa.Table], pa.Table], told: str
) -> None:
    path = _put_in_place(folder, rows, change)

    (fault,) = _faults(folder)
    assert fault.startswith(path)
    assert told in fault


def test_a_row_that_is_there_twice_is_found(folder: Path) -> None:
    _put_in_place(folder, [event_row(5), event_row(7)])

    assert _faults(folder) == ("manifest/p1/000000000003.json lets stream 'items' go back from '5-0' to '5-0'",)


def test_a_manifest_that_miscounts_its_rows_is_found(folder: Path) -> None:
    def miscount(commit: Commit) -> Commit:
        items = commit.files["items"].model_copy(update={"rows": 2})
        return _commit_2(folder).next(cut=9, epoch=0, writer="", files={**commit.files, "items": items})

    _forge(folder, 3, miscount)

    (fault,) = _faults(folder)
    assert fault.startswith("data/p1/items/000000000003_7-0_7-0.parquet holds other rows than its manifest says")


def test_a_manifest_that_names_a_file_elsewhere_is_no_manifest(folder: Path) -> None:
    def elsewhere(commit: Commit) -> Commit:
        items = commit.files["items"].model_copy(update={"path": "../secrets.parquet"})
        return commit.model_copy(update={"files": {**commit.files, "items": items}})

    _forge(folder, 3, elsewhere)

    assert _names_the_file(_faults(folder), "manifest/p1/000000000003.json isn't a manifest")


def test_a_reader_stops_before_the_first_row_of_a_damaged_file(folder: Path) -> None:
    last = max((folder / "data/p1/items").iterdir())
    last.write_bytes(last.read_bytes()[:-1])
    rows = Ledger(Store(folder)).read("p1", "items")

    assert [next(rows), next(rows)] == [event_row(1), event_row(5)]
    with pytest.raises(LedgerError, match=f"{last.name} has other bytes"):
        next(rows)
    assert list(Ledger(Store(folder)).read("p1", "changes")) == [change_row(2), change_row(9)]
