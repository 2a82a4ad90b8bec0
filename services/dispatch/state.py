"""Dispatch's tables, and what it reads before it decides."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final, Literal, NamedTuple, TypeVar

from labelwright import projects
from labelwright.ageing import rank
from labelwright.contracts.envelope import Event
from labelwright.contracts.erasure import WordsErased
from labelwright.contracts.payload import Part, Payload
from labelwright.contracts.project import ProjectApplied
from labelwright.contracts.quality import TickStruck
from labelwright.contracts.work import (
    AnnotationSubmitted,
    HeartbeatSent,
    LeaseRequested,
    ReleaseRequested,
    RetractionRequested,
    TaskOpened,
    TaskReprioritised,
    TaskWithdrawn,
)
from labelwright.engine.reads import Reads, in_groups
from labelwright.engine.tables import Counter, Documents, Members, Ranking, Read, Versioned, Window, milliseconds
from labelwright.metrics import Sample
from labelwright.projects import Project
from labelwright.stories import task_counts
from services.dispatch.settings import DispatchSettings, settings

T = TypeVar("T")

MOST_DUE: Final = 200
"""How much of each kind one tick looks at; the next tick goes on."""

MOST_GOLD: Final = 1_000
"""Gold examples of a project that are handed out; a longer list is cut."""

GOLD_AHEAD: Final = 8
"""Gold items that are read for an annotator: more than a batch's share of one annotator's requests."""

STATES: Final = ("ready", "leased", "answered", "expired", "opened")

Holding = HeartbeatSent | ReleaseRequested | AnnotationSubmitted | RetractionRequested
"""What a holder may ask about an assignment."""


class Lease(Part):
    """Who holds a task, or held it last; confirmed by the first heartbeat."""

    assignment: str
    annotator: str
    token: str
    leased_at: datetime
    expires_at: datetime
    is_confirmed: bool = False


class Task(Part):
    """A question, and how far it got.

    `leases` counts how often it was handed out; `is_test` says that dispatch made it, of gold, for one annotator.
    """

    project: str
    question: TaskOpened
    correlation_id: str
    opened_at: datetime
    status: Literal["ready", "leased", "answered", "closed"] = "ready"
    leases: int = 0
    lease: Lease | None = None
    annotation: str | None = None
    label: str | None = None
    is_test: bool = False


class Waiter(Part):
    """A request that no task was there for, in the order of `since`."""

    request: LeaseRequested
    since: datetime


class Answer(Part):
    """What a request was answered; for a lease, `task` says of which task, and the body is told anew from it."""

    status: int
    body: dict[str, Any]
    task: str | None = None


class Queue(NamedTuple):
    """Where a ready task waits: tasks of one source, for one skill ("-" for any annotator)."""

    source: str
    skill: str


tasks: Documents[Task] = Documents("dispatch.tasks", Task)
"""Every task by `<project>/<task>`, until it is long over."""

ready = Ranking("dispatch.queue")
"""Per project, source and skill: the tasks that anyone may lease, most urgent first (see `urgency`)."""

ages = Ranking("dispatch.ages")
"""Per project: the ready tasks by the millisecond in which they were opened."""

leases = Ranking("dispatch.leases")
"""`<project>/<task>` of every leased task by the millisecond in which the lease expires."""

finished = Ranking("dispatch.finished")
"""`<project>/<task>` of every task that is over by the millisecond in which it may be forgotten."""

seen = Members("dispatch.seen")
"""Per project and annotator: the items that were shown, each question about one for itself (`TaskOpened.sight`)."""

gold = Ranking("dispatch.gold")
"""Per project: the gold items by how often they were handed out."""

counts = task_counts

bells = Counter("dispatch.bells")
"""Per project: how often a task became ready in a queue, and how often a request began to wait.

