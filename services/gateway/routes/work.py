"""Pull labeling work: the next task, and what its holder does with it."""

from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from labelwright.access import Principal
from labelwright.contracts import work
from labelwright.contracts.work import RequestAnswered
from labelwright.identity import derive
from labelwright.runtime.asker import Asker
from labelwright.runtime.asker import Request as Asked
from labelwright.runtime.server import refusing
from services.gateway.problems import Problem
from services.gateway.routes.caller import COMMON, PROBLEM, Caller, demand, partition_of

router = APIRouter(tags=["work"])
PATIENCE = timedelta(seconds=5)
Text = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f]+$")]
AssignmentId = Annotated[str, Path(min_length=1, max_length=128)]
_GONE: dict[int | str, dict[str, Any]] = {
    409: {"description": "the lease is over, or the task was answered otherwise", **PROBLEM}
}


class Wanted(BaseModel):
    """What kind of task is wanted. `request` makes the call safe to repeat; `wait_s` waits for a task to come up."""

    request: Text | None = None
    sources: list[Text] | None = Field(None, max_length=32)
    skills: list[Text] | None = Field(None, max_length=64)
    wait_s: Annotated[float, Field(ge=0, le=25)] = 0


class Held(BaseModel):
    """Proof that the caller holds the lease."""

    token: Text


class Released(Held):
    """Give the task back."""

    reason: Annotated[str, Field(max_length=4_000)] = "skip"


class Answered(Held):
    """An answer."""

    label: Text
    note: Annotated[str, Field(max_length=4_000)] | None = None
    active_ms: Annotated[int, Field(ge=0, le=86_400_000)] | None = None


@router.post(
    "/v1/projects/{project}/assignments",
    responses={**COMMON, 204: {"description": "nothing to label just now"}},
)
async def next_task(request: Request, caller: Caller, project: str, wanted: Wanted) -> Response:
    """Lease the most urgent task that is the caller's to label; 204 if there is none."""
    demand(caller, "annotator", project=project)
    sources = caller.sources if wanted.sources is None else tuple(wanted.sources)
    if foreign := set(sources) - set(caller.sources):
        raise Problem(403, f"your key doesn't answer as source {sorted(foreign)[0]!r}; its sources are in its record")
    partition = await partition_of(request, project)
    wait = timedelta(seconds=wanted.wait_s)
    asker: Asker = request.app.state.asker
    with refusing():
        until = await partition.now() + wait
    lease = work.LeaseRequested(
        request=derive("request", caller.key_id, wanted.request or str(uuid4())),
        annotator=caller.annotator,
        sources=list(sources),
        skills=list(wanted.skills if wanted.skills is not None else caller.skills),
        reply=asker.name,
        wait_until=until,
    )
    return await _put(request, caller, lease, wait + PATIENCE)


@router.post("/v1/assignments/{assignment}/heartbeat", responses={**COMMON, **_GONE})
async def heartbeat(request: Request, caller: Caller, assignment: AssignmentId, held: Held) -> Response:
    """Keep the lease: its new end."""
    return await _about(request, caller, "heartbeat", assignment, held)


@router.post("/v1/assignments/{assignment}/release", responses={**COMMON, **_GONE})
async def release(request: Request, caller: Caller, assignment: AssignmentId, held: Released) -> Response:
    """Give the task back; somebody else gets it."""
    return await _about(request, caller, "release", assignment, held)


@router.post("/v1/assignments/{assignment}/annotation", status_code=201, responses={**COMMON, **_GONE})
async def annotate(request: Request, caller: Caller, assignment: AssignmentId, held: Answered) -> Response:
    """Answer the task. Sending the same answer again gives the same annotation."""
    return await _about(request, caller, "annotation", assignment, held)


@router.post("/v1/assignments/{assignment}/retraction", responses={**COMMON, **_GONE})
async def retract(request: Request, caller: Caller, assignment: AssignmentId, held: Held) -> Response:
    """Take the answer back and hold the task again."""
    return await _about(request, caller, "retraction", assignment, held)


_PAYLOADS: dict[str, type[Any]] = {
    "heartbeat": work.HeartbeatSent,
    "release": work.ReleaseRequested,
    "annotation": work.AnnotationSubmitted,
    "retraction": work.RetractionRequested,
}


async def _about(
    request: Request,
    caller: Principal,
    what: Literal["heartbeat", "release", "annotation", "retraction"],
    assignment: str,
    held: Held,
) -> Response:
    demand(caller, "annotator")
    await partition_of(request, caller.project)
    # a heartbeat and an undo are meant anew each time they are sent; an answer is the same answer when repeated
    repeat = held.model_dump_json() if what == "annotation" else str(uuid4())
    identity = request.headers.get("idempotency-key") or repeat
    asked = _PAYLOADS[what](
        request=derive("request", caller.key_id, assignment, what, identity),
        assignment=assignment,
        annotator=caller.annotator,
        reply=request.app.state.asker.name,
        **held.model_dump(),
    )
    return await _put(request, caller, asked, PATIENCE)


async def _put(request: Request, caller: Principal, asked: Asked, patience: timedelta) -> Response:
    asker: Asker = request.app.state.asker
    with refusing():
        answer = await asker.ask(caller.project, asked, timeout=patience)
    if answer is None:
        detail = "nobody answered in time; ask again with the same 'request', nothing is done twice"
        raise Problem(503, detail, headers={"Retry-After": "1"})
    return _response(answer)


def _response(answer: RequestAnswered) -> Response:
    if answer.status == 204:
        return Response(status_code=204)
    if answer.status >= 400:
        raise Problem(answer.status, answer.detail, code=answer.code)
    return JSONResponse(answer.body, answer.status)
