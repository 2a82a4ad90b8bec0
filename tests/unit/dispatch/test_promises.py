"""Whatever happens in whatever order, on one replica or two: dispatch's promises hold."""

from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from labelwright.contracts.envelope import Event
from labelwright.contracts.payload import Payload
from labelwright.contracts.quality import TickStruck
from labelwright.contracts.work import (
    AnnotationRecorded,
    AnnotationRetracted,
    AnnotationSubmitted,
    Asks,
    AssignmentEnded,
    AssignmentLeased,
    HeartbeatSent,
    LeaseRequested,
    ReleaseRequested,
    RetractionRequested,
    TaskReprioritised,
    TaskWithdrawn,
    sight_of,
)
from tests.unit.dispatch.office import Office, machine_opened, opened, project_file

PEOPLE = ("ann", "bob", "eve")
ITEMS = st.integers(0, 5)
GOLD = ("gold one", "gold two", "gold three")


Request = LeaseRequested | HeartbeatSent | ReleaseRequested | AnnotationSubmitted | RetractionRequested


class Dispatch(RuleBasedStateMachine):
    """Random events gather in a batch that one replica decides, or two on the same state."""

    @initialize(share=st.sampled_from([0.0, 0.5]))
    def begin(self, share: float) -> None:
        self.office = Office(project_file(GOLD, gold_share=share))
        self.pending: list[Event[Payload]] = []
        self.opened: Counter[int] = Counter()
        self.asked: dict[str, Request] = {}
        self.holding: list[AssignmentLeased] = []

    @rule(
        item=ITEMS,
        asks=st.sampled_from(["label", "label", "complaint"]),
        is_machine=st.booleans(),
        priority=st.integers(0, 3),
        skill=st.sampled_from([None, "german"]),
    )
    def open_task(self, item: int, asks: Asks, is_machine: bool, priority: int, skill: str | None) -> None:
        self.opened[item] += 1
        name = f"{sight_of(f'i{item}', asks)}.{self.opened[item]}"
        self._later(machine_opened(name) if is_machine else opened(name, priority=priority, skill=skill))

    @rule(item=ITEMS, number=st.integers(1, 4), priority=st.integers(0, 3))
    def reprioritise(self, item: int, number: int, priority: int) -> None:
        self._later(TaskReprioritised(task=f"i{item}.{number}", priority=priority))

    @rule(item=ITEMS, number=st.integers(1, 4))
    def withdraw(self, item: int, number: int) -> None:
        self._later(TaskWithdrawn(task=f"i{item}.{number}", reason="settled"))

    @rule(
        annotator=st.sampled_from(PEOPLE), skills=st.sampled_from([[], ["german"]]), wait_s=st.sampled_from([0, 5, 40])
    )
    def ask(self, annotator: str, skills: list[str], wait_s: int) -> None:
        self._later(self.office.request(annotator, wait_s, skills=skills))

    @rule(data=st.data(), action=st.sampled_from(["submit", "beat", "skip", "abstain", "abandoned", "undo"]))
    def hold(self, data: st.DataObject, action: str) -> None:
        if not self.holding:
            return
        lease = data.draw(st.sampled_from(self.holding[-12:]))
        who: dict[str, Any] = {
            "request": f"h{len(self.asked)}",
            "assignment": lease.assignment,
            "token": data.draw(st.sampled_from([lease.token, lease.token, lease.token, "guess"])),
            "annotator": lease.annotator,
            "reply": "gw",
        }
        kinds: dict[str, Payload] = {
            "submit": AnnotationSubmitted(label=data.draw(st.sampled_from(["good", "bad", "unsafe", "maybe"])), **who),
            "beat": HeartbeatSent(**who),
            "undo": RetractionRequested(**who),
        }
        self._later(kinds[action] if action in kinds else ReleaseRequested(reason=action, **who))

    @rule(seconds=st.sampled_from([1, 10, 31, 1000]))
    def strike(self, seconds: int) -> None:
        self._handle()
        self.office.model.move_to(self.office.model.now + timedelta(seconds=seconds))
        self.pending.append(self.office.event(TickStruck(name="expire", slot=1), "-"))

    @rule()
    def handle(self) -> None:
        self._handle()

    @rule(mask=st.integers(0, 2**12 - 1))
    def handle_on_two_replicas(self, mask: int) -> None:
        batch, self.pending = self.pending, []
        first = [event for number, event in enumerate(batch) if mask >> number % 12 & 1]
        self.office.interleave(first, [event for event in batch if event not in first])

    @invariant()
    def the_counts_add_up_and_are_those_of_the_tasks(self) -> None:
        counts = self.office.counts()
        statuses = Counter(task.status for task in self.office.all_tasks())
        assert counts["ready"] + counts["leased"] + counts["answered"] + counts["expired"] == counts["opened"]
        assert counts == {
            "ready": statuses["ready"],
            "leased": statuses["leased"],
            "answered": statuses["answered"],
            "expired": statuses["closed"],
            "opened": statuses.total(),
        }

    @invariant()
    def the_queues_hold_what_is_ready_and_the_leases_what_is_leased(self) -> None:
        ranked: dict[str, set[str]] = defaultdict(set)
        for key, members in self.office.model.rankings.items():
            ranked[key.partition(":")[0]].update(members)
        tasks = self.office.all_tasks()
        are_ready = {task.question.task for task in tasks if task.status == "ready"}
        assert ranked["dispatch.queue"] == ranked["dispatch.ages"] == are_ready
        assert ranked["dispatch.leases"] == {f"shop/{task.question.task}" for task in tasks if task.status == "leased"}

    @invariant()
    def no_task_is_leased_twice_at_once_and_no_question_put_twice(self) -> None:
        held: dict[str, str] = {}
        shown: dict[tuple[str, str], str] = {}
        beaten = self._beaten()
        for event in self.office.model.published:
            match event.data:
                case AssignmentLeased() as lease:
                    assert lease.task not in held
                    held[lease.task] = lease.assignment
                    if lease.annotator in PEOPLE:
                        sight = lease.annotator, sight_of(lease.item, lease.asks)
                        assert shown.setdefault(sight, lease.task) == lease.task
                case AssignmentEnded() as ended:
                    assert held.pop(ended.task) == ended.assignment
                    unseen = ended.outcome == "expired" or ended.reason == "abandoned"
                    if unseen and ended.assignment not in beaten:
                        shown.pop((ended.annotator, ended.task.partition(".")[0]), None)
                case AnnotationRecorded() as recorded:
                    assert held.pop(recorded.task) == recorded.assignment
                case AnnotationRetracted() as retracted:
                    assert retracted.task not in held
                case _:
                    pass

    @invariant()
    def every_request_is_answered_once_or_waits(self) -> None:
        answers = Counter(answer.request for _, answer in self.office.model.replies)
        assert set(answers.values()) <= {1}
        waits = set(self.office.model.hashes.get("dispatch.waiting:shop", {}))
        pending = {event.data.request for event in self.pending if isinstance(event.data, Request)}
        assert answers.keys() | waits | pending == self.asked.keys()
        assert not answers.keys() & waits

    @invariant()
    def nothing_that_an_annotator_is_told_names_gold(self) -> None:
        for _, answer in self.office.model.replies:
            if answer.status == 200 and "assignment" in answer.body:
                assert len(answer.body) == 12
                assert not {"gold_label", "priority", "skill"} & answer.body.keys()

    @invariant()
    def no_task_waits_beside_a_request_that_it_fits(self) -> None:
        now, model = self.office.model.now, self.office.model
        ready = [task for task in self.office.all_tasks() if task.status == "ready"]
        for request in (event.value.request for event in self.office.waiters() if event.value.request.wait_until > now):
            seen = model.sets.get(f"dispatch.seen:shop:{request.annotator}", set())
            had = {task.question.sight for task in ready if task.lease and task.lease.annotator == request.annotator}
            fitting = [task for task in ready if task.question.skill in (None, *request.skills)]
            assert {task.question.sight for task in fitting} <= seen | had  # what they let go of isn't offered at once

    def _later(self, payload: Payload) -> None:
        event = self.office.event(payload)
        if isinstance(payload, Request):
            self.asked[payload.request] = payload
        self.pending.append(event)

    def _handle(self) -> None:
        batch, self.pending = self.pending, []
        if batch:
            self.office.batch(batch)
        leases = [event.data for event in self.office.model.published]
        self.holding = [lease for lease in leases if isinstance(lease, AssignmentLeased)]

    def _beaten(self) -> set[str]:
        """Assignments that a heartbeat confirmed: only those were surely seen."""
        confirmed = {answer.request for _, answer in self.office.model.replies if answer.status == 200}
        beats = (beat for name, beat in self.asked.items() if name in confirmed and isinstance(beat, HeartbeatSent))
        return {beat.assignment for beat in beats}


TestPromises = Dispatch.TestCase
TestPromises.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
