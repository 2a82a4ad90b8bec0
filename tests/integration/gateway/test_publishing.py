"""What is published is in the stream when 202 is said, and every event is told what became of it."""

import asyncio
import gzip
import json
from typing import Any

import pytest

from labelwright.contracts.envelope import FIELD, Event, decode
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.contracts.payload import Payload
from labelwright.runtime.server import Server
from services.gateway.settings import Settings
from tests.conftest import until
from tests.installation import PROJECT, Installation, event, installed

pytestmark = [pytest.mark.server, pytest.mark.anyio]


async def _stream(server: Server) -> list[Event[Payload]]:
    return [decode(fields[FIELD]) for _, fields in await server.client.xrange("{p0}:feedback")]


async def test_an_accepted_event_is_in_the_stream_and_its_story_at_location(installation: Installation) -> None:
    publisher = await installation.caller("publisher")

    answer = await publisher.publish(event(id="e/1 ü"))

    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 1,
        "duplicate": 0,
        "rejected": 0,
        "retry": 0,
        "results": [{"id": "e/1 ü", "status": "accepted", "trace": "/v1/feedback/e%2F1%20%C3%BC"}],
    }
    (stored,) = await _stream(installation.server)
    assert (stored.id, stored.project, stored.data) == ("e/1 ü", PROJECT, FeedbackReceived.model_validate(event()))
    story = await publisher.get(answer.headers["location"])
    assert (story.status_code, story.json()["state"]) == (200, "received")


async def test_every_answer_bears_the_limits_and_a_request_id(installation: Installation) -> None:
    publisher = await installation.caller("publisher")

    answer = await publisher.publish(*(event() for _ in range(3)))

    assert answer.headers["ratelimit-policy"] == '"project";q=5000;w=10'
    assert answer.headers["ratelimit"] == '"project";r=4997;t=1'
    assert len(answer.headers["x-request-id"]) == 16
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "location" not in answer.headers


async def test_the_same_event_again_is_a_duplicate_and_other_content_under_its_id_is_rejected(
    installation: Installation,
) -> None:
    publisher = await installation.caller("publisher")
    first = await publisher.publish(event(id="e1"))

    again = await publisher.publish(event(id="e1"))
    other = await publisher.publish(event(id="e1", value=1))

    assert [one.status_code for one in (first, again, other)] == [202, 202, 422]
    assert again.json()["results"][0] == first.json()["results"][0] | {"status": "duplicate"}
    assert other.headers["content-type"] == "application/problem+json"
    assert (other.json()["type"], other.json()["code"]) == ("/problems/id-reused", "id_reused")
    assert len(await _stream(installation.server)) == 1


async def test_concurrent_retries_of_one_event_are_taken_once(installation: Installation) -> None:
    publisher = await installation.caller("publisher")

    answers = await asyncio.gather(*(publisher.publish(event(id="e1")) for _ in range(20)))

    statuses = [answer.json()["results"][0]["status"] for answer in answers]
    assert sorted(statuses) == ["accepted"] + ["duplicate"] * 19
    assert len(await _stream(installation.server)) == 1


