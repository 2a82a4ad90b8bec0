"""A gateway over a real server, reached by real HTTP, with keys and projects made as an owner makes them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI

from labelwright.access import Access, Role
from labelwright.contracts.project import ProjectFile
from labelwright.registry import apply_project
from labelwright.runtime.server import Server
from services.gateway.app import create_app
from services.gateway.settings import Settings
from tests.conftest import until

PROJECT = "shop"


@dataclass(frozen=True)
class Installation:
    """Where the gateway listens, and what is behind it."""

    url: str
    http: httpx2.AsyncClient
    server: Server
    app: FastAPI

    @property
    def access(self) -> Access:
        """The keys, as the gateway knows them."""
        found: Access = self.app.state.access
        return found

    async def apply(self, project: str = PROJECT, **about: Any) -> ProjectFile:
        """Bring a project file into force."""
        file = project_file(project, **about)
        await apply_project(self.server, file)
        return file

    async def key(
        self, *roles: Role, project: str = PROJECT, annotator: str | None = None, skills: Sequence[str] = ()
    ) -> str:
        """Make a key; an annotator's answers as the crowd."""
        sources = ["crowd"] if "annotator" in roles else []
        return await self.access.mint_key(project, roles, annotator=annotator, sources=sources, skills=skills)

    async def caller(self, *roles: Role, **about: Any) -> "Caller":
        """Make a key, and what sends requests with it."""
        return Caller(self.http, await self.key(*roles, **about))


@dataclass(frozen=True)
class Caller:
    """Sends requests with one key."""

    http: httpx2.AsyncClient
    key: str

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, json: Any = None, **more: Any) -> httpx2.Response:
        return await self.ask("POST", path, json=json, **more)

    async def put(self, path: str, json: Any = None, **more: Any) -> httpx2.Response:
        return await self.ask("PUT", path, json=json, **more)

    async def publish(self, *events: Any, **more: Any) -> httpx2.Response:
        """Publish one event, or several as an array."""
        return await self.post("/v1/feedback", events[0] if len(events) == 1 else list(events), **more)

    async def send(self, body: bytes, kind: str, headers: dict[str, str] | None = None) -> httpx2.Response:
        """Publish a body as it is."""
        return await self.post("/v1/feedback", content=body, headers={"Content-Type": kind} | (headers or {}))

    async def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.key}"} | (more.pop("headers", None) or {})
        if more.get("json") is None:
            more.pop("json", None)
        return await self.http.request(method, path, headers=headers, **more)


@asynccontextmanager
async def installed(server: Server, settings: Settings | None = None) -> AsyncIterator[Installation]:
    """Serve a gateway on a free port of loopback."""
    app = create_app(server, settings or Settings())
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    serving = uvicorn.Server(config)
    task = asyncio.create_task(serving.serve())

    async def started() -> bool:
        return serving.started

    await until(started)
    url = f"http://127.0.0.1:{serving.servers[0].sockets[0].getsockname()[1]}"
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=40) as http:
            yield Installation(url, http, server, app)
    finally:
        serving.should_exit = True
        await task


def project_file(project: str = PROJECT, **about: Any) -> ProjectFile:
    """A project that asks the crowd, then an expert."""
    values = {
        "project": project,
        "guideline": {"question": "Is it wrong?", "labels": [{"name": "right"}, {"name": "wrong"}]},
        "skills": ["german"],
        "sources": [
            {"name": "crowd", "kind": "crowd", "price_usd": 0.05},
            {"name": "expert", "kind": "expert", "price_usd": 2},
        ],
        "wrong_label_costs_usd": 5,
        "gold_share": 0,
    }
    return ProjectFile.model_validate(values | about)


def event(**about: Any) -> dict[str, Any]:
    """A thumb down with words."""
    subject = {"type": "llm_response", "id": "resp_91", "response": "It costs 12 €."}
    values = {"kind": "thumb", "value": -1, "subject": subject, "comment": "the price of the blue one is wrong"}
    return {name: value for name, value in (values | about).items() if value is not None}
