"""202 is said where a replica has received the event, if the server has one at all."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from labelwright.errors import ServerRefuses
from labelwright.runtime.embedded import Embedded, free_port
from labelwright.runtime.partition import FeedbackToPublish, Limit
from labelwright.runtime.server import Server
from labelwright.settings import LabelwrightSettings
from tests.conftest import SECRET, until
from tests.installation import event, installed

pytestmark = [pytest.mark.server, pytest.mark.anyio]


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Embedded]:
    # a replica that only just came gets the whole data at once, rather than after five seconds of waiting for others
    server = Embedded(tmp_path / "primary", options=("--repl-diskless-sync-delay", "0")).start()
    yield server
    server.kill()


@pytest.fixture
def replica(tmp_path: Path, primary: Embedded) -> Iterator[Embedded]:
    options = ("--replicaof", "127.0.0.1", str(primary.port))
    server = Embedded(tmp_path / "replica", port=free_port(), options=options).start()
    yield server
    with suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGCONT)
    server.kill()


async def _linked(replica: Embedded) -> None:
    async def is_linked() -> bool:
        with redis.Redis(port=replica.port) as client:
            return str(client.info("replication")["master_link_status"]) == "up"

    await until(is_linked)


@pytest.fixture
async def server(primary: Embedded, replica: Embedded) -> AsyncIterator[Server]:
    """A connection to a primary whose replica is linked."""
    await _linked(replica)
    connected = await Server.connect(LabelwrightSettings(redis_url=primary.url, secret=SECRET))
    yield connected
    await connected.close()


async def test_202_means_that_a_replica_has_the_event(server: Server, primary: Embedded, replica: Embedded) -> None:
    async with installed(server) as installation:
        await installation.apply()
        publisher = await installation.caller("publisher")

        answers = [await publisher.publish(event(id=f"e{n}")) for n in range(20)]
        os.kill(primary.pid, signal.SIGSTOP)  # what the replica has not by now, it will not get
        with redis.Redis(port=replica.port) as client:
            there = client.xlen("{p0}:feedback")
        os.kill(primary.pid, signal.SIGCONT)

        assert [answer.status_code for answer in answers] == [202] * 20
        assert there == 20


async def test_where_the_replica_hangs_nothing_is_promised_not_even_of_a_duplicate(
    server: Server, replica: Embedded
) -> None:
    async with installed(server) as installation:
        await installation.apply()
        publisher = await installation.caller("publisher")
        assert (await publisher.publish(event(id="e0"))).status_code == 202
        os.kill(replica.pid, signal.SIGSTOP)

        refused = [await publisher.publish(event(id="e1")) for _ in range(2)]
        os.kill(replica.pid, signal.SIGCONT)

        async def is_taken() -> bool:
            return (await publisher.publish(event(id="e1"))).status_code == 202

        assert [(answer.status_code, answer.headers["retry-after"]) for answer in refused] == [(503, "1")] * 2
        await until(is_taken)
        assert await server.client.xlen("{p0}:feedback") == 2


async def test_a_replica_that_is_gone_is_not_waited_for(server: Server, replica: Embedded) -> None:
    partition = server.partition("p0")
    limit = Limit(1e6, 1_000)
    await partition.publish("shop", [FeedbackToPublish("e0", "f", b"{}")], limit)
    replica.kill()

    async def is_taken() -> bool:
        try:
            await partition.publish("shop", [FeedbackToPublish("e1", "f", b"{}")], limit)
        except ServerRefuses:
            return False
        return True

    await until(is_taken)

    began = asyncio.get_running_loop().time()
    for number in range(50):
        await partition.publish("shop", [FeedbackToPublish(f"n{number}", "f", b"{}")], limit)
    assert asyncio.get_running_loop().time() - began < 1


async def test_a_function_library_that_was_lost_is_loaded_again_while_waiting(server: Server) -> None:
    await server.client.function_flush()

    published = await server.partition("p0").publish("shop", [FeedbackToPublish("e0", "f", b"{}")], Limit(1e6, 1_000))

    assert published.statuses == ["accepted"]


async def test_a_replica_that_still_copies_the_data_is_not_waited_for(tmp_path: Path) -> None:
    slow = ("--repl-diskless-sync-delay", "60")
    primary = Embedded(tmp_path / "primary", options=slow).start()
    replica = Embedded(tmp_path / "replica", options=("--replicaof", "127.0.0.1", str(primary.port))).start()
    server = await Server.connect(LabelwrightSettings(redis_url=primary.url, secret=SECRET))
    try:

        async def is_copying() -> bool:
            return bool((await server.client.info("replication"))["connected_slaves"])

        await until(is_copying)

        published = await server.partition("p0").publish(
            "shop", [FeedbackToPublish("e0", "f", b"{}")], Limit(1e6, 1_000)
        )

        assert published.statuses == ["accepted"]
    finally:
        await server.close()
        replica.kill()
        primary.kill()
