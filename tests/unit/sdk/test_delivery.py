"""What arrives at the gateway, and what happens when it does not take it."""

import socket
from typing import Any

import pytest

import labelwright
from labelwright import Limits
from labelwright.sdk.buffer import Buffer, Waiting
from labelwright.sdk.dsn import parse_dsn
from labelwright.sdk.sender import Sender
from labelwright.sdk.tally import Tally
from tests.unit.sdk.loopback import DEADLINE_S, LoopbackGateway, Reply

QUICK = Limits(linger_s=0.02, first_backoff_s=0.01, longest_backoff_s=0.02, timeout_s=0.5)
ANSWER = {"type": "llm_response", "id": "resp_91", "prompt": "how much?", "response": "3 €", "model": "acme/m-4"}


def _thumbs(count: int) -> list[str]:
    return [labelwright.thumb(True, subject=labelwright.response(id=place)) for place in range(count)]


def _ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["id"] for event in events]


def test_an_event_arrives_exactly_as_it_was_given(gateway: LoopbackGateway) -> None:
    labelwright.init(gateway.dsn, environment="production", release="7.1", limits=QUICK)

    event_id = labelwright.thumb(
        False,
        subject=labelwright.response(id="resp_91", prompt="how much?", text="3 €", model="acme/m-4"),
        reason="wrong",
        comment="the price is wrong",
        user=17,
        customer="acme",
        trace_id="4bf9",
        meta={"plan": "pro"},
    )

    assert labelwright.flush(DEADLINE_S)
    request = gateway.arrived[0]
    occurred_at = request.events[0].pop("occurred_at")
    assert occurred_at.endswith("Z")
    assert request.events == [
        {
            "id": event_id,
            "project": "checkout",
            "kind": "thumb",
            "value": -1,
            "subject": ANSWER,
            "reason": "wrong",
            "comment": "the price is wrong",
            "user": "17",
            "customer": "acme",
            "trace_id": "4bf9",
            "meta": {"plan": "pro"},
            "environment": "production",
            "release": "7.1",
        }
    ]
    assert request.path == "/v1/feedback"
    assert request.headers["Authorization"] == "Bearer lw_test_key"
    assert request.headers["Content-Type"] == "application/json"
    assert "Labelwright-Lost" not in request.headers


def test_a_small_body_is_sent_plain_and_a_large_one_zipped(gateway: LoopbackGateway) -> None:
    labelwright.init(gateway.dsn, limits=QUICK)

    labelwright.feedback(kind="text", comment="short", subject=ANSWER)
    assert labelwright.flush(DEADLINE_S)
    labelwright.feedback(kind="text", comment="long " * 1000, subject=ANSWER)
    assert labelwright.flush(DEADLINE_S)

    small, large = gateway.arrived
    assert "Content-Encoding" not in small.headers
    assert large.headers["Content-Encoding"] == "gzip"
    assert large.wire_bytes < 5000
    assert large.events[0]["comment"] == "long " * 1000


def test_events_arrive_in_order_in_batches_of_at_most_a_hundred(gateway: LoopbackGateway) -> None:
    labelwright.init(gateway.dsn, limits=QUICK)

    published = _thumbs(250)

    assert labelwright.flush(DEADLINE_S)
    assert _ids(gateway.events) == published
    assert max(len(request.events) for request in gateway.arrived) <= 100


def test_events_arrive_without_a_flush(gateway: LoopbackGateway) -> None:
    labelwright.init(gateway.dsn, limits=QUICK)

    published = _thumbs(3)

    gateway.wait_for(lambda server: _ids(server.events) == published)


def test_only_events_that_the_gateway_asks_for_are_sent_again(gateway: LoopbackGateway) -> None:
    gateway.replies.append(Reply(verdicts={1: "retry", 2: "rejected", 3: "duplicate", 4: "retry"}))
    labelwright.init(gateway.dsn, limits=QUICK._replace(linger_s=60))

    published = _thumbs(5)

    assert labelwright.flush(DEADLINE_S)
    assert [_ids(request.events) for request in gateway.arrived] == [published, [published[1], published[4]]]
    assert labelwright.stats() == {
        "waiting": 0,
        "accepted": 3,
        "duplicate": 1,
        "spooled": 0,
        "dropped": 0,
        "sampled_out": 0,
        "lost": {"rejected": 1},
    }


def test_a_batch_that_was_wholly_rejected_is_not_sent_again(gateway: LoopbackGateway) -> None:
    gateway.replies.append(Reply(status=422, verdicts={0: "rejected"}))
    labelwright.init(gateway.dsn, limits=QUICK)

    _thumbs(1)

    assert labelwright.flush(DEADLINE_S)
    assert len(gateway.arrived) == 1
    assert labelwright.stats()["lost"] == {"rejected": 1}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_fault_that_may_pass_is_tried_again_with_the_same_events(gateway: LoopbackGateway, status: int) -> None:
    gateway.replies.extend([Reply(status=status), Reply(status=status)])
    labelwright.init(gateway.dsn, limits=QUICK)

    published = _thumbs(1)

    assert labelwright.flush(DEADLINE_S)
    assert [_ids(request.events) for request in gateway.arrived] == [published] * 3
    assert labelwright.stats()["accepted"] == 1
    assert labelwright.stats()["lost"] == {}


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 415])
def test_a_fault_for_good_is_not_tried_again(gateway: LoopbackGateway, status: int) -> None:
    gateway.replies.append(Reply(status=status))
    labelwright.init(gateway.dsn, limits=QUICK)

    _thumbs(1)

    assert labelwright.flush(DEADLINE_S)
    assert len(gateway.arrived) == 1
    assert labelwright.stats()["lost"] == {"refused": 1}


