"""The cut takes whole milliseconds of all streams, and never one that may go on."""

from labelwright.ledger import Row
from services.publish.decide import cut_at, up_to


def rows(*ids: str) -> list[Row]:
    return [Row(entry_id, b"{}") for entry_id in ids]


def test_the_present_millisecond_is_not_over() -> None:
    assert cut_at({"items": rows("7-0"), "tasks": []}, now_ms=9, most_rows=2) == 8


def test_the_last_millisecond_of_a_full_read_may_go_on() -> None:
    found = {"items": rows("5-0", "6-0"), "tasks": rows("1-0", "3-4"), "labels": rows("2-0")}

    assert cut_at(found, now_ms=9, most_rows=2) == 2


def test_rows_lie_at_or_before_the_cut() -> None:
    found = {"items": rows("5-0", "6-0", "6-10", "7-0", "10-0"), "tasks": rows("7-0"), "labels": []}

    assert up_to(found, 6) == {"items": rows("5-0", "6-0", "6-10")}
    assert up_to(found, 7) == {"items": rows("5-0", "6-0", "6-10", "7-0"), "tasks": rows("7-0")}
    assert up_to(found, 4) == {}
