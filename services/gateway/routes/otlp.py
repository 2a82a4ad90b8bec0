"""OpenTelemetry over HTTP: evaluations in logs, annotations on spans; whatever else is sent is passed over."""

import asyncio
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from pydantic import BaseModel, Field
from pydantic_core import from_json

from labelwright.adapters.openinference import annotations_in
from labelwright.adapters.opentelemetry import EVALUATION, Record, Span, evaluation_of, logs_in, spans_in
from labelwright.errors import ContractError
from services.gateway.openapi import answers, body
from services.gateway.problems import Problem
from services.gateway.routes.body import Door, content_type, is_json
from services.gateway.routes.caller import COMMON, Caller, demand, identify_by_password
from services.gateway.routes.scoring import Readable, rejections, take_scores

Leaf = TypeVar("Leaf", Record, Span)
PROTOBUF: Final = "application/x-protobuf"
IDS: Final = frozenset({"traceId", "spanId", "parentSpanId"})
"""Fields whose bytes OTLP's JSON has in hexadecimal, while the JSON of protocol buffers has them in Base64."""

_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 413: 3, 415: 3, 422: 3, 429: 8, 503: 14}
_UNKNOWN: Final = 2


class PartialSuccess(BaseModel):
    """How much was rejected, and why; with nothing rejected, what there is to say."""

    rejectedLogRecords: str | None = None  # noqa: N815  # the fields' names on the wire, whole numbers as texts
    rejectedSpans: str | None = None  # noqa: N815
    errorMessage: str = ""  # noqa: N815


class Exported(BaseModel):
    """The answer to an export: empty, or what didn't become feedback."""

    partialSuccess: PartialSuccess | None = None  # noqa: N815


class Status(BaseModel):
    """An error, as OTLP tells it (google.rpc.Status)."""

    code: int
    message: str = Field("", description="what to do about it")


def _tell(request: Request, problem: Problem) -> Response:
    code = _CODES.get(problem.status, _UNKNOWN)
    if content_type(request) != PROTOBUF:
        return JSONResponse({"code": code, "message": problem.detail}, problem.status, problem.headers)
    message = problem.detail.encode()[:127]  # so that its length is one byte: field 1 is the code, field 2 the message
    status = b"\x08" + bytes([code]) + b"\x12" + bytes([len(message)]) + message
    return Response(status, problem.status, problem.headers, media_type=PROTOBUF)


class OtlpDoor(Door):
    """Exporters send a key as a bearer's; those of Langfuse's SDKs as the password of Basic auth."""

    identify = staticmethod(identify_by_password)
    tell = staticmethod(_tell)


router = APIRouter(tags=["others' formats"], route_class=OtlpDoor)
_OBJECTS: Final = {"type": ["array", "null"], "items": {"type": "object"}}
_ABOUT: Final[dict[str, Any]] = {
    "status_code": 200,
    "response_model": Exported,
    "responses": answers(COMMON, Status) | {200: {"content": {PROTOBUF: {}}}},
}


@router.post(
    "/v1/logs",
    **_ABOUT,
    openapi_extra=body(
        **{
            "application/json": {"type": "object", "properties": {"resourceLogs": _OBJECTS}},
            PROTOBUF: {"type": "string", "format": "binary"},
        }
    ),
)
async def export_logs(request: Request, caller: Caller) -> Response:
    """Take the evaluations among log records: events named `gen_ai.evaluation.result` become feedback.

    What a machine said (`annotator_kind` is LLM or CODE, or nobody says that it was a person) is weak evidence, and no
    user's vote. Other records are passed over, and `partialSuccess` says so.
    """
    demand(caller, "publisher")
    records = await _leaves(request, ExportLogsServiceRequest, logs_in)
    scores = [_evaluation(record) for record in records if record.name == EVALUATION]
    return await _taken(request, caller.project, scores, len(records) - len(scores), "log record")


