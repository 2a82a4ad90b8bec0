"""Every screen, light and dark, wide and narrow, written to `tests/browser/screenshots/` for a person to look at.

The README's picture is one of them; this renews it (on a machine with the font Inter it looks best):

    pytest tests/browser/test_screenshots.py && cp tests/browser/screenshots/readme.png docs/images/desk.png
"""

from typing import TYPE_CHECKING, Literal

import pytest

from labelwright.contracts.feedback import Subject
from tests.browser.conftest import SCREENSHOTS, Arrive
from tests.browser.person import holds, picture, press, state, words
from tests.desk_office import Office, visit

if TYPE_CHECKING:
    from playwright.async_api import Page

playwright = pytest.importorskip("playwright.async_api", reason="playwright isn't installed (extra 'dev')")
expect = playwright.expect
pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.anyio]

COMPLAINT = (
    "It says 14 days, but your own page says I have 30 days to return things and don't need the box. "
    "I nearly threw the receipt away!"
)
ABOUT = Subject(
    type="llm_response",
    id="resp_48213",
    prompt="My headphones broke after three weeks. Can I still return them, and do I need the box?",
    response=(
        "I'm sorry to hear about the headphones! Here is how returns work:\n\n"
        "1. You can return any item within 14 days of delivery.\n"
        "2. After that, the manufacturer's warranty applies for 6 months.\n"
        "3. Opened items need their original packaging.\n\n"
        "As three weeks have passed, a return isn't possible. Please contact the manufacturer directly."
    ),
)
HOSTILE = (
    "Pay\u200bpal sent me \u202egnp.ecioVni\u202c <script>alert('hi')</script>\n"
    "هذا الجواب خاطئ تماما، والرابط لا يعمل 👩\u200d👩\u200d👧\n" + "wooooo" * 60 + "\n" + "and so on\n" * 80
)
SMALL_TALK = [f"The answer to my question number {n} was true but much too long." for n in range(1, 60)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (320, 640)])
async def test_every_screen_fits_its_window(
    office: Office, arrive: Arrive, width: int, height: int, scheme: Literal["light", "dark"]
) -> None:
    await office.open(COMPLAINT, subject=ABOUT)
    await office.open(HOSTILE, "The last one.")
    page = await arrive("ada", width=width, height=height, scheme=scheme, path="/")

    async def look(name: str) -> None:
        await page.wait_for_load_state()
        await picture(page, SCREENSHOTS / f"{name}-{width}-{scheme}.png")
        assert await page.evaluate("document.scrollingElement.scrollWidth") <= width

    await look("work")
    await page.get_by_role("link", name="Start labeling").click()
    await holds(page, "held.length === 2")
    await look("task")
    await press(page, "?")
    await look("keys")
    await press(page, "Escape", "s")
    await look("skip")
    await press(page, "Escape", "1")
    await expect(state(page)).to_have_text("Saved wrong_fact")
    await look("hostile")
    await press(page, "z")
    await expect(page.locator(".before")).to_be_visible()
    await look("undone")
    await _lose(page, office)
    await look("lost")
    await press(page, "5", "5")
    await expect(page.locator("h1")).to_have_text("Nothing waits for you just now")
    await expect(state(page)).to_have_text("Saved fine")
    await look("nothing")
    await page.goto(f"{office.url}/nowhere")
    await look("problem")
    await page.get_by_role("link", name="My work").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.locator("h1")).to_have_text("You are signed out")
    await look("goodbye")


async def test_the_readmes_picture_shows_somebody_at_work(office: Office, arrive: Arrive) -> None:
    await office.open(*SMALL_TALK[:12])
    await office.open(COMPLAINT, subject=ABOUT)
    await office.open(*SMALL_TALK[12:])
    page = await arrive("ada")
    for text in SMALL_TALK[:12]:
        await expect(words(page)).to_have_text(text)
        await press(page, "2")
    await expect(words(page)).to_have_text(COMPLAINT)
    await expect(state(page)).to_have_text("Saved not_helpful")
    await expect(page.locator('[data-count="done"]')).to_have_text("12")

    taken = await picture(page, SCREENSHOTS / "readme.png")

    assert 20_000 < len(taken) < 200_000


async def _lose(page: "Page", office: Office) -> None:
    """Let somebody take the task that the page shows away from it."""
    shown = await page.evaluate("Object.fromEntries(new FormData(stage.querySelector('form.labels')))")
    async with visit(office.url) as elsewhere:
        await elsewhere.get(await office.link("ada"))
        await elsewhere.post("/label/skip", data={**shown, "reason": "another reason"})
    await expect(page.locator("#notice h1")).to_be_visible()
