"""Leasing: who gets which task, whether a gold task goes out in its place, and who waits."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any, Final

from labelwright.contracts.project import MACHINES
from labelwright.contracts.work import AssignmentLeased, LeaseRequested
from labelwright.engine.tables import Versioned, milliseconds
from labelwright.identity import derive
from labelwright.projects import Project
from services.dispatch.board import WAITED, Turn, readiness
from services.dispatch.state import (
    Answer,
    Lease,
    Task,
    Waiter,
    address,
    asked,
    assignments,
    deadlines,
    gold,
    queues_for,
    ready,
    seen,
    urgency,
    waiting,
)

_WHOLE: Final = 1 << 64


@dataclass(frozen=True, slots=True)
class Lot:
    """What chance says about one lease: its token, and a number from 0 up to 1."""

    token: str
    share: float


def lease_requested(turn: Turn, project: str, request: LeaseRequested) -> None:
    """Lease the most urgent task that is theirs to label; else let the request wait, or answer 204.

    A request that lay longer than it wanted to wait is answered 204: its asker has given up.
    """
    board, key = turn.board, address(project, request.request)
    if told := board.asked.get(key):
        _tell_again(turn, project, request, told)
        return
    in_force = board.state.projects.get(project)
    if problem := _problem(project, in_force, request):
        turn.refuse(request.reply, request.request, *problem)
        return
    if waiter := board.waiting.get(project, {}).get(request.request):
        turn.stop_waiting(project, waiter)
    else:
        turn.guards.append(waiting.of(project).version_is(request.request, 0))
    if turn.event.time < request.wait_until <= board.state.now:
        turn.answer(request.reply, request.request, 204)
        return
    candidates = chain.from_iterable(board.ready_for(project, request.annotator, q) for q in queues_for(request))
    task = min(candidates, key=_urgency, default=None)
    if task:
        hand_out(turn, project, request, task)
    else:
        _nothing(turn, project, request)


def offer(turn: Turn, task: Task) -> Task:
    """Make a task ready: the oldest waiter whom it fits gets it at once."""
    task, holder = turn.change(task, status="ready"), task.lease.annotator if task.lease else None
    for waiter in turn.board.oldest_waiters(task.project):
        request = waiter.value.request
        if request.annotator != holder and _fits(turn, request, task):
            turn.stop_waiting(task.project, waiter)
            if hand_out(turn, task.project, request, task):
                return task
    turn.rely_on(task.project, WAITED)
    return task


def hand_out(turn: Turn, project: str, request: LeaseRequested, task: Task) -> bool:
    """Lease the task, or a gold task in its place, and answer the request; whether it was the task itself."""
    lot = draw(turn, request.request)
    test = _gold_instead(turn, project, request, task, lot)
    first_lease = turn.board.state.settings.first_lease
    leased = lease(turn, test or task, request.annotator, lot.token, first_lease)
    turn.guards.append(seen.of(project, request.annotator).lacks(leased.question.sight))
    turn.effects.append(seen.of(project, request.annotator).put(leased.question.sight))
    turn.board.show(project, request.annotator, leased.question.sight)
    body = leased_body(leased)
    turn.remember(project, request.request, lease_answer(leased))
    turn.answer(request.reply, request.request, 200, body)
    return test is None


def lease(turn: Turn, task: Task, annotator: str, token: str, term: timedelta) -> Task:
    """Give the task to an annotator for a term of server time."""
    now, question, number = turn.board.state.now, task.question, task.leases + 1
    held = Lease(
        assignment=derive("assignment", task.project, question.task, str(number)),
        annotator=annotator,
        token=token,
        leased_at=now,
        expires_at=now + term,
    )
    key = address(task.project, held.assignment)
    turn.effects += assignments.put(key, question.task, now)
    turn.board.assignments[key] = question.task
    leased = turn.change(task, status="leased", leases=number, lease=held, annotation=None, label=None)
    turn.tell(
        AssignmentLeased(
            assignment=held.assignment,
            task=question.task,
            item=question.item,
            annotator=annotator,
            source=question.source,
            source_kind=question.source_kind,
            guideline_version=question.guideline_version,
            token=token,
            text=question.text,
            expires_at=held.expires_at,
            asks=question.asks,
        ),
        leased,
    )
    return leased


def lease_to_machine(turn: Turn, task: Task) -> Task:
    """Give the task to the machine that its source names; it never waits to be asked for."""
    lot = draw(turn, f"{task.question.task} {task.leases}")
    return lease(turn, task, f"machine:{task.question.source}", lot.token, turn.board.state.settings.machine_lease)


def draw(turn: Turn, what: str) -> Lot:
    """Draw a lot for one lease of one event; without the batch's chance nobody can tell the token."""
    secret = hashlib.blake2b(
        f"{turn.event.id}\x1f{what}".encode(), key=turn.board.state.chance, digest_size=32
    ).digest()
    return Lot(secret[:16].hex(), int.from_bytes(secret[16:24]) / _WHOLE)


