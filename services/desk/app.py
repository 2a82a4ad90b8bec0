"""The desk's app: routes, problems, and what every request shares."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from labelwright.access import Access
from labelwright.runtime.asker import Asker
from labelwright.runtime.server import Server
from labelwright.web import Accounted
from services.desk import pages, problems
from services.desk.labeling import Guidelines
from services.desk.routes import door, items, loop
from services.desk.settings import Settings


def create_app(server: Server, settings: Settings) -> FastAPI:
    """Return the app over a server; its lifespan opens what requests share."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Asker(server) as asker:
            app.state.asker = asker
            yield

    app = FastAPI(
        title="Labelwright desk",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.server, app.state.settings, app.state.access = server, settings, Access(server)
    app.state.guidelines = Guidelines()
    problems.install(app)
    for routes in (door, loop, items):
        app.include_router(routes.router)
    app.mount("/static", _Static(directory=pages.STATIC))
    app.add_middleware(Accounted, service="desk", on_fault=problems.fault, headers=pages.HEADERS)
    return app


class _Static(StaticFiles):
    """Static files; their addresses change with their content, so that browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
