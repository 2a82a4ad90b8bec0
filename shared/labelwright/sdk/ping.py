"""Ask the gateway whether it is there, knows the key, and would take this project's feedback."""

from __future__ import annotations

from time import perf_counter

from labelwright.errors import SettingsError
from labelwright.sdk.buffer import Waiting
from labelwright.sdk.dsn import FORM, parse_dsn
from labelwright.sdk.events import draft, encode, new_id
from labelwright.sdk.gateway import Gateway
from labelwright.sdk.limits import Limits


def ping(dsn: str | None) -> tuple[bool, str]:
    """Send one event that is validated and not kept (`dry_run=1`); return whether it would be taken, and a sentence."""
    if not dsn:
        return False, f"there is no DSN; set LABELWRIGHT_DSN to {FORM}"
    try:
        to = parse_dsn(dsn)
    except SettingsError as fault:
        return False, str(fault)
    event = draft(new_id(), "thumb", 1, {"subject": {"type": "ping", "id": "ping"}})
    event["project"] = to.project
    begun = perf_counter()
    gateway = Gateway(to, Limits())
    answer = gateway.post([Waiting(event.id, encode(event))], {}, "?dry_run=1")
    gateway.close()
    took = f"in {(perf_counter() - begun) * 1000:.0f} ms"
    if answer.status == 0:
        return False, f"{to!r} can't be reached ({answer.fault}); check its host and port"
    if answer.status in (401, 403):
        return False, f"{to!r} answered {answer.fault!r} {took}; check the key and the project"
    if not answer.is_success or answer.verdicts.get(event.id) == "rejected":
        return False, f"{to!r} answered {answer.fault!r} {took} and would not take feedback; see its log"
    return True, f"{to!r} takes feedback; it answered {answer.status} {took}"
