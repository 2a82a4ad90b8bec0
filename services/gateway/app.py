"""The gateway's app: routes, problems, and what every request shares."""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response

from labelwright import metrics
from labelwright.access import Access
from labelwright.runtime.asker import Asker
from labelwright.runtime.server import Server
from services.gateway import problems
from services.gateway.routes import feedback, labels, projects, work
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
    )
    app.state.server, app.state.settings, app.state.access = server, settings, Access(server)
    problems.install(app)
    for routes in (feedback, work, labels, projects):
        app.include_router(routes.router)

    @app.middleware("http")
    async def _account(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        began = time.perf_counter()
        request.state.request_id = os.urandom(8).hex()
        response = await call(request)
        route = getattr(request.scope.get("route"), "path", "other")
        metrics.requests.labels("gateway", route, str(response.status_code)).inc()
        metrics.request_seconds.labels("gateway", route).observe(time.perf_counter() - began)
        response.headers["X-Request-Id"] = request.state.request_id
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return app
