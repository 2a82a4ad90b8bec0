"""Items: what may be the same, the queue, and an item's page; each decision a form that needs no script."""

import os
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import RedirectResponse, Response

from services.desk import pages
from services.desk.curating import Curator, Deciding, Merging, Muting, Pinning, Splitting
from services.desk.problems import Problem
from services.desk.routes.visitor import Visitor, form, partition_for

router = APIRouter()
ItemPath = Annotated[str, Path(min_length=1, max_length=128)]


async def curator(request: Request, who: Visitor) -> Curator:
    """Return the visitor as somebody who decides about items. Raises Problem 403, 404."""
    partition = await partition_for(request, who, "reviewer")
    return Curator(who, partition, request.app.state.asker)


AtItems = Annotated[Curator, Depends(curator)]


@router.get("/merges")
async def merges(request: Request, at: AtItems) -> Response:
    """Show pairs that may be the same, both texts side by side."""
    return pages.answer(request, "merges", pairs=await at.pairs(), once=_once())


@router.post("/merges")
async def decide(given: Annotated[Deciding, Depends(form(Deciding))], at: AtItems) -> Response:
    """Merge a pair, or keep it apart, and show the next."""
    await at.decide(given)
    return RedirectResponse("/merges", 303)


@router.get("/items")
async def queue(request: Request, at: AtItems) -> Response:
    """Show the open items, the most urgent first."""
    return pages.answer(request, "items", items=await at.queue())


@router.get("/items/{item}")
async def item(request: Request, at: AtItems, item: ItemPath) -> Response:
    """Show an item, and what may be done with it."""
    return pages.answer(request, "item", item=await at.picture(item), is_owner=at.is_owner, once=_once())


@router.post("/items/{item}/merge")
async def merge(given: Annotated[Merging, Depends(form(Merging))], at: AtItems, item: ItemPath) -> Response:
    """Fold the item into another one, and show that."""
    if not at.is_owner:
        raise Problem(403, "Only an owner of the project may merge what isn't proposed.")
    await at.merge(item, given)
    return RedirectResponse(f"/items/{given.into}", 303)


@router.post("/items/{item}/split")
async def split(given: Annotated[Splitting, Depends(form(Splitting))], at: AtItems, item: ItemPath) -> Response:
    """Part words from the item, and show what is left."""
    await at.split(item, given)
    return RedirectResponse(f"/items/{item}", 303)


@router.post("/items/{item}/pin")
async def pin(given: Annotated[Pinning, Depends(form(Pinning))], at: AtItems, item: ItemPath) -> Response:
    """Put the item first, or no longer."""
    await at.pin(item, given)
    return RedirectResponse(f"/items/{item}", 303)


@router.post("/items/{item}/mute")
async def mute(given: Annotated[Muting, Depends(form(Muting))], at: AtItems, item: ItemPath) -> Response:
    """Take the item out of the queue, or put it back."""
    await at.mute(item, given)
    return RedirectResponse(f"/items/{item}", 303)


def _once() -> str:
    return os.urandom(8).hex()
