"""What the calls return, check, change and drop, whatever is behind them."""

import asyncio
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry import trace

import labelwright
from labelwright import Event, Limits
from labelwright.errors import ContractError, SettingsError
from tests.unit.sdk.loopback import DEADLINE_S, LoopbackGateway, Reply

SCREEN = {"type": "screen", "id": "checkout"}
QUICK = Limits(linger_s=0.02, first_backoff_s=0.01, longest_backoff_s=0.02)
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_capture_catches_every_kind_without_a_gateway() -> None:
    with labelwright.capture() as events:
        ids = [
            labelwright.thumb(True, subject=SCREEN),
            labelwright.thumb(False, subject=SCREEN),
            labelwright.stars(2, subject=SCREEN),
            labelwright.correction(subject=SCREEN, corrected="4 €"),
            labelwright.signal("retry", subject=SCREEN),
            labelwright.feedback(kind="text", comment="slow", subject=SCREEN),
        ]

    assert [event.id for event in events] == ids
    assert [(event.kind, event.value, event.corrected, event.comment) for event in events] == [
        ("thumb", 1, None, None),
        ("thumb", -1, None, None),
        ("stars", 2, None, None),
        ("correction", None, "4 €", None),
        ("signal", "retry", None, None),
        ("text", None, None, "slow"),
    ]


def test_captured_events_are_not_sent_and_later_ones_are(gateway: LoopbackGateway) -> None:
    labelwright.init(gateway.dsn, limits=QUICK)

    with labelwright.capture():
        labelwright.thumb(True, subject=SCREEN)
    sent = labelwright.thumb(False, subject=SCREEN)

    assert labelwright.flush(DEADLINE_S)
    assert [event["id"] for event in gateway.events] == [sent]


def test_the_innermost_capture_gets_the_event() -> None:
    with labelwright.capture() as outer:
        with labelwright.capture() as inner:
            labelwright.stars(1, subject=SCREEN)
        labelwright.stars(5, subject=SCREEN)

    assert [event.value for event in inner] == [1]
    assert [event.value for event in outer] == [5]


def test_an_unknown_field_of_an_event_is_an_attribute_error() -> None:
    event = Event(kind="thumb")

    assert event.comment is None
    with pytest.raises(AttributeError, match="feedback has no field 'coment'; its fields are"):
        _ = event.coment


def test_every_call_returns_its_own_uuid_of_version_7() -> None:
    ids = [labelwright.thumb(True, subject=SCREEN) for _ in range(100)]

    assert all(UUID7.fullmatch(event_id) for event_id in ids)
    assert len(set(ids)) == 100
    assert [event_id[:8] for event_id in ids] == sorted(event_id[:8] for event_id in ids)


FAULTS: list[tuple[Callable[[], str], str]] = [
    (lambda: labelwright.thumb("no", subject=SCREEN), "'value' of a thumb"),  # type: ignore[arg-type]
    (lambda: labelwright.stars(6, subject=SCREEN), "'value' of stars"),
    (lambda: labelwright.stars(4.5, subject=SCREEN), "'value' must be a whole number"),  # type: ignore[arg-type]
    (lambda: labelwright.signal("scroll", subject=SCREEN), "'value' of a signal"),
    (lambda: labelwright.correction(subject=SCREEN), "'corrected'"),
    (lambda: labelwright.feedback("text", subject=SCREEN, comment=" "), "'comment'"),
    (lambda: labelwright.feedback("rating", subject=SCREEN), "'kind' must be one of"),
    (lambda: labelwright.thumb(True), "'subject'"),  # type: ignore[call-arg]
    (lambda: labelwright.thumb(True, subject={"type": "screen"}), "'subject'"),
    (lambda: labelwright.thumb(True, subject="resp_91"), "'subject'"),  # type: ignore[arg-type]
    (lambda: labelwright.thumb(True, subject=SCREEN, coment="x"), "no field 'coment'"),  # type: ignore[call-arg]
    (lambda: labelwright.thumb(True, subject=SCREEN, user=object()), "'user'"),  # type: ignore[arg-type]
    (lambda: labelwright.thumb(True, subject=SCREEN, reason="x" * 257), "'reason' has 257 characters"),
    (lambda: labelwright.thumb(True, subject=labelwright.response(id=1, text="x" * 32_769)), "'subject.response'"),
    (lambda: labelwright.thumb(True, subject=SCREEN, meta=["pro"]), "'meta'"),  # type: ignore[arg-type]
    (lambda: labelwright.thumb(True, subject=SCREEN, meta={"score": float("nan")}), "JSON"),
    (lambda: labelwright.thumb(True, subject=SCREEN, meta={"page": "x" * 70_000}), "the most is 65536"),
    (lambda: labelwright.thumb(True, subject=SCREEN, occurred_at=datetime(2026, 1, 1)), "time zone"),  # noqa: DTZ001
]


