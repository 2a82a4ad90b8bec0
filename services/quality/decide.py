"""Add what happened to the sums of its project, and on the clock's beat tell the figures of what changed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import UNSAID
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReinforced, ItemReopened, MergeProposed
from labelwright.contracts.labels import DisputeOpened, LabelResolved, LabelWithdrawn
from labelwright.contracts.payload import Payload
from labelwright.contracts.quality import QualityMeasured, TickStruck
from labelwright.contracts.work import AnnotationAbstained, AnnotationRecorded, AnnotationRetracted
from labelwright.engine.decisions import Commit, Decision, Effect, Guard, Reject, emit
from labelwright.engine.tables import Versioned, milliseconds
from labelwright.stories import of_complaint
from services.quality.sheet import DOLLAR, Sheet, Sum, Told, difference, told
from services.quality.state import (
    FIELD,
    Address,
    Scope,
    State,
    address_of,
    changed,
    figures_of,
    of_scope,
    scopes,
    sheet_at,
    waiting,
)

REMEMBERED: Final = timedelta(days=30)
"""How long after its last event a sheet that waits for nothing more is kept; answers can be taken back for two days."""

_PLAIN: Final[Mapping[type[Payload], str]] = {
    AnnotationRetracted: "retracted",
    LabelResolved: "labels",
    DisputeOpened: "disputes",
}

Sheets = dict[Address, Versioned[Sheet]]


def decide(batch: Sequence[Event[Payload]], state: State) -> Iterator[Decision]:
    """Yield one decision for each event, in order.

    The sums are at any time what the events committed so far add up to, in whatever order and on however many
    replicas: plain counts are only ever added to, and what a sheet adds is changed under a guard of the sheet's
    version. Within the batch a changed sheet is remembered here. A tick tells the figures of at most 50 scopes that
    changed, and only if none of them changed since they were read: behind changes of its own batch it is decided again.
    """
    held, due = dict(state.sheets), dict(state.changed)
    for event in batch:
        match event.data:
            case AnnotationAbstained():
                yield Commit((), list(_add(event, _counted(event.data), state)))
            case ItemOpened() | ItemClosed() | ItemReopened() | AnnotationRecorded() | AnnotationRetracted():
                yield _write_down(event, event.data, state, held)
            case LabelResolved() | LabelWithdrawn() | DisputeOpened():
                yield _write_down(event, event.data, state, held)
            case ItemReinforced() | MergeProposed():
                yield Commit()
            case TickStruck():
                yield _measured(state, due)
                due.clear()
            case _:
                yield Reject(
                    "unexpected_type", f"quality reads no {event.data.type!r}; see its streams in the topology"
                )


def _counted(data: Payload) -> Counter[Sum]:
    """Return what an event counts for by itself, whatever else is known."""
    match data:
        case AnnotationRecorded():
            counts = {f"annotations/{data.source}": 1, f"spend/{data.source}": round(data.price_usd * DOLLAR)}
        case AnnotationAbstained():
            counts = {f"abstained/{data.source}": 1}
        case LabelResolved() | DisputeOpened():
            name = _PLAIN[type(data)]
            counts = {name: 1, of_complaint(data.complaint or UNSAID, name): 1}
        case _:
            counts = {_PLAIN[type(data)]: 1} if type(data) in _PLAIN else {}
    return Counter({Sum(None, name): count for name, count in counts.items()})


def _write_down(event: Event[Payload], data: Told, state: State, held: Sheets) -> Commit:
    """Count the event, and change its sheet, if it has one, and the sums by the difference that this makes."""
    total, address = _counted(data), address_of(event)
    if address is None:
        return Commit((), list(_add(event, total, state)))
    known = held.get(address, Versioned(0, Sheet()))
    before, after = known.value, told(known.value, data, event.time)
    total.update(difference(before, after))
    held[address] = Versioned(known.version + 1, after)
    table = sheet_at(address)
    effects: list[Effect] = [table.put(FIELD, after, known.version + 1)]
    if after.state or address.annotator:
        effects.append(table.vanish_at(state.now + REMEMBERED))
    return Commit(
        [table.version_is(FIELD, known.version)],
        [*effects, *_rank(address, before, after), *_add(event, total, state)],
    )


def _rank(address: Address, before: Sheet, after: Sheet) -> Iterator[Effect]:
    """Rank the item among those that wait, by its first feedback, for as long as it does."""
    ranking, since = waiting.of(address.project), after.received_at
    if after.is_waiting and since and (since != before.received_at or not before.is_waiting):
        yield ranking.put(address.item, milliseconds(since))
    elif before.is_waiting and not after.is_waiting:
        yield ranking.drop(address.item)


def _add(event: Event[Payload], total: Counter[Sum], state: State) -> Iterator[Effect]:
    """Add to the sums, and mark the scopes that changed by it."""
    deltas = {one: count for one, count in total.items() if count}
    for one, count in deltas.items():
        yield of_scope(Scope(event.project, one.version)).add(one.name, count)
    for scope in dict.fromkeys(Scope(event.project, one.version) for one in deltas):
        yield changed.put(scope.name, event.id)
        if scope.name not in state.scopes:
            yield scopes.put(scope.name)


def _measured(state: State, due: Mapping[str, str]) -> Commit:
    guards: list[Guard] = []
    effects: list[Effect] = []
    for name, cause in due.items():
        scope = Scope.named(name)
        values = figures_of(scope, state.totals[scope])
        guards.append(changed.is_(name, cause))
        effects += (
            emit(QualityMeasured(guideline_version=scope.version, values=values), project=scope.project),
            changed.drop(name),
        )
    return Commit(guards, effects)
