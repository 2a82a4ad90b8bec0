"""`python -m labelwright ping` says in one sentence whether feedback would arrive."""

import subprocess
import sys

import pytest

from tests.unit.sdk.loopback import LoopbackGateway, Reply


def _ping(dsn: str, *arguments: str) -> tuple[int, str]:
    run = subprocess.run(
        [sys.executable, "-m", "labelwright", *(arguments or ("ping",))],
        env={"LABELWRIGHT_DSN": dsn, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def test_ping_validates_one_event_without_keeping_it(gateway: LoopbackGateway) -> None:
    code, sentence = _ping(gateway.dsn)

    assert code == 0, sentence
    assert "takes feedback; it answered 202" in sentence
    assert gateway.arrived[0].path == "/v1/feedback?dry_run=1"
    assert gateway.arrived[0].events[0]["project"] == "checkout"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(status=401), "check the key"),
        (Reply(status=500), "would not take feedback"),
        (Reply(status=422, verdicts={0: "rejected"}), "would not take feedback"),
        (Reply(fault="reset"), "can't be reached"),
    ],
)
def test_ping_tells_what_is_wrong_and_hides_the_key(gateway: LoopbackGateway, reply: Reply, told: str) -> None:
    gateway.replies.append(reply)

    code, sentence = _ping(gateway.dsn)

    assert code == 1
    assert told in sentence
    assert "lw_test_key" not in sentence


def test_ping_without_a_dsn_says_how_to_set_one() -> None:
    code, sentence = _ping("")

    assert code == 1
    assert "set LABELWRIGHT_DSN to http[s]://<key>@host[:port]/<project>" in sentence


def test_any_other_command_is_a_wrong_call() -> None:
    code, sentence = _ping("", "pong")

    assert code == 2
    assert "usage: python -m labelwright ping" in sentence
