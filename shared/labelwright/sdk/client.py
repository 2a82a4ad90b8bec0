"""Take a product's feedback at once and have it delivered in the background."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, cast

from labelwright.errors import ContractError, SettingsError
from labelwright.sdk.buffer import Buffer, Waiting
from labelwright.sdk.events import Event, check, draft, encode, is_sampled, new_id
from labelwright.sdk.limits import Limits
from labelwright.sdk.tally import Tally, log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from labelwright.sdk.dsn import Dsn
    from labelwright.sdk.sender import Sender
    from labelwright.sdk.spool import Spool
    from labelwright.sdk.tally import Reason

_MOST_CALL_SITES = 100


class Settings(NamedTuple):
    """What `init` was told. Without a `dsn` nothing is sent."""

    dsn: Dsn | None = None
    strict: bool = False
    before_send: Callable[[Event], Event | None] | None = None
    sample_rate: float = 1.0
    environment: str | None = None
    release: str | None = None
    spool: str | os.PathLike[str] | None = None
    limits: Limits = Limits()


class Stats(TypedDict):
    """What became of the feedback so far; `lost` is by reason, `waiting` is what is not settled yet."""

    waiting: int
    accepted: int
    duplicate: int
    spooled: int
    dropped: int
    sampled_out: int
    lost: dict[str, int]


class Client:
    """Settings, a buffer and, from the first event on, one daemon thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tally = Tally()
        self._buffer = Buffer(settings.limits)
        self._spool: Spool | None = None
        self._started = threading.Lock()
        self._sender: Sender | None = None
        self._complained_of: set[str] = set()

    def open(self) -> None:
        """Open the spool, and begin to send what an earlier process left there, if it left anything."""
        if self._settings.dsn is None:
            return
        # Dear to import, so not at the top; and not in the thread either: a child forked during an import, of which
        # no thread is left to finish it, could never import that module again.
        import labelwright.sdk.sender  # noqa: F401

        self._spool = self._open_spool()
        if self._spool is not None and not self._spool.is_empty:
            self._start()

    def publish(self, kind: str, value: object, details: Mapping[str, Any], captured: list[Event] | None) -> str:
        """Take one piece of feedback and return its id at once; what is wrong with it raises only if strict.

        It goes to `captured`, if that is a list, and not to the gateway.
        """
        event_id = new_id()
        try:
            event = self._prepare(draft(event_id, kind, value, details))
            if event is not None and captured is not None:
                captured.append(event)
            elif event is not None and self._settings.dsn:
                self._send(event)
        except ContractError as fault:
            self._complain(fault)
        except Exception as error:
            if self._settings.strict:
                raise
            self._tally.lose("internal", f"the SDK met a bug: {error!r}")
        return event_id

    def flush(self, timeout: float) -> bool:
        """Wait until nothing published before waits any more, or `timeout` seconds are over (then False)."""
        return self._buffer.flush(timeout)

    def close(self, timeout: float) -> bool:
        """Flush; then spool what still waits, or count it as lost, and take nothing any more."""
        is_flushed = self._buffer.flush(timeout)
        unsettled = self._buffer.close()
        if self._sender:
            self._sender.stop()
        self._set_aside(unsettled, "closed", "the process ended before the gateway took it")
        if self._spool is not None:
            self._spool.close()
        return is_flushed

    def stats(self) -> Stats:
        """Return what became of the feedback so far."""
        outcomes = self._tally.outcomes()
        return {
            "waiting": len(self._buffer),
            "accepted": outcomes.get("accepted", 0),
            "duplicate": outcomes.get("duplicate", 0),
            "spooled": outcomes.get("spooled", 0),
            "dropped": outcomes.get("dropped", 0),
            "sampled_out": outcomes.get("sampled_out", 0),
            "lost": self._tally.lost(),
        }

    def born_again(self) -> Client:
        """Return the client of a forked child: same settings, nothing inherited. What waits stays the parent's.

        It opens its spool only when it has something to send, since most children never do.
        """
        if self._sender:
            self._sender.forget()
        if self._spool is not None:
            self._spool.forget()
        child = Client(self._settings)
        if self._buffer.is_closed:
            child._buffer.close()
        return child

    def _prepare(self, event: Event) -> Event | None:
        """Complete and check an event; None if `before_send` dropped it."""
        settings = self._settings
        if settings.dsn:
            event["project"] = settings.dsn.project
        if settings.environment:
            event["environment"] = settings.environment
        if settings.release:
            event["release"] = settings.release
        if settings.sample_rate < 1:
            event["sample_rate"] = settings.sample_rate
        try:
            check(event)
        except ContractError as fault:
            if fault.code != "too_large" or settings.before_send is None:  # before_send may shorten it
                raise
        return event if settings.before_send is None else self._redact(event, settings.before_send)

    def _redact(self, event: Event, before_send: Callable[[Event], Event | None]) -> Event | None:
        event_id = event.id
        try:
            redacted = before_send(event)
        except Exception as error:
            # Sent unredacted it could leak what before_send is there to hide, so it is not sent at all.
            if self._settings.strict:
                raise
            self._tally.lose("before_send", f"before_send raised {error!r}"[:200])
            return None
        if redacted is None:
            self._tally.count("dropped")
            return None
        if not isinstance(redacted, Event):
            raise ContractError(
                "before_send", f"before_send must return the event or None, not {type(redacted).__name__}"
            )
        redacted["id"] = event_id  # which the caller was given
        check(redacted)
        return redacted

    def _send(self, event: Event) -> None:
        if not is_sampled(event.id, self._settings.sample_rate):
            self._tally.count("sampled_out")
            return
        if self._buffer.put(Waiting(event.id, encode(event))):
            self._start()
        elif self._buffer.is_closed:
            self._tally.lose("closed", "labelwright was closed; call init to publish again")
        else:
            self._tally.lose("queue_overflow", "more feedback waits than the SDK may hold; the newest is dropped")

    def _start(self) -> None:
        """Start the thread unless it is: whoever gets the lock does, and keeps it.

        A flag would not do: a signal handler that publishes while its thread is in here would start a second one.
        """
        if not self._started.acquire(blocking=False):
            return
        try:
            threading.Thread(target=self._run, name="labelwright", daemon=True).start()
        except RuntimeError:  # no thread to be had now; the next event tries again, and `close` spools the rest
            self._started.release()

    def _run(self) -> None:
        from labelwright.sdk.sender import Sender

        settings = self._settings
        if settings.dsn is None:
            return
        if self._spool is None:
            self._spool = self._open_spool()
        try:
            self._sender = Sender(
                settings.dsn,
                buffer=self._buffer,
                spool=self._spool,
                tally=self._tally,
                limits=settings.limits,
                set_aside=self._set_aside,
            )
        except Exception as error:  # TLS may have no certificates to check with
            log.warning("no feedback can be sent: %r", error)
        else:
            self._sender.run()

    def _open_spool(self) -> Spool | None:
        folder = self._settings.spool
        if folder is None:
            return None
        try:
            from labelwright.sdk.spool import Spool

            return Spool(folder, self._settings.limits, self._tally)
        except (ImportError, OSError) as error:
            sentence = f"the spool {str(folder)!r} can't be used ({error}); name a folder that we may write"
            if self._settings.strict:
                raise SettingsError(sentence) from error
            log.warning("%s", sentence)
            return None

    def _set_aside(self, events: Sequence[Waiting], reason: Reason, sentence: str) -> None:
        """Spool what could not be delivered; what has no place there is lost for the `reason`."""
        if self._spool is None:
            self._tally.lose(reason, sentence, len(events))
            return
        try:
            kept = self._spool.append(events)
        except OSError as error:
            self._tally.lose("spool_error", f"the spool can't be written ({error})", len(events))
            return
        self._tally.count("spooled", kept)
        self._tally.lose("spool_full", "the spool is full; give it room or mend the gateway", len(events) - kept)

    def _complain(self, fault: ContractError) -> None:
        """Count an event that breaks the contract, and name the caller's line once."""
        if self._settings.strict:
            raise fault
        self._tally.lose(cast("Reason", fault.code), "")
        where = _caller()
        if where not in self._complained_of and len(self._complained_of) < _MOST_CALL_SITES:
            self._complained_of.add(where)
            log.warning("%s: %s", where, fault.reason)


def _caller() -> str:
    """Return file and line of the first frame that is not ours."""
    frame = sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith("labelwright.sdk."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def check_settings(settings: Settings) -> None:
    """Raise SettingsError where a setting is out of bounds."""
    rate = settings.sample_rate
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate <= 1:
        raise SettingsError(f"sample_rate is {rate!r}; it must be above 0 and at most 1")
    if settings.before_send is not None and not callable(settings.before_send):
        raise SettingsError(f"before_send is {settings.before_send!r}; it must be a function of the event, or None")
    if settings.spool is not None and not isinstance(settings.spool, (str, os.PathLike)):
        raise SettingsError(f"spool is {settings.spool!r}; it must be the path of a folder, or None")
    if not isinstance(settings.limits, Limits):
        raise SettingsError(f"limits is {settings.limits!r}; it must be labelwright.Limits(…), or None")
    for name in ("environment", "release"):
        text = getattr(settings, name)
        if text is not None and not (isinstance(text, str) and 0 < len(text) <= 256):
            raise SettingsError(f"{name} is {text!r}; it must be a text of 1 to 256 characters, or None")
