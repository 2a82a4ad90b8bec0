"""Two tenants: with the other's key every route says no, and tells nothing of what is there."""

import json
from typing import Any

import pytest

from labelwright.access import Role
from tests.conftest import RunStages
from tests.installation import PROJECT, Caller, Installation, event, project_file

pytestmark = [pytest.mark.server, pytest.mark.anyio]

OTHER = "bank"
SECRET = "canary of the shop"
ROLES: list[Role] = ["publisher", "annotator", "reviewer", "owner"]
ALLOWED: dict[str, set[str]] = {
    "publish": {"publisher", "owner"},
    "story": {"publisher", "reviewer", "owner"},
    "next": {"annotator", "owner"},
    "hold": {"annotator", "owner"},
    "labels": {"publisher", "reviewer", "owner"},
    "read": {"publisher", "annotator", "reviewer", "owner"},
    "apply": {"owner"},
}
"""Who may do what in their own project."""

ROUTES: dict[str, tuple[str, str, Any]] = {
    "publish": ("POST", "/v1/feedback", event(project=PROJECT)),
    "story": ("GET", "/v1/feedback/e1", None),
    "next": ("POST", f"/v1/projects/{PROJECT}/assignments", {}),
    "hold": ("POST", "/v1/assignments/{assignment}/release", {"token": "{token}"}),
    "labels": ("GET", f"/v1/projects/{PROJECT}/labels", None),
    "read": ("GET", f"/v1/projects/{PROJECT}", None),
    "apply": ("PUT", f"/v1/projects/{PROJECT}", project_file(title="taken over").model_dump(mode="json")),
}


@pytest.fixture
async def held(installation: Installation, run_stages: RunStages) -> dict[str, Any]:
    """The shop has a published event `e1` and a task in hand; the bank has a project."""
    await installation.apply(OTHER)
    publisher = await installation.caller("publisher")
    await publisher.publish(event(id="e1", comment=SECRET))
    await run_stages("intake", "triage", "resolve", "dispatch")
    ann = await installation.caller("annotator", annotator="ann")
    held = (await ann.post(f"/v1/projects/{PROJECT}/assignments", {})).json()
    assert held["text"] == SECRET
    return dict(held)


async def _ask(caller: Caller, route: str, held: dict[str, Any]) -> Any:
    method, path, body = ROUTES[route]
    filled = json.loads(json.dumps(body).replace("{token}", held["token"]))
    return await caller.ask(method, path.format(assignment=held["assignment"]), json=filled)


async def test_no_role_of_another_tenant_opens_any_route(installation: Installation, held: dict[str, Any]) -> None:
    before = await _state(installation)

    for role in ROLES:
        stranger = await installation.caller(role, project=OTHER, annotator="ann")
        for route in ROUTES:
            answer = await _ask(stranger, route, held)

            # who may publish may do so in their own project: there it is the event that is foreign
            expected = (422,) if route == "publish" and role in ALLOWED["publish"] else (403, 404)
            assert answer.status_code in expected, (role, route, answer.text)
            leaked = (SECRET, held["token"], held["item"], "crowd", "Is it wrong?")
            assert not any(word in answer.text for word in leaked), (role, route, answer.text)

    assert await _state(installation) == before


async def _state(installation: Installation) -> tuple[int, ...]:
    """How much was written where feedback, projects and answers are."""
    streams = ("feedback", "guidelines", "assignments", "annotations")
    return tuple([await installation.server.client.xlen(f"{{p0}}:{stream}") for stream in streams])


async def test_within_a_project_each_role_does_what_it_is_for(installation: Installation, held: dict[str, Any]) -> None:
    for role in ROLES:
        for route, allowed in ALLOWED.items():
            caller = await installation.caller(role, annotator=f"{role}-{route}")
            answer = await _ask(caller, route, held)

            if role not in allowed:
                assert answer.status_code == 403, (role, route, answer.text)
                assert "no role" in answer.json()["detail"]
            elif route == "hold":
                assert answer.json()["code"] == "wrong_token"
            elif (role, route) == ("owner", "next"):
                assert "answers as no source" in answer.json()["detail"]
            else:
                assert answer.status_code < 300, (role, route, answer.text)


async def test_two_tenants_may_use_the_same_ids(installation: Installation, held: dict[str, Any]) -> None:
    stranger = await installation.caller("publisher", project=OTHER)

    answer = await stranger.publish(event(id="e1", comment="the bank's own words"))

    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert held["item"] not in (await stranger.get("/v1/feedback/e1")).text


@pytest.mark.parametrize("project", ["shop/e1?", "bank%2F..%2Fshop", "..", "%2e%2e", "shop%00", "Shop"])
async def test_no_spelling_of_a_project_leads_into_another(installation: Installation, project: str) -> None:
    await installation.apply(OTHER)
    stranger = await installation.caller("owner", project=OTHER)

    answers = [await stranger.get(f"/v1/projects/{project}{path}") for path in ("", "/labels")]

    assert {answer.status_code for answer in answers} <= {403, 404}


async def test_names_of_annotators_and_gold_are_not_for_everyone(
    installation: Installation, run_stages: RunStages, held: dict[str, Any]
) -> None:
    ann = await installation.access.mint_key(PROJECT, ["annotator"], annotator="ann", sources=["crowd"])
    answered = {"token": held["token"], "label": "wrong"}
    await Caller(installation.http, ann).post(f"/v1/assignments/{held['assignment']}/annotation", answered)
    await installation.apply(gold=[{"text": "a text of gold", "label": "wrong"}])
    await run_stages("resolve")
    told = {role: await installation.caller(role) for role in ROLES}

    stories = {role: (await caller.get("/v1/feedback/e1")).text for role, caller in told.items()}
    files = {role: (await caller.get(f"/v1/projects/{PROJECT}")).text for role, caller in told.items()}

    assert {role for role, text in stories.items() if '"annotator":"ann"' in text} == {"reviewer", "owner"}
    assert {role for role, text in files.items() if "a text of gold" in text} == {"owner"}
