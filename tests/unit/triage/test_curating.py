"""What owners do with items by hand: done once, undone by its opposite, and remembered with who and why."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.contracts.curation import (
    KeptApartRequested,
    MergeRequested,
    MuteRequested,
    PinRequested,
    SplitRequested,
)
from labelwright.contracts.envelope import Event
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReinforced, ItemReopened, MergeProposed
from labelwright.contracts.payload import Payload
from labelwright.contracts.work import RequestAnswered
from labelwright.stories import Case, Standing, cases, proposed
from services.triage.priority import MOST_PINNED
from services.triage.state import Address, pins
from tests.unit.triage.stories_told import NOW, SUBJECT, Shop, event, said, statement

EXPORT = "The export button does nothing when I press it twice in a row"
MISSPELT = "The exprot button does nothing when I press it twice in a row"
OTHER = "Search results are sorted by date and nobody asked for that"
OPPOSITE = "The export button does not nothing when I press it twice in a row"


class Owner:
    """Somebody who decides about a shop's items."""

    def __init__(self, shop: Shop, name: str = "olga") -> None:
        self.shop = shop
        self.name = name
        self._numbers = iter(range(1_000))

    def asks(self, kind: type[Any], request: str | None = None, **about: Any) -> RequestAnswered:
        """Ask, and return the answer."""
        name = request or f"{self.name} {next(self._numbers)}"
        asked = kind(request=name, by=self.name, reason="I looked at both", reply=self.name, **about)
        self.shop.hears(requested(asked))
        asker, answer = self.shop.model.replies[-1]
        assert (asker, answer.request) == (self.name, name)
        return answer


def requested(asked: Payload, project: str = "acme") -> Event[Payload]:
    """The event that carries a request."""
    return Event(f"event {asked!r}"[:200], "/gateway", project, NOW, asked)


def standing(shop: Shop, item: str) -> Standing:
    """How an item stands."""
    return shop.items()[Address("acme", item)].standing.value


@pytest.fixture
def shop() -> Shop:
    """A shop with an item of two wordings, and another one, in that order."""
    shop = Shop()
    shop.hears(said("f1", EXPORT), said("f2", MISSPELT), said("f3", OTHER), said("f4", OTHER))
    return shop


def _items(shop: Shop) -> list[str]:
    return [one.item for one in shop.told(ItemOpened)]


def test_a_merge_folds_one_item_into_the_other(shop: Shop) -> None:
    export, other = _items(shop)

    answer = Owner(shop).asks(MergeRequested, item=other, into=export)

    gone, joined = standing(shop, other), standing(shop, export)
    assert (answer.status, answer.body) == (200, {"item": other, "into": export})
    assert (gone.status, gone.into, gone.statements, gone.events) == ("merged", export, [], 0)
    assert (joined.events, joined.users, len(joined.statements)) == (4, 4, 3)
    assert joined.members.keys() == {other}
    (closed,) = shop.told(ItemClosed)
    assert (closed.item, closed.cause, closed.into, closed.by) == (other, "merged", export, "olga")
    assert (closed.reason, closed.events) == ("I looked at both", 2)
    weight = shop.told(ItemReinforced)[-1]
    assert (weight.item, weight.events, weight.priority) == (export, 4, joined.priority)
    assert weight.priority > shop.told(ItemOpened)[0].priority


def test_who_merged_what_and_why_is_remembered_by_both(shop: Shop) -> None:
    export, other = _items(shop)

    Owner(shop).asks(MergeRequested, item=other, into=export)

    (took,), (merged,) = standing(shop, export).acts, standing(shop, other).acts
    assert (took.did, took.by, took.reason, took.other, took.at) == ("took", "olga", "I looked at both", other, NOW)
    assert (merged.did, merged.other, merged.score) == ("merged", export, took.score)
    assert 0 < (took.score or 0) <= 1


def test_what_is_said_again_after_a_merge_counts_for_the_other(shop: Shop) -> None:
    export, other = _items(shop)
    Owner(shop).asks(MergeRequested, item=other, into=export)

    shop.hears(said("f5", OTHER), said("f6", f"{OTHER}!"))

    assert standing(shop, export).events == 6
    assert standing(shop, other).events == 0
    assert shop.place("f5").item == export


