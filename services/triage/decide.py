"""Fold feedback that says the same into one item, and rank the item by how severe, widespread and new it is."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted
from labelwright.contracts.items import ItemOpened, ItemReinforced
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Commit, Decision, Effect, Reject, emit
from labelwright.engine.tables import Versioned, milliseconds
from labelwright.identity import derive
from labelwright.stories import placements, story_key
from services.triage.priority import MOST_VOICES, has_stepped, novelty, reach, severity, voice
from services.triage.state import FIELD, Item, Known, State, items, voices
from services.triage.wording import fingerprint_of, is_in_words, text_of

REMEMBERED: Final = timedelta(days=90)
"""An item that nobody mentions for this long, or half as long, is forgotten: the same words then open a new item."""


def decide(batch: Sequence[Event[Payload]], state: State) -> Iterator[Decision]:
    """Yield one decision for each event, in order.

    Equal feedback (see `fingerprint_of`) opens one item, once, and every other piece of it is counted in that item,
    once: each decision raises the item's version, guarded, so neither an interleaved batch nor an earlier event of this
    one is overwritten. Where each piece of feedback went is always remembered; the item's weight is only told when its
    events or users pass a power of 1.5, or its severity rises. That an event comes once is intake's promise.
    """
    known = dict(state.known)
    for event in batch:
        feedback = event.data
        if not isinstance(feedback, FeedbackAccepted):
            yield Reject("unexpected_type", f"triage reads no {feedback.type!r}; it reads {FeedbackAccepted.type!r}")
            continue
        address = event.project, fingerprint_of(event.project, feedback)
        before = known.get(address)
        after = _reinforced(before, feedback, state.now) if before else _opened(event.project, feedback, state.now)
        known[address] = after
        place = items.of(*address)
        yield Commit(
            guards=[place.version_is(FIELD, before.document.version if before else 0)],
            effects=[
                place.put(FIELD, after.document.value, after.document.version),
                *_remembered(address, before, after),
                *_placed(address, feedback, after, state.now),
                *_told(address, feedback, before, after),
            ],
        )


def _opened(project: str, feedback: FeedbackAccepted, now: datetime) -> Known:
    opener = voice(feedback, feedback.feedback)
    item = Item(
        item=derive("item", project, feedback.feedback),
        events=1,
        severity=severity(feedback),
        novelty=novelty(is_in_words=is_in_words(feedback)),
        opener=opener,
        forgotten_at=now + REMEMBERED,
    )
    return Known(Versioned(1, item), frozenset({opener}))


def _reinforced(known: Known, feedback: FeedbackAccepted, now: datetime) -> Known:
    item, heard = known.document.value, voice(feedback, feedback.feedback)
    is_fresh = heard not in known.voices and len(known.voices) < MOST_VOICES
    is_half_forgotten = item.forgotten_at - now < REMEMBERED / 2
    changed = Item(
        item=item.item,
        events=item.events + 1,
        severity=max(item.severity, severity(feedback)),
        novelty=item.novelty,
        opener=item.opener,
        forgotten_at=now + REMEMBERED if is_half_forgotten else item.forgotten_at,
    )
    return Known(Versioned(known.document.version + 1, changed), known.voices | {heard} if is_fresh else known.voices)


def _remembered(address: tuple[str, str], before: Known | None, after: Known) -> Iterator[Effect]:
    """Write the new voice, and how long the item is remembered where that is new."""
    forgotten_at = after.document.value.forgotten_at
    is_prolonged = before is None or before.document.value.forgotten_at != forgotten_at
    if is_prolonged:
        yield items.of(*address).vanish_at(forgotten_at)
    if before is None or len(after.voices) == 1:
        return
    is_fresh = len(after.voices) > len(before.voices)
    if is_fresh:
        yield voices.of(*address).put(*(after.voices - before.voices))
    if is_prolonged or (is_fresh and len(before.voices) == 1):
        yield voices.of(*address).vanish_at(forgotten_at)


def _placed(address: tuple[str, str], feedback: FeedbackAccepted, after: Known, now: datetime) -> Sequence[Effect]:
    item = after.document.value
    how = "opened" if item.events == 1 else "reinforced"
    return placements.put(story_key(address[0], feedback.feedback), f"{milliseconds(now)}|{item.item}|{how}", now)


def _told(address: tuple[str, str], feedback: FeedbackAccepted, before: Known | None, after: Known) -> Iterator[Effect]:
    item = after.document.value
    if before is None:
        factors = _factors(after)
        yield emit(
            ItemOpened(
                item=item.item,
                feedback=feedback.feedback,
                fingerprint=address[1],
                kind=feedback.kind,
                sign=feedback.sign,
                text=text_of(feedback),
                subject=feedback.subject,
                priority=math.prod(factors.values()),
                factors=factors,
                received_at=feedback.received_at,
            )
        )
    elif _is_worth_telling(before, after):
        factors = _factors(after)
        yield emit(
            ItemReinforced(
                item=item.item,
                feedback=feedback.feedback,
                events=item.events,
                users=len(after.voices),
                priority=math.prod(factors.values()),
                factors=factors,
            )
        )


def _is_worth_telling(before: Known, after: Known) -> bool:
    old, new = before.document.value, after.document.value
    return (
        new.severity > old.severity
        or has_stepped(old.events, new.events)
        or has_stepped(len(before.voices), len(after.voices))
    )


def _factors(known: Known) -> dict[str, float]:
    item = known.document.value
    return {"severity": float(item.severity), "reach": reach(known.voices), "novelty": item.novelty}
