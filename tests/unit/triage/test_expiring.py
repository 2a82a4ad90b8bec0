"""What nobody labels in time expires, is counted by why and how old it was, and is forgotten later."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright import projects
from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReopened
from labelwright.contracts.labels import Vote
from labelwright.contracts.payload import Part, Payload
from labelwright.contracts.project import ProjectFile
from labelwright.contracts.quality import TickStruck
from labelwright.engine.tables import Documents
from labelwright.expiry import Lost, lost
from labelwright.stories import Asked, Case, Mark, Question, Standing, cases, standings, tasks
from services.triage.decide import decide
from services.triage.expiring import KNOWN_STILL
from services.triage.state import MOST_DUE, expiries, load
from tests.engine_model import ModelPartition

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
SLOW, WRONG, RUDE = "The answer takes far too long", "It names the wrong opening hours", "It was rude to my mother"
LIFE = timedelta(days=10)


class Desk:
    """Triage on a model of a partition, with a clock, and what other services would have written."""

    def __init__(self, project: str = "shop") -> None:
        self.model = ModelPartition(START)
        self.project = project
        self.accepted = 0
        self._numbers = count(1)
        self.expire_after(LIFE)

    def expire_after(self, life: timedelta) -> None:
        """Let the owner bring such a project file into force."""
        file = ProjectFile.model_validate(
            FILE | {"project": self.project, "expire_after_days": life / timedelta(days=1)}
        )
        self.write(projects.current, self.project, projects.Project(number=1, file=file))

    def write(self, table: Documents[Any], name: str, document: Part) -> None:
        """Let a document stand in a table."""
        fields = self.model.hashes.setdefault(table.key.name, {})
        version = int(fields.get(name, "0|").partition("|")[0]) + 1
        fields[name] = table.put(name, document, version).args[1]

    def say(self, *comments: str, user: str = "anna") -> list[Payload]:
        """Let users say so, one event each; return what triage said."""
        return self.handle([FeedbackAccepted.model_validate(self._said(comment, user)) for comment in comments])

    def strike(self, ticks: int = 1) -> list[Payload]:
        """Let the clock strike."""
        return self.handle([TickStruck(name="expire", slot=next(self._numbers)) for _ in range(ticks)])

    def handle(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Let triage handle one batch; return what it said."""
        said = len(self.model.published)
        batch = [self._event(payload) for payload in payloads]
        assert asyncio.run(self.model.handle("triage", load, decide, batch)) == 0
        return [event.data for event in self.model.published[said:]]

    def wait(self, **duration: float) -> None:
        """Let time pass."""
        self.model.move_to(self.model.now + timedelta(**duration))

    def standings(self) -> dict[str, Standing]:
        """Every item that triage knows, by its first words' item."""
        found = asyncio.run(self.model.reads()(standings.all()))[0]
        return {name.partition("/")[2]: document.value for name, document in found.items()}

    def only(self) -> Standing:
        """The one item that there is."""
        (standing,) = self.standings().values()
        return standing

    def case(self, **about: Any) -> None:
        """Let resolve know the one item like this."""
        values = {
            "project": self.project, "item": self.only().item, "status": "asking", "text": "t",
            "guideline_version": 1, "priority": 1, "opened_at": START,
        }  # fmt: skip
        self.write(cases, self.only().item, Case.model_validate(values | about))

    def lost(self) -> Lost:
        """What of the signal expired."""
        self.model.hashes["intake.accepted"] = {self.project: str(self.accepted)}
        return asyncio.run(lost(self.model.reads(), [self.project]))[self.project]

    def _said(self, comment: str, user: str) -> dict[str, Any]:
        self.accepted += 1
        subject = {"type": "llm_response", "id": "r1"}
        said = {"kind": "text", "comment": comment, "subject": subject, "user": user}
        return said | {"feedback": f"f{next(self._numbers)}", "received_at": self.model.now}

    def _event(self, payload: Payload) -> Event[Payload]:
        project = "-" if isinstance(payload, TickStruck) else self.project
        return Event(f"e{next(self._numbers)}", "/test", project, self.model.now, payload)


