"""A cancelled read never leaves its answer to somebody else (as it once did: redis-py issues 2624 and 2665)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

import pytest

from labelwright.runtime.server import Server, make_client

pytestmark = [pytest.mark.server, pytest.mark.anyio]

DELAY_S = 0.005


@asynccontextmanager
async def _slow_way(host: str, port: int) -> AsyncIterator[int]:
    """Relay connections, each answer a little late, and yield the port."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await asyncio.sleep(delay_s)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(host, port)
        await asyncio.gather(pipe(reader, forth, 0), pipe(back, writer, DELAY_S))

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_nobody_gets_the_answer_to_a_read_that_was_cancelled(server: Server) -> None:
    random, cancelled, wrong = Random(7), 0, []
    names = [f"tenant-{number}" for number in range(150)]
    await server.client.mset({name: name for name in names})
    where = server.client.connection_pool.connection_kwargs

    async with _slow_way(where["host"], where["port"]) as slow:
        client = make_client(f"redis://127.0.0.1:{slow}/0")
        for name in names:
            read = asyncio.create_task(client.get(name))
            await asyncio.wait([read], timeout=random.uniform(0, DELAY_S * 1.2))
            cancelled += read.cancel()
            await asyncio.gather(read, return_exceptions=True)
            other = random.choice(names)
            if (answer := await client.get(other)) != other.encode():
                wrong.append((other, answer))
        await client.aclose()

    assert wrong == []
    assert cancelled > 50
