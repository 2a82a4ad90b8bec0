"""Equal feedback is one item, opened once, every piece of it counted."""

import asyncio
from datetime import timedelta

import pytest

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import Subject
from labelwright.contracts.items import ItemOpened, ItemReinforced
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import Guideline, LabelDefinition, ProjectFile, Source
from labelwright.contracts.work import TaskWithdrawn
from labelwright.engine.decisions import Commit, Reject, emit
from labelwright.engine.tables import milliseconds
from labelwright.identity import derive
from labelwright.projects import Project, current
from labelwright.runtime.server import Server
from labelwright.stories import Standing, placements, standings
from services.triage.board import UNSAID_LIFE
from services.triage.decide import decide
from services.triage.priority import MOST_VOICES, factors, voice
from services.triage.state import State, Statement, expiries, load, opened, statements, tallies
from tests.unit.triage.stories_told import EMPTY, NOW, SUBJECT, Shop, event, feedback, said, statement, told

ANNA, BERT = voice(feedback(user="anna"), ""), voice(feedback(user="bert"), "")
FINGERPRINT = statement(event())
ITEM = derive("item", "acme", "f1", FINGERPRINT)
OPENED = Standing(
    project="acme",
    item=ITEM,
    statements=[FINGERPRINT],
    factors=factors(severity=2, voices={ANNA}, novelty=1.0),
    priority=2.0,
    opened_at=NOW,
    last_at=NOW,
    expires_at=NOW + UNSAID_LIFE,
    opener=f"{FINGERPRINT}/{ANNA}",
)


def test_what_is_new_opens_an_item() -> None:
    assert list(decide([event()], EMPTY)) == [
        Commit(
            guards=[
                placements.newest(NOW).lacks("acme/f1"),
                statements.of("acme").version_is(FINGERPRINT, 0),
                standings.version_is(f"acme/{ITEM}", 0),
            ],
            effects=[
                statements.of("acme").put(FINGERPRINT, Statement(item=ITEM), 1),
                standings.put(f"acme/{ITEM}", OPENED, 1),
                opened.of("2026-05-04").add(f"acme/{ANNA}"),
                opened.of("2026-05-04").vanish_at(NOW + timedelta(days=2)),
                expiries.put(f"acme/{ITEM}", milliseconds(NOW + UNSAID_LIFE)),
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
                        factors=OPENED.factors,
                        received_at=NOW,
                    )
                ),
                *placements.put("acme/f1", f"{milliseconds(NOW)}|{ITEM}|opened|{FINGERPRINT}", NOW),
            ],
        )
    ]


def test_more_of_the_same_by_another_user_makes_it_weigh_more() -> None:
    shop, later = Shop(), NOW + timedelta(hours=1)
    shop.hears(event())
    shop.later(hours=1)
    second = event("f2", user="bert")

    (decision,) = decide([second], shop.state(second))

    weight = factors(severity=2, voices={ANNA, BERT}, novelty=1.0)
    stands = {"events": 2, "users": 2, "customers": 2, "factors": weight, "priority": 2 * weight["reach"]}
    reinforced = OPENED.model_copy(update=stands | {"last_at": later, "expires_at": later + UNSAID_LIFE})
    tally = tallies.of("acme", ITEM)
    assert decision == Commit(
        guards=[
            placements.newest(later).lacks("acme/f2"),
            statements.of("acme").version_is(FINGERPRINT, 1),
            standings.version_is(f"acme/{ITEM}", 1),
        ],
        effects=[
            standings.put(f"acme/{ITEM}", reinforced, 2),
            tally.put_many({f"{FINGERPRINT}/{ANNA}": 1, f"{FINGERPRINT}/{BERT}": 1}),
            *placements.put("acme/f2", f"{milliseconds(later)}|{ITEM}|reinforced|{FINGERPRINT}", later),
            emit(
                ItemReinforced(
                    item=ITEM,
                    feedback="f2",
                    events=2,
                    users=2,
                    priority=reinforced.priority,
                    factors=weight,
                    number=2,
                )
            ),
        ],
    )


def test_the_same_user_again_is_counted_as_an_event_only() -> None:
    shop = Shop()
    shop.hears(event("f1"), event("f2", user="bert"), event("f3"), event("f4"))
    (before,) = shop.standings()

    told_now = shop.hears(event("f5"))

    assert told_now == []
    (after,) = shop.standings()
    assert after == before.model_copy(update={"events": 5})
    assert shop.place("f5").how == "reinforced"


def test_a_batch_reads_its_own_writes() -> None:
    opened, second, third = decide([event("f1"), event("f2", user="bert"), event("f3")], EMPTY)

    assert [one.guards[-1] for one in (opened, second, third)] == [
        standings.version_is(f"acme/{ITEM}", version) for version in range(3)
    ]
    assert [type(data) for data in told([opened, second, third])] == [ItemOpened, ItemReinforced, ItemReinforced]


def test_a_thousand_of_the_same_are_told_a_few_times() -> None:
    decisions = list(decide([event(f"f{number}", user=f"u{number}") for number in range(1_000)], EMPTY))

    counts = [data.events for data in told(decisions) if isinstance(data, ItemReinforced)]
    assert counts == [2, 3, 4, 6, 8, 12, 18, 26, 39, 58, 87, 130, 195, 292, 438, 657, 986]
    assert all(len(one.guards) + len(one.effects) <= 13 for one in decisions)


