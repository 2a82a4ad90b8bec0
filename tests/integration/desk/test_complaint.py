"""A task that asks what a complaint means shows the four answers to that, each with what it means."""

from html import unescape

import pytest

from labelwright.contracts.feedback import COMPLAINTS
from tests.desk_office import Office, hidden
from tests.integration.desk.conftest import SignIn

pytestmark = [pytest.mark.server, pytest.mark.anyio]


async def test_the_desk_shows_the_complaints_with_what_they_mean_and_takes_one(office: Office, sign_in: SignIn) -> None:
    await office.open("thumb down on llm_response resp_1", asks="complaint")
    browser = await sign_in("ada")

    page = await browser.get("/label")
    told = {**hidden(page.text), "label": "not_what_i_wanted"}
    await browser.post("/label/answer", data=told)

    text = unescape(page.text)
    assert "What does this complaint mean?" in text
    assert all(f'value="{name}"' in text and meaning in text for name, meaning in COMPLAINTS.items())
    assert 'value="tone"' not in text
    (recorded,) = await office.answers()
    assert (recorded.label, recorded.asks) == ("not_what_i_wanted", "complaint")


async def test_a_label_is_no_answer_to_what_a_complaint_means(office: Office, sign_in: SignIn) -> None:
    await office.open("thumb down on llm_response resp_1", asks="complaint")
    browser = await sign_in("ada")
    page = await browser.get("/label")

    refused = await browser.post("/label/answer", data={**hidden(page.text), "label": "tone"})

    assert refused.status_code == 422
    assert await office.answers() == []
