"""Why an item has its place in the queue, in one sentence."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.stories import Case, Known, Mark, Standing, steps, why

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "queue.md"
START = datetime(2026, 5, 4, 12, tzinfo=UTC)
GRAVE = {"severity": 8.0, "reach": 1.0 + 0.5, "novelty": 1.5, "customer": 1.0}
MARK = Mark(by="olga", at=START, reason="so she says")


def _standing(**about: Any) -> Standing:
    values = {"project": "shop", "item": "i", "opened_at": START, "last_at": START, "expires_at": START}
    return Standing.model_validate(values | {"factors": GRAVE, "users": 37, "customers": 2} | about)


def test_every_factor_is_told_and_what_they_come_to() -> None:
    assert why(_standing()) == (
        "severity grave x 8 | reach: 37 users of 2 customers, 3 counted x 1.5 | new x 1.5 | customer x 1 = 18: "
        "ranked as if it had come 50 h earlier; nothing that comes more than 22 h after it can pass it"
    )


def test_the_least_of_all_is_ranked_by_when_it_came() -> None:
    one = _standing(factors={"severity": 1.0, "reach": 1.0, "novelty": 1.0, "customer": 1.0}, users=1, customers=1)

    assert why(one) == (
        "severity slight x 1 | reach: 1 user of 1 customer, 1 counted x 1 | nothing new x 1 | customer x 1 = 1: "
        "ranked by when it came; nothing that comes more than 72 h after it can pass it"
    )


def test_how_unsure_the_label_is_weighs_while_it_is_asked_about() -> None:
    told = why(_standing(), {"wrong": 0.5, "fine": 0.5})

    assert " | label unsure x 2 = 36: ranked as if it had come 62 h earlier" in told


@pytest.mark.parametrize(("severity", "bound"), [(64.0, "= 64, held within"), (0.1, "= 1, held within")])
def test_a_product_beyond_the_bounds_says_so(severity: float, bound: str) -> None:
    assert bound in why(_standing(factors=GRAVE | {"severity": severity}))


@pytest.mark.parametrize(
    ("about", "end"),
    [
        ({"pinned": MARK}, "pinned by olga (so she says); it goes before all that isn't pinned"),
        ({"pinned": MARK, "muted": MARK, "status": "muted"}, "muted by olga (so she says); nobody is asked about it"),
        ({"status": "expired"}, "expired; nobody is asked about it"),
        ({"status": "merged", "into": "j"}, "merged; nobody is asked about it"),
    ],
)
def test_what_an_owner_or_time_did_is_told_instead_of_hours(about: dict[str, Any], end: str) -> None:
    assert why(_standing(**about)).endswith(f"= 18: {end}")


def test_a_story_tells_it_of_its_item_with_each_factor() -> None:
    (step,) = steps(Known(standing=_standing(priority=18.0)))

    assert (step.step, step.at) == ("item", START)
    assert step.facts == {
        "item": "i", "how": "opened", "priority": 18.0, "factors": GRAVE, "events": 1, "why": why(_standing()),
    }  # fmt: skip


def test_a_story_tells_it_with_what_is_believed_while_a_task_is_open() -> None:
    case = Case(
        project="shop", item="i", status="asking", text="t", guideline_version=1, priority=18, opened_at=START,
        distribution={"wrong": 0.5, "fine": 0.5},
    )  # fmt: skip

    asked, settled = (
        steps(Known(case=case.model_copy(update={"task": task}), standing=_standing()))[0] for task in ("i.1", None)
    )

    assert asked.facts["why"] == why(_standing(), case.distribution)
    assert settled.facts["why"] == why(_standing())


def test_a_story_ends_with_how_its_item_was_closed() -> None:
    closed = _standing(status="expired", closed_at=START.replace(hour=13), closed_because="no label in 90 days")

    *_, step = steps(Known(standing=closed))

    assert (step.step, step.at) == ("closed", START.replace(hour=13))
    assert step.facts == {"cause": "expired", "reason": "no label in 90 days"}


def test_the_guide_quotes_it_as_it_is() -> None:
    grave = {"severity": 8.0, "reach": (1 + math.log2(5)) / 2, "novelty": 1.5, "customer": 1.0}

    told = why(_standing(factors=grave), {"wrong": 0.9207, "fine": 0.0793})

    quoted = " ".join(line.removeprefix("> ") for line in GUIDE.read_text().splitlines() if line.startswith("> "))
    assert quoted == told


@given(st.dictionaries(st.sampled_from([*GRAVE, "luck"]), st.floats(0.01, 100)), st.booleans())
def test_whatever_the_factors_are_a_sentence_comes_of_them(factors: dict[str, float], is_unsure: bool) -> None:
    assert " = " in why(_standing(factors=factors), {"a": 0.9, "b": 0.1} if is_unsure else None)
