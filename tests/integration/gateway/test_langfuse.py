"""Langfuse's clients publish scores here as if it were Langfuse; the bytes are those that its SDKs send."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from labelwright.contracts.feedback import FeedbackReceived, Subject
from services.gateway.settings import Settings
from tests.installation import PROJECT, Caller, Installation, installed
from tests.integration.gateway.streams import events, published

pytestmark = [pytest.mark.server, pytest.mark.anyio]

SCORES, INGESTION = "/api/public/scores", "/api/public/ingestion"
THUMB = {"traceId": "t1", "name": "user-feedback", "value": 0, "dataType": "BOOLEAN", "comment": "the price is wrong"}


class Client(Caller):
    """Sends requests as Langfuse's SDKs do: a public key and a secret one by Basic auth."""

    async def ask(self, method: str, path: str, **more: Any) -> Any:
        pair = b64encode(f"pk-lf-anything:{self.key}".encode()).decode()
        return await super().ask(method, path, headers={"Authorization": f"Basic {pair}"}, **more)


@pytest.fixture
async def client(installation: Installation) -> Client:
    return Client(installation.http, await installation.key("publisher"))


async def test_a_thumb_becomes_feedback_and_is_answered_with_its_id(installation: Installation, client: Client) -> None:
    answer = await client.post(SCORES, THUMB | {"id": "s1", "timestamp": "2026-11-24T10:00:00Z"})

    assert (answer.status_code, answer.json()) == (200, {"id": "s1"})
    (event,) = await events(installation.server)
    assert event.data.model_dump(exclude_none=True, exclude={"user", "meta"}, mode="json") == {
        "kind": "thumb",
        "value": -1,
        "subject": {"type": "trace", "id": "t1"},
        "comment": "the price is wrong",
        "customer": "langfuse",
        "occurred_at": "2026-11-24T10:00:00Z",
        "trace_id": "t1",
        "sample_rate": 1.0,
    }
    assert answer.headers["location"] == f"/v1/feedback/{event.id}"
    story = await Caller(client.http, client.key).get(answer.headers["location"])
    assert story.json()["state"] == "received"


async def test_the_same_score_again_is_one_event_and_a_changed_one_a_vote_of_the_same_user(
    installation: Installation, client: Client
) -> None:
    for value in (0, 0, 1):
        assert (await client.post(SCORES, THUMB | {"id": "s1", "value": value})).status_code == 200

    first, second = await published(installation.server)
    assert (first.value, second.value) == (-1, 1)
    assert (first.user, first.subject, first.kind) == (second.user, second.subject, second.kind)


async def test_without_an_id_the_answer_names_the_event(installation: Installation, client: Client) -> None:
    answer = await client.post(SCORES, THUMB)

    assert answer.json()["id"] == (await events(installation.server))[0].id


async def test_a_list_is_taken_whole_or_answered_with_what_was_refused(
    installation: Installation, client: Client
) -> None:
    whole = await client.post(SCORES, [THUMB, THUMB | {"traceId": "t2"}])
    part = await client.post(SCORES, [THUMB | {"traceId": "t3"}, THUMB | {"value": 7}, {"name": "x", "value": 1}])

    assert (whole.status_code, whole.json()) == (202, {"message": "Accepted"})
    assert part.status_code == 207
    assert {name: part.json()[name] for name in ("accepted", "rejected")} == {"accepted": 1, "rejected": 2}
    assert "BOOLEAN score must be 0 or 1" in part.json()["errors"][0]["message"]
    assert len(await published(installation.server)) == 3


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"name": "n", "value": 1}, "one of traceId"),
        ({"traceId": "t", "value": 1}, "Field required"),
        (THUMB | {"value": "yes"}, "must be a number"),
        (THUMB | {"dataType": "TEXT"}, "must be a text"),
        (THUMB | {"dataType": "NOVEL"}, "Input should be"),
        (7, "dictionary"),
    ],
)
async def test_a_bad_score_is_told_as_langfuse_tells_it(client: Client, body: Any, told: str) -> None:
    answer = await client.post(SCORES, body)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert told in answer.json()["message"]


