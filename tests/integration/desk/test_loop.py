"""The loop by forms alone: a person whose browser runs no script loses nothing but speed."""

import asyncio
import re
from collections.abc import Mapping
from html import unescape

import httpx2
import pytest

from labelwright.engine.tables import Versioned
from labelwright.runtime.server import Server
from services.dispatch.state import Task, tasks, waiting
from tests.conftest import until
from tests.desk_office import PROJECT, Office, hidden, open_office, project_file, visit
from tests.integration.desk.conftest import SignIn

pytestmark = [pytest.mark.server, pytest.mark.anyio]

PIECE = {"HX-Request": "true"}


async def answer(browser: httpx2.AsyncClient, page: httpx2.Response, label: str, **more: str) -> httpx2.Response:
    return await browser.post("/label/answer", data={**hidden(page.text), "label": label, **more})


def words(page: httpx2.Response) -> str:
    found = re.search(r'<div class="words"><div class="said" dir="auto">(.*?)</div>', page.text, re.DOTALL)
    return found[1] if found else ""


async def leased(office: Office) -> Mapping[str, Versioned[Task]]:
    (found,) = await (await office.partition.reads())(tasks.all())
    return {key: task for key, task in found.items() if task.value.status == "leased"}


async def test_an_answer_is_recorded_and_the_next_task_shown(office: Office, sign_in: SignIn) -> None:
    await office.open("first", "second")
    browser = await sign_in("ada")

    first = await browser.get("/label")
    second = await answer(browser, first, "tone", active_ms="1234")

    (recorded,) = await office.answers()
    assert (recorded.annotator, recorded.label, recorded.item, recorded.active_ms) == ("ada", "tone", "item_1", 1234)
    assert (second.url.path, words(first), words(second)) == ("/label", "first", "second")
    assert [step.status_code for step in second.history] == [303]


async def test_a_page_loaded_again_shows_the_same_task(office: Office, sign_in: SignIn) -> None:
    await office.open("first", "second")
    browser = await sign_in("ada")

    pages = [await browser.get("/label") for _ in range(3)]

    assert {words(page) for page in pages} == {"first"}
    assert len({hidden(page.text)["assignment"] for page in pages}) == 1
    assert len(await leased(office)) == 1


async def test_a_task_that_is_shown_stays_without_a_script(office: Office, sign_in: SignIn) -> None:
    await office.open("first", "second")
    browser = await sign_in("ada")

    await browser.get("/label")
    ahead = await browser.get("/label", headers={**PIECE, "Desk-In-Hand": "1"})

    held = {task.value.question.text: task.value.lease for task in (await leased(office)).values()}
    assert words(ahead) == "second"
    assert {text: lease.is_confirmed for text, lease in held.items() if lease} == {"first": True, "second": False}


async def test_the_same_answer_twice_counts_once(office: Office, sign_in: SignIn) -> None:
    await office.open("first", "second")
    browser = await sign_in("ada")
    first = await browser.get("/label")

    pages = [await answer(browser, first, "tone") for _ in range(3)]

    assert await office.labels() == ["tone"]
    assert {words(page) for page in pages} == {"second"}


async def test_another_answer_to_an_answered_task_is_refused(office: Office, sign_in: SignIn) -> None:
    await office.open("first", "second")
    browser = await sign_in("ada")
    first = await browser.get("/label")
    await answer(browser, first, "tone")

    refused = await answer(browser, first, "fine")

    assert refused.status_code == 409
    assert "You answered this task before, otherwise" in refused.text
    assert '<a class="tool" href="/label">Next task</a>' in refused.text
    assert await office.labels() == ["tone"]


async def test_undo_brings_the_task_back_and_the_next_answer_replaces_the_last(office: Office, sign_in: SignIn) -> None:
    await office.open("first", "second")
    browser = await sign_in("ada")
    await answer(browser, await browser.get("/label"), "tone")

    back = await browser.post("/label/undo")
    onward = await answer(browser, back, "fine")

    assert (words(back), words(onward)) == ("first", "second")
    assert "You took back <b>tone</b>" in back.text
    assert await office.labels() == ["fine"]


async def test_several_answers_are_taken_back_one_after_the_other(office: Office, sign_in: SignIn) -> None:
    await office.open("first", "second", "third", "fourth")
    browser = await sign_in("ada")
    page = await browser.get("/label")
    for label in ("tone", "fine", "unsafe"):
        page = await answer(browser, page, label)

    back = [words(await browser.post("/label/undo")) for _ in range(3)]
    again = await browser.get("/label")
    onward = []
    for _ in range(4):
        onward.append(words(again))
        again = await answer(browser, again, "not_helpful")

    assert back == ["third", "second", "first"]
    assert onward == ["first", "second", "third", "fourth"]
    assert await office.labels() == ["not_helpful"] * 4


async def test_undo_with_nothing_to_take_back_says_so(office: Office, sign_in: SignIn) -> None:
    await office.open("first")
    browser = await sign_in("ada")
    page = await browser.get("/label")

    told = await browser.post("/label/undo")

    assert 'data-does="undo" disabled' in page.text
    assert told.status_code == 409
    assert "There is no answer that can be taken back" in told.text


async def test_a_skipped_task_goes_to_somebody_else(office: Office, sign_in: SignIn) -> None:
    await office.open("first", "second")
    ada, ben = await sign_in("ada"), await sign_in("ben")
    first = await ada.get("/label")

    onward = await ada.post("/label/skip", data={**hidden(first.text), "reason": "not my language"})
    await answer(ada, onward, "fine")

    assert (words(onward), words(await ben.get("/label"))) == ("second", "first")
    assert "Nothing waits for you" in (await ada.get("/label")).text


