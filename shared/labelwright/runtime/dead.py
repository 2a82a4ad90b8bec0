"""Dead letters: entries that no decision could be made about, with the reason; listed, shown, and replayed."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from pydantic_core import from_json, to_json

from labelwright.contracts.envelope import FIELD, Event
from labelwright.contracts.payload import Payload
from labelwright.errors import LabelwrightError
from labelwright.runtime.partition import Partition
from labelwright.runtime.plan import Entry


def epitaph(service: str, entry: Entry, event: Event[Payload] | None, reason: str) -> bytes:
    """Return what `dead` keeps of an entry: who failed, why, where it came from, and the event itself.

    Letters lie here until somebody looks at them, so what a publisher sent goes in as intake would have let it pass:
    without personal data.
    """
    return to_json(
        {
            "service": service,
            "stream": entry.stream,
            "entry": entry.id.decode(),
            "id": event.id if event else None,
            "project": event.project if event else None,
            "reason": reason,
            "event": _kept(entry),
        }
    )


def _kept(entry: Entry) -> str:
    """Return the event of an entry, of a published one without personal data; nothing if it can't be taken out."""
    text = (entry.event or b"").decode("utf-8", "replace")
    if entry.stream != "feedback":
        return text
    from labelwright.text.redaction import names_marked, redact, redact_strings  # intake has RE2; others need none

    try:
        envelope = from_json(text)
    except ValueError:
        return redact(text).text
    try:
        data = envelope["data"]
        names = names_marked(_strings(data), data)
        cleaned, counts = redact_strings(data, names, project=envelope["project"])
        return to_json(envelope | {"data": cleaned}).decode() if counts else text
    except Exception:  # this may be what the entry fails by; the ledger has it, sealed
        return ""


def _strings(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict | list):
            waiting.extend(one.values() if isinstance(one, dict) else one)


async def letters(partition: Partition, after: str = "-") -> AsyncIterator[dict[str, Any]]:
    """Yield the dead letters from behind an entry of `dead`, oldest first."""
    while rows := await partition.client.xrange(partition.key("dead"), min=after, count=100):
        for entry_id, fields in rows:
            yield {"letter": entry_id.decode(), **from_json(fields[FIELD])}
        after = f"({rows[-1][0].decode()}"


def _addressed(letter: dict[str, Any]) -> str | bytes:
    """Return a letter's event as it is meant for its service alone; what isn't an envelope stays as it is."""
    try:
        envelope = from_json(letter["event"])
    except ValueError:
        envelope = None
    return to_json(envelope | {"audience": letter["service"]}) if isinstance(envelope, dict) else letter["event"]


async def replayed(partition: Partition) -> frozenset[str]:
    """Return the letters that were replayed."""
    return frozenset(raw.decode() for raw in await partition.client.smembers(partition.key("dead.replayed")))


async def waiting(partition: Partition) -> int:
    """Count the letters that nobody has replayed yet."""
    lying: int = await partition.client.xlen(partition.key("dead"))
    again: int = await partition.client.scard(partition.key("dead.replayed"))
    return max(0, lying - again)


async def replay(partition: Partition, letter: dict[str, Any]) -> None:
    """Put a dead letter's event back on its stream, for the service that failed; its other readers pass it by.

    The letter stays in `dead` (it is part of the record) but is marked as replayed, in the same commit.
    Raises LabelwrightError if it was replayed before, or holds no event.
    """
    if not letter["event"]:
        raise LabelwrightError(f"letter {letter['letter']!r} holds no event: its personal data couldn't be taken out")
    keys = [partition.key(name) for name in ("dead.replayed", letter["stream"], "changes")]
    done = await partition.function("replay", keys, [letter["letter"], _addressed(letter)])
    if not done:
        raise LabelwrightError(f"letter {letter['letter']!r} was replayed before; see what became of its event")


async def bury(partition: Partition, letter: str) -> bool:
    """Take a letter away for good, because somebody's words in it must go; whether it was there."""
    keys = [partition.key(name) for name in ("dead", "dead.replayed", "changes")]
    return bool(await partition.function("bury", keys, [letter]))
