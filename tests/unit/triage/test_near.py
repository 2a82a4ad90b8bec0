"""What is near enough joins the item that it is near to; what may be is proposed; what a person parted stays parted."""

from datetime import timedelta
from typing import TypeVar

import pytest

from labelwright.contracts.items import ItemOpened, ItemReopened, MergeProposed
from labelwright.contracts.payload import Part
from labelwright.engine.tables import Documents, Versioned
from labelwright.stories import Standing, proposed, standings
from services.triage.folding import MOST_PROPOSALS, MOST_STATEMENTS
from services.triage.state import cells, held_by, statements, wordings
from services.triage.wording import MOST_COMPARED
from tests.unit.triage.stories_told import NOW, SUBJECT, Shop, said, statement

EXPORT = "The export button does nothing when I press it twice in a row"
MISSPELT = "The exprot button does nothing when I press it twice in a row"
M = TypeVar("M", bound=Part)

AGAIN = "The export buton does nothing when I press it twice in a row"
OPPOSITE = "The export button does not nothing when I press it twice in a row"
OTHER = "Search results are sorted by date and nobody asked for that"


def test_a_near_copy_joins_the_item() -> None:
    shop = Shop()
    (opened,) = shop.hears(said("f1", EXPORT))
    near = said("f2", MISSPELT)

    shop.hears(near)

    (item,) = shop.standings()
    assert isinstance(opened, ItemOpened)
    assert (item.item, item.events, item.users) == (opened.item, 2, 2)
    assert item.statements == [opened.fingerprint, statement(near)]
    assert shop.place("f2")[1:] == (item.item, "joined", statement(near))


def test_a_joined_statement_keeps_the_score_the_reason_and_its_words() -> None:
    shop = Shop()
    shop.hears(said("f1", EXPORT), near := said("f2", MISSPELT))
    (item,) = shop.standings()

    joined = _stored(shop, statements.of("acme"), statement(near)).joined
    wording = _stored(shop, wordings.of("acme"), statement(near))

    assert joined is not None
    assert joined.item == item.item
    assert 0 <= joined.score < 0.2
    assert joined.reason
    assert (wording.text, wording.feedback) == (MISSPELT, "f2")


def test_an_equal_copy_of_a_near_copy_is_counted_without_comparing() -> None:
    shop = Shop()
    shop.hears(said("f1", EXPORT), said("f2", MISSPELT))

    shop.hears(said("f3", MISSPELT))

    (item,) = shop.items().values()
    assert shop.place("f3").how == "reinforced"
    assert (item.standing.value.events, len(item.standing.value.statements)) == (3, 2)
    assert sum(item.tally.values()) == 3


def test_near_copies_of_near_copies_are_compared_with_what_the_item_is_known_by() -> None:
    """No chains: a statement that joined is nobody's measure."""
    shop = Shop()
    (opened, *_) = shop.hears(said("f1", EXPORT), said("f2", MISSPELT))
    assert isinstance(opened, ItemOpened)

    holders = shop.state(said("f3", AGAIN)).wordings

    assert {address.name: one.value.text for address, one in holders.items()} == {opened.item: EXPORT}


def test_what_is_not_the_same_opens_an_item_of_its_own() -> None:
    shop = Shop()

    shop.hears(said("f1", EXPORT), said("f2", OPPOSITE), said("f3", OTHER))

    assert len(shop.standings()) == 3


def test_what_may_be_the_same_is_proposed() -> None:
    shop = Shop()
    (first,) = shop.hears(said("f1", EXPORT))

    second, proposal = shop.hears(said("f2", OPPOSITE))

    assert isinstance(first, ItemOpened)
    assert isinstance(second, ItemOpened)
    assert isinstance(proposal, MergeProposed)
    assert (proposal.item, proposal.other) == (second.item, first.item)
    newer = shop.standings()[-1]
    assert [(one.other, one.score, one.reason) for one in newer.proposals] == [
        (first.item, proposal.score, proposal.reason)
    ]
    ranked = shop.model.rankings[proposed.of("acme").key.name]
    assert ranked == {f"{second.item}|{first.item}": proposal.score}


