"""Equal feedback is one item, opened once, every piece of it counted."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import Subject
from labelwright.contracts.items import ItemOpened, ItemReinforced
from labelwright.contracts.payload import Payload
from labelwright.contracts.quality import TickStruck
from labelwright.engine.decisions import Commit, Reject, Write, emit
from labelwright.engine.tables import Versioned, milliseconds
from labelwright.identity import derive
from labelwright.runtime.server import Server
from labelwright.stories import placements
from services.triage.decide import REMEMBERED, decide
from services.triage.priority import MOST_VOICES, voice
from services.triage.state import FIELD, Item, Known, State, items, load, voices
from services.triage.wording import fingerprint_of
from tests.unit.triage.stories_told import EMPTY, NOW, SUBJECT, after, event, feedback, told

ANNA, BERT = voice(feedback(user="anna"), ""), voice(feedback(user="bert"), "")
FINGERPRINT = fingerprint_of("acme", feedback())
ADDRESS = "acme", FINGERPRINT
ITEM = derive("item", "acme", "f1")


def _item(**changes: Any) -> Item:
    first = Item(item=ITEM, events=1, severity=2, novelty=1.0, opener=ANNA, forgotten_at=NOW + REMEMBERED)
    return first.model_copy(update=changes)


def _knowing(item: Item, *others: str, version: int = 1) -> State:
    return State(NOW, {ADDRESS: Known(Versioned(version, item), frozenset({item.opener, *others}))})


def test_what_is_new_opens_an_item() -> None:
    assert list(decide([event()], EMPTY)) == [
        Commit(
            guards=[items.of(*ADDRESS).version_is(FIELD, 0)],
            effects=[
                items.of(*ADDRESS).put(FIELD, _item(), 1),
                items.of(*ADDRESS).vanish_at(NOW + REMEMBERED),
                *placements.put("acme/f1", f"{milliseconds(NOW)}|{ITEM}|opened", NOW),
                emit(
                    ItemOpened(
                        item=ITEM,
                        feedback="f1",
                        fingerprint=FINGERPRINT,
                        kind="thumb",
                        sign=-1,
                        text="We are always open.",
                        subject=Subject.model_validate(SUBJECT),
                        priority=2.0,
                        factors={"severity": 2.0, "reach": 1.0, "novelty": 1.0},
                        received_at=NOW,
                    )
                ),
            ],
        )
    ]


def test_more_of_the_same_by_another_user_makes_it_weigh_more() -> None:
    factors = {"severity": 2.0, "reach": pytest.approx(1.2925, abs=1e-4), "novelty": 1.0}

    (decision,) = decide([event("f2", user="bert")], _knowing(_item()))

    assert decision == Commit(
        guards=[items.of(*ADDRESS).version_is(FIELD, 1)],
        effects=[
            items.of(*ADDRESS).put(FIELD, _item(events=2), 2),
            voices.of(*ADDRESS).put(BERT),
            voices.of(*ADDRESS).vanish_at(NOW + REMEMBERED),
            *placements.put("acme/f2", f"{milliseconds(NOW)}|{ITEM}|reinforced", NOW),
            decision.effects[-1],
        ],
    )
    (reinforced,) = told([decision])
    assert isinstance(reinforced, ItemReinforced)
    assert (reinforced.item, reinforced.feedback, reinforced.events, reinforced.users) == (ITEM, "f2", 2, 2)
    assert reinforced.factors == factors
    assert reinforced.priority == pytest.approx(2.585, abs=1e-3)


def test_the_same_user_again_is_counted_as_an_event_only() -> None:
    (decision,) = decide([event("f5")], _knowing(_item(events=4), BERT, version=4))

    assert decision == Commit(
        guards=[items.of(*ADDRESS).version_is(FIELD, 4)],
        effects=[
            items.of(*ADDRESS).put(FIELD, _item(events=5), 5),
            *placements.put("acme/f5", f"{milliseconds(NOW)}|{ITEM}|reinforced", NOW),
        ],
    )


def test_a_batch_reads_its_own_writes() -> None:
    opened, second, third = decide([event("f1"), event("f2", user="bert"), event("f3")], EMPTY)

    assert [one.guards for one in (opened, second, third)] == [
        [items.of(*ADDRESS).version_is(FIELD, version)] for version in range(3)
    ]
    assert [type(data) for data in told([opened, second, third])] == [ItemOpened, ItemReinforced, ItemReinforced]


def test_a_thousand_of_the_same_are_told_a_few_times() -> None:
    decisions = list(decide([event(f"f{number}", user=f"u{number}") for number in range(1_000)], EMPTY))

    counts = [data.events for data in told(decisions) if isinstance(data, ItemReinforced)]
    assert counts == [2, 3, 4, 6, 8, 12, 18, 26, 39, 58, 87, 130, 195, 292, 438, 657, 986]
    assert all(len(one.guards) + len(one.effects) <= 8 for one in decisions)


def test_users_beyond_two_hundred_are_counted_as_events() -> None:
    many = [event(f"f{number}", user=f"u{number}") for number in range(300)]

    state = after(EMPTY, list(decide(many, EMPTY)), [ADDRESS])

    assert len(state.known[ADDRESS].voices) == MOST_VOICES
    assert state.known[ADDRESS].document.value.events == 300


def test_a_graver_report_is_told_at_once() -> None:
    state = _knowing(_item(events=4), BERT, version=4)

    (reinforced,) = told(list(decide([event("f5", reason="Data loss")], state)))

    assert reinforced.factors["severity"] == 8.0


def test_projects_never_share_an_item() -> None:
    ours, theirs = told(list(decide([event("f1"), event("f1", project="beta")], EMPTY)))

    assert isinstance(ours, ItemOpened)
    assert isinstance(theirs, ItemOpened)
    assert ours.item != theirs.item
    assert ours.fingerprint != theirs.fingerprint


def test_an_item_that_is_half_forgotten_is_remembered_anew() -> None:
    later = NOW + timedelta(days=50)
    state = replace(_knowing(_item(events=4), BERT, version=4), now=later)

    (decision,) = decide([event("f5")], state)

    assert decision.effects[:3] == [
        items.of(*ADDRESS).put(FIELD, _item(events=5, forgotten_at=later + REMEMBERED), 5),
        items.of(*ADDRESS).vanish_at(later + REMEMBERED),
        voices.of(*ADDRESS).vanish_at(later + REMEMBERED),
    ]


def test_a_stranger_on_the_stream_is_turned_away() -> None:
    tick = Event("t", "/clock", "acme", NOW, TickStruck(name="expire", slot=1))

    assert list(decide([tick], EMPTY)) == [
        Reject(
            "unexpected_type",
            "triage reads no 'labelwright.ticks.tick_struck.v1'; it reads 'labelwright.accepted.feedback_accepted.v1'",
        )
    ]


TICK: Event[Payload] = Event("t", "/clock", "acme", NOW, TickStruck(name="expire", slot=1))
FEEDBACK = st.tuples(
    st.sampled_from(["acme", "beta"]),
    st.sampled_from([None, "anna", "bert", "carl"]),
    st.sampled_from([None, "The answer is plainly wrong", "It never answers my question"]),
    st.sampled_from([-1, 1]),
    st.sampled_from([None, "crash"]),
)


@st.composite
def _batches(draw: st.DrawFn) -> list[Event[Payload]]:
    drawn = draw(st.lists(FEEDBACK, max_size=12))
    told_of = [
        event(f"f{number}", project, user=user, comment=comment, value=value, reason=reason)
        for number, (project, user, comment, value, reason) in enumerate(drawn)
    ]
    return [*told_of, TICK] if draw(st.booleans()) else told_of


def _addresses(batch: Sequence[Event[Payload]]) -> list[tuple[str, str]]:
    return [(one.project, fingerprint_of(one.project, one.data)) for one in batch if one is not TICK]  # type: ignore[arg-type]


@given(_batches())
def test_every_event_gets_one_decision_and_equal_input_equal_output(batch: list[Event[Payload]]) -> None:
    untouched = deepcopy(batch)

    decisions = list(decide(batch, EMPTY))

    assert len(decisions) == len(batch)
    assert decisions == list(decide(batch, EMPTY))
    assert batch == untouched
    assert State(NOW, {}) == EMPTY


@given(_batches(), st.integers(0, 12))
def test_it_makes_no_difference_where_a_batch_is_cut(batch: list[Event[Payload]], cut: int) -> None:
    first = list(decide(batch[:cut], EMPTY))
    second = list(decide(batch[cut:], after(EMPTY, first, _addresses(batch))))

    assert [*first, *second] == list(decide(batch, EMPTY))


@given(_batches())
def test_no_count_is_lost_and_no_item_opened_twice(batch: list[Event[Payload]]) -> None:
    decisions = list(decide(batch, EMPTY))
    addresses = _addresses(batch)
    state = after(EMPTY, decisions, addresses)

    assert sum(known.document.value.events for known in state.known.values()) == len(addresses)
    opened = [data.item for data in told(decisions) if isinstance(data, ItemOpened)]
    assert sorted(opened) == sorted(known.document.value.item for known in state.known.values())


@given(_batches())
def test_every_decision_makes_the_guard_of_its_rival_fail(batch: list[Event[Payload]]) -> None:
    for decision in decide(batch, EMPTY):
        guarded = {(guard.key, guard.args[0]) for guard in decision.guards}
        assert guarded <= {(effect.key, effect.args[0]) for effect in decision.effects if isinstance(effect, Write)}


@given(_batches())
def test_an_item_only_ever_grows_more_urgent(batch: list[Event[Payload]]) -> None:
    by_item: dict[str, list[float]] = {}
    for data in told(list(decide(batch, EMPTY))):
        by_item.setdefault(data.item, []).append(data.priority)

    assert all(before <= later for priorities in by_item.values() for before, later in pairwise(priorities))


@pytest.mark.server
@pytest.mark.anyio
async def test_two_consumers_never_open_an_item_twice_nor_lose_a_count(server: Server) -> None:
    partition = server.partition("p0")
    first, second = [event("f1"), event("f2", user="bert")], [event("f3", user="carl"), event("f4")]
    batches = [(batch, await load(batch, await partition.reads())) for batch in (first, second)]

    async def commit(batch: list[Event[Payload]], state: State) -> list[bool]:
        return [
            await partition.write("triage", one.guards, one.effects, cause=feedback_event.id, project="acme")
            for feedback_event, one in zip(batch, decide(batch, state), strict=True)
        ]

    assert [await commit(*batch) for batch in batches] == [[True, True], [False, False]]
    fresh = await load(second, await partition.reads())
    assert fresh.known[ADDRESS].voices == {ANNA, BERT}
    assert await commit(second, fresh) == [True, True]

    known = (await load(first, await partition.reads())).known[ADDRESS]
    assert known.document.value.events == 4
    assert known.voices == {ANNA, BERT, voice(feedback(user="carl"), "")}
