"""Plans: decisions of a batch as the flat msgpack array that commit.lua takes, cut so that no call is long."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgpack

from labelwright.contracts.envelope import Event, encode
from labelwright.contracts.feedback import EventRejected
from labelwright.contracts.payload import Payload
from labelwright.contracts.work import RequestAnswered
from labelwright.engine.decisions import Decision, Effect, Emit, Guard, Reject, Write
from labelwright.identity import derive

MOST_COMMANDS = 2_000
MOST_REASON = 2_000  # characters: a reason may quote a name, and a name may be anything
MOST_BYTES = 900_000  # the server refuses above 1 MiB; msgpack's own bytes are not counted here


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of an input stream; `event` is what its one field holds."""

    stream: str
    id: bytes
    event: bytes | None


@dataclass(frozen=True, slots=True)
class Decided:
    """An entry (None for a commit that nothing caused) and its decision, with the effects' bytes made."""

    entry: Entry | None
    guards: Sequence[Guard]
    effects: Sequence[tuple[str, str, str, tuple[str | bytes, ...]]]
    """Command, letter and name of the key within the partition, arguments."""

    @property
    def commands(self) -> int:
        """How many commands the server runs for it."""
        return len(self.guards) + len(self.effects)

    @property
    def size(self) -> int:
        """About how many bytes it takes in a plan."""
        size = 64 * self.commands
        for guard in self.guards:
            size += sum(map(len, guard.args))
        for *_, arguments in self.effects:
            size += sum(map(len, arguments))
        return size


@dataclass(frozen=True, slots=True)
class Cause:
    """What emitted events inherit from the event that caused them, and the moment of the decision."""

    service: str
    event: Event[Payload]
    now: datetime


def decided(entry: Entry | None, cause: Cause, decision: Decision) -> Decided:
    """Turn a decision into what the server does. Equal causes give equal event ids, at every repetition."""
    effects = list(decision.effects)
    if isinstance(decision, Reject):
        effects.append(_rejection(entry, cause, decision))
    return Decided(entry, decision.guards, [_effect(effect, cause, number) for number, effect in enumerate(effects)])


def _rejection(entry: Entry | None, cause: Cause, reject: Reject) -> Emit:
    return Emit(
        EventRejected(
            service=cause.service,
            code=reject.code,
            reason=reject.reason[:MOST_REASON],
            stream_name=entry.stream if entry else "",
            entry=entry.id.decode() if entry else "",
            event=cause.event.id,
        )
    )


def _effect(effect: Effect, cause: Cause, number: int) -> tuple[str, str, str, tuple[str | bytes, ...]]:
    if isinstance(effect, Write):
        return effect.command, effect.key.letter, effect.key.name, effect.args
    if isinstance(effect, Emit):
        caused = _caused(cause, effect.data, number, effect.project, effect.correlation_id)
        return "XADD", "s", effect.data.stream, (encode(caused),)
    return "REPLY", "s", f"reply:{effect.asker}", (encode(_caused(cause, effect.data, number)),)


def _caused(
    cause: Cause,
    data: Payload | RequestAnswered,
    number: int,
    project: str | None = None,
    correlation_id: str | None = None,
) -> Event[Payload]:
    event = cause.event
    return Event(
        derive("event", event.source, event.id, cause.service, str(number)),
        f"/{cause.service}",
        project or event.project,
        cause.now,
        data,
        correlation_id or event.correlation_id or event.id,
        event.traceparent,
    )


@dataclass(slots=True)
class Call:
    """One FCALL: its keys, the letters of their types, and the plan."""

    prefix: str
    decided: list[Decided]
    keys: dict[tuple[str, str], int] = field(default_factory=dict)

    def arguments(self, group: str, consumer: str) -> tuple[list[str], list[str | bytes]]:
        """Return the keys, `changes` last, and the other arguments."""
        plan: list[str | bytes | int] = []
        for one in self.decided:
            entry = one.entry
            plan += (0, "") if entry is None else (self._key("s", entry.stream), entry.id)
            plan.append(len(one.guards))
            for guard in one.guards:
                plan += (guard.kind, self._key(guard.key.letter, guard.key.name), *guard.args)
            plan.append(len(one.effects))
            for command, letter, name, arguments in one.effects:
                plan += (command, self._key(letter, name), len(arguments), *arguments)
        packed = msgpack.packb(plan, use_bin_type=False, unicode_errors="surrogatepass")
        keys = [f"{self.prefix}:{name}" for _, name in self.keys]
        letters = "".join(letter for letter, _ in self.keys)
        return [*keys, f"{self.prefix}:changes"], [group, consumer, letters + "s", packed]

    def _key(self, letter: str, name: str) -> int:
        # one number a (letter, key): a key may be named as a hash and, to expire it, as any type
        return self.keys.setdefault((letter, name), len(self.keys) + 1)


def calls(prefix: str, batch: Iterable[Decided]) -> Iterator[Call]:
    """Cut a batch into calls, in order, each of at most 2,000 commands and about 1 MB."""
    chunk: list[Decided] = []
    commands = size = 0
    for one in batch:
        commands += one.commands
        size += one.size
        if chunk and (commands > MOST_COMMANDS or size > MOST_BYTES):
            yield Call(prefix, chunk)
            chunk, commands, size = [], one.commands, one.size
        chunk.append(one)
    if chunk:
        yield Call(prefix, chunk)
