"""Items in a real browser: a proposal is accepted and a wording split, with a script and without it."""

from collections.abc import AsyncIterator

import pytest

from labelwright.runtime.server import Server
from tests.browser.conftest import SCREENSHOTS, Arrive
from tests.browser.test_hostile_text import PAYLOADS
from tests.conftest import until
from tests.desk_items import EXPORT, MISSPELT, OPPOSITE, known, open_with_items, say
from tests.desk_office import Office

playwright = pytest.importorskip("playwright.async_api", reason="playwright isn't installed (extra 'dev')")
expect = playwright.expect
pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.anyio]


@pytest.fixture
async def office(server: Server) -> AsyncIterator[Office]:
    async with open_with_items(server) as opened:
        yield opened


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without"])
async def test_a_proposal_is_accepted(office: Office, arrive: Arrive, script: bool) -> None:
    export, opposite = await say(office, EXPORT, OPPOSITE)
    page = await arrive("ada", script=script)
    await page.goto(await office.link("rae", roles=("reviewer",)))
    await page.goto(office.url)
    await page.get_by_role("link", name="What may be the same").click()

    await expect(page.locator(".side .said")).to_have_text([OPPOSITE, EXPORT])
    await page.get_by_label("Why").fill("one bug")
    await page.get_by_role("button", name="Merge").click()

    await expect(page.locator("main")).to_contain_text("Nothing waits to be decided")
    await until(lambda: _is_merged(office, opposite, export))


async def test_a_wording_is_split_on_its_items_page(office: Office, arrive: Arrive) -> None:
    (export,) = await say(office, EXPORT, MISSPELT)
    page = await arrive("ada")
    await page.goto(await office.link("olga", roles=("owner",)))
    await page.goto(f"{office.url}/items/{export}")
    await expect(page.get_by_role("button", name="Split")).to_have_count(2)

    await page.get_by_role("button", name="Split").last.click()

    await expect(page.get_by_role("button", name="Split")).to_have_count(0)
    await expect(page.locator(".acts")).to_contain_text("by olga: it means something else")
    await page.locator(".acts a").click()
    await expect(page.locator(".pair .said").first).to_have_text(MISSPELT)


async def test_no_text_of_a_proposal_runs(office: Office, arrive: Arrive) -> None:
    words = "the export button does nothing when I press it twice"
    texts = [text for payload in PAYLOADS[:6] for text in (f"{words} {payload}", f"{words} not {payload}")]
    await say(office, *texts)
    page = await arrive("ada")
    await page.goto(await office.link("olga", roles=("owner",)))

    for path in ("/merges", "/items", *(f"/items/{case.item}" for case in (await known(office))[:4])):
        await page.goto(office.url + path)
        assert await page.evaluate("[window.pwned, window.__reports]") == [None, []]


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (320, 640)])
async def test_the_pages_keep_their_width(office: Office, arrive: Arrive, width: int, height: int) -> None:
    long = "x" * 300
    export, *_ = await say(office, f"{EXPORT} {long}", f"{OPPOSITE} {long}")
    page = await arrive("ada", width=width, height=height)
    await page.goto(await office.link("olga", roles=("owner",)))

    for name, path in (("merges", "/merges"), ("items", "/items"), ("item", f"/items/{export}")):
        await page.goto(office.url + path)
        await page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png")
        overflow = "document.scrollingElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(overflow) == 0


async def _is_merged(office: Office, item: str, into: str) -> bool:
    return (item, into) in [(case.item, case.into) for case in await known(office)]