def test_what_is_near_to_a_merged_item_is_led_to_the_other(shop: Shop) -> None:
    export, other = _items(shop)
    Owner(shop).asks(MergeRequested, item=other, into=export)

    shop.hears(said("f5", OTHER.replace("sorted", "sortde")))

    assert shop.place("f5")[1:3] == (export, "joined")


def test_a_split_takes_a_merge_back(shop: Shop) -> None:
    export, other = _items(shop)
    before, apart = standing(shop, export), standing(shop, other)
    owner = Owner(shop)
    owner.asks(MergeRequested, item=other, into=export)

    answer = owner.asks(SplitRequested, feedback="f4", item=export)

    own = answer.body["item"]
    assert answer.body["split_from"] == export
    assert _weight(standing(shop, export)) == _weight(before)
    assert _weight(standing(shop, own)) == _weight(apart)
    opened = shop.told(ItemOpened)[-1]
    assert (opened.item, opened.text, opened.split_from, opened.takes) == (own, OTHER, export, [other])
    assert (opened.fingerprint, opened.feedback) == (apart.statements[0], "f3")
    shop.hears(said("f5", OTHER))
    assert standing(shop, own).events == 3


def test_a_split_of_a_near_copy_parts_its_feedback_alone_for_ever(shop: Shop) -> None:
    export, _ = _items(shop)
    shop.hears(said("f5", MISSPELT))

    own = Owner(shop).asks(SplitRequested, feedback="f2").body["item"]
    shop.hears(said("f6", MISSPELT), said("f7", EXPORT), said("f8", MISSPELT.replace("twice", "twcie")))

    assert (standing(shop, own).events, standing(shop, export).events) in ((3, 2), (4, 2))
    assert shop.place("f6").item == own
    assert shop.place("f7").item == export
    assert shop.place("f8").item != export


def test_the_words_that_annotators_saw_stay_and_the_others_leave(shop: Shop) -> None:
    export, _ = _items(shop)

    own = Owner(shop).asks(SplitRequested, feedback="f1").body["item"]

    assert standing(shop, export).statements == [statement(said("f1", EXPORT))]
    assert standing(shop, own).statements == [statement(said("f2", MISSPELT))]
    assert shop.told(ItemOpened)[-1].text == MISSPELT


def test_an_item_of_one_wording_has_nothing_to_be_parted_from(shop: Shop) -> None:
    answer = Owner(shop).asks(SplitRequested, feedback="f3")

    assert (answer.status, answer.code) == (409, "one_wording")


def test_a_merge_of_merges_is_taken_back_whole(shop: Shop) -> None:
    shop.hears(said("f5", "My invoice shows the wrong street and the wrong town"))
    export, other, invoice = _items(shop)
    before = {item: _weight(standing(shop, item)) for item in (export, other, invoice)}
    owner = Owner(shop)
    owner.asks(MergeRequested, item=export, into=other)
    merged = standing(shop, other)
    owner.asks(MergeRequested, item=other, into=invoice)

    own = owner.asks(SplitRequested, feedback="f3").body["item"]
    whole = standing(shop, own)
    inner = owner.asks(SplitRequested, feedback="f1").body["item"]

    assert _weight(whole) == _weight(merged)
    assert whole.members.keys() == {export, other}
    assert _weight(standing(shop, invoice)) == before[invoice]
    assert _weight(standing(shop, own)) == before[other]
    assert _weight(standing(shop, inner)) == before[export]


def test_a_press_of_a_button_is_merged_and_parted_too() -> None:
    shop = Shop()
    shop.hears(event("f1"), said("f2", EXPORT))
    gesture, export = _items(shop)
    owner = Owner(shop)

    early = owner.asks(MergeRequested, item=gesture, into=export)
    before = _weight(standing(shop, gesture))
    _resolve_knows(shop, gesture)
    owner.asks(MergeRequested, item=gesture, into=export)
    own = owner.asks(SplitRequested, feedback="f1").body["item"]

    assert (early.status, early.code) == (409, "too_early")
    assert _weight(standing(shop, own)) == before
    opened = shop.told(ItemOpened)[-1]
    assert (opened.text, opened.kind, opened.sign) == ("We are always open.", "thumb", -1)
    shop.hears(event("f3", user="bert"))
    assert shop.place("f3").item == own


