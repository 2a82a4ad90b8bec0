"""Whatever is posted in another tool's protocol has its answer by that protocol; there is no 500."""

import gzip
import json
import os
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from labelwright.adapters.langfuse import LangfuseScore
from labelwright.runtime.stage import Stage
from services.gateway.routes.otlp import PROTOBUF
from tests.fuzz.conftest import all_ended
from tests.fuzz.payloads import HOSTILE, JSON, TEXTS, fitting, spliced
from tests.installation import PROJECT, Installation

pytestmark = [pytest.mark.server, pytest.mark.anyio]

BODIES: Final = int(os.environ.get("FUZZ_BODIES", "300"))


class Protocol(NamedTuple):
    """A protocol: where it is spoken, how it answers well, and what its errors have in JSON."""

    statuses: set[int]
    members: set[str]


SPOKEN: Final = {
    "/api/public/scores": Protocol({200, 202, 207}, {"message", "error"}),
    "/api/public/ingestion": Protocol({207}, {"message", "error"}),
    "/v1/logs": Protocol({200}, {"code", "message"}),
    "/v1/traces": Protocol({200}, {"code", "message"}),
    "/api/1/envelope/": Protocol({200}, {"detail", "causes"}),
    f"/api/0/projects/acme/{PROJECT}/user-feedback/": Protocol({200}, {"detail", "causes"}),
}
REFUSED: Final = {400, 413, 415}

ATTRIBUTES: Final = st.sampled_from(
    [
        "gen_ai.evaluation.name", "gen_ai.evaluation.score.value", "gen_ai.evaluation.score.label",
        "gen_ai.evaluation.explanation", "gen_ai.response.id", "annotator_kind", "session.id", "event.name",
        "annotations.0.annotation.name", "annotations.0.annotation.score", "annotations.0.annotation.label",
        "annotations.0.annotation.annotator_kind", "annotations.0.annotation.metadata",
        "trace.evaluations.1.evaluation.name", "trace.evaluations.1.evaluation.label", "deployment.environment",
    ]
)  # fmt: skip
WORDS: Final = st.sampled_from(["HUMAN", "LLM", "user-feedback", "bad", "gen_ai.evaluation.result", "{}", "0", "1e400"])
VALUES: Final = st.fixed_dictionaries(
    {},
    optional={
        "stringValue": WORDS | TEXTS,
        "doubleValue": st.floats() | WORDS,
        "intValue": st.integers() | WORDS,
        "boolValue": st.booleans(),
        "arrayValue": JSON,
        "kvlistValue": st.fixed_dictionaries({"values": JSON}),
    },
)
PAIRS: Final = st.lists(st.fixed_dictionaries({"key": ATTRIBUTES | TEXTS, "value": VALUES | JSON}), max_size=6)
MOMENTS: Final = st.sampled_from([0, "0", "1795514400000000000", 10**30, -1, "soon", None])
LEAF: Final = st.fixed_dictionaries(
    {"attributes": PAIRS},
    optional={
        "eventName": st.just("gen_ai.evaluation.result") | JSON,
        "traceId": st.just("0" * 31 + "a") | JSON,
        "spanId": st.just("0" * 15 + "b") | JSON,
        "timeUnixNano": MOMENTS,
        "endTimeUnixNano": MOMENTS,
        "links": st.lists(st.fixed_dictionaries({"traceId": st.just("a"), "spanId": st.just("b")}), max_size=2) | JSON,
        "events": st.lists(st.fixed_dictionaries({"name": TEXTS, "attributes": PAIRS}), max_size=2) | JSON,
    },
)
LEAVES: Final = st.lists(LEAF, max_size=3)


def _otlp(leaves: list[Any], resource: Any) -> dict[str, Any]:
    scopes = [{"logRecords": leaves, "spans": leaves}]
    owner = {"resource": {"attributes": resource}, "scopeLogs": scopes, "scopeSpans": scopes}
    return {"resourceLogs": [owner], "resourceSpans": [owner]}


