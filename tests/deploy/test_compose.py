"""The stack of compose.yaml, built and run for real: what comes in over HTTP becomes a label."""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from labelwright import topology
from labelwright.runtime.embedded import free_port
from tests.deploy.alerts import RULES, metrics_in
from tests.deploy.shell import output, run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

PROJECT = "shop"
PROJECT_FILE = {
    "project": PROJECT,
    "guideline": {"question": "What is wrong?", "labels": [{"name": "wrong_price"}, {"name": "something_else"}]},
    "rules": [{"id": "price", "pattern": "price", "label": "wrong_price"}],
    "sources": [
        {"name": "rules", "kind": "rule", "price_usd": 0},
        {"name": "crowd", "kind": "crowd", "price_usd": 0.08},
    ],
    "wrong_label_costs_usd": 100,  # so that a rule's word alone isn't enough
}
EVENT = {
    "id": "event-1",
    "kind": "thumb",
    "value": -1,
    "subject": {"type": "llm_response", "id": "answer-1"},
    "comment": "the price of the travel card is wrong",
}
ASK_ALL = """
import json, sys, urllib.request
def ask(service, path):
    with urllib.request.urlopen(f"http://{service}:9090/{path}", timeout=5) as answer:
        return answer.status, answer.read().decode()
paths = ("metrics", "healthz", "readyz")
print(json.dumps({service: {path: ask(service, path) for path in paths} for service in sys.argv[1:]}))
"""
HEALTHY_WITHIN_S, STOPPED_WITHIN_S, LABELED_WITHIN_S, SHOWN_WITHIN_S = 120, 30, 60, 30