def is_machine(task: Task) -> bool:
    """Whether the task's source is a machine."""
    return task.question.source_kind in MACHINES


def leased_body(task: Task) -> dict[str, Any]:
    """Return an assignment as its holder sees it: nothing tells a gold task from another, or who was asked before.

    `task` is a name of its own, since the number in a task's id counts how often its item was asked.
    """
    question, held = task.question, task.lease
    if held is None:
        raise AssertionError(f"task {question.task!r} was never leased")
    return {
        "assignment": held.assignment,
        "task": derive("task", task.project, question.task),
        "item": question.item,
        "project": task.project,
        "annotator": held.annotator,
        "token": held.token,
        "expires_at": held.expires_at.isoformat(),
        "guideline_version": question.guideline_version,
        "text": question.text,
        "subject": question.subject.model_dump(exclude_none=True) if question.subject else None,
        "source": question.source,
        "asks": question.asks,
    }


def lease_answer(task: Task) -> Answer:
    """Return what is remembered of a lease's answer."""
    return Answer(status=200, body={"assignment": leased_body(task)["assignment"]}, task=task.question.task)


def _tell_again(turn: Turn, project: str, request: LeaseRequested, told: Answer) -> None:
    task = turn.task(project, told.task)
    if task and task.lease and task.status == "leased" and task.lease.assignment == told.body["assignment"]:
        turn.answer(request.reply, request.request, told.status, leased_body(task))
    else:
        detail = f"request {request.request!r} was given an assignment that is over; ask again under a new request id"
        turn.refuse(request.reply, request.request, 409, "lease_over", detail)


def _problem(project: str, in_force: Project | None, request: LeaseRequested) -> tuple[int, str, str] | None:
    if in_force is None:
        return 404, "unknown_project", f"there is no project {project!r}; apply its project file first"
    names = [source.name for source in in_force.file.sources]
    unknown = [name for name in request.sources if name not in names]
    if unknown:
        sources = ", ".join(map(repr, names))
        return 422, "unknown_source", f"project {project!r} has no source {unknown[0]!r}; its sources are {sources}"
    return None


def _urgency(task: Task) -> tuple[float, str]:
    return urgency(task), task.question.task


def _fits(turn: Turn, request: LeaseRequested, task: Task) -> bool:
    question = task.question
    return (
        question.source in request.sources
        and (question.skill is None or question.skill in request.skills)
        and not turn.board.has_seen(task.project, request.annotator, question.sight)
    )


def _gold_instead(turn: Turn, project: str, request: LeaseRequested, task: Task, lot: Lot) -> Task | None:
    """Mint a task about an unseen gold item, in all else like the task whose place it takes.

    There is no gold for what a complaint means.
    """
    board = turn.board
    in_force = board.state.projects.get(project)
    if in_force is None or lot.share >= in_force.file.gold_share or task.question.asks != "label":
        return None
    unseen = board.state.gold.get((project, request.annotator), ())
    choice = next((pair for pair in unseen if not board.has_seen(project, request.annotator, pair[0])), None)
    example = next((e for e in in_force.file.gold if choice and gold_item(project, e.text) == choice[0]), None)
    if choice is None or example is None:
        return None
    item, times = choice
    turn.effects.append(gold.of(project).put(item, times + 1))
    number = derive("gold", turn.event.source, turn.event.id, request.request).removeprefix("gold_")
    about = task.question.subject
    question = task.question.model_copy(
        update={
            "task": f"{item}.{number}",
            "item": item,
            "text": example.text,
            "gold_label": example.label,
            "guideline_version": in_force.number,
            "subject": about and about.model_copy(update={"prompt": example.prompt, "response": example.response}),
        }
    )
    story = turn.event.correlation_id or turn.event.id
    return Task(project=project, question=question, correlation_id=story, opened_at=board.state.now, is_test=True)


def gold_item(project: str, text: str) -> str:
    """Return the id of a gold example's item."""
    return derive("item", project, "gold", text)


def _nothing(turn: Turn, project: str, request: LeaseRequested) -> None:
    """Let the request wait for the next task that fits, unless it doesn't want to or too many do."""
    board, now = turn.board, turn.board.state.now
    waiters = board.waiting.setdefault(project, {})
    for queue in queues_for(request):
        turn.rely_on(project, readiness(queue))
        if name := board.vanished(project, request.annotator, queue):
            turn.guards.append(ready.of(project, *queue).has(name))
    if request.wait_until <= now or len(waiters) >= board.state.settings.most_waiters:
        turn.answer(request.reply, request.request, 204)
        return
    document = Versioned(1, Waiter(request=request, since=now))
    waiters[request.request] = document
    turn.guards += asked.lacks(address(project, request.request), now)
    turn.effects += (
        waiting.of(project).put(request.request, document.value, document.version),
        deadlines.put(address(project, request.request), milliseconds(request.wait_until)),
    )
    turn.ring(project, WAITED)