SCORES: Final = fitting(LangfuseScore.model_json_schema()) | st.fixed_dictionaries(
    {"traceId": st.just("t1"), "name": WORDS, "value": JSON},
    optional={"metadata": JSON | st.fixed_dictionaries({"annotator_kind": WORDS}), "timestamp": JSON, "id": JSON},
)
EVENTS: Final = st.fixed_dictionaries(
    {"type": st.just("score-create") | JSON, "body": SCORES | JSON}, optional={"id": JSON, "timestamp": JSON}
)
SAID: Final = st.fixed_dictionaries(
    {"message": TEXTS | JSON},
    optional=dict.fromkeys(["name", "contact_email", "url", "associated_event_id"], TEXTS | JSON),
)
FEEDBACK: Final = st.fixed_dictionaries(
    {"contexts": st.fixed_dictionaries({"feedback": SAID | JSON}) | JSON},
    optional={"event_id": JSON, "timestamp": MOMENTS, "user": JSON, "tags": JSON, "type": st.just("feedback")},
)
REPORTS: Final = st.fixed_dictionaries({"comments": TEXTS | JSON, "event_id": TEXTS}, optional={"name": TEXTS | JSON})


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _envelope(kind: str, payload: bytes, length: Any) -> bytes:
    header = {"type": kind} | ({} if length is None else {"length": len(payload) if length is True else length})
    return b"{}\n" + _dumped(header) + b"\n" + payload + b"\n"


ENVELOPES: Final = st.builds(
    _envelope,
    st.sampled_from(["feedback", "user_report", "event", "session"]),
    (FEEDBACK | REPORTS | JSON).map(_dumped) | st.binary(max_size=30),
    st.sampled_from([None, True, 0, -1, 5, "5", 10**9]),
)


def _record(key: str, text: str) -> bytes:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(event_name="gen_ai.evaluation.result")
    record.trace_id, record.span_id = b"\x01" * 16, b"\x02" * 8
    for name in ("gen_ai.evaluation.name", key):
        told = record.attributes.add(key=name)
        told.value.string_value = text.encode("utf-8", "replace").decode()
    return request.SerializeToString()


RECORDS: Final = st.just(bytes.fromhex("0a20121e121c0a1a")) | st.builds(_record, ATTRIBUTES, TEXTS)
BODIES_BY_SHAPE: Final = st.one_of(
    SCORES.map(_dumped),
    st.lists(SCORES | JSON, max_size=4).map(_dumped),
    st.fixed_dictionaries({"batch": st.lists(EVENTS | JSON, max_size=4) | JSON}).map(_dumped),
    st.builds(_otlp, LEAVES, PAIRS).map(_dumped),
    st.builds(_otlp, JSON, JSON).map(_dumped),
    ENVELOPES,
    REPORTS.map(_dumped),
    RECORDS,
    JSON.map(_dumped),
    st.binary(max_size=100),
    st.integers(0, len(HOSTILE) - 1).map(lambda place: HOSTILE[place]),
)
BODY: Final = BODIES_BY_SHAPE | st.builds(spliced, BODIES_BY_SHAPE, st.floats(0, 1), st.binary(max_size=4))
KINDS: Final = st.sampled_from(["application/json", "application/json", PROTOBUF, "text/plain", ""])


@pytest.mark.timeout(3_600)
async def test_every_body_has_its_answer_in_every_protocol(installation: Installation, stages: list[Stage]) -> None:
    publisher = await installation.caller("publisher")
    answered = set()
    for path, body, kind, is_packed in _generated():
        headers = {"Content-Type": kind} | ({"Content-Encoding": "gzip"} if is_packed else {})
        content = gzip.compress(body) if is_packed else body

        answer = await publisher.post(path, content=content, headers=headers)

        spoken = SPOKEN[path]
        assert answer.status_code in spoken.statuses | REFUSED, (path, answer.text, body[:500], headers)
        answered.add((path, answer.status_code))
        if answer.status_code in REFUSED and answer.headers["content-type"] != PROTOBUF:
            assert answer.json().keys() == spoken.members, (path, answer.text)

    assert {path for path, status in answered if status < 300} == set(SPOKEN)
    assert {path for path, status in answered if status == 400} == set(SPOKEN)
    server = installation.server
    assert await server.client.xlen("{p0}:feedback") > 0
    await all_ended(server, stages, within_s=60 + BODIES / 10)
    assert await server.client.xlen("{p0}:dead") == 0


def _generated() -> list[tuple[str, bytes, str, bool]]:
    found: list[tuple[str, bytes, str, bool]] = []

    @settings(max_examples=BODIES * 3, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.sampled_from(sorted(SPOKEN)), BODY, KINDS, st.booleans())
    def generate(path: str, body: bytes, kind: str, is_packed: bool) -> None:
        found.append((path, body, kind, is_packed))

    generate()
    return found
