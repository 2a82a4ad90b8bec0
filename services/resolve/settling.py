"""Take a case one step on: update its belief, ask the next source, settle its label, or open a dispute."""

from collections.abc import Iterator, Sequence
from typing import Literal

from labelwright.ageing import rank, while_unsure
from labelwright.contracts import labels, work
from labelwright.contracts.erasure import ERASED
from labelwright.contracts.feedback import Subject
from labelwright.contracts.project import ProjectFile, Source
from labelwright.engine.decisions import Commit, Effect, emit
from labelwright.engine.tables import Versioned, milliseconds
from labelwright.stories import Case, cases, ranked, settled
from services.resolve.asking import Ask, Settle, belief, next_step
from services.resolve.clarifying import asks_complaint, is_hearsay, whom_to_ask
from services.resolve.state import Believer, State

Held = dict[str, Versioned[Case]]
"""The batch's cases by item, as its decisions so far leave them."""

UNSETTLED = "its answers settle it no longer"


def advance(case: Case, file: ProjectFile, state: State, held: Held, effects: Sequence[Effect] = ()) -> Commit:
    """Update the belief; with no task open, ask what a complaint means, ask on, settle, or open a dispute.

    About a closed item, or one without its words, nobody is asked: what is known settles it, or it rests until it is
    opened again. Nor about hearsay, until there is more of it.
    """
    believer = state.believer(case.project, file.label_names)
    case = case.model_copy(update={"distribution": belief(case, file.label_names, believer.model)})
    if case.task:
        return keep(case, held, effects)
    is_at_rest = case.closed or case.text == ERASED
    source = whom_to_ask(case, file)
    if not is_at_rest and (source or is_hearsay(case, file)):
        return _before_the_label(case, file, source, held, effects)
    step = next_step(case, file, believer.model)
    if isinstance(step, Settle):
        return settle(case, step, "belief", believer, state, held, effects)
    if is_at_rest:
        return keep(unlabeled(case, "idle"), held, [*effects, *withdrawn(case.item, held, UNSETTLED)])
    if isinstance(step, Ask):
        case, opened = _ask(unlabeled(case, "asking"), step.source)
        return keep(case, held, [*effects, opened, *withdrawn(case.item, held, UNSETTLED)])
    dispute = labels.DisputeOpened(
        item=case.item,
        distribution=case.distribution,
        reason=step.reason,
        guideline_version=case.guideline_version,
        annotations=case.counted,
        complaint=case.complaint,
    )
    case, asked = unlabeled(case, "disputed"), list[Effect]()
    if step.source:
        case, opened = _ask(case, step.source)
        asked = [opened]
    return keep(case, held, [*effects, *withdrawn(case.item, held, UNSETTLED), emit(dispute), *asked])


def _before_the_label(
    case: Case, file: ProjectFile, source: Source | None, held: Held, effects: Sequence[Effect]
) -> Commit:
    """Wait for more of what is hearsay, else ask what the complaint means."""
    case, asked = unlabeled(case, "asking"), list[Effect]()
    if source and not is_hearsay(case, file):
        case, opened = _ask(case, source, "complaint")
        asked = [opened]
    return keep(case, held, [*effects, *asked, *withdrawn(case.item, held, UNSETTLED)])


def rethink(case: Case, file: ProjectFile, state: State, held: Held) -> Commit:
    """Believe anew after answers joined or left the case, and ask no more where they settle it."""
    believer = state.believer(case.project, file.label_names)
    believed = case.model_copy(update={"distribution": belief(case, file.label_names, believer.model)})
    if case.task and not asks_complaint(case) and isinstance(next_step(believed, file, believer.model), Settle):
        gone = work.TaskWithdrawn(task=case.task, reason="the answers about what was merged settle it")
        return advance(case.model_copy(update={"task": None}), file, state, held, [emit(gone)])
    return advance(case, file, state, held)


def _ask(case: Case, source: Source, asks: work.Asks = "label") -> tuple[Case, Effect]:
    task = f"{work.sight_of(case.item, asks)}.{case.tasks_opened + 1}"
    opened = work.TaskOpened(
        task=task,
        item=case.item,
        guideline_version=case.guideline_version,
        source=source.name,
        source_kind=source.kind,
        price_usd=source.price_usd,
        priority=while_unsure(case.priority, case.distribution),
        text=case.text,
        subject=Subject.model_validate(case.subject),
        skill=case.skill,
        asks=asks,
    )
    return case.model_copy(update={"task": task, "tasks_opened": case.tasks_opened + 1}), emit(opened)


def settle(
    case: Case,
    step: Settle,
    method: Literal["belief", "adjudicated"],
    believer: Believer,
    state: State,
    held: Held,
    effects: Sequence[Effect],
) -> Commit:
    """Let an item have its label."""
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
        annotations=case.counted,
        feedback=case.feedback,
        feedback_events=case.feedback_events,
        text=case.text,
        subject=Subject.model_validate(case.subject),
        complaint=case.complaint,
        cost_usd=case.cost_usd,
        opened_at=case.opened_at,
        resolved_at=state.now,
    )
    known = settled.of(case.project).put(case.item, milliseconds(state.now))
    return keep(case, held, [*effects, emit(resolved), known])


def unlabeled(case: Case, status: Literal["asking", "disputed", "idle", "merged"]) -> Case:
    """Return the case without a label."""
    bare = {"status": status, "label": None, "probability": None, "method": None, "resolved_at": None}
    return case.model_copy(update=bare)


def withdrawn(item: str, held: Held, reason: str) -> list[Effect]:
    """Say that the item's label no longer stands, if it has one."""
    before = held.get(item)
    if before is None or before.value.label is None:
        return []
    case = before.value
    gone = labels.LabelWithdrawn(item=item, label=case.label or "", reason=reason)
    return [emit(gone), settled.of(case.project).drop(item)]


def keep(case: Case, held: Held, effects: Sequence[Effect] = ()) -> Commit:
    """Write the case, if it is still as it was read."""
    before = held.get(case.item)
    version = before.version if before else 0
    held[case.item] = Versioned(version + 1, case)
    kept = cases.put(case.item, case, version + 1)
    place = _ranked(before.value if before else None, case)
    return Commit([cases.version_is(case.item, version)], [kept, *place, *effects])


def _ranked(before: Case | None, after: Case) -> Iterator[Effect]:
    """Rank an item as long as a label is wanted of it."""
    old, new = (_rank(case) if case and case.status in ("asking", "disputed") else None for case in (before, after))
    if new is not None and new != old:
        yield ranked.of(after.project).put(after.item, new)
    elif new is None and old is not None:
        yield ranked.of(after.project).drop(after.item)


def _rank(case: Case) -> float:
    return rank(case.priority, case.opened_at)


def together(*commits: Commit) -> Commit:
    """Return one decision of several: all of it is done or nothing."""
    return Commit(
        [guard for commit in commits for guard in commit.guards],
        [effect for commit in commits for effect in commit.effects],
    )
