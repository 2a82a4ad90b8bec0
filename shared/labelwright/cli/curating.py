"""`labelwright items` and `merges`: look at items and what may be the same, and decide about them by hand."""

import getpass
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import uuid4

from labelwright import curation, stories
from labelwright.cli.opening import connected, put_json, say, show
from labelwright.contracts.curation import (
    KeptApartRequested,
    MergeRequested,
    MuteRequested,
    PinRequested,
    Request,
    SplitRequested,
)
from labelwright.engine.reads import Reads
from labelwright.errors import LabelwrightError
from labelwright.runtime.asker import Asker
from labelwright.runtime.server import refusing

T = TypeVar("T")
PATIENCE: Final = timedelta(seconds=20)
MOST_SHOWN: Final = 72
"""Characters of a text that a table shows; JSON has all."""


async def list_items(project: str, limit: int, redis: str, as_json: bool) -> None:
    """Print the queue."""
    found = await _read(redis, project, lambda reads: curation.queue(reads, project, limit))
    if as_json:
        put_json({"project": project, "items": [item.model_dump() for item in found]})
        return
    rows = [
        {"item": one.item, "priority": one.priority, "events": one.events, "text": _short(one.text), "why": one.why}
        for one in found
    ]
    show(rows, title=f"{project}: open items, the most urgent first")


async def show_item(item: str, project: str, redis: str, as_json: bool) -> None:
    """Print an item whole."""
    found = await _read(redis, project, lambda reads: curation.picture(reads, project, item))
    if found is None:
        raise LabelwrightError(
            f"project {project!r} has no item {item!r}; `labelwright items list` shows the open ones"
        )
    if as_json:
        steps = await _read(redis, project, lambda reads: stories.tell(reads, project, item))
        put_json({**found.model_dump(), "steps": [step.flat() for step in steps]})
        return
    say(f"{found.status}{f' into {found.into}' if found.into else ''}: {found.why}")
    said = [
        {
            "feedback": one.feedback,
            "text": _short(one.text or ""),
            "how": "opened it" if one.opened else f"{one.reason} ({one.score:.2f})",
            "by": one.by,
        }
        for one in found.wordings
    ]
    show(said, title=item)
    if found.proposals:
        show(_rows(found.proposals), title="may be the same")
    if found.acts:
        done = [{"at": f"{one.at:%Y-%m-%d %H:%M:%S}", **one.model_dump(exclude={"at"})} for one in found.acts]
        show(done, title="done by hand")


async def list_merges(project: str, limit: int, redis: str, as_json: bool) -> None:
    """Print the proposals."""
    found = await _read(redis, project, lambda reads: curation.pairs(reads, project, limit))
    if as_json:
        put_json({"project": project, "merges": [pair.model_dump() for pair in found]})
        return
    show(_rows(found), title=f"{project}: may be the same, the likeliest first")
    if found:
        say("`labelwright merges accept ITEM OTHER --reason …` folds the first into the other; `decline` parts them")


async def merge(item: str, into: str, project: str, by: str, reason: str, redis: str, as_json: bool) -> None:
    """Fold an item into another one."""
    await _decide(redis, project, as_json, MergeRequested, by, reason, item=item, into=into)


async def keep_apart(item: str, other: str, project: str, by: str, reason: str, redis: str, as_json: bool) -> None:
    """Decline a proposal."""
    await _decide(redis, project, as_json, KeptApartRequested, by, reason, item=item, other=other)


async def split(feedback: str, project: str, by: str, reason: str, redis: str, as_json: bool) -> None:
    """Part the words of a piece of feedback from their item."""
    await _decide(redis, project, as_json, SplitRequested, by, reason, feedback=feedback)


async def pin(item: str, pinned: bool, project: str, by: str, reason: str, redis: str, as_json: bool) -> None:
    """Put an item first, or no longer."""
    await _decide(redis, project, as_json, PinRequested, by, reason, item=item, pinned=pinned)


async def mute(item: str, muted: bool, project: str, by: str, reason: str, redis: str, as_json: bool) -> None:
    """Take an item out of the queue, or put it back."""
    await _decide(redis, project, as_json, MuteRequested, by, reason, item=item, muted=muted)


async def _read(redis: str, project: str, read: Callable[[Reads], Awaitable[T]]) -> T:
    async with connected(redis) as server:
        with refusing():
            partition = await server.partition_of(project)
            if partition is None:
                raise LabelwrightError(f"there is no project {project!r}; `labelwright project list` shows them")
            return await read(await partition.reads())


async def _decide(
    redis: str, project: str, as_json: bool, kind: Callable[..., Request], by: str, reason: str, **about: Any
) -> None:
    """Ask triage, and print what was done; whoever may reach the server may decide, and is named."""
    async with connected(redis) as server, Asker(server) as asker:
        asked = kind(request=uuid4().hex, by=by or getpass.getuser(), reason=reason, reply=asker.name, **about)
        told = await asker.ask(project, asked, timeout=PATIENCE)
    if told is None:
        raise LabelwrightError("triage didn't answer in time; does it run? `labelwright status` shows what waits where")
    if told.status >= 400:
        raise LabelwrightError(told.detail)
    if as_json:
        put_json(told.body)
    else:
        say(", ".join(f"{name} {value}" for name, value in told.body.items()))


def _rows(pairs: list[curation.Pair]) -> list[dict[str, Any]]:
    return [
        {
            "score": f"{pair.score:.2f}",
            "reason": pair.reason,
            "item": pair.item,
            "text": _short(pair.text),
            "other": pair.other,
            "other text": _short(pair.other_text),
        }
        for pair in pairs
    ]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_SHOWN else f"{line[: MOST_SHOWN - 1]}…"
