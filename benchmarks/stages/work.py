"""What every stage does to an entry: validate an observation of about 450 bytes, and say what follows from it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from labelwright.contracts.payload import Payload

BATCH: Final = 200
"""Entries that a stage may read at once, where it can read many."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Observation(Payload, stream="feedback"):
    """What comes in."""

    user: Name
    customer: Name
    kind: Literal["thumb", "text"]
    value: Annotated[int, Field(ge=-1, le=1)]
    subject: Name
    comment: Annotated[str, StringConstraints(min_length=1, max_length=4_000)]
    release: Name
    occurred_at: datetime
    sample_rate: Annotated[float, Field(gt=0, le=1)]


class Checked(Payload, stream="accepted"):
    """What goes out."""

    observation: Observation
    is_complaint: bool


def check(observation: Observation) -> Checked:
    """Decide about one observation."""
    return Checked(observation=observation, is_complaint=observation.value < 0)


def observations(count: int) -> Iterator[Observation]:
    """Yield observations that differ, all of about the same size."""
    for number in range(count):
        yield Observation(
            user=f"u_{number % 977:06}",
            customer=f"c_{number % 61:06}",
            kind="thumb",
            value=-1,
            subject=f"resp_{number:012}",
            comment=(
                f"It said the Pro plan costs {number % 97}.90 but on the invoice it is {number % 89}.50, and support "
                "says that this was never true. I asked twice and got the same answer both times, so please have "
                "somebody look at it who knows the tariffs, before more customers are told the wrong price."
            ),
            release="2026.11",
            occurred_at=datetime.fromisoformat("2026-11-24T10:00:00+00:00"),
            sample_rate=1.0,
        )
