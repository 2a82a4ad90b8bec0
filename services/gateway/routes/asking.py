"""Ask the service that decides, and answer with what it says."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from labelwright.access import Principal
from labelwright.contracts.work import RequestAnswered
from labelwright.runtime.asker import Asker
from labelwright.runtime.asker import Request as Asked
from labelwright.runtime.server import refusing
from services.gateway.problems import Problem, later

PATIENCE: Final = timedelta(seconds=5)


def asker_of(request: Request) -> Asker:
    """Return what asks on behalf of this process."""
    asker: Asker = request.app.state.asker
    return asker


async def ask(request: Request, caller: Principal, asked: Asked, patience: timedelta) -> Response:
    """Put a request to the service that decides, as long as the client is there to hear the answer."""
    with refusing():
        asking = asyncio.create_task(asker_of(request).ask(caller.project, asked, timeout=patience))
        leaving = asyncio.create_task(_until_gone(request))
        try:
            await asyncio.wait({asking, leaving}, return_when=asyncio.FIRST_COMPLETED)
            answer = asking.result() if asking.done() else None
        finally:
            for task in (asking, leaving):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
    if answer is None:
        raise later("nobody answered in time; ask again with the same 'request', nothing is done twice")
    return _response(answer)


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _response(answer: RequestAnswered) -> Response:
    if answer.status == 204:
        return Response(status_code=204)
    if answer.status >= 400:
        raise Problem(answer.status, answer.detail, code=answer.code)
    return JSONResponse(answer.body, answer.status)
