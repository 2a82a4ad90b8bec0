"""Gates: every command of every actor waits here until the scheduler lets it through, and says what becomes of it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar

import redis.asyncio as redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

A = TypeVar("A")


class Fate(Enum):
    """What becomes of a command, and of who sent it."""

    ANSWERED = auto()
    REPLY_LOST = auto()
    SENDER_DIES_BEFORE = auto()
    SENDER_DIES_AFTER = auto()


@dataclass(frozen=True, slots=True)
class Command:
    """A command that waits to be sent, and where its answer goes."""

    send: Callable[[], Awaitable[Any]]
    answer: "asyncio.Future[Any]"


class Gate:
    """Where one actor's commands wait; it may have two, when it reads ahead while it commits."""

    def __init__(self) -> None:
        self.waiting: list[Command] = []

    async def __call__(self, send: Callable[[], Awaitable[A]]) -> A:
        """Wait until the scheduler has sent the command; its answer."""
        command = Command(send, asyncio.get_running_loop().create_future())
        self.waiting.append(command)
        answer: A = await command.answer
        return answer


class Actor:
    """A coroutine that the scheduler moves on by one command a step."""

    def __init__(self, name: str, gate: Gate, life: Coroutine[Any, Any, None]) -> None:
        self.name = name
        self.has_crashed = False
        self._gate = gate
        self._task = asyncio.create_task(life)

    @property
    def is_over(self) -> bool:
        """Whether it ended or crashed."""
        return self._task.done()

    @property
    def commands(self) -> int:
        """How many of its commands wait."""
        return len(self._gate.waiting)

    async def settle(self) -> None:
        """Wait until nothing moves but at the scheduler's word. Raises what the actor ended by, but for a crash."""
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]  # private: what could still run
        while ready:  # noqa: ASYNC110  # no event tells that nothing runs any more
            await asyncio.sleep(0)
        if self.is_over and not self.has_crashed:
            self._task.result()

    async def step(self, fate: Fate = Fate.ANSWERED, which: int = 0) -> None:
        """Let one of its commands through and wait for what follows."""
        command = self._gate.waiting.pop(which)
        if fate is not Fate.SENDER_DIES_BEFORE:
            try:
                answer = await command.send()
            except RedisError as error:
                command.answer.set_exception(error)
            else:
                if fate is Fate.REPLY_LOST:
                    command.answer.set_exception(ConnectionLost("the reply was lost"))
                elif fate is Fate.ANSWERED:
                    command.answer.set_result(answer)
        if fate in (Fate.SENDER_DIES_BEFORE, Fate.SENDER_DIES_AFTER):
            await self.crash()
        await self.settle()

    async def crash(self) -> None:
        """Kill it: none of its commands is sent any more."""
        self.has_crashed = True
        self._task.cancel()
        for command in self._gate.waiting:
            command.answer.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._gate.waiting.clear()


class Client(redis.Redis):
    """A client that never blocks on the server, and loads the library under test."""

    def __init__(self, pool: redis.ConnectionPool, library: str) -> None:
        super().__init__(connection_pool=pool)
        self._library = library

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command."""
        line = args
        if args[0] == "FUNCTION LOAD":
            line = (*args[:-1], self._library)
        elif b"BLOCK" in args:
            block = args.index(b"BLOCK")
            line = (*args[:block], *args[block + 2 :])
        send: Any = super().execute_command
        return await send(*line, **options)


class GatedClient(Client):
    """A client whose commands wait at a gate."""

    def __init__(self, gate: Gate, pool: redis.ConnectionPool, library: str) -> None:
        super().__init__(pool, library)
        self._gate = gate

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command through the gate."""
        send = super().execute_command
        return await self._gate(lambda: send(*args, **options))

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "GatedPipeline":
        """Return a pipeline that passes the gate as one command."""
        return GatedPipeline(self._gate, self.connection_pool, self.response_callbacks, transaction, shard_hint)


class GatedPipeline(Pipeline):
    """A pipeline that passes the gate as one command."""

    def __init__(self, gate: Gate, *args: Any) -> None:
        super().__init__(*args)
        self._gate = gate

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Send all at once through the gate."""
        send = super().execute
        return await self._gate(lambda: send(raise_on_error))
