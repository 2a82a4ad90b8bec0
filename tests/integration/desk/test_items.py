"""Items at the desk, by people whose browsers run no script: proposals, an item's page, and who may do what."""

import re
from collections.abc import AsyncIterator
from html import unescape

import httpx2
import pytest

from labelwright.runtime.server import Server
from tests.desk_items import EXPORT, MISSPELT, OPPOSITE, known, open_with_items, say
from tests.desk_office import Office, visit
from tests.integration.desk.conftest import SignIn

pytestmark = [pytest.mark.server, pytest.mark.anyio]


@pytest.fixture
async def office(server: Server) -> AsyncIterator[Office]:
    async with open_with_items(server) as opened:
        yield opened


async def test_a_proposal_shows_both_texts_its_score_and_reason_and_is_accepted(
    office: Office, sign_in: SignIn
) -> None:
    export, opposite = await say(office, EXPORT, OPPOSITE)
    rae = await sign_in("rae", roles=("reviewer",))

    page = await rae.get("/merges")
    after = await rae.post("/merges", data=_fields(page) | {"decision": "merge", "reason": "one bug"})
    item = await rae.get(f"/items/{export}")

    assert EXPORT in unescape(page.text)
    assert OPPOSITE in unescape(page.text)
    assert re.search(r"<b>0\.\d\d</b> apart: <bdi>", page.text)
    assert _fields(page).items() >= {"item": opposite, "other": export}.items()
    assert str(after.url).endswith("/merges")
    assert "Nothing waits to be decided" in after.text
    assert re.search(r"<b>took</b>.*by rae: <bdi>\s*one bug", item.text, re.DOTALL)


async def test_a_proposal_is_declined_without_a_word(office: Office, sign_in: SignIn) -> None:
    export, opposite = await say(office, EXPORT, OPPOSITE)
    rae = await sign_in("rae", roles=("reviewer",))

    after = await rae.post("/merges", data=_fields(await rae.get("/merges")) | {"decision": "keep apart"})

    assert "Nothing waits to be decided" in after.text
    assert "they differ" in (await rae.get(f"/items/{opposite}")).text
    assert [case.status for case in await known(office)] == ["asking", "asking"]
    assert (await rae.get(f"/items/{export}")).status_code == 200


async def test_a_form_that_is_sent_twice_is_done_once(office: Office, sign_in: SignIn) -> None:
    (export,) = await say(office, EXPORT, MISSPELT)
    olga = await sign_in("olga", roles=("owner",))
    form = _fields(await olga.get(f"/items/{export}"), "split", last=True)

    first = await olga.post(f"/items/{export}/split", data=form)
    second = await olga.post(f"/items/{export}/split", data=form)

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.text.count("<b>split</b>") == second.text.count("<b>split</b>") == 1


async def test_an_owner_pins_mutes_and_merges(office: Office, sign_in: SignIn) -> None:
    export, opposite = await say(office, EXPORT, OPPOSITE)
    olga = await sign_in("olga", roles=("owner",))

    async def press(what: str, **fields: str) -> httpx2.Response:
        form = _fields(await olga.get(f"/items/{export}"), what)
        return await olga.post(f"/items/{export}/{what}", data=form | fields)

    pinned = await press("pin", pinned="true")
    unpinned = await press("pin", pinned="false")
    muted = await press("mute", muted="true", reason="known")
    unmuted = await press("mute", muted="false")
    merged = await press("merge", into=opposite)

    assert "pinned by olga (it is urgent)" in unescape(pinned.text)
    assert "pinned by" not in unpinned.text
    assert "muted by olga (known)" in unescape(muted.text)
    assert "muted by" not in unmuted.text
    assert str(merged.url).endswith(f"/items/{opposite}")
    assert "<b>took</b>" in merged.text


async def test_what_cannot_be_done_is_said_on_a_page(office: Office, sign_in: SignIn) -> None:
    (export,) = await say(office, EXPORT)
    olga = await sign_in("olga", roles=("owner",))
    form = _fields(await olga.get(f"/items/{export}"), "merge")

    refused = await olga.post(f"/items/{export}/merge", data=form | {"into": export})
    unknown = await olga.get("/items/none")

    assert refused.status_code == 409
    assert "is one item; name two that differ" in refused.text
    assert "Nothing was changed." in refused.text
    assert (unknown.status_code, "There is no such item." in unknown.text) == (404, True)


async def test_nobody_decides_beyond_their_role(office: Office, sign_in: SignIn) -> None:
    export, opposite = await say(office, EXPORT, OPPOSITE)
    ada = await sign_in("ada")
    rae = await sign_in("rae", roles=("reviewer",))
    once = {"once": "abc"}

    answers = [
        await ada.get("/merges"),
        await ada.get(f"/items/{export}"),
        await rae.post(f"/items/{export}/pin", data=once | {"pinned": "true"}),
        await rae.post(f"/items/{export}/mute", data=once | {"muted": "true"}),
        await rae.post(f"/items/{export}/merge", data=once | {"into": opposite}),
        await rae.post(f"/items/{export}/split", data=once | {"feedback": "f1"}),
        await rae.post("/merges", data=once | {"item": export, "other": "x", "decision": "merge"}),
    ]

    assert [answer.status_code for answer in answers] == [403] * len(answers)
    assert 'action="/items/' not in (await rae.get(f"/items/{export}")).text
    assert 'href="/merges"' not in (await ada.get("/")).text
    assert 'href="/merges"' in (await rae.get("/")).text


async def test_a_form_from_another_site_does_nothing(office: Office, sign_in: SignIn) -> None:
    (export,) = await say(office, EXPORT)
    olga = await sign_in("olga", roles=("owner",))

    answer = await olga.post(
        f"/items/{export}/mute", data={"once": "abc", "muted": "true"}, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert answer.status_code == 403
    assert [case.status for case in await known(office)] == ["asking"]


async def test_who_is_not_signed_in_sees_nothing(office: Office) -> None:
    async with visit(office.url) as browser:
        answers = [await browser.get(path) for path in ("/merges", "/items", "/items/x")]

    assert [answer.status_code for answer in answers] == [401] * 3


def _fields(page: httpx2.Response, what: str = "", *, last: bool = False) -> dict[str, str]:
    """Return the hidden fields of a page's first (or last) form for that."""
    forms = re.findall(r'<form class="ways" method="post" action="([^"]*)">(.*?)</form>', page.text, re.DOTALL)
    bodies = [body for action, body in forms if action.endswith(what)]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', bodies[-1 if last else 0]))
