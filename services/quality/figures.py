"""Figures: what the sums of a project, or of one of its guideline versions, say about how the work goes."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labelwright.contracts.feedback import COMPLAINTS, UNSAID
from labelwright.expiry import Lost
from labelwright.metrics import Distribution
from labelwright.statistics.agreement import krippendorff_alpha, raw_agreement
from labelwright.statistics.intervals import share_interval
from labelwright.stories import of_complaint
from services.quality.sheet import BOUNDS_S, DOLLAR, WHOLE

MOST_TRIALS: Final = 2_000
"""Trials that an interval is computed of: it takes time linear in them. More are scaled down, so it stays valid."""

QUANTILES: Final = {"p50": 0.5, "p95": 0.95}

_TOTALS: Final = {
    "retracted": "annotations_retracted_total",
    "labels": "labels_resolved_total",
    "disputes": "disputes_opened_total",
}

_CAUSES: Final = ("merged", "expired", "muted", "superseded", "erased")
"""Why items are closed that nobody labels any more, as triage says."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a scope; of a whole project also how much feedback was accepted and how much expired, how many items
    wait for a label or a dispute, the oldest's age, and how many complaints mean what.
    """

    sums: Mapping[str, int]
    accepted: int = 0
    waiting: int = 0
    oldest_s: float = 0.0
    lost: Lost = field(default_factory=Lost)
    complaints: Mapping[str, int] = field(default_factory=dict)


def of_project(totals: Totals) -> dict[str, float]:
    """Return a project's figures, by the names of docs/metrics.md."""
    sums = totals.sums
    figures: dict[str, float] = {figure: sums.get(name, 0) for name, figure in _TOTALS.items()}
    figures |= {
        "feedback_accepted_total": totals.accepted,
        "items.waiting": totals.waiting,
        "item_age_seconds": totals.oldest_s,
    }
    figures |= {f"items.{state}": sums.get(state, 0) for state in ("labeled", "disputed")}
    figures |= {f"items.{cause}": sums[cause] for cause in _CAUSES if sums.get(cause)}
    figures |= totals.lost.figures()
    for source, answers in _by_source(sums, "annotations").items():
        figures[f"annotations_total.{source}"] = answers
        figures[f"spend_usd_total.{source}"] = sums.get(f"spend/{source}", 0) / DOLLAR
    figures |= {f"annotations_abstained_total.{name}": count for name, count in _by_source(sums, "abstained").items()}
    if labels := sums.get("labeled", 0):
        figures["label_cost_usd"] = sums.get("cost", 0) / DOLLAR / labels
    took = times(sums)
    for name, share in QUANTILES.items():
        if took.buckets[-1][1]:
            figures[f"feedback_to_label_seconds.{name}"] = quantile(took, share)
    for complaint in complaints_in(totals):
        figures |= dict(_of_complaint(complaint, of_one(totals, complaint)))
    return figures | dict(_gold(sums))


def complaints_in(totals: Totals) -> list[str]:
    """Return the complaints that the sums of a scope tell apart, `unsaid` last."""
    told = {name.split("/", 2)[1] for name in totals.sums if name.startswith("of/")} | totals.complaints.keys()
    return [name for name in (*COMPLAINTS, UNSAID) if name in told]


def of_one(totals: Totals, complaint: str) -> Totals:
    """Return what the sums are of one complaint alone."""
    prefix = of_complaint(complaint, "")
    sums = {name.removeprefix(prefix): count for name, count in totals.sums.items() if name.startswith(prefix)}
    return Totals(sums, accepted=totals.complaints.get(complaint, 0), waiting=sums.get("waiting", 0))