Whoever saw no task guards the first, whoever saw no waiter the second: else a task and its waiter could miss each
other on two replicas.
"""

waiting: Documents[Waiter] = Documents("dispatch.waiting", Waiter)
"""Per project: the requests that wait, by request id."""

deadlines = Ranking("dispatch.deadlines")
"""`<project>/<request>` of every waiting request by the millisecond in which it wants to be told "nothing"."""

asked = Window("dispatch.asked", timedelta(hours=1), keep=2)
"""`<project>/<request>` -> its Answer: a request that comes again is told the same."""

assignments = Window("dispatch.assignments", timedelta(days=1), keep=4)
"""`<project>/<assignment>` -> its task."""

withdrawn = Window("dispatch.withdrawn", timedelta(hours=1), keep=2)
"""`<project>/<task>` of tasks whose withdrawal overtook their opening on another replica."""

known = Members("dispatch.projects")
"""Every project that has a file."""


@dataclass(frozen=True, slots=True)
class State:
    """What the batch needs to know. Keys name project first; `heads` holds what is ready and unseen by an annotator."""

    now: datetime
    chance: bytes
    settings: DispatchSettings
    projects: Mapping[str, Project] = field(default_factory=dict)
    versions: Mapping[str, Project] = field(default_factory=dict)
    tasks: Mapping[str, Versioned[Task]] = field(default_factory=dict)
    assignments: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, Answer] = field(default_factory=dict)
    withdrawn: frozenset[str] = frozenset()
    heads: Mapping[tuple[str, str, Queue], Sequence[str]] = field(default_factory=dict)
    seen: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    gold: Mapping[tuple[str, str], Sequence[tuple[str, float]]] = field(default_factory=dict)
    gold_items: Mapping[str, frozenset[str]] = field(default_factory=dict)
    waiting: Mapping[str, Mapping[str, Versioned[Waiter]]] = field(default_factory=dict)
    bells: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    due: Sequence[str] = ()
    lapsed: Sequence[str] = ()
    forgettable: Sequence[str] = ()


def address(project: str, name: str) -> str:
    """Return the field of a project's task, request or assignment; no project's name contains the slash."""
    return f"{project}/{name}"


def queue_of(task: Task) -> Queue:
    """Return where a task waits."""
    return Queue(task.question.source, task.question.skill or "-")


def urgency(task: Task) -> float:
    """Return what a task ranks by among those that are ready, least first: its priority, weighed against its age."""
    return rank(task.question.priority, task.opened_at)


def queues_for(request: LeaseRequested) -> list[Queue]:
    """Return where a request may find a task."""
    skills = list(dict.fromkeys(("-", *request.skills)))
    return [Queue(source, skill) for source in dict.fromkeys(request.sources) for skill in skills]


async def load(batch: Sequence[Event[Payload]], reads: Reads) -> State:
    """Read in three round trips: what the events name, what that leads to, and who saw what of it."""
    now, names = reads.now, {event.project for event in batch}
    due: list[list[tuple[str, float]]] = [[], [], []]
    if any(isinstance(event.data, TickStruck) for event in batch):
        due = await reads.many([table.up_to(milliseconds(now), MOST_DUE) for table in (leases, deadlines, finished)])
    first, lapsed, forgettable = ([member for member, _ in ranked] for ranked in due)
    files, answers, owners, gone = await reads(
        projects.current.get_many(names),
        asked.get_many(_requests(batch), now),
        assignments.get_many(
            [address(e.project, e.data.assignment) for e in batch if isinstance(e.data, Holding)], now
        ),
        withdrawn.get_many([address(e.project, e.data.task) for e in batch if isinstance(e.data, TaskOpened)], now),
    )
    told = {name: Answer.model_validate_json(raw) for name, raw in answers.items()}
    names |= {member.partition("/")[0] for member in (*first, *lapsed)}

    wanted = list(_heads(batch, {name: document.value for name, document in files.items()}, told))
    named = {
        *(address(e.project, e.data.task) for e in batch if isinstance(e.data, _TASKS)),
        *(address(name.partition("/")[0], task) for name, task in owners.items()),
        *(address(name.partition("/")[0], answer.task) for name, answer in told.items() if answer.task),
        *(
            name
            for e in batch
            if isinstance(e.data, WordsErased) and e.data.table == tasks.name
            for name in e.data.names
        ),
        *first,
    }
    renewed = [event.project for event in batch if isinstance(event.data, ProjectApplied)]
    ordered = sorted(names)
    # bells before what they announce: who rings in between makes a guard fail, rather than go unheard
    rung, tasks_named, late_files, waiters, heads, gold_now = await in_groups(
        reads,
        [bells.of(name).all() for name in ordered],
        [tasks.get_many(named)],
        [projects.current.get_many(names - files.keys())],
        [waiting.of(name).all() for name in ordered],
        [_head(batch, *key) for key in wanted],
        [gold.of(name).first(MOST_GOLD) for name in renewed],
    )
    found: dict[str, Versioned[Task]] = tasks_named[0]
    in_force = {name: document.value for name, document in (files | late_files[0]).items()}
    queued = dict(zip(wanted, ([task for task, _ in ranked] for ranked in heads), strict=True))
    waits = dict(zip(ordered, waiters, strict=True))

    people = sorted(_people(batch, waits))
    items = _items(batch, first, owners, found)
    seekers = [key for key in people if key[0] in in_force and in_force[key[0]].file.gold_share > 0]
    heads_tasks = {address(key[0], task) for key, queue in queued.items() for task in queue}
    versions = {f"{task.value.project}@{task.value.question.guideline_version}" for task in found.values()}
    more, old_files, saw, unseen_gold = await in_groups(
        reads,
        [tasks.get_many(heads_tasks - found.keys())],
        [projects.history.get_many(versions - {f"{p.file.project}@{p.number}" for p in in_force.values()})],
        [seen.of(*key).among(items.get(key[0], ())) for key in people],
        [gold.of(key[0]).first_outside(seen.of(*key), GOLD_AHEAD) for key in seekers],
    )
    return State(
        now=now,
        chance=reads.chance,
        settings=settings(),
        projects=in_force,
        versions={name: document.value for name, document in old_files[0].items()},
        tasks=found | more[0],
        assignments=owners,
        asked=told,
        withdrawn=frozenset(gone),
        heads=queued,
        seen=dict(zip(people, saw, strict=True)),
        gold=dict(zip(seekers, unseen_gold, strict=True)),
        gold_items={
            name: frozenset(item for item, _ in ranked) for name, ranked in zip(renewed, gold_now, strict=True)
        },
        waiting=waits,
        bells=dict(zip(ordered, rung, strict=True)),
        due=first,
        lapsed=lapsed,
        forgettable=forgettable,
    )


_TASKS = (TaskOpened, TaskReprioritised, TaskWithdrawn)


async def gauges(reads: Reads) -> Iterable[Sample]:
    """Count each project's tasks by state, and tell how old the oldest ready one is."""
    (names,) = await reads(known.all())
    ordered = sorted(names)
    totals, oldest = await in_groups(
        reads, [counts.of(name).all() for name in ordered], [ages.of(name).first(1) for name in ordered]
    )
    return list(chain.from_iterable(map(_samples, ordered, totals, oldest, [reads.now] * len(ordered))))


