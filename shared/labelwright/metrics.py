"""Every metric that Labelwright exports, each with the knob to turn; docs/metrics.md is made from it by `make docs`."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, cast

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import REGISTRY, Collector

Kind = Literal["counter", "gauge", "histogram"]
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily

LABELS: Final[Mapping[str, str]] = {
    "service": "a service of the topology",
    "partition": "a partition of the installation, `p0`, `p1`, …",
    "stream": "a stream of the topology",
    "outcome": "what became of an entry: committed, rejected, failed, dead, again, gone",
    "code": "a rejection's code",
    "phase": "load, decide or commit",
    "kind": "a refusal's kind: connection, oom, readonly, …",
    "route": "a route of the HTTP API, with its parameters' names, not their values",
    "status": "an HTTP status",
    "project": "a project of the installation",
    "guideline_version": "a version of the project file: the last three that were answered under",
    "source": "a source of the project file",
    "state": "where a task or an item stands",
    "reason": "why a client lost events, as the SDK names it (queue_overflow, gave_up, …), or why feedback expired: "
    "never_asked, asked_unanswered, unsettled, disputed, muted, before_intake",
    "age": "how old feedback was at most: 1d, 7d, 30d, 90d, 365d, older",
    "metric": "a coefficient's name",
    "complaint": "what a complaint means: factually_wrong, not_what_i_wanted, unsafe, other, or unsaid",
}
"""Every label that a metric may have. Each is a bounded set; never an item, an annotator, a user or free text."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is called, what it measures and what to do about it, and its labels."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]


CATALOGUE: Final[dict[str, Metric]] = {}
"""Every metric by its name; nothing else can be exported."""


class Distribution(NamedTuple):
    """How many values were at most each bound (the last is infinity, cumulative), and their sum."""

    buckets: Sequence[tuple[float, int]]
    total: float


class Sample(NamedTuple):
    """One figure of a service's state: a metric's name, its labels (bounded sets, never ids) and its value."""

    name: str
    labels: dict[str, str]
    value: float | Distribution


def _declare(kind: Kind, name: str, about: str, labels: Sequence[str]) -> Metric:
    if unknown := set(labels) - LABELS.keys():
        raise ValueError(f"metric {name!r} has a label {min(unknown)!r}; declare in LABELS what bounds it")
    metric = CATALOGUE[name] = Metric(name, kind, about, tuple(labels))
    return metric


def _counter(name: str, about: str, *labels: str) -> Counter:
    return Counter(_declare("counter", name, about, labels).name, about, labels)


def _gauge(name: str, about: str, *labels: str) -> Gauge:
    return Gauge(_declare("gauge", name, about, labels).name, about, labels)


def _histogram(name: str, about: str, *labels: str, buckets: Sequence[float]) -> Histogram:
    return Histogram(_declare("histogram", name, about, labels).name, about, labels, buckets=buckets)


disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double every counter's series

events = _counter(
    "labelwright_events_total",
    "Entries handled, by outcome; if 'dead' grows see `labelwright dead list`, if 'rejected' the stream 'rejected'.",
    "service",
    "stream",
    "outcome",
)
rejections = _counter(
    "labelwright_rejections_total",
    "Events turned away, by code; look one up by its id in the stream 'rejected' and correct the publisher.",
    "service",
    "code",
)
batch_seconds = _histogram(
    "labelwright_batch_duration_seconds",
    "Time of one batch by phase; if 'load' or 'commit' is high look at the server, if 'decide' is high add replicas.",
    "service",
    "phase",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
event_age_seconds = _histogram(
    "labelwright_event_age_seconds",
    "Age of an entry when its decision was committed; if it is high the service lags: add replicas.",
    "service",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
)
conflicts = _counter(
    "labelwright_commit_guard_conflicts_total",
    "Decisions made again because a guard failed; if it nears the rate of events run fewer replicas a partition.",
    "service",
)
refusals = _counter(
    "labelwright_server_refusals_total",
    "Times that Redis was away or refused; check its memory, disk and role.",
    "service",
    "kind",
)
groups_recreated = _counter(
    "labelwright_groups_recreated_total",
    "Consumer groups that were gone and made anew: data was lost or flushed; run `labelwright rebuild`.",
    "service",
)
entries_vanished = _counter(
    "labelwright_pending_entries_vanished_total",
    "Pending entries whose stream entry was gone: somebody trims by hand; stop that and replay from the ledger.",
    "service",
)
breaker_open = _gauge(
    "labelwright_breaker_open",
    "1 when the service stopped because too many events failed; roll back the release, then restart it.",
    "service",
)
last_beat = _gauge(
    "labelwright_loop_beat_timestamp_seconds",
    "When the loop last beat; if it stands still the process hangs: let its liveness probe restart it.",
    "service",
)
requests = _counter(
    "labelwright_http_requests_total",
    "HTTP requests by route and status; if 5xx grows read the service's log by request id.",
    "service",
    "route",
    "status",
)
request_seconds = _histogram(
    "labelwright_http_request_duration_seconds",
    "Time to answer by route; if it is high look at the server's latency, then add replicas.",
    "service",
    "route",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30),
)
client_losses = _counter(
    "labelwright_client_lost_events_total",
    "Events that clients say they lost before sending them, by reason; look at the publisher's log and its queue.",
    "reason",
)

