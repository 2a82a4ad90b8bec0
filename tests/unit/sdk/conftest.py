"""A gateway on loopback, and an SDK that forgets everything between two tests."""

import threading
from collections.abc import Iterator

import pytest

import labelwright
from tests.unit.sdk.loopback import DEADLINE_S, LoopbackGateway


@pytest.fixture
def gateway() -> Iterator[LoopbackGateway]:
    server = LoopbackGateway()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("LABELWRIGHT_DSN", raising=False)
    yield
    labelwright.close(0)
    labelwright.init()
    for thread in threading.enumerate():
        if thread.name == "labelwright":
            thread.join(DEADLINE_S)
            assert not thread.is_alive(), "a closed SDK left its thread behind"