def _samples(
    project: str, total: Mapping[str, int], oldest: Sequence[tuple[str, float]], now: datetime
) -> Iterator[Sample]:
    for state in STATES:
        yield Sample("labelwright_tasks", {"project": project, "state": state}, total.get(state, 0))
    age_s = max(0.0, milliseconds(now) - oldest[0][1]) / 1_000 if oldest else 0.0
    yield Sample("labelwright_task_age_seconds", {"project": project}, age_s)


def _requests(batch: Iterable[Event[Payload]]) -> list[str]:
    return [
        address(event.project, event.data.request)
        for event in batch
        if isinstance(event.data, (LeaseRequested, ReleaseRequested, AnnotationSubmitted, RetractionRequested))
    ]


def _heads(
    batch: Iterable[Event[Payload]], files: Mapping[str, Project], told: Mapping[str, Answer]
) -> Iterator[tuple[str, str, Queue]]:
    """Yield once each project, annotator and queue that a new request may be served from."""
    requests = [
        (event.project, event.data)
        for event in batch
        if isinstance(event.data, LeaseRequested) and address(event.project, event.data.request) not in told
    ]
    yield from dict.fromkeys(
        (project, request.annotator, queue)
        for project, request in requests
        if project in files
        for queue in queues_for(request)
        if files[project].file.source(queue.source)
    )


def _head(batch: Sequence[Event[Payload]], project: str, annotator: str, queue: Queue) -> Read[list[tuple[str, float]]]:
    return ready.of(project, *queue).first_outside(seen.of(project, annotator), _rival_count(batch, project))


def _rival_count(batch: Iterable[Event[Payload]], project: str) -> int:
    """Count how many of a project's tasks earlier decisions of the batch may take away, and a few more."""
    takers = (LeaseRequested, TaskWithdrawn)
    return 4 + sum(event.project == project and isinstance(event.data, takers) for event in batch)


def _items(
    batch: Iterable[Event[Payload]],
    due: Iterable[str],
    owners: Mapping[str, str],
    found: Mapping[str, Versioned[Task]],
) -> Mapping[str, set[str]]:
    """Return by project the questions about items whose tasks the batch may make ready."""
    returning = set(due)
    items: dict[str, set[str]] = {}
    for event in batch:
        if isinstance(event.data, TaskOpened):
            items.setdefault(event.project, set()).add(event.data.sight)
        elif isinstance(event.data, TaskReprioritised):
            returning.add(address(event.project, event.data.task))
        elif isinstance(event.data, ReleaseRequested):
            returning.add(address(event.project, owners.get(address(event.project, event.data.assignment), "")))
    for task in (found[key].value for key in returning if key in found):
        items.setdefault(task.project, set()).add(task.question.sight)
    return items


def _people(
    batch: Iterable[Event[Payload]], waits: Mapping[str, Mapping[str, Versioned[Waiter]]]
) -> set[tuple[str, str]]:
    asking = {(event.project, event.data.annotator) for event in batch if isinstance(event.data, LeaseRequested)}
    return asking | {
        (project, waiter.value.request.annotator) for project, waiters in waits.items() for waiter in waiters.values()
    }