_declare(
    "gauge",
    "labelwright_stream_backlog_entries",
    "Entries that a service has not finished, over all its streams; if it grows add replicas.",
    ("service", "partition"),
)
_declare(
    "gauge",
    "labelwright_stream_oldest_pending_seconds",
    "Age of the oldest entry in hand; if it is high while the backlog is small one replica hangs: restart it.",
    ("service", "partition"),
)
_declare(
    "gauge",
    "labelwright_dead_entries",
    "Entries that no decision could be made about and that were not replayed; see `labelwright dead list`.",
    ("partition",),
)
_declare(
    "gauge",
    "labelwright_ledger_age_seconds",
    "Age of the oldest event that the ledger had not when it was last looked at; if it is high see publish's log.",
    ("partition",),
)
_declare(
    "gauge",
    "labelwright_redis_memory_ratio",
    "Memory in use by what is allowed; above 0.8 give Redis more, or trim sooner.",
    (),
)
_declare(
    "gauge",
    "labelwright_tasks",
    "Tasks by state, ready + leased + answered + expired = opened; if 'ready' grows invite more annotators.",
    ("project", "state"),
)
_declare(
    "gauge",
    "labelwright_task_age_seconds",
    "Age of the oldest ready task; if it is high see whether anyone has its skill, then invite more annotators.",
    ("project",),
)
_declare(
    "counter",
    "labelwright_feedback_accepted_total",
    "Feedback accepted; if it stops see the stream 'rejected' and ask the publisher.",
    ("project",),
)
_declare(
    "gauge",
    "labelwright_feedback_expired_ratio",
    "Share of all feedback that expired without a label: what you throw away; see by reason what to do about it.",
    ("project",),
)
_declare(
    "gauge",
    "labelwright_feedback_expired_events",
    "Feedback that expired without a label; if 'never_asked' grows invite annotators, if 'asked_unanswered' look at "
    "the task, if 'unsettled' raise max_answers, if 'disputed' adjudicate, if 'before_intake' see intake's lag.",
    ("project", "reason", "age"),
)
_declare(
    "gauge",
    "labelwright_items",
    "Items by where they stand: waiting, labeled, disputed, merged, expired, muted, superseded, erased; if 'disputed' "
    "grows let an expert adjudicate, if 'expired' grows invite more annotators.",
    ("project", "state"),
)
_declare(
    "gauge",
    "labelwright_themes",
    "Suggested themes of five items or more; if one is many items, look for its cause instead of labeling each.",
    ("project",),
)
_declare(
    "gauge",
    "labelwright_themes_waiting_items",
    "Items, of the 1,000 that wait longest, that no theme was sought for yet; if it stays high the service themes "
    "is slow or stuck: see its log, or name no model.",
    ("project",),
)
_declare(
    "gauge",
    "labelwright_item_age_seconds",
    "Age of the oldest item with neither label nor dispute; if it is high invite more annotators.",
    ("project",),
)
_declare(
    "counter",
    "labelwright_annotations_total",
    "Answers recorded, gold and those taken back later among them; if it stops see who still pulls work.",
    ("project", "source"),
)
_declare(
    "counter",
    "labelwright_annotations_abstained_total",
    "Tasks that a machine had nothing to say about; if nearly all are, correct its rules or drop the source.",
    ("project", "source"),
)
_declare(
    "counter",
    "labelwright_annotations_retracted_total",
    "Answers taken back; if many are, look at the guideline and at the desk's keys.",
    ("project",),
)
_declare(
    "counter",
    "labelwright_spend_usd_total",
    "Price of all answers recorded; if it grows faster than the labels look at the source's gold accuracy.",
    ("project", "source"),
)
_declare(
    "counter",
    "labelwright_labels_resolved_total",
    "Labels settled, an item's second label counted again; if it stops look at 'ready' tasks, then at disputes.",
    ("project",),
)
_declare(
    "counter",
    "labelwright_disputes_opened_total",
    "Items whose answers did not settle; if it nears the labels' rate sharpen the guideline.",
    ("project",),
)
_declare(
    "histogram",
    "labelwright_feedback_to_label_seconds",
    "Time from an item's first feedback to its first label; if it is high see the age of tasks, add annotators.",
    ("project",),
)
_declare(
    "gauge",
    "labelwright_label_cost_usd",
    "What the answers about labeled items cost, by label; if it is high add a cheaper source or a clearer rule.",
    ("project",),
)
_declare(
    "gauge",
    "labelwright_gold_answers",
    "Answers to gold that stand; if it stays small raise the project's gold_share or add gold.",
    ("project", "source"),
)
_declare(
    "gauge",
    "labelwright_gold_accuracy_ratio",
    "Share of gold that a source answers right; if it is low train its annotators or drop the source.",
    ("project", "source"),
)
_declare(
    "gauge",
    "labelwright_gold_accuracy_low_ratio",
    "Lower end of the accuracy's 95 % interval; if it is far below the accuracy add gold before you judge.",
    ("project", "source"),
)
_declare(
    "gauge",
    "labelwright_gold_accuracy_high_ratio",
    "Upper end of the accuracy's 95 % interval; if even this is too low train the annotators or drop the source.",
    ("project", "source"),
)
_declare(
    "gauge",
    "labelwright_agreement",
    "How people agree about items that several answered, 'raw' or Krippendorff's 'alpha'; if low, sharpen the rules.",
    ("project", "guideline_version", "metric"),
)
_declare(
    "gauge",
    "labelwright_agreement_answers",
    "Answers that the agreement rests on; if it is small wait before you judge, or have more items answered twice.",
    ("project", "guideline_version"),
)

