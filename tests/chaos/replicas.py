"""Services in processes of their own, as they run in production."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import httpx2

from labelwright.runtime.embedded import free_port
from labelwright.runtime.server import Server
from tests.conftest import until

ROOT: Final = Path(__file__).resolve().parents[2]
START_WITHIN_S: Final = 60.0


class Replica:
    """A process that runs a service; `python -m services.<name>`, unless another command is given."""

    def __init__(
        self,
        name: str,
        server: Server,
        settings: Mapping[str, str] = MappingProxyType({}),
        *,
        command: Sequence[str] = (),
    ) -> None:
        self.name = name
        self._ready = f"http://127.0.0.1:{(port := free_port())}/readyz"
        environment = {
            "LABELWRIGHT_REDIS_URL": server.settings.redis_url,
            "LABELWRIGHT_SECRET": server.settings.secret.get_secret_value(),
            "LABELWRIGHT_ALLOW_UNFIT_SERVER": str(server.settings.allow_unfit_server),
            "LABELWRIGHT_PORT": str(port),
            **settings,
        }
        self._process = subprocess.Popen(
            [sys.executable, *(command or ("-m", f"services.{name}"))],
            env=os.environ | environment,
            cwd=ROOT,
        )
        self.pid = self._process.pid

    async def is_ready(self) -> bool:
        """Whether it says so itself. Raises AssertionError if it has ended."""
        assert self._process.poll() is None, f"{self.name} ended with exit code {self._process.returncode}"
        try:
            async with httpx2.AsyncClient() as client:
                return (await client.get(self._ready)).is_success
        except httpx2.TransportError:
            return False

    async def until_ready(self) -> "Replica":
        """Wait until it works."""
        await until(self.is_ready, within_s=START_WITHIN_S)
        return self

    async def until_ended(self) -> int:
        """Wait until it ends by itself; its exit code."""
        return await asyncio.to_thread(self._process.wait, START_WITHIN_S)

    async def end(self) -> int:
        """Ask it to end as Kubernetes does; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return await self.until_ended()

    def kill(self) -> None:
        """Kill it if it still runs."""
        self._process.kill()
        self._process.wait()
