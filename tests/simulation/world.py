"""A small world on a real server: publishers, two replicas of intake and of triage, the ledger's trimmer, and its laws.

Everything that touches the server is the runtime's own: stages, plans, commit.lua, dead letters. Only the order of the
commands and the accidents are the scheduler's.
"""

import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any, Final, TypeVar

import redis.asyncio as redis
import structlog
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

from labelwright import projects, topology
from labelwright.contracts.envelope import Event, decode
from labelwright.contracts.feedback import EventRejected, FeedbackAccepted, FeedbackReceived, Subject
from labelwright.contracts.items import ItemOpened
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import Guideline, LabelDefinition, ProjectFile, Source
from labelwright.engine.decisions import Decision
from labelwright.engine.tables import Versioned
from labelwright.runtime import functions, stage
from labelwright.runtime.dead import letters, replay
from labelwright.runtime.partition import Partition
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.settings import LabelwrightSettings
from labelwright.stories import Standing, placements, standings, story_key
from services.intake.decide import decide as decide_intake
from services.intake.state import load as load_intake
from services.triage.board import voices_of
from services.triage.decide import decide as decide_triage
from services.triage.priority import users_of
from services.triage.state import Address, State, as_known, tallies, wordings
from services.triage.state import load as load_triage
from tests.changes import differences
from tests.simulation.gate import Actor, Client, Gate, GatedClient

P = TypeVar("P", bound=Payload)

PROJECT: Final = "shop"
STAGES: Final = ("intake", "triage")
WATCHED: Final = ("feedback", "accepted", "items", "rejected")
SAYINGS: Final = ("the answer names the wrong year", "the link in it is broken")


class Violation(AssertionError):
    """The world broke a law."""


class Bug(Exception):
    """A decision that raises: for now, or until the release is mended."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A server of one's own: connections for the actors, and an empty database beside."""

    url: str
    pool: redis.ConnectionPool
    beside: redis.Redis

    @classmethod
    @asynccontextmanager
    async def on(cls, url: str) -> "AsyncIterator[Ground]":
        """Connect, and let nobody log meanwhile; the server's data are deleted by every schedule."""
        pool = redis.ConnectionPool.from_url(url, max_connections=64)
        before, jitter = structlog.get_config(), vars(stage)["random"]
        vars(stage)["random"] = _NoJitter()  # the order of commands must be the seed's alone
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        try:
            async with redis.Redis.from_url(f"{url.rpartition('/')[0]}/1") as beside:
                yield cls(url, pool, beside)
        finally:
            vars(stage)["random"] = jitter
            structlog.configure(**before)
            await pool.aclose()


@dataclass(frozen=True, slots=True)
class Release:
    """What runs: the server's library, whether consumers claim what the dead left, and how triage guards itself.

    Where it `guards_twice`, it hides what some mutants of the library let through.
    """

    library: str = functions.LIBRARY
    claims: bool = True
    guards_twice: bool = True


@dataclass
class Consumer:
    """One replica of a stage, as an actor."""

    service: str
    stage: Stage
    actor: Actor
    turns: int = 0
    leaving: bool = False

    def leave(self) -> None:
        """Ask it to end, in the middle of its turn."""
        self.leaving = self.stage._stopping = True


@dataclass
class Ledger:
    """What the trimmer copied before it trimmed."""

    last: dict[str, str] = field(default_factory=lambda: dict.fromkeys(WATCHED, "0-0"))
    events: dict[str, list[Event[Payload]]] = field(default_factory=lambda: {name: [] for name in WATCHED})


