"""Decisions: what a service answers to an event, as data that the runtime commits atomically."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from labelwright.contracts.payload import Payload
from labelwright.contracts.work import RequestAnswered


@dataclass(frozen=True, slots=True)
class Key:
    """A table's key without its partition. `letter` is the server's type: h, z, S, k; * for any."""

    letter: str
    name: str


@dataclass(frozen=True, slots=True)
class Guard:
    """What must still be so when the decision is committed; see commit.lua for the kinds."""

    kind: str
    key: Key
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Write:
    """One command on one key of a table; see commit.lua for the commands."""

    command: str
    key: Key
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Emit:
    """An event to publish. Project and correlation are the causing event's unless they are named."""

    data: Payload
    project: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to the process that asked; it goes to that process's own short-lived stream, not to the ledger."""

    asker: str
    data: RequestAnswered


Effect = Write | Emit | Reply


@dataclass(frozen=True, slots=True)
class Commit:
    """Do these effects, once, if all guards hold; else decide again on fresh state."""

    guards: Sequence[Guard] = ()
    effects: Sequence[Effect] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """The event is bad: say so in `rejected`. `code` is a short constant that is counted, `reason` one sentence."""

    code: str
    reason: str
    guards: Sequence[Guard] = ()
    effects: Sequence[Effect] = field(default=())


Decision = Commit | Reject


def emit(data: Payload, *, project: str | None = None, correlation_id: str | None = None) -> Emit:
    """Publish an event to the stream of its contract."""
    return Emit(data, project, correlation_id)


def reply(asker: str | None, data: RequestAnswered) -> list[Effect]:
    """Answer the process that asked, if it waits for an answer."""
    return [Reply(asker, data)] if asker else []
