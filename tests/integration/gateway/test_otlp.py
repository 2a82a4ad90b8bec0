"""OpenTelemetry's exporters send evaluations and annotations here, in protocol buffers and in JSON."""

import asyncio
import gzip
import json
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from labelwright.contracts.feedback import Subject
from services.gateway.routes.otlp import PROTOBUF
from tests.installation import Installation
from tests.integration.gateway.streams import events, published

pytestmark = [pytest.mark.server, pytest.mark.anyio]

JUDGED: dict[str, Any] = {
    "gen_ai.evaluation.name": "groundedness",
    "gen_ai.evaluation.score.value": 0.2,
    "gen_ai.evaluation.score.label": "not_grounded",
    "gen_ai.evaluation.explanation": "The price stands nowhere in the documents.",
    "gen_ai.response.id": "resp_91",
    "gen_ai.evaluation.annotator_kind": "LLM",
    "gen_ai.evaluation.identifier": "judge-v2",
}
SAID: dict[str, Any] = {
    "gen_ai.evaluation.name": "user_feedback",
    "gen_ai.evaluation.score.value": 0,
    "gen_ai.evaluation.explanation": "the price is wrong",
    "annotator_kind": "HUMAN",
    "user.id": "u_1",
}
RESOURCE: dict[str, Any] = {"deployment.environment.name": "prod", "service.version": "1.4"}


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP's JSON has them."""
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    return [{"key": name, "value": {kinds[type(value)]: value}} for name, value in values.items()]


def logs(*records: Mapping[str, Any], name: str = "gen_ai.evaluation.result", **about: Any) -> dict[str, Any]:
    """A request to export log records."""
    told = [
        {
            "eventName": name,
            "timeUnixNano": "1795514400000000000",
            "traceId": "0AF7651916CD43DD8448EB211C80319C",
            "spanId": "b7ad6b7169203331",
            "attributes": attributes(record),
            **about,
        }
        for record in records
    ]
    return {
        "resourceLogs": [{"resource": {"attributes": attributes(RESOURCE)}, "scopeLogs": [{"logRecords": told}]}],
    }


def spans(values: Mapping[str, Any], **about: Any) -> dict[str, Any]:
    """A request to export a span."""
    span = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "2", "attributes": attributes(values), **about}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def annotation(index: int = 0, prefix: str = "", **fields: Any) -> dict[str, Any]:
    """An OpenInference annotation, flattened."""
    return {f"{prefix}annotations.{index}.annotation.{name}": value for name, value in fields.items()}


async def test_what_a_model_says_is_an_evaluation_and_no_users_vote(installation: Installation) -> None:
    publisher = await installation.caller("publisher")

    answer = await publisher.post("/v1/logs", logs(JUDGED))

    assert (answer.status_code, answer.json()) == (200, {})
    (event,) = await events(installation.server)
    assert event.data.sign == 0
    assert event.data.model_dump(exclude_none=True, exclude={"user"}, mode="json") == {
        "kind": "text",
        "comment": "groundedness: not_grounded\n\nThe price stands nowhere in the documents.",
        "subject": {"type": "llm_response", "id": "resp_91"},
        "evaluator": "judge-v2",
        "environment": "prod",
        "release": "1.4",
        "occurred_at": "2026-11-24T10:00:00Z",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "sample_rate": 1.0,
        "meta": {
            "via": "opentelemetry",
            "score": {
                "name": "groundedness",
                "value": 0.2,
                "label": "not_grounded",
                "annotator_kind": "LLM",
                "identifier": "judge-v2",
            },
        },
    }


async def test_what_a_person_says_is_their_vote(installation: Installation) -> None:
    publisher = await installation.caller("publisher")

    await publisher.post("/v1/logs", logs(SAID))

    (feedback,) = await published(installation.server)
    assert (feedback.kind, feedback.value, feedback.user, feedback.evaluator) == ("thumb", -1, "u_1", None)
    assert feedback.subject == Subject(type="span", id="b7ad6b7169203331")


