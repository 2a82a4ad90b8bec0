"""The clock's beat tells the figures of what changed, once, and of no more than it may."""

import asyncio

from labelwright.contracts.quality import QualityMeasured, TickStruck
from labelwright.contracts.work import TaskReprioritised
from labelwright.engine.decisions import Reject
from services.quality.decide import decide
from services.quality.state import MOST_MEASURED, load
from tests.unit.quality.shop import Shop, abstained, answered, opened


def test_tells_the_figures_of_what_changed_and_of_nothing_else() -> None:
    shop = Shop()
    shop.tell(answered("a", "ann", "slow"), answered("a", "bob", "slow"))

    measured = sorted(shop.strike(), key=lambda one: one.guideline_version or 0)

    assert [one.guideline_version for one in measured] == [None, 1]
    assert measured[0].values == shop.all_figures()
    assert measured[1].values == shop.all_figures(1)
    assert shop.figures(1) == {"agreement_answers": 2, "agreement.raw": 1}
    assert shop.strike() == []


def test_a_figure_that_cannot_be_told_is_absent() -> None:
    shop = Shop()
    shop.tell(opened("a"))

    (measured,) = shop.strike()

    assert not {"label_cost_usd", "feedback_to_label_seconds.p50"} & measured.values.keys()


def test_what_changes_between_reading_and_committing_is_measured_again() -> None:
    shop = Shop()
    shop.tell(abstained("a"))
    tick = shop.event(TickStruck(name="measure", slot=1), "-")

    decisions = list(decide([tick], shop.load([tick])))
    shop.tell(abstained("b"))
    left = shop.model.commit("quality", [tick], decisions)

    assert left == [tick]
    assert [one.values["annotations_abstained_total.rules"] for one in shop.strike()] == [2]


def test_a_tick_behind_changes_of_its_own_batch_tells_of_them() -> None:
    shop = Shop()
    shop.tell(opened("a"))
    batch = [abstained("a"), answered("a", "ann", "slow"), TickStruck(name="measure", slot=1)]

    published = shop.tell(*batch, TickStruck(name="measure", slot=2))

    assert [event.data for event in published] == [QualityMeasured(values=shop.all_figures())]
    assert shop.figures()["annotations_abstained_total.rules"] == 1


def test_nothing_is_passed_over_for_ever_while_all_keeps_changing() -> None:
    shop = Shop()
    projects = {f"p{number}" for number in range(MOST_MEASURED + 10)}

    for number in range(12):
        for project in projects:
            shop.tell(abstained(), project=project)
        shop.chance = number.to_bytes(16)
        shop.strike()

    assert {event.project for event in shop.model.published} == projects


def test_a_tick_measures_a_bounded_number() -> None:
    shop = Shop()
    projects = {f"p{number}" for number in range(2 * MOST_MEASURED + 10)}
    for project in projects:
        shop.tell(abstained(), project=project)

    ticks = [shop.strike() for _ in range(4)]

    assert [len(measured) for measured in ticks] == [MOST_MEASURED, MOST_MEASURED, 10, 0]
    assert {event.project for event in shop.model.published} == projects


def test_an_event_that_quality_does_not_read_is_rejected() -> None:
    shop = Shop()
    (decision,) = decide([shop.event(TaskReprioritised(task="a.1", priority=1))], shop.load([]))

    assert isinstance(decision, Reject)
    assert (decision.code, decision.effects) == ("unexpected_type", ())


def test_a_batch_is_read_in_one_round_trip_and_a_tick_in_two() -> None:
    shop = Shop()
    shop.tell(*(opened(f"i{n}") for n in range(50)))
    batch = [shop.event(answered(f"i{n}", "ann", "slow")) for n in range(50)]
    tick = shop.event(TickStruck(name="measure", slot=1), "-")

    plain, with_tick = shop.model.reads(), shop.model.reads()
    asyncio.run(load(batch, plain))
    asyncio.run(load([*batch, tick], with_tick))

    assert (plain.round_trips, with_tick.round_trips) == (1, 2)
