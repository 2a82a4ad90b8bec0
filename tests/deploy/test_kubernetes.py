"""k8s/ builds, is valid to the last field, and runs every service of the topology as it may be run."""

import copy
import json
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import kubernetes_validate  # type: ignore[import-untyped]  # nor does it
import pytest
import yaml

from labelwright import topology
from labelwright.metrics import CATALOGUE
from labelwright.settings import LabelwrightSettings
from services.desk.settings import settings as desk_settings
from services.gateway.settings import settings as gateway_settings
from tests.deploy.alerts import metrics_in
from tests.deploy.shell import ROOT, output

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here to build k8s/ with")

KUBERNETES = "1.32"
BUILDS = ("base", "overlays/dev", "overlays/prod")
SCHEMAS = Path(__file__).parent / "schemas"
METRICS_PORT = LabelwrightSettings.model_fields["port"].default
HTTP_PORTS = {"gateway": gateway_settings().port, "desk": desk_settings().port}
SERVICES = list(topology.SERVICES)

Object = dict[str, Any]


@cache
def _built(folder: str) -> list[Object]:
    return list(yaml.safe_load_all(output("kubectl", "kustomize", f"k8s/{folder}")))


def _objects(folder: str, kind: str) -> dict[str, Object]:
    return {found["metadata"]["name"]: found for found in _built(folder) if found["kind"] == kind}


def _pod(service: str) -> Object:
    pod: Object = _objects("base", "Deployment")[service]["spec"]["template"]["spec"]
    return pod


def _container(service: str) -> Object:
    (container,) = _pod(service)["containers"]
    found: Object = container
    return found


def _validate(found: Object) -> None:
    """Raise ValidationError where a field is unknown or wrong, SchemaNotFoundError where the kind is."""
    own = SCHEMAS / f"{found['kind']}.json"
    if own.exists():
        jsonschema.validate(found, json.loads(own.read_text()))
    else:
        kubernetes_validate.validate(found, KUBERNETES, strict=True)


@pytest.mark.parametrize("folder", BUILDS)
def test_every_object_is_valid_to_the_last_field(folder: str) -> None:
    for found in _built(folder):
        _validate(found)


@pytest.mark.parametrize("kind", ["Deployment", "PodMonitor", "ScaledObject", "NetworkPolicy"])
def test_a_misspelt_field_and_an_unknown_kind_would_be_found(kind: str) -> None:
    found = copy.deepcopy(next(iter(_objects("overlays/prod", kind).values())))
    foreign = found | {"kind": "Deploymint"}
    found["spec"]["selecter"] = {}

    with pytest.raises(jsonschema.ValidationError, match="selecter"):
        _validate(found)
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        _validate(foreign)


@pytest.mark.parametrize("folder", BUILDS)
def test_there_is_one_deployment_for_each_service_and_no_other(folder: str) -> None:
    deployments = _objects(folder, "Deployment")

    assert set(deployments) == set(topology.SERVICES)
    for name, deployment in deployments.items():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["command"] == ["python", "-m", f"services.{name}"]


