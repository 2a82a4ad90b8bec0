"""Holding: what the holder of an assignment may do with it, and how a lease ends."""

from labelwright.contracts.feedback import COMPLAINTS
from labelwright.contracts.work import (
    AnnotationAbstained,
    AnnotationRecorded,
    AnnotationRetracted,
    AnnotationSubmitted,
    AssignmentEnded,
    HeartbeatSent,
    ReleaseRequested,
    RetractionRequested,
)
from labelwright.identity import derive
from services.dispatch.board import Turn
from services.dispatch.leasing import draw, is_machine, lease, lease_answer, lease_to_machine, leased_body, offer
from services.dispatch.state import Answer, Holding, Lease, Task, address, seen

NEVER_SHOWN = "abandoned"
"""The reason with which an asker gives back what nobody waited for any more."""


def heartbeat_sent(turn: Turn, project: str, request: HeartbeatSent) -> None:
    """Extend a lease that is still on."""
    task = _held(turn, project, request)
    if task is None or not _is_on(turn, task, request):
        return
    settings = turn.board.state.settings
    term = settings.machine_lease if is_machine(task) else settings.lease
    held = _lease_of(task).model_copy(update={"expires_at": turn.board.state.now + term, "is_confirmed": True})
    turn.change(task, lease=held)
    turn.answer(request.reply, request.request, 200, {"expires_at": held.expires_at.isoformat()})


def release_requested(turn: Turn, project: str, request: ReleaseRequested) -> None:
    """Take a task back: another annotator gets it, but a machine's task is closed if it abstains."""
    if _was_answered(turn, project, request):
        return
    task = _held(turn, project, request)
    if task is None or not _is_on(turn, task, request):
        return
    give_back(turn, task, "released", request.reason)
    turn.remember(project, request.request, Answer(status=200, body={}))
    turn.answer(request.reply, request.request, 200)


def annotation_submitted(turn: Turn, project: str, request: AnnotationSubmitted) -> None:
    """Record the holder's answer, once, while the lease is on and the guideline has the label."""
    if _was_answered(turn, project, request):
        return
    task = _held(turn, project, request)
    if task is None:
        return
    if task.status == "answered":
        _answer_again(turn, task, request)
    elif _is_on(turn, task, request) and _has_label(turn, task, request):
        _record(turn, task, request)


def retraction_requested(turn: Turn, project: str, request: RetractionRequested) -> None:
    """Take an answer back and lease the same task to the same annotator again: undo."""
    if _was_answered(turn, project, request):
        return
    task = _held(turn, project, request)
    if task is None:
        return
    if task.status != "answered" or task.annotation is None:
        detail = f"assignment {request.assignment!r} has no answer to take back; its task is {task.status}"
        turn.refuse(request.reply, request.request, 409, "not_answered", detail)
        return
    question = task.question
    retracted = AnnotationRetracted(
        annotation=task.annotation,
        task=question.task,
        item=question.item,
        annotator=request.annotator,
        gold_label=question.gold_label,
        asks=question.asks,
    )
    turn.tell(retracted, task)
    token = draw(turn, request.request).token
    leased = lease(turn, task, request.annotator, token, turn.board.state.settings.first_lease)
    turn.remember(project, request.request, lease_answer(leased))
    turn.answer(request.reply, request.request, 200, leased_body(leased))


def give_back(turn: Turn, task: Task, outcome: str, reason: str) -> None:
    """End a lease without an answer. A person's task is ready again; a machine is asked again, a few times.

    A gold task was made for its holder alone and is closed.
    """
    held = _lease_of(task)
    end(turn, task, outcome, reason)
    if not is_machine(task):
        if task.is_test:
            turn.change(task, status="closed")
        else:
            offer(turn, task)
        if not held.is_confirmed and (outcome == "expired" or reason == NEVER_SHOWN):
            turn.effects.append(seen.of(task.project, held.annotator).drop(task.question.sight))
            turn.board.seen.setdefault((task.project, held.annotator), set()).discard(task.question.sight)
    elif reason == "abstain" or task.leases > turn.board.state.settings.machine_retries:
        _abstain(turn, task, held)
    else:
        lease_to_machine(turn, task)


def end(turn: Turn, task: Task, outcome: str, reason: str) -> None:
    """Tell that the task's lease ended without an answer."""
    held = _lease_of(task)
    ended = AssignmentEnded(
        assignment=held.assignment,
        task=task.question.task,
        item=task.question.item,
        annotator=held.annotator,
        outcome=outcome,
        reason=reason,
    )
    turn.tell(ended, task)


def _abstain(turn: Turn, task: Task, held: Lease) -> None:
    question = task.question
    turn.change(task, status="closed")
    abstained = AnnotationAbstained(
        task=question.task,
        item=question.item,
        assignment=held.assignment,
        annotator=held.annotator,
        source=question.source,
        source_kind=question.source_kind,
        guideline_version=question.guideline_version,
        asks=question.asks,
    )
    turn.tell(abstained, task)


