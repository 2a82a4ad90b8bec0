"""A real server for every test that touches Redis: a given one, or the embedded Valkey; never a fake."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import redis

from labelwright import metrics
from labelwright.runtime.embedded import temporary
from labelwright.runtime.server import Server
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.settings import LabelwrightSettings

SECRET = "5e" * 32
RunStages = Callable[..., Awaitable[None]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """TEST_REDIS_URL (its data are deleted!), a container where TEST_REDIS=container, else the embedded server."""
    if given := os.environ.get("TEST_REDIS_URL"):
        yield given
        return
    with container() if os.environ.get("TEST_REDIS") == "container" else temporary() as url:
        yield url


@contextmanager
def container() -> Iterator[str]:
    """Run redis:7 in a container on a network of its own and yield its URL; without an engine no test runs."""
    from docker.errors import DockerException
    from testcontainers.community.redis import RedisContainer
    from testcontainers.core.network import Network

    command = "redis-server --appendonly yes --maxmemory-policy noeviction --bind 0.0.0.0 --protected-mode no"
    try:
        network = Network()
    except DockerException as error:
        pytest.exit(f"TEST_REDIS=container needs a Docker engine ({error}); start one or unset it", returncode=2)
    with network, RedisContainer("redis:7").with_command(command).with_network(network) as running:
        yield f"redis://{running.get_container_host_ip()}:{running.get_exposed_port(6379)}/0"


@pytest.fixture(autouse=True)
def nothing_is_exported_of_another_test() -> None:
    """What stages of earlier tests left in the registry is gone."""
    metrics.state.clear()


@pytest.fixture
def settings(redis_url: str) -> LabelwrightSettings:
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    return LabelwrightSettings(
        redis_url=redis_url, secret=SECRET, claim_after_s=1.0, allow_unfit_server="TEST_REDIS_URL" in os.environ
    )


@pytest.fixture
async def server(settings: LabelwrightSettings) -> AsyncIterator[Server]:
    """An empty server with the function library."""
    connected = await Server.connect(settings)
    yield connected
    await connected.close()


async def until(holds: Callable[[], Awaitable[bool]], *, within_s: float = 10.0) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + within_s
    while not await holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{holds} did not come true within {within_s} s")
        await asyncio.sleep(0.01)


def eventually(holds: Callable[[], bool], *, within_s: float = 15.0) -> bool:
    """Whether a condition comes true before a deadline; for tests that look from outside."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
async def run_stages(server: Server) -> AsyncIterator[RunStages]:
    """`await run_stages("intake", "triage")` returns when all is handled; the stages go on until the test ends."""
    running: dict[str, tuple[Stage, asyncio.Task[None]]] = {}

    async def loop(stage: Stage) -> None:
        while True:
            await stage.read_once()

    async def run(*names: str, within_s: float = 20.0) -> None:
        partition = server.partition("p0")
        for name in names:
            if name not in running:
                stage = Stage(Service.named(name), partition, server.settings)
                await stage.start()
                running[name] = stage, asyncio.create_task(loop(stage))

        async def all_handled() -> bool:
            for stage, _ in running.values():
                if stage.fault:
                    raise stage.fault
            for _ in range(2):  # a stage may have emitted to one that was looked at before
                backlog = await partition.backlog()
                if any(backlog[name] for name in running):
                    return False
            return True

        await until(all_handled, within_s=within_s)

    yield run
    for _, task in running.values():
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
