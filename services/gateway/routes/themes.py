"""Look at what many items have in common, and at what is like one of them; nothing is merged by it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from labelwright.runtime.server import refusing
from labelwright.themes.grouping import MOST_SIMILAR
from labelwright.themes.tables import Suggestion, similar, suggestions
from services.gateway.problems import Problem
from services.gateway.routes.body import Door
from services.gateway.routes.caller import READING, Caller, demand, partition_of

router = APIRouter(tags=["themes"], route_class=Door)


class ThemePage(BaseModel):
    """Suggested themes, those with the most feedback first."""

    themes: list[Suggestion]


class SimilarItem(BaseModel):
    """An item that is like another; `score` is 1 for the same words, 0 for none in common."""

    item: str
    score: float


class SimilarPage(BaseModel):
    """The open items that are most like one, the likest first."""

    item: str
    similar: list[SimilarItem]


@router.get("/v1/themes", response_model=ThemePage, responses=READING)
async def themes(request: Request, caller: Caller, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Response:
    """Return the suggested themes of the key's project: five open items or more that may have one cause."""
    demand(caller, "reviewer", project=caller.project)
    partition = await partition_of(request, caller.project)
    with refusing():
        found = await suggestions(await partition.reads(), caller.project, limit)
    return JSONResponse({"themes": [one.model_dump(exclude_none=True) for one in found]})


@router.get("/v1/items/{item}/similar", response_model=SimilarPage, responses=READING)
async def similar_items(
    request: Request,
    caller: Caller,
    item: Annotated[str, Path(min_length=1, max_length=128)],
    limit: Annotated[int, Query(ge=1, le=MOST_SIMILAR)] = MOST_SIMILAR,
) -> Response:
    """Return the open items that are most like this one, by their words and a sentence model where one is set."""
    demand(caller, "reviewer", project=caller.project)
    partition = await partition_of(request, caller.project)
    with refusing():
        found = await similar(await partition.reads(), caller.project, item, limit)
    if found is None:
        raise Problem(404, "no open item of that id is known; themes knows an item from a second after it was opened")
    rows = [{"item": one.item, "score": round(one.score, 4)} for one in found]
    return JSONResponse({"item": item, "similar": rows})
