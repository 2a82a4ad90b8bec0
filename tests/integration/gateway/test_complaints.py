"""From a bare thumbs-down to its label over HTTP: first what it means, then what is wrong; and a vote that changes."""

from typing import Any

import pytest

from labelwright.stories import split
from tests.conftest import RunStages
from tests.installation import PROJECT, Caller, Installation, event

pytestmark = [pytest.mark.server, pytest.mark.anyio]

STAGES = ("intake", "triage", "resolve", "dispatch")


async def _steps(caller: Caller, identity: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await caller.get(f"/v1/feedback/{identity}")).json()["steps"]
    return found


async def _answer(caller: Caller, label: str) -> dict[str, Any]:
    held: dict[str, Any] = (await caller.post(f"/v1/projects/{PROJECT}/assignments", {})).json()
    given = await caller.post(
        f"/v1/assignments/{held['assignment']}/annotation", {"token": held["token"], "label": label}
    )
    assert given.status_code == 201, given.text
    return held


async def test_a_bare_thumb_is_asked_what_it_means_and_keeps_that_apart(
    installation: Installation, run_stages: RunStages
) -> None:
    await installation.apply(ask_complaint_of="crowd")
    owner = await installation.caller("owner")
    ann = await installation.caller("annotator", annotator="ann")
    await owner.publish(event(id="bare", comment=None))
    await run_stages(*STAGES, "quality")

    first = await _answer(ann, "not_what_i_wanted")
    await run_stages(*STAGES, "quality")
    second = await _answer(ann, "right")
    await run_stages(*STAGES, "quality")

    assert (first["asks"], second["asks"], first["item"]) == ("complaint", "label", second["item"])
    told = [step for step in await _steps(owner, "bare") if step["step"] == "annotation"]
    assert [(step.get("complaint"), step.get("label")) for step in told] == [
        ("not_what_i_wanted", None),
        (None, "right"),
    ]
    rows = await split(await installation.server.partition("p0").reads(), PROJECT)
    assert rows["unsaid"]["feedback"] == 1
    assert sum(rows["not_what_i_wanted"].values()) == 1
    assert rows["not_what_i_wanted"]["feedback"] == 0


async def test_bare_thumbs_with_different_reasons_are_different_items(
    installation: Installation, run_stages: RunStages
) -> None:
    owner = await installation.caller("owner")
    bare = {"comment": None}

    await owner.publish(
        event(id="f1", reason="Not factually correct", **bare),
        event(id="f2", reason="incorrect", **bare),
        event(id="f3", reason="too long", **bare),
    )
    await run_stages(*STAGES)

    items = {name: (await _steps(owner, name))[2]["item"] for name in ("f1", "f2", "f3")}
    assert items["f1"] == items["f2"] != items["f3"]


async def test_a_changed_vote_is_told_at_both_ends(installation: Installation, run_stages: RunStages) -> None:
    owner = await installation.caller("owner")

    await owner.publish(event(id="down", user="u1", comment=None))
    await run_stages(*STAGES)
    await owner.publish(event(id="up", user="u1", comment=None, value=1))
    await run_stages(*STAGES)

    assert (await _steps(owner, "down"))[-1] | {"at": ""} == {"step": "superseded", "at": "", "by": "up"}
    assert (await _steps(owner, "up"))[1]["supersedes"] == "down"
