"""Signing in by a link, and out again."""

from datetime import timedelta

import httpx2
import pytest

from labelwright.runtime.server import Server
from services.desk.app import create_app
from services.desk.settings import Settings
from tests.conftest import until
from tests.desk_office import Office, project_file, visit
from tests.integration.desk.conftest import SignIn

pytestmark = [pytest.mark.server, pytest.mark.anyio]


async def test_a_link_opens_a_session_that_no_script_and_no_other_site_can_use(office: Office) -> None:
    async with visit(office.url) as browser:
        answer = await browser.get(await office.link(), follow_redirects=False)
        home = await browser.get("/")

    session, hand = answer.headers.get_list("set-cookie")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert session.startswith("session=")
    assert "HttpOnly" in session
    assert "SameSite=strict" in session
    assert 'hand=""' in hand
    assert "What is wrong with the support assistant" in home.text


async def test_the_links_address_goes_nowhere(office: Office) -> None:
    async with visit(office.url) as browser:
        answer = await browser.get(await office.link(), follow_redirects=False)

    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


async def test_cookies_travel_by_https_alone_where_people_come_by_https(office: Office, server: Server) -> None:
    app = create_app(server, Settings(is_behind_https=True))
    link = (await office.link()).removeprefix(office.url)

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://desk.test") as browser:
        answer = await browser.get(link)

    assert all("Secure" in cookie for cookie in answer.headers.get_list("set-cookie"))


async def test_a_browser_that_comes_from_elsewhere_goes_on_by_itself(office: Office) -> None:
    async with visit(office.url) as browser:
        answer = await browser.get(await office.link(), headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/">' in answer.text
    assert "session" in browser.cookies


async def test_a_forged_link_opens_nothing(office: Office) -> None:
    tokens = ["x", "a.b.c", "abc.9999999999.é", "%00", "a" * 3_000, "..", "abc.١٢٣.0"]

    async with visit(office.url) as browser:
        answers = [await browser.get(f"/in/{token}") for token in tokens]

    assert {answer.status_code for answer in answers} <= {401, 404}
    assert not any("set-cookie" in answer.headers for answer in answers)


async def test_an_expired_link_says_so(office: Office) -> None:
    key = await office.access.mint_key(project_file().project, ["annotator"])
    token = office.access.sign_in_token(key.split("_")[2], timedelta(seconds=-1))

    async with visit(office.url) as browser:
        answer = await browser.get(f"/in/{token}")

    assert answer.status_code == 401
    assert "has expired; ask the project&#39;s owner for a new sign-in link" in answer.text


async def test_a_forged_session_sees_nothing(office: Office) -> None:
    cookies = [b"", b"x", b"a.b.c", b"\xe9.1.\xe9"]

    async with visit(office.url) as browser:
        answers = [await browser.get("/label", headers={b"cookie": b"session=" + cookie}) for cookie in cookies]

    assert {answer.status_code for answer in answers} == {401}
    assert all("You aren&#39;t signed in" in answer.text for answer in answers)


async def test_a_session_ends_with_its_key(office: Office, sign_in: SignIn) -> None:
    browser = await sign_in("ada")
    (record,) = await office.access.all_keys()

    await office.access.revoke(record.id)

    async def is_out() -> bool:
        return (await browser.get("/label")).status_code == 401

    await until(is_out)


async def test_signing_out_takes_the_cookies_away(office: Office, sign_in: SignIn) -> None:
    await office.open("one")
    browser = await sign_in("ada")
    await browser.get("/label")

    answer = await browser.post("/out")

    assert "You are signed out" in answer.text
    assert not browser.cookies
    assert (await browser.get("/")).status_code == 401