_declare(
    "counter",
    "labelwright_complaint_feedback_accepted_total",
    "Complaints accepted, by what they mean; if most are 'unsaid' send reasons with them, or set ask_complaint_of.",
    ("project", "complaint"),
)
_declare(
    "gauge",
    "labelwright_complaint_items",
    "Items by what their complaint means and where they stand; if one complaint's wait, see who may answer them.",
    ("project", "complaint", "state"),
)
_declare(
    "counter",
    "labelwright_complaint_labels_resolved_total",
    "Labels settled, by what the complaint means; if one kind gets none look at its tasks, then at its disputes.",
    ("project", "complaint"),
)
_declare(
    "counter",
    "labelwright_complaint_disputes_opened_total",
    "Items whose answers did not settle, by what the complaint means; sharpen the rules for what is disputed most.",
    ("project", "complaint"),
)
_declare(
    "gauge",
    "labelwright_complaint_label_cost_usd",
    "What a label costs, by what the complaint means; if one kind is dear give it a clearer rule.",
    ("project", "complaint"),
)
_declare(
    "histogram",
    "labelwright_complaint_feedback_to_label_seconds",
    "Time from first feedback to first label, by what the complaint means; if one kind waits add annotators for it.",
    ("project", "complaint"),
)
_declare(
    "gauge",
    "labelwright_complaint_agreement",
    "How people agree, by what the complaint means, 'raw' or 'alpha'; if low for one kind, sharpen its rules.",
    ("project", "guideline_version", "complaint", "metric"),
)
_declare(
    "gauge",
    "labelwright_complaint_agreement_answers",
    "Answers that the agreement about one kind of complaint rests on; if it is small wait before you judge.",
    ("project", "guideline_version", "complaint"),
)

