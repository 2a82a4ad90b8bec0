"""The image and the stack are made of what the project says: locked packages, and every service once."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from labelwright import topology
from labelwright.settings import LabelwrightSettings
from tests.deploy.shell import ROOT

LOCK = (ROOT / "requirements.lock").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
STACK: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_every_package_of_the_lock_has_a_version_and_hashes_and_the_lock_names_no_host() -> None:
    entries = re.split(r"\n(?=\w)", LOCK.strip())
    whole = re.compile(r"[\w.-]+==[^\s;]+( ; [^\n]+)? \\\n +--hash=sha256:[0-9a-f]{64}")

    assert "://" not in LOCK
    assert [entry for entry in entries if not whole.match(entry)] == []


@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - {"dev", "bench", "embeddings"}))
def test_the_lock_has_all_that_an_extra_asks_for(extra: str) -> None:
    locked = {re.split("==", line)[0] for line in LOCK.splitlines() if "==" in line}

    wanted = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in EXTRAS[extra]}  # type: ignore[index]

    assert wanted - {"labelwright"} <= locked


def test_the_stack_runs_every_service_of_the_topology_once_and_nothing_else_of_ours() -> None:
    ours = {name: service for name, service in STACK.items() if name not in ("redis", "prometheus")}

    assert {name: service["command"] for name, service in ours.items()} == {
        name: ["python", "-m", f"services.{name}"] for name in topology.SERVICES
    }


def test_the_stacks_server_keeps_data() -> None:
    command = STACK["redis"]["command"]

    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_only_http_is_reached_from_outside_and_only_from_this_machine() -> None:
    published = {name: service["ports"] for name, service in STACK.items() if "ports" in service}

    assert set(published) == {"gateway", "desk", "prometheus"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_the_image_says_which_ports_its_processes_listen_on() -> None:
    from services.desk.settings import settings as desk
    from services.gateway.settings import settings as gateway

    (exposed,) = re.findall(r"^EXPOSE (.+)$", DOCKERFILE, re.M)

    metrics = LabelwrightSettings.model_fields["port"].default
    assert {int(port) for port in exposed.split()} == {metrics, gateway().port, desk().port}
