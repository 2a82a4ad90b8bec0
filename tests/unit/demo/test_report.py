"""The demo's figures are counted from the ledger, what is lost among them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgpack

from labelwright import topology
from labelwright.contracts.envelope import Event, encode
from labelwright.contracts.feedback import EventRejected, FeedbackAccepted, FeedbackReceived, Subject
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReopened
from labelwright.contracts.payload import Payload
from labelwright.demo.people import Deeds
from labelwright.demo.report import report
from labelwright.demo.story import generated
from labelwright.ledger import Ledger, Row, Store

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ABOUT = Subject(type="r", id="1")
STORY = generated(10, 1)


def received(name: str) -> Event[Payload]:
    return Event(name, "/v1/feedback", "support", NOW, FeedbackReceived(kind="thumb", value=1, subject=ABOUT))


def accepted(name: str) -> Event[Payload]:
    data = FeedbackAccepted(kind="thumb", value=1, subject=ABOUT, feedback=name, received_at=NOW)
    return Event(f"accepted-{name}", "/intake", "support", NOW, data)


def rejected(name: str) -> Event[Payload]:
    data = EventRejected(service="intake", code="expired", reason="", stream_name="feedback", entry="1-0", event=name)
    return Event(f"rejected-{name}", "/intake", "support", NOW, data)


def opened(name: str) -> Event[Payload]:
    data = ItemOpened(
        item="i", feedback=name, fingerprint="f", kind="thumb", sign=1, text="t", subject=ABOUT, priority=1,
        received_at=NOW,
    )  # fmt: skip
    return Event(f"opened-{name}", "/triage", "support", NOW, data)


def kept(folder: Path, events: Sequence[Event[Payload]], unfinished: Sequence[str] = ()) -> Ledger:
    """A ledger of the events, each finished by every reader of its stream but for those of the ids in `unfinished`."""
    streams: dict[str, list[Row]] = {}
    changes = []
    for number, event in enumerate(events, 1):
        stream, entry = event.data.stream, f"{number}-0"
        streams.setdefault(stream, []).append(Row(entry, encode(event)))
        changes += [
            [reader, [[f"{{p0}}:{stream}", entry]], []]
            for reader in topology.STREAMS[stream].readers
            if event.id not in unfinished
        ]
    streams["changes"] = [Row(f"{number}-1", bytes(msgpack.packb(change))) for number, change in enumerate(changes, 1)]
    ledger = Ledger(Store(folder / "ledger"))
    ledger.append("p0", 1_000, streams)
    return ledger


def lost(folder: Path, deeds: Deeds, events: Sequence[Event[Payload]], unfinished: Sequence[str] = ()) -> int:
    figures = report(STORY, deeds, kept(folder, events, unfinished), "p0", folder)
    found: int = figures["lost"]
    return found


def test_nothing_is_lost_where_everything_was_finished(tmp_path: Path) -> None:
    story = [received("a"), received("b"), accepted("a"), rejected("b")]

    assert lost(tmp_path, Deeds(promised={"a", "b"}), story) == 0


def test_counts_a_promise_that_the_ledger_does_not_have(tmp_path: Path) -> None:
    assert lost(tmp_path, Deeds(promised={"a", "b"}), [received("a"), accepted("a")]) == 1


def test_counts_feedback_without_an_outcome(tmp_path: Path) -> None:
    assert lost(tmp_path, Deeds(promised={"a"}), [received("a")]) == 1


def test_counts_an_entry_for_each_reader_that_did_not_finish_it(tmp_path: Path) -> None:
    story = [received("a"), accepted("a"), opened("a")]

    assert lost(tmp_path, Deeds(promised={"a"}), story, unfinished=["opened-a"]) == 3


def test_counts_what_the_sdk_lost(tmp_path: Path) -> None:
    assert lost(tmp_path, Deeds(sdk_lost=3), [received("a"), accepted("a")]) == 3


def test_counts_items_and_those_who_were_rejected_on_the_way(tmp_path: Path) -> None:
    deeds = Deeds(published=3, promised={"a", "b"})
    deeds.refused.update(rejected=1, duplicate=2)
    story = [received("a"), received("b"), accepted("a"), rejected("b"), opened("a")]

    figures = report(STORY, deeds, kept(tmp_path, story), "p0", tmp_path)

    assert {name: figures[name] for name in ("published", "accepted", "rejected", "duplicates", "items", "labels")} == {
        "published": 3, "accepted": 1, "rejected": 2, "duplicates": 2, "items": 1, "labels": 0,
    }  # fmt: skip
    assert figures["claimed_accuracy"] is None
    assert figures["answers_with_fixed_overlap"] == 3


def test_counts_the_feedback_that_expired_without_a_label_by_the_latest_news_of_its_item(tmp_path: Path) -> None:
    news = [
        ItemClosed(item="a", cause="expired", reason="r", events=2, opened_at=NOW, number=2),
        ItemClosed(item="b", cause="expired", reason="r", events=4, opened_at=NOW, number=2),
        ItemReopened(item="b", reason="r", priority=1, number=3),
        ItemClosed(item="c", cause="merged", reason="r", events=8, opened_at=NOW, number=2),
    ]
    told = [Event(f"news-{number}", "/triage", "support", NOW, data) for number, data in enumerate(news)]
    story = [received("a"), *(accepted(f"f{number}") for number in range(14)), received("z"), rejected("z"), *told]

    figures = report(STORY, Deeds(), kept(tmp_path, story), "p0", tmp_path)

    assert (figures["expired"], figures["expired_share"]) == (3, 0.2)
