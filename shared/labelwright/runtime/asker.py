"""Request and reply: how a process asks dispatch or triage, and hears the answer on a stream of its own."""

import asyncio
import os
from datetime import timedelta
from typing import Any, Final, Self

from redis.exceptions import RedisError

from labelwright.contracts import curation, work
from labelwright.contracts.envelope import FIELD, Event, decode
from labelwright.contracts.work import RequestAnswered
from labelwright.errors import ContractError
from labelwright.identity import derive
from labelwright.logs import logger
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server, refusing

Request = (
    work.LeaseRequested
    | work.HeartbeatSent
    | work.ReleaseRequested
    | work.AnnotationSubmitted
    | work.RetractionRequested
    | curation.Request
)
LISTEN_MS: Final = 1_000
MOST_TOLD: Final = 10_000
ASK_AGAIN_S: Final = 3.0  # an answer may be lost with the server's last moments; requests are idempotent


class Asker:
    """Asks on behalf of many waiting requests; one reply stream a partition, for this process alone.

    Use as `async with Asker(server) as asker`. A request that got its lease but lost its waiter is released at once.
    """

    def __init__(self, server: Server) -> None:
        self.name = f"asker-{os.urandom(8).hex()}"
        self._server = server
        self._waiting: dict[str, list[asyncio.Future[RequestAnswered]]] = {}
        self._tails: dict[str, asyncio.Task[None]] = {}
        self._listening: dict[str, asyncio.Event] = {}
        self._told: dict[str, None] = {}

    async def __aenter__(self) -> Self:
        """Be ready; the reply streams are opened when they are first needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening; the server forgets the reply streams by itself."""
        for tail in self._tails.values():
            while not tail.done():  # Python 3.11's wait_for swallows a cancellation that comes while redis-py sends
                tail.cancel()
                await asyncio.wait([tail], timeout=1)

    async def ask(self, project: str, request: Request, *, timeout: timedelta) -> RequestAnswered | None:  # noqa: ASYNC109  # it is part of the question
        """Put a request and wait for its answer; None if none came in time.

        `request.request` names the request for ever: asking again with the same one gives the same answer.
        Raises ServerRefuses while the server can't take it.
        """
        partition = await self._server.partition_of(project)
        if partition is None:
            return RequestAnswered(
                request=request.request,
                status=404,
                code="unknown_project",
                detail=f"there is no project {project!r}; apply its project file first",
            )
        await self._listen(partition)
        answer: asyncio.Future[RequestAnswered] = asyncio.get_running_loop().create_future()
        waiters = self._waiting.setdefault(request.request, [])  # several callers may wait for the same request
        waiters.append(answer)
        deadline = asyncio.get_running_loop().time() + timeout.total_seconds()
        attempt = 0
        try:
            while (left := deadline - asyncio.get_running_loop().time()) > 0:
                await self._send(partition, project, request, attempt)
                attempt += 1
                patience = left if isinstance(request, work.LeaseRequested) else min(left, ASK_AGAIN_S)
                done, _ = await asyncio.wait({answer}, timeout=patience)
                if done:
                    return answer.result()
            return None
        finally:
            waiters.remove(answer)
            if not waiters:
                del self._waiting[request.request]

    async def _send(self, partition: Partition, project: str, request: Request, attempt: int) -> None:
        identity = derive("event", self.name, request.request, str(attempt))
        with refusing():
            event = Event(identity, f"/{self.name}", project, await partition.now(), request)
            await partition.append([event])

    async def _listen(self, partition: Partition) -> None:
        tail = self._tails.get(partition.name)
        if tail is None or tail.done():
            self._listening[partition.name] = asyncio.Event()
            self._tails[partition.name] = asyncio.create_task(self._tail(partition))
        await self._listening[partition.name].wait()

    async def _tail(self, partition: Partition) -> None:
        key, last = partition.key(f"reply:{self.name}"), "0"
        self._listening[partition.name].set()
        while True:
            try:
                answer = await partition.client.xread({key: last}, block=LISTEN_MS, count=500)
                pairs: Any = answer.items() if isinstance(answer, dict) else answer or ()
                for _, found in pairs:
                    rows = found[0] if len(found) == 1 and isinstance(found[0], list) else found
                    for row in rows:
                        last = row[0].decode()
                        await self._hear(partition, row[1].get(FIELD))
                    ms, _, number = last.partition("-")
                    behind = f"{ms}-{int(number) + 1}"  # what was heard goes at once: people's words are in it
                    await partition.client.xtrim(key, minid=behind, approximate=False)
            except RedisError as error:
                logger().warning("replies.interrupted", kind=type(error).__name__)
                await asyncio.sleep(0.2)

    async def _hear(self, partition: Partition, raw: bytes | None) -> None:
        try:
            event = decode(raw)
        except ContractError as error:
            logger().error("reply.unreadable", reason=error.code)
            return
        answered = event.data
        if not isinstance(answered, RequestAnswered):
            return
        waiters = self._waiting.get(answered.request, ())
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(answered)
        if waiters:
            self._told[answered.request] = (
                None  # who asked twice is answered twice: the second answer is nobody's to miss
            )
            if len(self._told) > MOST_TOLD:
                del self._told[next(iter(self._told))]
        elif "token" in answered.body and answered.request not in self._told:
            await self._give_back(partition, event.project, answered)

    async def _give_back(self, partition: Partition, project: str, answered: RequestAnswered) -> None:
        """Release a lease that nobody waits for any more, so that its task isn't idle until it expires."""
        body = answered.body
        release = work.ReleaseRequested(
            request=derive("request", answered.request, "abandoned"),
            assignment=body["assignment"],
            token=body["token"],
            annotator=body["annotator"],
            reason="abandoned",
        )
        identity = derive("event", self.name, release.request)
        await partition.append([Event(identity, f"/{self.name}", project, await partition.now(), release)])
