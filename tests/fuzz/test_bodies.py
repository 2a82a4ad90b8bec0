"""Whatever is posted as feedback is answered by the rules, and what is taken is in the stream; there is no 500."""

import gzip
import json
import os
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelwright.contracts.feedback import FeedbackReceived
from labelwright.runtime.stage import Stage
from tests.fuzz.conftest import all_ended
from tests.fuzz.payloads import HOSTILE, JSON, envelopes, fitting, spliced
from tests.installation import Installation, event

pytestmark = [pytest.mark.server, pytest.mark.anyio]

BODIES = int(os.environ.get("FUZZ_BODIES", "300"))
STATUSES = {200, 202, 400, 413, 415, 422}
TALLY = ("accepted", "duplicate", "rejected", "retry")

WORDS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20).map(str.strip)
KINDS = st.sampled_from(
    [
        "application/json", "application/json; charset=latin-1", "application/x-ndjson", "application/cloudevents+json",
        "application/cloudevents-batch+json", "application/problem+json", "text/plain", "", "application/json, text",
        "multipart/form-data; boundary=x", "\u00e9", "application/" + "x" * 3_000,
    ]
) | WORDS  # fmt: skip
CODINGS = st.sampled_from([None, None, None, "gzip", "GZIP", "x-gzip", "identity", "br", "gzip, gzip", "", "é"])
HEADERS = st.dictionaries(
    st.sampled_from(
        ["ce-specversion", "ce-id", "ce-type", "ce-time", "ce-expirytime", "idempotency-key", "labelwright-lost"]
    ),
    st.sampled_from(["1.0", FeedbackReceived.type, "%E2%82%AC", "%ff", '"a\\"', "2026-05-04T12:00:00Z", "a=1,b"])
    | WORDS,
    max_size=3,
)


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


SOUND = fitting(FeedbackReceived.model_json_schema()) | JSON.map(lambda more: event(meta={"more": more}))
IDENTIFIED = st.tuples(SOUND, st.sampled_from(["e1", "e2", "é/..", "\u2028", 7, None])).map(
    lambda pair: pair[0] | {"id": pair[1]}
)
EVENTS = SOUND | IDENTIFIED | JSON
BODY = st.one_of(
    EVENTS.map(_dumped),
    st.lists(EVENTS, max_size=5).map(_dumped),
    st.lists(EVENTS.map(_dumped), max_size=5).map(b"\n".join),
    envelopes(FeedbackReceived),
    st.builds(spliced, EVENTS.map(_dumped), st.floats(0, 1), st.binary(max_size=8)),
    st.binary(max_size=200),
    st.integers(0, len(HOSTILE) - 1).map(lambda place: HOSTILE[place]),
)
PACKED = (
    BODY | BODY.map(gzip.compress) | st.builds(spliced, BODY.map(gzip.compress), st.floats(0, 1), st.binary(max_size=3))
)


@pytest.mark.timeout(3_600)
async def test_every_body_has_its_answer(installation: Installation, stages: list[Stage]) -> None:
    publisher = await installation.caller("publisher")
    accepted: list[str] = []
    for body, kind, coding, more in _generated():
        headers = dict(more) | {"content-type": kind} | ({"content-encoding": coding} if coding is not None else {})
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        authorised = [*encoded, (b"authorization", f"Bearer {publisher.key}".encode())]

        answer = await installation.http.post("/v1/feedback", content=body, headers=authorised)

        assert answer.status_code in STATUSES, (answer.text, body[:500], headers)
        found = answer.json()
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert found["type"].startswith("/problems/")
            assert found["detail"]
        if "results" in found:
            assert sum(found[name] for name in TALLY) == len(found["results"])
            assert bool(found["accepted"] + found["duplicate"]) == (answer.status_code == 202)
            accepted += [one["id"] for one in found["results"] if one["status"] == "accepted"]

    server = installation.server
    assert await server.client.xlen("{p0}:feedback") == len(accepted) > 0
    await all_ended(server, stages, within_s=60 + BODIES / 10)
    assert await server.client.xlen("{p0}:dead") == 0
    for identity in accepted[:: max(1, len(accepted) // 100)]:
        story = await publisher.get(f"/v1/feedback/{_escaped(identity)}")
        assert {step["step"] for step in story.json()["steps"]} & {"accepted", "rejected"}, identity


def _escaped(identity: str) -> str:
    """Escape every byte: an id like `..` would else be taken for a path."""
    return "".join(f"%{byte:02X}" for byte in identity.encode())


def _generated() -> list[tuple[bytes, str, str | None, Mapping[str, str]]]:
    found: list[tuple[bytes, str, str | None, Mapping[str, str]]] = []

    @settings(max_examples=BODIES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(PACKED, KINDS, CODINGS, HEADERS)
    def generate(body: bytes, kind: str, coding: str | None, headers: Mapping[str, str]) -> None:
        found.append((body, kind, coding, headers))

    generate()
    return found
