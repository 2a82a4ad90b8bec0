"""A partition in memory: tables as dictionaries, commits as the server makes them, so that a stage runs without one."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from labelwright.contracts.envelope import Event, decode
from labelwright.contracts.payload import Payload
from labelwright.contracts.work import RequestAnswered
from labelwright.engine.decisions import Decision, Guard
from labelwright.engine.tables import Command, Read, milliseconds
from labelwright.runtime.plan import Cause, Decided, Entry, decided

Load = Callable[[Sequence[Event[Payload]], Any], Awaitable[Any]]
Decide = Callable[[Sequence[Event[Payload]], Any], Iterable[Decision]]

MOST_TRIES = 20


class ModelPartition:
    """What the server holds of one partition, and the moment it is there.

    Keys that vanish do so when `now` is moved past their moment. `published` and `replies` keep all that was emitted.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.hashes: dict[str, dict[str, str]] = {}
        self.rankings: dict[str, dict[str, float]] = {}
        self.sets: dict[str, set[str]] = {}
        self.texts: dict[str, str] = {}
        self.vanishing: dict[str, int] = {}
        self.published: list[Event[Payload]] = []
        self.replies: list[tuple[str, RequestAnswered]] = []

    def copy(self) -> "ModelPartition":
        """Return another partition that holds the same tables, and of which nothing was published yet."""
        other = ModelPartition(self.now)
        other.hashes = {key: dict(fields) for key, fields in self.hashes.items()}
        other.rankings = {key: dict(scores) for key, scores in self.rankings.items()}
        other.sets = {key: set(members) for key, members in self.sets.items()}
        other.texts, other.vanishing = dict(self.texts), dict(self.vanishing)
        return other

    def reads(self, chance: bytes = b"0123456789abcdef") -> "ModelReads":
        """Return reads of the state as it is when they are asked."""
        return ModelReads(self, chance)

    def move_to(self, now: datetime) -> None:
        """Let time pass."""
        self.now = now
        for key in [key for key, moment in self.vanishing.items() if moment <= milliseconds(now)]:
            self._forget(key)

    async def handle(
        self, name: str, load: Load, decide: Decide, batch: Sequence[Event[Payload]], chance: bytes = b"0" * 16
    ) -> int:
        """Run a batch as a stage does, deciding again what a guard refused; how many decisions were made again."""
        left, conflicts = list(batch), 0
        for _ in range(MOST_TRIES):
            decisions = decide(left, await load(left, self.reads(chance)))
            left = self.commit(name, left, list(decisions))
            conflicts += len(left)
            if not left:
                return conflicts
        raise AssertionError(f"{len(left)} events of {name!r} never found their guards to hold: {left[0]!r}")

    def commit(self, name: str, batch: Sequence[Event[Payload]], decisions: Sequence[Decision]) -> list[Event[Payload]]:
        """Commit each decision whose guards hold, in order; return the events of the others.

        What a refused decision would have written, later ones relied on: their guards on it do not hold.
        """
        if len(batch) != len(decisions):
            raise AssertionError(f"{len(decisions)} decisions about {len(batch)} events; make one each")
        doubtful: set[tuple[str, str]] = set()
        pairs = zip(batch, decisions, strict=True)
        return [event for event, decision in pairs if not self._try(name, event, decision, doubtful)]

    def holds(self, guard: Guard) -> bool:  # noqa: PLR0911  # one line a kind, as in commit.lua
        """Whether a guard holds now; see commit.lua."""
        key, args = guard.key.name, guard.args
        fields, ranked = self.hashes.get(key, {}), self.rankings.get(key, {})
        match guard.kind, args:
            case "HEQ", (field, value):
                return fields.get(field) == value
            case "VER", (field, version):
                return fields.get(field, "0|").partition("|")[0] == version
            case "EXISTS" | "ABSENT", ():
                return self._exists(key) == (guard.kind == "EXISTS")
            case "KEQ", (value,):
                return self.texts.get(key) == value
            case "HHAS" | "HLACKS", (field,):
                return (field in fields) == (guard.kind == "HHAS")
            case "SHAS" | "SLACKS", (member,):
                return (member in self.sets.get(key, ())) == (guard.kind == "SHAS")
            case "ZHAS" | "ZLACKS", (member,):
                return (member in ranked) == (guard.kind == "ZHAS")
            case "ZEQ", (member, score):
                return ranked.get(member) == float(score)
            case "ZDUE", (member, score):
                return member in ranked and ranked[member] <= float(score)
            case "BELOW", (field, delta, limit):
                return int(fields.get(field, "0")) + int(delta) <= int(limit)
        raise AssertionError(f"the model knows no guard {guard!r}")

    def _try(self, name: str, event: Event[Payload], decision: Decision, doubtful: set[tuple[str, str]]) -> bool:
        entry = Entry("model", b"0-1", None)
        made: Decided = decided(entry, Cause(name, event, self.now), decision)
        relied_on = {(guard.key.name, guard.args[0]) for guard in made.guards if guard.args}
        if relied_on & doubtful or not all(map(self.holds, made.guards)):
            doubtful.update(_named(made))
            return False
        for command, _, key, arguments in made.effects:
            if command == "XADD":
                self.published.append(decode(arguments[0]))
            elif command == "REPLY":
                self.replies.append((key.removeprefix("reply:"), self._answer(arguments[0])))
            else:
                self._write(command, key, [str(argument) for argument in arguments])
                if not self._exists(key):
                    self._forget(key)
        return True

    def _exists(self, key: str) -> bool:
        return key in self.texts or any(tables.get(key) for tables in (self.hashes, self.rankings, self.sets))

    def _forget(self, key: str) -> None:
        for tables in (self.hashes, self.rankings, self.sets, self.texts, self.vanishing):
            tables.pop(key, None)

    def _answer(self, raw: str | bytes) -> RequestAnswered:
        data = decode(raw).data
        if not isinstance(data, RequestAnswered):
            raise TypeError(f"a reply carries {data.type!r}; it must carry {RequestAnswered.type!r}")
        return data

    def _write(self, command: str, key: str, args: list[str]) -> None:  # noqa: PLR0912  # one case a command
        match command:
            case "HSET":
                self.hashes.setdefault(key, {}).update(zip(args[::2], args[1::2], strict=True))
            case "HDEL":
                for field in args:
                    self.hashes.get(key, {}).pop(field, None)
            case "HINCRBY":
                fields = self.hashes.setdefault(key, {})
                fields[args[0]] = str(int(fields.get(args[0], "0")) + int(args[1]))
            case "SADD":
                self.sets.setdefault(key, set()).update(args)
            case "SREM":
                self.sets.get(key, set()).difference_update(args)
            case "ZADD":
                scores = {member: float(score) for score, member in zip(args[::2], args[1::2], strict=True)}
                self.rankings.setdefault(key, {}).update(scores)
            case "ZREM":
                for member in args:
                    self.rankings.get(key, {}).pop(member, None)
            case "SET":
                self.texts[key] = args[0]
                self.vanishing.pop(key, None)
            case "DEL":
                self._forget(key)
            case "PEXPIREAT" if int(args[0]) <= milliseconds(self.now):
                self._forget(key)
            case "PEXPIREAT" if self._exists(key):
                self.vanishing[key] = int(args[0])
            case "PEXPIREAT":
                pass  # there is nothing to forget
            case _:
                raise AssertionError(f"the model knows no command {command!r}")


