"""Every benchmark runs, at a size that tells nothing about speed."""

import importlib.util

import pytest

from benchmarks import pipeline, stage
from benchmarks.stages import NAMES

pytestmark = [pytest.mark.server, pytest.mark.anyio]

NEEDS = {"taskiq": "taskiq_redis", "dramatiq": "dramatiq", "celery": "celery"}


@pytest.mark.parametrize("name", NAMES)
def test_a_contender_passes_on_each_entry_once(redis_url: str, name: str) -> None:
    if not importlib.util.find_spec(NEEDS.get(name, "redis")):
        pytest.skip(f"{NEEDS[name]} isn't installed; pip install -e '.[bench]'")

    assert stage.rate_of(name, redis_url, stage.entries_of(name) // 20) > 0


def test_the_report_compares_within_a_round() -> None:
    rates = {"ours": [10_000.0, 30_000.0, 20_000.0], "celery": [400.0, 500.0, 2_000.0]}

    report = stage.report(rates)

    assert report["times_celery"] == 25.0
    assert report["entries_per_second"] == {"ours": 20_000, "celery": 500}
    assert report["spread"] == {"ours": [10_000, 30_000], "celery": [400, 2_000]}


@pytest.mark.parametrize("over_http", [False, True])
async def test_what_enters_the_pipeline_becomes_items_and_labels(over_http: bool) -> None:
    report = await pipeline.bench(events=300, seconds=1, layout="one", over_http=over_http)

    assert report["accepted"] + report["rejected"] <= report["published"]
    assert report["labels"] + report["disputes"] == report["items"] > 0
    assert report["events_per_second"] > 0
    assert 0 <= report["accepted_to_item_p50_s"] <= report["accepted_to_item_p99_s"]
