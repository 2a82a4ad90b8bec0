"""The tally: what was acknowledged beside what became of it, from the streams and tables themselves."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from labelwright.contracts.envelope import FIELD, Event, decode
from labelwright.contracts.feedback import EventRejected, FeedbackAccepted, FeedbackReceived
from labelwright.contracts.items import ItemOpened, ItemReinforced
from labelwright.contracts.payload import Payload
from labelwright.contracts.work import TaskOpened
from labelwright.runtime.dead import letters
from labelwright.runtime.partition import Partition
from labelwright.stories import cases, standings
from services.triage.state import Address, as_known, statements, tallies
from services.triage.wording import fingerprint_of
from tests.chaos.load import PROJECT

PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Tally:
    """How many effects of each promise are missing, how many there are too many; and who turned what away, and why."""

    events: int
    lost: Counter[str]
    doubled: Counter[str]
    rejected: Counter[str]
    dead: Counter[str]


async def tally(partition: Partition, acknowledged: Iterable[Event[FeedbackReceived]]) -> Tally:
    """Count. To be called when nothing is pending any more, with streams that were never trimmed.

    Each acknowledged event is accepted once, each accepted event is counted once in its item (a decision made on stale
    state would overwrite a count), each item is opened once, has one case that knows its last told weight, and one
    first task.
    """
    sent = Counter(event.id for event in acknowledged)
    accepted: Counter[str] = Counter()
    said: Counter[str] = Counter()
    async for event in _events(partition, "accepted"):
        if isinstance(event.data, FeedbackAccepted):
            accepted[event.data.feedback] += 1
            said[fingerprint_of(PROJECT, event.data)] += 1
    opened: Counter[str] = Counter()
    told: Counter[str] = Counter()
    async for event in _events(partition, "items"):
        if isinstance(event.data, ItemOpened):
            opened[event.data.fingerprint] += 1
            told[event.data.item] = max(told[event.data.item], 1)
        elif isinstance(event.data, ItemReinforced):
            told[event.data.item] = max(told[event.data.item], event.data.events)
    asked = Counter(
        [event.data.item async for event in _events(partition, "tasks") if isinstance(event.data, TaskOpened)]
    )
    promises = {
        "accepted": (sent, accepted),
        "counted": (said, await _counted(partition, list(said))),
        "opened": (Counter(await _openers(partition, list(said))), opened),
        "asked": (Counter(list(told)), asked),
        "weighed": (told, await _weights(partition, list(told))),
    }
    return Tally(
        events=len(sent),
        lost=+Counter({name: (promised - kept).total() for name, (promised, kept) in promises.items()}),
        doubled=+Counter({name: (kept - promised).total() for name, (promised, kept) in promises.items()}),
        rejected=Counter([_code(event.data) async for event in _events(partition, "rejected")]),
        dead=Counter([_reason(letter) async for letter in letters(partition)]),
    )


def _code(rejected: Payload) -> str:
    return f"{rejected.service}: {rejected.code}" if isinstance(rejected, EventRejected) else "not a rejection"


def _reason(letter: Mapping[str, Any]) -> str:
    return f"{letter['service']}: {letter['reason']}"


async def _openers(partition: Partition, fingerprints: list[str]) -> list[str]:
    """Return the statements that didn't join an item that they are near to."""
    (found,) = await (await partition.reads())(statements.of(PROJECT).get_many(fingerprints))
    return [name for name in fingerprints if name not in found or found[name].value.joined is None]


async def _counted(partition: Partition, fingerprints: list[str]) -> Counter[str]:
    """Count by statement what is in the tallies of all items."""
    reads = await partition.reads()
    (stood,) = await reads(standings.all())
    items = [Address(one.value.project, one.value.item) for one in stood.values()]
    tallied = await reads.many([tallies.of(*item).all() for item in items])
    counted: Counter[str] = Counter()
    for known in as_known(items, stood, tallied).values():
        for entry, count in known.tally.items():
            counted[entry.partition("/")[0]] += count
    return Counter({name: counted[name] for name in fingerprints})


async def _weights(partition: Partition, names: list[str]) -> Counter[str]:
    reads = await partition.reads()
    (found,) = await reads(cases.get_many(names))
    return Counter({name: one.value.feedback_events for name, one in found.items()})


async def _events(partition: Partition, stream: str) -> AsyncIterator[Event[Payload]]:
    after = "-"
    while rows := await partition.client.xrange(partition.key(stream), min=after, count=PAGE):
        for _, fields in rows:
            yield decode(fields[FIELD])
        after = f"({rows[-1][0].decode()}"