class World:
    """The actors of one schedule, and all that they may have done wrong."""

    def __init__(self, ground: Ground, random: Random, release: Release) -> None:
        self.client: Any = Client(ground.pool, release.library)
        self.partition = Partition(self.client, "p0")
        self.random = random
        self.release = release
        self.settings = LabelwrightSettings(
            redis_url=ground.url, claim_after_s=1e-6, batch=3, attempts=3, deliveries=6, allow_unfit_server=True
        )
        self.consumers: list[Consumer] = []
        self.others: dict[str, Actor] = {}
        self.ledger = Ledger()
        self.is_mended = False
        self._ground = ground
        self._broken: str | None = None
        self._lives: dict[str, Callable[[Partition], Coroutine[Any, Any, None]]] = {}
        self._events = list(self._told())

    async def begin(self) -> None:
        """Empty the server and let the actors live, up to their first commands."""
        await self.client.flushall()
        await functions.install(self.client)
        await self.partition.ensure_groups("intake")
        document = projects.Project(number=1, file=_project_file())
        await self.partition.write(
            "gateway", [], [projects.current.put(PROJECT, document, 1)], cause="apply", project=PROJECT
        )
        for number in range(2):
            mine = (e for at, e in enumerate(self._events) if at % 2 == number or self.random.random() < 0.4)
            self._lives[f"publisher {number}"] = partial(self._publish, deque(mine))
        self._lives["trimmer"] = self._trim
        for name in self._lives:
            await self._live(name)
        for service in ("intake", "intake"):
            await self.join(service)

    async def end(self) -> None:
        """End every actor."""
        for actor in self.actors():
            await actor.crash()

    def actors(self) -> list[Actor]:
        """Return who lives, in the order of their coming."""
        everyone = [*self.others.values(), *(consumer.actor for consumer in self.consumers)]
        return [actor for actor in everyone if not actor.is_over]

    def alive(self) -> list[Consumer]:
        """Return the consumers that live."""
        return [consumer for consumer in self.consumers if not consumer.actor.is_over]

    async def replace_the_dead(self) -> None:
        """Start anew who crashed, and a replica for each that ended."""
        for name in [name for name, actor in self.others.items() if actor.has_crashed]:
            await self._live(name)
        for consumer in [one for one in self.consumers if one.actor.is_over]:
            self.consumers.remove(consumer)
            await self.join(consumer.service)

    async def join(self, service: str) -> None:
        """Start a replica."""
        gate = Gate()
        partition = Partition(GatedClient(gate, self._ground.pool, self.release.library), "p0")
        replica = _Stage(self._service(service), partition, self.settings)
        replica._gauges_at = float("inf")
        consumer = Consumer(service, replica, Actor(service, gate, self._work(replica)))
        self.consumers.append(consumer)
        await consumer.actor.settle()

    # accidents, each one command

    async def lose_functions(self) -> None:
        """The server forgets the library."""
        await self.client.execute_command("FUNCTION FLUSH")

    async def rewind(self) -> None:
        """Somebody sets intake's group back to the beginning: everything is delivered again."""
        await self.client.execute_command("XGROUP SETID", self.partition.key("feedback"), "intake", "0")

    async def break_key(self) -> None:
        """A foreign hand makes a key of the wrong type where a decision wants to write; or takes it away again."""
        if self._broken:
            await self.mend_key()
        else:
            known = placements.newest(await self.partition.now())
            key = self.partition.key(self.random.choice([known.key.name, wordings.of(PROJECT).key.name]))
            if await self.client.set(key, "broken", nx=True):
                self._broken = key

    async def mend_key(self) -> None:
        """Take the foreign key away."""
        if self._broken:
            await self.client.delete(self._broken)
        self._broken = None

    async def backlog(self) -> int:
        """Count what intake and triage haven't finished."""
        found = await self.partition.backlog()
        return sum(found[name] for name in STAGES)

    async def replay_letters(self) -> int:
        """Mend the release and replay every dead letter that was not; how many."""
        self.is_mended = True
        before = {raw.decode() for raw in await self.client.smembers(self.partition.key("dead.replayed"))}
        fresh = [letter async for letter in letters(self.partition) if letter["letter"] not in before]
        for letter in fresh:
            await replay(self.partition, letter)
        return len(fresh)

    # the laws

    async def check(self) -> None:
        """Raise Violation unless every event had its effects exactly once and nothing is left."""
        await self._copy(self.partition)
        again = await self._replayed()
        accepted = Counter(data.feedback for data in _of(FeedbackAccepted, self.ledger.events["accepted"]))
        accepted -= Counter(data.feedback for data in _of(FeedbackAccepted, again))
        turned_away = Counter(data.event for data in _of(EventRejected, self.ledger.events["rejected"]))
        expected = {e.id for e in self._events if e.project == PROJECT}
        foreign = {e.id for e in self._events if e.project != PROJECT}
        _law("each valid event is accepted once", accepted == dict.fromkeys(expected, 1), accepted)
        _law("each foreign event is rejected once", turned_away == dict.fromkeys(foreign, 1), turned_away)
        await self._check_items(expected)
        emitted = Counter(e.id for name in WATCHED[1:] for e in self.ledger.events[name])
        emitted -= Counter(e.id for e in again)
        _law("no event is emitted twice", all(n == 1 for n in emitted.values()), emitted.most_common(3))
        _law("nothing is pending", await self.backlog() == 0)
        async for letter in letters(self.partition):
            _law("a dead letter has its reason", bool(letter["reason"] and letter["service"] in STAGES), letter)
        await self._check_changes()

    async def _replayed(self) -> list[Event[Payload]]:
        """Return the events that came once more because their dead letters were replayed."""
        done = {raw.decode() for raw in await self.client.smembers(self.partition.key("dead.replayed"))}
        return [decode(one["event"]) async for one in letters(self.partition) if one["letter"] in done]

    async def _check_items(self, expected: set[str]) -> None:
        opened = Counter(data.item for data in _of(ItemOpened, self.ledger.events["items"]))
        _law("each item is opened once", len(opened) <= len(SAYINGS) and set(opened.values()) <= {1}, opened)
        (standing,) = await (await self.partition.reads())(standings.all())
        told, known = sum(one.value.events for one in standing.values()), {one.value.item for one in standing.values()}
        _law("every item that is known was opened", known == opened.keys(), known, opened)
        _law("each accepted event counts once in its item", told == len(expected), told, len(expected))
        await self._check_tallies(standing)
        now = await self.partition.now()
        (placed,) = await (await self.partition.reads())(
            placements.get_many((story_key(PROJECT, name) for name in expected), now)
        )
        _law("each accepted event has its place", len(placed) == len(expected), len(placed), len(expected))

    async def _check_tallies(self, stood: Mapping[str, Versioned[Standing]]) -> None:
        """What an item's standing says of who said it is what its tally adds up to."""
        items = [Address(one.value.project, one.value.item) for one in stood.values()]
        tallied = await (await self.partition.reads()).many([tallies.of(*item).all() for item in items])
        for known in as_known(items, stood, tallied).values():
            standing, voices = known.standing.value, voices_of(known.tally)
            _law(
                "an item's events are its tally's", standing.events == sum(known.tally.values()), standing, known.tally
            )
            _law("an item's users are its tally's", standing.users == users_of(voices), standing, known.tally)

    async def _check_changes(self) -> None:
        """What `changes` recorded makes the very tables anew."""
        differing = await differences(self.client, self._ground.beside, self.settings)
        _law("the changes make the tables anew", not differing, differing)

    # the actors' lives

    async def _live(self, name: str) -> None:
        gate = Gate()
        partition = Partition(GatedClient(gate, self._ground.pool, self.release.library), "p0")
        self.others[name] = Actor(name, gate, self._lives[name](partition))
        await self.others[name].settle()

    async def _publish(self, left: "deque[Event[Payload]]", partition: Partition) -> None:
        while left:  # each until it was told that it arrived, and sometimes once more
            try:
                await partition.append([left[0]])
            except ConnectionLost:
                continue
            if self.random.random() < 0.8:
                left.popleft()

    async def _trim(self, partition: Partition) -> None:
        while True:
            try:
                await self._copy(partition)
                for stream, last in self.ledger.last.items():
                    readers = [name for name in topology.STREAMS[stream].readers if name in STAGES]
                    await partition.function("trim", [partition.key(stream)], [last, "1000", *readers])
            except RedisError:
                continue

    async def _copy(self, partition: Partition) -> None:
        for stream in WATCHED:
            for entry_id, fields in await partition.client.xrange(
                partition.key(stream), min=f"({self.ledger.last[stream]}"
            ):
                self.ledger.last[stream] = entry_id.decode()
                self.ledger.events[stream].append(decode(fields[b"event"]))

    async def _work(self, replica: Stage) -> None:
        consumer = next(one for one in self.consumers if one.stage is replica)
        with suppress(RedisError):  # a process that can't start, or say goodbye, ends like one that is killed
            await replica.start()
            while not consumer.leaving:
                is_claiming = self.release.claims and self.random.random() < 0.3
                replica._claim_at = 0.0 if is_claiming else float("inf")
                await replica.read_once()
                consumer.turns += 1
                if replica.fault:
                    raise replica.fault
            await replica.stop()

    def _service(self, name: str) -> Service:
        if name == "intake":
            return Service(name, load_intake, self._flaky(decide_intake))
        return Service(name, load_triage, self._flaky(decide_triage if self.release.guards_twice else _placing_blindly))

    def _flaky(self, decide: Any) -> Any:
        def decide_or_raise(batch: Sequence[Event[Payload]], state: Any) -> Iterator[Decision]:
            for event in batch:
                if not self.is_mended and (event.id.startswith("poison") or self.random.random() < 0.02):
                    raise Bug
            return iter(decide(batch, state))

        return decide_or_raise

    def _told(self) -> Iterator[Event[Payload]]:
        for number in range(14):
            feedback = FeedbackReceived(
                kind="text",
                comment=self.random.choice(SAYINGS),
                user=f"user {self.random.randrange(4)}",
                subject=Subject(type="llm_response", id=f"r{number}"),
            )
            name = "poison" if number == 5 else "event"
            project = "nobodys" if number == 7 else PROJECT
            yield Event(f"{name} {number}", "/test", project, datetime(2026, 11, 2, tzinfo=UTC), feedback)


