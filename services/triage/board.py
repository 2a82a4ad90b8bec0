"""The board: statements and items as the earlier decisions of a batch leave them, and one decision in the making."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import ProjectFile
from labelwright.engine.decisions import Commit, Effect, Guard, Write, emit
from labelwright.engine.tables import Versioned
from labelwright.expiry import expired
from labelwright.stories import Standing, placements, standings, story_key
from services.triage.priority import crowd_of, customers_of, factors, priority, users_of
from services.triage.state import (
    MOST_FOLLOWED,
    MOST_HOLDERS,
    Address,
    Known,
    Placement,
    State,
    Statement,
    Wording,
    cells,
    crowds,
    day_of,
    held_by,
    holders_of,
    opened,
    pins,
    statements,
    tallies,
    wordings,
)

BEYOND: Final = "-"
"""The voice of all whom an item no longer tells apart."""

A_WRITE: Final = 90
"""Entries of a tally that one command writes."""

UNSAID_LIFE: Final = timedelta(days=ProjectFile.model_fields["expire_after_days"].default)
"""How long an item lives after its last feedback where no project file says so."""


class Board:
    """The batch's state, copied where decisions thread their effects through it."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.now = state.now
        self.placed = dict(state.placed)
        self.statements = dict(state.statements)
        self.items = dict(state.items)
        self.wordings = dict(state.wordings)
        self.cells = dict(state.cells)
        self.newest = dict(state.newest)
        self.pins = dict(state.pins)
        self.opened = dict(state.opened)
        self.answered = dict(state.answered)

    def live(self, address: Address) -> Address | None:
        """Return where an item is now: itself, or what it was merged into; None if triage doesn't know."""
        for _ in range(MOST_FOLLOWED):
            known = self.items.get(address)
            if known is None:
                return None
            standing = known.standing.value
            if standing.status != "merged" or not standing.into:
                return address
            address = Address(address.project, standing.into)
        return None

    def life(self, project: str) -> timedelta:
        """Return how long after its last feedback an item of the project expires."""
        known = self.state.files.get(project)
        return timedelta(days=known.file.expire_after_days) if known else UNSAID_LIFE

    def customers(self, project: str) -> Mapping[str, float]:
        """Return what the project's customers weigh."""
        known = self.state.files.get(project)
        return known.file.customers if known else {}


class Turn:
    """One event's decision in the making: what it relies on, and what it changes.

    Each changed item and statement is written once a turn, guarded by its version; tallies follow from how an item
    stood before and stands after.
    """

    def __init__(self, board: Board, event: Event[Payload]) -> None:
        self.board = board
        self.event = event
        self.guards: list[Guard] = []
        self.effects: list[Effect] = []
        self.before: dict[Address, Known | None] = {}
        self._statements: dict[Address, int] = {}
        self._wordings: dict[Address, int] = {}

    def item(self, address: Address) -> Standing:
        """Return how an item stands now; it must be on the board."""
        return self.board.items[address].standing.value

    def change(self, address: Address, **update: Any) -> Standing:
        """Let an item stand like this from now on."""
        known = self.board.items[address]
        return self.put(address, known.standing.value.model_copy(update=update), known.tally)

    def put(self, address: Address, standing: Standing, tally: Mapping[str, int]) -> Standing:
        """Let an item stand like this from now on, and let this be said of it; one that was unknown is opened."""
        before = self.before.setdefault(address, self.board.items.get(address))
        version = before.standing.version + 1 if before else 1
        is_tallied = before is not None or tally != {standing.opener: 1}
        self.board.items[address] = Known(Versioned(version, standing), tally, is_tallied)
        return standing

    def put_statement(self, address: Address, statement: Statement) -> None:
        """Let a statement be part of the item that it names."""
        known = self.board.statements.get(address)
        self._statements.setdefault(address, known.version if known else 0)
        self.board.statements[address] = Versioned(self._statements[address] + 1, statement)

    def put_wording(self, address: Address, wording: Wording) -> None:
        """Keep the wording of an item, or of a statement that joined one."""
        known = self.board.wordings.get(address)
        self._wordings.setdefault(address, known.version if known else 0)
        self.board.wordings[address] = Versioned(self._wordings[address] + 1, wording)

    def rely_on(self, address: Address) -> None:
        """Hold only while the statement is still as it was read."""
        known = self.board.statements.get(address)
        self.guards.append(statements.of(address.project).version_is(address.name, known.version if known else 0))

    def place(self, project: str, feedback: str, placement: Placement) -> None:
        """Remember where a piece of feedback is."""
        key = story_key(project, feedback)
        self.board.placed[key] = placement
        self.effects += placements.put(key, placement.written, self.board.now)

    def list_item(self, address: Address, own: Sequence[str]) -> None:
        """Put an item into those of these cells that have room, behind who came first, so that its like finds it.

        A cell must still be as it was read when this is committed: of two that are decided about at once, the second is
        decided again and finds the first.
        """
        board, newest = self.board, cells.newest(self.board.now)
        values: dict[str, str] = {}
        for cell in dict.fromkeys(own):
            holders = dict.fromkeys([*holders_of(board.cells, cell), address.name])
            if len(holders) <= MOST_HOLDERS:
                read, values[cell] = board.newest.get(cell), held_by(holders)
                self.guards.append(newest.lacks(cell) if read is None else newest.is_(cell, read))
        if values:
            board.cells |= values
            board.newest |= values
            self.effects += cells.put_many(values, board.now)

    def crowd(self, project: str, feedback: FeedbackAccepted) -> float:
        """Count an item for who opens it, and return how much less it weighs for all that they opened today.

        The count isn't guarded: what colleagues open at the same time may weigh a little more.
        """
        counts = []
        table = opened.of(day_of(self.board.now))
        for name in crowds(project, feedback):
            self.board.opened[name] = self.board.opened.get(name, 0) + 1
            counts.append(self.board.opened[name])
            self.effects.append(table.add(name))
        if not counts:
            return 1.0
        if counts[0] == 1:
            self.effects.append(table.vanish_at(self.board.now + timedelta(days=2)))
        return crowd_of(*counts)

    def tell(self, data: Payload) -> None:
        """Emit an event."""
        self.effects.append(emit(data))

    def decision(self) -> Commit:
        """Return what all this comes to."""
        writes: list[Effect] = []
        for address, version in self._statements.items():
            table, statement = statements.of(address.project), self.board.statements[address]
            self.guards.append(table.version_is(address.name, version))
            writes.append(table.put(address.name, statement.value, statement.version))
        for address in self._wordings:
            wording = self.board.wordings[address]
            writes.append(wordings.of(address.project).put(address.name, wording.value, wording.version))
        for address, before in self.before.items():
            known = self.board.items[address]
            self.guards.append(standings.version_is(address.field, before.standing.version if before else 0))
            writes.append(standings.put(address.field, known.standing.value, known.standing.version))
            writes += _tallied(address, before, known)
            writes += _lost(before.standing.value if before else None, known.standing.value)
            writes += self._pinned(before.standing.value if before else None, known.standing.value)
        return Commit(self.guards, [*writes, *self.effects])

    def _pinned(self, before: Standing | None, after: Standing) -> Iterator[Write]:
        """Count the open items that are pinned."""
        delta = _is_pinned(after) - _is_pinned(before)
        if delta:
            self.board.pins[after.project] = self.board.pins.get(after.project, 0) + delta
            yield pins.add(after.project, delta)


