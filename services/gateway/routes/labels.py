"""Read labels: the present label of each settled item, in the order in which they were settled."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic_core import to_json

from labelwright.runtime.server import refusing
from labelwright.stories import Case, cases, settled
from services.gateway.problems import Problem
from services.gateway.routes.caller import COMMON, Caller, demand, partition_of

router = APIRouter(tags=["labels"])
MOST_OF_ONE_MOMENT = 1_000
"""Labels that may bear the same millisecond: a few batches of 200."""


@router.get("/v1/projects/{project}/labels", responses=COMMON)
async def labels(
    request: Request,
    caller: Caller,
    project: str,
    after: Annotated[str, Query(max_length=160)] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """Return labels behind the cursor `after`, oldest first; `next` is the cursor to go on from, also later.

    An item whose label changes comes again. `Accept: application/x-ndjson` gives one label a line, and the cursor in
    the header `Labelwright-Next`.
    """
    demand(caller, "publisher", "reviewer", project=project)
    partition = await partition_of(request, project)
    ms, item = _cursor(after)
    with refusing():
        reads = await partition.reads()
        (ranked,) = await reads(settled.of(project).from_score(ms, limit + MOST_OF_ONE_MOMENT))
        behind = [(name, score) for name, score in ranked if (score, name) > (ms, item)][:limit]
        (found,) = await reads(cases.get_many([name for name, _ in behind]))
    rows = [_row(found[name].value) for name, _ in behind if name in found and found[name].value.label]
    onward = f"{int(behind[-1][1])}-{behind[-1][0]}" if behind else after
    if "application/x-ndjson" in request.headers.get("accept", ""):
        lines = b"".join(to_json(row) + b"\n" for row in rows)
        return Response(lines, media_type="application/x-ndjson", headers={"Labelwright-Next": onward})
    return JSONResponse({"labels": rows, "next": onward})


def _cursor(text: str) -> tuple[float, str]:
    if not text:
        return 0.0, ""
    ms, _, item = text.partition("-")
    if not (ms.isascii() and ms.isdigit() and len(ms) < 16):
        raise Problem(400, "the cursor 'after' isn't one that this address gave; start without it")
    return float(ms), item


def _row(case: Case) -> dict[str, Any]:
    return {
        "item": case.item,
        "text": case.text,
        "label": case.label,
        "probability": case.probability,
        "distribution": case.distribution,
        "method": case.method,
        "guideline_version": case.guideline_version,
        "annotations": [
            {"annotation": vote.annotation, "source": vote.source, "label": vote.label} for vote in case.votes
        ],
        "feedback_events": case.feedback_events,
        "feedback": case.feedback,
        "cost_usd": case.cost_usd,
        "resolved_at": case.resolved_at.isoformat() if case.resolved_at else None,
    }
