"""Whatever is wrong is told as a problem whose type is a page, and the gateway describes itself."""

import re
from typing import Any

import pytest
from prometheus_client.registry import REGISTRY

from services.gateway.problems import PAGES
from tests.installation import Installation, event

pytestmark = [pytest.mark.server, pytest.mark.anyio]


@pytest.mark.parametrize("path", ["/", "/v2/feedback", "/v1/feedback/", "/v1/assignments/a1", "/v1/projects//labels"])
async def test_an_unknown_address_is_a_problem(installation: Installation, path: str) -> None:
    owner = await installation.caller("owner")

    answer = await owner.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/not-found"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/feedback", "POST"),
        ("DELETE", "/v1/projects/shop", "GET, PUT"),
        ("HEAD", "/v1/schema", "GET"),
        ("POST", "/v1/projects/shop/labels", "GET"),
        ("TRACE", "/v1/assignments/a1/release", "POST"),
    ],
)
async def test_a_foreign_method_is_told_all_that_the_address_takes(
    installation: Installation, method: str, path: str, allowed: str
) -> None:
    owner = await installation.caller("owner")

    answer = await owner.ask(method, path)

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    if method != "HEAD":
        assert answer.json()["type"] == "/problems/method-not-allowed"


async def test_every_problem_type_is_a_page(installation: Installation) -> None:
    for slug, about in PAGES.items():
        page = await installation.http.get(f"/problems/{slug}")

        assert page.status_code == 200
        assert about in page.text
    assert (await installation.http.get("/problems/none")).status_code == 404


async def test_a_fault_of_ours_tells_its_request_id_and_nothing_else_and_is_counted(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher = await installation.caller("publisher")
    installation.app.state.backlog = None  # the planted fault
    labels = {"service": "gateway", "route": "/v1/feedback", "status": "500"}
    before = REGISTRY.get_sample_value("labelwright_http_requests_total", labels) or 0

    answer = await publisher.publish(event(comment="canary"))

    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "NoneType" not in answer.text
    assert REGISTRY.get_sample_value("labelwright_http_requests_total", labels) == before + 1
    told = "".join(capsys.readouterr())
    assert answer.headers["x-request-id"] in told
    assert "canary" not in told


async def test_requests_are_counted_by_the_pattern_of_their_route(installation: Installation) -> None:
    owner = await installation.caller("owner")
    labels = {"service": "gateway", "route": "/v1/projects/{project}", "status": "403"}
    before = REGISTRY.get_sample_value("labelwright_http_requests_total", labels) or 0

    await owner.get("/v1/projects/some-other")
    await owner.get("/v1/projects/yet-another")

    assert REGISTRY.get_sample_value("labelwright_http_requests_total", labels) == before + 2


async def test_the_schema_of_an_event_is_there_for_anyone(installation: Installation) -> None:
    answer = await installation.http.get("/v1/schema")

    assert answer.status_code == 200
    assert "comment" in answer.json()["properties"]


async def test_openapi_describes_every_route_and_all_its_references_resolve(installation: Installation) -> None:
    document = (await installation.http.get("/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    for reference in set(re.findall(r"'\$ref': '#/([^']*)'", str(document))):
        found: Any = document
        for step in reference.split("/"):
            found = found[step]
    operations = [
        (path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]
    assert len({operation["operationId"] for _, _, operation in operations}) == len(operations) == 28
    for path, _, operation in operations:
        assert operation["description"]
        assert bool(operation.get("security")) == (path != "/v1/schema")
        for status, response in operation["responses"].items():
            if status >= "400":
                is_foreign = operation.get("tags") == ["others' formats"]
                kind = "application/json" if is_foreign else "application/problem+json"
                assert list(response["content"]) == [kind], (path, status)
