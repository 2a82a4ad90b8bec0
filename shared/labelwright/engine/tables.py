"""Typed tables: a service's state in Redis, as guards, effects and reads that name no key of the server.

A table belongs to one service, the first part of its name (`dispatch.queue`): only that service writes it, anyone may
read it. `of(...)` addresses a table's part for one project or annotator. Reads describe themselves; `Reads` (in
`labelwright.engine.reads`) sends them all in one round trip.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import Any, Generic, NamedTuple, Self, TypeVar

from pydantic import BaseModel

from labelwright.engine.decisions import Guard, Key, Write

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

MOST_ARGUMENTS = 200
_SOON = timedelta(minutes=1)
"""Longer than any decision waits for its commit."""

Command = tuple[str, tuple[Key, ...], tuple[str, ...]]
"""A command of the server, or in lower case a read-only function of commit.lua; its keys; its arguments."""


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """Commands that one question needs, and how their raw answers are understood."""

    commands: tuple["Command", ...]
    understand: Callable[[list[Any]], T]


@dataclass(frozen=True, slots=True)
class Table:
    """What all tables share: a name and, maybe, the part of it that is meant."""

    name: str

    letter = "*"

    def of(self, *part: str) -> Self:
        """Return the table's part for a project, an annotator, or whatever divides it."""
        return type(self)(_part(self.name, part))

    @property
    def key(self) -> Key:
        """The key that holds this table."""
        return _key(self.letter, self.name)

    def _guard(self, kind: str, *args: str) -> Guard:
        return Guard(kind, self.key, args)

    def _write(self, command: str, *args: str) -> Write:
        return Write(command, self.key, args)

    def _read(self, command: str, args: Sequence[str], understand: Callable[[Any], T]) -> Read[T]:
        return Read(((command, (self.key,), tuple(args)),), lambda answers: understand(answers[0]))

    def vanish_at(self, moment: datetime) -> Write:
        """Forget the whole table at a moment: for what is only worth keeping a while."""
        return Write("PEXPIREAT", _key("*", self.name), (str(milliseconds(moment)),))


class Register(Table):
    """Text by field."""

    letter = "h"

    def has(self, field: str) -> Guard:
        """Hold while the field is there."""
        return self._guard("HHAS", field)

    def lacks(self, field: str) -> Guard:
        """Hold while the field is not there."""
        return self._guard("HLACKS", field)

    def is_(self, field: str, value: str) -> Guard:
        """Hold while the field has this very value."""
        return self._guard("HEQ", field, value)

    def put(self, field: str, value: str) -> Write:
        """Set the field."""
        return self._write("HSET", field, value)

    def put_many(self, values: Mapping[str, str]) -> Write:
        """Set some fields, one to a hundred of them."""
        return self._write("HSET", *chain.from_iterable(values.items()))

    def drop(self, field: str) -> Write:
        """Remove the field."""
        return self._write("HDEL", field)

    def get(self, field: str) -> Read[str | None]:
        """Read one field; None where it is not there."""
        return self._read("HGET", [field], _text)

    def get_many(self, fields: Iterable[str]) -> Read[dict[str, str]]:
        """Read the fields that are there."""
        return _by_field(self, fields, _decoded)

    def all(self) -> Read[dict[str, str]]:
        """Read the whole table; only for tables that stay small."""
        return self._read("HGETALL", [], lambda answer: {_decoded(k): _decoded(v) for k, v in _pairs(answer)})

    def size(self) -> Read[int]:
        """Count the fields."""
        return self._read("HLEN", [], int)


@dataclass(frozen=True, slots=True)
class Versioned(Generic[M]):
    """A document with the number of times it was written, so that a decision can guard what it read."""

    version: int
    value: M


