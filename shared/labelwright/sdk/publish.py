"""The calls that a product makes."""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from labelwright.errors import SettingsError
from labelwright.sdk.client import Client, Settings, Stats, check_settings
from labelwright.sdk.dsn import FORM, parse_dsn
from labelwright.sdk.limits import Limits
from labelwright.sdk.tally import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Unpack

    from labelwright.sdk.events import Details, Event

_client: Client | None = None
_captures: list[list[Event]] = []
_choosing = threading.RLock()


def init(
    dsn: str | None = None,
    *,
    strict: bool = False,
    before_send: Callable[[Event], Event | None] | None = None,
    sample_rate: float = 1.0,
    environment: str | None = None,
    release: str | None = None,
    spool: str | os.PathLike[str] | None = None,
    limits: Limits | None = None,
) -> None:
    """Say where feedback goes; without a call, and without `dsn`, the environment's LABELWRIGHT_DSN says it.

    With neither, every call still checks and returns, and nothing is sent. `before_send` runs in the caller's thread;
    it may change the event, or return None to drop it. `sample_rate` (0 < rate <= 1) is recorded with each event, so
    that weights stay right. `spool` is a folder for what can't be delivered now; it is sent on the next start, or
    before, when the gateway is back. `strict` raises LabelwrightErrors, for tests; else a wrong setting
    is one warning, and nothing is sent. An earlier client is closed, which may take 2 seconds if it has feedback left.
    """
    bounds = Limits() if limits is None else limits
    settings = Settings(None, strict, before_send, sample_rate, environment, release, spool, bounds)
    try:
        _install(_new_client(settings, dsn))
    except SettingsError as fault:
        if strict:
            raise
        log.warning("no feedback is sent: %s", fault)
        _install(Client(Settings()))


def thumb(up: bool, **details: Unpack[Details]) -> str:
    """Publish a thumb up or down on a subject, and return the event's id."""
    return _publish("thumb", (1 if up else -1) if isinstance(up, bool) else up, details)


def stars(n: int, **details: Unpack[Details]) -> str:
    """Publish 1 to 5 stars on a subject, and return the event's id."""
    return _publish("stars", n, details)


def correction(**details: Unpack[Details]) -> str:
    """Publish, as `corrected`, what a response should have been, and return the event's id."""
    return _publish("correction", None, details)


def signal(name: str, **details: Unpack[Details]) -> str:
    """Publish what a user did rather than said: 'retry', 'edit' or 'abandon'; return the event's id."""
    return _publish("signal", name, details)


def feedback(kind: str, value: object = None, **details: Unpack[Details]) -> str:
    """Publish feedback of any kind ('thumb', 'stars', 'correction', 'text', 'signal') and return the event's id."""
    return _publish(kind, value, details)


def response(
    *, id: str | int, prompt: str | None = None, text: str | None = None, model: str | None = None
) -> dict[str, object]:
    """Return the subject that a language model's response is; `id` is yours, and the same for every word on it."""
    fields = {"type": "llm_response", "id": id, "prompt": prompt, "response": text, "model": model}
    return {name: value for name, value in fields.items() if value is not None}


def flush(timeout: float = 2.0) -> bool:
    """Wait at most `timeout` seconds until nothing waits any more; False if something still does. See `stats`."""
    return _current().flush(timeout)


def close(timeout: float = 2.0) -> bool:
    """Flush, spool or count what is left, and send nothing until `init` is called again. Happens at exit, too."""
    return _client.close(timeout) if _client else True


def stats() -> Stats:
    """Return how much feedback waits, was accepted, and was lost for which reason, since `init`."""
    return _current().stats()


@contextmanager
def capture() -> Iterator[list[Event]]:
    """Catch, for a test, what would be published by any thread inside the block; nothing is sent or sampled.

    The list fills as calls are made: `with labelwright.capture() as events: …; assert events[0].kind == "thumb"`.
    `before_send` does run. Captures nest: the innermost gets the event.
    """
    events: list[Event] = []
    _captures.append(events)
    try:
        yield events
    finally:
        _captures[:] = [other for other in _captures if other is not events]


def _publish(kind: str, value: object, details: Any) -> str:
    innermost = _captures[-1:]
    return _current().publish(kind, value, details, innermost[0] if innermost else None)


def _current() -> Client:
    """Return the client, made from the environment if nobody called `init`."""
    while (client := _client) is None:
        with _choosing:
            if _client is None:
                init()
    return client


def _new_client(settings: Settings, dsn: str | None) -> Client:
    check_settings(settings)
    text = dsn or os.environ.get("LABELWRIGHT_DSN")
    if not text:
        log.info("no feedback is sent: there is no DSN; pass one (%s) to init or set LABELWRIGHT_DSN", FORM)
        return Client(settings)
    return Client(settings._replace(dsn=parse_dsn(text)))


def _install(client: Client) -> None:
    """Make `client` the one that the calls use. The old one is closed first, so that it lets go of the spool."""
    global _client  # noqa: PLW0603  # one client a process is the point of `labelwright.thumb(…)`
    with _choosing:
        if _client is not None:
            _client.close(2.0)
        _client = client
        client.open()


def _begin_afresh() -> None:
    """In the child of a fork: no thread came along, and locks may be held by threads that are no more."""
    global _client, _choosing  # noqa: PLW0603
    _choosing = threading.RLock()
    if _client is not None:
        _client = _client.born_again()


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_afresh)
