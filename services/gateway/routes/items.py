"""Look at items and what may be the same, and merge, split, pin, mute or keep apart by hand."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, StrictBool

from labelwright import curation, stories
from labelwright.access import Principal
from labelwright.contracts.curation import (
    KeptApartRequested,
    MergeRequested,
    MuteRequested,
    PinRequested,
    SplitRequested,
)
from labelwright.engine.reads import Reads
from labelwright.identity import derive
from labelwright.runtime.server import refusing
from services.gateway.answers import PROBLEM, Curated, ItemPage, ItemWhole, MergePage
from services.gateway.problems import Problem
from services.gateway.routes.asking import PATIENCE, ask, asker_of
from services.gateway.routes.body import Door
from services.gateway.routes.caller import COMMON, READING, Caller, demand, idempotency_key, partition_of

router = APIRouter(tags=["items"], route_class=Door)
T = TypeVar("T")
Text = Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"^[^\x00-\x1f]+$")]
Id = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]+$")]
ItemPath = Annotated[str, Path(min_length=1, max_length=128)]
Limit = Annotated[int, Query(ge=1, le=curation.MOST_TOGETHER)]
_DECIDED: dict[int | str, dict[str, Any]] = {
    **COMMON,
    409: {"description": "the item stands otherwise than you think; look at it again", **PROBLEM},
}


class Because(BaseModel):
    """Why; it is kept and shown with your key's name."""

    reason: Text


class Merging(Because):
    """Which item the other one is folded into."""

    into: Id


class Splitting(Because):
    """A piece of feedback whose words don't mean what the rest of the item means."""

    feedback: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f]+$")]


class KeepingApart(Because):
    """The item that differs."""

    other: Id


class Pinning(Because):
    """Whether the item goes before all that isn't pinned."""

    pinned: StrictBool = True


class Muting(Because):
    """Whether nobody is asked about the item any more."""

    muted: StrictBool = True


@router.get("/v1/items", response_model=ItemPage, responses=READING)
async def items(request: Request, caller: Caller, limit: Limit = 50) -> Response:
    """Return the open items of the key's project, the most urgent first, each with what makes it urgent."""
    found = await _read(request, caller, lambda reads: curation.queue(reads, caller.project, limit))
    return JSONResponse({"items": [item.model_dump(mode="json") for item in found]})


@router.get("/v1/merges", response_model=MergePage, responses=READING)
async def merges(request: Request, caller: Caller, limit: Limit = 50) -> Response:
    """Return the pairs of items that may mean the same and wait for a person to decide, the likeliest first."""
    found = await _read(request, caller, lambda reads: curation.pairs(reads, caller.project, limit))
    return JSONResponse({"merges": [pair.model_dump(mode="json") for pair in found]})


@router.get("/v1/items/{item}", response_model=ItemWhole, responses=READING)
async def item(request: Request, caller: Caller, item: ItemPath) -> Response:
    """Return an item whole: how it stands and why, its wordings, what may be the same, and what became of it."""
    found = await _read(request, caller, lambda reads: curation.picture(reads, caller.project, item))
    if found is None:
        raise Problem(404, f"project {caller.project!r} has no item {item!r}")
    steps = await _read(request, caller, lambda reads: stories.tell(reads, caller.project, item))
    return JSONResponse({**found.model_dump(mode="json"), "steps": [step.flat() for step in steps]})


@router.post("/v1/items/{item}/merge", response_model=Curated, responses=_DECIDED)
async def merge(request: Request, caller: Caller, item: ItemPath, body: Merging) -> Response:
    """Fold the item into another one; what was said of either counts for that one. A split takes it back.

    Who reviews may merge what is proposed, an owner anything.
    """
    await _may_decide(request, caller, item, body.into)
    return await _decide(request, caller, MergeRequested, item, body, item=item)


@router.post("/v1/items/{item}/keep-apart", response_model=Curated, responses=_DECIDED)
async def keep_apart(request: Request, caller: Caller, item: ItemPath, body: KeepingApart) -> Response:
    """Decline a proposal: the two items differ, and aren't proposed again."""
    await _may_decide(request, caller, item, body.other)
    return await _decide(request, caller, KeptApartRequested, item, body, item=item)


@router.post("/v1/items/{item}/split", response_model=Curated, responses=_DECIDED)
async def split(request: Request, caller: Caller, item: ItemPath, body: Splitting) -> Response:
    """Part the words of a piece of feedback from the item; they are never merged with it again by themselves.

    Annotations stay with the words that annotators saw: if it is these that you part, the item's other words leave.
    """
    demand(caller, "owner")
    return await _decide(request, caller, SplitRequested, item, body, item=item)


@router.post("/v1/items/{item}/pin", response_model=Curated, responses=_DECIDED)
async def pin(request: Request, caller: Caller, item: ItemPath, body: Pinning) -> Response:
    """Put the item before all that isn't pinned, or no longer."""
    demand(caller, "owner")
    return await _decide(request, caller, PinRequested, item, body, item=item)


@router.post("/v1/items/{item}/mute", response_model=Curated, responses=_DECIDED)
async def mute(request: Request, caller: Caller, item: ItemPath, body: Muting) -> Response:
    """Ask nobody about the item any more, or do so again; its feedback is counted all the same."""
    demand(caller, "owner")
    return await _decide(request, caller, MuteRequested, item, body, item=item)


async def _read(request: Request, caller: Principal, read: Callable[[Reads], Awaitable[T]]) -> T:
    demand(caller, "reviewer")
    partition = await partition_of(request, caller.project)
    with refusing():
        return await read(await partition.reads())


async def _may_decide(request: Request, caller: Principal, item: str, other: str) -> None:
    """Raise 403 unless the caller is an owner, or reviews and the two are proposed."""
    demand(caller, "reviewer")
    if caller.may("owner"):
        return
    ranking = stories.proposed.of(caller.project)
    pairs = [ranking.score(f"{item}|{other}"), ranking.score(f"{other}|{item}")]
    if set(await _read(request, caller, lambda reads: reads.many(pairs))) == {None}:
        raise Problem(403, f"items {item!r} and {other!r} aren't proposed; only an owner may decide about them")


async def _decide(
    request: Request, caller: Principal, kind: type[Any], path: str, body: Because, **more: str
) -> Response:
    """Ask triage. A request that is repeated under its Idempotency-Key is answered as the first time."""
    await partition_of(request, caller.project)
    asked = kind(
        request=derive("request", caller.key_id, kind.__name__, path, idempotency_key(request) or str(uuid4())),
        by=caller.annotator,
        reply=asker_of(request).name,
        **body.model_dump(),
        **more,
    )
    return await ask(request, caller, asked, PATIENCE)