@dataclass(frozen=True, slots=True)
class Documents(Table, Generic[M]):
    """Models by field, each with a version that every `put` raises by one.

    What has its default isn't stored: most of a document does. So a default must never change its meaning.
    """

    model: type[M]

    letter = "h"

    def of(self, *part: str) -> Self:
        """Return the table's part for a project, an annotator, or whatever divides it."""
        return type(self)(_part(self.name, part), self.model)

    def has(self, field: str) -> Guard:
        """Hold while there is the document."""
        return self._guard("HHAS", field)

    def version_is(self, field: str, version: int) -> Guard:
        """Hold while the document was written `version` times; 0 means that there is none."""
        return self._guard("VER", field, str(version))

    def put(self, field: str, value: M, version: int) -> Write:
        """Write the document as its `version`: one more than what was read (1 when there was none)."""
        body = value.model_dump_json(exclude_none=True, exclude_defaults=True)
        return self._write("HSET", field, f"{version}|{body}")

    def drop(self, field: str) -> Write:
        """Remove the document."""
        return self._write("HDEL", field)

    def get(self, field: str) -> Read[Versioned[M] | None]:
        """Read one document; None where there is none."""
        return self._read("HGET", [field], lambda raw: None if raw is None else self._understand(raw))

    def get_many(self, fields: Iterable[str]) -> Read[dict[str, Versioned[M]]]:
        """Read the documents that are there."""
        return _by_field(self, fields, self._understand)

    def all(self) -> Read[dict[str, Versioned[M]]]:
        """Read the whole table; only for tables that stay small."""
        return self._read("HGETALL", [], lambda raw: {_decoded(k): self._understand(v) for k, v in _pairs(raw)})

    def size(self) -> Read[int]:
        """Count the documents."""
        return self._read("HLEN", [], int)

    def _understand(self, raw: bytes) -> Versioned[M]:
        version, _, body = raw.partition(b"|")
        return Versioned(int(version), self.model.model_validate_json(body))


class Ranking(Table):
    """Members by score, least first."""

    letter = "z"

    def has(self, member: str) -> Guard:
        """Hold while the member is ranked."""
        return self._guard("ZHAS", member)

    def lacks(self, member: str) -> Guard:
        """Hold while the member is not ranked."""
        return self._guard("ZLACKS", member)

    def score_is(self, member: str, score: float) -> Guard:
        """Hold while the member has this score."""
        return self._guard("ZEQ", member, decimal(score))

    def due(self, member: str, score: float) -> Guard:
        """Hold while the member's score is at most this."""
        return self._guard("ZDUE", member, decimal(score))

    def put(self, member: str, score: float) -> Write:
        """Rank the member, or rank it anew."""
        return self._write("ZADD", decimal(score), member)

    def drop(self, member: str) -> Write:
        """Take the member out."""
        return self._write("ZREM", member)

    def first(self, count: int) -> Read[list[tuple[str, float]]]:
        """Read the `count` members of least score, with their scores."""
        return self._read("ZRANGE", ["0", str(count - 1), "WITHSCORES"], _scored)

    def first_outside(self, seen: "Members", count: int) -> Read[list[tuple[str, float]]]:
        """Read the `count` members of least score whose part before the first dot is not in `seen`.

        The server walks at most 10,000 members; a ranking of tasks `<item>.<n>` is filtered by items in this way.
        """
        return Read((("first_outside", (self.key, seen.key), (str(count),)),), lambda raw: _scored(raw[0]))

    def up_to(self, score: float, count: int) -> Read[list[tuple[str, float]]]:
        """Read at most `count` members whose score is at most `score`, least first."""
        limits = ["-inf", decimal(score), "WITHSCORES", "LIMIT", "0", str(count)]
        return self._read("ZRANGEBYSCORE", limits, _scored)

    def from_score(self, score: float, count: int) -> Read[list[tuple[str, float]]]:
        """Read at most `count` members whose score is at least `score`, least first."""
        limits = [decimal(score), "+inf", "WITHSCORES", "LIMIT", "0", str(count)]
        return self._read("ZRANGEBYSCORE", limits, _scored)

    def score(self, member: str) -> Read[float | None]:
        """Read one member's score; None where it is not ranked."""
        return self._read("ZSCORE", [member], lambda raw: None if raw is None else float(raw))

    def size(self) -> Read[int]:
        """Count the members."""
        return self._read("ZCARD", [], int)


