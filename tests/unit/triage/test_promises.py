"""Whatever comes, in any order and on however many replicas: every piece counts once, and duplicates are one item."""

from collections import Counter
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from labelwright.contracts.envelope import Event
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReinforced, ItemReopened, MergeProposed
from labelwright.contracts.payload import Payload
from labelwright.contracts.quality import TickStruck
from labelwright.engine.decisions import Write
from services.triage.decide import decide
from services.triage.folding import MOST_PROPOSALS
from services.triage.state import Statement
from tests.unit.triage.stories_told import NOW, Shop, event

COPIES = [
    "The export button does nothing when I press it twice in a row",
    "the EXPORT button does nothing, when I press it twice in a row!!",
    "The exprot button does nothing when I press it twice in a row",
    "The export buton does nothing when I press it twice in a row",
]
"""Clear duplicates, each of each."""

OTHERS = [
    "The export button does not nothing when I press it twice in a row",
    "Order 12 was charged twice on my card and nobody answers",
    "Order 13 was charged twice on my card and nobody answers",
    "wrong answer",
]
TICK: Event[Payload] = Event("t", "/clock", "-", NOW, TickStruck(name="expire", slot=1))
USERS = st.sampled_from([None, "anna", "bert", "carl"])


@st.composite
def _feedback(draw: st.DrawFn) -> list[Event[Payload]]:
    """Feedback of two projects, some of it changing a vote that came before, is still to come, or never comes."""
    many = draw(st.integers(0, 14))
    made = []
    for number in range(many):
        fields: dict[str, Any] = {
            "user": draw(USERS),
            "comment": draw(st.sampled_from([None, *COPIES, *OTHERS])),
            "value": draw(st.sampled_from([-1, -1, 1])),
            "reason": draw(st.sampled_from([None, None, "crash"])),
            "customer": draw(st.sampled_from([None, "shop"])),
        }
        if draw(st.integers(0, 3)) == 0:
            fields["supersedes"] = f"f{draw(st.sampled_from([other for other in range(many + 1) if other != number]))}"
        made.append(event(f"f{number}", draw(st.sampled_from(["acme", "acme", "beta"])), **fields))
    return made


def _assert_conserved(shop: Shop, batch: list[Event[Payload]]) -> None:
    items = shop.items()
    names = {(one.project, one.id.removeprefix("event-")) for one in batch}
    placed = [(project, shop.place(name, project)) for project, name in names]
    counted = Counter((project, where.statement) for project, where in placed if where.how != "superseded")
    tallied: Counter[tuple[str, str]] = Counter()
    for address, known in items.items():
        assert known.standing.value.events == sum(known.tally.values())
        assert all(count > 0 for count in known.tally.values())
        for entry, count in known.tally.items():
            assert entry.partition("/")[0] in known.standing.value.statements
            tallied[address.project, entry.partition("/")[0]] += count
    assert tallied == counted


def _assert_in_one_piece(shop: Shop) -> None:
    for project in ("acme", "beta"):
        stored = shop.model.hashes.get(f"triage.statements:{project}", {})
        known = {name: Statement.model_validate_json(raw.partition("|")[2]) for name, raw in stored.items()}
        for address, item in shop.items().items():
            if address.project == project:
                for name in item.standing.value.statements:
                    assert known.pop(name).item == address.name
        assert not known


@examples(deadline=None)
@given(_feedback(), st.integers(1, 14))
def test_every_accepted_event_is_counted_in_exactly_one_item(batch: list[Event[Payload]], cut: int) -> None:
    shop = Shop()

    for start in range(0, len(batch), cut):
        shop.hears(*batch[start : start + cut])
    shop.hears(*batch)  # all of it once more

    _assert_conserved(shop, batch)
    _assert_in_one_piece(shop)


@examples(deadline=None)
@given(_feedback(), st.integers(0, 14))
def test_it_makes_no_difference_where_a_batch_is_cut(batch: list[Event[Payload]], cut: int) -> None:
    whole, parted = Shop(), Shop()

    whole.hears(*batch)
    parted.hears(*batch[:cut])
    parted.hears(*batch[cut:])

    assert vars(parted.model) == vars(whole.model)


@examples(deadline=None)
@given(_feedback(), st.integers(0, 14))
def test_two_replicas_count_every_event_once(batch: list[Event[Payload]], cut: int) -> None:
    """Both decide about their part by the same knowledge; what conflicts is decided again."""
    shop, mine, theirs = Shop(), batch[:cut], batch[cut:]
    stale = shop.decided(*theirs)
    shop.hears(*mine)

    shop.hears(*shop.model.commit("triage", theirs, stale))

    _assert_conserved(shop, batch)
    _assert_in_one_piece(shop)


@examples(deadline=None)
@given(st.permutations([*COPIES, *COPIES, *OTHERS]), st.lists(st.booleans(), min_size=12, max_size=12))
def test_clear_duplicates_are_one_item_in_any_order_on_two_replicas(texts: list[str], is_mine: list[bool]) -> None:
    shop = Shop()
    said = [event(f"f{number}", comment=text) for number, text in enumerate(texts)]
    mine = [one for one, own in zip(said, is_mine, strict=True) if own]
    theirs = [one for one in said if one not in mine]
    stale = shop.decided(*theirs)
    shop.hears(*mine)

    shop.hears(*shop.model.commit("triage", theirs, stale))

    where = {text: {shop.place(f"f{n}").item for n, one in enumerate(texts) if one == text} for text in texts}
    assert len(set().union(*(where[copy] for copy in COPIES))) == 1
    assert len(shop.standings()) == 1 + len(OTHERS)


@examples(deadline=None)
@given(_feedback())
def test_every_event_gets_one_decision_and_equal_input_equal_output(batch: list[Event[Payload]]) -> None:
    shop = Shop()
    shop.hears(*batch[::2])
    rest = [*batch[1::2], TICK]
    state = shop.state(*rest)
    untouched, before = deepcopy(rest), deepcopy(state)

    decisions = list(decide(rest, state))

    assert len(decisions) == len(rest)
    assert decisions == list(decide(rest, state))
    assert rest == untouched
    assert state == before


@examples(deadline=None)
@given(_feedback())
def test_every_decision_makes_the_guard_of_its_rival_fail(batch: list[Event[Payload]]) -> None:
    for decision in (one for one in Shop().decided(*batch) if one.effects):
        written = {
            (effect.key.name, name)
            for effect in decision.effects
            if isinstance(effect, Write)
            for name in effect.args[:: 2 if effect.command == "HSET" else 1]
        }
        guarded = {(guard.key.name, guard.args[0]) for guard in decision.guards}
        looked_up = {name for name in guarded if name[0].startswith(("triage.statements", "triage.placements"))}
        assert guarded - looked_up <= written


@examples(deadline=None)
@given(_feedback())
def test_what_is_told_of_an_item_is_in_order_and_ranks_no_more_than_three_proposals(
    batch: list[Event[Payload]],
) -> None:
    shop = Shop()

    shop.hears(*batch)

    opened: set[str] = set()
    numbers: dict[str, int] = {}
    proposed: Counter[str] = Counter()
    for told in (one.data for one in shop.model.published):
        if isinstance(told, ItemOpened):
            assert told.item not in opened
            opened.add(told.item)
        elif isinstance(told, MergeProposed):
            assert {told.item, told.other} <= opened
            proposed[told.item] += 1
        elif isinstance(told, (ItemReinforced, ItemClosed, ItemReopened)):
            assert told.item in opened
            assert told.number > numbers.get(told.item, 1)
            numbers[told.item] = told.number
    assert all(count <= MOST_PROPOSALS for count in proposed.values())
