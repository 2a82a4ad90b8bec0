"""Believe, ask on while another answer is worth its price, then settle: one decision for each thing that happened."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from labelwright.contracts import items, labels, project, quality, work
from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import Subject
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import ProjectFile, Source
from labelwright.engine.decisions import Commit, Decision, Effect, Reject, emit
from labelwright.engine.tables import Versioned, milliseconds
from labelwright.stories import Case, cases, settled
from services.resolve.asking import Ask, Dispute, Settle, belief, next_step
from services.resolve.learning import refit
from services.resolve.state import ANSWERS_A_PART, Believer, State, answers, counts, part

MOST_FEEDBACK = 50
"""Feedback ids that a case remembers; it counts all of them."""


def decide(batch: Sequence[Event[Payload]], state: State) -> Iterator[Decision]:
    """Yield one decision for each event, in order.

    An item has at most one open task, and its label rests on every answer that was recorded: each change of a case is
    guarded by the version that it was read at, within the batch because changed cases are remembered here.
    """
    held = dict(state.cases)
    counted = dict(state.counts)
    for event in batch:
        data = event.data
        if isinstance(data, items.ItemOpened):
            yield _open(event, data, state, held)
        elif isinstance(data, items.ItemReinforced):
            yield _reinforce(data, held)
        elif isinstance(data, work.AnnotationRecorded):
            yield _record(event, data, state, held, counted)
        elif isinstance(data, work.AnnotationAbstained):
            yield _note_abstention(data, state, held)
        elif isinstance(data, work.AnnotationRetracted):
            yield _take_back(data, held)
        elif isinstance(data, quality.TickStruck):
            changes = [refit(lesson) for lesson in state.lessons]
            yield Commit([guard for guard, _ in changes], [write for _, write in changes])
        elif isinstance(data, project.ProjectApplied):
            yield Commit()  # new cases take the version in force; open ones end under the version they began with
        else:
            yield Reject("unexpected_type", f"resolve reads no {data.type!r}; see `labelwright topology`")


Held = dict[str, Versioned[Case]]


def _open(event: Event[Payload], data: items.ItemOpened, state: State, held: Held) -> Decision:
    if data.item in held:
        return Commit()
    present = state.in_force.get(event.project)
    if present is None:
        return Reject("unknown_project", f"there is no project {event.project!r}; apply its project file")
    case = Case(
        project=event.project,
        item=data.item,
        status="asking",
        text=data.text,
        guideline_version=present.number,
        priority=data.priority,
        skill=data.skill,
        subject=data.subject.model_dump(exclude_none=True),
        feedback=[data.feedback],
        opened_at=data.received_at,
    )
    return _advance(case, present.file, state, held)


def _reinforce(data: items.ItemReinforced, held: Held) -> Decision:
    found = held.get(data.item)
    if found is None:
        return Commit([cases.has(data.item)])  # what opens it is still in a colleague's hands: wait for that
    case = found.value
    remembered = case.feedback if len(case.feedback) >= MOST_FEEDBACK else [*case.feedback, data.feedback]
    changed = case.model_copy(update={"feedback": remembered})
    if data.events <= case.feedback_events:  # a colleague was faster with later news
        return _keep(changed, held, [])
    changed = changed.model_copy(update={"priority": data.priority, "feedback_events": data.events})
    is_urgent = case.task is not None and data.priority > case.priority
    effects = [emit(work.TaskReprioritised(task=case.task or "", priority=data.priority))] if is_urgent else []
    return _keep(changed, held, effects)


def _record(  # noqa: PLR0911  # one line for each way an answer may find its case
    event: Event[Payload], data: work.AnnotationRecorded, state: State, held: Held, counted: dict[str, int]
) -> Decision:
    learned = _remember(event.project, data, state.now, counted)
    if data.gold_label is not None:
        return Commit((), learned)
    found = held.get(data.item)
    if found is None:
        return _unknown(data.item)
    case = found.value
    if any(vote.annotation == data.annotation for vote in case.votes):
        return Commit()
    if data.annotation in case.taken_back or _has_answered_since(case, data):  # a colleague was faster with later news
        return _keep(case.model_copy(update={"cost_usd": _spent(case, data)}), held, learned)
    vote = labels.Vote(
        annotation=data.annotation,
        annotator=data.annotator,
        source=data.source,
        source_kind=data.source_kind,
        label=data.label,
        price_usd=data.price_usd,
        answered_at=data.answered_at,
    )
    file = state.file(case.project, case.guideline_version)
    if file is None:
        return _unknown_version(case)
    others = [earlier for earlier in case.votes if earlier.annotator != data.annotator]
    adjudicated = case.status == "disputed" and data.source_kind == "expert"
    case = case.model_copy(
        update={
            "votes": [*others, vote],
            "cost_usd": _spent(case, data),
            "task": None if case.task == data.task else case.task,
        }
    )
    if adjudicated:
        believer = state.believer(case.project, file.label_names)
        shares = belief(case, file.label_names, believer.model)
        case = case.model_copy(update={"distribution": shares})
        settled_as = Settle(data.label, shares[data.label])
        return _settle(case, settled_as, "adjudicated", believer, state, held, learned)
    return _advance(case, file, state, held, learned)


def _has_answered_since(case: Case, data: work.AnnotationRecorded) -> bool:
    return any(vote.annotator == data.annotator and vote.answered_at > data.answered_at for vote in case.votes)


def _spent(case: Case, data: work.AnnotationRecorded) -> float:
    return round(case.cost_usd + data.price_usd, 6)


def _note_abstention(data: work.AnnotationAbstained, state: State, held: Held) -> Decision:
    found = held.get(data.item)
    if found is None:
        return _unknown(data.item)
    case = found.value
    file = state.file(case.project, case.guideline_version)
    if file is None:
        return _unknown_version(case)
    update = {
        "abstained": sorted({*case.abstained, data.source}),
        "task": None if case.task == data.task else case.task,
    }
    return _advance(case.model_copy(update=update), file, state, held)


def _take_back(data: work.AnnotationRetracted, held: Held) -> Decision:
    """Remove a vote; its annotator holds the task again, so nobody else is asked until they answer.

    A vote that isn't there yet, because a colleague has it in hand, will not count when it comes.
    """
    if data.gold_label is not None:
        return Commit()
    found = held.get(data.item)
    if found is None:
        return _unknown(data.item)
    case = found.value
    left = [vote for vote in case.votes if vote.annotation != data.annotation]
    if len(left) == len(case.votes):
        return _keep(case.model_copy(update={"taken_back": [*case.taken_back, data.annotation]}), held, [])
    effects: list[Effect] = [settled.of(case.project).drop(case.item)]
    if case.task and case.task != data.task:
        effects.append(emit(work.TaskWithdrawn(task=case.task, reason="an earlier answer was taken back")))
    update = {"votes": left, "status": "asking", "task": data.task, "label": None, "probability": None}
    return _keep(case.model_copy(update=update), held, effects)


def _advance(case: Case, file: ProjectFile, state: State, held: Held, effects: Sequence[Effect] = ()) -> Decision:
    """Update the belief; with no task open, ask on, settle, or open a dispute."""
    believer = state.believer(case.project, file.label_names)
    case = case.model_copy(update={"distribution": belief(case, file.label_names, believer.model)})
    if case.task:
        return _keep(case, held, effects)
    step = next_step(case, file, believer.model)
    if isinstance(step, Ask):
        case, opened = _ask(case.model_copy(update={"status": "asking"}), step.source)
        return _keep(case, held, [*effects, opened, *_reopened(case, held)])
    if isinstance(step, Dispute):
        dispute = labels.DisputeOpened(
            item=case.item,
            distribution=case.distribution,
            reason=step.reason,
            guideline_version=case.guideline_version,
            annotations=case.votes,
        )
        case = case.model_copy(update={"status": "disputed", "label": None, "probability": None})
        asked: list[Effect] = []
        if step.source:
            case, opened = _ask(case, step.source)
            asked = [opened]
        return _keep(case, held, [*effects, emit(dispute), *asked, *_reopened(case, held)])
    return _settle(case, step, "belief", believer, state, held, effects)


def _ask(case: Case, source: Source) -> tuple[Case, Effect]:
    task = f"{case.item}.{case.tasks_opened + 1}"
    opened = work.TaskOpened(
        task=task,
        item=case.item,
        guideline_version=case.guideline_version,
        source=source.name,
        source_kind=source.kind,
        price_usd=source.price_usd,
        priority=case.priority,
        text=case.text,
        subject=Subject.model_validate(case.subject),
        skill=case.skill,
    )
    return case.model_copy(update={"task": task, "tasks_opened": case.tasks_opened + 1}), emit(opened)


def _settle(
    case: Case,
    step: Settle,
    method: Literal["belief", "adjudicated"],
    believer: Believer,
    state: State,
    held: Held,
    effects: Sequence[Effect],
) -> Decision:
    case = case.model_copy(
        update={
            "status": "labeled",
            "label": step.label,
            "probability": step.probability,
            "method": method,
            "resolved_at": state.now,
        }
    )
    resolved = labels.LabelResolved(
        item=case.item,
        label=step.label,
        probability=step.probability,
        distribution=case.distribution,
        method=method,
        model_number=believer.number,
        guideline_version=case.guideline_version,
        annotations=case.votes,
        feedback=case.feedback,
        feedback_events=case.feedback_events,
        text=case.text,
        subject=Subject.model_validate(case.subject),
        cost_usd=case.cost_usd,
        opened_at=case.opened_at,
        resolved_at=state.now,
    )
    known = settled.of(case.project).put(case.item, milliseconds(state.now))
    return _keep(case, held, [*effects, emit(resolved), known])


def _reopened(case: Case, held: Held) -> list[Effect]:
    before = held.get(case.item)
    return [settled.of(case.project).drop(case.item)] if before and before.value.status == "labeled" else []


def _keep(case: Case, held: Held, effects: Sequence[Effect]) -> Commit:
    before = held.get(case.item)
    version = before.version if before else 0
    held[case.item] = Versioned(version + 1, case)
    return Commit([cases.version_is(case.item, version)], [cases.put(case.item, case, version + 1), *effects])


def _remember(name: str, data: work.AnnotationRecorded, now: datetime, counted: dict[str, int]) -> list[Effect]:
    """Keep an answer to learn from; as a part of the answers begins, the part before the last is forgotten."""
    count = counted.get(name, 0)
    counted[name] = count + 1
    field, answer = f"{data.item}/{data.annotator}", f"{data.source_kind}|{data.label}|{data.gold_label or ''}"
    effects: list[Effect] = [answers.of(name, part(count)).put(field, answer), counts.add(name)]
    if count % ANSWERS_A_PART == 0 and count >= 2 * ANSWERS_A_PART:
        effects.append(answers.of(name, part(count - 2 * ANSWERS_A_PART)).vanish_at(now))
    return effects


def _unknown(item: str) -> Reject:
    return Reject("unknown_item", f"there is no item {item!r}; only triage opens items")


def _unknown_version(case: Case) -> Reject:
    name = f"{case.project}@{case.guideline_version}"
    return Reject(
        "unknown_guideline", f"item {case.item!r} began under {name!r}, which is gone; apply that version again"
    )