FILE = {
    "project": "shop",
    "guideline": {"question": "?", "labels": [{"name": "yes"}, {"name": "no"}]},
    "sources": [{"name": "crowd", "kind": "crowd", "price_usd": 0.1}],
}
VOTE = Vote(
    annotation="a", annotator="ann", source="crowd", source_kind="crowd", label="yes", price_usd=0.1, answered_at=START
)


def test_an_item_expires_when_nothing_was_said_for_as_long_as_the_project_file_says() -> None:
    desk = Desk()
    desk.say(SLOW)
    desk.wait(days=9.9)
    assert desk.strike() == []

    desk.wait(days=0.1)
    (closed,) = desk.strike()

    item = desk.only()
    assert closed == ItemClosed(
        item=item.item,
        cause="expired",
        reason="no label 10 days after its last feedback: nobody was shown it",
        events=1,
        opened_at=START,
        number=2,
    )
    assert (item.status, item.closed_at, item.closed_because) == ("expired", START + LIFE, closed.reason)
    assert desk.model.published[-1].project == "shop"
    assert desk.strike() == []


def test_what_is_said_again_lives_anew() -> None:
    desk = Desk()
    desk.say(SLOW)
    desk.wait(days=9)
    desk.say(SLOW)
    desk.wait(days=9)

    assert desk.strike() == []
    desk.wait(days=1)
    assert len(desk.strike()) == 1


def test_a_longer_life_holds_for_what_is_there_already() -> None:
    desk = Desk()
    desk.say(SLOW)
    desk.expire_after(2 * LIFE)
    desk.wait(days=19)

    assert desk.strike() == []
    desk.wait(days=1)
    assert len(desk.strike()) == 1


@pytest.mark.parametrize(
    ("case", "is_leased", "reason"),
    [
        (None, False, "never_asked"),
        ({"task": "i.1", "tasks_opened": 1}, False, "never_asked"),
        ({"task": "i.1", "tasks_opened": 1}, True, "asked_unanswered"),
        ({"votes": [VOTE]}, True, "unsettled"),
        ({"votes": [VOTE], "status": "disputed"}, False, "disputed"),
    ],
)
def test_it_is_counted_by_what_was_known_of_it_when_it_expired(
    case: dict[str, Any] | None, is_leased: bool, reason: str
) -> None:
    desk = Desk()
    desk.say(SLOW, SLOW)
    if case:
        desk.case(**case)
    asked = Asked(
        question=Question(task="i.1", source="crowd"), status="leased", opened_at=START, leases=int(is_leased)
    )
    desk.write(tasks, "shop/i.1", asked)
    desk.wait(days=10)

    desk.strike()

    assert desk.lost() == Lost(2, {(reason, "30d"): 2})
    assert desk.lost().share == 1


def test_what_is_muted_ages_as_well_and_stays_muted_when_more_comes() -> None:
    desk = Desk()
    desk.say(SLOW)
    muted = desk.only().model_copy(update={"status": "muted", "muted": Mark(by="olga", at=START, reason="known")})
    desk.write(standings, f"shop/{muted.item}", muted)
    desk.wait(days=10)

    desk.strike()
    assert desk.lost().events == {("muted", "30d"): 1}

    desk.say(SLOW)
    assert desk.only().status == "muted"
    assert desk.lost().events == {}


def test_what_is_labeled_never_expires_and_is_forgotten_later() -> None:
    desk = Desk()
    desk.say(SLOW)
    desk.case(status="labeled", label="yes")
    desk.wait(days=10)

    assert desk.strike() == []
    assert desk.only().status == "open"

    desk.wait(seconds=KNOWN_STILL.total_seconds())
    assert desk.strike() == []
    assert desk.standings() == {}
    assert desk.lost() == Lost(1)


def test_a_label_that_comes_between_reading_and_committing_is_not_lost() -> None:
    desk = Desk()
    desk.say(SLOW)
    desk.case(task="i.1")
    desk.wait(days=10)
    batch = [desk._event(TickStruck(name="expire", slot=1))]
    decisions = list(decide(batch, asyncio.run(load(batch, desk.model.reads()))))
    desk.case(status="labeled", label="yes")

    assert desk.model.commit("triage", batch, decisions) == batch
    assert desk.strike() == []


