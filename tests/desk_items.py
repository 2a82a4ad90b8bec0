"""An office whose triage has heard some feedback: items to look at, and to decide about."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted, Subject
from labelwright.runtime.server import Server
from labelwright.stories import Case, cases
from tests.conftest import until
from tests.desk_office import PROJECT, Office, open_office

EXPORT = "The export button does nothing when I press it twice in a row"
OPPOSITE = "The export button does not nothing when I press it twice in a row"
MISSPELT = "The exprot button does nothing when I press it twice in a row"
SERVICES = ("desk", "dispatch", "triage", "resolve")


@asynccontextmanager
async def open_with_items(server: Server) -> AsyncIterator[Office]:
    """Run the desk, and what decides behind it, until the test ends."""
    async with open_office(server, services=SERVICES) as office:
        yield office


async def say(office: Office, *texts: str) -> list[str]:
    """Let users say these things, the first one first; returns the items that they opened once resolve knows these."""
    partition = office.partition
    now = await partition.now()
    events = [
        Event(f"said {number}", "/intake", PROJECT, now, _feedback(f"f{number}", text, now))
        for number, text in enumerate(texts, 1)
    ]
    for event in events:
        await partition.append([event])
        await until(lambda: _is_quiet(office), within_s=30)
    return [case.item for case in await known(office)]


async def known(office: Office) -> list[Case]:
    """What resolve knows of every item, the oldest first."""
    (found,) = await (await office.partition.reads())(cases.all())
    return sorted((document.value for document in found.values()), key=lambda case: case.feedback[0])


async def _is_quiet(office: Office) -> bool:
    backlog = await office.partition.backlog()
    return not any(backlog[name] for name in ("triage", "resolve", "dispatch"))


def _feedback(name: str, text: str, now: object) -> FeedbackAccepted:
    return FeedbackAccepted.model_validate(
        {
            "feedback": name,
            "kind": "text",
            "comment": text,
            "user": f"user of {name}",
            "subject": Subject(type="screen", id="files"),
            "received_at": now,
        }
    )