async def test_a_wrong_key_and_one_that_may_not_publish_are_told_as_langfuse_tells_it(
    installation: Installation,
) -> None:
    reader = Client(installation.http, await installation.key("reviewer"))
    stranger = Client(installation.http, reader.key[:-1] + "0")

    answers = [await who.post(SCORES, THUMB) for who in (stranger, reader)]
    garbled = await installation.http.post(SCORES, json=THUMB, headers={"Authorization": "Basic %%%"})

    assert [answer.status_code for answer in (*answers, garbled)] == [401, 403, 401]
    assert all({"message", "error"} == answer.json().keys() for answer in (*answers, garbled))


async def test_a_bearers_key_opens_as_well(installation: Installation) -> None:
    publisher = await installation.caller("publisher")

    assert (await publisher.post(SCORES, THUMB)).status_code == 200


async def test_the_project_file_says_what_a_score_is(installation: Installation, client: Client) -> None:
    await installation.apply(scores={"Rating": "stars", "toxicity": "machine"})
    said: dict[str, Any] = {"metadata": {"annotator_kind": "HUMAN", "user_id": "u_1"}, "traceId": "t1"}

    answers = [
        await client.post(SCORES, said | {"name": "rating", "value": 2}),
        await client.post(SCORES, said | {"name": "toxicity", "value": 0.9}),
        await client.post(SCORES, said | {"name": "rating", "value": 2.5}),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 400]
    assert "stars in the project file" in answers[2].json()["message"]
    stars, evaluation = await published(installation.server)
    assert (stars.kind, stars.value, stars.user, stars.sign) == ("stars", 2, "u_1", -1)
    assert (evaluation.kind, evaluation.evaluator, evaluation.sign) == ("text", "toxicity", 0)


async def test_a_batch_is_answered_event_by_event(installation: Installation, client: Client) -> None:
    batch = [
        {"id": "e1", "type": "score-create", "timestamp": "2026-11-24T10:00:00Z", "body": THUMB},
        {"id": "e2", "type": "trace-create", "timestamp": "2026-11-24T10:00:00Z", "body": {"id": "t1"}},
        {"id": "e3", "type": "score-create", "timestamp": "2026-11-24T10:00:00Z", "body": {"name": "x"}},
    ]

    answer = await client.post(INGESTION, {"batch": batch})

    assert answer.status_code == 207
    assert answer.json()["successes"] == [{"id": "e2", "status": 200}, {"id": "e1", "status": 201}]
    (error,) = answer.json()["errors"]
    assert (error["id"], error["status"]) == ("e3", 400)
    (feedback,) = await published(installation.server)
    assert feedback.occurred_at
    assert feedback.occurred_at.isoformat() == "2026-11-24T10:00:00+00:00"


@pytest.mark.parametrize("body", [[], {}, {"batch": {}}, {"batch": [7]}])
async def test_a_batch_that_is_none_is_malformed(client: Client, body: Any) -> None:
    assert (await client.post(INGESTION, content=str(body).encode())).status_code == 400


@pytest.fixture
async def narrow(server: Any) -> AsyncIterator[Installation]:
    async with installed(server, Settings(events_per_s=0.1, burst=2)) as running:
        await running.apply()
        yield running


async def test_over_the_rate_all_of_it_is_to_be_sent_again(narrow: Installation) -> None:
    client = Client(narrow.http, await narrow.key("publisher"))
    scores = [THUMB | {"traceId": f"t{number}"} for number in range(3)]

    answer = await client.post(SCORES, scores)

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "faster than its limit" in answer.json()["message"]
    assert len(await published(narrow.server)) == 2


async def test_langfuses_own_client_publishes_here(installation: Installation) -> None:
    langfuse = pytest.importorskip("langfuse", reason="Langfuse's SDK isn't installed; the bytes above are as it sends")
    key = await installation.key("publisher")

    def score() -> None:
        client = langfuse.Langfuse(public_key=PROJECT, secret_key=key, base_url=installation.url)
        client.create_score(
            trace_id="0" * 31 + "1", name="user-feedback", value=0, data_type="BOOLEAN", comment="rude", score_id="s1"
        )
        client.create_score(trace_id="0" * 31 + "1", name="hallucination", value=0.9)
        client.flush()
        client.shutdown()

    await asyncio.to_thread(score)

    thumb, evaluation = await published(installation.server)
    assert (thumb.kind, thumb.value, thumb.comment) == ("thumb", -1, "rude")
    assert (evaluation.evaluator, evaluation.subject) == (
        "hallucination",
        Subject(type="trace", id="00000000000000000000000000000001"),
    )
    assert isinstance(evaluation, FeedbackReceived)