def test_what_expired_reopens_when_it_is_said_again_and_counts_as_lost_no_more() -> None:
    desk = Desk()
    desk.say(SLOW, SLOW, user="anna")
    desk.wait(days=10)
    desk.strike()
    assert desk.lost().total == 2

    told = desk.say(SLOW, user="bert")

    assert [type(one) for one in told] == [ItemReopened]
    assert (desk.only().status, desk.only().events) == ("open", 3)
    assert desk.lost() == Lost(3)
    desk.wait(days=10)
    desk.strike()
    assert desk.lost() == Lost(3, {("never_asked", "30d"): 3})


def test_what_expired_long_ago_is_forgotten_but_stays_counted() -> None:
    desk = Desk()
    desk.say(SLOW)
    desk.wait(days=10)
    desk.strike()
    desk.wait(days=30)

    desk.strike()

    assert desk.standings() == {}
    left = {key for key, fields in (*desk.model.hashes.items(), *desk.model.rankings.items()) if fields}
    assert {key for key in left if key.startswith("triage.")} <= {"triage.expired:shop", *_windows(left)}
    assert [type(one) for one in desk.say(SLOW)] == [ItemOpened]
    assert desk.lost() == Lost(2, {("never_asked", "30d"): 1})


def test_a_tick_looks_at_so_many_and_the_next_goes_on() -> None:
    desk = Desk()
    for number in range(MOST_DUE + 20):
        desk.say(f"Screen number {number} shows nothing at all", user=f"u{number}")
    desk.wait(days=10)

    first, second, third = desk.strike(), desk.strike(), desk.strike()

    assert len(first) == MOST_DUE
    assert (len(second), third) == (20, [])


def test_a_tick_behind_feedback_of_its_own_batch_sees_it() -> None:
    desk = Desk()
    desk.say(SLOW)
    desk.wait(days=10)

    said = FeedbackAccepted.model_validate(desk._said(SLOW, "bert"))
    told = desk.handle([said, TickStruck(name="expire", slot=1), TickStruck(name="expire", slot=2)])

    assert not any(isinstance(one, ItemClosed) for one in told)
    assert desk.only().status == "open"


def test_what_is_gone_is_looked_at_once() -> None:
    desk = Desk()
    desk.model.rankings[expiries.key.name] = {"shop/nobody": 0.0}

    desk.strike()

    assert desk.model.rankings.get(expiries.key.name, {}) == {}


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from([SLOW, WRONG, RUDE, "bad"]), st.sampled_from(["anna", "bert"])),
        st.tuples(st.just("wait"), st.integers(1, 12), st.just("")),
        st.tuples(st.just("strike"), st.integers(1, 2), st.just("")),
        st.tuples(st.just("label"), st.integers(0, 3), st.just("")),
    ),
    max_size=25,
)


@given(ACTS)
def test_all_that_was_accepted_is_in_an_item_or_counted_as_lost_or_was_labeled(
    acts: list[tuple[str, Any, str]],
) -> None:
    desk, labeled = Desk(), set[str]()
    forgotten = 0
    for act, what, user in acts:
        before = desk.standings()
        match act:
            case "say":
                desk.say(what, user=user)
            case "wait":
                desk.wait(days=what)
            case "strike":
                desk.strike(what)
            case "label" if what < len(before):
                item = sorted(before)[what]
                if before[item].status == "open":
                    values = {"project": "shop", "item": item, "status": "labeled", "text": "t", "priority": 1}
                    desk.write(cases, item, Case.model_validate(values | {"guideline_version": 1, "opened_at": START}))
                    labeled.add(item)
        after = desk.standings()
        forgotten += sum(one.events for name, one in before.items() if name not in after and name in labeled)

        held = sum(one.events for one in after.values() if one.status == "open")
        assert desk.accepted == held + forgotten + desk.lost().total
        assert not [one for one in after.values() if one.status == "expired" and one.item in labeled]


def _windows(keys: set[str]) -> set[str]:
    """What is remembered by time alone."""
    return {key for key in keys if key.startswith(("triage.placements", "triage.cells"))}
