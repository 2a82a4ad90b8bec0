"""`labelwright up` and `run`: all services here, or some of them in a container."""

import asyncio
import importlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from labelwright import topology
from labelwright.cli.opening import RUNNING, names_a_server, options, say
from labelwright.errors import LabelwrightError, SettingsError
from labelwright.logs import configure
from labelwright.runtime.embedded import Embedded, free_port, next_free
from labelwright.runtime.process import Process, connect, run_services, until_signalled
from labelwright.settings import LabelwrightSettings, settings


def services(names: str) -> list[str]:
    """Read service names by comma; none means all. Raises SettingsError that names those there are."""
    chosen = [name.strip() for name in names.split(",") if name.strip()] or list(topology.SERVICES)
    for name in chosen:
        if name not in topology.SERVICES:
            raise SettingsError(f"there is no service {name!r}; the services are {', '.join(topology.SERVICES)}")
    return chosen


async def run(names: str, redis: str) -> int:
    """Run services until a signal."""
    chosen = options(redis)
    configure(chosen.log_format)
    return await run_services(services(names), chosen)


@asynccontextmanager
async def server_here(redis: str, *, ephemeral: bool) -> AsyncIterator[LabelwrightSettings]:
    """Yield settings that lead to a server: the given one, or an embedded one that keeps its data unless ephemeral.

    While the embedded one runs, other commands on this data folder find it by themselves.
    """
    if redis or names_a_server():
        yield options(redis)
        return
    with tempfile.TemporaryDirectory(prefix="labelwright-") as passing:
        folder = Path(passing) if ephemeral else settings().data.absolute()
        embedded = await asyncio.to_thread(Embedded(folder / "valkey").start)
        try:
            (folder / RUNNING).write_text(embedded.url)
            yield options(embedded.url, folder)
        finally:
            (folder / RUNNING).unlink(missing_ok=True)
            await asyncio.to_thread(embedded.stop)


async def up(redis: str, only: str, processes: bool, ephemeral: bool) -> int:
    """Run services here until Ctrl-C, over an embedded server unless one is given."""
    began = time.monotonic()
    names = services(only)
    async with server_here(redis, ephemeral=ephemeral) as chosen:
        configure(chosen.log_format, level=30 if sys.stderr.isatty() else 20)
        if processes:
            return await _one_each(names, chosen)
        server = await connect(chosen)
        try:
            facts = await server.facts()
            process = Process(
                server, names, ports=free_ports(chosen.host, {"metrics": chosen.port} | http_ports(names))
            )
            async with until_signalled(process.stop.set):
                running = asyncio.create_task(process.run())
                await until_ready(process, running)
                say(
                    f"labelwright   {facts['server']} {facts['version']} at {chosen.redis_url}, data in {chosen.data}\n"
                    f"{len(names)} services up in {time.monotonic() - began:.1f} s"
                )
                for line in addresses(process):
                    say(line)
                say("Ctrl-C stops; " + ("nothing is kept." if ephemeral else "nothing is lost."))
                return await running
        finally:
            with suppress(Exception):
                await server.close()


def addresses(process: Process) -> list[str]:
    """Return a line for each address that a process serves."""
    about = {
        "gateway": "Publish  {0}/v1/feedback   (API: {0}/docs)",
        "desk": "Desk     {0}",
        "metrics": "Metrics  {0}/metrics   (events: {0}/asyncapi)",
    }
    return [about[name].format(url) for name, url in process.urls.items()]


async def until_ready(process: Process, running: "asyncio.Task[int]") -> None:
    """Wait until a process serves. Raises LabelwrightError where it ends instead."""
    ready = asyncio.create_task(process.ready.wait())
    await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if running.done():
        raise LabelwrightError(f"the services did not start: {process.failure or 'they were asked to end'}")


def http_ports(names: Sequence[str]) -> dict[str, int]:
    """Return the port at which each HTTP service among these is meant to be."""
    http = [name for name in names if topology.SERVICES[name].kind == "http"]
    return {name: importlib.import_module(f"services.{name}.settings").settings().port for name in http}


def free_ports(host: str, wanted: Mapping[str, int]) -> dict[str, int]:
    """Return the wanted ports, or the next ones that are free, and say so."""
    found: dict[str, int] = {}
    for name, port in wanted.items():
        found[name] = next_free(host, port, found.values())
        if found[name] != port:
            say(f"port {port} is taken; {name} is at {found[name]}")
    return found


async def _one_each(names: Sequence[str], chosen: LabelwrightSettings) -> int:
    """Run one process a service; when one fails all end, with its exit code."""
    environment = os.environ | {
        "LABELWRIGHT_REDIS_URL": chosen.redis_url,
        "LABELWRIGHT_SECRET": chosen.secret.get_secret_value(),
        "LABELWRIGHT_DATA": str(chosen.data),
        "LABELWRIGHT_HOST": chosen.host,
    }
    children = []
    for name in names:
        ports = free_ports(chosen.host, http_ports([name])) | {"metrics": free_port()}
        own = {f"LABELWRIGHT_{name.upper()}_PORT": str(ports[name])} if name in ports else {}
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "labelwright.cli", "run", name),
            env=environment | own | {"LABELWRIGHT_PORT": str(ports["metrics"])},
        )
        children.append(child)
        where = f"http://{chosen.host}:{ports[name]}, " if name in ports else ""
        say(f"{name:9} {where}metrics http://{chosen.host}:{ports['metrics']}/metrics")
    stop = asyncio.Event()
    async with until_signalled(stop.set):
        ends = [asyncio.create_task(child.wait()) for child in children]
        stopped = asyncio.create_task(stop.wait())
        say(f"{len(children)} services, one process each; Ctrl-C stops")
        done, _ = await asyncio.wait({*ends, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for child in children:
            with suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)
        codes = await asyncio.gather(*ends)
        stopped.cancel()
    return 0 if stopped in done and not any(codes) else max(map(abs, codes)) or 1
