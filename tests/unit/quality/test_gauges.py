"""What quality exports is declared, bounded, and says what the stream says."""

from datetime import timedelta

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from labelwright import metrics
from services.quality.state import LATEST_VERSIONS
from tests.unit.quality.shop import START, Shop, answered, disputed, opened, resolved


def test_every_figure_is_exported_under_its_own_name() -> None:
    shop = _busy()

    samples = {sample.name for sample in shop.samples()}

    figures = {name.partition(".")[0] for version in (None, 1) for name in shop.all_figures(version)}
    assert samples == {f"labelwright_{name}" for name in figures}


def test_a_figure_and_its_sample_say_the_same() -> None:
    shop = _busy()

    samples = {(sample.name, *sorted(sample.labels.items())): sample.value for sample in shop.samples()}

    project = ("project", "shop")
    whole, version = shop.figures(), shop.figures(1)
    assert samples["labelwright_gold_accuracy_ratio", project, ("source", "crowd")] == 1
    assert samples["labelwright_items", project, ("state", "waiting")] == whole["items.waiting"] == 1
    assert samples["labelwright_label_cost_usd", project] == whole["label_cost_usd"]
    alpha = samples["labelwright_agreement", ("guideline_version", "1"), ("metric", "alpha"), project]
    assert alpha == version["agreement.alpha"]


def test_times_are_exported_as_a_histogram() -> None:
    shop = _busy()
    metrics.state.put("quality p0", shop.samples())

    families = {f.name: f for f in text_string_to_metric_families(generate_latest().decode())}

    metrics.state.put("quality p0", [])
    family = families["labelwright_feedback_to_label_seconds"]
    buckets = {s.labels["le"]: s.value for s in family.samples if s.name.endswith("_bucket")}
    assert family.type == "histogram"
    assert (buckets["1.0"], buckets["15.0"], buckets["60.0"], buckets["+Inf"]) == (0, 1, 2, 2)
    assert [s.value for s in family.samples if s.name.endswith("_sum")] == [10 + 50.5]


def test_the_latest_guideline_versions_are_exported() -> None:
    shop = Shop()

    shop.tell(*(answered(f"i{n}", name, "slow", version=n) for n in range(1, 13) for name in ("ann", "bob")))

    exported = {sample.labels["guideline_version"] for sample in shop.samples() if "agreement" in sample.name}
    assert exported == {"10", "11", "12"}
    assert len(exported) == LATEST_VERSIONS


def _busy() -> Shop:
    shop = Shop()
    shop.accept(1)
    shop.tell(opened("a"), opened("b"), opened("c"), opened("d"))
    shop.tell(answered("a", "ann", "slow"), answered("a", "bob", "slow"), answered("b", "ann", "fine"))
    shop.tell(answered("b", "bob", "slow"), answered("g", "ann", "slow", gold="slow"))
    shop.tell(resolved("a", at=START + timedelta(seconds=10)), resolved("b", at=START + timedelta(seconds=50.5)))
    shop.tell(disputed("c"))
    return shop
