"""The loop in a real browser: by keys alone, by the mouse, and without any script."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from services.dispatch.state import tasks
from tests.browser.conftest import Arrive
from tests.browser.person import holds, press, state, words
from tests.conftest import until
from tests.desk_office import Office, visit

if TYPE_CHECKING:
    from playwright.async_api import Route

playwright = pytest.importorskip("playwright.async_api", reason="playwright isn't installed (extra 'dev')")
expect = playwright.expect
pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.anyio]


async def test_a_person_labels_by_keys_alone(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second", "third")
    page = await arrive("ada")

    for text, key in (("first", "1"), ("second", "2"), ("third", "5")):
        await expect(words(page)).to_have_text(text)
        await expect(page.locator("h1")).to_be_focused()
        await press(page, key)

    await expect(page.locator("h1")).to_have_text("Nothing waits for you just now")
    await expect(state(page)).to_have_text("Saved fine")
    await expect(page.locator('[data-count="done"]')).to_have_text("3")
    assert await office.labels() == ["wrong_fact", "not_helpful", "fine"]
    assert all(answer.active_ms for answer in await office.answers())


async def test_the_next_task_shows_while_the_answer_is_on_its_way(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second", "third")
    page = await arrive("ada")
    may_go = asyncio.Event()

    async def hold(route: "Route") -> None:
        await may_go.wait()
        await route.continue_()

    await holds(page, "held.length === 2")
    await page.route("**/label/answer", hold)
    await press(page, "1")

    await expect(words(page)).to_have_text("second")
    await expect(state(page)).to_have_text("Saving…")
    assert await office.labels() == []
    may_go.set()
    await expect(state(page)).to_have_text("Saved wrong_fact")
    assert await office.labels() == ["wrong_fact"]


async def test_answers_that_are_quicker_than_the_desk_all_arrive_in_order(office: Office, arrive: Arrive) -> None:
    await office.open(*(f"task {n}" for n in range(6)))
    page = await arrive("ada")

    async def delay(route: "Route") -> None:
        await page.wait_for_timeout(80)  # the network's part, not the test's patience
        await route.continue_()

    await page.route("**/label/*", delay)
    for number, key in enumerate("123451"):
        await expect(words(page)).to_have_text(f"task {number}")
        await press(page, key)

    await expect(page.locator("h1")).to_have_text("Nothing waits for you just now")
    assert await office.labels() == ["wrong_fact", "not_helpful", "tone", "unsafe", "fine", "wrong_fact"]


async def test_undo_takes_answers_back_one_after_the_other(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second", "third")
    page = await arrive("ada")
    await press(page, "1")
    await expect(words(page)).to_have_text("second")
    await press(page, "2")
    await expect(words(page)).to_have_text("third")

    await press(page, "z")
    await expect(words(page)).to_have_text("second")
    await expect(page.locator(".before")).to_have_text("You took back not_helpful. Answer again.")
    await press(page, "Backspace")
    await expect(words(page)).to_have_text("first")
    for text in ("first", "second", "third"):
        await expect(words(page)).to_have_text(text)
        await press(page, "5")

    await expect(page.locator("h1")).to_have_text("Nothing waits for you just now")
    assert await office.labels() == ["fine", "fine", "fine"]


async def test_undo_waits_for_the_answer_that_it_takes_back(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second")
    page = await arrive("ada")
    await holds(page, "held.length === 2")

    await press(page, "1", "z")

    await expect(words(page)).to_have_text("first")
    await expect(state(page)).to_have_text("Taken back")
    assert await office.labels() == []


async def test_the_last_answer_can_be_taken_back_when_nothing_is_left(office: Office, arrive: Arrive) -> None:
    await office.open("only one")
    page = await arrive("ada")
    await press(page, "1")
    await expect(page.locator("h1")).to_have_text("Nothing waits for you just now")

    await press(page, "z")

    await expect(words(page)).to_have_text("only one")
    await press(page, "5")
    await expect(page.locator("h1")).to_have_text("Nothing waits for you just now")
    assert await office.labels() == ["fine"]


async def test_skip_asks_why_by_one_key_and_goes_on(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second")
    page = await arrive("ada")

    await press(page, "s", "Escape")
    await expect(page.locator("details.skip")).not_to_have_attribute("open", "")
    await press(page, "s", "2")

    await expect(words(page)).to_have_text("second")
    await expect(state(page)).to_have_text("Skipped")
    ben = await arrive("ben")
    await expect(words(ben)).to_have_text("first")
    assert await office.labels() == []


async def test_a_held_key_answers_once(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second", "third")
    page = await arrive("ada")
    await holds(page, "performance.now() - shownAt > SETTLE_MS")

    for _ in range(20):
        await page.keyboard.down("1")
    await holds(page, "performance.now() - shownAt > SETTLE_MS")
    for _ in range(20):
        await page.keyboard.down("1")
    await page.keyboard.up("1")

    await expect(words(page)).to_have_text("second")
    await expect(state(page)).to_have_text("Saved wrong_fact")
    assert await office.labels() == ["wrong_fact"]


async def test_keys_with_modifiers_are_the_browsers(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second")
    page = await arrive("ada")

    await press(page, "Control+1", "Alt+2", "Meta+3", "Control+z")

    await expect(words(page)).to_have_text("first")
    await expect(state(page)).to_be_hidden()


async def test_the_list_of_keys_swallows_every_key(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second")
    page = await arrive("ada")

    await press(page, "?")
    await expect(page.locator("dialog.help")).to_be_visible()
    await press(page, "1", "s", "z", "?")
    await expect(page.locator("dialog.help")).to_be_visible()
    await press(page, "Escape")

    await expect(page.locator("dialog.help")).to_be_hidden()
    await expect(words(page)).to_have_text("first")
    await press(page, "1")
    await expect(words(page)).to_have_text("second")


async def test_badges_and_help_name_the_keys_that_work(office: Office, arrive: Arrive) -> None:
    await office.open("first")
    page = await arrive("ada")

    badges = await page.locator(".choice .cap").all_text_contents()
    listed = await page.locator("dialog.help dl").first.locator("dt .cap:first-child").all_text_contents()

    assert badges == ["1", "2", "3", "4", "5"]
    assert listed == ["1", "2", "3", "4", "5", "Z", "S", "E", "?"]


async def test_the_mouse_does_what_the_keys_do(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second")
    page = await arrive("ada")

    await page.get_by_role("button", name="tone").click()
    await expect(words(page)).to_have_text("second")
    await page.get_by_role("button", name="Undo").click()
    await expect(words(page)).to_have_text("first")
    await page.get_by_text("Skip", exact=False).first.click()
    await page.get_by_role("button", name="Not my field").click()

    await expect(words(page)).to_have_text("second")
    assert await office.labels() == []


async def test_without_a_script_forms_do_it_all(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second", "third")
    page = await arrive("ada", script=False, path="/")

    await page.get_by_role("link", name="Start labeling").click()
    await expect(page.locator(".cap:visible")).to_have_count(0)
    await page.get_by_role("button", name="tone").click()
    await expect(words(page)).to_have_text("second")
    await page.get_by_role("button", name="Undo").click()
    await expect(words(page)).to_have_text("first")
    await page.get_by_role("button", name="unsafe").click()
    await page.locator("details.skip summary").click()
    await page.get_by_role("button", name="Another reason").click()
    await expect(words(page)).to_have_text("third")
    await page.get_by_role("button", name="fine").click()

    await expect(page.locator("h1")).to_have_text("Nothing waits for you just now")
    await expect(page.locator(".cap:visible")).to_have_count(0)
    assert await office.labels() == ["unsafe", "fine"]


async def test_a_lost_lease_is_told_and_the_next_task_is_there(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second")
    page = await arrive("ada")
    await holds(page, "held.length === 2")
    lost = await page.evaluate("Object.fromEntries(new FormData(stage.querySelector('form.labels')))")
    async with visit(office.url) as elsewhere:
        await elsewhere.get(await office.link("ada"))
        await elsewhere.post("/label/skip", data={**lost, "reason": "another reason"})

    await expect(page.locator("#notice h1")).to_contain_text("it went back to the queue")
    await expect(words(page)).to_have_text("second")
    await press(page, "3")
    await expect(page.locator("h1")).to_have_text("Nothing waits for you just now")
    assert await office.labels() == ["tone"]


async def test_an_answer_that_comes_too_late_is_told_and_the_work_goes_on(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second")
    page = await arrive("ada")
    await holds(page, "held.length === 2")
    await page.route("**/label/heartbeat", lambda route: route.abort())
    lost = await page.evaluate("Object.fromEntries(new FormData(stage.querySelector('form.labels')))")
    async with visit(office.url) as elsewhere:
        await elsewhere.get(await office.link("ada"))
        await elsewhere.post("/label/skip", data={**lost, "reason": "another reason"})

    await press(page, "1")

    await expect(page.locator("#notice")).to_contain_text("This answer wasn't taken")
    await expect(words(page)).to_have_text("second")
    await press(page, "3")
    await expect(page.locator("#notice h1")).to_have_count(0)
    await expect(page.locator("h1")).to_have_text("Nothing waits for you just now")
    assert await office.labels() == ["tone"]


async def test_an_open_page_keeps_what_it_shows_and_what_it_holds_ahead(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second")
    await arrive("ada")

    async def both_are_confirmed() -> bool:
        (found,) = await (await office.partition.reads())(tasks.all())
        leases = [task.value.lease for task in found.values()]
        return all(lease and lease.is_confirmed for lease in leases)

    await until(both_are_confirmed)


async def test_a_page_with_nothing_to_do_fills_by_itself(office: Office, arrive: Arrive) -> None:
    page = await arrive("ada")
    await expect(page.locator("h1")).to_have_text("Nothing waits for you just now")

    await office.open("at last")

    await expect(words(page)).to_have_text("at last")
    await press(page, "1")
    await expect(page.locator("h1")).to_have_text("Nothing waits for you just now")
    await office.open("and again")
    await expect(words(page)).to_have_text("and again")


async def test_an_answer_that_cant_be_sent_is_kept_and_sent_again(office: Office, arrive: Arrive) -> None:
    await office.open("first", "second")
    page = await arrive("ada")
    await holds(page, "held.length === 2")
    await page.route("**/label/answer", lambda route: route.abort())

    await press(page, "1")
    await expect(words(page)).to_have_text("second")
    await expect(state(page)).to_contain_text("Not saved yet: trying again")
    await page.unroute("**/label/answer")

    await expect(state(page)).to_have_text("Saved wrong_fact")
    assert await office.labels() == ["wrong_fact"]


async def test_a_link_in_a_mail_signs_in(office: Office, arrive: Arrive) -> None:
    page = await arrive("ada")
    await page.context.clear_cookies()
    link = await office.link("ben")
    mail = f'<!doctype html><title>Mail</title><a href="{link}">Sign in</a>'
    await page.route("https://mail.test/", lambda route: route.fulfill(body=mail, content_type="text/html"))
    await page.goto("https://mail.test/")

    await page.get_by_role("link", name="Sign in").click()

    await expect(page.get_by_role("link", name="Start labeling")).to_be_visible()
    assert page.url == f"{office.url}/"