class Members(Table):
    """A set."""

    letter = "S"

    def has(self, member: str) -> Guard:
        """Hold while the member is in the set."""
        return self._guard("SHAS", member)

    def lacks(self, member: str) -> Guard:
        """Hold while the member is not in the set."""
        return self._guard("SLACKS", member)

    def put(self, *members: str) -> Write:
        """Add members."""
        return self._write("SADD", *members)

    def drop(self, *members: str) -> Write:
        """Remove members."""
        return self._write("SREM", *members)

    def all(self) -> Read[frozenset[str]]:
        """Read the whole set."""
        return self._read("SMEMBERS", [], lambda raw: frozenset(map(_decoded, raw)))

    def among(self, candidates: Iterable[str]) -> Read[frozenset[str]]:
        """Read which of the candidates are in the set."""
        asked = list(dict.fromkeys(candidates))
        parts = tuple(("SMISMEMBER", (self.key,), tuple(chunk)) for chunk in _chunks(asked))
        return Read(parts, lambda raw: frozenset(m for m, there in zip(asked, _flat(raw), strict=True) if int(there)))

    def size(self) -> Read[int]:
        """Count the members."""
        return self._read("SCARD", [], int)


class Counter(Table):
    """Whole numbers by field; an absent field counts 0."""

    letter = "h"

    def below(self, field: str, delta: int, limit: int) -> Guard:
        """Hold while the count plus `delta` is at most `limit`."""
        return self._guard("BELOW", field, str(delta), str(limit))

    def add(self, field: str, delta: int = 1) -> Write:
        """Add to the count."""
        return self._write("HINCRBY", field, str(delta))

    def put_many(self, counts: Mapping[str, int]) -> Write:
        """Let some counts, one to a hundred of them, be these."""
        return self._write("HSET", *chain.from_iterable((field, str(count)) for field, count in counts.items()))

    def drop(self, *fields: str) -> Write:
        """Count these as 0 again."""
        return self._write("HDEL", *fields)

    def get(self, field: str) -> Read[int]:
        """Read one count."""
        return self._read("HGET", [field], lambda raw: int(raw or 0))

    def get_many(self, fields: Iterable[str]) -> Read[dict[str, int]]:
        """Read the counts that there are."""
        return _by_field(self, fields, int)

    def all(self) -> Read[dict[str, int]]:
        """Read every count."""
        return self._read("HGETALL", [], lambda raw: {_decoded(field): int(count) for field, count in _pairs(raw)})


class Remembered(NamedTuple):
    """A text as a window holds it, and how many periods ago it was put there."""

    value: str
    age: int


