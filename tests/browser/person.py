"""What a person does at the desk and looks at, in a real browser."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import until

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

Error = pytest.importorskip("playwright.async_api", reason="playwright isn't installed (extra 'dev')").Error


def words(page: "Page") -> "Locator":
    """What the user said, as the page shows it."""
    return page.locator("article.task .words .said").first


def state(page: "Page") -> "Locator":
    """Whether the last answer is saved."""
    return page.locator("#state")


async def holds(page: "Page", expression: str) -> None:
    """Wait until something is so in the page's script."""

    async def is_so() -> bool:
        return bool(await page.evaluate(expression))

    await until(is_so)


async def picture(page: "Page", path: Path) -> bytes:
    """Write a screenshot and return it; on a busy machine Chromium says that it can't, and can a moment later."""
    taken = b""

    async def is_taken() -> bool:
        nonlocal taken
        with suppress(Error):
            taken = await page.screenshot(path=path)
        return bool(taken)

    await until(is_taken)
    return taken


async def press(page: "Page", *keys: str) -> None:
    """Press keys as somebody does who has seen the page: not sooner than the script believes that they could have."""
    for key in keys:
        await holds(page, "performance.now() - shownAt > SETTLE_MS")
        await page.keyboard.press(key)
