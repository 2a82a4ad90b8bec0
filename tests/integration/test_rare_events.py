"""What hardly ever happens is exported at 0 beforehand: Prometheus can't see the rise of what wasn't there."""

import pytest
from prometheus_client import REGISTRY, Counter, Gauge

from labelwright import metrics
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage

pytestmark = [pytest.mark.server, pytest.mark.anyio]


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("labelwright_groups_recreated_total", metrics.groups_recreated),
        ("labelwright_pending_entries_vanished_total", metrics.entries_vanished),
        ("labelwright_breaker_open", metrics.breaker_open),
    ],
)
async def test_a_stage_that_starts_shows_that_nothing_rare_happened_yet(
    server: Server, name: str, metric: Counter | Gauge
) -> None:
    metric.clear()

    await Stage(Service.named("triage"), server.partition("p0"), server.settings).start()

    assert REGISTRY.get_sample_value(name, {"service": "triage"}) == 0
