"""What could not be sent outlives its process, once, within its bounds."""

import os
import subprocess
import sys
from pathlib import Path

import labelwright
from labelwright import Limits
from labelwright.sdk.buffer import Waiting
from labelwright.sdk.events import MAX_BYTES
from labelwright.sdk.spool import Spool
from labelwright.sdk.tally import Tally
from tests.unit.sdk.loopback import DEADLINE_S, LoopbackGateway, Reply

SCREEN = {"type": "screen", "id": "checkout"}
QUICK = Limits(linger_s=0.02, first_backoff_s=0.01, longest_backoff_s=0.02, tries=2)


def _events(*places: int) -> list[Waiting]:
    return [Waiting(f"e{place}", b'{"id":"e%d"}' % place) for place in places]


def _spool(folder: Path, limits: Limits = Limits()) -> Spool:  # noqa: B008  # immutable
    return Spool(str(folder), limits, Tally())


def _drain(spool: Spool) -> list[Waiting]:
    drained = []
    while batch := spool.peek():
        drained += batch
        spool.advance()
    return drained


def test_what_is_left_by_one_process_is_read_by_the_next_in_order_and_removed(tmp_path: Path) -> None:
    first = _spool(tmp_path)
    assert first.append(_events(1, 2)) == 2
    assert first.append(_events(3)) == 1
    first.close()

    second = _spool(tmp_path, Limits(batch_events=2))

    assert not second.is_empty
    assert _drain(second) == _events(1, 2, 3)
    assert second.is_empty
    assert list(tmp_path.iterdir()) == []


def test_a_batch_that_is_not_passed_is_read_again(tmp_path: Path) -> None:
    spool = _spool(tmp_path, Limits(batch_events=2))
    spool.append(_events(1, 2, 3))

    assert spool.peek() == spool.peek() == _events(1, 2)
    spool.advance()
    assert spool.peek() == _events(3)
    spool.close()


def test_the_file_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    living = _spool(tmp_path)
    living.append(_events(1))

    other = _spool(tmp_path)

    assert other.is_empty
    assert _drain(living) == _events(1)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    spool = _spool(tmp_path, Limits(spool_bytes=30))

    assert spool.append(_events(1, 2, 3)) == 2
    assert spool.append(_events(4)) == 0
    assert _drain(spool) == _events(1, 2)


def test_a_torn_line_is_counted_and_passed_over(tmp_path: Path) -> None:
    (tmp_path / "1-dead.jsonl").write_bytes(b'{"id":"e1"}\n{"id":"e\n[]\n{"id":"e2"}\n{"id":"e3"')
    tally = Tally()

    drained = _drain(Spool(str(tmp_path), Limits(), tally))

    assert drained == _events(1, 2)
    assert tally.lost() == {"spool_corrupt": 3}


def test_more_than_one_read_holds_is_replayed_whole(tmp_path: Path) -> None:
    comment = b"x" * 60_000
    events = [Waiting(f"e{place}", b'{"id":"e%d","comment":"%s"}' % (place, comment)) for place in range(40)]
    spool = _spool(tmp_path)
    spool.append(events)

    assert _drain(spool) == events


def test_a_read_that_ends_just_before_a_newline_loses_nothing(tmp_path: Path) -> None:
    limits = Limits(batch_bytes=1)  # so that a read takes one byte more than the largest event
    bodies = [b'{"id":"e1"}', b'{"id":"e2"}'.ljust(limits.batch_bytes + MAX_BYTES - 12), b'{"id":"e3"}']
    events = [Waiting(f"e{place}", body) for place, body in enumerate(bodies, 1)]
    tally = Tally()
    spool = Spool(str(tmp_path), limits, tally)
    spool.append(events)

    assert _drain(spool) == events
    assert tally.lost() == {}


def test_a_full_disk_tears_no_line(tmp_path: Path) -> None:
    script = """
import resource, sys
from labelwright.sdk.buffer import Waiting
from labelwright.sdk.limits import Limits
from labelwright.sdk.spool import Spool
from labelwright.sdk.tally import Tally
spool = Spool(sys.argv[1], Limits(), Tally())
spool.append([Waiting("e1", b'{"id":"e1"}')])
resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))
try:
    spool.append([Waiting("e2", b'{"id":"e2"}')])
except OSError:
    print("refused")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.append([Waiting("e3", b'{"id":"e3"}')])
"""
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )

    assert run.stdout == "refused\n"
    assert _drain(_spool(tmp_path)) == _events(1, 3)


def test_what_the_gateway_does_not_take_is_spooled_and_sent_on_the_next_start(
    gateway: LoopbackGateway, tmp_path: Path
) -> None:
    gateway.replies.extend([Reply(status=503)] * 2)
    labelwright.init(gateway.dsn, spool=str(tmp_path), limits=QUICK)
    spooled = labelwright.thumb(True, subject=SCREEN)
    assert labelwright.flush(DEADLINE_S)
    assert labelwright.stats()["spooled"] == 1
    assert labelwright.stats()["lost"] == {}
    labelwright.close()

    labelwright.init(gateway.dsn, spool=str(tmp_path), limits=QUICK)

    gateway.wait_for(lambda server: len(server.arrived) == 3)
    assert [event["id"] for event in gateway.arrived[2].events] == [spooled]


def test_what_was_spooled_follows_as_soon_as_the_gateway_is_back(gateway: LoopbackGateway, tmp_path: Path) -> None:
    gateway.replies.extend([Reply(status=503)] * 2)
    labelwright.init(gateway.dsn, spool=tmp_path, limits=QUICK)
    spooled = labelwright.thumb(True, subject=SCREEN)
    assert labelwright.flush(DEADLINE_S)

    newer = labelwright.thumb(False, subject=SCREEN)

    gateway.wait_for(lambda server: len(server.arrived) == 4)
    assert [[event["id"] for event in request.events] for request in gateway.arrived[2:]] == [[newer], [spooled]]


def test_what_still_waits_at_close_is_spooled(gateway: LoopbackGateway, tmp_path: Path) -> None:
    gateway.replies.append(Reply(status=503, headers={"Retry-After": "300"}))
    labelwright.init(gateway.dsn, spool=str(tmp_path), limits=QUICK)
    published = labelwright.thumb(True, subject=SCREEN)
    gateway.wait_for(lambda server: len(server.arrived) == 1)

    labelwright.close(0)

    assert labelwright.stats()["spooled"] == 1
    assert [event.id for event in _drain(_spool(tmp_path))] == [published]


def test_an_unreachable_gateway_at_exit_leaves_the_feedback_on_disk(gateway: LoopbackGateway, tmp_path: Path) -> None:
    script = """
import sys, labelwright
labelwright.init(sys.argv[1], spool=sys.argv[2], limits=labelwright.Limits(linger_s=0))
print(labelwright.thumb(True, subject={"type": "screen", "id": "home"}))
"""
    gateway.replies.append(Reply(status=503, headers={"Retry-After": "300"}))

    run = subprocess.run(
        [sys.executable, "-c", script, gateway.dsn, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert [event.id for event in _drain(_spool(tmp_path))] == [run.stdout.strip()]


def test_a_spool_that_can_no_longer_be_written_is_counted(gateway: LoopbackGateway, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    gateway.replies.extend([Reply(status=503)] * 2)
    labelwright.init(gateway.dsn, spool=str(folder), limits=QUICK)
    os.rmdir(folder)

    labelwright.thumb(True, subject=SCREEN)

    assert labelwright.flush(DEADLINE_S)
    assert labelwright.stats()["lost"] == {"spool_error": 1}
