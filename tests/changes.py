"""The tables of a partition, made anew from its recorded changes alone, in an empty database beside."""

from typing import Any

import msgpack

from labelwright import topology
from labelwright.runtime.rebuild import digest
from labelwright.runtime.server import Server
from labelwright.settings import LabelwrightSettings


async def differences(client: Any, beside: Any, settings: LabelwrightSettings, partition: str = "p0") -> list[Any]:
    """Return which tables differ between what is there and what `changes` makes; `beside` is filled."""
    pipeline = beside.pipeline(transaction=False)
    for _, fields in await client.xrange(f"{{{partition}}}:changes"):
        _, _, writes = msgpack.unpackb(fields[b"changes"], raw=True, strict_map_key=False)
        for write in writes:
            pipeline.execute_command(write[0].decode(), *write[1:])
    await pipeline.execute()
    there = await digest(Server(client, settings), partition)
    made = await digest(Server(beside, settings), partition)
    tables = {key: value for key, value in there.items() if key.partition(":")[2] not in topology.STREAMS}
    return sorted(made.items() ^ tables.items())