def voices_of(tally: Mapping[str, int]) -> frozenset[str]:
    """Return who said any of it, as far as that is told apart."""
    return frozenset(voice for voice in (entry.partition("/")[2] for entry in tally) if voice != BEYOND)


def entry_of(statement: str, voice: str) -> str:
    """Return what a tally counts by: that a voice said a statement."""
    return f"{statement}/{voice}"


def severities_of(standing: Standing) -> dict[str, int]:
    """Return how severe what each statement says is; an item of one statement is as severe as that."""
    known = int(standing.factors.get("severity", 1.0))
    return {name: standing.severities.get(name, known) for name in standing.statements}


def weight_of(standing: Standing, tally: Mapping[str, int], severity: float, board: Board) -> dict[str, Any]:
    """Return how an item weighs by what was said of it, as fields of its standing."""
    voices = voices_of(tally)
    found = factors(
        severity=int(severity),
        voices=voices,
        novelty=standing.factors.get("novelty", 1.0),
        customers=board.customers(standing.project),
        crowd=standing.factors.get("crowd", 1.0),
    )
    return {
        "users": users_of(voices),
        "customers": customers_of(voices),
        "factors": found,
        "priority": priority(found, is_pinned=standing.pinned is not None),
    }


def _tallied(address: Address, before: Known | None, after: Known) -> Iterator[Write]:
    """Write what the tally became; where one opener is all there is, the standing tells it."""
    if not after.is_tallied:
        return
    table, stored = tallies.of(*address), before.tally if before and before.is_tallied else {}
    for entry, count in after.tally.items():
        if entry in stored and count != stored[entry]:
            yield table.add(entry, count - stored[entry])
    fresh = [(entry, count) for entry, count in after.tally.items() if entry not in stored]
    gone = [entry for entry in stored if entry not in after.tally]
    yield from (table.put_many(dict(fresh[start : start + A_WRITE])) for start in range(0, len(fresh), A_WRITE))
    yield from (table.drop(*gone[start : start + A_WRITE]) for start in range(0, len(gone), A_WRITE))


def _is_pinned(standing: Standing | None) -> bool:
    return standing is not None and standing.status == "open" and standing.pinned is not None


def _lost(before: Standing | None, after: Standing) -> Iterator[Write]:
    """Count the feedback of an item that stands expired, and no longer when it doesn't."""
    for standing, sign in ((before, -1), (after, 1)):
        if standing and standing.status == "expired" and standing.expired_as:
            yield expired.of(standing.project).add(standing.expired_as, sign * standing.events)
