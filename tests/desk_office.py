"""An office with a desk: one project, its desk and dispatch really running, and a window on what was answered."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count

import httpx2

from labelwright.access import Access, Role
from labelwright.contracts.envelope import Event, decode
from labelwright.contracts.feedback import Subject
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import GoldExample, Guideline, GuidelineRule, LabelDefinition, ProjectFile, Source
from labelwright.contracts.work import AnnotationRecorded, AnnotationRetracted, Asks, TaskOpened, sight_of
from labelwright.registry import apply_project
from labelwright.runtime.partition import Partition
from labelwright.runtime.process import Process
from labelwright.runtime.server import Server
from services.dispatch.state import tasks
from tests.conftest import until

PROJECT = "support"
GUIDELINE = Guideline(
    question="What does the user say is wrong with the answer?",
    labels=[
        LabelDefinition(name="wrong_fact", definition="A statement in the answer is false."),
        LabelDefinition(name="not_helpful", definition="True, but it doesn't do what was asked."),
        LabelDefinition(name="tone", definition="Rude, cold, preachy or too wordy."),
        LabelDefinition(name="unsafe", definition="Could do harm if somebody acted on it."),
        LabelDefinition(name="fine", definition="Nothing is wrong with the answer."),
    ],
    rules=[
        GuidelineRule(
            id="harm-first",
            text="Where an answer could do harm it is unsafe, whatever else it is.",
            examples=["“It told me to mix bleach and vinegar, and was snippy about it.” → unsafe"],
        ),
        GuidelineRule(
            id="facts-before-tone",
            text="A false statement said rudely is wrong_fact: what is false weighs more than how it sounds.",
            examples=["“Condescending, and the refund window is 30 days, not 14.” → wrong_fact"],
        ),
        GuidelineRule(
            id="false-not-vague",
            text="wrong_fact needs a statement that is false. An answer that says nothing definite is not_helpful.",
            examples=["“It only says that it depends.” → not_helpful", "“There is no such menu.” → wrong_fact"],
        ),
    ],
)


class Office:
    """What tests do around the desk, and what they see of its work."""

    def __init__(self, server: Server, url: str, partition: Partition) -> None:
        self.server = server
        self.url = url
        self.partition = partition
        self.access = Access(server)
        self._numbers = count(1)

    async def link(
        self,
        annotator: str = "ada",
        *,
        roles: Sequence[Role] = ("annotator",),
        sources: Sequence[str] = ("crowd",),
        project: str = PROJECT,
    ) -> str:
        """Make a key for somebody and return their sign-in link."""
        key = await self.access.mint_key(project, roles, annotator=annotator, sources=sources, env="test")
        return f"{self.url}/in/{self.access.sign_in_token(key.split('_')[2])}"

    async def open(
        self, *texts: str, source: str = "crowd", subject: Subject | None = None, asks: Asks = "label"
    ) -> None:
        """Open a task about each text, the first one the most urgent; returns when dispatch has them."""
        now = await self.partition.now()
        events = [self._event(text, source, subject, now, asks) for text in texts]
        await self.partition.append(events)
        names = [f"{PROJECT}/{event.data.task}" for event in events]

        async def are_open() -> bool:
            (found,) = await (await self.partition.reads())(tasks.get_many(names))
            return len(found) == len(names)

        await until(are_open)

    async def answers(self) -> list[AnnotationRecorded]:
        """Every answer that was recorded, in order."""
        return [event for event in await self._annotations() if isinstance(event, AnnotationRecorded)]

    async def labels(self) -> list[str]:
        """The labels of the answers that stand, in order."""
        events = await self._annotations()
        gone = {event.annotation for event in events if isinstance(event, AnnotationRetracted)}
        return [e.label for e in events if isinstance(e, AnnotationRecorded) and e.annotation not in gone]

    async def _annotations(self) -> list[Payload]:
        entries = await self.partition.client.xrange(self.partition.key("annotations"))
        return [decode(fields[b"event"]).data for _, fields in entries]

    def _event(self, text: str, source: str, subject: Subject | None, now: datetime, asks: Asks) -> Event[TaskOpened]:
        number = next(self._numbers)
        opened = TaskOpened(
            task=f"{sight_of(f'item_{number}', asks)}.1",
            item=f"item_{number}",
            guideline_version=1,
            source=source,
            source_kind="crowd" if source == "crowd" else "expert",
            price_usd=0.08,
            priority=64 * 0.98**number,
            text=text,
            subject=subject or Subject(type="llm_response", id=f"resp_{number}"),
            asks=asks,
        )
        return Event(f"opened-{number}", "/test", PROJECT, now, opened, f"story-{number}")


def project_file(gold: Sequence[str] = (), gold_share: float = 0.0) -> ProjectFile:
    """What the owner of a support assistant states."""
    return ProjectFile(
        project=PROJECT,
        title="What is wrong with the support assistant's answers?",
        guideline=GUIDELINE,
        sources=[
            Source(name="crowd", kind="crowd", price_usd=0.08),
            Source(name="experts", kind="expert", price_usd=1.5),
        ],
        gold=[GoldExample(text=text, label="fine") for text in gold],
        gold_share=gold_share,
    )


@asynccontextmanager
async def open_office(
    server: Server, file: ProjectFile | None = None, services: Sequence[str] = ("desk", "dispatch")
) -> AsyncIterator[Office]:
    """Run the desk and dispatch until the test ends."""
    await apply_project(server, file or project_file())
    process = Process(server, services, ports={"desk": 0, "metrics": 0})
    running = asyncio.create_task(process.run())
    await asyncio.wait(
        {running, asyncio.create_task(process.ready.wait())}, timeout=20, return_when=asyncio.FIRST_COMPLETED
    )
    if not process.ready.is_set():
        raise AssertionError(f"the desk did not start: {process.failure}")
    try:
        yield Office(server, process.urls["desk"], server.partition("p0"))
    finally:
        process.stop.set()
        await running


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields by which the page's task is answered."""
    form = page.partition('<form class="labels"')[2].partition("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))


def visit(url: str) -> httpx2.AsyncClient:
    """Return a browser without scripts: it keeps cookies and says that its forms are the desk's own."""
    return httpx2.AsyncClient(
        base_url=url, headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=True, timeout=30
    )
