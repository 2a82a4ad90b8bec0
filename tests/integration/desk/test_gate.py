"""Who may do what at the desk, and what no browser may be talked into."""

import pytest

from labelwright.access import Role
from tests.desk_office import Office, hidden, visit
from tests.integration.desk.conftest import SignIn

pytestmark = [pytest.mark.server, pytest.mark.anyio]

HELD = {"turn": "aa", "assignment": "assignment_00", "token": "00"}
ROUTES = [
    ("GET", "/", {}),
    ("GET", "/label", {}),
    ("POST", "/label/answer", {**HELD, "label": "fine"}),
    ("POST", "/label/skip", {**HELD, "reason": "not my field"}),
    ("POST", "/label/undo", {}),
    ("POST", "/label/heartbeat", HELD),
]
ALLOWED: dict[Role, list[int]] = {
    "annotator": [200, 200, 404, 404, 409, 404],
    "owner": [200, 200, 404, 404, 409, 404],
    "publisher": [200, 403, 403, 403, 403, 403],
    "reviewer": [200, 403, 403, 403, 403, 403],
}


@pytest.mark.parametrize("role", ALLOWED)
async def test_each_role_reaches_what_is_its_own(sign_in: SignIn, role: Role) -> None:
    browser = await sign_in("ada", roles=[role])

    answers = [await browser.request(method, path, data=form or None) for method, path, form in ROUTES]

    assert [answer.status_code for answer in answers] == ALLOWED[role]


async def test_nobody_reaches_anything(office: Office) -> None:
    async with visit(office.url) as browser:
        answers = [await browser.request(method, path, data=form or None) for method, path, form in ROUTES]

    assert {answer.status_code for answer in answers} == {401}


async def test_a_key_of_another_project_sees_none_of_this_ones_tasks(office: Office, sign_in: SignIn) -> None:
    await office.open("a secret of the support project")

    browser = await sign_in("eve", project="other")

    pages = [(await browser.get(path)) for path in ("/", "/label")]
    assert [page.status_code for page in pages] == [200, 404]
    assert not any("secret" in page.text for page in pages)


async def test_somebody_elses_task_cant_be_answered(office: Office, sign_in: SignIn) -> None:
    await office.open("one")
    ada, eve = await sign_in("ada"), await sign_in("eve")
    task = hidden((await ada.get("/label")).text)

    answer = await eve.post("/label/answer", data={**task, "label": "fine"})

    assert answer.status_code == 403
    assert "somebody else" in answer.text
    assert await office.labels() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.test"},
        {"Sec-Fetch-Site": "", "Origin": "null"},
        {"Sec-Fetch-Site": ""},
    ],
    ids=str,
)
async def test_forms_of_other_sites_do_nothing(office: Office, sign_in: SignIn, headers: dict[str, str]) -> None:
    await office.open("one")
    browser = await sign_in("ada")
    form = {**hidden((await browser.get("/label")).text), "label": "fine", "reason": "not my field"}

    paths = ["/out", *(path for method, path, _ in ROUTES if method == "POST")]
    answers = [await browser.post(path, data=form, headers=headers) for path in paths]

    assert {answer.status_code for answer in answers} == {403}
    assert all("another site" in answer.text for answer in answers)
    assert hidden((await browser.get("/label")).text)["assignment"] == form["assignment"]


async def test_a_browser_that_only_tells_its_origin_is_believed(office: Office, sign_in: SignIn) -> None:
    await office.open("one")
    browser = await sign_in("ada")
    task = hidden((await browser.get("/label")).text)

    answer = await browser.post(
        "/label/answer", data={**task, "label": "fine"}, headers={"Sec-Fetch-Site": "", "Origin": office.url}
    )

    assert answer.status_code == 200
    assert await office.labels() == ["fine"]


MALFORMED = {
    b"": 422,
    b"turn=aa&assignment=b&token=c&label=": 422,
    b"turn=aa&assignment=b&token=c&label=%F0%28%8C%28": 400,
    b"\xff\xfe": 400,
    b"&".join([b"a=b"] * 100): 400,
    b"label=" + b"x" * 100_000: 413,
    b"turn=aa&assignment=" + b"x" * 200 + b"&token=c&label=fine": 422,
    b"turn=aa&assignment=b&token=c&label=fine&active_ms=-5": 422,
    b"turn=aa&assignment=b&token=c&label=%00": 422,
}


async def test_a_malformed_form_gets_a_page_that_says_so(sign_in: SignIn) -> None:
    browser = await sign_in("ada")

    answers = [await browser.post("/label/answer", content=body) for body in MALFORMED]

    assert [answer.status_code for answer in answers] == list(MALFORMED.values())
    assert all("nothing was done" in answer.text for answer in answers)


async def test_every_answer_forbids_what_the_desk_doesnt_need(office: Office, sign_in: SignIn) -> None:
    await office.open("one")
    browser = await sign_in("ada")

    answers = [
        await browser.get("/"),
        await browser.get("/label"),
        await browser.get("/nowhere"),
        await browser.get("/static/desk.js"),
        await browser.post("/label/answer"),
        await browser.get("/label", headers={"HX-Request": "true"}),
        await browser.get("/label?wait_s=x"),
    ]

    for answer in answers:
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert [answer.status_code for answer in answers] == [200, 200, 404, 200, 422, 200, 422]


async def test_pages_hold_no_inline_script_and_no_inline_style(office: Office, sign_in: SignIn) -> None:
    await office.open("one")
    browser = await sign_in("ada")

    pages = "".join([(await browser.get(path)).text for path in ("/", "/label", "/nowhere")])

    assert " style=" not in pages
    assert "<style" not in pages
    assert " onclick=" not in pages
    assert pages.count("<script") == 3 + 1  # desk.js on each page, and the key table, which is data
    assert pages.count('<script type="application/json"') == 1
