"""What owners look at before they decide by hand: the queue of items, what may be the same, and an item whole."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from labelwright.contracts.payload import Part
from labelwright.engine.reads import Reads
from labelwright.engine.tables import Versioned
from labelwright.stories import (
    Act,
    Belonging,
    Mark,
    Said,
    Standing,
    belongings,
    cases,
    proposed,
    ranked,
    standings,
    why,
    wordings,
)

MOST_TOGETHER: Final = 200
"""The most proposals, or items, that are looked at in one go."""


class Queued(Part):
    """An open item in the queue, and why it stands there."""

    item: str
    text: str
    priority: float
    factors: dict[str, float]
    why: str
    events: int
    users: int
    wordings: int
    opened_at: datetime
    pinned: Mark | None = None


class Pair(Part):
    """Two items that may mean the same. `score` runs from 0 (the same words) to 1 (nothing shared)."""

    item: str
    other: str
    score: float
    reason: str
    text: str
    other_text: str
    events: int
    other_events: int


class Wording(Part):
    """One wording of an item and how it came to it: it opened the item, or was near enough, or somebody said so.

    `feedback` names the first piece of feedback that said it; a press of a button has no words of its own.
    """

    statement: str
    text: str | None = None
    feedback: str | None = None
    opened: bool
    score: float | None = None
    reason: str | None = None
    by: str | None = None


class Picture(Part):
    """An item whole: how it stands and why, what was folded into it, what may be the same, what was done by hand."""

    item: str
    status: str
    into: str | None = None
    text: str
    priority: float
    factors: dict[str, float]
    why: str
    events: int
    users: int
    opened_at: datetime
    last_at: datetime
    expires_at: datetime
    pinned: Mark | None = None
    muted: Mark | None = None
    label: str | None = None
    probability: float | None = None
    wordings: list[Wording]
    members: list[str]
    proposals: list[Pair]
    acts: list[Act]


async def queue(reads: Reads, project: str, limit: int = 50) -> list[Queued]:
    """Return the open items, the most urgent first."""
    (ranks,) = await reads(ranked.of(project).first(min(limit, MOST_TOGETHER)))
    found, texts = await _items(reads, project, [item for item, _ in ranks])
    return [
        Queued(
            item=item,
            text=texts.get(item, ""),
            priority=round(found[item].priority, 2),
            factors=found[item].factors,
            why=why(found[item]),
            events=found[item].events,
            users=found[item].users,
            wordings=len(found[item].statements),
            opened_at=found[item].opened_at,
            pinned=found[item].pinned,
        )
        for item, _ in ranks
        if item in found
    ]


async def pairs(reads: Reads, project: str, limit: int = 50) -> list[Pair]:
    """Return what may be the same and waits for a person to decide, the likeliest first."""
    (ranks,) = await reads(proposed.of(project).first(min(limit, MOST_TOGETHER)))
    named = [tuple(pair.split("|", 1)) for pair, _ in ranks]
    found, texts = await _items(reads, project, [item for pair in named for item in pair])
    made = (_pair(found.get(item), other, found.get(other), texts) for item, other in named)
    return [pair for pair in made if pair]


async def picture(reads: Reads, project: str, item: str) -> Picture | None:
    """Return an item whole; None where triage doesn't know it."""
    stands, case = await reads(standings.get(f"{project}/{item}"), cases.get(item))
    if stands is None:
        return None
    standing, known = stands.value, case.value if case and case.value.project == project else None
    belong, said = await reads(
        belongings.of(project).get_many(standing.statements),
        wordings.of(project).get_many([item, *standing.statements]),
    )
    found, texts = await _items(reads, project, [item, *(one.other for one in standing.proposals)])
    near = (_pair(standing, one.other, found.get(one.other), texts) for one in standing.proposals)
    return Picture(
        item=item,
        status=standing.status,
        into=standing.into,
        text=texts.get(item, ""),
        priority=round(standing.priority, 2),
        factors=standing.factors,
        why=why(standing, known.distribution if known and known.task else None),
        events=standing.events,
        users=standing.users,
        opened_at=standing.opened_at,
        last_at=standing.last_at,
        expires_at=standing.expires_at,
        pinned=standing.pinned,
        muted=standing.muted,
        label=known.label if known else None,
        probability=known.probability if known else None,
        wordings=[
            _wording(statement, belong[statement].value, said.get(statement) or (None if at else said.get(item)))
            for at, statement in enumerate(standing.statements)
            if statement in belong
        ],
        members=list(standing.members),
        proposals=[pair for pair in near if pair],
        acts=standing.acts,
    )


async def _items(reads: Reads, project: str, items: Iterable[str]) -> tuple[dict[str, Standing], dict[str, str]]:
    """Read items and what annotators see of them, by item."""
    asked = list(dict.fromkeys(items))
    stood, known = await reads(standings.get_many(f"{project}/{item}" for item in asked), cases.get_many(asked))
    found = {document.value.item: document.value for document in stood.values()}
    return found, {item: document.value.text for item, document in known.items() if document.value.project == project}


def _pair(item: Standing | None, other: str, known: Standing | None, texts: Mapping[str, str]) -> Pair | None:
    proposal = next((one for one in item.proposals if one.other == other), None) if item else None
    if item is None or known is None or proposal is None:
        return None
    return Pair(
        item=item.item,
        other=other,
        score=proposal.score,
        reason=proposal.reason,
        text=texts.get(item.item, ""),
        other_text=texts.get(other, ""),
        events=item.events,
        other_events=known.events,
    )


def _wording(statement: str, belongs: Belonging, said: Versioned[Said] | None) -> Wording:
    joined = belongs.joined
    about = {"score": joined.score, "reason": joined.reason, "by": joined.by} if joined else {}
    words = {"text": said.value.text, "feedback": said.value.feedback} if said else {}
    return Wording(statement=statement, opened=joined is None, **about, **words)
