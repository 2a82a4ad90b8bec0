"""Let items expire that nobody labeled in time, count the signal that is lost by that, and forget what is long over."""

from datetime import timedelta
from typing import Final

from labelwright.contracts.items import ItemClosed
from labelwright.engine.decisions import emit
from labelwright.engine.tables import milliseconds
from labelwright.expiry import Reason, named
from labelwright.stories import Standing, cases, proposed, standings
from services.triage.board import Turn
from services.triage.state import Address, Due, Known, expiries, pins, statements, suitors, tallies, wordings

KNOWN_STILL: Final = timedelta(days=30)
"""How long an item is known after its time: said again, it reopens; after that the same words open a new one."""

MOST_COMMANDS: Final = 1_200
"""About how many commands one tick decides on; what else is due waits for the next."""


def clock_struck(turn: Turn) -> None:
    """Let every item whose time is up expire, unless it has a label; put off the others, and forget what is over.

    An item's time is up `expire_after_days` after its last feedback, by the project file in force. That it has no label
    is guarded: a label that is settled meanwhile is never lost to the clock, nor an item to a label that isn't there.
    """
    for address, due in turn.board.state.due.items():
        if len(turn.guards) + len(turn.effects) + 8 * len(turn.before) > MOST_COMMANDS:
            return
        _look_at(turn, address, due)


def _look_at(turn: Turn, address: Address, due: Due) -> None:
    known, now = turn.board.items.get(address), turn.board.now
    if known is None:
        turn.effects.append(expiries.drop(address.field))
        return
    standing = known.standing.value
    up = standing.last_at + turn.board.life(address.project)
    is_labeled = due.case is not None and due.case.value.status == "labeled"
    if is_labeled or standing.status not in ("open", "muted"):
        up = max(up, standing.closed_at or up) + KNOWN_STILL
    if up > now:
        turn.effects.append(expiries.put(address.field, milliseconds(up)))
        return
    turn.guards.append(cases.version_is(address.name, due.case.version if due.case else 0))
    if is_labeled or standing.status not in ("open", "muted"):
        forget(turn, address, known)
    else:
        _expire(turn, address, standing, reason_of(standing, due))


def _expire(turn: Turn, address: Address, standing: Standing, reason: Reason) -> None:
    now = turn.board.now
    days = turn.board.life(address.project) / timedelta(days=1)
    told = f"no label {days:g} days after its last feedback: {_WORDS[reason]}"
    lost_as = named(reason, now - standing.opened_at)
    turn.change(address, status="expired", closed_at=now, closed_because=told, expired_as=lost_as)
    closed = ItemClosed(
        item=standing.item,
        cause="expired",
        reason=told,
        events=standing.events,
        opened_at=standing.opened_at,
        number=turn.board.items[address].standing.version,
    )
    turn.effects += (
        expiries.put(address.field, milliseconds(now + KNOWN_STILL)),
        emit(closed, project=address.project),
    )


def forget(turn: Turn, address: Address, known: Known) -> None:
    """Drop all that is remembered of an item; what it lost stays counted."""
    board, project, standing = turn.board, address.project, known.standing.value
    del board.items[address]
    turn.guards.append(standings.version_is(address.field, known.standing.version))
    turn.effects += (
        standings.drop(address.field),
        expiries.drop(address.field),
        tallies.of(*address).vanish_at(board.now),
        suitors.of(*address).vanish_at(board.now),
        *(proposed.of(project).drop(f"{address.name}|{one.other}") for one in standing.proposals),
    )
    if standing.status == "open" and standing.pinned:
        turn.effects.append(pins.add(project, -1))
    own = () if standing.status == "merged" else standing.statements  # a merged item's went into the other
    for name in (address.name, *own):
        board.wordings.pop(Address(project, name), None)
        turn.effects.append(wordings.of(project).drop(name))
    for name in own:
        board.statements.pop(Address(project, name), None)
        turn.effects.append(statements.of(project).drop(name))


def reason_of(standing: Standing, due: Due) -> Reason:
    """Return why an item has no label by the end of its time, by what is known of who was asked and what they said."""
    if standing.muted:
        return "muted"
    case = due.case.value if due.case else None
    if case and case.status == "disputed":
        return "disputed"
    if case and case.votes:
        return "unsettled"
    return "asked_unanswered" if due.is_asked else "never_asked"


_WORDS: Final[dict[Reason, str]] = {
    "never_asked": "nobody was shown it",
    "asked_unanswered": "who was shown it didn't answer",
    "unsettled": "its answers were too few",
    "disputed": "its answers differ",
    "muted": "it was muted",
}