@pytest.mark.parametrize("status", ["open", "muted"])
def test_a_request_that_comes_again_is_done_once(shop: Shop, status: str) -> None:
    export, other = _items(shop)
    owner = Owner(shop)
    if status == "muted":
        owner.asks(MuteRequested, item=other, muted=True)
    first = owner.asks(MergeRequested, "once", item=other, into=export)
    published = len(shop.model.published)

    assert owner.asks(MergeRequested, "once", item=other, into=export) == first
    assert len(shop.model.published) == published


def test_a_proposal_that_is_accepted_or_declined_is_gone() -> None:
    shop = Shop()
    shop.hears(said("f1", EXPORT), said("f2", OPPOSITE))
    (proposal,) = shop.told(MergeProposed)
    owner = Owner(shop)

    answer = owner.asks(KeptApartRequested, item=proposal.item, other=proposal.other)

    assert answer.status == 200
    assert _proposed(shop) == []
    assert standing(shop, proposal.item).proposals == []
    assert [act.did for act in standing(shop, proposal.other).acts] == ["kept_apart"]


def test_what_was_proposed_of_a_merged_item_is_dropped() -> None:
    shop = Shop()
    shop.hears(said("f1", EXPORT), said("f2", OPPOSITE), said("f3", OTHER))
    export, opposite, other = _items(shop)
    assert _proposed(shop) == [f"{opposite}|{export}"]

    Owner(shop).asks(MergeRequested, item=export, into=other)

    assert _proposed(shop) == []


def test_a_pin_goes_before_everything_and_says_by_whom(shop: Shop) -> None:
    export, _ = _items(shop)
    owner = Owner(shop)

    owner.asks(PinRequested, item=export, pinned=True)
    pinned = standing(shop, export)
    owner.asks(PinRequested, item=export, pinned=False)

    assert pinned.priority > 64
    assert pinned.pinned is not None
    assert (pinned.pinned.by, pinned.pinned.reason) == ("olga", "I looked at both")
    assert standing(shop, export).priority <= 64
    assert [news.priority > 64 for news in shop.told(ItemReinforced)[-2:]] == [True, False]
    assert [act.did for act in standing(shop, export).acts] == ["pinned", "unpinned"]


def test_no_more_are_pinned_than_may_be_first() -> None:
    shop = Shop()
    words = ["apple", "berry", "cedar", "delta", "eagle", "fable", "grape", "horse"]
    for number in range(MOST_PINNED + 1):
        comment = " ".join(f"{word}{chr(97 + number)}" for word in words)
        shop.hears(said(f"f{number}", comment))
    owner = Owner(shop)
    items = _items(shop)

    answers = [owner.asks(PinRequested, item=item, pinned=True) for item in items]
    owner.asks(MergeRequested, item=items[0], into=items[1])
    later = owner.asks(PinRequested, item=items[-1], pinned=True)

    assert [answer.status for answer in answers] == [200] * MOST_PINNED + [409]
    assert answers[-1].code == "too_many_pins"
    assert later.status == 200
    assert shop.model.hashes[pins.name] == {"acme": str(MOST_PINNED)}


def test_a_muted_item_counts_on_until_it_is_unmuted(shop: Shop) -> None:
    export, _ = _items(shop)
    owner = Owner(shop)

    owner.asks(MuteRequested, item=export, muted=True)
    shop.hears(said("f5", EXPORT))
    muted = standing(shop, export)
    owner.asks(MuteRequested, item=export, muted=False)

    assert (muted.status, muted.events) == ("muted", 3)
    (closed,), (opened,) = shop.told(ItemClosed), shop.told(ItemReopened)
    assert (closed.cause, closed.by) == ("muted", "olga")
    assert (opened.item, opened.by) == (export, "olga")
    assert opened.number > closed.number
    assert standing(shop, export).status == "open"


