"""The gateway's app: routes, problems, and what every request shares."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from labelwright.access import Access
from labelwright.runtime.asker import Asker
from labelwright.runtime.server import Server
from labelwright.web import Accounted
from services.gateway import problems
from services.gateway.openapi import describe
from services.gateway.routes import feedback, items, labels, langfuse, otlp, projects, sentry, themes, work
from services.gateway.routes.taking import Backlog
from services.gateway.settings import Settings


def create_app(server: Server, settings: Settings) -> FastAPI:
    """Return the app over a server; its lifespan opens what requests share."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Asker(server) as asker:
            app.state.asker = asker
            yield

    app = FastAPI(
        title="Labelwright gateway",
        version="1",
        summary="Publish feedback, pull labeling work, read labels.",
        lifespan=lifespan,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.server, app.state.settings, app.state.access = server, settings, Access(server)
    app.state.backlog = Backlog()
    problems.install(app)
    for router in (feedback.router, feedback.open_router, work.router, labels.router, projects.router):
        app.include_router(router)
    for looked_at in (items.router, themes.router):
        app.include_router(looked_at)
    for foreign in (langfuse.router, otlp.router, sentry.router):
        app.include_router(foreign)
    app.add_middleware(Accounted, service="gateway", on_fault=problems.fault)
    describe(app)
    return app
