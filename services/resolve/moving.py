"""Follow what became of an item: closed, opened again, merged into another with its answers, or parted from one."""

from collections.abc import Sequence

from labelwright.contracts import items, work
from labelwright.contracts.project import ProjectFile
from labelwright.engine.decisions import Commit, Decision, Effect, emit
from labelwright.stories import Case, cases
from services.resolve.settling import Held, advance, keep, rethink, together, unlabeled, withdrawn
from services.resolve.state import State

MOST_FEEDBACK = 50
"""Feedback ids that a case remembers; it counts all of them."""


def close(data: items.ItemClosed, state: State, held: Held) -> Decision:
    """Ask no more about an item; what was merged takes its answers along.

    A label that it has stands, unless the item was merged: then the other's is the one that counts.
    """
    found = held.get(data.item)
    if found is None:
        return Commit([cases.has(data.item)])  # what opens it is still in a colleague's hands: wait for that
    case = found.value
    if case.into:
        return Commit()
    if data.cause == "merged":
        return _merge(case, data, state, held)
    if is_old(data.number, case.turned):
        return Commit()
    gone = _asked_no_more(case, data.reason)
    case = case.model_copy(update={"closed": data.cause, "task": None, "turned": data.number})
    return keep(case if case.status == "labeled" else unlabeled(case, "idle"), held, gone)


def reopen(data: items.ItemReopened, state: State, held: Held) -> Decision:
    """Ask about an item again where no label stands."""
    found = held.get(data.item)
    if found is None:
        return Commit([cases.has(data.item)])
    case = found.value
    if case.into or is_old(data.number, case.turned):
        return Commit()
    was_closed = case.closed is not None
    case = case.model_copy(update={"closed": None, "turned": data.number, "priority": data.priority})
    file = state.file(case.project, case.guideline_version)
    if not was_closed or case.label or file is None:
        return keep(case, held)
    return advance(case, file, state, held)


def open_apart(case: Case, data: items.ItemOpened, file: ProjectFile, state: State, held: Held) -> Decision:
    """Open a case for words that a person parted from another's, with the answers that were given about them.

    It waits for the merges by which those answers came to where they leave from.
    """
    origin = leader(data.split_from or "", held)
    if origin is None:
        return Commit([cases.has(data.split_from or "")])
    takes = list(dict.fromkeys(data.takes))
    for taken in takes:
        there = leader(taken, held)
        if there is None:
            return Commit([cases.has(taken)])
        if there.item != origin.item:
            return Commit([cases.version_is(there.item, held[there.item].version + 1)])
    votes = [vote for vote in origin.votes if vote.about in takes]
    cost = round(sum(vote.price_usd for vote in votes), 6)
    case = case.model_copy(update={"votes": votes, "cost_usd": cost, "members": takes})
    rest = origin.model_copy(
        update={
            "votes": [vote for vote in origin.votes if vote not in votes],
            "members": [member for member in origin.members if member not in takes],
            "cost_usd": round(max(0.0, origin.cost_usd - cost), 6),
            "feedback": [one for one in origin.feedback if one != data.feedback],
        }
    )
    kept = thought_over(rest, state, held) if votes else keep(rest, held)
    return together(advance(case, file, state, held), kept, *_led(takes, case.item, held))


def leader(item: str, held: Held) -> Case | None:
    """Return the case that has an item's answers: its own, or that of the item it was merged into."""
    found = held.get(item)
    if found and found.value.into:
        found = held.get(found.value.into)
    return found.value if found else None


def is_old(number: int, known: int) -> bool:
    """Whether a colleague was faster with later news; news without a number is of a version that had none."""
    return 0 < number <= known


def _merge(case: Case, data: items.ItemClosed, state: State, held: Held) -> Decision:
    target = leader(data.into or "", held)
    if target is None:
        return Commit([cases.has(data.into or "")])
    if target.item == case.item:
        return Commit()  # an item that is merged into itself stays as it is
    votes = [vote if vote.about else vote.model_copy(update={"about": case.item}) for vote in case.votes]
    joined = target.model_copy(
        update={
            "votes": [*target.votes, *votes],
            "cost_usd": round(target.cost_usd + case.cost_usd, 6),
            "feedback": [*target.feedback, *case.feedback][:MOST_FEEDBACK],
            "members": [*target.members, case.item, *case.members],
        }
    )
    gone = [*_asked_no_more(case, data.reason), *withdrawn(case.item, held, f"merged into {target.item}")]
    left: dict[str, object] = {
        "task": None,
        "votes": [],
        "members": [],
        "cost_usd": 0.0,
        "distribution": {},
        "into": target.item,
    }
    merged = keep(unlabeled(case, "merged").model_copy(update=left), held, gone)
    kept = thought_over(joined, state, held) if votes else keep(joined, held)
    return together(merged, kept, *_led(case.members, target.item, held))


def thought_over(case: Case, state: State, held: Held) -> Commit:
    """Write a case that answers joined or left, and believe anew."""
    file = state.file(case.project, case.guideline_version)
    return rethink(case, file, state, held) if file else keep(case, held)


def _led(members: Sequence[str], item: str, held: Held) -> list[Commit]:
    """Let what was merged before follow, so that every merged case names the one that has its answers."""
    return [keep(held[member].value.model_copy(update={"into": item}), held) for member in members if member in held]


def _asked_no_more(case: Case, reason: str) -> list[Effect]:
    return [emit(work.TaskWithdrawn(task=case.task, reason=reason))] if case.task else []
