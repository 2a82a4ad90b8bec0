"""Read labels: the present label of each settled item, in the order in which they were settled."""

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic_core import to_json

from labelwright.engine.tables import milliseconds
from labelwright.runtime.server import refusing
from labelwright.stories import Case, cases, settled
from services.gateway.answers import LabelPage
from services.gateway.routes.body import Door
from services.gateway.routes.caller import READING, Caller, demand, partition_of

router = APIRouter(tags=["labels"], route_class=Door)
_CURSOR: Final = r"^([0-9]{1,15}-[ -~]{1,128})?$"
MOST_OF_ONE_MOMENT: Final = 1_000
"""Labels that may bear the same millisecond: a few batches of 200."""

SETTLING: Final = timedelta(seconds=2)
"""A label bears the time of its decision and is seen from its commit on, a moment later. What is younger than this is
held back, so that the cursor never passes a label that is just being committed."""


@router.get(
    "/v1/projects/{project}/labels",
    response_model=LabelPage,
    responses={
        **READING,
        200: {
            "description": "labels behind the cursor",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        },
    },
)
async def labels(
    request: Request,
    caller: Caller,
    project: str,
    after: Annotated[str, Query(max_length=160, pattern=_CURSOR)] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """Return labels behind the cursor `after`, oldest first; `next` is the cursor to go on from, also later.

    A label is shown from two seconds after it was settled. An item whose label changes comes again, behind every
    cursor that was given before. `Accept: application/x-ndjson` gives one label a line, and the cursor in the header
    `Labelwright-Next`.
    """
    demand(caller, "publisher", "reviewer", project=project)
    partition = await partition_of(request, project)
    ms, item = _cursor(after)
    with refusing():
        reads = await partition.reads()
        (ranked,) = await reads(settled.of(project).from_score(ms, limit + MOST_OF_ONE_MOMENT))
        last_ms = milliseconds(reads.now - SETTLING)
        behind = [(name, score) for name, score in ranked if (ms, item) < (score, name) <= (last_ms, "")][:limit]
        (found,) = await reads(cases.get_many([name for name, _ in behind]))
    rows = [_row(found[name].value) for name, _ in behind if name in found and found[name].value.label]
    onward = f"{int(behind[-1][1])}-{behind[-1][0]}" if behind else after
    if "application/x-ndjson" in request.headers.get("accept", ""):
        lines = b"".join(to_json(row) + b"\n" for row in rows)
        return Response(lines, media_type="application/x-ndjson", headers={"Labelwright-Next": onward})
    return JSONResponse({"labels": rows, "next": onward})


def _cursor(text: str) -> tuple[float, str]:
    ms, _, item = text.partition("-")
    return float(ms or 0), item


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
            {"annotation": vote.annotation, "source": vote.source, "label": vote.label} for vote in case.counted
        ],
        "feedback_events": case.feedback_events,
        "feedback": case.feedback,
        "cost_usd": case.cost_usd,
        "resolved_at": case.resolved_at.isoformat() if case.resolved_at else None,
    }