def _of_complaint(complaint: str, totals: Totals) -> Iterator[tuple[str, float]]:
    sums = totals.sums
    yield f"complaint_feedback_accepted_total.{complaint}", totals.accepted
    for state in ("waiting", "labeled", "disputed"):
        yield f"complaint_items.{complaint}.{state}", sums.get(state, 0)
    for cause in _CAUSES:
        if sums.get(cause):
            yield f"complaint_items.{complaint}.{cause}", sums[cause]
    yield f"complaint_labels_resolved_total.{complaint}", sums.get("labels", 0)
    yield f"complaint_disputes_opened_total.{complaint}", sums.get("disputes", 0)
    if labels := sums.get("labeled", 0):
        yield f"complaint_label_cost_usd.{complaint}", sums.get("cost", 0) / DOLLAR / labels
    took = times(sums)
    for name, share in QUANTILES.items():
        if took.buckets[-1][1]:
            yield f"complaint_feedback_to_label_seconds.{complaint}.{name}", quantile(took, share)


def of_version(totals: Totals) -> dict[str, float]:
    """Return how people agree under a guideline version, and gold accuracy under it.

    Agreement is among people: a machine always agrees with itself, and what machines share is not evidence. It is of
    items that several people answered; as resolve asks on where answers differ, those are the harder ones.
    """
    figures = dict(_agreement("", "", totals))
    for complaint in complaints_in(totals):
        figures |= dict(_agreement("complaint_", f".{complaint}", of_one(totals, complaint)))
    return figures | dict(_gold(totals.sums))


def _agreement(before: str, behind: str, totals: Totals) -> Iterator[tuple[str, float]]:
    pairs = matrix(totals.sums)
    yield f"{before}agreement_answers{behind}", float(pairs.sum())
    for name, value in (("raw", raw_agreement(pairs)), ("alpha", krippendorff_alpha(pairs))):
        if value is not None:
            yield f"{before}agreement{behind}.{name}", value


def matrix(sums: Mapping[str, int]) -> NDArray[np.float64]:
    """Return the coincidence matrix of a version's sums."""
    cells = {tuple(name.split("/", 2)[1:]): count for name, count in sums.items() if name.startswith("pair/")}
    index = {label: number for number, label in enumerate(sorted({label for pair in cells for label in pair}))}
    found = np.zeros((len(index), len(index)))
    for (row, column), count in cells.items():
        found[index[row], index[column]] = found[index[column], index[row]] = count / WHOLE
    return found


def times(sums: Mapping[str, int]) -> Distribution:
    """Return how the times from feedback to label are distributed."""
    buckets, count = [], 0
    for bound in (*BOUNDS_S, math.inf):
        count += sums.get(f"took/{bound}", 0)
        buckets.append((float(bound), count))
    return Distribution(buckets, sums.get("took_ms", 0) / 1_000)


def quantile(distribution: Distribution, share: float) -> float:
    """Return the value below which a share of a distribution lies, as Prometheus' histogram_quantile does.

    It is interpolated within its bucket, and the greatest bound where it lies beyond all.
    """
    wanted, (below, before) = share * distribution.buckets[-1][1], (0.0, 0)
    for bound, count in distribution.buckets:
        if count >= wanted and count > before:
            return below + (bound - below) * (wanted - before) / (count - before) if math.isfinite(bound) else below
        below, before = bound, count
    return below


def _by_source(sums: Mapping[str, int], name: str) -> dict[str, int]:
    return {field.partition("/")[2]: count for field, count in sums.items() if field.startswith(f"{name}/")}


def _gold(sums: Mapping[str, int]) -> Iterator[tuple[str, float]]:
    right = _by_source(sums, "right")
    for source, answers in _by_source(sums, "gold").items():
        if answers > 0:
            low, high = _interval(right.get(source, 0), answers)
            yield f"gold_answers.{source}", answers
            yield f"gold_accuracy_ratio.{source}", right.get(source, 0) / answers
            yield f"gold_accuracy_low_ratio.{source}", low
            yield f"gold_accuracy_high_ratio.{source}", high


@lru_cache(maxsize=10_000)
def _interval(right: int, answers: int) -> tuple[float, float]:
    if answers > MOST_TRIALS:
        right, answers = round(right * MOST_TRIALS / answers), MOST_TRIALS
    return share_interval(right, answers)
