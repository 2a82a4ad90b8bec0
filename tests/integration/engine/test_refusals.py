"""While the server refuses, a stage waits without haste; when it takes again, the stage goes on and nothing is lost."""

import resource
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from labelwright import metrics
from labelwright.contracts.envelope import encode
from labelwright.runtime.embedded import binary, free_port
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server
from labelwright.runtime.stage import Stage
from labelwright.settings import LabelwrightSettings
from tests.conftest import SECRET, until
from tests.integration.engine.stages import append, counted, pending, running, said, stage

pytestmark = [pytest.mark.server, pytest.mark.anyio]

LEAST_WAIT_S = 0.35
"""From the first refusal to the fourth a backoff waits 0.1 + 0.2 + 0.4 s, with jitter at least half of it."""


def _refusals() -> float:
    (family,) = metrics.refusals.collect()
    return sum(sample.value for sample in family.samples if sample.name.endswith("_total"))


async def _refused(times: float) -> bool:
    return _refusals() >= times


async def _all_handled(partition: Partition, count: int) -> bool:
    try:
        return len(await counted(partition)) >= count and await pending(partition) == 0
    except RedisConnectionError:  # Redis 7.0 hangs up on its clients when its role changes
        return False


async def _refused_for(
    one: Stage, refuse: Callable[[], Awaitable[object]], take: Callable[[], Awaitable[object]]
) -> None:
    """Let the server refuse four times; assert that the stage waits, says so, and goes on."""
    partition = one.partition

    async def is_ready() -> bool:
        return one.is_ready

    async with running(one):
        await until(lambda: _all_handled(partition, 5))
        before = _refusals()
        await refuse()
        try:
            await until(lambda: _refused(before + 1))
            began = time.monotonic()
            await until(lambda: _refused(before + 4))
            assert time.monotonic() - began >= LEAST_WAIT_S
            assert not one.is_ready
            assert one.fault is None
        finally:
            await take()
        await append(partition, range(10, 15))
        await until(lambda: _all_handled(partition, 10))
        await until(is_ready)
    assert set((await counted(partition)).values()) == {1}


async def test_a_demoted_server_is_waited_for(server: Server) -> None:
    client = server.client
    await append(server.partition("p0"), range(5))

    await _refused_for(
        stage(server),
        lambda: client.execute_command("REPLICAOF", "127.0.0.1", "1"),
        lambda: client.execute_command("REPLICAOF", "NO", "ONE"),
    )


async def test_a_full_server_is_waited_for(server: Server) -> None:
    partition = server.partition("p0")
    await append(partition, range(5))

    async def fill() -> None:
        pipeline = partition.client.pipeline(transaction=False)  # the last event to fit, and no room at once behind it
        pipeline.xadd(partition.key("feedback"), {"event": encode(said(5))})
        pipeline.config_set("maxmemory", "1")
        await pipeline.execute()

    await _refused_for(stage(server, claim_after_s=0.2), fill, lambda: partition.client.config_set("maxmemory", "0"))


async def test_a_server_whose_disk_is_full_is_waited_for(tmp_path: Path) -> None:
    async with _server_with_a_small_disk(tmp_path) as (server, process):
        partition = server.partition("p0")
        await append(partition, range(5))

        async def fill() -> None:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (_size(tmp_path) + 4_096, resource.RLIM_INFINITY))

            async def is_full() -> bool:
                try:
                    await partition.client.set("padding", "x" * 4_096)
                except ResponseError:
                    return True
                return False

            await until(is_full)

        async def clear() -> None:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

            async def takes_again() -> bool:
                try:
                    return bool(await partition.client.ping())
                except RedisError:
                    return False

            await until(takes_again)

        await _refused_for(stage(server), fill, clear)


async def test_a_server_that_lost_the_functions_gets_them_again(server: Server) -> None:
    partition = server.partition("p0")
    await append(partition, range(5))

    async with running(stage(server)):
        await until(lambda: _all_handled(partition, 5))
        await partition.client.execute_command("FUNCTION", "FLUSH")
        await append(partition, range(5, 10))
        await until(lambda: _all_handled(partition, 10))


async def test_a_server_that_was_flushed_is_begun_anew(server: Server) -> None:
    partition = server.partition("p0")
    await append(partition, range(5))

    async with running(stage(server)):
        await until(lambda: _all_handled(partition, 5))
        recreated = metrics.groups_recreated.labels("intake")._value.get()
        await partition.client.flushall()
        await append(partition, range(5, 10))
        await until(lambda: _all_handled(partition, 5))

    assert metrics.groups_recreated.labels("intake")._value.get() > recreated
    assert await counted(partition) == {f"event {number}": 1 for number in range(5, 10)}


@asynccontextmanager
async def _server_with_a_small_disk(folder: Path) -> AsyncIterator[tuple[Server, "subprocess.Popen[bytes]"]]:
    """Run a server on which `RLIMIT_FSIZE` looks like a full disk."""
    port = free_port()
    process = _start(folder, port)
    settings = LabelwrightSettings(redis_url=f"redis://127.0.0.1:{port}/0", secret=SECRET)
    connected: list[Server] = []

    async def connects() -> bool:
        try:
            connected.append(await Server.connect(settings))
        except Exception:
            return False
        return True

    try:
        await until(connects)
        yield connected[0], process
        await connected[0].close()
    finally:
        process.kill()
        process.wait()


def _start(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start a server that inherits an ignored SIGXFSZ: a file that may not grow is an error, not its death."""
    command = [str(binary()), "--port", str(port), "--dir", str(folder), "--appendonly", "yes", "--save", ""]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, restore_signals=False)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.aof"))