async def test_a_lost_lease_is_told_and_the_next_task_is_one_step_away(office: Office, sign_in: SignIn) -> None:
    await office.open("first", "second")
    browser = await sign_in("ada")
    first = await browser.get("/label")
    await browser.post("/label/skip", data={**hidden(first.text), "reason": "another reason"})

    lost = await answer(browser, first, "fine")

    assert lost.status_code == 409
    assert "it went back to the queue" in lost.text
    assert "This answer wasn't taken. What you answered before is saved." in unescape(lost.text)
    assert words(await browser.get("/label")) == "second"


async def test_a_label_that_the_guideline_lacks_is_refused_and_the_task_stays(office: Office, sign_in: SignIn) -> None:
    await office.open("first")
    browser = await sign_in("ada")
    first = await browser.get("/label")

    refused = await answer(browser, first, "no_such_label")

    assert refused.status_code == 422
    assert words(await browser.get("/label")) == "first"


async def test_with_nothing_to_label_the_page_says_why_and_comes_again(office: Office, sign_in: SignIn) -> None:
    await office.open("for experts", source="experts")
    ada, iris = await sign_in("ada"), await sign_in("iris", sources=["experts"])
    before = await ada.get("/label")
    await iris.get("/label")

    after = await ada.get("/label")

    assert "1 waits for another source or skill" in " ".join(before.text.split())
    assert "1 task is with others" in after.text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in after.text


async def test_a_page_that_waits_hears_of_a_task_that_comes_up(office: Office, sign_in: SignIn) -> None:
    browser = await sign_in("ada")
    await browser.get("/label")
    request = browser.build_request("GET", "/label?wait_s=20", headers=PIECE)

    hearing = asyncio.create_task(browser.send(request))
    await until(lambda: _somebody_waits(office))
    await office.open("at last")
    heard = await hearing

    assert words(heard) == "at last"
    assert "<html" not in heard.text


async def _somebody_waits(office: Office) -> bool:
    (found,) = await (await office.partition.reads())(waiting.of(PROJECT).size())
    return found > 0


async def test_a_page_holds_one_task_ahead_and_no_more(office: Office, sign_in: SignIn) -> None:
    await office.open("first", "second", "third")
    browser = await sign_in("ada")
    await browser.get("/label")

    ahead = [await browser.get("/label", headers={**PIECE, "Desk-In-Hand": held}) for held in ("1", "1", "2", "3")]

    assert [page.status_code for page in ahead] == [200, 200, 204, 204]
    assert [words(page) for page in ahead[:2]] == ["second", "second"]
    assert len(await leased(office)) == 2


async def test_an_answer_by_the_pages_script_brings_the_task_after_the_next(office: Office, sign_in: SignIn) -> None:
    await office.open("first", "second", "third")
    browser = await sign_in("ada")
    first = await browser.get("/label")
    await browser.get("/label", headers={**PIECE, "Desk-In-Hand": "1"})

    reply = await browser.post(
        "/label/answer", data={**hidden(first.text), "label": "fine"}, headers={**PIECE, "Desk-In-Hand": "1"}
    )

    assert (words(reply), reply.headers["desk-counts"]) == ("third", "done=1 undoable=1 ready=0")
    assert words(await browser.get("/label")) == "second"


async def test_gold_looks_like_any_other_task(server: Server) -> None:
    gold = [f"gold {n}" for n in range(40)]
    async with open_office(server, project_file(gold, gold_share=0.5)) as office, visit(office.url) as browser:
        await office.open(*(f"work {n}" for n in range(40)))
        await browser.get(await office.link())
        seen: dict[bool, set[tuple[str, tuple[str, ...]]]] = {True: set(), False: set()}
        page = await browser.get("/label")
        for _ in range(30):
            headers = tuple(sorted(page.headers.keys()))
            seen[words(page).startswith("gold")].add((_without_names(page.text), headers))
            page = await answer(browser, page, "fine")

    assert len(seen[True]) == 1
    assert seen[True] == seen[False]


def _without_names(page: str) -> str:
    """Strike out what differs from any task to the next: names, tokens, counts and words."""
    page = re.sub(r'value="[0-9a-f]{16,}"|assignment_[0-9a-f]+|resp_\d+', "·", page)
    page = re.sub(r'(data-count="\w+">)\d+', r"\1·", page)
    page = re.sub(r' data-does="undo" disabled', ' data-does="undo"', page)
    return re.sub(r"(gold|work) \d+", "·", page)


async def test_while_dispatch_is_away_an_answer_is_kept_in_the_page_and_sent_again_it_counts_once(
    server: Server,
) -> None:
    async with open_office(server) as office, visit(office.url) as browser:
        await office.open("first")
        await browser.get(await office.link())
        form = {**hidden((await browser.get("/label")).text), "label": "fine"}
        cookies = browser.cookies
    async with open_office(server, services=["desk"]) as office, visit(office.url) as browser:
        browser.cookies = cookies
        away = await browser.post("/label/answer", data=form)
    async with open_office(server) as office, visit(office.url) as browser:
        browser.cookies = cookies
        again = await browser.post("/label/answer", data=form)
        labels = await office.labels()

    assert (away.status_code, away.headers["retry-after"], again.status_code) == (503, "1", 200)
    assert "Send it again" in away.text
    for name, value in form.items():
        assert f'<input type="hidden" name="{name}" value="{value}">' in away.text
    assert labels == ["fine"]