@pytest.mark.parametrize("folder", BUILDS)
def test_every_pod_keeps_to_the_restricted_standard_and_writes_nothing_but_volumes(folder: str) -> None:
    for pod in _pods(folder):
        everywhere = pod["securityContext"]
        assert everywhere["runAsNonRoot"] is True
        assert everywhere["runAsUser"] > 0
        assert everywhere["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert {kind for volume in pod.get("volumes", ()) for kind in volume} <= {
            "name", "emptyDir", "persistentVolumeClaim",
        }  # fmt: skip
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@pytest.mark.parametrize("folder", BUILDS)
def test_every_pod_may_use_so_much_memory_and_any_cpu_that_is_free(folder: str) -> None:
    for pod in _pods(folder):
        for container in pod["containers"]:
            resources = container["resources"]
            assert resources["limits"] == {"memory": resources["requests"]["memory"]}
            assert resources["requests"]["cpu"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_probed_where_its_process_answers(service: str) -> None:
    container = _container(service)

    assert [container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")] == [
        {"path": "/healthz", "port": "metrics"},
        {"path": "/healthz", "port": "metrics"},
        {"path": "/readyz", "port": "metrics"},
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_names_the_ports_that_its_process_listens_on(service: str) -> None:
    ports = {port["name"]: port["containerPort"] for port in _container(service)["ports"]}

    http = {"http": HTTP_PORTS[service]} if topology.SERVICES[service].kind == "http" else {}
    assert ports == {"metrics": METRICS_PORT} | http


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_time_to_end_and_loses_one_replica_at_a_time(service: str) -> None:
    budget = _objects("base", "PodDisruptionBudget")[service]["spec"]
    template = _objects("base", "Deployment")[service]["spec"]["template"]

    assert _pod(service)["terminationGracePeriodSeconds"] == 30
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"] == template["metadata"]["labels"]
    assert template["metadata"]["labels"]["app.kubernetes.io/component"] == service


@pytest.mark.parametrize("service", HTTP_PORTS)
def test_requests_reach_a_service_and_none_is_cut_off_by_a_rollout(service: str) -> None:
    front = _objects("base", "Service")[service]["spec"]
    deployment = _objects("base", "Deployment")[service]["spec"]

    assert [(port["port"], port["targetPort"]) for port in front["ports"]] == [(HTTP_PORTS[service], "http")]
    assert front["selector"] == deployment["template"]["metadata"]["labels"]
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert _container(service)["lifecycle"]["preStop"]["sleep"]["seconds"] > 0


@pytest.mark.parametrize("service", topology.STAGES)
def test_a_stage_that_is_stopped_hands_back_at_once(service: str) -> None:
    assert "lifecycle" not in _container(service)


@pytest.mark.parametrize("folder", BUILDS)
def test_the_ledger_has_one_writer_and_a_volume_that_stays(folder: str) -> None:
    publish = _objects(folder, "Deployment")["publish"]["spec"]
    pod = publish["template"]["spec"]
    mounted = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    claims = {volume["name"]: volume.get("persistentVolumeClaim") for volume in pod["volumes"]}

    assert (publish["replicas"], publish["strategy"]) == (1, {"type": "Recreate"})
    assert claims[mounted["/data"]]["claimName"] in _objects(folder, "PersistentVolumeClaim")
    assert "LABELWRIGHT_DATA=/data" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("folder", BUILDS)
def test_settings_are_known_and_secrets_are_told_by_nobody_but_the_throw_away_overlay(folder: str) -> None:
    settings = {f"LABELWRIGHT_{name}".upper() for name in LabelwrightSettings.model_fields}
    (config,) = _objects(folder, "ConfigMap").values()
    secrets = _objects(folder, "Secret")

    for pod in _deployed(folder):
        (secret,) = [of["secretRef"]["name"] for of in pod["containers"][0]["envFrom"] if "secretRef" in of]
        assert config["metadata"]["name"] in json.dumps(pod["containers"][0]["envFrom"])
        assert secret in secrets if folder == "overlays/dev" else (secret, secrets) == ("labelwright", {})
    assert set(config["data"]) <= settings


def test_prometheus_operator_scrapes_every_pod_as_the_alerts_expect() -> None:
    monitor = _objects("overlays/prod", "PodMonitor")["labelwright"]["spec"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    written = {one["targetLabel"]: one.get("replacement") for one in endpoint["relabelings"]}

    assert endpoint["port"] == "metrics"
    assert written == {"job": "labelwright", "process": None}
    for deployment in _objects("overlays/prod", "Deployment").values():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert monitor["selector"]["matchLabels"].items() <= labels.items()


def test_stages_and_nothing_else_grow_with_what_waits_for_them() -> None:
    scaled = _objects("overlays/prod", "ScaledObject")
    deployments = _objects("overlays/prod", "Deployment")

    assert set(scaled) == set(topology.STAGES)
    for name, one in scaled.items():
        (trigger,) = one["spec"]["triggers"]
        query = trigger["metadata"]["query"]
        assert one["spec"]["scaleTargetRef"]["name"] == name
        assert one["spec"]["minReplicaCount"] >= 1
        assert metrics_in(query) == [CATALOGUE["labelwright_stream_backlog_entries"]]
        assert f'service="{name}"' in query
        assert "replicas" not in deployments[name]["spec"]


def test_the_network_lets_through_what_processes_listen_on_and_need() -> None:
    policies = _objects("overlays/prod", "NetworkPolicy")
    everyone, http = policies["labelwright"]["spec"], policies["labelwright-http"]["spec"]

    assert everyone["policyTypes"] == ["Ingress", "Egress"]
    assert _ports(everyone["ingress"]) == {"metrics"}
    assert _ports(everyone["egress"]) == {6379, 53}
    assert _ports(http["ingress"]) == {"http"}
    assert set(http["podSelector"]["matchExpressions"][0]["values"]) == set(HTTP_PORTS)


def _ports(rules: list[Mapping[str, Any]]) -> set[str | int]:
    return {port["port"] for rule in rules for port in rule["ports"]}


def _deployed(folder: str) -> Iterator[Object]:
    for deployment in _objects(folder, "Deployment").values():
        yield deployment["spec"]["template"]["spec"]


def _pods(folder: str) -> Iterator[Object]:
    yield from _deployed(folder)
    for stateful in _objects(folder, "StatefulSet").values():
        yield stateful["spec"]["template"]["spec"]
