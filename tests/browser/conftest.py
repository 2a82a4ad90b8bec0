"""Chromium at a desk that really runs; a page in which a script ran that isn't ours, or broke, fails its test."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from labelwright.runtime.server import Server
from services.desk.settings import settings as desk_settings
from tests.desk_office import Office, open_office

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

Arrive = Callable[..., Awaitable["Page"]]
SCREENSHOTS = Path(__file__).parent / "screenshots"
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WATCH = """
  window.__reports = [];
  document.addEventListener("securitypolicyviolation", (event) => window.__reports.push(event.blockedURI));
"""


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator["Browser"]:
    """Debian's Chromium, started once."""
    playwright = pytest.importorskip("playwright.async_api", reason="playwright isn't installed (extra 'dev')")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium; apt-get install chromium")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def office(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    """A desk whose pages say often that they are open."""
    monkeypatch.setenv("LABELWRIGHT_DESK_HEARTBEAT_S", "0.3")
    desk_settings.cache_clear()
    async with open_office(server) as opened:
        yield opened
    desk_settings.cache_clear()


@pytest.fixture
async def arrive(chromium: "Browser", office: Office) -> AsyncIterator[Arrive]:
    """`await arrive("ada")` signs her in and returns her page, at the loop."""
    pages: list[Page] = []
    faults: list[str] = []

    async def enter(
        annotator: str = "ada",
        *,
        script: bool = True,
        width: int = 1280,
        height: int = 800,
        scheme: Literal["light", "dark"] = "light",
        path: str = "/label",
    ) -> "Page":
        context = await chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=script
        )
        context.set_default_timeout(10_000)
        page = await context.new_page()
        if script:
            await page.add_init_script(WATCH)
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
        page.on(
            "console",
            lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None,
        )
        await page.goto(await office.link(annotator))
        await page.goto(office.url + path)
        pages.append(page)
        return page

    yield enter
    for page in pages:
        await page.context.close()
    assert faults == []
