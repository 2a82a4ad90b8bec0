"""The project file: versions are never overwritten, and what isn't one is told where."""

import asyncio
from typing import Any

import pytest
import yaml
from pydantic_core import to_json

from labelwright import projects
from labelwright.runtime.server import Server
from tests.installation import PROJECT, Caller, Installation, installed, project_file

pytestmark = [pytest.mark.server, pytest.mark.anyio]

PATH = f"/v1/projects/{PROJECT}"


def _file(**about: Any) -> dict[str, Any]:
    return project_file(**about).model_dump(mode="json", exclude_defaults=True)


async def _put_yaml(owner: Caller, text: str | bytes) -> Any:
    return await owner.put(PATH, content=text, headers={"Content-Type": "application/yaml"})


async def test_the_first_file_places_a_project_and_is_version_1(server: Server) -> None:
    async with installed(server) as installation:
        owner = await installation.caller("owner")
        before = await owner.get(PATH)

        applied = await owner.put(PATH, _file(title="first"))

        assert (before.status_code, before.json()["type"]) == (404, "/problems/not-found")
        assert (applied.status_code, applied.json()) == (200, {"project": PROJECT, "number": 1, "new": True})
        assert applied.headers["etag"] == '"1"'
        assert (await owner.get(PATH)).json()["file"]["title"] == "first"


async def test_yaml_and_json_are_the_same_file(installation: Installation) -> None:
    owner = await installation.caller("owner")

    new = await _put_yaml(owner, yaml.safe_dump(_file(title="Mängel")))
    same = await owner.put(PATH, _file(title="Mängel"))

    assert [answer.json() for answer in (new, same)] == [
        {"project": PROJECT, "number": 2, "new": True},
        {"project": PROJECT, "number": 2, "new": False},
    ]


async def test_a_version_is_kept_when_the_next_one_comes(installation: Installation) -> None:
    owner = await installation.caller("owner")
    await owner.put(PATH, _file(title="second"))

    (kept,) = await (await installation.server.partition("p0").reads())(projects.history.all())

    assert {name: document.value.file.title for name, document in kept.items()} == {
        f"{PROJECT}@1": "",
        f"{PROJECT}@2": "second",
    }


async def test_of_two_owners_who_read_the_same_version_one_wins(installation: Installation) -> None:
    owner = await installation.caller("owner")
    read = await owner.get(PATH)
    headers = {"If-Match": read.headers["etag"]}

    answers = await asyncio.gather(*(owner.put(PATH, _file(title=f"by {n}"), headers=headers) for n in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert (refused.json()["code"], refused.json()["type"]) == ("changed", "/problems/conflict")
    assert (await owner.get(PATH)).json()["number"] == 2


async def test_owners_who_expect_nothing_each_get_a_version_of_their_own(installation: Installation) -> None:
    owner = await installation.caller("owner")

    answers = await asyncio.gather(*(owner.put(PATH, _file(title=f"by {n}")) for n in range(4)))

    assert sorted(answer.json()["number"] for answer in answers) == [2, 3, 4, 5]


@pytest.mark.parametrize("given", ["two", "", '"²"', "W/1", "9" * 20])
async def test_an_if_match_that_is_no_number_is_refused(installation: Installation, given: str) -> None:
    owner = await installation.caller("owner")

    answer = await owner.put(PATH, _file(title="x"), headers={"If-Match": given.encode()})

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-request")


async def test_a_pattern_that_is_none_of_re2_is_refused_by_name(installation: Installation) -> None:
    owner = await installation.caller("owner")
    rules = [{"id": "look", "pattern": "(?=a)", "label": "wrong"}]

    answer = await owner.put(PATH, _file() | {"rules": rules})

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_pattern")
    assert "'look'" in answer.json()["detail"]
    assert (await owner.get(PATH)).json()["number"] == 1


@pytest.mark.parametrize(
    ("about", "pointer"),
    [
        ({"wrong_label_costs_usd": 0}, "/wrong_label_costs_usd"),
        ({"sources": []}, "/sources"),
        ({"sources": [{"name": "x", "kind": "oracle", "price_usd": 0}]}, "/sources/0/kind"),
        ({"sources": [{"name": "x", "kind": "rule", "price_usd": 0}]}, "/"),
        ({"guideline": {"question": "?", "labels": [{"name": "a"}, {"name": "a"}]}}, "/"),
        ({"gold": [{"text": "x", "label": "unknown"}]}, "/"),
        ({"title": "x" * 201}, "/title"),
    ],
)
async def test_what_does_not_fit_is_told_where(installation: Installation, about: dict[str, Any], pointer: str) -> None:
    owner = await installation.caller("owner")

    answer = await _put_yaml(owner, yaml.safe_dump(_file() | about))

    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1]\nb: *x",
        "[" * 50_000,
        "? " * 2_000,
        "{" * 30,
        "a: !!python/object/apply:os.system ['true']",
        "a: 2001-99-99",
        "a: " + "9" * 5_000,
        'title: "\\ud800"',
        "\x00",
        b"\xff\xfe\x00",
        "a: b: c",
        "%YAML 9.9\n---\n",
        "- " * 3_000,
    ],
)
async def test_yaml_that_is_broken_deep_or_cunning_is_refused(installation: Installation, text: str | bytes) -> None:
    owner = await installation.caller("owner")

    answer = await _put_yaml(owner, text)

    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", ["", "null", "7", "[]", '"x"'])
async def test_what_is_no_object_is_refused(installation: Installation, body: str) -> None:
    owner = await installation.caller("owner")

    answers = [await owner.put(PATH, content=body), await _put_yaml(owner, body)]

    assert {answer.status_code for answer in answers} <= {400, 422}


async def test_the_file_of_another_project_is_refused(installation: Installation) -> None:
    owner = await installation.caller("owner")

    answer = await owner.put(PATH, content=to_json(project_file("bank")))

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/schema-violation")
    assert "'bank'" in answer.json()["detail"]
