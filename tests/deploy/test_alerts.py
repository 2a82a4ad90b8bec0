"""Alerts name metrics that exist, fire when they should, and lead to a page that helps."""

import importlib
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic_settings import BaseSettings

from labelwright import topology
from labelwright.cli.app import app
from labelwright.metrics import CATALOGUE
from labelwright.settings import LabelwrightSettings
from tests.deploy.alerts import ALERTS, FOLDER, RULES, RUNBOOKS, selectors
from tests.deploy.shell import ROOT, run

OF_SCRAPING = {"instance", "job", "process", "le"}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="there is no promtool here; it comes with Prometheus"
)


@pytest.mark.parametrize("rule", RULES, ids=[rule.get("alert") or rule["record"] for rule in RULES])
def test_a_rule_names_metrics_that_exist_by_labels_that_they_have(rule: Mapping[str, Any]) -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}

    used = set(re.findall(r"(labelwright:[\w:]+)", rule["expr"]))
    found = list(selectors(rule["expr"]))
    grouped = {name for names in re.findall(r"(?:by|on) \(([^)]*)\)", rule["expr"]) for name in names.split(", ")}

    assert used <= recorded
    assert used or found or "{job=" in rule["expr"]
    for metric, labels in found:
        assert labels <= {*metric.labels, *OF_SCRAPING}
        assert grouped <= {*metric.labels, *OF_SCRAPING}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_is_wrong_how_bad_it_is_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]
    notes = rule["annotations"]

    assert alert.startswith("Labelwright")
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert notes["summary"]
    assert "$value" in notes["description"]
    assert notes["runbook_url"] == f"docs/runbooks/{alert}.md"
    assert (ROOT / notes["runbook_url"]).is_file()


def test_there_is_no_runbook_without_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"} == set(ALERTS)


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_tells_of_commands_alerts_and_settings_that_exist(page: Path) -> None:
    text = page.read_text()
    commands = list(re.findall(r"(?:`|^)labelwright ([a-z][^`#\n]*)", text, re.M))

    for line in commands:
        _demand_command(line.split())
    assert set(re.findall(r"\]\((Labelwright\w+)\.md\)", text)) <= set(ALERTS)
    assert set(re.findall(r"LABELWRIGHT_[A-Z_]+", text)) <= set(_settings())
    assert set(re.findall(r"labelwright_[a-z_]+", text)) <= set(CATALOGUE)


def test_every_alert_is_shown_when_it_fires_and_when_it_does_not() -> None:
    tests = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text())["tests"]

    shown = {
        test["name"]: {
            bool(asked["exp_samples"])
            for asked in test["promql_expr_test"]
            if asked["expr"] == f'ALERTS{{alertname="{test["name"]}", alertstate="firing"}}'
        }
        for test in tests
    }

    assert shown == {alert: {True, False} for alert in ALERTS}


def test_prometheus_scrapes_every_service_of_the_topology() -> None:
    (job,) = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["scrape_configs"]
    (found,) = job["dns_sd_configs"]

    assert set(found["names"]) == set(topology.SERVICES)
    assert found["port"] == LabelwrightSettings.model_fields["port"].default


@needs_promtool
@pytest.mark.parametrize("arguments", [("check", "rules", "alerts.yaml"), ("check", "config", "prometheus.yaml")])
def test_prometheus_takes_the_rules_and_its_configuration(arguments: tuple[str, ...]) -> None:
    checked = run("promtool", *arguments, folder=FOLDER)

    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_promtool
def test_alerts_fire_when_they_should_and_only_then() -> None:
    tested = _promtool_test(FOLDER)

    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs_promtool
@pytest.mark.parametrize("spoilt", ["vector(1) < 0", "vector(1)"], ids=["never fires", "always fires"])
def test_a_spoilt_alert_would_be_found(spoilt: str, tmp_path: Path) -> None:
    rules = [{"alert": name, "expr": spoilt} for name in ALERTS]
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump({"groups": [{"name": "spoilt", "rules": rules}]}))
    shutil.copy(FOLDER / "alerts_test.yaml", tmp_path)

    tested = _promtool_test(tmp_path)

    assert tested.returncode != 0
    assert [name for name in ALERTS if name not in tested.stdout + tested.stderr] == []


def _promtool_test(folder: Path) -> subprocess.CompletedProcess[str]:
    return run("promtool", "test", "rules", "alerts_test.yaml", folder=folder)


def _settings() -> Iterator[str]:
    kinds: list[type[BaseSettings]] = [LabelwrightSettings]
    for name in topology.SERVICES:
        if importlib.util.find_spec(f"services.{name}.settings"):
            kinds.append(type(importlib.import_module(f"services.{name}.settings").settings()))
    for kind in kinds:
        yield from (f"{kind.model_config['env_prefix']}{name}".upper() for name in kind.model_fields)


def _demand_command(words: list[str]) -> None:
    """Fail unless a command of ours and its options are as written."""
    command = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]  # only groups have commands
    options = {option for parameter in command.params for option in parameter.opts}
    needed = sum(parameter.param_type_name == "argument" and parameter.required for parameter in command.params)
    given = [word for word in words if word.startswith("--")]

    assert not hasattr(command, "commands"), f"{words} is no command"
    assert set(given) <= options, f"{command.name} has no {given}"
    assert len(words) >= needed, f"{command.name} needs {needed} arguments"
