"""One file of the ledger: rows of a stream as Parquet, a pure function of the stream, the rows and the chain so far."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import SchemaValidator, core_schema

from labelwright.errors import LedgerError

GENESIS = bytes(32)
"""The chain of a stream that has no row yet."""

OPAQUE = frozenset({"changes"})
"""Streams whose bodies aren't events: msgpack of a stage's writes, kept as they are."""

ATTRIBUTES = ("id", "source", "type", "project", "subject", "time", "correlationid")
"""The CloudEvents attributes that get a column of their own."""

ENTRY_ID = r"^(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})$"
_ENTRY_ID = re.compile(ENTRY_ID)

_ENVELOPE = pa.struct({name: pa.string() for name in ATTRIBUTES})
_IF_TEXT = core_schema.with_default_schema(core_schema.str_schema(strict=True), on_error="omit")
_ENVELOPES = SchemaValidator(  # reads JSON without making objects of an event's data: twice as fast as from_json
    core_schema.typed_dict_schema({name: core_schema.typed_dict_field(_IF_TEXT, required=False) for name in ATTRIBUTES})
)


class Row(NamedTuple):
    """An entry of a stream: its id as the server minted it (`<ms>-<seq>`), and the bytes of its one field."""

    entry_id: str
    body: bytes


def order(entry_id: str) -> tuple[int, int]:
    """Return an entry id as numbers that compare as the server compares them. Raises LedgerError."""
    match = _ENTRY_ID.fullmatch(entry_id)
    if match is None:
        raise LedgerError(f"entry id {entry_id!r} isn't of the form '<ms>-<seq>'; pass ids as the server minted them")
    return int(match[1]), int(match[2])


def link(chain: bytes, digest: bytes, entry_id: str) -> bytes:
    """Return the chain's next value: SHA-256 of the last one, the SHA-256 of the row's body, and its id."""
    return hashlib.sha256(chain + digest + entry_id.encode()).digest()


def tabulate(stream: str, rows: Sequence[Row], chain: bytes) -> pa.Table:
    """Return the rows as a table, chained on from `chain`.

    `event` is the body as text, so that SQL can read it; as bytes where the stream is opaque. A body that isn't UTF-8
    (anyone may XADD anything) stands in `raw` instead. An attribute is null where the body has no such text.
    """
    digests = [hashlib.sha256(row.body).digest() for row in rows]
    chains = []
    for row, digest in zip(rows, digests, strict=True):
        chain = link(chain, digest, row.entry_id)
        chains.append(chain)
    envelopes = [{} if stream in OPAQUE else _envelope(row.body) for row in rows]
    events = [row.body if stream in OPAQUE else _text(row.body) for row in rows]
    columns = {
        "entry_id": [row.entry_id for row in rows],
        **dict(zip(ATTRIBUTES, pa.array(envelopes, _ENVELOPE).flatten(), strict=True)),
        "event": events,
        "raw": [row.body if event is None else None for row, event in zip(rows, events, strict=True)],
        "sha256": digests,
        "chain": chains,
    }
    return pa.table(columns, schema=_schema(stream))


def write(table: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file; equal tables give equal bytes under one version of pyarrow."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=["source", "type", "project"],
        row_group_size=65_536,
        store_schema=False,
    )
    return bytes(sink.getvalue())


def read(content: bytes) -> pa.Table:
    """Return the table of a Parquet file's bytes."""
    return pq.read_table(pa.BufferReader(content))


def rows_of(table: pa.Table) -> Iterator[Row]:
    """Yield the rows that a table was made of."""
    for batch in table.select(["entry_id", "event", "raw"]).to_batches():
        for entry_id, event, raw in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if event is None:
                yield Row(entry_id, raw or b"")
            else:
                yield Row(entry_id, event.encode() if isinstance(event, str) else event)


def faults(stream: str, table: pa.Table, chain: bytes) -> Iterator[str]:
    """Yield what is wrong inside a file whose stream had come to `chain`: order, hashes, chain, copied attributes."""
    schema = _schema(stream)
    if not table.schema.equals(schema):
        yield f"has columns {table.schema.names} of other names or types than a file of stream {stream!r}"
        return
    rows = list(rows_of(table))
    for earlier, later in pairwise(rows):
        if order(earlier.entry_id) >= order(later.entry_id):
            yield f"entry {later.entry_id!r} stands behind {earlier.entry_id!r}"
    expected = tabulate(stream, rows, chain)
    for name in schema.names:
        found, wanted = table[name], expected[name]
        if not found.equals(wanted):
            pairs = zip(rows, found.to_pylist(), wanted.to_pylist(), strict=True)
            wrong = next(row for row, is_there, follows in pairs if is_there != follows)
            yield f"column {name!r} of entry {wrong.entry_id!r} doesn't follow from its body and the rows before it"


def _schema(stream: str) -> pa.Schema:
    return pa.schema(
        [
            pa.field("entry_id", pa.string(), nullable=False),
            *(pa.field(name, pa.string()) for name in ATTRIBUTES),
            pa.field("event", pa.binary() if stream in OPAQUE else pa.string()),
            pa.field("raw", pa.binary()),
            pa.field("sha256", pa.binary(32), nullable=False),
            pa.field("chain", pa.binary(32), nullable=False),
        ]
    )


def _envelope(body: bytes) -> dict[str, str]:
    try:
        envelope: dict[str, str] = _ENVELOPES.validate_json(body)
    except ValueError:
        return {}
    return envelope


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
