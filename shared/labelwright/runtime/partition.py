"""A partition: all keys of some projects under one hash tag, so that one call can commit what belongs together."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgpack
from redis.exceptions import ResponseError

from labelwright import stories, topology
from labelwright.contracts.envelope import Event, encode
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Commit, Effect, Guard
from labelwright.engine.reads import Reads
from labelwright.engine.tables import Command, Read
from labelwright.errors import PlanError, ServerRefuses
from labelwright.runtime import functions
from labelwright.runtime.plan import Call, Cause, decided


@dataclass(frozen=True, slots=True)
class FeedbackToPublish:
    """An event as the gateway hands it over: its id, a fingerprint of its content, and the envelope."""

    id: str
    fingerprint: str
    event: bytes


@dataclass(frozen=True, slots=True)
class Limit:
    """How fast a project may publish."""

    events_per_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class Published:
    """What became of each event, in order, and how long to wait and how many may still come."""

    statuses: list[str]
    retry_after: timedelta
    left: int


WAIT_MS = 1_000
REPLICAS_ASKED_EVERY_S = 1.0
_STATUSES = {0: "limited", 1: "accepted", 2: "duplicate", 3: "conflict"}


class _Reads:
    """Reads of one partition at one moment; see labelwright.engine.reads.Reads."""

    def __init__(self, partition: "Partition", now: datetime) -> None:
        self._partition = partition
        self.now = now
        self.chance = os.urandom(16)

    async def __call__(self, *reads: Read[Any]) -> tuple[Any, ...]:
        """Send all reads at once and return their answers in order."""
        return tuple(await self._send(reads))

    async def many(self, reads: list[Read[Any]]) -> list[Any]:
        """Send reads of one type at once and return their answers in order."""
        return await self._send(reads)

    async def _send(self, reads: Sequence[Read[Any]]) -> list[Any]:
        answers = await self._partition.ask([command for read in reads for command in read.commands])
        understood, at = [], 0
        for read in reads:
            end = at + len(read.commands)
            understood.append(read.understand(answers[at:end]))
            at = end
        return understood


class Partition:
    """One partition on the server. Errors of the server pass through as redis-py raises them."""

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name
        self.prefix = f"{{{name}}}"
        self._asked_s = float("-inf")
        self._ahead_s = 0.0
        self._replicas_asked_s = float("-inf")
        self._has_replica = False

    def key(self, name: str) -> str:
        """Return the server's key of a table or stream."""
        return f"{self.prefix}:{name}"

    async def now(self) -> datetime:
        """Return the server's time, as its last answer told it, moved on by our clock."""
        if time.monotonic() > self._asked_s + 60:
            self._learn(await self.server_time())
        return datetime.fromtimestamp(time.monotonic() + self._ahead_s, UTC)

    async def server_time(self) -> float:
        """Ask the node that holds this partition for its time, in seconds since 1970: ids are minted by its clock."""
        seconds, micros = await self.client.execute_command("TIME", **self._node())
        return int(seconds) + int(micros) / 1e6

    async def reads(self) -> Reads:
        """Return fresh reads: the server's time now, and new chance."""
        return _Reads(self, await self.now())

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Send read commands and return their raw answers; several are one call, which answers them at one moment."""
        if not commands:
            return []
        if len(commands) == 1:
            return [await self._call(self._line(commands[0]))]
        numbers: dict[str, int] = {}
        plan: list[str | int] = []
        for verb, keys, arguments in commands:
            plan += (verb, len(keys), *(numbers.setdefault(key.name, len(numbers) + 1) for key in keys))
            plan += (len(arguments), *arguments)
        packed = msgpack.packb(plan, use_bin_type=False, unicode_errors="surrogatepass")
        named = map(self.key, numbers)
        return list(await self._call(("FCALL_RO", functions.name("ask"), len(numbers), *named, packed)))

    async def commit(self, call: Call, group: str, consumer: str) -> list[int]:
        """Run one plan; one number an entry: 1 committed, 0 not ours any more, -n guard n failed.

        Raises PlanError if the server found the plan malformed; then nothing was written.
        """
        keys, arguments = call.arguments(group, consumer)
        try:
            answer = await self.function("commit", keys, arguments)
        except ResponseError as error:
            if str(error).startswith("PLAN "):
                raise PlanError(f"the server refused a plan of {group!r}: {error}; a decision has a bug") from None
            raise
        self._learn(int(answer[0]) / 1000)
        return [int(number) for number in answer[1:]]

    async def write(
        self,
        service: str,
        guards: Sequence[Guard],
        effects: Sequence[Effect],
        *,
        cause: str,
        project: str,
        correlation_id: str = "",
    ) -> bool:
        """Commit something that no entry caused, all or nothing; False if a guard failed.

        `cause` is the id of what made it happen (a request): emitted events' ids derive from it.
        """
        now = await self.now()
        event: Event[Payload] = Event(cause, f"/{service}", project, now, Payload(), correlation_id)
        one = decided(None, Cause(service, event, now), Commit(guards, effects))
        (answer,) = await self.commit(Call(self.prefix, [one]), service, "")
        return answer == 1

    async def append(self, events: Sequence[Event[Payload]]) -> None:
        """Add events to the streams of their contracts in one round trip."""
        pipeline = self.client.pipeline(transaction=False)
        for event in events:
            pipeline.execute_command("XADD", self.key(event.data.stream), "*", "event", encode(event))
        await pipeline.execute()

    async def publish(self, project: str, events: Sequence[FeedbackToPublish], limit: Limit) -> Published:
        """Take feedback in: rate limit, once per id, and the write, in one call.

        202 may be said when this returns: the events are in the stream (see docs/guides/durability.md for `fsync`), and
        where the server has a replica, one has received them. Raises ServerRefuses where none says so in time: the
        events may have been taken, and sent again they are duplicates.
        """
        now = await self.now()
        registers = stories.received.get_many(["-"], now).commands
        newest_last = [self.key(command[1][0].name) for command in registers]
        (_, vanish) = stories.received.put("-", "", now)
        arguments: list[str | bytes] = [str(1e6 / limit.events_per_s), str(limit.burst), vanish.args[0]]
        for one in events:
            arguments += (stories.story_key(project, one.id), one.fingerprint, one.event)
        keys = [self.key(f"gateway.rate:{project}"), self.key("feedback"), self.key("changes"), *newest_last[::-1]]
        answer = await self._replicated(("FCALL", functions.name("publish"), len(keys), *keys, *arguments))
        statuses = [_STATUSES[int(number)] for number in answer[2:]]
        return Published(statuses, timedelta(milliseconds=int(answer[0])), int(answer[1]))

    async def function(self, name: str, keys: Sequence[str], arguments: Sequence[str | bytes]) -> Any:
        """Call a function of commit.lua, loading the library if the server lost it."""
        return await self._call(("FCALL", functions.name(name), len(keys), *keys, *arguments))

    async def ensure_groups(self, service: str) -> int:
        """Create a service's consumer groups where they are missing, from the stream's beginning; how many were."""
        created = 0
        for stream in topology.inputs(service):
            try:
                await self.client.xgroup_create(self.key(stream), service, id="0", mkstream=True)
                created += 1
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
        return created

    async def backlog(self) -> dict[str, int]:
        """Count by service the entries that it hasn't finished: not delivered yet, or pending."""
        found = dict.fromkeys(topology.STAGES, 0)
        for service in found:
            for stream in topology.inputs(service):
                found[service] += (await self.unfinished(stream)).get(service, 0)
        return found

    async def unfinished(self, stream: str) -> dict[str, int]:
        """Count by consumer group what a stream's groups haven't finished."""
        try:
            groups = await self.client.xinfo_groups(self.key(stream))
        except ResponseError:
            return {}
        counts = {}
        for group in groups:
            lag = group["lag"]
            if lag is None:  # the server lost count (entries were deleted by hand, or the group was moved)
                after = group["last-delivered-id"].decode()
                lag = len(await self.client.xrange(self.key(stream), min=f"({after}", count=10_000))
            counts[group["name"].decode()] = lag + group["pending"]
        return counts

    def _learn(self, server_s: float) -> None:
        self._asked_s = time.monotonic()
        self._ahead_s = server_s - self._asked_s

    def _line(self, command: Command) -> tuple[Any, ...]:
        verb, keys, arguments = command
        named = [self.key(key.name) for key in keys]
        if verb.islower():
            return ("FCALL_RO", functions.name(verb), len(named), *named, *arguments)
        return (verb, *named, *arguments)

    async def _call(self, line: Sequence[Any]) -> Any:
        try:
            return await self.client.execute_command(*line)
        except ResponseError as error:
            if not _function_is_missing(error):
                raise
            await functions.install(self.client)
            return await self.client.execute_command(*line)

    async def _replicated(self, line: Sequence[Any]) -> Any:
        """Run a write; where the server has a replica, wait until one has received it."""
        node = self._node()
        if time.monotonic() > self._replicas_asked_s + REPLICAS_ASKED_EVERY_S:
            facts = await self.client.execute_command("INFO", "replication", **node)
            # one that still copies the whole data confirms nothing for as long as that takes
            links = [link for name, link in facts.items() if name.startswith("slave") and isinstance(link, dict)]
            self._replicas_asked_s = time.monotonic()
            self._has_replica = any(link["state"] == "online" for link in links)
        if not self._has_replica:
            return await self._call(line)
        pipeline = self.client.pipeline(transaction=False)
        pipeline.execute_command(*line, **node)
        pipeline.execute_command("WAIT", 1, WAIT_MS, **node)
        try:
            answer, received = await pipeline.execute()
        except ResponseError as error:
            if not _function_is_missing(error):
                raise
            await functions.install(self.client)
            return await self._replicated(line)
        if not received:
            self._replicas_asked_s = float("-inf")
            raise ServerRefuses(f"no replica received a write within {WAIT_MS} ms; look at the replicas' links")
        return answer

    def _node(self) -> dict[str, Any]:
        """Say where this partition's keys are, for commands that name none."""
        cluster = hasattr(self.client, "get_node_from_key")
        return {"target_nodes": self.client.get_node_from_key(self.key(""))} if cluster else {}


def _function_is_missing(error: ResponseError) -> bool:
    # at the end, for before it may stand what a user wrote; a pipeline tells it as a tuple
    return str(error).removesuffix("',)").endswith("Function not found")
