"""An envelope's times are RFC 3339: read as they were meant, written so that they are read as the same moment."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from labelwright.contracts.envelope import Event, decode, encode, moment_of
from labelwright.contracts.quality import TickStruck
from labelwright.errors import ContractError

MOMENTS = [
    datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC),
    datetime(2026, 11, 24, 10, 0, 0, 100, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-23, minutes=-59))),
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_time_is_the_same_moment_after_the_wire(moment: datetime) -> None:
    tick = TickStruck(name="measure", slot=1, missed=0)

    read = decode(encode(Event("tick-1", "/clock", "-", moment, tick, expires_at=moment)))

    assert (read.time, read.expires_at) == (moment, moment)


def test_a_time_without_its_zone_is_utc() -> None:
    assert moment_of("2026-11-24T10:00:00") == datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.mark.parametrize("offset", ["+01:30:15", "-00:00:30", "+23:59:59.5"])
def test_an_offset_that_rfc_3339_cannot_write_is_not_a_time(offset: str) -> None:
    tick = encode(Event("tick-1", "/clock", "-", MOMENTS[0], TickStruck(name="measure", slot=1, missed=0)))
    assert b"10:00:00Z" in tick

    with pytest.raises(ContractError, match="RFC 3339"):
        decode(tick.replace(b"10:00:00Z", f"10:00:00{offset}".encode()))