def test_an_item_has_three_proposals_at_most_the_likeliest_first() -> None:
    shop = Shop()
    numbers = [said(f"f{n}", f"Order {n} was charged {n} times on my card, please look into it") for n in range(2, 22)]

    shop.hears(*numbers)

    standing = shop.standings()
    assert len(standing) == len(numbers)
    assert max(len(item.proposals) for item in standing) == MOST_PROPOSALS
    scores = [[one.score for one in item.proposals] for item in standing]
    assert scores == [sorted(one) for one in scores]


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "thumb", "value": 1},
        {"subject": SUBJECT | {"type": "screen"}},
        {"kind": "signal", "value": "retry"},
    ],
)
def test_another_scope_has_other_items(other: dict[str, object]) -> None:
    shop = Shop()

    shop.hears(said("f1", EXPORT), said("f2", MISSPELT, **other))

    assert len(shop.standings()) == 2
    assert shop.told(MergeProposed) == []


def test_a_comment_is_the_same_whatever_was_pressed_with_it() -> None:
    shop = Shop()

    shop.hears(said("f1", EXPORT, kind="thumb", value=-1), said("f2", EXPORT, kind="stars", value=1))

    assert len(shop.standings()) == 1


def test_projects_share_no_item() -> None:
    shop = Shop()

    shop.hears(said("f1", EXPORT), said("f2", MISSPELT, project="beta"))

    assert len(shop.standings()) == 2


@pytest.mark.parametrize(
    ("subject", "items"), [(SUBJECT, 1), (SUBJECT | {"id": "another"}, 2)], ids=["its own", "another"]
)
def test_what_says_little_is_near_only_about_its_own_subject(subject: dict[str, str], items: int) -> None:
    shop = Shop()

    shop.hears(said("f1", "completely wrong answer"), said("f2", "completely wrong answers", subject=subject))

    assert len(shop.standings()) == items


def test_corrections_and_gestures_are_the_same_only_if_equal() -> None:
    shop = Shop()

    shop.hears(
        said("f1", EXPORT, kind="correction", corrected="It opens at nine in the morning on every day"),
        said("f2", EXPORT, kind="correction", corrected="It opens at nine in the mornings on every day"),
    )

    assert len(shop.standings()) == 2
    assert shop.told(MergeProposed) == []


