"""Every metric that the runtime exports, each with the knob to turn; services add the figures of their own state."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector


class Sample(NamedTuple):
    """One figure of a service's state: a metric's name, its labels (bounded sets, never ids) and its value."""

    name: str
    labels: dict[str, str]
    value: float


events = Counter(
    "labelwright_events",
    "Entries handled, by outcome; if 'dead' grows see `labelwright dead list`, if 'rejected' the stream 'rejected'.",
    ["service", "stream", "outcome"],
)
rejections = Counter(
    "labelwright_rejections",
    "Events turned away, by code; look one up by its id in the stream 'rejected' and correct the publisher.",
    ["service", "code"],
)
batch_seconds = Histogram(
    "labelwright_batch_duration_seconds",
    "Time of one batch by phase; if 'load' or 'commit' is high look at the server, if 'decide' is high add replicas.",
    ["service", "phase"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
event_age_seconds = Histogram(
    "labelwright_event_age_seconds",
    "Age of an entry when its decision was committed; if it is high the service lags: add replicas.",
    ["service"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
)
conflicts = Counter(
    "labelwright_commit_guard_conflicts",
    "Decisions made again because a guard failed; if it nears the rate of events run fewer replicas a partition.",
    ["service"],
)
refusals = Counter(
    "labelwright_server_refusals",
    "Times that Redis was away or refused; check its memory, disk and role.",
    ["service", "kind"],
)
groups_recreated = Counter(
    "labelwright_groups_recreated",
    "Consumer groups that were gone and made anew: data was lost or flushed; run `labelwright rebuild`.",
    ["service"],
)
entries_vanished = Counter(
    "labelwright_pending_entries_vanished",
    "Pending entries whose stream entry was gone: somebody trims by hand; stop that and replay from the ledger.",
    ["service"],
)
breaker_open = Gauge(
    "labelwright_breaker_open",
    "1 when the service stopped because too many events failed; roll back the release, then restart it.",
    ["service"],
)
last_beat = Gauge(
    "labelwright_loop_beat_timestamp_seconds",
    "When the loop last beat; if it stands still, the process hangs: it is restarted by its liveness probe.",
    ["service"],
)
requests = Counter(
    "labelwright_http_requests",
    "HTTP requests by route and status; if 5xx grows read the service's log by request id.",
    ["service", "route", "status"],
)
request_seconds = Histogram(
    "labelwright_http_request_duration_seconds",
    "Time to answer by route; if it is high look at the server's latency, then add replicas.",
    ["service", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30),
)

HELP = {
    "labelwright_stream_backlog_entries": "Entries that a service has not finished; if it grows add replicas.",
    "labelwright_stream_oldest_pending_seconds": "Age of the oldest entry in hand; if it is high a replica hangs.",
    "labelwright_dead_entries": "Entries that no decision could be made about; see `labelwright dead list`.",
    "labelwright_redis_memory_ratio": "Memory in use by what is allowed; above 0.8 give Redis more, or trim sooner.",
}


class StateCollector(Collector):
    """Exports the latest samples of services' states; each replica may export them, so aggregate by max."""

    def __init__(self) -> None:
        self._samples: dict[str, list[Sample]] = {}
        REGISTRY.register(self)

    def put(self, owner: str, samples: Iterable[Sample]) -> None:
        """Replace what an owner exports."""
        self._samples[owner] = list(samples)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield one family a metric name, as prometheus_client asks for."""
        families: dict[str, GaugeMetricFamily] = {}
        for sample in (sample for samples in self._samples.values() for sample in samples):
            family = families.get(sample.name)
            if family is None:
                about = HELP.get(sample.name, "A figure of a service's state; see docs/metrics.md for what to do.")
                family = families[sample.name] = GaugeMetricFamily(sample.name, about, labels=list(sample.labels))
            family.add_metric(list(sample.labels.values()), sample.value)
        yield from families.values()


state = StateCollector()