_FAMILIES: Final[Mapping[Kind, type[Family]]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


class StateCollector(Collector):
    """Exports the latest samples of services' states.

    Each replica may export the same state, so aggregate by max; where two stages of one process do, the greater stays.
    """

    def __init__(self) -> None:
        self._samples: dict[str, list[Sample]] = {}
        REGISTRY.register(self)

    def put(self, owner: str, samples: Iterable[Sample]) -> None:
        """Replace what an owner exports. Raises ValueError on a sample that CATALOGUE does not declare so."""
        checked = list(samples)
        for sample in checked:
            metric = CATALOGUE.get(sample.name)
            if metric is None or sample.labels.keys() != set(metric.labels) or _is_misfit(metric, sample):
                raise ValueError(
                    f"no metric {sample.name!r} of that type has the labels {sorted(sample.labels)}; "
                    "declare it in labelwright.metrics, with a help sentence that ends in what to do"
                )
        self._samples[owner] = checked

    def clear(self) -> None:
        """Export nothing any more until somebody puts samples again."""
        self._samples.clear()

    def collect(self) -> Iterator[Family]:
        """Yield one family a metric, as prometheus_client asks for."""
        greatest: dict[str, dict[tuple[str, ...], float | Distribution]] = {}
        for sample in (sample for samples in self._samples.values() for sample in samples):
            labels = tuple(sample.labels[label] for label in CATALOGUE[sample.name].labels)
            values = greatest.setdefault(sample.name, {})
            values[labels] = max(values.get(labels, sample.value), sample.value, key=_size)
        for name, values in greatest.items():
            metric = CATALOGUE[name]
            family = _FAMILIES[metric.kind](name, metric.help, labels=metric.labels)
            for labels, value in values.items():
                _add(family, labels, value)
            yield family


def _is_misfit(metric: Metric, sample: Sample) -> bool:
    return (metric.kind == "histogram") != isinstance(sample.value, Distribution)


def _size(value: float | Distribution) -> float:
    return value.buckets[-1][1] if isinstance(value, Distribution) else value


def _add(family: Family, labels: Sequence[str], value: float | Distribution) -> None:
    if isinstance(value, Distribution):
        bounds = [("+Inf" if math.isinf(bound) else str(bound), count) for bound, count in value.buckets]
        cast("HistogramMetricFamily", family).add_metric(labels, bounds, value.total)
    else:
        cast("GaugeMetricFamily", family).add_metric(labels, value)


state = StateCollector()


def reference() -> str:
    """Return docs/metrics.md: every metric, its type, its labels, and what to do about it."""
    metrics = sorted(CATALOGUE.values(), key=lambda metric: metric.name)
    rows = [
        f"| `{metric.name}` | {metric.kind} | {', '.join(metric.labels)} | {metric.help.replace('|', chr(92) + '|')} |"
        for metric in metrics
    ]
    labels = [f"| `{name}` | {about} |" for name, about in LABELS.items()]
    return "\n".join((_ABOVE, *rows, _BETWEEN, *labels, ""))


_ABOVE: Final = """\
# Metrics

Every service answers `/metrics` in Prometheus' text format. Names are `labelwright_<noun>_<unit>`, in base units, and
counters end in `_total`. This page is made from the code by `make docs`.

Figures of a partition's state (backlog, tasks, items, agreement, …) are exported by every replica of the service that
keeps them, and survive its restart: **aggregate them by max, not by sum**, over instances; then sum what is left, as in
`sum(max by (partition) (labelwright_stream_backlog_entries{service="intake"}))`.

The stream `metrics` tells the figures of quality as well, in events of type `labelwright.metrics.quality_measured.v1`,
at most every two seconds and only when they changed. A figure is named as below without `labelwright_`; what follows a
dot is the value of its further label, as in `gold_accuracy_ratio.crowd` or `agreement.alpha`, or of its further labels
in their order, as in `complaint_items.unsafe.waiting`. Events without
`guideline_version` tell of the project as a whole; those with one tell how people agree under that version, and gold
accuracy under it. In place of the histogram they tell `feedback_to_label_seconds.p50` and `.p95`, interpolated within
its buckets.

Agreement counts people alone, the first 17 of an item: a machine always agrees with itself. It is of items that several
people answered; since resolve asks on where answers differ, those are the harder ones, and all items together would
agree better. What is called `complaint_…` tells the same of the items of one kind of complaint: figures without it are
of all of them together, praise among them. Spend counts every recorded answer, gold and
what was taken back later among them.

## All metrics

| name | type | labels | what it says, and what to do |
| --- | --- | --- | --- |"""

_BETWEEN: Final = """
## What the labels may be

Each is a bounded set; no metric has a label for an item, an annotator, a user or free text.

| label | values |
| --- | --- |"""