@pytest.mark.parametrize(
    ("kind", "about", "status", "code"),
    [
        (MergeRequested, {"item": "none", "into": "none"}, 404, "unknown_item"),
        (SplitRequested, {"feedback": "none"}, 404, "unknown_feedback"),
        (PinRequested, {"item": "none", "pinned": True}, 404, "unknown_item"),
        (MuteRequested, {"item": "none", "muted": True}, 404, "unknown_item"),
    ],
)
def test_what_is_not_there_is_said(shop: Shop, kind: type[Any], about: dict[str, Any], status: int, code: str) -> None:
    answer = Owner(shop).asks(kind, **about)

    assert (answer.status, answer.code) == (status, code)
    assert answer.detail


def test_what_cannot_be_is_said(shop: Shop) -> None:
    export, other = _items(shop)
    owner = Owner(shop)

    same = owner.asks(MergeRequested, item=export, into=export)
    elsewhere = owner.asks(SplitRequested, feedback="f1", item=other)
    owner.asks(MergeRequested, item=other, into=export)
    gone = owner.asks(MergeRequested, item=other, into=export)
    pinned = owner.asks(PinRequested, item=other, pinned=True)

    assert [answer.code for answer in (same, elsewhere, gone, pinned)] == [
        "same_item",
        "other_item",
        "merged",
        "merged",
    ]
    assert f"{export!r}" in gone.detail


def test_two_owners_who_merge_crosswise_in_one_batch_merge_once(shop: Shop) -> None:
    export, other = _items(shop)
    one = MergeRequested(request="r1", item=export, into=other, by="olga", reason="same", reply="olga")
    two = MergeRequested(request="r2", item=other, into=export, by="otto", reason="same", reply="otto")

    shop.hears(requested(one), requested(two))

    assert [answer.status for _, answer in shop.model.replies] == [200, 409]
    assert sum(item.events for item in shop.standings()) == 4


TEXTS = st.sampled_from([EXPORT, MISSPELT, OTHER, OPPOSITE, "I like it", "The colour of the menu hurts my eyes a bit"])
SAID = st.lists(st.tuples(TEXTS, st.sampled_from(["crash", None]), st.sampled_from("abc")), min_size=2, max_size=10)


@given(SAID, st.data())
def test_a_merge_and_its_split_leave_every_weight_as_it_was(
    what: Sequence[tuple[str, str | None, str]], data: st.DataObject
) -> None:
    shop = Shop()
    for number, (comment, reason, user) in enumerate(what):
        shop.hears(said(f"f{number}", comment, reason=reason, user=user, subject=SUBJECT))
    items = _items(shop)
    if len(items) < 2:
        return
    gone, target = data.draw(st.permutations(items))[:2]
    before = {item: _weight(standing(shop, item)) for item in items}
    shown = standing(shop, gone).statements[0]
    spoken = next(number for number, (comment, *_) in enumerate(what) if _is(comment, shown))
    owner = Owner(shop)

    merged = owner.asks(MergeRequested, item=gone, into=target)
    split = owner.asks(SplitRequested, feedback=f"f{spoken}")

    assert (merged.status, split.status) == (200, 200)
    after = {item: _weight(standing(shop, item)) for item in items} | {
        gone: _weight(standing(shop, split.body["item"]))
    }
    assert after == before


def _resolve_knows(shop: Shop, item: str) -> None:
    """Let resolve have a case of an item, as it has a moment after the item was opened."""
    opened = next(one for one in shop.told(ItemOpened) if one.item == item)
    case = Case(
        project="acme",
        item=item,
        status="asking",
        text=opened.text,
        guideline_version=1,
        priority=1.0,
        subject=opened.subject.model_dump(exclude_none=True),
        kind=opened.kind,
        sign=opened.sign,
        feedback=[opened.feedback],
        opened_at=opened.received_at,
    )
    write = cases.put(item, case, 1)
    shop.model.hashes.setdefault(write.key.name, {})[item] = write.args[1]


def _is(comment: str, shown: str) -> bool:
    return statement(said("x", comment, subject=SUBJECT)) == shown


def _weight(one: Standing) -> dict[str, Any]:
    return one.model_dump(include={"events", "users", "customers", "factors", "priority", "statements", "status"})


def _proposed(shop: Shop) -> list[str]:
    return sorted(shop.model.rankings.get(proposed.of("acme").name, {}))