class ModelReads:
    """Reads of a model, answered as the server answers them."""

    def __init__(self, partition: ModelPartition, chance: bytes) -> None:
        self._partition = partition
        self.now = partition.now
        self.chance = chance
        self.round_trips = 0

    async def __call__(self, *reads: Read[Any]) -> tuple[Any, ...]:
        """Send all reads at once and return their answers in order."""
        return tuple(await self.many(list(reads)))

    async def many(self, reads: list[Read[Any]]) -> list[Any]:
        """Send reads of one type at once and return their answers in order."""
        self.round_trips += any(read.commands for read in reads)
        return [read.understand([self._ask(command) for command in read.commands]) for read in reads]

    def _ask(self, command: Command) -> Any:  # noqa: PLR0911  # one line a command
        verb, keys, args = command
        key, model = keys[0].name, self._partition
        fields, members = model.hashes.get(key, {}), model.sets.get(key, set())
        ranked = sorted(model.rankings.get(key, {}).items(), key=lambda pair: (pair[1], pair[0]))
        match verb:
            case "HGET":
                return _bytes(fields.get(args[0]))
            case "HMGET":
                return [_bytes(fields.get(field)) for field in args]
            case "HGETALL":
                return {field.encode(): value.encode() for field, value in fields.items()}
            case "HLEN" | "ZCARD" | "SCARD":
                return len(fields) + len(ranked) + len(members)
            case "SMEMBERS":
                return [member.encode() for member in members]
            case "SMISMEMBER":
                return [int(member in members) for member in args]
            case "ZSCORE":
                return next((score for member, score in ranked if member == args[0]), None)
            case "ZRANGE":
                return _flat(ranked[int(args[0]) : int(args[1]) + 1])
            case "ZRANGEBYSCORE":
                least, most, count = float(args[0]), float(args[1]), int(args[5])
                return _flat([pair for pair in ranked if least <= pair[1] <= most][:count])
            case "first_outside":
                outside = model.sets.get(keys[1].name, set())
                return _flat([pair for pair in ranked if pair[0].partition(".")[0] not in outside][: int(args[0])])
        raise AssertionError(f"the model knows no read {verb!r}")


def counted(events: Iterable[Event[Payload]]) -> Counter[str]:
    """Count events by the name of their contract."""
    return Counter(type(event.data).__name__ for event in events)


def _named(made: Decided) -> Iterable[tuple[str, str]]:
    """Yield the fields and members that a decision writes."""
    for command, _, key, arguments in made.effects:
        first, step = {"HSET": (0, 2), "HINCRBY": (0, 2), "ZADD": (1, 2)}.get(command, (0, 1))
        yield from ((key, str(argument)) for argument in arguments[first::step])


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _flat(pairs: Iterable[tuple[str, float]]) -> list[bytes]:
    return [raw for member, score in pairs for raw in (member.encode(), repr(score).encode())]
