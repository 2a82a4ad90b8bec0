"""Sentry's SDKs send user feedback here; who wrote it isn't kept."""

import asyncio
import json
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope, Item, PayloadRef

from labelwright.contracts.feedback import Subject
from labelwright.identity import derive
from tests.installation import PROJECT, Installation
from tests.integration.gateway.streams import events, published

pytestmark = [pytest.mark.server, pytest.mark.anyio]

ENVELOPE = "/api/1/envelope/"
EVENT_ID = "9ec79c33ec9942ab8353589fcb2e04dc"
MAIL = "anna.berg@example.com"
FEEDBACK: dict[str, Any] = {
    "event_id": EVENT_ID,
    "timestamp": 1_795_514_400.25,
    "environment": "prod",
    "release": "1.4",
    "level": "info",
    "contexts": {
        "feedback": {
            "contact_email": MAIL,
            "name": "Anna Berg",
            "message": "The total is wrong. Anna",
            "url": "https://shop.example/cart?token=geheim",
        },
        "trace": {"trace_id": "4c79f60c11214eb38604f4ae0781bfb2", "span_id": "fa90fdead5f74052"},
    },
}
REPORT = {"event_id": EVENT_ID, "email": MAIL, "name": "Anna Berg", "comments": "It broke, says Anna."}


def envelope(*items: tuple[str, Any], **headers: Any) -> bytes:
    """An envelope as it is sent."""
    lines = [json.dumps(headers)]
    for kind, payload in items:
        content = json.dumps(payload)
        lines += [json.dumps({"type": kind, "length": len(content)}), content]
    return "\n".join(lines).encode() + b"\n"


class Client:
    """Sends envelopes with a DSN's key."""

    def __init__(self, installation: Installation, key: str) -> None:
        self._http = installation.http
        self.headers = {"X-Sentry-Auth": f"Sentry sentry_key={key}, sentry_version=7, sentry_client=test/1"}

    async def send(self, body: bytes, path: str = ENVELOPE) -> Any:
        return await self._http.post(path, content=body, headers=self.headers)


@pytest.fixture
async def client(installation: Installation) -> Client:
    return Client(installation, await installation.key("publisher"))


async def test_feedback_is_taken_without_who_wrote_it(installation: Installation, client: Client) -> None:
    answer = await client.send(envelope(("feedback", FEEDBACK), event_id=EVENT_ID))

    (event,) = await events(installation.server)
    assert (answer.status_code, answer.json()) == (200, {"id": event.id})
    assert event.data.model_dump(exclude_none=True, mode="json") == {
        "kind": "text",
        "comment": "The total is wrong. [name]",
        "subject": {"type": "screen", "id": "https://shop.example/cart"},
        "user": derive("pseudonym", PROJECT, MAIL),
        "occurred_at": "2026-11-24T10:00:00.250000Z",
        "trace_id": "4c79f60c11214eb38604f4ae0781bfb2",
        "environment": "prod",
        "release": "1.4",
        "sample_rate": 1.0,
        "meta": {"via": "sentry"},
    }
    raw = await installation.server.client.xrange("{p0}:feedback")
    assert not any(word in str(raw) for word in ("anna", "Anna", "Berg", "example.com", "geheim"))


async def test_a_user_report_is_about_its_event(installation: Installation, client: Client) -> None:
    answer = await client.send(envelope(("client_report", {}), ("user_report", REPORT)))

    assert answer.status_code == 200
    (feedback,) = await published(installation.server)
    assert feedback.comment == "It broke, says [name]."
    assert feedback.subject == Subject(type="sentry_event", id=EVENT_ID)
    assert feedback.user == derive("pseudonym", PROJECT, MAIL)


async def test_a_report_of_the_older_address_is_taken(installation: Installation) -> None:
    publisher = await installation.caller("publisher")

    answer = await publisher.post(f"/api/0/projects/acme/{PROJECT}/user-feedback/", REPORT)
    foreign = await publisher.post("/api/0/projects/acme/other/user-feedback/", REPORT)
    empty = await publisher.post(f"/api/0/projects/acme/{PROJECT}/user-feedback/", {"event_id": EVENT_ID})

    (event,) = await events(installation.server)
    assert (answer.status_code, answer.json()) == (200, {"id": event.id, "eventID": EVENT_ID})
    assert (foreign.status_code, empty.status_code) == (403, 400)
    assert empty.json() == {"detail": "/comments: Field required", "causes": []}


async def test_an_envelope_sent_again_publishes_nothing_twice(installation: Installation, client: Client) -> None:
    for _ in range(2):
        assert (await client.send(envelope(("feedback", FEEDBACK)))).status_code == 200

    assert len(await published(installation.server)) == 1


async def test_what_is_no_feedback_is_passed_over(installation: Installation, client: Client) -> None:
    others = [("event", {"message": "boom"}), ("session", {}), ("transaction", {"spans": []})]

    answer = await client.send(envelope(*others, event_id=EVENT_ID))

    assert (answer.status_code, answer.json()) == (200, {"id": EVENT_ID})
    assert await published(installation.server) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]\n",
        b"{}\n{",
        b'{}\n{"type":"feedback","length":999}\n{}',
        b'{}\n{"type":"feedback","length":1}\n{}',
        b'{}\n{"type":"feedback","length":-1}\n{}',
        envelope(("feedback", {"contexts": {"feedback": {"message": " "}}})),
        envelope(("feedback", 7)),
    ],
)
async def test_what_cant_be_read_is_told_as_sentry_tells_it(client: Client, body: bytes) -> None:
    answer = await client.send(body)

    assert answer.status_code == 400
    assert answer.json().keys() == {"detail", "causes"}


async def test_the_key_may_stand_wherever_a_dsn_puts_it(installation: Installation) -> None:
    key = await installation.key("publisher")
    body = envelope(("feedback", FEEDBACK))
    dsn = {"Authorization": f"DSN https://{key}@shop.example/1"}

    answers = [
        await installation.http.post(f"{ENVELOPE}?sentry_key={key}&sentry_version=7", content=body),
        await installation.http.post(ENVELOPE, content=body, headers=dsn),
        await installation.http.post(f"/api/{PROJECT}/envelope/", content=body, headers=dsn),
        await installation.http.post("/api/other/envelope/", content=body, headers=dsn),
        await installation.http.post(f"{ENVELOPE}?sentry_key={key[:-1]}0", content=body),
        await installation.http.post(ENVELOPE, content=body),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 403, 401, 401]
    assert "DSN" in answers[-1].json()["detail"]


async def test_sentrys_own_sdk_publishes_here(installation: Installation) -> None:
    key = await installation.key("publisher")

    def send() -> None:
        client = sentry_sdk.Client(
            dsn=f"{installation.url.replace('://', f'://{key}@')}/1",
            default_integrations=False,
            auto_enabling_integrations=False,
        )
        told = Envelope(headers={"event_id": EVENT_ID})
        told.add_item(Item(PayloadRef(json=FEEDBACK), type="feedback"))
        assert client.transport
        client.transport.capture_envelope(told)
        client.close(timeout=10)

    await asyncio.to_thread(send)

    (feedback,) = await published(installation.server)
    assert feedback.comment == "The total is wrong. [name]"