@pytest.mark.parametrize("fault", ["reset", "hang"])
def test_a_connection_that_breaks_is_made_anew(gateway: LoopbackGateway, fault: Any) -> None:
    gateway.replies.append(Reply(fault=fault))
    labelwright.init(gateway.dsn, limits=QUICK)

    published = _thumbs(1)

    assert labelwright.flush(DEADLINE_S)
    assert [_ids(request.events) for request in gateway.arrived] == [published, published]
    assert labelwright.stats()["accepted"] == 1


def test_waits_as_long_as_the_gateway_asks(gateway: LoopbackGateway) -> None:
    gateway.replies.append(Reply(status=429, headers={"Retry-After": "3600"}))
    labelwright.init(gateway.dsn, limits=QUICK)
    _thumbs(1)
    gateway.wait_for(lambda server: len(server.arrived) == 1)

    # Its own backoff is 20 ms at most, so that a second request would come at once if Retry-After were not heeded.
    is_flushed = labelwright.flush(0.5)

    assert not is_flushed
    assert len(gateway.arrived) == 1
    assert labelwright.stats()["waiting"] == 1


def test_what_fails_at_every_try_is_counted_as_lost_and_told_with_the_next_request(gateway: LoopbackGateway) -> None:
    gateway.replies.extend([Reply(status=503)] * 3)
    labelwright.init(gateway.dsn, limits=QUICK._replace(tries=3))

    _thumbs(2)
    assert labelwright.flush(DEADLINE_S)
    _thumbs(1)
    assert labelwright.flush(DEADLINE_S)
    _thumbs(1)
    assert labelwright.flush(DEADLINE_S)

    assert labelwright.stats()["lost"] == {"gave_up": 2}
    assert [request.headers.get("Labelwright-Lost") for request in gateway.arrived] == [
        None,
        None,
        None,
        "gave_up=2",
        None,
    ]


def test_losses_are_told_again_when_the_request_that_told_them_failed(gateway: LoopbackGateway) -> None:
    gateway.replies.append(Reply(status=500))
    labelwright.init(gateway.dsn, limits=QUICK)
    labelwright.stars(9, subject=ANSWER)

    _thumbs(1)

    assert labelwright.flush(DEADLINE_S)
    assert [request.headers.get("Labelwright-Lost") for request in gateway.arrived] == ["invalid=1", "invalid=1"]


def test_an_answer_that_is_not_the_gateways_does_not_break_the_sender(gateway: LoopbackGateway) -> None:
    gateway.replies.append(Reply(body=b"<html>welcome</html>"))
    labelwright.init(gateway.dsn, limits=QUICK)

    _thumbs(1)
    assert labelwright.flush(DEADLINE_S)
    _thumbs(1)
    assert labelwright.flush(DEADLINE_S)

    assert labelwright.stats()["accepted"] == 2


def test_a_dead_gateway_raises_nothing_and_logs_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    labelwright.init(f"http://key@127.0.0.1:{port}/checkout", limits=QUICK._replace(tries=3))

    ids = _thumbs(5)

    assert labelwright.flush(DEADLINE_S)
    assert len(set(ids)) == 5
    assert labelwright.stats()["lost"] == {"gave_up": 5}
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "does not take feedback" in caplog.records[0].message
    assert "gave_up" in caplog.records[1].message


def test_what_is_given_up_while_the_sdk_closes_is_set_aside_once(gateway: LoopbackGateway) -> None:
    gateway.replies.append(Reply(status=503))
    limits = QUICK._replace(tries=1)
    buffer, event = Buffer(limits), Waiting("e1", b'{"id":"e1"}')
    buffer.put(event)
    handed: list[Waiting] = []

    def close_meanwhile(events: list[Waiting], _reason: str, _sentence: str) -> None:
        handed.extend([*events, *buffer.close()])

    Sender(
        parse_dsn(gateway.dsn), buffer=buffer, spool=None, tally=Tally(), limits=limits, set_aside=close_meanwhile
    ).run()

    assert handed == [event]


def test_what_does_not_fit_is_counted_and_told(gateway: LoopbackGateway) -> None:
    gateway.replies.append(Reply(status=503, headers={"Retry-After": "1"}))
    labelwright.init(gateway.dsn, limits=QUICK._replace(most_events=4))
    first = _thumbs(1)
    gateway.wait_for(lambda server: len(server.arrived) == 1)

    rest = _thumbs(7)

    assert labelwright.stats()["lost"] == {"queue_overflow": 3}
    assert labelwright.flush(DEADLINE_S)
    assert gateway.arrived[1].headers["Labelwright-Lost"] == "queue_overflow=3"
    assert _ids(gateway.events) == first + first + rest[:4]


def test_closing_counts_what_could_not_be_sent_and_takes_nothing_more(gateway: LoopbackGateway) -> None:
    gateway.replies.append(Reply(status=503, headers={"Retry-After": "3600"}))
    labelwright.init(gateway.dsn, limits=QUICK)
    _thumbs(2)
    gateway.wait_for(lambda server: len(server.arrived) == 1)

    is_flushed = labelwright.close(0.1)
    _thumbs(1)

    assert not is_flushed
    assert labelwright.stats()["waiting"] == 0
    assert labelwright.stats()["lost"] == {"closed": 3}
