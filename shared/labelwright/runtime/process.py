"""One process: any services on all partitions, their HTTP, their documents, and an orderly end.

FastStream declares and runs the stages (app, broker, subscribers, lifespan, AsyncAPI); what a subscriber does in a turn
is our own loop, `Stage.read_once`.
"""

import asyncio
import gc
import importlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Protocol, Union

import uvicorn
from faststream import AckPolicy
from faststream.asgi import AsgiFastStream, AsgiResponse, AsyncAPIRoute, get
from faststream.redis import RedisBroker, RedisClusterBroker, StreamSub
from faststream.specification import AsyncAPI
from prometheus_client import make_asgi_app

from labelwright import topology
from labelwright.errors import LabelwrightError, ServerRefuses, SettingsError
from labelwright.logs import configure, logger
from labelwright.runtime.server import Server, refusing
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.settings import LabelwrightSettings, settings

STALLED_AFTER_S = 60.0
MOST_GRACE_S = 1
"""How long an HTTP request may go on after the process was asked to end; long polls are cut off, to be asked again."""

OK, FAILED = 0, 1


class Loop(Protocol):
    """What a process keeps going: a stage on a partition, or the ledger of one."""

    fault: BaseException | None
    is_ready: bool
    beat_s: float

    async def start(self) -> None:
        """Make ready."""

    async def read_once(self, *_: Any) -> None:
        """Take one turn; raise nothing but cancellation."""

    async def stop(self) -> None:
        """Hand back what is in hand."""


class _Uvicorn(uvicorn.Server):
    """uvicorn, but the process handles signals, since it runs more than one server."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class Process:
    """Services that run together until `stop` is set or one of them fails."""

    def __init__(self, server: Server, names: Sequence[str], *, ports: dict[str, int] | None = None) -> None:
        self.server = server
        self.names = list(names)
        self.stop = asyncio.Event()
        self.ready = asyncio.Event()
        self._ports = ports or {}
        self._stages = [name for name in names if topology.SERVICES[name].kind == "stage"]
        self._loops: list[Loop] = []
        self._servers: dict[str, _Uvicorn] = {}
        self.failure: BaseException | None = None
        self._log = logger()

    @property
    def urls(self) -> dict[str, str]:
        """Where it serves, by service; `metrics` is for operators: /metrics, the probes, and what the stages read."""
        return {
            name: f"http://{self.server.settings.host}:{server.servers[0].sockets[0].getsockname()[1]}"
            for name, server in self._servers.items()
            if server.started and server.servers
        }

    async def run(self) -> int:
        """Run until `stop` or a fault; the exit code."""
        stages = [
            Stage(Service.named(name), partition, self.server.settings)
            for name in self._stages
            for partition in self.server.partitions
        ]
        ledgers = [
            importlib.import_module(f"services.{name}.loop").Loop(partition, self.server)
            for name in self.names
            if topology.SERVICES[name].kind == "ledger"
            for partition in [*self.server.partitions, self.server.registry]
        ]
        self._loops = [*stages, *ledgers]
        with refusing():
            for loop in self._loops:
                await loop.start()
        apps: list[tuple[str, Any, int]] = []
        for name in self.names:
            if topology.SERVICES[name].kind == "http":
                module = importlib.import_module(f"services.{name}.app")
                own = importlib.import_module(f"services.{name}.settings").settings()
                app = module.create_app(self.server, own)
                for path, probe in self._probes():
                    app.add_route(path, probe, include_in_schema=False)
                apps.append((name, app, self._ports.get(name, own.port)))
        apps.append(("metrics", self._faststream(stages), self._ports.get("metrics", self.server.settings.port)))
        gc.collect()
        gc.freeze()  # what is loaded now stays; the collector need not look at it again (+15-20 % events/s)
        gc.set_threshold(100_000, 50, 50)
        serving = {app[0]: asyncio.create_task(self._serve(*app)) for app in apps}
        turning = [asyncio.create_task(_turn_for_ever(loop)) for loop in ledgers]
        turning.append(asyncio.create_task(self._watch()))
        self._log.info("process.started", services=self.names, partitions=len(self.server.partitions))
        await self.stop.wait()
        return await self._end(serving, turning)

    async def _serve(self, name: str, app: Any, port: int) -> None:
        config = uvicorn.Config(
            app,
            host=self.server.settings.host,
            port=port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=MOST_GRACE_S,
            lifespan="on",
        )
        server = _Uvicorn(config)
        self._servers[name] = server
        try:
            await server.serve()
        except SystemExit:  # uvicorn's way to say that the port is taken or the app did not start
            self._log.error("http.failed", port=port)
            self.failure = LabelwrightError(f"port {port} can't be served; is it taken? choose another one")
            self.stop.set()

    async def _watch(self) -> None:
        while not self.stop.is_set():
            if not self.ready.is_set() and self._servers and all(server.started for server in self._servers.values()):
                self.ready.set()
            for loop in self._loops:
                if loop.fault:
                    self.failure = loop.fault
                    self.stop.set()
            await asyncio.sleep(0.05)

    async def _end(self, serving: dict[str, "asyncio.Task[None]"], turning: list["asyncio.Task[None]"]) -> int:
        """End what brings work first, then the stages, and the ledger last, so that it holds what they did."""
        stages = serving.pop("metrics")
        await self._end_serving(serving)
        for task in turning:
            await _cancel(task)
        deciding = [loop for loop in self._loops if isinstance(loop, Stage)]
        for together in (deciding, [loop for loop in self._loops if loop not in deciding]):
            await asyncio.gather(*(self._end_loop(loop) for loop in together))
        await self._end_serving({"metrics": stages})
        code = FAILED if self.failure else OK
        self._log.info("process.ended", exit_code=code, reason=str(self.failure or "asked to"))
        return code

    async def _end_loop(self, loop: Loop) -> None:
        try:
            await asyncio.wait_for(loop.stop(), 10)
        except Exception as error:  # the server may be away: what is ours is claimed after the idle time instead
            self._log.warning("loop.left_unsaid", error=type(error).__name__)

    async def _end_serving(self, serving: dict[str, "asyncio.Task[None]"]) -> None:
        for name in serving.keys() & self._servers.keys():
            self._servers[name].should_exit = True
        if serving:
            _, late = await asyncio.wait(serving.values(), timeout=MOST_GRACE_S + 3)
            for task in late:
                await _cancel(task)

    def _faststream(self, stages: Sequence[Stage]) -> AsgiFastStream:
        url, _, query = self.server.settings.redis_url.partition("?")
        make: Any = RedisClusterBroker if query == "cluster=true" else RedisBroker
        broker = make(url, logger=None)
        for stage in stages:
            _subscribe(broker, stage)
        for name in self._stages:
            for stream in topology.outputs(name):
                for carried in topology.contracts(stream):
                    broker.publisher(
                        stream=self.server.partitions[0].key(stream), schema=carried, title=f"{name}:{carried.__name__}"
                    )
        return AsgiFastStream(
            broker,
            logger=None,
            asgi_routes=[("/metrics", make_asgi_app()), *self._probes()],
            asyncapi_path=AsyncAPIRoute("/asyncapi", try_it_out_path=None),
            specification=AsyncAPI(
                title="Labelwright", version=_version(), description="Events between services, one partition of many."
            ),
        )

    def _probes(self) -> list[tuple[str, Any]]:
        return [("/healthz", self._health()), ("/readyz", self._readiness())]

    def _health(self) -> Any:
        @get
        async def healthz(_scope: Any) -> AsgiResponse:
            """200 while every loop beats. Redis' health isn't part of it: a restart would not mend that."""
            late = [loop for loop in self._loops if time.monotonic() - loop.beat_s > STALLED_AFTER_S]
            return AsgiResponse(b"a loop stands still" if late else b"ok", status_code=503 if late else 200)

        return healthz

    def _readiness(self) -> Any:
        @get
        async def readyz(_scope: Any) -> AsgiResponse:
            """200 while every loop's last turn went well and the server answers."""
            is_ready = all(loop.is_ready for loop in self._loops) and await self.server.answers()
            return AsgiResponse(b"ok" if is_ready else b"not ready", status_code=200 if is_ready else 503)

        return readyz


