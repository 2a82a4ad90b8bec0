"""The commands against a running system, as a person types them."""

import json
from pathlib import Path

import pytest

from labelwright.demo.annotators import Annotator
from labelwright.demo.client import WorkClient
from tests.conftest import eventually
from tests.integration.cli.conftest import ROOT, System

pytestmark = pytest.mark.server

EVENT = {"kind": "thumb", "value": -1, "subject": {"type": "llm_response", "id": "r1"}}


@pytest.fixture
def dsn(system: System) -> str:
    return f"{system.urls['publish'].replace('://', '://' + system.key('support', 'publisher') + '@')}/support"


def test_publishes_a_file_and_tells_what_was_rejected(system: System, dsn: str, tmp_path: Path) -> None:
    good = [EVENT | {"id": f"file-{number}", "comment": f"Why so rude, case {number}"} for number in range(3)]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, [*good, good[0], {"kind": "thumb", "value": 9}])))

    ran = system.command("publish", str(file), "--dsn", dsn, "--json")

    assert ran.code == 1
    assert {name: ran.last[name] for name in ("sent", "accepted", "duplicate", "rejected")} == {
        "sent": 5, "accepted": 3, "duplicate": 1, "rejected": 1,
    }  # fmt: skip
    assert ran.last["faults"] == ["line 5: /subject Field required"]


def test_traces_an_event_to_its_label(system: System, dsn: str) -> None:
    said = json.dumps(EVENT | {"id": "trace-me", "comment": "What an arrogant answer about the night tariff"})
    system.command("publish", "-", "--dsn", dsn, typed=said)

    def steps() -> list[str]:
        ran = system.command("trace", "trace-me", "--project", "support", "--json")
        return [step["step"] for step in ran.last["steps"]] if ran.code == 0 else []

    assert eventually(lambda: "annotation" in steps() and steps()[:3] == ["received", "accepted", "item"])


def test_says_where_nothing_is_known(system: System) -> None:
    ran = system.command("trace", "never-seen", "--project", "support")

    assert ran.code == 1
    assert "nothing is known of 'never-seen'" in ran.said


def test_applies_a_project_file_once(system: System) -> None:
    again = system.command("project", "apply", str(ROOT / "examples/support.yaml"), "--json")

    assert again.last == {"project": "support", "number": 1, "new": False}


def test_refuses_a_bad_project_file_by_its_faults(system: System, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("project: Bad Name\nguideline: {question: '?', labels: []}\nsources: []\n")

    ran = system.command("project", "apply", str(file))

    assert ran.code == 1
    assert "/project" in ran.said
    assert "/guideline" in ran.said


def test_lists_keys_without_their_secrets_and_ends_them(system: System) -> None:
    key = system.key("support", "annotator", source="crowd", annotator="tess", note="a trial")
    key_id = key.split("_")[2]

    listed = system.command("keys", "list", "--project", "support", "--json")
    revoked = system.command("keys", "revoke", key_id)
    after = {one["id"]: one for one in system.command("keys", "list", "--json").last["keys"]}

    assert key_id in listed.out
    assert key.split("_")[3][:20] not in listed.out
    assert revoked.code == 0
    assert after[key_id]["revoked"]


def test_refuses_a_role_that_there_is_not(system: System) -> None:
    ran = system.command("keys", "new", "support", "--role", "king")

    assert ran.code == 1
    assert "there is no role 'king'" in ran.said


def test_shows_what_waits_where(system: System) -> None:
    shown = system.command("status", "--json").last

    assert {row["service"] for row in shown["services"]} >= {"intake", "triage", "resolve", "dispatch", "annotate"}
    assert shown["dead"] == 0
    assert shown["server"]["append_only"]
    assert all(one["expired"] == 0 == one["expired_share"] for one in shown["signal"])


def test_finds_a_healthy_installation_healthy(system: System) -> None:
    ran = system.command("doctor", "--json")

    assert ran.code == 0
    assert ran.last["ok"], ran.out


def test_doctor_says_no_where_a_check_fails(system: System) -> None:
    ran = system.command("doctor", "--json", LABELWRIGHT_SECRET="00")

    assert ran.code == 4
    assert [check["check"] for check in ran.last["checks"] if not check["ok"]] == ["secret"]


def test_cuts_verifies_and_compares_snapshots(system: System, dsn: str, tmp_path: Path) -> None:
    for number in range(2):
        said = json.dumps(EVENT | {"id": f"snap-{number}", "comment": f"Great help with ticket {number} of mine"})
        system.command("publish", "-", "--dsn", dsn, typed=said)

    for name in ("kim", "lou", "max"):
        who = Annotator(name, "crowd", 1.0)
        key = system.key("support", "annotator", source="crowd", annotator=name)
        hand = WorkClient(system.urls["publish"], key, "support", who)
        while task := hand.next_task(wait_s=1):
            hand.annotate(task, "fine" if "Great" in task["text"] else "tone")
        hand.close()

    def cut() -> bool:
        ran = system.command("snapshot", "cut", "support", "--out", str(tmp_path), "--json")
        return ran.code == 0 and ran.last["labels"] >= 1

    assert eventually(cut, within_s=30)
    (folder, *_) = sorted(path for path in tmp_path.iterdir() if path.is_dir())
    verified = system.command("snapshot", "verify", str(folder), "--json")
    same = system.command("snapshot", "diff", str(folder), str(folder), "--json")
    (folder / "README.md").write_text("changed")
    changed = system.command("snapshot", "verify", str(folder), "--json")

    assert verified.last == {"ok": True, "faults": []}
    assert same.last == {"added": [], "removed": [], "changed": []}
    assert changed.code == 4
    assert not changed.last["ok"]


def test_proves_that_a_rebuild_equals_the_server(system: System) -> None:
    def is_equal() -> bool:
        ran = system.command("rebuild", "--check", "--json")
        return ran.code == 0 and ran.last["equal"] is True

    assert eventually(is_equal, within_s=40)


def test_replays_no_letter_that_is_not_there(system: System) -> None:
    listed = system.command("dead", "list", "--json")
    replayed = system.command("dead", "replay", "1-1")

    assert listed.last == {"dead": []}
    assert replayed.code == 1


def test_draws_the_topology(system: System) -> None:
    ran = system.command("topology", "--mermaid")

    assert ran.code == 0
    assert ran.out.startswith("flowchart LR")
