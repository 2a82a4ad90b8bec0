"""What owners do with items at the command line, against the whole system."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import eventually
from tests.integration.cli.conftest import ROOT, System, up

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]

SAID = {
    "cur-1": "The holiday calendar opens on the wrong month every single morning",
    "cur-2": "The holiday calendar never opens on the wrong month every single morning",
    "cur-3": "Parcels are shown as delivered although the courier still has them",
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of its own: nobody labels these items."""
    with up(tmp_path_factory.mktemp("curating"), "--only", "gateway,intake,triage,resolve,dispatch") as running:
        running.command("project", "apply", str(ROOT / "examples/support.yaml"))
        yield running


@pytest.fixture(scope="module")
def items(system: System) -> dict[str, str]:
    """The items of three pieces of feedback, two of which may be the same."""
    dsn = system.urls["publish"].replace("://", f"://{system.key('support', 'publisher')}@") + "/support"
    subject = {"type": "screen", "id": "calendar"}
    events = [{"id": name, "kind": "text", "comment": text, "subject": subject} for name, text in SAID.items()]
    system.command("publish", "-", "--dsn", dsn, typed="\n".join(map(json.dumps, events)))
    found: dict[str, str] = {}

    def are_placed() -> bool:
        found.update({name: item for name in SAID.keys() - found.keys() if (item := _item(system, name))})
        return found.keys() == SAID.keys()

    assert eventually(are_placed, within_s=90)
    return found


def test_a_proposal_is_accepted_and_taken_back(system: System, items: dict[str, str]) -> None:
    listed = system.command("merges", "--json").last["merges"]
    pair = next(one for one in listed if one["text"] in SAID.values())
    shown = system.command("merges")
    accepted = system.command(
        "merges", "accept", pair["item"], pair["other"], "--reason", "one bug", "--by", "olga", "--json"
    )
    assert accepted.code == 0, accepted.said
    after = [one["item"] for one in system.command("merges", "--json").last["merges"]]
    whole = system.command("items", "show", pair["other"], "--json").last
    split = system.command("items", "split", "cur-2", "--reason", "they are opposites", "--by", "olga", "--json")

    assert {pair["item"], pair["other"]} == {items["cur-1"], items["cur-2"]}
    assert pair["reason"]
    assert "may be the same" in shown.out
    assert accepted.last == {"item": pair["item"], "into": pair["other"]}
    assert pair["item"] not in after
    assert ("took", "olga", "one bug") in [(act["did"], act["by"], act["reason"]) for act in whole["acts"]]
    assert split.code == 0, split.said
    assert split.last["split_from"] == pair["other"]
    told = system.command("trace", pair["other"], "--project", "support", "--json").last["steps"]
    assert [(step["step"], step["reason"]) for step in told if step.get("by") == "olga"] == [
        ("took", "one bug"),
        ("split", "they are opposites"),
    ]


def test_two_items_are_kept_apart_merged_pinned_and_muted(system: System, items: dict[str, str]) -> None:
    parcels, calendar = items["cur-3"], items["cur-1"]

    apart = system.command("merges", "decline", parcels, calendar, "--json")
    pinned = system.command("items", "pin", parcels, "--reason", "the press calls", "--json")
    assert eventually(lambda: _queue(system)[0]["item"] == parcels, within_s=90)
    unpinned = system.command("items", "unpin", parcels, "--reason", "it was a mistake", "--json")
    muted = system.command("items", "mute", parcels, "--reason", "known", "--json")
    assert eventually(lambda: parcels not in [item["item"] for item in _queue(system)], within_s=90)
    unmuted = system.command("items", "unmute", parcels, "--reason", "not known after all", "--json")

    assert [ran.code for ran in (apart, pinned, unpinned, muted, unmuted)] == [0] * 5
    assert apart.last == {"item": parcels, "other": calendar}
    assert pinned.last == {"item": parcels, "pinned": True}
    assert "the most urgent first" in system.command("items", "list").out


def test_says_what_cannot_be_done(system: System) -> None:
    ran = system.command("items", "merge", "none", "neither", "--reason", "why not")
    elsewhere = system.command("items", "list", "--project", "nowhere")

    assert (ran.code, elsewhere.code) == (1, 1)
    assert "there is no item 'none'" in ran.said
    assert "there is no project 'nowhere'" in elsewhere.said


def _item(system: System, feedback: str) -> str | None:
    ran = system.command("trace", feedback, "--project", "support", "--json")
    steps = ran.last["steps"] if ran.code == 0 else []
    return next((step["item"] for step in steps if step["step"] == "item"), None)


def _queue(system: System) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = system.command("items", "list", "--limit", "200", "--json").last["items"]
    return found