async def test_an_idempotency_key_serves_as_id_of_events_without_one(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    headers = {"Idempotency-Key": '"order-7"'}

    single = [await publisher.publish(event(), headers=headers) for _ in range(2)]
    batch = [await publisher.publish(event(), event(id="own"), headers=headers) for _ in range(2)]

    assert [one.json()["results"][0]["status"] for one in single] == ["accepted", "duplicate"]
    assert [one["id"] for one in batch[0].json()["results"]] == ["order-7.0", "own"]
    assert batch[1].json()["duplicate"] == 2


@pytest.mark.parametrize("key", ["", '""', "x" * 101, "tab\tinside"])
async def test_a_malformed_idempotency_key_is_refused(installation: Installation, key: str) -> None:
    publisher = await installation.caller("publisher")

    answer = await publisher.publish(event(), headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-request")


async def test_each_event_of_a_batch_has_its_own_result(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    await publisher.publish(event(id="old"))

    answer = await publisher.publish(event(id="old"), event(id="new"), event(id="bad", value=3), event(surprise=1), 7)

    found = answer.json()
    assert answer.status_code == 202
    assert [one["status"] for one in found["results"]] == [
        "duplicate",
        "accepted",
        "rejected",
        "accepted",
        "rejected",
    ]
    assert (found["accepted"], found["duplicate"], found["rejected"], found["retry"]) == (2, 1, 2, 0)
    assert found["results"][2]["error"]["errors"] == [
        {"pointer": "/", "detail": "Value error, the value of a thumb must be -1 or 1"}
    ]
    assert found["results"][3]["warnings"] == ["field 'surprise' isn't known and was ignored"]
    assert found["results"][4] == {
        "id": None,
        "status": "rejected",
        "error": {
            "type": "/problems/schema-violation",
            "title": "Schema violation",
            "status": 422,
            "detail": "an event must be a JSON object",
            "code": "schema_violation",
        },
    }


async def test_a_batch_of_which_nothing_was_taken_is_a_problem_with_its_results(installation: Installation) -> None:
    publisher = await installation.caller("publisher")

    answer = await publisher.publish(event(id="a", value=3), event(id="b", kind="nod"))

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["id"] for one in answer.json()["results"]] == ["a", "b"]
    assert (answer.json()["status"], answer.json()["rejected"]) == (422, 2)


async def test_a_dry_run_publishes_nothing(installation: Installation) -> None:
    publisher = await installation.caller("publisher")

    good = await publisher.publish(event(id="e1"), params={"dry_run": 1})
    bad = await publisher.publish(event(value=3), params={"dry_run": 1})

    assert (good.status_code, good.json()["accepted"], bad.status_code) == (200, 1, 422)
    assert "location" not in good.headers
    assert await _stream(installation.server) == []


async def test_lines_are_events_each(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    lines = [json.dumps(event(id="l1")), "", '{"kind": ', json.dumps(event(id="l2"))]

    answer = await publisher.send("\r\n".join(lines).encode(), "application/x-ndjson; charset=utf-8")

    results = answer.json()["results"]
    assert [(one["id"], one["status"]) for one in results] == [
        ("l1", "accepted"),
        (None, "rejected"),
        ("l2", "accepted"),
    ]
    assert results[1]["error"]["code"] == "not_json"


def _cloudevent(**about: Any) -> dict[str, Any]:
    envelope = {
        "specversion": "1.0",
        "id": "c1",
        "source": "/backend",
        "type": "labelwright.feedback.feedback_received.v2",
        "time": "2026-05-04T12:00:00Z",
        "data": event(),
    }
    return envelope | about


async def test_cloudevents_are_taken_structured_and_batched(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    traced = _cloudevent(expirytime="2100-01-01T00:00:00Z", traceparent="00-ab-cd-01")

    one = await publisher.send(json.dumps(traced).encode(), "application/cloudevents+json")
    two = await publisher.send(
        json.dumps([_cloudevent(id="c2"), _cloudevent(id="c3", type="other.v1")]).encode(),
        "application/cloudevents-batch+json",
    )

    assert one.json()["results"][0]["status"] == "accepted"
    assert [result["status"] for result in two.json()["results"]] == ["accepted", "rejected"]
    assert two.json()["results"][1]["error"]["code"] == "unknown_type"
    first, _ = await _stream(installation.server)
    assert first.traceparent == "00-ab-cd-01"
    assert first.expires_at is not None
    assert isinstance(first.data, FeedbackReceived)
    assert first.data.occurred_at is not None


async def test_an_old_version_is_lifted_on_its_way_in(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    old = _cloudevent(
        type="labelwright.feedback.feedback_received.v1", data={"up": False, "response_id": "r1", "text": "no"}
    )

    answer = await publisher.send(json.dumps(old).encode(), "application/cloudevents+json")

    assert answer.status_code == 202
    (stored,) = await _stream(installation.server)
    assert isinstance(stored.data, FeedbackReceived)
    assert (stored.data.value, stored.data.comment) == (-1, "no")


async def test_binary_cloudevents_have_their_attributes_in_headers(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    headers = {
        "ce-specversion": "1.0",
        "ce-type": "labelwright.feedback.feedback_received.v2",
        "ce-source": "/backend",
        "ce-id": '"Euro%20%E2%82%AC \\"1\\""',
    }

    answer = await publisher.send(json.dumps(event()).encode(), "application/json", headers)
    broken = await publisher.send(json.dumps(event()).encode(), "application/json", headers | {"ce-id": "%FF"})

    assert answer.json()["results"][0]["id"] == 'Euro € "1"'
    assert broken.status_code == 400


async def test_gzip_is_taken_in_one_member_or_several(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    lines = [json.dumps(event(id=name)).encode() + b"\n" for name in ("a", "b")]

    answer = await publisher.send(
        b"".join(map(gzip.compress, lines)), "application/x-ndjson", {"Content-Encoding": "gzip"}
    )

    assert answer.json()["accepted"] == 2


async def test_a_project_of_its_key_is_published_to_and_no_other(installation: Installation) -> None:
    publisher = await installation.caller("publisher")

    own = await publisher.publish(event(project=PROJECT))
    foreign = await publisher.publish(event(project="other"))

    assert own.status_code == 202
    assert (foreign.status_code, foreign.json()["code"]) == (422, "foreign_project")


async def test_concurrent_publishers_never_exceed_the_burst(server: Server) -> None:
    async with installed(server, Settings(burst=50, events_per_s=0.01)) as installation:
        await installation.apply()
        publishers = [await installation.caller("publisher") for _ in range(2)]

        answers = await asyncio.gather(
            *(publishers[n % 2].publish(*(event() for _ in range(4))) for n in range(30)),
        )

        taken = sum(answer.json()["accepted"] for answer in answers)
        refused = [answer for answer in answers if answer.status_code == 429]
        assert taken == len(await _stream(server)) == 50
        assert refused
        for answer in refused:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["type"] == "/problems/quota-exceeded"
            assert answer.json()["violated-policies"] == ["project"]
            assert int(answer.headers["retry-after"]) > 0
            assert answer.headers["ratelimit"].startswith('"project";r=0;t=')


async def test_what_is_over_the_rate_is_to_be_sent_again_and_then_taken(server: Server) -> None:
    async with installed(server, Settings(burst=2, events_per_s=200)) as installation:
        await installation.apply()
        publisher = await installation.caller("publisher")

        answer = await publisher.publish(*(event(id=f"e{n}") for n in range(4)))

        results = answer.json()["results"]
        assert [one["status"] for one in results] == ["accepted", "accepted", "retry", "retry"]
        assert answer.status_code == 202
        assert answer.headers["retry-after"] == "1"


async def test_a_duplicate_costs_no_quota(server: Server) -> None:
    async with installed(server, Settings(burst=1, events_per_s=0.01)) as installation:
        await installation.apply()
        publisher = await installation.caller("publisher")
        await publisher.publish(event(id="e1"))

        again = await publisher.publish(event(id="e1"))

        assert (again.status_code, again.json()["duplicate"]) == (202, 1)


async def test_a_backlog_above_the_most_is_told_503(server: Server) -> None:
    async with installed(server, Settings(most_backlog=1_000)) as installation:
        await installation.apply()
        publisher = await installation.caller("publisher")
        partition = server.partition("p0")
        await partition.ensure_groups("intake")
        await asyncio.gather(*(publisher.publish(*(event() for _ in range(400))) for _ in range(3)))
        answers = []

        async def is_refused() -> bool:
            answers.append(await publisher.publish(event()))
            return answers[-1].status_code == 503

        await until(is_refused)

        assert answers[-1].headers["retry-after"] == "5"
        assert answers[-1].json()["type"] == "/problems/temporary-reduced-capacity"
        assert len(await _stream(server)) == 1_200 + len(answers) - 1


async def test_a_server_that_refuses_is_told_503_and_nothing_is_lost(server: Server) -> None:
    async with installed(server) as installation:
        await installation.apply()
        publisher = await installation.caller("publisher")
        await publisher.publish(event(id="e1"))
        used = (await server.client.info("memory"))["used_memory"]
        await server.client.config_set("maxmemory", used // 2)
        try:
            answer = await publisher.publish(event(id="e2"))
        finally:
            await server.client.config_set("maxmemory", 0)
        again = await publisher.publish(event(id="e2"))

        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert again.json()["accepted"] == 1
        assert [one.id for one in await _stream(server)] == ["e1", "e2"]


async def test_losses_that_a_client_tells_of_are_counted(installation: Installation) -> None:
    from prometheus_client.registry import REGISTRY

    publisher = await installation.caller("publisher")
    name, labels = "labelwright_client_lost_events_total", {"reason": "queue_overflow"}
    before = REGISTRY.get_sample_value(name, labels) or 0
    told = "queue_overflow=3, gave_up=x, nonsense=4, closed=" + "9" * 30

    answer = await publisher.publish(event(), headers={"Labelwright-Lost": told})

    assert answer.status_code == 202
    assert REGISTRY.get_sample_value(name, labels) == before + 3
    assert REGISTRY.get_sample_value(name, {"reason": "nonsense"}) is None
