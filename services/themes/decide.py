"""Note down what happens to items as it comes; on the clock's beat, put them into themes and tell which changed."""

from collections.abc import Iterator, Sequence
from itertools import chain

from labelwright.contracts.envelope import Event
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReinforced, ItemReopened, MergeProposed
from labelwright.contracts.payload import Payload
from labelwright.contracts.quality import TickStruck
from labelwright.engine.decisions import Commit, Decision, Effect, Guard, Reject
from labelwright.engine.tables import Versioned, milliseconds
from labelwright.themes import names
from labelwright.themes.grouping import Entry
from labelwright.themes.tables import closed, entries, waiting
from labelwright.themes.vectors import read
from services.themes.beat import Beat
from services.themes.state import Address, State

Held = dict[Address, Versioned[Entry] | None]


def decide(batch: Sequence[Event[Payload]], state: State) -> Iterator[Decision]:
    """Yield one decision for each event, in order.

    What comes is written down under a guard of its item's version, and waits. Only a beat changes themes, and each
    beat raises the version of every project that it changes: so no two replicas make two themes of one cause, and an
    item is placed once. A second beat in one batch leaves what waits to the next. Nothing here merges anything.
    """
    held: Held = dict(state.entries)
    has_beaten = False
    for event in batch:
        match event.data:
            case ItemOpened() as opened:
                yield _opened(event, opened, state, held)
            case ItemReinforced() as more:
                yield _changed(event, more.item, more.number, held, events=more.events)
            case ItemClosed() as end:
                yield _closed(event, end, state, held)
            case ItemReopened() as again:
                yield _reopened(event, again, state, held)
            case MergeProposed():
                yield Commit()
            case TickStruck():
                yield Commit() if has_beaten else _beaten(state, held)
                has_beaten = True
            case _:
                yield Reject("unexpected_type", f"themes reads no {event.data.type!r}; see its streams in the topology")


def _opened(event: Event[Payload], opened: ItemOpened, state: State, held: Held) -> Commit:
    address = Address(event.project, opened.item)
    if held.get(address) or address.name in state.ended:
        return Commit()
    guards = closed.lacks(address.name, state.now)
    return _noted(address, _entry(address, opened.text, event, state), held, guards)


def _closed(event: Event[Payload], end: ItemClosed, state: State, held: Held) -> Commit:
    address = Address(event.project, end.item)
    if address in held:
        return _changed(event, end.item, end.number, held, is_leaving=True, into=end.into)
    return Commit((), closed.put(address.name, str(end.number), state.now))


def _reopened(event: Event[Payload], again: ItemReopened, state: State, held: Held) -> Commit:
    address = Address(event.project, again.item)
    if held.get(address):
        return _changed(event, again.item, again.number, held, is_leaving=False, into=None)
    if address.name not in state.texts:
        return Commit()
    entry = _entry(address, state.texts[address.name], event, state).model_copy(update={"number": again.number})
    return _noted(address, entry, held)


def _changed(event: Event[Payload], item: str, number: int, held: Held, **changes: object) -> Commit:
    """Write down what is new of a known item, unless something newer is known."""
    address = Address(event.project, item)
    known = held.get(address)
    if known is None or number < known.value.number:
        return Commit()
    return _noted(address, known.value.model_copy(update={"number": number, **changes}), held)


def _noted(address: Address, entry: Entry, held: Held, guards: Sequence[Guard] = ()) -> Commit:
    known = held.get(address)
    version = known.version if known else 0
    held[address] = Versioned(version + 1, entry)
    table = entries.of(address.project)
    effects: list[Effect] = [
        table.put(address.item, entry, version + 1),
        waiting.put(address.name, milliseconds(entry.at)),
    ]
    return Commit([table.version_is(address.item, version), *guards], effects)


def _entry(address: Address, text: str, event: Event[Payload], state: State) -> Entry:
    dense = state.dense.get(address.name)
    return Entry(
        head=text[: names.HEAD],
        vector=read(text).packed(),
        dense=dense.vector if dense else None,
        model=dense.model if dense else None,
        at=event.data.received_at if isinstance(event.data, ItemOpened) else event.time,
    )


def _beaten(state: State, held: Held) -> Commit:
    """Do for each item that waits what it waits for, project by project."""
    beats = [Beat(project, room, state, held) for project, room in state.rooms.items()]
    for beat in beats:
        beat.place()
    guards = list(chain.from_iterable(beat.guards() for beat in beats))
    return Commit(guards, [*chain.from_iterable(beat.effects() for beat in beats), *_forgotten(state)])


def _forgotten(state: State) -> Iterator[Effect]:
    """Drop what waits but isn't known any more."""
    for address in state.waiting:
        if address not in state.entries:
            yield waiting.drop(address.name)
