"""The rules of prometheus/alerts.yaml, and what they are about."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from labelwright.metrics import CATALOGUE, Metric
from tests.deploy.shell import ROOT

FOLDER = ROOT / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
GROUPS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in RULES if "alert" in rule}


def selectors(expression: str) -> Iterator[tuple[Metric, set[str]]]:
    """Yield each metric of ours in an expression, and the labels that it is chosen by; KeyError if there is none."""
    for name, chosen in re.findall(r"\b(labelwright_\w+)(?:\{([^}]*)\})?", expression):
        histogram = CATALOGUE.get(re.sub(r"_(bucket|sum|count)$", "", name))
        metric = histogram if histogram and histogram.kind == "histogram" else CATALOGUE[name]
        yield metric, set(re.findall(r"(\w+)\s*=~?", chosen))


def metrics_in(expression: str) -> list[Metric]:
    """Return the metrics of ours that an expression names."""
    return [metric for metric, _ in selectors(expression)]