@dataclass(frozen=True, slots=True)
class Window:
    """Text by field, remembered for `keep` periods: one register a period, each of which vanishes whole.

    A field put at any time is found for at least `period * (keep - 1)` and at most `period * keep`.
    """

    name: str
    period: timedelta
    keep: int

    def newest(self, now: datetime) -> Register:
        """Return the register that is written now: what others put since a read can only be there."""
        return _periods(self, now)[0][0]

    def lacks(self, field: str, now: datetime) -> list[Guard]:
        """Hold while no period that is still remembered has the field.

        Near a period's end a colleague may have gone on into the next one already: then that one is looked at, too.
        """
        soon = min(self.period, _SOON)
        registers = dict.fromkeys([*_periods(self, now + soon)[0][:1], *_periods(self, now)[0]])
        return [register.lacks(field) for register in registers]

    def put(self, field: str, value: str, now: datetime) -> list[Write]:
        """Remember the field from now on."""
        return self.put_many({field: value}, now)

    def put_many(self, values: Mapping[str, str], now: datetime) -> list[Write]:
        """Remember some fields from now on, one to a hundred of them."""
        registers, vanish = _periods(self, now)
        return [registers[0].put_many(values), vanish]

    def still(self, field: str, found: Remembered | None, now: datetime) -> list[Guard]:
        """Hold while the latest value is the one that `find_many` found at `now` (None: while there is none).

        A colleague may have gone on into the next period already, so that one is looked at, too.
        """
        registers = [*_periods(self, now + self.period)[0][:1], *_periods(self, now)[0]]
        if found is None:
            return [register.lacks(field) for register in registers]
        newer, holder = registers[: found.age + 1], registers[found.age + 1]
        return [*(register.lacks(field) for register in newer), holder.is_(field, found.value)]

    def get_many(self, fields: Iterable[str], now: datetime) -> Read[dict[str, str]]:
        """Read the fields that are remembered; the latest value where several are."""
        read = self.find_many(fields, now)
        return Read(read.commands, lambda raw: {field: found.value for field, found in read.understand(raw).items()})

    def find_many(self, fields: Iterable[str], now: datetime) -> Read[dict[str, Remembered]]:
        """Read the fields that are remembered, with the age of what is found; the latest where several are."""
        asked = list(dict.fromkeys(fields))
        registers, _ = _periods(self, now)
        reads = [register.get_many(asked) for register in reversed(registers)]
        commands = tuple(command for read in reads for command in read.commands)

        def understand(raw: list[Any]) -> dict[str, Remembered]:
            found: dict[str, Remembered] = {}
            for age, read in zip(reversed(range(len(reads))), reads, strict=True):
                values = read.understand(raw[: len(read.commands)])
                found |= {field: Remembered(value, age) for field, value in values.items()}
                raw = raw[len(read.commands) :]
            return found

        return Read(commands, understand)


@lru_cache(maxsize=256)  # a batch has one moment
def _periods(window: Window, now: datetime) -> tuple[Sequence[Register], Write]:
    """Return a register for each period that is remembered, newest first, and how the newest vanishes."""
    period_s = window.period.total_seconds()
    slot = int(now.timestamp() // period_s)
    registers = [Register(f"{window.name}:{slot - age}") for age in range(window.keep)]
    return registers, registers[0].vanish_at(datetime.fromtimestamp((slot + window.keep) * period_s, UTC))


@lru_cache(maxsize=8_192)  # load, guards and effects of a batch name the same few parts again and again
def _part(name: str, part: tuple[str, ...]) -> str:
    escaped = (piece.replace("%", "%25").replace(":", "%3A") for piece in part)
    return ":".join((name, *escaped))


@lru_cache(maxsize=8_192)
def _key(letter: str, name: str) -> Key:
    return Key(letter, name)


def milliseconds(moment: datetime) -> int:
    """Return Unix milliseconds, the server's unit of time."""
    return round(moment.timestamp() * 1000)


def decimal(number: float) -> str:
    """Write a finite number so that every server reads the same one: shortest decimal digits, no exponent."""
    text = repr(float(number))
    return format(Decimal(text), "f") if "e" in text else text


def _by_field(table: Table, fields: Iterable[str], understand: Callable[[bytes], T]) -> Read[dict[str, T]]:
    asked = list(dict.fromkeys(fields))
    parts = tuple(("HMGET", (table.key,), tuple(chunk)) for chunk in _chunks(asked))
    return Read(
        parts,
        lambda raw: {f: understand(v) for f, v in zip(asked, _flat(raw), strict=True) if v is not None},
    )


def _chunks(values: list[str]) -> Iterable[list[str]]:
    return (values[start : start + MOST_ARGUMENTS] for start in range(0, len(values), MOST_ARGUMENTS))


def _flat(answers: list[Any]) -> list[Any]:
    return [value for answer in answers for value in answer]


def _pairs(answer: Any) -> Iterable[tuple[bytes, bytes]]:
    """Understand a map in either protocol: RESP3 answers a dict, RESP2 a flat list."""
    return answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)


def _scored(answer: Any) -> list[tuple[str, float]]:
    """Understand scored members in either protocol: pairs in RESP3, a flat list in RESP2."""
    pairs = (
        answer if not answer or isinstance(answer[0], (list, tuple)) else zip(answer[::2], answer[1::2], strict=True)
    )
    return [(_decoded(member), float(score)) for member, score in pairs]


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else _decoded(raw)
