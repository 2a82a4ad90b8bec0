"""However many replies it takes to read a stream, the ledger has every entry once and in order."""

from pathlib import Path

import pytest

from labelwright.ledger import Ledger, Row
from labelwright.runtime.server import Server
from services.publish.loop import PAGE, Loop

pytestmark = [pytest.mark.server, pytest.mark.anyio]


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, 2 * PAGE + 1])
async def test_a_stream_of_several_pages_is_kept_whole(server: Server, tmp_path: Path, count: int) -> None:
    server.settings = server.settings.model_copy(update={"ledger": str(tmp_path / "ledger")})
    partition = server.partition("p0")
    pipeline = server.client.pipeline(transaction=False)
    for number in range(count):
        pipeline.xadd(partition.key("labels"), {"event": str(number)}, id=f"{number // 3 + 1}-{number % 3}")
    ids = await pipeline.execute()

    await Loop(partition, server).stop()

    expected = [Row(entry_id.decode(), str(number).encode()) for number, entry_id in enumerate(ids)]
    assert list(Ledger.of(server.settings).read("p0", "labels")) == expected


async def test_a_stream_of_more_rows_than_a_file_may_have_is_kept_whole(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.settings = server.settings.model_copy(update={"ledger": str(tmp_path / "ledger")})
    partition = server.partition("p0")
    loop = Loop(partition, server)
    monkeypatch.setattr(loop, "_settings", loop._settings.model_copy(update={"most_rows": PAGE + 500}))
    pipeline = server.client.pipeline(transaction=False)
    for number in range(4 * PAGE):
        pipeline.xadd(partition.key("labels"), {"event": str(number)}, id=f"{number + 1}-0")
    await pipeline.execute()

    await loop.stop()

    ledger = Ledger.of(server.settings)
    assert [int(row.body) for row in ledger.read("p0", "labels")] == list(range(4 * PAGE))
    assert ledger.watermark("p0").number > 2
