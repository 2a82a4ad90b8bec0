"""What comes is written down at once and put into themes on the beat, whatever the order, once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import Subject
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReinforced, ItemReopened, MergeProposed
from labelwright.contracts.payload import Payload
from labelwright.contracts.quality import TickStruck
from labelwright.contracts.themes import ThemeSuggested
from labelwright.runtime.plan import MOST_COMMANDS
from labelwright.stories import Case, cases
from labelwright.themes.tables import entries, similar, suggestions
from services.themes.decide import decide
from services.themes.state import MOST_PLACED, load
from tests.engine_model import ModelPartition

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
CARDS = [f"My card was declined at the {where}" for where in ("shop", "station", "hotel", "museum", "bakery", "kiosk")]


class Desk:
    """What themes remembers, in memory."""

    def __init__(self) -> None:
        self.model = ModelPartition(NOW)
        self._number = 0

    def hear(self, *payloads: Payload, project: str = "acme") -> int:
        """Hear of payloads in one batch; how many decisions were made again."""
        batch = [self.event(one, project) for one in payloads]
        return asyncio.run(self.model.handle("themes", load, decide, batch))

    def event(self, data: Payload, project: str = "acme") -> Event[Payload]:
        """An event that says it now."""
        self._number += 1
        return Event(f"e{self._number}", "/triage", project, NOW + timedelta(seconds=self._number), data)

    def beat(self, times: int = 1) -> None:
        """Let the clock strike."""
        for slot in range(times):
            self.hear(TickStruck(name="group", slot=slot), project="-")

    def themes(self, project: str = "acme") -> list[Any]:
        """What is suggested."""
        return asyncio.run(suggestions(self.model.reads(), project, 10))

    def similar(self, item: str) -> list[str] | None:
        """What is like an item."""
        found = asyncio.run(similar(self.model.reads(), "acme", item))
        return None if found is None else [one.item for one in found]

    def told(self) -> list[ThemeSuggested]:
        """All that was told of themes."""
        return [one.data for one in self.model.published if isinstance(one.data, ThemeSuggested)]


def opened(item: str, text: str) -> ItemOpened:
    return ItemOpened(
        item=item, feedback=f"f-{item}", fingerprint=item, kind="text", sign=-1, text=text,
        subject=Subject(type="screen", id="s"), priority=1, received_at=NOW,
    )  # fmt: skip


def ended(item: str, number: int = 1, **more: Any) -> ItemClosed:
    return ItemClosed(item=item, cause="merged", reason="same", number=number, events=1, opened_at=NOW, **more)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def carded(desk: Desk) -> Desk:
    """A desk that suggests one theme of six items."""
    desk.hear(*(opened(f"i{number}", text) for number, text in enumerate(CARDS)))
    desk.beat()
    return desk


def test_six_items_of_one_cause_are_one_theme_named_by_their_words(carded: Desk) -> None:
    (theme,) = carded.themes()

    assert (theme.items, theme.events) == (6, 6)
    assert "card" in theme.name
    assert [one.items for one in carded.told()] == [6]
    assert set(carded.told()[0].examples) <= {f"i{number}" for number in range(6)}


def test_nothing_is_suggested_before_the_beat_nor_for_fewer_than_five(desk: Desk) -> None:
    desk.hear(*(opened(f"i{number}", text) for number, text in enumerate(CARDS[:4])))
    assert desk.similar("i0") == []

    desk.beat()

    assert desk.themes() == []
    assert set(desk.similar("i0") or ()) == {"i1", "i2", "i3"}


def test_more_feedback_is_counted_in_the_theme(carded: Desk) -> None:
    carded.hear(ItemReinforced(item="i0", events=9, users=3, priority=1, number=1))
    carded.beat()

    assert carded.themes()[0].events == 14


def test_older_news_of_an_item_changes_nothing(carded: Desk) -> None:
    carded.hear(ItemReinforced(item="i0", events=9, users=3, priority=1, number=5))
    carded.hear(ended("i0", number=4))
    carded.beat()

    assert (carded.themes()[0].items, carded.themes()[0].events) == (6, 14)


def test_a_theme_goes_away_as_its_items_close_and_says_so(carded: Desk) -> None:
    carded.hear(*(ended(f"i{number}") for number in range(6)))
    carded.beat()

    assert carded.themes() == []
    assert carded.told()[-1].items == 0
    assert carded.similar("i0") is None
    left = [key for key in [*carded.model.rankings, *carded.model.hashes] if "cells" in key or "entries" in key]
    assert left == []


def test_a_theme_below_five_items_is_no_longer_suggested(carded: Desk) -> None:
    carded.hear(ended("i0"), ended("i1"))
    carded.beat()

    assert carded.themes() == []
    assert carded.told()[-1].items == 4


def test_what_an_item_was_merged_into_follows_it_into_the_theme(carded: Desk) -> None:
    carded.hear(opened("other", "Something else entirely, about parcels"))
    carded.beat()
    carded.hear(ended("i0", into="other"))
    carded.beat()

    (found,) = asyncio.run(carded.model.reads()(entries.of("acme").get("other")))
    assert found
    assert found.value.theme == carded.themes()[0].theme
    assert carded.themes()[0].items == 6


def test_an_end_that_is_heard_before_its_beginning_leaves_nothing(desk: Desk) -> None:
    desk.hear(ended("i0"))
    desk.hear(opened("i0", CARDS[0]))
    desk.beat()

    assert desk.similar("i0") is None


def test_a_reopened_item_comes_back_with_its_words(carded: Desk) -> None:
    case = Case(
        project="acme", item="i0", status="asking", text=CARDS[0], guideline_version=1, priority=1, opened_at=NOW
    )
    write = cases.put("i0", case, 1)
    carded.model.hashes.setdefault(write.key.name, {})["i0"] = write.args[1]
    carded.hear(ended("i0"))
    carded.beat()

    carded.hear(ItemReopened(item="i0", reason="again", priority=1, number=2))
    carded.beat()

    assert carded.themes()[0].items == 6
    assert len(carded.similar("i0") or ()) == 5


def test_an_event_that_comes_again_changes_nothing(carded: Desk) -> None:
    before = carded.model.copy()
    carded.hear(opened("i0", CARDS[0]), MergeProposed(item="i0", other="i1", score=0.2, reason="close"))
    carded.beat()

    assert carded.model.hashes["themes.entries:acme"] == before.hashes["themes.entries:acme"]
    assert len(carded.told()) == 1


def test_projects_share_nothing(carded: Desk) -> None:
    carded.hear(*(opened(f"i{number}", text) for number, text in enumerate(CARDS)), project="other/one")
    carded.beat()

    assert [carded.themes(project)[0].items for project in ("acme", "other/one")] == [6, 6]


def test_two_beats_at_once_make_one_theme(desk: Desk) -> None:
    desk.hear(*(opened(f"i{number}", text) for number, text in enumerate(CARDS)))
    tick = desk.event(TickStruck(name="group", slot=1), "-")
    states = [asyncio.run(load([tick], desk.model.reads())) for _ in range(2)]
    decided = [list(decide([tick], state)) for state in states]

    refused = [desk.model.commit("themes", [tick], decisions) for decisions in decided]

    assert refused == [[], [tick]]
    assert asyncio.run(desk.model.handle("themes", load, decide, [tick])) == 0
    assert [one.items for one in desk.themes()] == [6]


@pytest.mark.parametrize("leaving", [False, True], ids=["placed", "taken out"])
def test_the_largest_beat_fits_into_one_commit(desk: Desk, leaving: bool) -> None:  # a parameter
    long = [" ".join(f"word{number}of{other}" for other in range(60)) for number in range(MOST_PLACED + 5)]
    desk.hear(*(opened(f"i{number}", text) for number, text in enumerate(long)))
    if leaving:
        desk.beat(2)
        desk.hear(*(ended(f"i{number}") for number in range(MOST_PLACED + 5)))
    tick = desk.event(TickStruck(name="group", slot=9), "-")

    (decision,) = decide([tick], asyncio.run(load([tick], desk.model.reads())))

    assert MOST_PLACED * 20 < len(decision.guards) + len(decision.effects) <= MOST_COMMANDS


def test_what_is_read_for_an_item_does_not_grow_with_the_project(desk: Desk) -> None:
    def asked() -> int:
        desk.hear(opened(f"new{desk._number}", "My card was declined at the airport"))
        tick = desk.event(TickStruck(name="group", slot=1), "-")
        state = asyncio.run(load([tick], desk.model.reads()))
        desk.beat()
        return len(state.entries)

    for number in range(400):
        desk.hear(opened(f"i{number}", f"My card was declined at the shop {number}"))
    desk.beat(12)
    few = asked()
    for number in range(400, 800):
        desk.hear(opened(f"i{number}", f"My card was declined at the shop {number}"))
    desk.beat(12)

    assert asked() <= few + 5 <= 110
