"""Believe, ask on while another answer is worth its price, then settle: one decision for each thing that happened."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from labelwright.ageing import while_unsure
from labelwright.contracts import erasure, items, labels, project, quality, work
from labelwright.contracts.envelope import Event
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Commit, Decision, Effect, Reject, emit
from labelwright.engine.tables import Versioned
from labelwright.stories import Case, cases
from services.resolve.asking import Settle, belief
from services.resolve.clarifying import clarified, left_unclear, taken_back
from services.resolve.erasing import erase
from services.resolve.learning import refit
from services.resolve.moving import MOST_FEEDBACK, close, is_old, leader, open_apart, reopen, thought_over
from services.resolve.settling import UNSETTLED, Held, advance, keep, settle, together, unlabeled, withdrawn
from services.resolve.state import ANSWERS_A_PART, State, answers, counts, part


def decide(  # noqa: PLR0912  # one branch for each kind of event
    batch: Sequence[Event[Payload]], state: State
) -> Iterator[Decision]:
    """Yield one decision for each event, in order.

    An item has at most one open task, and its label rests on every answer that was recorded: each change of a case is
    guarded by the version that it was read at, within the batch because changed cases are remembered here. Answers
    about an item that was merged count for the one it was merged into, also those that come later.
    """
    held = dict(state.cases)
    counted = dict(state.counts)
    for event in batch:
        data = event.data
        if isinstance(data, items.ItemOpened):
            yield _open(event, data, state, held)
        elif isinstance(data, items.ItemReinforced):
            yield _reinforce(data, state, held)
        elif isinstance(data, items.ItemClosed):
            yield close(data, state, held)
        elif isinstance(data, items.ItemReopened):
            yield reopen(data, state, held)
        elif isinstance(data, erasure.WordsErased):
            yield erase(data, held)
        elif isinstance(data, erasure.ErasureRequested | erasure.ErasureCompleted):
            yield Commit()  # a record
        elif isinstance(data, items.MergeProposed):
            yield Commit()  # a person decides
        elif isinstance(data, work.AnnotationRecorded):
            yield _record(event, data, state, held, counted)
        elif isinstance(data, work.AnnotationAbstained):
            yield _note_abstention(data, state, held)
        elif isinstance(data, work.AnnotationRetracted):
            yield _take_back(data, state, held)
        elif isinstance(data, quality.TickStruck):
            changes = [refit(lesson) for lesson in state.lessons]
            yield Commit([guard for guard, _ in changes], [write for _, write in changes])
        elif isinstance(data, project.ProjectApplied):
            yield Commit()  # new cases take the version in force; open ones end under the version they began with
        else:
            yield Reject("unexpected_type", f"resolve reads no {data.type!r}; see `labelwright topology`")


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
        kind=data.kind,
        sign=data.sign,
        complaint=data.complaint,
        is_unclear=data.complaint is None and data.sign < 0,
        feedback=[data.feedback],
        opened_at=data.received_at,
    )
    if data.split_from:
        return open_apart(case, data, present.file, state, held)
    return advance(case, present.file, state, held)


def _reinforce(data: items.ItemReinforced, state: State, held: Held) -> Decision:
    found = held.get(data.item)
    if found is None:
        return Commit([cases.has(data.item)])  # what opens it is still in a colleague's hands: wait for that
    case = found.value
    is_told = data.feedback is None or data.feedback in case.feedback or len(case.feedback) >= MOST_FEEDBACK
    changed = case if is_told else case.model_copy(update={"feedback": [*case.feedback, data.feedback]})
    has_no_number_and_fewer = data.number == 0 and data.events <= case.feedback_events
    if has_no_number_and_fewer or is_old(data.number, case.weighed):  # a colleague was faster with later news
        return keep(changed, held)
    weight = {"priority": data.priority, "feedback_events": data.events, "weighed": data.number}
    changed = changed.model_copy(update=weight)
    file = state.file(case.project, case.guideline_version)
    if case.status == "asking" and case.task is None and file:  # it was hearsay
        return advance(changed, file, state, held)
    is_ranked_anew = case.task is not None and data.priority != case.priority
    urgency = while_unsure(data.priority, case.distribution)
    effects = [emit(work.TaskReprioritised(task=case.task or "", priority=urgency))] if is_ranked_anew else []
    return keep(changed, held, effects)


def _record(  # noqa: PLR0911  # one line for each way an answer may find its case
    event: Event[Payload], data: work.AnnotationRecorded, state: State, held: Held, counted: dict[str, int]
) -> Decision:
    if data.asks == "complaint":
        return _clarify(data, state, held)
    learned = _remember(event.project, data, state.now, counted)
    if data.gold_label is not None:
        return Commit((), learned)
    found = held.get(data.item)
    if found is None:
        return _unknown(data.item)
    case, about, rely = _where_it_counts(found, held)
    if any(vote.annotation == data.annotation for vote in case.votes):
        return Commit()
    is_taken_back = data.annotation in found.value.taken_back
    if is_taken_back or _has_answered_since(case, about, data):  # a colleague was faster with later news
        return together(rely, keep(case.model_copy(update={"cost_usd": _spent(case, data)}), held, learned))
    vote = labels.Vote(
        annotation=data.annotation,
        annotator=data.annotator,
        source=data.source,
        source_kind=data.source_kind,
        label=data.label,
        price_usd=data.price_usd,
        answered_at=data.answered_at,
        about=about,
    )
    file = state.file(case.project, case.guideline_version)
    if file is None:
        return _unknown_version(case)
    others = [earlier for earlier in case.votes if (earlier.annotator, earlier.about) != (data.annotator, about)]
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
        return together(rely, settle(case, settled_as, "adjudicated", believer, state, held, learned))
    return together(rely, advance(case, file, state, held, learned))


def _clarify(data: work.AnnotationRecorded, state: State, held: Held) -> Decision:
    """Write down what a complaint means, and go on to the label."""
    found = held.get(data.item)
    if found is None:
        return _unknown(data.item)
    try:
        case = clarified(found.value, data)
    except ValueError as error:
        return Reject("unknown_complaint", str(error))
    file = state.file(case.project, case.guideline_version)
    if case == found.value:
        return Commit()
    return keep(case, held) if case.into or file is None else advance(case, file, state, held)


def _where_it_counts(asked: Versioned[Case], held: Held) -> tuple[Case, str | None, Commit]:
    """Return the case that an answer counts for, what it is about if that is another, and what this relies on."""
    case, item = asked.value, asked.value.item
    counts_for = leader(item, held) if case.into else None
    if counts_for is None:
        return case, None, Commit()
    return counts_for, item, Commit([cases.version_is(item, asked.version)])


def _has_answered_since(case: Case, about: str | None, data: work.AnnotationRecorded) -> bool:
    return any(
        (vote.annotator, vote.about) == (data.annotator, about) and vote.answered_at > data.answered_at
        for vote in case.votes
    )


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
    case = case.model_copy(update=update) if data.asks == "label" else left_unclear(case, data.task)
    return keep(case, held) if case.into else advance(case, file, state, held)


def _take_back(data: work.AnnotationRetracted, state: State, held: Held) -> Decision:
    """Remove a vote; its annotator holds the task again, so nobody else is asked until they answer.

    A vote that isn't there yet, because a colleague has it in hand, will not count when it comes.
    """
    if data.gold_label is not None:
        return Commit()
    found = held.get(data.item)
    if found is None:
        return _unknown(data.item)
    if data.asks == "complaint":
        return keep(taken_back(found.value, data.annotation), held)
    case, about, rely = _where_it_counts(found, held)
    left = [vote for vote in case.votes if vote.annotation != data.annotation]
    if len(left) == len(case.votes):
        asked = found.value
        return keep(asked.model_copy(update={"taken_back": [*asked.taken_back, data.annotation]}), held)
    without = case.model_copy(update={"votes": left})
    if about:
        return together(rely, thought_over(without, state, held))
    effects = withdrawn(case.item, held, UNSETTLED)
    if case.task and case.task != data.task:
        effects.append(emit(work.TaskWithdrawn(task=case.task, reason="an earlier answer was taken back")))
    asking = unlabeled(without, "idle" if case.closed else "asking")
    return keep(asking.model_copy(update={"task": data.task}), held, effects)


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
