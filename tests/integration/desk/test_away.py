"""The desk while the event store is away."""

from pathlib import Path

import httpx2
import pytest

from labelwright.runtime.embedded import Embedded
from labelwright.runtime.server import Server
from labelwright.settings import LabelwrightSettings
from services.desk.app import create_app
from services.desk.settings import Settings
from tests.conftest import SECRET
from tests.desk_office import Office

pytestmark = [pytest.mark.server, pytest.mark.anyio]


async def test_pages_say_so_come_again_by_themselves_and_recover(tmp_path: Path) -> None:
    embedded = Embedded(tmp_path).start()
    server = await Server.connect(LabelwrightSettings(redis_url=embedded.url, secret=SECRET))
    app = create_app(server, Settings())
    link = await Office(server, "", server.partition("p0")).link()
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://desk.test") as browser,
    ):
        embedded.stop()
        away = await browser.get(link)
        embedded.start()
        back = await browser.get(link)
    await server.close()
    embedded.kill()

    assert (away.status_code, away.headers["retry-after"], back.status_code) == (503, "1", 303)
    assert "The event store is away" in away.text
    assert '<meta http-equiv="refresh" content="5">' in away.text