def test_users_beyond_two_hundred_are_counted_as_events() -> None:
    shop = Shop()

    shop.hears(*(event(f"f{number}", user=f"u{number}") for number in range(300)))

    (item,) = shop.items().values()
    assert item.standing.value.users == MOST_VOICES
    assert item.standing.value.events == sum(item.tally.values()) == 300
    assert item.tally[f"{FINGERPRINT}/-"] == 100


def test_one_user_who_repeats_himself_raises_nothing_beyond_his_first() -> None:
    shop = Shop()
    shop.hears(event("f1"))
    (before,) = shop.standings()

    shop.hears(*(event(f"again {number}") for number in range(1_000)))

    (after,) = shop.standings()
    assert after.events == 1_001
    assert (after.priority, after.users, after.factors) == (before.priority, before.users, before.factors)


def test_a_flood_of_one_customer_weighs_no_more_than_two_of_its_users() -> None:
    shop, other = Shop(), Shop()

    shop.hears(*(event(f"f{number}", user=f"u{number}", customer="loud") for number in range(500)))
    other.hears(*(event(f"f{number}", user=f"u{number}", customer="loud") for number in range(2)))

    (flooded,), (spoken,) = shop.standings(), other.standings()
    assert flooded.priority == spoken.priority


def test_weak_evidence_weighs_less_than_a_word() -> None:
    shop, other = Shop(), Shop()
    signals = [event(f"f{n}", kind="signal", value="retry", user=f"u{n}", weight=0.25) for n in range(4)]

    shop.hears(*signals)
    other.hears(*(event(f"f{n}", kind="signal", value="retry", user=f"u{n}") for n in range(4)))

    (weak,), (strong,) = shop.standings(), other.standings()
    assert weak.users == strong.users == 4
    assert weak.factors["reach"] < strong.factors["reach"]


def test_a_graver_report_is_told_at_once() -> None:
    shop = Shop()
    shop.hears(*(event(f"f{number}") for number in range(4)))

    (reinforced,) = shop.hears(event("f5", reason="Data loss"))

    assert isinstance(reinforced, ItemReinforced)
    assert reinforced.factors["severity"] == 8.0


def test_a_customer_who_weighs_more_makes_the_item_weigh_more() -> None:
    shop = Shop()
    _apply(shop, customers={"big": 2.0})
    shop.hears(*(event(f"f{number}", user=f"u{number}") for number in range(4)))

    (reinforced,) = shop.hears(event("f5", user="u5", customer="big"))

    assert isinstance(reinforced, ItemReinforced)
    assert reinforced.factors["customer"] == 2.0


def test_projects_never_share_an_item() -> None:
    ours, theirs = told(list(decide([event("f1"), event("f1", project="beta")], EMPTY)))

    assert isinstance(ours, ItemOpened)
    assert isinstance(theirs, ItemOpened)
    assert ours.item != theirs.item
    assert ours.fingerprint != theirs.fingerprint


def test_an_item_lives_on_from_its_last_feedback_as_long_as_the_project_file_says() -> None:
    shop = Shop()
    _apply(shop, expire_after_days=5)
    shop.hears(event())
    shop.later(days=3)

    shop.hears(event("f2"))

    (item,) = shop.standings()
    assert (item.last_at, item.expires_at) == (NOW + timedelta(days=3), NOW + timedelta(days=8))
    assert shop.model.rankings["triage.expiries"] == {f"acme/{ITEM}": milliseconds(NOW + timedelta(days=5))}


def test_feedback_that_comes_again_is_not_counted_again() -> None:
    shop = Shop()
    shop.hears(event("f1"), event("f1"))

    assert shop.hears(event("f1")) == []

    (item,) = shop.standings()
    assert item.events == 1


def test_a_batch_is_read_in_three_round_trips() -> None:
    shop = Shop()
    shop.hears(said("f0", "The export button does nothing when I press it twice"))
    reads = shop.model.reads()
    batch = [
        said("f1", "The export button does nothing when I press it twice"),
        said("f2", "The exprot button does nothing when I press it twice"),
        said("f3", "Nothing to do with all of that, it is about the weather"),
    ]

    asyncio.run(load(batch, reads))

    assert reads.round_trips == 3


def test_a_stranger_on_the_stream_is_turned_away() -> None:
    stranger: Event[Payload] = Event("t", "/resolve", "acme", NOW, TaskWithdrawn(task="t1", reason="why not"))

    (decision,) = decide([stranger], EMPTY)

    assert isinstance(decision, Reject)
    assert decision.code == "unexpected_type"
    assert "'labelwright.tasks.task_withdrawn.v1'" in decision.reason


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
    (known,) = fresh.items.values()
    assert set(known.tally) == {f"{FINGERPRINT}/{ANNA}", f"{FINGERPRINT}/{BERT}"}
    assert await commit(second, fresh) == [True, True]

    (known,) = (await load(first, await partition.reads())).items.values()
    carl = voice(feedback(user="carl"), "")
    assert known.standing.value.events == 4
    assert known.tally == {f"{FINGERPRINT}/{ANNA}": 2, f"{FINGERPRINT}/{BERT}": 1, f"{FINGERPRINT}/{carl}": 1}


def _apply(shop: Shop, **fields: object) -> None:
    """Bring a project file into force."""
    labels = [LabelDefinition(name="yes"), LabelDefinition(name="no")]
    file = ProjectFile(
        project="acme",
        guideline=Guideline(question="Is it so?", labels=labels),
        sources=[Source(name="crowd", kind="crowd", price_usd=0.1)],
    )
    changed = ProjectFile.model_validate(file.model_dump() | fields)
    write = current.put("acme", Project(number=1, file=changed), 1)
    shop.model.hashes[write.key.name] = {"acme": write.args[1]}
