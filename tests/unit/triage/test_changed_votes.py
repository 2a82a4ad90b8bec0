"""A changed vote counts where it belongs now, and nowhere else."""

from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReinforced, ItemReopened
from tests.unit.triage.stories_told import NOW, Shop, event, said

EXPORT = "The export button does nothing when I press it twice in a row"


def test_a_changed_vote_leaves_its_item_and_goes_where_it_belongs_now() -> None:
    shop = Shop()
    shop.hears(event("f1"), event("f2", user="bert"))

    told = shop.hears(event("f3", value=1, supersedes="f1"))

    down, up = shop.items().values()
    assert (down.standing.value.events, down.standing.value.users) == (1, 1)
    assert (up.standing.value.events, up.standing.value.users) == (1, 1)
    assert down.standing.value.factors["reach"] == 1.0
    assert [type(one) for one in told] == [ItemOpened, ItemReinforced]
    weaker = told[1]
    assert isinstance(weaker, ItemReinforced)
    assert (weaker.item, weaker.events, weaker.users, weaker.feedback) == (down.standing.value.item, 1, 1, "f1")


def test_an_item_that_nothing_is_left_of_is_closed() -> None:
    shop = Shop()
    (opened,) = shop.hears(event("f1"))
    assert isinstance(opened, ItemOpened)

    told = shop.hears(event("f2", value=1, supersedes="f1"))

    closed = next(one for one in told if isinstance(one, ItemClosed))
    assert (closed.item, closed.cause, closed.events, closed.number) == (opened.item, "superseded", 0, 2)
    item = shop.standings()[0]
    assert (item.status, item.events, item.users, item.closed_at) == ("superseded", 0, 0, NOW)


def test_an_item_that_was_closed_so_is_open_again_with_the_next_of_its_kind() -> None:
    shop = Shop()
    shop.hears(event("f1"), event("f2", value=1, supersedes="f1"))

    (reopened,) = shop.hears(event("f3", user="bert"))

    item = next(iter(shop.items().values()))
    assert isinstance(reopened, ItemReopened)
    assert (item.standing.value.status, item.standing.value.events, item.standing.value.users) == ("open", 1, 1)
    assert sum(item.tally.values()) == 1


def test_a_vote_that_changes_to_the_same_weighs_no_more() -> None:
    shop = Shop()
    shop.hears(event("f1"))
    (before,) = shop.standings()

    assert shop.hears(event("f2", supersedes="f1")) == []

    (after,) = shop.standings()
    assert after == before.model_copy(update={"last_at": after.last_at})
    assert shop.place("f1").how == "superseded"
    assert shop.place("f2").item == after.item


def test_another_vote_of_the_same_user_keeps_his_voice() -> None:
    shop = Shop()
    shop.hears(event("f1"), event("f2"), event("f3", user="bert"))

    shop.hears(event("f4", value=1, supersedes="f1"))

    down = shop.standings()[0]
    assert (down.events, down.users) == (2, 2)


def test_history_stays() -> None:
    shop = Shop()
    shop.hears(event("f1"))
    before = shop.place("f1")

    shop.hears(event("f2", value=1, supersedes="f1"), event("f3", supersedes="f2"))

    assert shop.place("f1") == before._replace(how="superseded")
    assert [shop.place(name).how for name in ("f2", "f3")] == ["superseded", "reinforced"]
    assert [item.events for item in shop.standings()] == [1, 0]


def test_who_changed_customer_meanwhile_takes_his_old_vote_along() -> None:
    shop = Shop()
    shop.hears(event("f1", customer="shop"), event("f2", user="bert"))

    shop.hears(event("f3", customer="mall", value=1, supersedes="f1"))

    down = shop.standings()[0]
    assert (down.events, down.users) == (1, 1)


def test_two_changes_of_one_vote_take_it_off_once() -> None:
    shop = Shop()
    shop.hears(event("f1"), event("f2", user="bert"))

    shop.hears(event("f3", value=1, supersedes="f1"), event("f4", value=1, supersedes="f1"))

    assert [item.events for item in shop.standings()] == [1, 2]


def test_a_vote_whose_change_came_first_is_not_counted() -> None:
    shop = Shop()
    shop.hears(event("f2", value=1, supersedes="f1"))

    assert shop.hears(event("f1")) == []

    (up,) = shop.standings()
    assert up.events == 1
    assert shop.place("f1")[1:3] == (up.item, "superseded")


def test_a_vote_that_intake_knows_to_be_changed_is_not_counted() -> None:
    shop = Shop()
    shop.hears(event("f2", value=1))

    assert shop.hears(event("f1", superseded_by="f2")) == []

    (up,) = shop.standings()
    assert up.events == 1
    assert shop.place("f1")[1:3] == (up.item, "superseded")


def test_two_replicas_that_meet_at_one_vote_count_it_once() -> None:
    """The change is decided while its vote is in a colleague's hands: whichever is second is decided again."""
    for first, second in (("f1", "f2"), ("f2", "f1")):
        shop = Shop()
        events = {"f1": event("f1"), "f2": event("f2", value=1, supersedes="f1")}
        stale = shop.decided(events[second])
        shop.hears(events[first])

        left = shop.model.commit("triage", [events[second]], stale)
        shop.hears(*left)

        assert left == [events[second]]
        assert sum(item.events for item in shop.standings()) == 1


def test_a_vote_is_not_lost_with_the_change_that_came_with_it_and_was_refused() -> None:
    """A colleague placed what changes the change: of three votes in whatever order, the last counts."""
    shop = Shop()
    batch = [event("f2", value=1, supersedes="f1"), event("f1")]
    stale = shop.decided(*batch)
    shop.hears(event("f3", value=1, supersedes="f2"))

    left = shop.model.commit("triage", batch, stale)
    shop.hears(*left)

    assert left == batch
    assert {name: shop.place(name).how for name in ("f1", "f2", "f3")} == {
        "f1": "superseded",
        "f2": "superseded",
        "f3": "opened",
    }
    assert [item.events for item in shop.standings()] == [1]


def test_a_changed_vote_in_words_leaves_the_item_that_its_words_joined() -> None:
    shop = Shop()
    shop.hears(
        said("f1", EXPORT, kind="thumb", value=-1),
        said("f2", EXPORT.replace("export", "exprot"), kind="thumb", value=-1),
    )

    shop.hears(said("f3", EXPORT, kind="thumb", value=1, user="user of f2", supersedes="f2"))

    complaint, praise = shop.items().values()
    assert (complaint.standing.value.events, praise.standing.value.events) == (1, 1)
    assert len(complaint.tally) == 1