@router.post(
    "/v1/traces",
    **_ABOUT,
    openapi_extra=body(
        **{
            "application/json": {"type": "object", "properties": {"resourceSpans": _OBJECTS}},
            PROTOBUF: {"type": "string", "format": "binary"},
        }
    ),
)
@router.post("/api/public/otel/v1/traces", include_in_schema=False)
async def export_spans(request: Request, caller: Caller) -> Response:
    """Take the annotations on spans: OpenInference's `annotations.<i>.annotation.…` become feedback.

    They are about the span, or about the one that it links to if it links to one only. Spans without are passed over,
    and `partialSuccess` says so.
    """
    demand(caller, "publisher")
    spans = await _leaves(request, ExportTraceServiceRequest, spans_in)
    found = [list(_annotations(span)) for span in spans]
    scores = [score for of_span in found for score in of_span]
    return await _taken(request, caller.project, scores, sum(not of_span for of_span in found), "span")


async def _leaves(request: Request, form: type[Message], read: Callable[[object], Iterator[Leaf]]) -> list[Leaf]:
    """Return the records or the spans of a request. Raises 400, 413, 415.

    It is read in a thread: a megabyte of small spans takes a second, in which others are to be served.
    """
    kind, content = content_type(request), await request.body()
    if kind != PROTOBUF and not is_json(kind):
        raise Problem(415, f"content type {kind[:60]!r} isn't taken; send {PROTOBUF} or application/json")
    try:
        return await asyncio.to_thread(lambda: list(read(_message(content, form if kind == PROTOBUF else None))))
    except ContractError as error:
        raise Problem(400, error.reason) from None


def _message(content: bytes, form: type[Message] | None) -> object:
    """Return a request as OTLP's JSON has it, whichever way it was sent. Raises ContractError."""
    try:
        return _with_hex_ids(MessageToDict(form.FromString(content))) if form else from_json(content)
    except (DecodeError, ValueError):
        what = "the protocol buffer that this address takes; check the path" if form else "valid JSON in UTF-8"
        raise ContractError("not_otlp", f"the body isn't {what}") from None


def _evaluation(record: Record) -> Readable:
    try:
        return evaluation_of(record)
    except ContractError as error:
        return error


def _annotations(span: Span) -> Iterator[Readable]:
    """Yield the annotations of a span, and the evaluations among its events: so older instrumentations send them."""
    yield from annotations_in(span)
    yield from (_evaluation(event) for event in span.events if event.name == EVALUATION)


async def _taken(request: Request, project: str, scores: list[Readable], ignored: int, what: str) -> Response:
    taken = await take_scores(request, project, scores)
    refused = rejections(taken)
    said = []
    if refused:
        said.append(f"{len(refused)} of {len(scores)} evaluations were rejected, the first since {refused[0]}")
    if ignored:
        said.append(f"{ignored} of what was sent ({what}s) hold no evaluation and were ignored; send them elsewhere")
    return _exported(request, what, len(refused), "; ".join(said), taken.headers)


def _exported(request: Request, what: str, rejected: int, said: str, headers: Mapping[str, str]) -> Response:
    field: Literal["log_records", "spans"] = "spans" if what == "span" else "log_records"
    answer = ExportTraceServiceResponse() if what == "span" else ExportLogsServiceResponse()
    if said:
        answer.partial_success.error_message = said
        setattr(answer.partial_success, f"rejected_{field}", rejected)
    if content_type(request) == PROTOBUF:
        return Response(answer.SerializeToString(), headers=dict(headers), media_type=PROTOBUF)
    return JSONResponse(MessageToDict(answer), headers=dict(headers))


def _with_hex_ids(value: Any) -> Any:
    """Return what a protocol buffer says in JSON as OTLP has it."""
    if isinstance(value, list):
        return [_with_hex_ids(one) for one in value]
    if isinstance(value, dict):
        return {
            key: b64decode(inner).hex() if key in IDS and isinstance(inner, str) else _with_hex_ids(inner)
            for key, inner in value.items()
        }
    return value