class _NoJitter:
    """Chance of which nothing hangs."""

    def uniform(self, least: float, _most: float) -> float:
        """Wait no longer than one must."""
        return least


class _Stage(Stage):
    """A stage that doesn't wait out what it can't mend: the scheduler's order is its only clock."""

    async def _wait_out(self, error: Exception) -> None:  # noqa: ARG002  # the real one logs it
        self._inbox.doubt()


def _placing_blindly(batch: Sequence[Event[Payload]], state: State) -> Iterator[Decision]:
    """Decide as triage would if it knew no event's place, and guarded what is new by its statement alone."""
    known = {address.field for address in state.items}
    for decision in decide_triage(batch, replace(state, placed={})):
        guards = [guard for guard in decision.guards if not guard.key.name.startswith(placements.name)]
        yield replace(decision, guards=[one for one in guards if one.key != standings.key or one.args[0] in known])


def _of(kind: type[P], events: Iterable[Event[Payload]]) -> Iterator[P]:
    return (event.data for event in events if isinstance(event.data, kind))


def _law(sentence: str, holds: bool, *facts: object) -> None:
    if not holds:
        raise Violation(f"{sentence}: {', '.join(map(repr, facts))}")


def _project_file() -> ProjectFile:
    return ProjectFile(
        project=PROJECT,
        guideline=Guideline(question="Good?", labels=[LabelDefinition(name="good"), LabelDefinition(name="bad")]),
        sources=[Source(name="crowd", kind="crowd", price_usd=0.1)],
    )
