"""A desk that really runs, and people at it whose browsers run no script."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import httpx2
import pytest

from labelwright.runtime.server import Server
from tests.desk_office import Office, open_office, visit

SignIn = Callable[..., Awaitable[httpx2.AsyncClient]]


@pytest.fixture
async def office(server: Server) -> AsyncIterator[Office]:
    async with open_office(server) as opened:
        yield opened


@pytest.fixture
async def sign_in(office: Office) -> AsyncIterator[SignIn]:
    """`await sign_in("ada")` returns her browser."""
    async with AsyncExitStack() as browsers:

        async def enter(annotator: str = "ada", **about: object) -> httpx2.AsyncClient:
            browser = await browsers.enter_async_context(visit(office.url))
            entered = await browser.get(await office.link(annotator, **about))  # type: ignore[arg-type]  # passed on
            assert entered.status_code == 200
            return browser

        yield enter