@dataclass(frozen=True)
class Stack:
    """A running stack under a project name of its own."""

    compose: Sequence[str]
    environment: dict[str, str]
    gateway: str

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a docker-compose command and return what it printed."""
        return output(*self.compose, *arguments, environment=self.environment, stdin=stdin)

    def labelwright(self, *arguments: str, stdin: str | None = None) -> dict[str, Any]:
        """Run a command of ours inside publish's container and return its JSON."""
        printed = self.run("exec", "-T", "publish", "labelwright", *arguments, "--json", stdin=stdin)
        answer: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return answer

    def answers(self) -> dict[str, dict[str, tuple[int, str]]]:
        """Ask every service for its metrics and its probes, over the stack's network; status and text of each."""
        printed = self.run("exec", "-T", "publish", "python", "-c", ASK_ALL, *topology.SERVICES)
        found: dict[str, dict[str, tuple[int, str]]] = json.loads(printed)
        return found

    def states(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the state of each service's container, as the engine tells it."""
        ids = {name: self.run("ps", "-q", name).strip() for name in names}
        shown = json.loads(output("docker", "inspect", *ids.values(), environment=self.environment))
        found = {one["Id"]: one["State"] for one in shown}
        return {name: found[container] for name, container in ids.items()}

    def await_health(self) -> None:
        """Wait until every container is healthy."""
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while True:
            states = self.states(list(topology.SERVICES))
            ill = {name: state["Status"] for name, state in states.items() if state["Health"]["Status"] != "healthy"}
            if not ill:
                return
            assert time.monotonic() < deadline, f"{ill}\n{self.run('logs', '--tail', '20', *ill)}"
            time.sleep(0.5)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    if shutil.which("docker") is None or run("docker", "info").returncode:
        pytest.skip("there is no Docker engine here")
    one_word = shutil.which("docker-compose")
    name = f"labelwright-test-{os.getpid()}"
    gateway, desk = free_port(), free_port()
    stack = Stack(
        [*([one_word] if one_word else ["docker", "compose"]), "-p", name],
        os.environ
        | {
            "LABELWRIGHT_SECRET": secrets.token_hex(32),
            "LABELWRIGHT_TAG": "test",
            "BUILD_NETWORK": "host",
            "GATEWAY_PORT": str(gateway),
            "DESK_PORT": str(desk),
        },
        f"http://127.0.0.1:{gateway}",
    )
    try:
        stack.run("up", "--build", "-d")
        stack.await_health()
        stack.labelwright("project", "apply", "/dev/stdin", stdin=json.dumps(PROJECT_FILE))
        yield stack
    finally:
        stack.run("down", "-v")


def test_an_event_that_is_published_from_outside_becomes_a_label(stack: Stack) -> None:
    publisher = stack.labelwright("keys", "new", PROJECT, "--role", "publisher")["key"]
    annotators = [_annotator(stack, name) for name in ("ada", "ben", "cleo", "dana")]

    published = _ask(f"{stack.gateway}/v1/feedback", publisher, EVENT)
    labels = _until_labeled(stack, publisher, annotators)
    story = _ask(f"{stack.gateway}/v1/feedback/{EVENT['id']}", publisher)

    (label,) = labels
    assert [result["status"] for result in published["results"]] == ["accepted"]
    assert (label["label"], label["feedback"]) == ("wrong_price", [EVENT["id"]])
    assert {"rules", "crowd"} == {annotation["source"] for annotation in label["annotations"]}
    assert label["item"] in json.dumps(story)


def test_every_process_answers_its_probes_and_shows_its_metrics(stack: Stack) -> None:
    answers = stack.answers()

    statuses = {name: [status for status, _ in of_one.values()] for name, of_one in answers.items()}
    assert statuses == {name: [200, 200, 200] for name in topology.SERVICES}
    assert all("# TYPE labelwright_" in of_one["metrics"][1] for of_one in answers.values())


def test_some_process_exports_each_metric_that_an_alert_is_about(stack: Stack) -> None:
    wanted = {metric.name for rule in RULES for metric in metrics_in(rule["expr"])}
    deadline = time.monotonic() + SHOWN_WITHIN_S

    while True:
        texts = [of_one["metrics"][1] for of_one in stack.answers().values()]
        missing = wanted - {name for text in texts for name in re.findall(r"^# TYPE (\S+)", text, re.M)}
        if not missing:
            break
        assert time.monotonic() < deadline, f"nobody exports {missing}"


def test_no_process_is_root_or_can_write_beside_its_data(stack: Stack) -> None:
    script = "id -u; touch /app/x 2>/dev/null && echo wrote; touch /tmp/x && echo scratch"

    printed = stack.run("exec", "-T", "publish", "sh", "-c", script)

    assert printed.split() == ["65532", "scratch"]


def test_a_stop_takes_seconds_and_every_process_says_that_it_ended_well(stack: Stack) -> None:
    services = list(topology.SERVICES)

    began = time.monotonic()
    stack.run("stop", *services)
    took_s = time.monotonic() - began
    ended = {name: state["ExitCode"] for name, state in stack.states(services).items()}
    stack.run("start", *services)
    stack.await_health()

    assert ended == dict.fromkeys(services, 0)
    assert took_s < STOPPED_WITHIN_S


def test_without_a_secret_it_does_not_start_and_says_how_to_make_one(stack: Stack) -> None:
    without = {name: value for name, value in stack.environment.items() if name != "LABELWRIGHT_SECRET"}

    refused = run(*stack.compose, "config", environment=without)

    assert refused.returncode != 0
    assert "openssl rand -hex 32" in refused.stderr


def _annotator(stack: Stack, name: str) -> str:
    options = ("--role", "annotator", "--annotator", name, "--source", "crowd")
    key: str = stack.labelwright("keys", "new", PROJECT, *options)["key"]
    return key


def _until_labeled(stack: Stack, key: str, annotators: Sequence[str]) -> list[dict[str, Any]]:
    """Let annotators pull and answer what there is until something is labeled."""
    deadline = time.monotonic() + LABELED_WITHIN_S
    while True:
        labels: list[dict[str, Any]] = _ask(f"{stack.gateway}/v1/projects/{PROJECT}/labels", key)["labels"]
        if labels:
            return labels
        assert time.monotonic() < deadline, "nothing was labeled in time"
        for annotator in annotators:
            task = _ask(f"{stack.gateway}/v1/projects/{PROJECT}/assignments", annotator, {"wait_s": 0.5})
            if task:
                answer = {"token": task["token"], "label": "wrong_price"}
                _ask(f"{stack.gateway}/v1/assignments/{task['assignment']}/annotation", annotator, answer)


def _ask(url: str, key: str, body: Any = None) -> dict[str, Any]:
    answer = httpx2.request("POST" if body else "GET", url, json=body, headers={"Authorization": f"Bearer {key}"})
    found: dict[str, Any] = answer.raise_for_status().json() if answer.content else {}
    return found
