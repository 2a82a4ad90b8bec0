"""What is measured about the work, what was released, and the beat of the clock."""

from pydantic import Field

from labelwright.contracts.payload import Payload


class QualityMeasured(Payload, stream="metrics"):
    """How well one project goes, as a whole or under one guideline version.

    `values` holds each figure under the name of its metric in docs/metrics.md, in base units, without `labelwright_`;
    what follows a dot is the value of the metric's further label: `items.waiting`, `gold_accuracy_ratio.crowd`,
    `agreement.alpha`. A figure that can't be told yet is absent. Totals never fall; two events tell the rate between.
    """

    guideline_version: int | None = None
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
