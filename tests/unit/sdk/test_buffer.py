"""The bounds of what waits."""

from hypothesis import given
from hypothesis import strategies as st

from labelwright.sdk.buffer import Buffer, Waiting
from labelwright.sdk.limits import Limits

NOW = Limits(linger_s=0)


def _event(place: int, size: int = 10) -> Waiting:
    return Waiting(str(place), b"x" * size)


def test_the_newest_is_refused_when_there_are_too_many() -> None:
    buffer = Buffer(NOW._replace(most_events=2))

    assert [buffer.put(_event(place)) for place in range(3)] == [True, True, False]
    assert buffer.take() == [_event(0), _event(1)]


def test_the_newest_is_refused_when_they_are_too_large() -> None:
    buffer = Buffer(NOW._replace(most_bytes=25))

    assert [buffer.put(_event(place)) for place in range(3)] == [True, True, False]


def test_what_is_closed_takes_nothing_and_hands_over_what_is_unsettled() -> None:
    buffer = Buffer(NOW._replace(batch_events=1))
    for place in range(3):
        buffer.put(_event(place))
    in_flight = buffer.take()

    assert buffer.close() == [_event(0), _event(1), _event(2)]
    assert not buffer.put(_event(3))
    assert not buffer.settle(in_flight)
    assert buffer.take() == []
    assert buffer.claim() == []
    assert len(buffer) == 0


def test_flush_waits_for_what_is_claimed_until_it_is_settled() -> None:
    buffer = Buffer(NOW)
    buffer.put(_event(0))
    buffer.take()

    assert buffer.claim() == [_event(0)]
    assert not buffer.flush(0)
    assert buffer.settle([])
    assert buffer.flush(0)


@given(st.lists(st.integers(1, 60), max_size=50))
def test_every_event_leaves_once_in_order_and_within_the_batch_bounds(sizes: list[int]) -> None:
    buffer = Buffer(NOW._replace(batch_events=5, batch_bytes=100))
    events = [_event(place, size) for place, size in enumerate(sizes)]
    for event in events:
        assert buffer.put(event)

    batches = []
    while len(buffer):
        batches.append(buffer.take())
        buffer.settle([])

    assert [event for batch in batches for event in batch] == events
    assert all(len(batch) <= 5 for batch in batches)
    assert all(sum(len(event.body) for event in batch) <= 100 for batch in batches)
