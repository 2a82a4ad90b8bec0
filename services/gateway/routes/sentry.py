"""Sentry's envelope endpoint, as far as user feedback goes: its SDKs publish here when their DSN is ours."""

import re
from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from labelwright.access import AccessDenied, Principal
from labelwright.adapters.sentry import event_of_report, feedback_in, read_envelope
from labelwright.contracts.envelope import in_one_sentence
from labelwright.errors import ContractError
from services.gateway.openapi import answers, body
from services.gateway.problems import Problem
from services.gateway.routes.body import Door
from services.gateway.routes.caller import COMMON, Caller, demand, identify, whose
from services.gateway.routes.scoring import rejections, take_whole

_KEY: Final = re.compile(r"\bsentry_key=([^\s,]+)")
_DSN: Final = re.compile(r"DSN https?://([^:@/\s]+)", re.IGNORECASE)


class Received(BaseModel):
    """The id of the event that the envelope's feedback became, or that the envelope bears."""

    id: str


class ReportReceived(BaseModel):
    """The id of the event that a report became."""

    id: str
    eventID: str  # noqa: N815  # its name on the wire


class UserReport(BaseModel):
    """What a user wrote about an event."""

    event_id: str
    comments: str = Field(min_length=1)
    email: str | None = None
    name: str | None = None


class SentryFault(BaseModel):
    """An error, as Sentry tells it."""

    detail: str
    causes: list[str]


def _tell(request: Request, problem: Problem) -> Response:  # noqa: ARG001  # a door's form
    causes = [fault["detail"] for fault in problem.errors]
    return JSONResponse({"detail": problem.detail, "causes": causes}, problem.status, problem.headers)


async def _identify(request: Request) -> Principal:
    """Return whose key a DSN holds: the header X-Sentry-Auth has it, or the query, or Authorization."""
    authorization = request.headers.get("authorization", "")
    shown = _KEY.search(request.headers.get("x-sentry-auth", "")) or _KEY.search(authorization)
    key = (shown or _DSN.match(authorization) or ["", request.query_params.get("sentry_key", "")])[1]
    if key:
        return await whose(request, key)
    if not authorization:
        raise AccessDenied("the request has no key; set the SDK's DSN to https://KEY@gateway/1, KEY being an API key")
    return await identify(request)


class SentryDoor(Door):
    """Sentry's SDKs show the public key of their DSN: it is an API key of ours."""

    identify = staticmethod(_identify)
    tell = staticmethod(_tell)


router = APIRouter(tags=["others' formats"], route_class=SentryDoor)
_FAULTS: Final = answers(COMMON, SentryFault)
_EXAMPLE: Final = """\
{"event_id": "9ec79c33ec9942ab8353589fcb2e04dc"}
{"type": "feedback"}
{"contexts": {"feedback": {"message": "The total is wrong", "url": "https://shop.example/cart"}}}
"""


@router.post(
    "/api/{project}/envelope/",
    response_model=Received,
    responses=_FAULTS,
    openapi_extra=body(
        _EXAMPLE, **{"text/plain": {"type": "string"}, "application/x-sentry-envelope": {"type": "string"}}
    ),
)
async def receive(request: Request, caller: Caller, project: str) -> JSONResponse:
    """Take the user feedback in an envelope of Sentry's: items `feedback` and `user_report`; all else is passed over.

    The DSN's public key is an API key, its project a number of any kind, or the key's project. Mail and name of whoever
    wrote are not kept: the user becomes a pseudonym.
    """
    demand(caller, "publisher", project=None if project.isdigit() else project)
    try:
        envelope = read_envelope(await request.body())
    except ContractError as error:
        raise Problem(400, error.reason) from None
    results = await _take(request, caller.project, list(feedback_in(envelope, caller.project)))
    given = envelope.headers.get("event_id")
    return JSONResponse({"id": results[0]["id"] if results else given if isinstance(given, str) else ""})


@router.post(
    "/api/0/projects/{organization}/{project}/user-feedback/",
    response_model=ReportReceived,
    responses=_FAULTS,
    openapi_extra=body(**{"application/json": UserReport}),
)
async def report(request: Request, caller: Caller, organization: str, project: str) -> JSONResponse:  # noqa: ARG001  # in the address
    """Take a user report, the older form of feedback on an event; the project must be the key's."""
    demand(caller, "publisher", project=project)
    try:
        sent = UserReport.model_validate(from_json(await request.body(), allow_inf_nan=False))
        event: Any = event_of_report(sent.model_dump(), caller.project)
    except ContractError as error:
        raise Problem(400, error.reason) from None
    except ValidationError as error:
        raise Problem(400, in_one_sentence(error.errors(include_url=False))) from None
    except ValueError:
        raise Problem(400, "the body isn't valid JSON in UTF-8; check it with any JSON tool") from None
    (result,) = await _take(request, caller.project, [event])
    return JSONResponse({"id": result["id"], "eventID": sent.event_id})


async def _take(request: Request, project: str, events: Sequence[object]) -> list[dict[str, Any]]:
    """Publish, and return what became of each event that was taken. Raises 400 where none of them was."""
    if not events:
        return []
    taken = await take_whole(request, project, events)
    refused = rejections(taken)
    if len(refused) == len(events):
        causes = [{"detail": reason} for reason in refused[1:]]
        raise Problem(400, refused[0], errors=causes, headers=taken.headers)
    return [result for result in taken.results if result["status"] != "rejected"]
