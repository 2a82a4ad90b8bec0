"""Pull labeling work: the next task, and what its holder does with it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from labelwright.access import Principal
from labelwright.contracts import work
from labelwright.identity import derive
from labelwright.runtime.server import refusing
from services.gateway.answers import PROBLEM, Assignment, Extended, Nothing, Recorded
from services.gateway.problems import Problem
from services.gateway.routes.asking import PATIENCE, ask, asker_of
from services.gateway.routes.body import Door
from services.gateway.routes.caller import COMMON, Caller, demand, idempotency_key, partition_of
from services.gateway.settings import Settings

router = APIRouter(tags=["work"], route_class=Door)
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


def _link(operation: str, **more: str) -> dict[str, Any]:
    """Tell how an assignment leads on to an operation about it."""
    return {
        "operationId": operation,
        "parameters": {"assignment": "$response.body#/assignment"},
        "requestBody": {"token": "$response.body#/token", **more},
    }


_HELD = {
    "description": "the assignment",
    "links": {
        "keep": _link("heartbeat"),
        "give back": _link("release"),
        "answer": _link("annotate", label="one of the guideline's"),
        "take back": _link("retract"),
    },
}


@router.post(
    "/v1/projects/{project}/assignments",
    response_model=Assignment,
    responses={**COMMON, **_GONE, 200: _HELD, 204: {"description": "nothing to label just now"}},
)
async def next_task(request: Request, caller: Caller, project: str, wanted: Wanted | None = None) -> Response:
    """Lease the most urgent task that is the caller's to label; 204 if there is none."""
    demand(caller, "annotator", project=project)
    wanted = wanted or Wanted()
    sources = _covered("source", wanted.sources, caller.sources)
    skills = _covered("skill", wanted.skills, caller.skills)
    if not sources:
        raise Problem(403, "your key answers as no source; ask the project's owner for one that does")
    partition = await partition_of(request, project)
    settings: Settings = request.app.state.settings
    wait = timedelta(seconds=min(wanted.wait_s, settings.longest_wait_s))
    with refusing():
        until = await partition.now() + wait
    lease = work.LeaseRequested(
        request=derive("request", caller.key_id, wanted.request or idempotency_key(request) or str(uuid4())),
        annotator=caller.annotator,
        sources=sources,
        skills=skills,
        reply=asker_of(request).name,
        wait_until=until,
    )
    return await ask(request, caller, lease, wait + PATIENCE)


@router.post("/v1/assignments/{assignment}/heartbeat", response_model=Extended, responses={**COMMON, **_GONE})
async def heartbeat(request: Request, caller: Caller, assignment: AssignmentId, held: Held) -> Response:
    """Keep the lease: its new end."""
    return await _about(request, caller, "heartbeat", assignment, held)


@router.post("/v1/assignments/{assignment}/release", response_model=Nothing, responses={**COMMON, **_GONE})
async def release(request: Request, caller: Caller, assignment: AssignmentId, held: Released) -> Response:
    """Give the task back; somebody else gets it."""
    return await _about(request, caller, "release", assignment, held)


@router.post(
    "/v1/assignments/{assignment}/annotation",
    status_code=201,
    response_model=Recorded,
    responses={**COMMON, **_GONE},
)
async def annotate(request: Request, caller: Caller, assignment: AssignmentId, held: Answered) -> Response:
    """Answer the task. Sending the same answer again gives the same annotation."""
    return await _about(request, caller, "annotation", assignment, held)


@router.post(
    "/v1/assignments/{assignment}/retraction",
    response_model=Assignment,
    responses={**COMMON, **_GONE, 200: _HELD},
)
async def retract(request: Request, caller: Caller, assignment: AssignmentId, held: Held) -> Response:
    """Take the answer back and hold the task again, under a new assignment."""
    return await _about(request, caller, "retraction", assignment, held)


_PAYLOADS: dict[str, type[Any]] = {
    "heartbeat": work.HeartbeatSent,
    "release": work.ReleaseRequested,
    "annotation": work.AnnotationSubmitted,
    "retraction": work.RetractionRequested,
}


def _covered(kind: str, wanted: Sequence[str] | None, own: Sequence[str]) -> list[str]:
    """Return the sources or skills to ask for: the key's own, or those wanted of them. Raises 403."""
    if foreign := set(wanted or ()) - set(own):
        known = ", ".join(map(repr, own)) or "none"
        raise Problem(403, f"your key doesn't cover {kind} {sorted(foreign)[0]!r}; its {kind}s are: {known}")
    return list(own if wanted is None else wanted)


async def _about(
    request: Request,
    caller: Principal,
    what: Literal["heartbeat", "release", "annotation", "retraction"],
    assignment: str,
    held: Held,
) -> Response:
    demand(caller, "annotator")
    await partition_of(request, caller.project)
    # each heartbeat is meant anew; all else says the same when it is said again of the same lease
    repeat = str(uuid4()) if what == "heartbeat" else held.model_dump_json()
    asked = _PAYLOADS[what](
        request=derive("request", caller.key_id, assignment, what, idempotency_key(request) or repeat),
        assignment=assignment,
        annotator=caller.annotator,
        reply=asker_of(request).name,
        **held.model_dump(),
    )
    return await ask(request, caller, asked, PATIENCE)