def _subscribe(broker: Any, stage: Stage) -> None:
    """Declare a stage's inputs. One subscriber leads and reads them all at once; the others only document."""
    for number, stream in enumerate(topology.inputs(stage.service.name)):
        subscriber = broker.subscriber(
            stream=StreamSub(
                stage.partition.key(stream),
                group=stage.service.name,
                consumer=stage.consumer,
                max_records=200,
                last_id="0",
            ),
            ack_policy=AckPolicy.MANUAL,
            title=f"{stage.service.name}:{stage.partition.name}:{stream}",
            description=_purpose(stream),
        )
        carried = topology.contracts(stream)

        async def handle(message: Any) -> None:
            """Never called: `read_once` decides whole batches."""

        handle.__annotations__["message"] = Union[carried]  # noqa: UP007  # made of a tuple
        subscriber(handle)
        subscriber._get_msgs = stage.read_once if number == 0 else _idle


async def _idle(*_: Any) -> None:
    await asyncio.sleep(1)


async def _cancel(task: "asyncio.Task[None]") -> None:
    while not task.done():  # Python 3.11's wait_for swallows a cancellation that comes while redis-py sends
        task.cancel()
        await asyncio.wait([task], timeout=1)


async def _turn_for_ever(loop: Loop) -> None:
    while True:
        await loop.read_once()


def _purpose(stream: str) -> str:
    return topology.STREAMS[stream].purpose if stream in topology.STREAMS else "the service's clock"


def _version() -> str:
    from importlib.metadata import version

    return version("labelwright")


async def connect(options: LabelwrightSettings) -> Server:
    """Connect, waiting for a server that is just starting. Raises ServerRefuses when it stays away."""
    deadline = time.monotonic() + options.connect_within_s
    while True:
        try:
            return await Server.connect(options)
        except ServerRefuses:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)


@asynccontextmanager
async def until_signalled(on_signal: Callable[[], None]) -> AsyncIterator[None]:
    """Call `on_signal` at SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def run_services(names: Iterable[str], options: LabelwrightSettings) -> int:
    """Run services until a signal; the exit code: 0 asked to end, 1 failed, 2 settings, 3 no server, 4 unfit server."""
    log = logger()
    try:
        server = await connect(options)
        try:
            process = Process(server, list(names))
            async with until_signalled(process.stop.set):
                return await process.run()
        finally:
            with suppress(Exception):
                await server.close()
    except LabelwrightError as error:
        log.warning("process.refused", reason=str(error), kind=type(error).__name__)
        return error.exit_code


def run(name: str) -> None:
    """Run one service until it is asked to end; what `python -m services.<name>` does."""
    try:
        options = settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    configure(options.log_format)
    raise SystemExit(asyncio.run(run_services([name], options)))
