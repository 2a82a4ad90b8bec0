"""Decide how far the ledger may go: one millisecond for all streams, behind which nothing can come any more."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from labelwright.ledger.files import Row, order

Found = Mapping[str, Sequence[Row]]


def cut_at(found: Found, now_ms: int, most_rows: int) -> int:
    """Return the cut: the last millisecond up to which every stream's rows are all in `found`.

    The present millisecond isn't over, and of a stream that gave as many rows as were asked for the last millisecond
    may go on. One commit writes all its streams within one millisecond, so a common cut never parts a commit.
    """
    cuts = [now_ms - 1]
    cuts += [_millisecond(rows[-1]) - 1 for rows in found.values() if len(rows) >= most_rows]
    return min(cuts)


def up_to(found: Found, cut: int) -> dict[str, Sequence[Row]]:
    """Return the rows that lie at or before the cut, of the streams that have any."""
    kept = {stream: rows[: bisect_right(rows, cut, key=_millisecond)] for stream, rows in found.items()}
    return {stream: rows for stream, rows in kept.items() if rows}


def _millisecond(row: Row) -> int:
    return order(row.entry_id)[0]
