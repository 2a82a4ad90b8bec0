"""Metrics keep the rules of their names, say what to do, and nothing undeclared gets out."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric as Family
from prometheus_client import generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from labelwright import metrics
from labelwright.metrics import CATALOGUE, LABELS, Distribution, Metric, Sample

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
IDS = {"annotation", "annotator", "assignment", "customer", "event", "feedback", "id", "item", "key", "task", "user"}
NOT_BASE = {"ms", "millis", "milliseconds", "minutes", "hours", "days", "kb", "kilobytes", "mb", "percent", "cents"}
TO_DO = {
    "add", "adjudicate", "ask", "check", "correct", "drop", "give", "invite", "let", "look", "raise", "read", "restart",
    "roll", "run", "see", "sharpen", "stop", "train", "wait",
}  # fmt: skip


@pytest.fixture
def nothing_left_behind() -> Iterator[None]:
    yield
    for owner in ("one", "other"):
        metrics.state.put(owner, [])


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=CATALOGUE)
def test_a_name_has_the_prefix_base_units_and_total_where_it_counts(metric: Metric) -> None:
    words = metric.name.split("_")

    assert re.fullmatch(r"labelwright(_[a-z]+)+", metric.name)
    assert (words[-1] == "total") == (metric.kind == "counter")
    assert not NOT_BASE & set(words)


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=CATALOGUE)
def test_a_help_sentence_ends_in_what_to_do(metric: Metric) -> None:
    assert _ends_in_what_to_do(metric.help)


@pytest.mark.parametrize(
    "about", ["Tasks by state.", "Tasks by state; they are ready or leased.", "See the tasks; there may be many."]
)
def test_a_sentence_that_only_describes_is_noticed(about: str) -> None:
    assert not _ends_in_what_to_do(about)


def test_labels_are_bounded_sets_and_never_ids() -> None:
    used = {label for metric in CATALOGUE.values() for label in metric.labels}

    assert used == LABELS.keys()
    assert not used & IDS


def test_all_that_the_module_exports_is_in_the_catalogue() -> None:
    counted = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]

    families = {family.name: family for metric in counted for family in metric.describe()}

    declared = {metric.name.removesuffix("_total"): metric for metric in CATALOGUE.values()}
    assert len(families) == len(counted) > 0
    assert {name: (family.type, family.documentation) for name, family in families.items()} == {
        name: (declared[name].kind, declared[name].help) for name in families
    }


@pytest.mark.usefixtures("nothing_left_behind")
@pytest.mark.parametrize(
    "sample",
    [
        Sample("labelwright_secrets", {}, 1),
        Sample("labelwright_tasks", {"project": "shop"}, 1),
        Sample("labelwright_tasks", {"project": "shop", "annotator": "ann"}, 1),
        Sample("labelwright_tasks", {"project": "shop", "state": "ready"}, Distribution([(math.inf, 1)], 1)),
        Sample("labelwright_feedback_to_label_seconds", {"project": "shop"}, 1),
    ],
)
def test_a_sample_that_is_not_declared_is_refused(sample: Sample) -> None:
    with pytest.raises(ValueError, match=f"no metric '{sample.name}' of that type .* declare it"):
        metrics.state.put("one", [sample])

    assert sample.name not in generate_latest().decode()


@pytest.mark.usefixtures("nothing_left_behind")
def test_of_two_who_export_the_same_the_greater_stays() -> None:
    for owner, value in (("one", 3), ("other", 5)):
        metrics.state.put(owner, [Sample("labelwright_dead_entries", {"partition": "p9"}, value)])

    (family,) = (f for f in _exported() if f.name == "labelwright_dead_entries")

    assert [(s.labels, s.value) for s in family.samples if s.labels["partition"] == "p9"] == [({"partition": "p9"}, 5)]


@pytest.mark.usefixtures("nothing_left_behind")
def test_counters_and_histograms_of_state_are_exported_as_what_they_are() -> None:
    project = {"project": "shop"}
    took = Distribution([(1.0, 2), (5.0, 3), (math.inf, 4)], 99.5)
    metrics.state.put("one", [Sample("labelwright_feedback_accepted_total", project, 7)])
    metrics.state.put("other", [Sample("labelwright_feedback_to_label_seconds", project, took)])

    families = {family.name: family for family in _exported()}

    counter = families["labelwright_feedback_accepted"]
    histogram = families["labelwright_feedback_to_label_seconds"]
    assert (counter.type, histogram.type) == ("counter", "histogram")
    assert [s.value for s in counter.samples] == [7]
    assert [(s.labels.get("le"), s.value) for s in histogram.samples] == [
        ("1.0", 2), ("5.0", 3), ("+Inf", 4), (None, 4), (None, 99.5),
    ]  # fmt: skip


def test_the_reference_is_up_to_date() -> None:
    assert REFERENCE.read_text() == metrics.reference(), "docs/metrics.md is old; run `make docs`"


def _ends_in_what_to_do(about: str) -> bool:
    description, *advice = re.split(r"[;:] ", about)
    return about.endswith(".") and bool(description) and bool(TO_DO & set(re.findall(r"[a-z]+", " ".join(advice))))


def _exported() -> list[Family]:
    return list(text_string_to_metric_families(generate_latest().decode()))
