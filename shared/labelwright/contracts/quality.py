"""What is measured about the work, what was released, and the beat of the clock."""

from pydantic import Field

from labelwright.contracts.payload import Payload


class QualityMeasured(Payload, stream="metrics"):
    """How well one project goes, under one guideline version: figure by name, in base units."""

    guideline_version: int
    values: dict[str, float] = Field(default_factory=dict)


class SnapshotReleased(Payload, stream="releases"):
    """An immutable dataset was cut from the ledger."""

    snapshot: str
    labels: int
    ledger_number: int


class TickStruck(Payload, stream="ticks"):
    """A service's clock struck: once per slot among all its replicas; `missed` slots were skipped in an outage."""

    name: str
    slot: int
    missed: int = 0