@pytest.mark.parametrize(("call", "named"), FAULTS)
def test_a_wrong_argument_is_one_warning_that_names_the_field_and_the_line(
    gateway: LoopbackGateway, caplog: pytest.LogCaptureFixture, call: Callable[[], str], named: str
) -> None:
    labelwright.init(gateway.dsn, limits=QUICK)

    ids = [call(), call()]

    assert all(UUID7.fullmatch(event_id) for event_id in ids)
    assert len(caplog.records) == 1
    assert caplog.records[0].levelname == "WARNING"
    assert named in caplog.records[0].getMessage()
    assert re.search(r"test_calls\.py:\d+: ", caplog.records[0].getMessage())
    assert sum(labelwright.stats()["lost"].values()) == 2


@pytest.mark.parametrize(("call", "named"), FAULTS)
def test_a_wrong_argument_raises_when_strict(gateway: LoopbackGateway, call: Callable[[], str], named: str) -> None:
    labelwright.init(gateway.dsn, strict=True, limits=QUICK)

    with pytest.raises(ContractError, match=re.escape(named)):
        call()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"dsn": "lw_live_secret"}, "not of the form"),
        ({"sample_rate": 0}, "sample_rate is 0"),
        ({"sample_rate": 1.5}, "sample_rate is 1.5"),
        ({"before_send": 3}, "before_send is 3"),
        ({"environment": ""}, "environment is ''"),
        ({"spool": 3}, "spool is 3"),
        ({"limits": 3}, "limits is 3"),
        ({"dsn": "http://key@127.0.0.1/shop", "spool": "/dev/null/spool"}, "can't be used"),
    ],
)
def test_a_wrong_setting_is_one_warning_and_raises_when_strict(
    caplog: pytest.LogCaptureFixture, settings: dict[str, Any], named: str
) -> None:
    labelwright.init(**settings)

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert named in caplog.text
    assert "secret" not in caplog.text
    with pytest.raises(SettingsError, match=re.escape(named)):
        labelwright.init(strict=True, **settings)


def test_without_a_dsn_there_is_one_info_line_and_nothing_happens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "labelwright")

    labelwright.init()
    for _ in range(3):
        labelwright.thumb(True, subject=SCREEN)

    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "LABELWRIGHT_DSN" in caplog.text
    assert labelwright.flush(0)
    assert labelwright.stats()["waiting"] == 0


def test_the_environment_tells_the_dsn_when_nobody_calls_init(gateway: LoopbackGateway) -> None:
    script = "import labelwright; labelwright.thumb(True, subject={'type': 'screen', 'id': 'home'})"

    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"LABELWRIGHT_DSN": gateway.dsn},
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert run.stderr == b""
    assert [event["subject"]["id"] for event in gateway.events] == ["home"]


def test_before_send_redacts_and_drops(gateway: LoopbackGateway) -> None:
    def redact(event: Event) -> Event | None:
        if event.user == "bot":
            return None
        event["comment"] = "…"
        return event

    labelwright.init(gateway.dsn, before_send=redact, limits=QUICK)
    labelwright.thumb(True, subject=SCREEN, comment="call me: 555-0100")
    labelwright.thumb(True, subject=SCREEN, user="bot")

    assert labelwright.flush(DEADLINE_S)
    assert [event["comment"] for event in gateway.events] == ["…"]
    assert labelwright.stats()["dropped"] == 1
    assert labelwright.stats()["lost"] == {}


