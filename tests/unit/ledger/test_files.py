"""A file is a pure function of its stream, its rows and the chain so far, and gives back what went in."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.errors import LedgerError
from labelwright.ledger import files
from labelwright.ledger.files import GENESIS, Row
from tests.unit.ledger.entries import change_row, event_row

bodies = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40).map(str.encode),
    st.sampled_from([b"{}", b'{"id":"a","project":7}', b'{"id":"\\u0000"}', b'{"id":"\\ud800"}', b"[1]", b"null", b""]),
)
rows_of_a_stream = st.lists(bodies, max_size=20).map(
    lambda found: [Row(f"{place}-0", body) for place, body in enumerate(found, 1)]
)


def test_each_row_has_its_attributes_its_hash_and_the_chain() -> None:
    row = event_row(7)

    table = files.tabulate("items", [row], GENESIS)

    digest = hashlib.sha256(row.body).digest()
    assert table.to_pylist() == [
        {
            "entry_id": "7-0",
            "id": "e7",
            "source": "/app",
            "type": "t",
            "project": "shop",
            "subject": None,
            "time": None,
            "correlationid": None,
            "event": row.body.decode(),
            "raw": None,
            "sha256": digest,
            "chain": hashlib.sha256(GENESIS + digest + b"7-0").digest(),
        }
    ]


@pytest.mark.parametrize(
    ("body", "id_", "subject"),
    [
        (b'{"id": "a", "subject": "b"}', "a", "b"),
        (b'{"id": 7, "subject": "b"}', None, "b"),
        (b'{"id": null, "subject": ["b"]}', None, None),
        (b'{"data": {"id": "inner"}, "subject": ""}', None, ""),
        (b'{"id": "first", "id": "last"}', "last", None),
        (b'{"\\u0069d": "\\u0000\\ud83d\\ude00"}', "\0\N{GRINNING FACE}", None),
        (b'{"id": "a", "subject": "\\ud800"}', None, None),  # no JSON in UTF-8: it has half a character
        (b'{"id": "a"', None, None),
        (b'["id", "subject"]', None, None),
    ],
)
def test_an_attribute_is_null_where_the_body_has_no_such_text(
    body: bytes, id_: str | None, subject: str | None
) -> None:
    table = files.tabulate("items", [Row("1-0", body)], GENESIS)

    assert (table["id"].to_pylist(), table["subject"].to_pylist()) == ([id_], [subject])


def test_what_is_no_event_is_kept_byte_for_byte() -> None:
    garbage = Row("1-0", b"\xff\x00{")

    table = files.tabulate("items", [garbage], GENESIS)

    assert table["event"].to_pylist() == [None]
    assert table["raw"].to_pylist() == [garbage.body]
    assert list(files.rows_of(table)) == [garbage]


def test_changes_are_opaque_bytes() -> None:
    table = files.tabulate("changes", [change_row(1)], GENESIS)

    assert table["event"].to_pylist() == [change_row(1).body]
    assert table["id"].to_pylist() == [None]


@pytest.mark.parametrize("entry_id", ["", "7", "7-", "-0", "07-0", "7-00", "7-0 ", "７-0", "7-0\n", "1" * 21 + "-0"])
def test_an_id_that_no_server_minted_is_refused(entry_id: str) -> None:
    with pytest.raises(LedgerError, match="isn't of the form"):
        files.order(entry_id)


@given(st.sampled_from(["items", "changes"]), rows_of_a_stream, st.binary(min_size=32, max_size=32))
def test_a_file_follows_from_its_rows_and_gives_them_back(stream: str, rows: list[Row], chain: bytes) -> None:
    content = files.write(files.tabulate(stream, rows, chain))

    assert files.write(files.tabulate(stream, rows, chain)) == content
    assert list(files.rows_of(files.read(content))) == rows
    assert list(files.faults(stream, files.read(content), chain)) == []


@given(st.sampled_from(["items", "changes"]), rows_of_a_stream, st.data())
def test_a_chain_in_two_files_is_the_chain_of_one(stream: str, rows: list[Row], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows)))
    whole = files.tabulate(stream, rows, GENESIS)

    head = files.tabulate(stream, rows[:place], GENESIS)
    chain = head["chain"][place - 1].as_py() if place else GENESIS
    tail = files.tabulate(stream, rows[place:], chain)

    assert head["chain"].to_pylist() + tail["chain"].to_pylist() == whole["chain"].to_pylist()


@given(rows_of_a_stream.filter(bool), st.data())
def test_another_body_anywhere_is_another_chain_from_there_on(rows: list[Row], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    forged = [*rows[:place], Row(rows[place].entry_id, rows[place].body + b"!"), *rows[place + 1 :]]

    true = files.tabulate("items", rows, GENESIS)["chain"].to_pylist()
    false = files.tabulate("items", forged, GENESIS)["chain"].to_pylist()

    assert false[:place] == true[:place]
    assert all(a != b for a, b in zip(false[place:], true[place:], strict=True))
