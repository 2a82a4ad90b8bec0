"""Whatever lies in a stream is taken, turned away with a code, or buried with a reason; no service ends by it."""

import os
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.registry import REGISTRY
from pydantic_core import from_json

from labelwright import topology
from labelwright.contracts.envelope import FIELD, decode
from labelwright.contracts.feedback import EventRejected
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReinforced, ItemReopened
from labelwright.errors import ContractError
from labelwright.runtime.plan import MOST_REASON
from labelwright.runtime.server import Server
from labelwright.runtime.stage import Stage
from tests.fuzz.conftest import all_ended
from tests.fuzz.payloads import Fields, entries

pytestmark = [pytest.mark.server, pytest.mark.anyio]

BATCHES = int(os.environ.get("FUZZ_BATCHES", "25"))
"""Batches of up to thirty entries, for each stream and for all of them together."""

INPUTS = sorted({stream for service in topology.STAGES for stream in topology.inputs(service)})
Batch = list[tuple[str, Fields]]


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("streams", [*([stream] for stream in INPUTS), INPUTS], ids=[*INPUTS, "all"])
async def test_every_entry_ends_and_no_stage_does(server: Server, stages: list[Stage], streams: list[str]) -> None:
    sent = await _send(server, _generated(streams))

    await all_ended(server, stages, within_s=60 + BATCHES)

    rejected = await _rejections(server)
    buried = [from_json(fields[FIELD]) for _, fields in await server.client.xrange("{p0}:dead")]
    for letter in buried:
        # the one thing that isn't decided at once: news of an item that isn't there yet wait for it, and for so long
        assert letter["reason"].startswith("delivered "), letter
        assert isinstance(decode(letter["event"]).data, ItemReinforced | ItemClosed | ItemReopened | ItemOpened)
    gone = {(letter["stream"], letter["entry"]) for letter in buried}
    for (stream, entry), fields in sent.items():
        if not _is_event(fields):
            assert rejected.get((stream, entry)), f"entry {entry} of {stream!r} was dropped: {fields!r}"
        elif (stream, entry) in rejected:
            assert (stream, entry) not in gone
    counted = sum(_samples("labelwright_rejections_total"))
    assert counted >= len(rejected)


def _generated(streams: Sequence[str]) -> list[Batch]:
    """Return batches for these streams; at once, since hypothesis wants chance for itself and stages jitter by it."""
    batches: list[Batch] = []
    one = st.sampled_from(streams).flatmap(lambda stream: st.tuples(st.just(stream), entries(stream)))

    @settings(max_examples=BATCHES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(one, min_size=1, max_size=30))
    def generate(batch: Batch) -> None:
        batches.append(batch)

    generate()
    return batches


async def _send(server: Server, batches: list[Batch]) -> dict[tuple[str, str], Fields]:
    """Add entries as anyone may; return them by stream and id."""
    sent: dict[tuple[str, str], Fields] = {}
    for batch in batches:
        pipeline = server.client.pipeline(transaction=False)
        for stream, fields in batch:
            pipeline.xadd(f"{{p0}}:{stream}", fields)
        ids = await pipeline.execute()
        sent |= {(stream, entry.decode()): fields for entry, (stream, fields) in zip(ids, batch, strict=True)}
    return sent


async def _rejections(server: Server) -> dict[tuple[str, str], str]:
    """Return the codes of what was turned away, by stream and id."""
    found: dict[tuple[str, str], str] = {}
    for _, fields in await server.client.xrange("{p0}:rejected"):
        one = decode(fields[FIELD]).data
        assert isinstance(one, EventRejected)
        assert one.code.replace("_", "").isalpha()
        assert one.reason
        assert len(one.reason) <= MOST_REASON
        found[one.stream_name, one.entry] = one.code
    return found


def _is_event(fields: Fields) -> bool:
    try:
        decode(fields.get(FIELD))
    except ContractError:
        return False
    return True


def _samples(name: str) -> list[Any]:
    return [sample.value for metric in REGISTRY.collect() for sample in metric.samples if sample.name == name]