@pytest.mark.parametrize("before_send", [lambda event: event | {"id": "mine"}, lambda event: event.pop("id") and event])
def test_before_send_can_not_change_the_id_that_the_caller_was_given(
    gateway: LoopbackGateway, before_send: Any
) -> None:
    labelwright.init(gateway.dsn, before_send=lambda event: Event(before_send(event)), limits=QUICK)

    published = labelwright.thumb(True, subject=SCREEN)

    assert labelwright.flush(DEADLINE_S)
    assert [event["id"] for event in gateway.events] == [published]


def test_before_send_can_shorten_what_is_too_long(gateway: LoopbackGateway) -> None:
    def shorten(event: Event) -> Event:
        event["comment"] = event.comment[:100]
        return event

    labelwright.init(gateway.dsn, before_send=shorten, limits=QUICK)
    labelwright.thumb(True, subject=SCREEN, comment="x" * 100_000)

    assert labelwright.flush(DEADLINE_S)
    assert [event["comment"] for event in gateway.events] == ["x" * 100]


@pytest.mark.parametrize("before_send", [lambda _: 1 / 0, lambda _: "text", dict])
def test_nothing_unredacted_is_sent_when_before_send_fails(gateway: LoopbackGateway, before_send: Any) -> None:
    labelwright.init(gateway.dsn, before_send=before_send, limits=QUICK)

    labelwright.thumb(True, subject=SCREEN)

    assert labelwright.flush(DEADLINE_S)
    assert gateway.arrived == []
    assert labelwright.stats()["lost"] == {"before_send": 1}


def test_a_sample_carries_its_rate_and_leaves_the_rest_out(gateway: LoopbackGateway) -> None:
    labelwright.init(gateway.dsn, sample_rate=0.5, limits=QUICK)

    for _ in range(200):
        labelwright.thumb(True, subject=SCREEN)

    assert labelwright.flush(DEADLINE_S)
    sampled_out = labelwright.stats()["sampled_out"]
    assert {event["sample_rate"] for event in gateway.events} == {0.5}
    assert len(gateway.events) + sampled_out == 200
    assert 40 < sampled_out < 160  # 8 standard deviations


def test_the_current_trace_is_noted() -> None:
    context = trace.SpanContext(trace_id=0x4BF9, span_id=1, is_remote=False)

    with labelwright.capture() as events, trace.use_span(trace.NonRecordingSpan(context)):
        labelwright.thumb(True, subject=SCREEN)
    with labelwright.capture() as outside:
        labelwright.thumb(True, subject=SCREEN)

    with labelwright.capture() as unreadable, trace.use_span(trace.NonRecordingSpan(None)):  # type: ignore[arg-type]
        labelwright.thumb(True, subject=SCREEN)

    assert [event.trace_id for event in unreadable] == [None]
    assert events[0].trace_id == f"{0x4BF9:032x}"
    assert outside[0].trace_id is None


def test_a_given_moment_is_kept_with_its_zone() -> None:
    with labelwright.capture() as events:
        labelwright.thumb(True, subject=SCREEN, occurred_at=datetime(2026, 11, 23, 10, tzinfo=UTC))

    assert events[0].occurred_at == "2026-11-23T10:00:00+00:00"


def test_empty_texts_are_left_out() -> None:
    with labelwright.capture() as events:
        labelwright.thumb(True, subject={**SCREEN, "model": ""}, comment="", reason="", user=None)

    assert events[0].keys() == {"id", "kind", "value", "occurred_at", "subject"}
    assert events[0].subject == SCREEN


def test_half_a_character_does_not_lose_the_event(gateway: LoopbackGateway) -> None:
    labelwright.init(gateway.dsn, limits=QUICK)

    labelwright.feedback("text", comment="half \ud83d a pair", subject=SCREEN)

    assert labelwright.flush(DEADLINE_S)
    assert [event["comment"] for event in gateway.events] == ["half ? a pair"]


def test_the_event_loop_turns_while_the_gateway_hangs(gateway: LoopbackGateway) -> None:
    gateway.replies.append(Reply(fault="hang"))
    labelwright.init(gateway.dsn, limits=QUICK._replace(timeout_s=60))

    async def serve() -> list[str]:
        ids = []
        for _ in range(50):
            ids.append(labelwright.thumb(True, subject=SCREEN))
            await asyncio.sleep(0)
        return ids

    ids = asyncio.run(serve())

    gateway.wait_for(lambda server: len(server.arrived) == 1)
    assert len(set(ids)) == 50
    assert labelwright.stats()["waiting"] == 50
