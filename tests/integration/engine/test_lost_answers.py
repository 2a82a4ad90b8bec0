"""An answer that never arrives leaves nobody in doubt for long: what was read is read again at once, and done once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from labelwright.runtime.server import Server
from tests.conftest import until
from tests.integration.engine.stages import append, counted, pending, running, stage

pytestmark = [pytest.mark.server, pytest.mark.anyio]


class Cutter:
    """A way to the server on which answers that hold some words are cut off, `left` times."""

    def __init__(self, words: bytes) -> None:
        self.left = 0
        self._words = words

    @asynccontextmanager
    async def to(self, host: str, port: int) -> AsyncIterator[int]:
        """Relay connections and yield the port."""
        connections: set[asyncio.StreamWriter] = set()

        async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
            with suppress(OSError):
                while data := await reader.read(65_536):
                    if is_answer and self.left and self._words in data:
                        self.left -= 1
                        break
                    writer.write(data)
                    await writer.drain()
            writer.close()

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            back, forth = await asyncio.open_connection(host, port)
            connections.update((writer, forth))
            await asyncio.gather(pipe(reader, forth, is_answer=False), pipe(back, writer, is_answer=True))

        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()
        for connection in connections:
            connection.close()


async def _all_handled(server: Server, count: int) -> bool:
    partition = server.partition("p0")
    return len(await counted(partition)) == count and await pending(partition) == 0


@pytest.mark.parametrize("words", [b"event 7", b"\n:1\r\n"], ids=["of a read", "of a commit"])
async def test_a_lost_answer_is_found_out_at_once(words: bytes, server: Server) -> None:
    cutter, where = Cutter(words), server.client.connection_pool.connection_kwargs
    async with cutter.to(where["host"], where["port"]) as port:
        far = await Server.connect(server.settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{port}/0"}))
        one = stage(far, claim_after_s=600.0)  # nothing is taken over in time: what is found is found by the reader
        async with running(one):
            cutter.left = 1
            await append(server.partition("p0"), range(20))
            await until(lambda: _all_handled(server, 20), within_s=10)
            assert cutter.left == 0
            await one.stop()
        await far.close()

    assert set((await counted(server.partition("p0"))).values()) == {1}