def test_very_long_texts_are_the_same_only_if_equal() -> None:
    shop = Shop()
    long = f"{EXPORT}. " * (MOST_COMPARED // len(EXPORT) + 1)

    shop.hears(said("f1", long), said("f2", long + MISSPELT), said("f3", long.upper()))

    assert [item.events for item in shop.standings()] == [2, 1]


def test_of_two_items_the_nearer_one_gets_it() -> None:
    shop = Shop()
    far = "The export button sadly does nothing at all when I press it twice in a row on my phone"
    opened = [one for one in shop.hears(said("f1", far), said("f2", EXPORT)) if isinstance(one, ItemOpened)]
    assert len(opened) == 2

    shop.hears(said("f3", MISSPELT))

    assert shop.place("f3").item == opened[1].item


def test_a_fifty_first_wording_is_counted_with_the_first() -> None:
    shop = Shop()
    long = "nothing happens whatever button somebody presses while another document already uploads behind everything"
    swapped = [at for at in range(1, len(long) - 2) if long[at - 1 : at + 3].isalpha() and long[at] != long[at + 1]]
    misspelt = [f"{long[:at]}{long[at + 1]}{long[at]}{long[at + 2 :]}" for at in swapped][: MOST_STATEMENTS + 4]

    shop.hears(said("first", long), *(said(f"f{number}", text) for number, text in enumerate(misspelt)))

    (item,) = shop.items().values()
    standing = item.standing.value
    assert standing.events == sum(item.tally.values()) == len(misspelt) + 1
    assert len(standing.statements) == MOST_STATEMENTS
    assert shop.place(f"f{len(misspelt) - 1}").statement == standing.statements[0]


def test_cells_are_put_anew_while_an_item_is_talked_of() -> None:
    shop = Shop()
    shop.hears(said("f1", EXPORT))
    for number in range(2, 6):
        shop.later(days=21)
        shop.hears(said(f"f{number}", EXPORT))
    shop.later(days=21)

    shop.hears(said("f9", MISSPELT))

    (item,) = shop.standings()
    assert item.events == 6
    assert item.listed_at == NOW + timedelta(days=105)


def test_what_nobody_spoke_of_for_long_is_not_looked_for() -> None:
    shop = Shop()
    shop.hears(said("f1", EXPORT))
    shop.later(days=41)

    shop.hears(said("f2", MISSPELT))

    assert len(shop.standings()) == 2


def test_more_of_an_expired_item_reopens_it() -> None:
    shop = Shop()
    shop.hears(said("f1", EXPORT))
    _rewrite(shop, status="expired", closed_at=NOW, closed_because="nobody labeled it in time")

    (reopened,) = shop.hears(said("f2", MISSPELT))

    (item,) = shop.standings()
    assert isinstance(reopened, ItemReopened)
    assert (reopened.item, reopened.priority, reopened.number) == (item.item, item.priority, 3)
    assert (item.status, item.closed_at, item.closed_because, item.events) == ("open", None, None, 2)


def test_more_of_a_muted_item_is_counted_and_not_told() -> None:
    shop = Shop()
    shop.hears(said("f1", EXPORT))
    _rewrite(shop, status="muted")

    assert shop.hears(said("f2", MISSPELT), said("f3", EXPORT), said("f4", EXPORT)) == []

    (item,) = shop.standings()
    assert (item.status, item.events, item.users) == ("muted", 4, 4)


def test_more_of_a_merged_item_is_counted_where_it_went() -> None:
    shop = Shop()
    shop.hears(said("f1", EXPORT), said("f2", OTHER))
    merged, into = (item.item for item in shop.standings())
    _rewrite(shop, merged, status="merged", into=into)

    shop.hears(said("f3", EXPORT), said("f4", MISSPELT))

    events = {item.item: item.events for item in shop.standings()}
    assert events == {merged: 1, into: 3}
    assert shop.place("f4").item == into


def test_what_a_person_parted_is_never_merged_again() -> None:
    shop = Shop()
    shop.hears(said("f1", EXPORT))
    near = said("f2", MISSPELT)
    _never(shop, shop.standings()[0].item, statement(near))

    shop.hears(near)

    assert len(shop.standings()) == 2
    assert shop.told(MergeProposed) == []


def test_a_near_copy_of_two_that_a_person_parted_is_proposed_to_both() -> None:
    shop = Shop()
    shop.hears(said("f1", EXPORT))
    near = said("f2", MISSPELT)
    _never(shop, shop.standings()[0].item, statement(near))
    shop.hears(near)
    parted = [item.item for item in shop.standings()]
    _never(shop, parted[0], parted[1])

    shop.hears(said("f3", AGAIN))

    assert shop.place("f3").how == "opened"
    assert sorted(one.other for one in shop.told(MergeProposed)) == sorted(parted)


def test_a_cell_that_a_colleague_filled_meanwhile_makes_the_decision_fail() -> None:
    """Two in flight: the second is decided again, and joins."""
    shop = Shop()
    first, second = said("f1", EXPORT), said("f2", MISSPELT)
    stale = shop.decided(second)
    shop.hears(first)

    left = shop.model.commit("triage", [second], stale)
    shop.hears(*left)

    assert left == [second]
    assert len(shop.standings()) == 1


def test_what_a_batch_relied_on_within_falls_with_it() -> None:
    """The second of a batch is near to the first; a colleague's third makes the first fail, and so the second."""
    shop = Shop()
    batch = [said("f1", EXPORT), said("f2", MISSPELT)]
    stale = shop.decided(*batch)
    shop.hears(said("f3", AGAIN))

    left = shop.model.commit("triage", batch, stale)
    shop.hears(*left)

    assert left == batch
    (item,) = shop.standings()
    assert item.events == 3


def test_cells_name_items_and_tell_nobody_what_was_said() -> None:
    shop = Shop()
    shop.hears(said("f1", EXPORT))
    (item,) = shop.standings()

    held = shop.model.hashes[cells.newest(NOW).key.name]

    assert len(held) == 14
    assert set(held.values()) == {held_by([item.item])}


def _stored(shop: Shop, table: Documents[M], field: str) -> M:
    raw = shop.model.hashes[table.key.name][field]
    return table.model.model_validate_json(raw.partition("|")[2])


def _rewrite(shop: Shop, item: str | None = None, **update: object) -> None:
    """Let an item stand otherwise, as another decision of triage would leave it."""
    address = next(one for one in shop.items() if item in (None, one.name))
    known: Versioned[Standing] = shop.items()[address].standing
    write = standings.put(address.field, known.value.model_copy(update=update), known.version + 1)
    shop.model.hashes[write.key.name][address.field] = write.args[1]


def _never(shop: Shop, item: str, name: str) -> None:
    """Let an item remember what was parted from it."""
    table = wordings.of("acme")
    wording = _stored(shop, table, item)
    write = table.put(item, wording.model_copy(update={"never": [*wording.never, name]}), 2)
    shop.model.hashes[write.key.name][item] = write.args[1]
