"""The labels' cursor: everything once, in order, also while labels come, change and are taken back."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from labelwright import stories
from labelwright.contracts.labels import Vote
from labelwright.engine.tables import milliseconds
from labelwright.stories import Case
from services.gateway.routes.labels import SETTLING
from tests.conftest import until
from tests.installation import PROJECT, Caller, Installation

pytestmark = [pytest.mark.server, pytest.mark.anyio]

PATH = f"/v1/projects/{PROJECT}/labels"


async def _settle(installation: Installation, item: str, at: datetime, label: str = "wrong") -> None:
    """Settle an item, as resolve does."""
    vote = Vote(
        annotation=f"a_{item}",
        annotator="ann",
        source="crowd",
        source_kind="crowd",
        label=label,
        price_usd=0.05,
        answered_at=at,
    )
    case = Case(
        project=PROJECT,
        item=item,
        status="labeled",
        text=f"text of {item}",
        guideline_version=1,
        priority=1,
        feedback=[f"f_{item}"],
        votes=[vote],
        distribution={"right": 0.1, "wrong": 0.9},
        label=label,
        probability=0.9,
        method="belief",
        cost_usd=0.05,
        opened_at=at,
        resolved_at=at,
    )
    partition = installation.server.partition("p0")
    (known,) = await (await partition.reads())(stories.cases.get(item))
    await partition.write(
        "resolve",
        [],
        [
            stories.cases.put(item, case, known.version + 1 if known else 1),
            stories.settled.of(PROJECT).put(item, milliseconds(at)),
        ],
        cause=f"{item} {at}",
        project=PROJECT,
    )


async def _long_ago(installation: Installation) -> datetime:
    return await installation.server.partition("p0").now() - timedelta(hours=1)


async def _all(reader: Caller, after: str = "", limit: int = 2) -> tuple[list[str], str]:
    """Follow the cursor to its end."""
    found: list[str] = []
    while True:
        page = (await reader.get(PATH, params={"after": after, "limit": limit})).json()
        if not page["labels"]:
            return found, page["next"]
        found += [row["item"] for row in page["labels"]]
        after = page["next"]


async def test_a_label_is_told_with_its_provenance_and_without_names(installation: Installation) -> None:
    at = await _long_ago(installation)
    await _settle(installation, "i1", at)
    reader = await installation.caller("reviewer")

    answer = await reader.get(PATH)

    assert answer.json()["labels"] == [
        {
            "item": "i1",
            "text": "text of i1",
            "label": "wrong",
            "probability": 0.9,
            "distribution": {"right": 0.1, "wrong": 0.9},
            "method": "belief",
            "guideline_version": 1,
            "annotations": [{"annotation": "a_i1", "source": "crowd", "label": "wrong"}],
            "feedback_events": 1,
            "feedback": ["f_i1"],
            "cost_usd": 0.05,
            "resolved_at": at.isoformat(),
        }
    ]


async def test_the_cursor_goes_through_all_once_in_order_also_within_a_millisecond(installation: Installation) -> None:
    at = await _long_ago(installation)
    for number in range(5):
        await _settle(installation, f"same{number}", at)
        await _settle(installation, f"later{number}", at + timedelta(milliseconds=number + 1))
    reader = await installation.caller("publisher")

    found, _ = await _all(reader)

    assert found == [f"same{n}" for n in range(5)] + [f"later{n}" for n in range(5)]


async def test_the_end_of_the_cursor_goes_on_from_there(installation: Installation) -> None:
    at = await _long_ago(installation)
    await _settle(installation, "i1", at)
    reader = await installation.caller("publisher")
    first, end = await _all(reader)
    await _settle(installation, "i2", at + timedelta(seconds=1))

    second, _ = await _all(reader, end)

    assert (first, second) == (["i1"], ["i2"])


async def test_an_item_whose_label_changes_comes_again_and_one_that_is_taken_back_does_not(
    installation: Installation,
) -> None:
    at = await _long_ago(installation)
    for item in ("i1", "i2", "i3"):
        await _settle(installation, item, at)
    reader = await installation.caller("publisher")
    _, end = await _all(reader)

    await _settle(installation, "i1", at + timedelta(seconds=1), label="right")
    drop = stories.settled.of(PROJECT).drop("i3")
    await installation.server.partition("p0").write("resolve", [], [drop], cause="dispute", project=PROJECT)

    assert (await _all(reader, end))[0] == ["i1"]
    assert (await _all(reader))[0] == ["i2", "i1"]


async def test_a_label_is_held_back_until_none_before_it_can_still_be_committed(installation: Installation) -> None:
    now = await installation.server.partition("p0").now()
    await _settle(installation, "young", now)
    reader = await installation.caller("publisher")
    _, end = await _all(reader)
    await _settle(installation, "committed late", now - timedelta(milliseconds=200))
    seen: list[str] = []

    async def both_came() -> bool:
        nonlocal end
        more, end = await _all(reader, end)
        seen.extend(more)
        return len(seen) == 2

    await until(both_came, within_s=SETTLING.total_seconds() + 3)

    assert seen == ["committed late", "young"]


async def test_lines_carry_the_same_rows_and_the_cursor_in_a_header(installation: Installation) -> None:
    at = await _long_ago(installation)
    for number in range(3):
        await _settle(installation, f"i{number}", at)
    reader = await installation.caller("publisher")

    page = (await reader.get(PATH)).json()
    lines = await reader.get(PATH, headers={"Accept": "application/x-ndjson"})

    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == page["labels"]
    assert lines.headers["labelwright-next"] == page["next"]


@pytest.mark.parametrize(
    "query",
    [
        {"after": "x"},
        {"after": "-1-i"},
        {"after": "²-i"},
        {"after": "1" * 17},
        {"after": "1-é\n"},
        {"after": "1-i\n"},
        {"after": "1-" + "x" * 161},
        {"limit": 0},
        {"limit": 1_001},
        {"limit": "many"},
    ],
)
async def test_a_cursor_or_limit_that_is_none_is_refused(installation: Installation, query: dict[str, Any]) -> None:
    reader = await installation.caller("publisher")

    answer = await reader.get(PATH, params=query)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
