"""The urgent goes first, what waits for long before it, and what an owner pinned before both."""

from labelwright.ageing import PINNED
from labelwright.contracts.work import TaskReprioritised
from tests.unit.dispatch.office import Office, opened


def _order(office: Office, people: int) -> list[str]:
    return [office.lease(f"ann{number}").body["item"] for number in range(people)]


def test_what_waits_for_three_days_goes_before_whatever_comes() -> None:
    office = Office()
    office.say(opened("old.1", priority=1))
    office.later(hours=71)
    office.say(opened("soon.1", priority=64))
    office.later(hours=2)
    office.say(opened("late.1", priority=64))

    assert _order(office, 3) == ["soon", "old", "late"]


def test_what_is_pinned_goes_first_however_late_it_comes() -> None:
    office = Office()
    office.say(opened("old.1", priority=64), opened("pinned.1", priority=1))
    office.later(days=9)
    office.say(opened("late.1", priority=PINNED))

    office.say(TaskReprioritised(task="pinned.1", priority=PINNED))

    assert _order(office, 3) == ["pinned", "late", "old"]


def test_what_weighs_less_or_more_than_before_counts_from_when_it_came() -> None:
    office = Office()
    office.say(opened("a.1", priority=2))
    office.later(hours=13)
    office.say(opened("b.1", priority=4), opened("c.1", priority=64))

    office.say(TaskReprioritised(task="c.1", priority=1), TaskReprioritised(task="b.1", priority=8))

    assert _order(office, 3) == ["b", "a", "c"]