def _was_answered(turn: Turn, project: str, request: Holding) -> bool:
    """Tell a request that comes again what it was told before."""
    told = turn.board.asked.get(address(project, request.request))
    if told is None:
        return False
    task = turn.task(project, told.task)
    if told.task is None:
        turn.answer(request.reply, request.request, told.status, told.body)
    elif task and task.status == "leased" and _lease_of(task).assignment == told.body["assignment"]:
        turn.answer(request.reply, request.request, told.status, leased_body(task))
    else:
        _refuse_over(turn, request)
    return True


def _held(turn: Turn, project: str, request: Holding) -> Task | None:
    """Return the task of an assignment for whoever shows its token; else refuse."""
    task = turn.task(project, turn.board.assignments.get(address(project, request.assignment)))
    if task is None or task.lease is None:
        detail = f"there is no assignment {request.assignment!r} in project {project!r}; ask for the next task"
        turn.refuse(request.reply, request.request, 404, "unknown_assignment", detail)
    elif task.lease.assignment != request.assignment:
        _refuse_over(turn, request)
    elif (task.lease.token, task.lease.annotator) != (request.token, request.annotator):
        detail = f"assignment {request.assignment!r} is not held by this annotator with this token"
        turn.refuse(request.reply, request.request, 403, "wrong_token", detail)
    else:
        return task
    return None


def _is_on(turn: Turn, task: Task, request: Holding) -> bool:
    """Whether the lease holds by the server's time; else refuse."""
    if task.status == "leased" and _lease_of(task).expires_at > turn.board.state.now:
        return True
    _refuse_over(turn, request)
    return False


def _refuse_over(turn: Turn, request: Holding) -> None:
    detail = f"the lease of assignment {request.assignment!r} is over; ask for the next task"
    turn.refuse(request.reply, request.request, 409, "lease_over", detail)


def _has_label(turn: Turn, task: Task, request: AnnotationSubmitted) -> bool:
    """Whether the guideline that the task was asked under, or the one in force, has the label; else refuse.

    A task that asks what a complaint means has its own answers.
    """
    if task.question.asks == "complaint":
        return _is_complaint(turn, request)
    state, number = turn.board.state, task.question.guideline_version
    in_force, asked_under = state.projects.get(task.project), state.versions.get(f"{task.project}@{number}")
    files = [project.file for project in (asked_under, in_force) if project]
    if any(request.label in file.label_names for file in files):
        return True
    labels = ", ".join(repr(label) for label in files[0].label_names) if files else "none"
    detail = f"guideline '{task.project}@{number}' has no label {request.label!r}; its labels are {labels}"
    turn.refuse(request.reply, request.request, 422, "unknown_label", detail)
    return False


def _is_complaint(turn: Turn, request: AnnotationSubmitted) -> bool:
    if request.label in COMPLAINTS:
        return True
    known = ", ".join(map(repr, COMPLAINTS))
    detail = f"the task asks what the complaint means, and {request.label!r} is no answer to that; these are: {known}"
    turn.refuse(request.reply, request.request, 422, "unknown_label", detail)
    return False


def _answer_again(turn: Turn, task: Task, request: AnnotationSubmitted) -> None:
    if request.label == task.label:
        turn.answer(request.reply, request.request, 201, {"annotation": task.annotation})
        return
    detail = f"assignment {request.assignment!r} was answered {task.label!r}; undo that before you answer otherwise"
    turn.refuse(request.reply, request.request, 409, "already_answered", detail)


def _record(turn: Turn, task: Task, request: AnnotationSubmitted) -> None:
    question, held = task.question, _lease_of(task)
    annotation = derive("annotation", task.project, held.assignment)
    turn.change(task, status="answered", annotation=annotation, label=request.label)
    recorded = AnnotationRecorded(
        annotation=annotation,
        task=question.task,
        item=question.item,
        assignment=held.assignment,
        annotator=held.annotator,
        source=question.source,
        source_kind=question.source_kind,
        label=request.label,
        guideline_version=question.guideline_version,
        price_usd=question.price_usd,
        gold_label=question.gold_label,
        note=request.note,
        active_ms=request.active_ms,
        leased_at=held.leased_at,
        answered_at=turn.board.state.now,
        asks=question.asks,
    )
    turn.tell(recorded, task)
    body = {"annotation": annotation}
    turn.remember(task.project, request.request, Answer(status=201, body=body))
    turn.answer(request.reply, request.request, 201, body)


def _lease_of(task: Task) -> Lease:
    if task.lease is None:
        raise AssertionError(f"task {task.question.task!r} was never leased")
    return task.lease
