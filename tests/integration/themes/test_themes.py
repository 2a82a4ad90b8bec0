"""Themes on the real server: from items on the stream to what the gateway shows, on two replicas, and made anew."""

from datetime import UTC, datetime

import pytest
import redis.asyncio as redis

from labelwright.contracts.envelope import Event, decode
from labelwright.contracts.feedback import Subject
from labelwright.contracts.items import ItemClosed, ItemOpened
from labelwright.contracts.payload import Payload
from labelwright.contracts.themes import ThemeSuggested
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.themes.tables import suggestions, waiting
from tests.changes import differences
from tests.conftest import until
from tests.installation import PROJECT, installed
from tests.integration.engine.stages import running

pytestmark = [pytest.mark.server, pytest.mark.anyio]

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PLACES = ("shop", "station", "hotel", "museum", "bakery", "kiosk", "garage", "harbour", "library", "market")
CARDS = [f"My card was declined at the {place}" for place in PLACES]
PARCELS = [f"The parcel arrived broken from the {place}" for place in PLACES]


def _opened(item: str, text: str) -> Event[Payload]:
    data = ItemOpened(
        item=item, feedback=f"f-{item}", fingerprint=item, kind="text", sign=-1, text=text,
        subject=Subject(type="screen", id="s"), priority=1, received_at=NOW,
    )  # fmt: skip
    return Event(f"open {item}", "/triage", PROJECT, NOW, data)


def _closed(item: str) -> Event[Payload]:
    data = ItemClosed(item=item, cause="expired", reason="too old", number=1, events=1, opened_at=NOW)
    return Event(f"close {item}", "/triage", PROJECT, NOW, data)


def _items() -> list[Event[Payload]]:
    pairs = zip(CARDS, PARCELS, strict=True)
    return [
        event
        for number, (card, parcel) in enumerate(pairs)
        for event in (_opened(f"card{number}", card), _opened(f"parcel{number}", parcel))
    ]


async def _are_placed(partition: Partition, items: int) -> bool:
    reads = await partition.reads()
    (left,) = await reads(waiting.size())
    return left == 0 and sum(one.items for one in await suggestions(reads, PROJECT, 10)) == items


async def _told(partition: Partition) -> list[ThemeSuggested]:
    rows = await partition.client.xrange(partition.key("themes"))
    return [data for _, fields in rows if isinstance(data := decode(fields[b"event"]).data, ThemeSuggested)]


async def test_two_replicas_make_one_theme_of_one_cause_and_it_can_be_made_anew(server: Server) -> None:
    partition = server.partition("p0")
    hasty = server.settings.model_copy(update={"batch": 3, "claim_after_s": 0.05, "deliveries": 1_000})
    stages = [Stage(Service.named("themes"), partition, hasty) for _ in range(2)]
    async with running(*stages):
        await partition.append(_items())
        await until(lambda: _are_placed(partition, 20), within_s=30)
        found = await suggestions(await partition.reads(), PROJECT, 10)
        assert [stage.fault for stage in stages] == [None, None]

    assert sorted(one.items for one in found) == [10, 10]
    assert {one.theme for one in await _told(partition)} == {one.theme for one in found}
    assert {"card" in one.name.casefold() or "parcel" in one.name.casefold() for one in found} == {True}
    async with redis.Redis.from_url(f"{server.settings.redis_url.rpartition('/')[0]}/9") as beside:
        await beside.flushdb()
        assert await differences(server.client, beside, server.settings) == []
        await beside.flushdb()


async def test_the_gateway_shows_themes_and_what_is_similar_until_it_closes(server: Server) -> None:
    partition = server.partition("p0")
    async with installed(server) as installation, running(Stage(Service.named("themes"), partition, server.settings)):
        await installation.apply()
        reviewer = await installation.caller("reviewer")
        await partition.append(_items())
        await until(lambda: _are_placed(partition, 20), within_s=30)

        shown = await reviewer.get("/v1/themes")
        like = await reviewer.get("/v1/items/card0/similar")
        absent = await reviewer.get("/v1/items/nothing/similar")
        forbidden = await (await installation.caller("publisher")).get("/v1/themes")

        assert [theme["items"] for theme in shown.json()["themes"]] == [10, 10]
        rows = like.json()["similar"]
        assert {row["item"][:4] for row in rows[:9]} == {"card"}
        assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
        assert (absent.status_code, forbidden.status_code) == (404, 403)

        await partition.append([_closed(f"card{number}") for number in range(10)])
        await until(lambda: _are_placed(partition, 10), within_s=30)
        left = await reviewer.get("/v1/themes")
        gone = await reviewer.get("/v1/items/card0/similar")

        assert [theme["items"] for theme in left.json()["themes"]] == [10]
        assert gone.status_code == 404