async def test_other_records_are_passed_over_and_said_to_be(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    both = {"resourceLogs": [*logs(SAID)["resourceLogs"], *logs({"x": 1}, {"x": 2}, name="")["resourceLogs"]]}

    answer = await publisher.post("/v1/logs", both)

    assert answer.status_code == 200
    assert answer.json()["partialSuccess"].get("rejectedLogRecords", "0") == "0"
    assert answer.json()["partialSuccess"]["errorMessage"].startswith("2 of what was sent (log records) hold no")
    assert len(await published(installation.server)) == 1


async def test_evaluations_that_say_nothing_are_counted_as_rejected_with_the_reason(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    nameless = {name: value for name, value in SAID.items() if name != "gen_ai.evaluation.name"}

    answer = await publisher.post("/v1/logs", logs(SAID, nameless, {"gen_ai.evaluation.name": "x"}))

    assert answer.json()["partialSuccess"]["rejectedLogRecords"] == "2"
    assert "needs the attribute 'gen_ai.evaluation.name'" in answer.json()["partialSuccess"]["errorMessage"]


async def test_an_export_sent_again_publishes_nothing_twice(installation: Installation) -> None:
    publisher = await installation.caller("publisher")

    for _ in range(2):
        await publisher.post("/v1/logs", logs(SAID, JUDGED))

    assert len(await published(installation.server)) == 2


@pytest.mark.parametrize("path", ["/v1/traces", "/api/public/otel/v1/traces"])
async def test_annotations_on_a_span_are_about_it(installation: Installation, path: str) -> None:
    publisher = await installation.caller("publisher")
    carried = {
        "input.value": "What is Basic?",
        "output.value": "12 a month",
        "llm.model_name": "acme/m-4",
        **annotation(0, name="correctness", label="incorrect", explanation="it is 14", annotator_kind="HUMAN"),
        **annotation(1, name="tone", score=0.3, annotator_kind="LLM", identifier="judge", metadata='{"rubric": 2}'),
    }

    answer = await publisher.post(path, spans(carried))

    assert answer.json() == {}
    vote, evaluation = await published(installation.server)
    about = Subject(
        type="span", id="0000000000000002", prompt="What is Basic?", response="12 a month", model="acme/m-4"
    )
    assert (vote.kind, vote.value, vote.comment, vote.subject) == ("thumb", -1, "it is 14", about)
    assert (evaluation.comment, evaluation.evaluator, evaluation.subject) == ("tone: 0.3", "judge", about)
    assert evaluation.meta["metadata"] == {"rubric": 2}


async def test_a_carrier_with_one_link_is_about_what_it_links_to(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    link = {"traceId": "0" * 31 + "a", "spanId": "0" * 15 + "b"}
    carried = {
        "session.id": "s1",
        **annotation(name="feedback", score=1, annotator_kind="HUMAN"),
        **annotation(prefix="trace.", name="feedback", score=0, annotator_kind="HUMAN"),
        **annotation(prefix="session.", name="feedback", score=0, annotator_kind="HUMAN"),
    }

    await publisher.post("/v1/traces", spans(carried, links=[link]))

    found = {(one.subject.type, one.subject.id): one.value for one in await published(installation.server)}
    assert found == {("span", "000000000000000b"): 1, ("trace", "0" * 31 + "a"): -1, ("session", "s1"): -1}


async def test_an_annotation_is_known_by_its_target_name_and_identifier(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    link = {"traceId": "0" * 31 + "a", "spanId": "0" * 15 + "b"}
    said = {"name": "feedback", "annotator_kind": "HUMAN", "identifier": "rater-7"}

    for index, carrier, score in ((0, "c1", 1), (4, "c2", 1), (0, "c3", 0)):
        carried = annotation(index, **said, score=score)
        await publisher.post("/v1/traces", spans(carried, spanId=carrier.zfill(16), links=[link]))

    first, changed = await published(installation.server)
    assert (first.value, changed.value) == (1, -1)
    assert (first.user, first.subject) == (changed.user, changed.subject)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"resourceLogs": 7}',
        b'{"resourceLogs": [7]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"attributes": [{"key": 7}]}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "soon"}]}]}]}',
        b"{",
    ],
)
async def test_what_is_no_otlp_is_malformed(installation: Installation, body: bytes) -> None:
    publisher = await installation.caller("publisher")

    answer = await publisher.post("/v1/logs", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["code"] == 3
    assert answer.json()["message"]


async def test_a_fault_of_protocol_buffers_is_told_in_them(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    headers = {"Content-Type": PROTOBUF}

    broken = await publisher.post("/v1/logs", content=b"\xff" * 10, headers=headers)
    keyless = await installation.http.post("/v1/logs", content=b"", headers=headers)
    foreign = await publisher.post("/v1/logs", content=b"x", headers={"Content-Type": "text/plain"})

    assert [answer.status_code for answer in (broken, keyless, foreign)] == [400, 401, 415]
    assert broken.headers["content-type"] == PROTOBUF
    assert broken.content.startswith(b"\x08\x03\x12")
    assert b"isn't the protocol buffer" in broken.content
    assert keyless.content.startswith(b"\x08\x10\x12")
    assert foreign.json()["code"] == 3


async def test_gzip_is_taken(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    answer = await publisher.post("/v1/logs", content=gzip.compress(json.dumps(logs(SAID)).encode()), headers=headers)

    assert answer.status_code == 200
    assert len(await published(installation.server)) == 1


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
async def test_opentelemetrys_own_exporters_publish_here(installation: Installation, compression: Compression) -> None:
    key = await installation.key("publisher")
    about: dict[str, Any] = {"headers": {"Authorization": f"Bearer {key}"}, "compression": compression}

    def export() -> None:
        resource = Resource(RESOURCE)
        tracers = TracerProvider(resource=resource)
        tracers.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{installation.url}/v1/traces", **about)))
        loggers = LoggerProvider(resource=resource)
        loggers.add_log_record_processor(
            SimpleLogRecordProcessor(OTLPLogExporter(f"{installation.url}/v1/logs", **about))
        )
        with tracers.get_tracer("app").start_as_current_span("chat") as answered:
            target = answered.get_span_context()
            loggers.get_logger("app").emit(
                LogRecord(
                    timestamp=1_795_514_400_000_000_000,
                    event_name="gen_ai.evaluation.result",
                    severity_number=SeverityNumber.INFO,
                    attributes=JUDGED | {"gen_ai.response.id": ""},
                )
            )
        with tracers.get_tracer("app").start_as_current_span("annotate", links=[trace.Link(target)]) as carrier:
            carrier.set_attributes(annotation(name="feedback", score=0, annotator_kind="HUMAN"))
        tracers.shutdown()
        loggers.shutdown()
        told.append((format(target.trace_id, "032x"), format(target.span_id, "016x")))

    told: list[tuple[str, str]] = []
    await asyncio.to_thread(export)

    ((trace_id, span_id),) = told
    found = await published(installation.server)
    judged, pressed = sorted(found, key=lambda one: one.kind)
    assert [(one.trace_id, one.subject.id, one.environment) for one in (judged, pressed)] == [
        (trace_id, span_id, "prod")
    ] * 2
    assert (judged.evaluator, pressed.value) == ("judge-v2", -1)


async def test_the_answer_in_protocol_buffers_says_what_was_passed_over(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    one_empty_record = bytes.fromhex("0a 04 12 02 12 00".replace(" ", ""))

    answer = await publisher.post("/v1/logs", content=one_empty_record, headers={"Content-Type": PROTOBUF})

    told = ExportLogsServiceResponse.FromString(answer.content)
    assert answer.status_code == 200
    assert told.partial_success.error_message.startswith("1 of what was sent (log records) hold no evaluation")
