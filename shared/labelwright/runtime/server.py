"""The server: Redis 7+ or Valkey, one node or a cluster; is it fit to keep data, and does it refuse for now?"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis.asyncio as redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisError, ResponseError

from labelwright.engine.tables import Register
from labelwright.errors import ServerRefuses, ServerUnfit
from labelwright.runtime import functions
from labelwright.runtime.partition import Partition
from labelwright.settings import LabelwrightSettings

MOST_CONNECTIONS: Final = 512
placements = Register("registry.projects")
"""Project -> the partition that it lives in."""


class Server:
    """A connection to the server, with the function library in place; shared by everything in a process."""

    def __init__(self, client: Any, settings: LabelwrightSettings) -> None:
        self.client = client
        self.settings = settings
        self.registry = Partition(client, "registry")
        self._partitions: dict[str, Partition] = {}
        self._placements: dict[str, tuple[float, str]] = {}

    @classmethod
    async def connect(cls, settings: LabelwrightSettings) -> "Server":
        """Connect, check that the server keeps data, and install the library.

        Raises ServerRefuses where it can't be reached, ServerUnfit where it would lose data.
        """
        client = make_client(settings.redis_url)
        try:
            with refusing():
                facts = await _facts(client)
                if not settings.allow_unfit_server:
                    _check_fitness(facts)
                await functions.install(client)
        except BaseException:
            await client.aclose()
            raise
        return cls(client, settings)

    async def close(self) -> None:
        """Close all connections."""
        await self.client.aclose()

    @property
    def partitions(self) -> list[Partition]:
        """Every partition of this installation but the registry."""
        return [self.partition(f"p{number}") for number in range(self.settings.partitions)]

    def partition(self, name: str) -> Partition:
        """Return a partition by its name."""
        if name == "registry":
            return self.registry
        found = self._partitions.get(name)
        if found is None:
            found = self._partitions[name] = Partition(self.client, name)
        return found

    async def partition_of(self, project: str) -> Partition | None:
        """Return where a project lives, or None if it was never applied; remembered for a minute."""
        known = self._placements.get(project)
        if known is None or known[0] < time.monotonic():
            reads = await self.registry.reads()
            (name,) = await reads(placements.get(project))
            if name is None:
                return None
            known = self._placements[project] = (time.monotonic() + 60, name)
        return self.partition(known[1])

    def key_for(self, purpose: str) -> bytes:
        """Derive a 32-byte key for one purpose from the installation's secret. Raises SettingsError without one."""
        return self.settings.key_for(purpose)

    async def answers(self, within_s: float = 1.0) -> bool:
        """Say whether the server answers just now."""
        try:
            async with asyncio.timeout(within_s):
                return bool(await self.client.ping())
        except (RedisError, OSError, TimeoutError):
            return False

    async def facts(self) -> dict[str, Any]:
        """Return the server's version, persistence, eviction policy and memory, for `doctor` and for metrics."""
        with refusing():
            return await _facts(self.client)


def make_client(url: str) -> Any:
    """Return a client that speaks bytes, for one node or (`?cluster=true`) a cluster."""
    address, _, query = url.partition("?")
    if query == "cluster=true":
        return RedisCluster.from_url(address, max_connections=MOST_CONNECTIONS)
    return redis.Redis.from_url(url, max_connections=MOST_CONNECTIONS, health_check_interval=30)


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what Redis can't do for now into ServerRefuses, one class to back off from."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise ServerRefuses(f"the server refuses ({kind_of(error)}); check its address, memory and role") from error


def kind_of(error: BaseException) -> str:
    """Name a refusal by a bounded word for logs and metrics: oom, readonly, connection, response, …"""
    name = type(error).__name__.removesuffix("Error").lower()
    if type(error) is ResponseError:
        code = str(error).partition(" ")[0]
        return code.lower() if code in ("MISCONF", "NOREPLICAS", "UNBLOCKED", "NOGROUP", "OOM") else "response"
    return name


async def _facts(client: Any) -> dict[str, Any]:
    if isinstance(client, RedisCluster):
        nodes = await client.info(target_nodes=RedisCluster.PRIMARIES)
        every = list(nodes.values()) if all(isinstance(node, dict) for node in nodes.values()) else [nodes]
    else:
        every = [await client.info()]
    first = every[0]
    limits = [node["used_memory"] / node["maxmemory"] for node in every if node.get("maxmemory")]
    return {
        "server": "valkey" if "valkey_version" in first else "redis",
        "version": first.get("valkey_version") or first["redis_version"],
        "nodes": len(every),
        "append_only": all(node["aof_enabled"] for node in every),
        "eviction": sorted({node["maxmemory_policy"] for node in every}),
        "memory_ratio": max(limits, default=0.0),
        "replicas": sum(node["connected_slaves"] for node in every),
    }


def _check_fitness(facts: dict[str, Any]) -> None:
    faults = []
    if int(facts["version"].partition(".")[0]) < 7:
        faults.append(f"it is {facts['server']} {facts['version']}, and functions need 7.0: upgrade it")
    if facts["eviction"] != ["noeviction"]:
        faults.append(f"it evicts data ({facts['eviction'][0]}): set maxmemory-policy noeviction")
    if not facts["append_only"]:
        faults.append("it has no append-only file: set appendonly yes")
    if faults:
        raise ServerUnfit("the server would lose data: " + "; ".join(faults))
