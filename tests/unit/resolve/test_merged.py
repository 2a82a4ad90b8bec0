"""What becomes of answers when items are merged, parted, closed and opened again, in whatever order it is heard."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright import projects
from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import Subject
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReinforced, ItemReopened
from labelwright.contracts.labels import LabelResolved, LabelWithdrawn
from labelwright.contracts.payload import Payload
from labelwright.contracts.work import AnnotationRecorded, AnnotationRetracted, TaskOpened, TaskWithdrawn
from labelwright.stories import Case, cases, ranked, settled
from services.resolve.decide import decide
from services.resolve.state import load
from tests.engine_model import ModelPartition
from tests.unit.dispatch.office import PROJECT, START, project_file

pytestmark = pytest.mark.anyio


class Desk:
    """A partition on which resolve hears of items and answers, one event at a time."""

    def __init__(self) -> None:
        self.model = ModelPartition(START)
        document = projects.current.put(PROJECT, projects.Project(number=1, file=project_file()), 1)
        self.model.hashes[document.key.name] = {document.args[0]: document.args[1]}

    async def hears(self, *told: Payload) -> list[Payload]:
        """Let resolve decide about what it can; what must wait comes again behind the rest. What it emits."""
        before, left = len(self.model.published), [self._event(data) for data in told]
        for _ in range(len(left) + 1):
            waiting = []
            for event in left:
                decisions = list(decide([event], await load([event], self.model.reads())))
                waiting += self.model.commit("resolve", [event], decisions)
            left = waiting
        assert not left, f"never decided: {left}"
        return [event.data for event in self.model.published[before:]]

    async def case(self, item: str) -> Case:
        """What resolve knows of an item."""
        (found,) = await self.model.reads()(cases.get(item))
        assert found is not None
        known: Case = found.value
        return known

    async def votes(self) -> dict[str, list[str]]:
        """The annotations of every item that has some, by item."""
        (found,) = await self.model.reads()(cases.all())
        return {
            item: sorted(vote.annotation for vote in document.value.votes)
            for item, document in sorted(found.items())
            if document.value.votes
        }

    async def is_labeled(self, item: str, label: str) -> None:
        """Let people say the same of an item until it is settled."""
        for minute in range(1, 20):
            await self.hears(answered(item, f"person {minute} of {item}", label, minute))
            if (await self.case(item)).status == "labeled":
                return
        raise AssertionError(f"{item} was never settled")

    def _event(self, data: Payload) -> Event[Payload]:
        return Event(f"{data!r}"[:200], "/triage", PROJECT, START, data)


def opened(item: str, split_from: str | None = None, takes: Sequence[str] = ()) -> ItemOpened:
    return ItemOpened(
        item=item, feedback=f"f of {item}", fingerprint=f"words of {item}", kind="text", sign=0,
        text=f"{item} is wrong", subject=Subject(type="screen", id="checkout"), priority=2.0, received_at=START,
        split_from=split_from, takes=list(takes),
    )  # fmt: skip


def merged(item: str, into: str, number: int = 2) -> ItemClosed:
    return ItemClosed(
        item=item, cause="merged", reason="they mean the same", into=into, by="olga", events=1, opened_at=START,
        number=number,
    )  # fmt: skip


def muted(item: str, number: int) -> ItemClosed:
    return ItemClosed(item=item, cause="muted", reason="not now", by="olga", events=1, opened_at=START, number=number)


def reopened(item: str, number: int) -> ItemReopened:
    return ItemReopened(item=item, reason="now", by="olga", priority=2.0, number=number)


def answered(item: str, who: str, label: str = "good", minute: int = 1) -> AnnotationRecorded:
    return AnnotationRecorded(
        annotation=f"{who} on {item} at {minute}", task=f"{item}.{minute}", item=item,
        assignment=f"{who}{item}{minute}", annotator=who, source="crowd", source_kind="crowd", label=label,
        guideline_version=1, price_usd=0.1, leased_at=START, answered_at=START + timedelta(minutes=minute),
    )  # fmt: skip


async def test_a_merged_item_brings_its_answers_and_is_asked_about_no_more() -> None:
    desk = Desk()
    await desk.hears(opened("a"), opened("b"), answered("a", "ann"), answered("b", "ben"))
    task = (await desk.case("a")).task

    told = await desk.hears(merged("a", "b"))

    gone, joined = await desk.case("a"), await desk.case("b")
    assert (gone.status, gone.into, gone.votes, gone.task) == ("merged", "b", [], None)
    assert [(vote.annotator, vote.about) for vote in joined.votes] == [("ben", None), ("ann", "a")]
    assert joined.cost_usd == 0.2
    assert TaskWithdrawn(task=task or "", reason="they mean the same") in told


async def test_a_merged_items_label_is_withdrawn_and_the_others_rests_on_the_answers_of_both() -> None:
    desk = Desk()
    await desk.hears(opened("a"), opened("b"))
    await desk.is_labeled("a", "good")

    told = await desk.hears(merged("a", "b"))

    joined = await desk.case("b")
    (withdrawn,) = [one for one in told if isinstance(one, LabelWithdrawn)]
    (resolved,) = [one for one in told if isinstance(one, LabelResolved)]
    assert (withdrawn.item, withdrawn.label) == ("a", "good")
    assert (resolved.item, resolved.label, joined.status) == ("b", "good", "labeled")
    assert [vote.about for vote in resolved.annotations] == ["a"] * len(resolved.annotations)
    assert TaskWithdrawn(task="b.1", reason="the answers about what was merged settle it") in told
    assert desk.model.rankings[settled.of(PROJECT).name].keys() == {"b"}


async def test_a_label_that_the_joined_answers_no_longer_settle_is_withdrawn_and_asked_about_again() -> None:
    desk = Desk()
    for item, label in (("a", "good"), ("b", "bad")):
        await desk.hears(opened(item))
        await desk.is_labeled(item, label)

    told = await desk.hears(merged("a", "b"))

    withdrawn = {one.item: one.label for one in told if isinstance(one, LabelWithdrawn)}
    assert withdrawn == {"a": "good", "b": "bad"}
    joined = await desk.case("b")
    assert joined.label is None
    assert joined.status in ("asking", "disputed")
    assert any(isinstance(one, TaskOpened) and one.item == "b" for one in told)


async def test_of_one_annotators_two_answers_the_later_counts_and_both_are_kept() -> None:
    desk = Desk()
    await desk.hears(opened("a"), opened("b"), answered("a", "ann", "good", 5), answered("b", "ann", "bad", 1))

    await desk.hears(merged("a", "b"))

    joined = await desk.case("b")
    assert [(vote.label, vote.about) for vote in joined.votes] == [("bad", None), ("good", "a")]
    assert [vote.label for vote in joined.counted] == ["good"]


async def test_an_answer_that_comes_after_its_item_was_merged_counts_for_the_other() -> None:
    desk = Desk()
    await desk.hears(opened("a"), opened("b"), merged("a", "b"))

    await desk.hears(answered("a", "ann"))

    (vote,) = (await desk.case("b")).votes
    assert (vote.annotator, vote.about) == ("ann", "a")
    assert (await desk.case("a")).votes == []


async def test_an_answer_about_a_merged_item_is_taken_back_where_it_counts() -> None:
    desk = Desk()
    late = answered("a", "ann")
    taken_back = AnnotationRetracted(annotation=late.annotation, task="a.1", item="a", annotator="ann")
    await desk.hears(opened("a"), opened("b"), late, merged("a", "b"), taken_back)

    assert await desk.votes() == {}


async def test_an_answer_about_a_merged_item_that_is_heard_of_by_its_undo_first_does_not_count() -> None:
    desk = Desk()
    late = answered("a", "ann")
    taken_back = AnnotationRetracted(annotation=late.annotation, task="a.1", item="a", annotator="ann")

    await desk.hears(opened("a"), opened("b"), merged("a", "b"), taken_back, late)

    assert await desk.votes() == {}
    assert (await desk.case("b")).cost_usd == 0.1


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_merges_splits_and_answers_end_alike_in_whatever_order_they_are_heard(order: Sequence[int]) -> None:
    news = [
        merged("a", "b"),
        answered("a", "ann"),
        answered("b", "ben"),
        opened("c", "b", ["a"]),
    ]
    desk = Desk()
    await desk.hears(opened("a"), opened("b"))

    await desk.hears(*[news[place] for place in order])
    await desk.hears(answered("c", "cid"))

    assert await desk.votes() == {"b": ["ben on b at 1"], "c": ["ann on a at 1", "cid on c at 1"]}
    assert ((await desk.case("a")).into, (await desk.case("c")).members) == ("c", ["a"])
    assert (await desk.case("b")).members == []


async def test_what_was_parted_and_merged_again_is_parted_again_with_all_its_answers() -> None:
    desk = Desk()
    await desk.hears(opened("a"), opened("b"), answered("a", "ann"), merged("a", "b"), opened("c", "b", ["a"]))
    await desk.hears(answered("c", "cid"), merged("c", "b"))
    assert await desk.votes() == {"b": ["ann on a at 1", "cid on c at 1"]}

    await desk.hears(opened("d", "b", ["a", "c"]), answered("a", "ned", minute=2), answered("c", "may", minute=2))

    assert await desk.votes() == {
        "d": ["ann on a at 1", "cid on c at 1", "may on c at 2", "ned on a at 2"],
    }


async def test_a_merge_of_merges_leaves_no_answer_behind() -> None:
    desk = Desk()
    await desk.hears(opened("a"), opened("b"), opened("c"), answered("a", "ann"), answered("b", "ben"))

    await desk.hears(merged("a", "b"), merged("b", "c"), answered("a", "cid", minute=2))

    assert await desk.votes() == {"c": ["ann on a at 1", "ben on b at 1", "cid on a at 2"]}
    assert (await desk.case("a")).into == "c"


@given(st.lists(st.tuples(st.sampled_from("amsv"), st.integers(0, 5), st.integers(0, 5)), max_size=14))
async def test_no_answer_is_ever_lost(what: Sequence[tuple[str, int, int]]) -> None:
    """Whatever is merged and parted, each annotation counts for one item: the one that its words are part of."""
    desk, live, parted, given_ = Desk(), [f"i{n}" for n in range(6)], 0, set[str]()
    home = {item: {item} for item in live}
    await desk.hears(*map(opened, live))
    for minute, (act, one, two) in enumerate(what, 1):
        item, other = live[one % len(live)], live[two % len(live)]
        if act in "av":
            about = sorted(home[item])[two % len(home[item])] if act == "v" else item
            told = answered(about, f"p{minute}", minute=minute)
            given_.add(told.annotation)
            await desk.hears(told)
        elif act == "m" and item != other:
            await desk.hears(merged(item, other))
            live.remove(item)
            home[other] |= home.pop(item)
        elif act == "s" and len(home[item]) > 1:
            takes = sorted(home[item] - {item})[: 1 + two]
            parted += 1
            await desk.hears(opened(own := f"s{parted}", item, takes))
            live.append(own)
            home[item] -= set(takes)
            home[own] = {own, *takes}

    votes = await desk.votes()
    assert sorted(one for those in votes.values() for one in those) == sorted(given_)
    assert all(any(f" on {about} at" in one for about in home[item]) for item, those in votes.items() for one in those)


async def test_a_muted_item_is_asked_about_no_more_until_it_is_unmuted() -> None:
    desk = Desk()
    await desk.hears(opened("a"))

    told = await desk.hears(muted("a", 2))
    resting = await desk.case("a")
    asked = await desk.hears(reopened("a", 3))

    assert told == [TaskWithdrawn(task="a.1", reason="not now")]
    assert (resting.status, resting.task, resting.closed) == ("idle", None, "muted")
    assert [one.task for one in asked if isinstance(one, TaskOpened)] == ["a.2"]
    assert (await desk.case("a")).status == "asking"


@pytest.mark.parametrize(
    "order", list(permutations([muted("a", 2), reopened("a", 3), muted("a", 4), reopened("a", 5)]))
)
async def test_the_latest_closing_or_reopening_counts(order: Sequence[Payload]) -> None:
    desk = Desk()
    await desk.hears(opened("a"), *order)

    case = await desk.case("a")
    assert (case.closed, case.status, case.task is not None) == (None, "asking", True)


async def test_an_answer_to_a_closed_item_is_kept_and_nobody_is_asked() -> None:
    desk = Desk()
    await desk.hears(opened("a"), muted("a", 2))

    told = await desk.hears(answered("a", "ann", "good"))

    assert told == []
    case = await desk.case("a")
    assert (case.status, len(case.votes)) == ("idle", 1)


async def test_an_item_is_ranked_as_long_as_a_label_is_wanted_of_it() -> None:
    desk = Desk()
    name = ranked.of(PROJECT).name
    await desk.hears(opened("a"), opened("b"), opened("c"))
    await desk.hears(ItemReinforced(item="b", events=9, users=9, priority=64.0, number=2), muted("c", 2))

    order = sorted(desk.model.rankings[name], key=desk.model.rankings[name].__getitem__)
    await desk.hears(merged("a", "b"))

    assert order == ["b", "a"]
    assert desk.model.rankings[name].keys() == {"b"}


async def test_weight_may_fall_and_older_news_of_it_does_not_undo_newer() -> None:
    desk = Desk()
    newer = ItemReinforced(item="a", events=2, users=1, priority=1.5, number=9)
    older = ItemReinforced(item="a", events=7, users=5, priority=9.0, number=8)

    await desk.hears(opened("a"), newer, older)

    case = await desk.case("a")
    assert (case.feedback_events, case.priority) == (2, 1.5)
