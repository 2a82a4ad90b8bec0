"""The one table is in one piece: what is written is carried, what is carried is read, every version can be lifted."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from labelwright import topology
from labelwright.contracts import payload
from labelwright.contracts.envelope import Event, decode, encode
from labelwright.contracts.payload import Payload, resolve
from tests.conformance.contracts import events
from tests.conformance.story import told

CONTRACTS = sorted(
    {carried for stream in topology.STREAMS.values() for carried in stream.carries} | {*topology.contracts("ticks.x")},
    key=lambda kind: kind.type,
)
every_contract = pytest.mark.parametrize("kind", CONTRACTS, ids=lambda kind: kind.__name__)


@pytest.mark.parametrize("stream", topology.STREAMS.values(), ids=lambda stream: stream.name)
def test_a_stream_has_writers_and_readers_that_exist(stream: topology.Stream) -> None:
    assert stream.writers
    assert {*stream.writers, *stream.readers} <= topology.SERVICES.keys()
    assert all(topology.SERVICES[reader].kind == "stage" for reader in stream.readers)
    assert stream.purpose


@every_contract
def test_a_contract_lies_on_the_stream_that_it_names(kind: type[Payload]) -> None:
    places = [stream.name for stream in topology.STREAMS.values() if kind in stream.carries] or ["ticks"]

    assert places == [kind.stream]


def test_no_contract_is_left_out() -> None:
    known = {kind for kind in payload._NAMES.values() if kind.__module__.startswith("labelwright.")}

    assert {kind.__name__ for kind in known - set(CONTRACTS)} == {"RequestAnswered"}


@every_contract
def test_every_version_of_a_contract_can_be_read(kind: type[Payload]) -> None:
    stem = kind.type.rpartition(".v")[0]

    for version in range(1, kind.version + 1):
        model, chain = resolve(f"{stem}.v{version}")
        assert model is kind
        assert len(chain) == kind.version - version


@examples(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
@every_contract
def test_what_is_written_is_read_as_it_was(kind: type[Payload], data: st.DataObject) -> None:
    event: Event[Payload] = data.draw(events([kind], told().words(), told().files))

    assert decode(encode(event)) == event


@pytest.mark.parametrize("name", topology.STAGES)
def test_a_stage_reads_something_and_says_what_it_is_for(name: str) -> None:
    assert topology.inputs(name)
    assert topology.SERVICES[name].purpose
    assert {"rejected", "dead", "changes"} <= set(topology.outputs(name))


def test_what_a_stage_emits_somebody_reads_or_the_ledger_alone_keeps() -> None:
    unread = {stream.name for stream in topology.STREAMS.values() if not stream.readers}

    assert unread == {"rejected", "metrics", "releases", "themes", "dead", "changes"}
