"""Dead letters at the command line: listed, shown whole, and replayed once."""

from collections.abc import Iterator

import pytest
import redis

from labelwright.contracts.envelope import Event, encode
from labelwright.contracts.feedback import FeedbackReceived, Subject
from labelwright.contracts.payload import Payload
from labelwright.runtime.dead import epitaph
from labelwright.runtime.plan import Entry
from tests.conftest import eventually
from tests.integration.cli.conftest import ROOT, System, up
from tests.integration.engine.stages import said

pytestmark = pytest.mark.server


@pytest.fixture
def lying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, str]]:
    """A system of its own with one dead letter, and the letter's id."""
    with up(tmp_path_factory.mktemp("dead"), "--only", "intake,triage,publish") as system:
        system.command("project", "apply", str(ROOT / "examples/support.yaml"))
        feedback = FeedbackReceived(kind="text", comment="never decided", subject=Subject(type="screen", id="s"))
        event: Event[Payload] = Event("lost-1", "/test", "support", said(1).time, feedback)
        entry = Entry("feedback", b"1-1", encode(event))
        with redis.Redis.from_url((system.folder / ".labelwright/running").read_text()) as client:
            letter = client.xadd("{p0}:dead", {"event": epitaph("intake", entry, event, "ZeroDivisionError in decide")})
        yield system, letter.decode()


def test_a_dead_letter_is_listed_shown_and_replayed_once(lying: tuple[System, str]) -> None:
    system, letter = lying

    (listed,) = system.command("dead", "list", "--json").last["dead"]
    shown = system.command("dead", "show", letter).last
    counted = system.command("status", "--json").last["dead"]
    replayed = system.command("dead", "replay", letter, "--json")
    again = system.command("dead", "replay", letter, "--json")

    assert listed == {
        "letter": letter, "service": "intake", "stream": "feedback", "id": "lost-1", "project": "support",
        "reason": "ZeroDivisionError in decide", "replayed": False,
    }  # fmt: skip
    assert "never decided" in shown["event"]
    assert counted == 1
    assert replayed.last == {"replayed": [letter], "refused": []}
    assert again.code == 1
    assert system.command("status", "--json").last["dead"] == 0
    assert eventually(lambda: "item" in _steps(system, "lost-1"))


def _steps(system: System, event: str) -> list[str]:
    ran = system.command("trace", event, "--project", "support", "--json")
    return [step["step"] for step in ran.last["steps"]] if ran.code == 0 else []
