"""A gateway of one project, served for real."""

from collections.abc import AsyncIterator

import pytest

from labelwright.runtime.server import Server
from tests.installation import Installation, installed


@pytest.fixture
async def installation(server: Server) -> AsyncIterator[Installation]:
    async with installed(server) as running:
        await running.apply()
        yield running
