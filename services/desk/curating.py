"""Curating: what an owner, or who reviews, looks at and decides about items, in their own name."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import StringConstraints

from labelwright import curation
from labelwright.access import Principal
from labelwright.contracts.curation import (
    KeptApartRequested,
    MergeRequested,
    MuteRequested,
    PinRequested,
    SplitRequested,
)
from labelwright.contracts.payload import ItemId, Part, Short
from labelwright.contracts.work import RequestAnswered
from labelwright.engine.reads import Reads
from labelwright.identity import derive
from labelwright.runtime.asker import Asker
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import refusing
from services.desk.hand import Word
from services.desk.problems import Problem

T = TypeVar("T")
PATIENCE: Final = timedelta(seconds=5)
UNCHANGED: Final = "Nothing was changed."

Why = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)]


class Form(Part):
    """A decision. `once` names the page that it was taken on: sent twice, it is done once; `reason` may be left out."""

    once: Word
    reason: Why = ""


class Deciding(Form):
    """What becomes of two items that may be the same."""

    item: ItemId
    other: ItemId
    decision: Literal["merge", "keep apart"]


class Merging(Form):
    """Fold the item into another one."""

    into: ItemId


class Splitting(Form):
    """Part the words of a piece of feedback from the item."""

    feedback: Short


class Pinning(Form):
    """Put the item first, or no longer."""

    pinned: bool


class Muting(Form):
    """Take the item out of the queue, or put it back."""

    muted: bool


class Curator:
    """Somebody who decides about items of the one project that their key is bound to."""

    def __init__(self, who: Principal, partition: Partition, asker: Asker) -> None:
        self.who = who
        self._partition = partition
        self._asker = asker

    @property
    def is_owner(self) -> bool:
        """Whether they may do more than decide about what is proposed."""
        return self.who.may("owner")

    async def pairs(self) -> list[curation.Pair]:
        """Return what may be the same, the likeliest first."""
        return await self._read(lambda reads: curation.pairs(reads, self.who.project))

    async def queue(self) -> list[curation.Queued]:
        """Return the open items, the most urgent first."""
        return await self._read(lambda reads: curation.queue(reads, self.who.project))

    async def picture(self, item: str) -> curation.Picture:
        """Return an item whole. Raises Problem 404."""
        found = await self._read(lambda reads: curation.picture(reads, self.who.project, item))
        if found is None:
            raise Problem(404, "There is no such item.", saved=UNCHANGED, way_on=("/items", "Items"))
        return found

    async def decide(self, form: Deciding) -> None:
        """Merge a proposed pair or keep it apart. Raises Problem."""
        proposed = {(pair.item, pair.other) for pair in await self.pairs()}
        if not self.is_owner and (form.item, form.other) not in proposed:
            raise Problem(
                403, "These two aren't proposed any more; only an owner may decide about them.", saved=UNCHANGED
            )
        if form.decision == "merge":
            await self._ask(MergeRequested, form, "they mean the same", item=form.item, into=form.other)
        else:
            await self._ask(KeptApartRequested, form, "they differ", item=form.item, other=form.other)

    async def merge(self, item: str, form: Merging) -> None:
        """Fold an item into another one. Raises Problem."""
        await self._ask(MergeRequested, form, "they mean the same", item=item, into=form.into)

    async def split(self, item: str, form: Splitting) -> None:
        """Part words from an item. Raises Problem."""
        await self._ask(SplitRequested, form, "it means something else", item=item, feedback=form.feedback)

    async def pin(self, item: str, form: Pinning) -> None:
        """Put an item first, or no longer. Raises Problem."""
        usual = "it is urgent" if form.pinned else "it isn't urgent any more"
        await self._ask(PinRequested, form, usual, item=item, pinned=form.pinned)

    async def mute(self, item: str, form: Muting) -> None:
        """Take an item out of the queue, or put it back. Raises Problem."""
        usual = "nobody needs its label" if form.muted else "its label is needed"
        await self._ask(MuteRequested, form, usual, item=item, muted=form.muted)

    async def _read(self, read: Callable[[Reads], Awaitable[T]]) -> T:
        with refusing():
            return await read(await self._partition.reads())

    async def _ask(self, kind: type[Any], form: Form, usual: str, **about: object) -> RequestAnswered:
        if kind is not MergeRequested and kind is not KeptApartRequested and not self.is_owner:
            raise Problem(403, "Only an owner of the project may do that.", saved=UNCHANGED)
        asked = kind(
            request=derive("request", self.who.key_id, kind.__name__, form.once, form.model_dump_json()),
            by=self.who.annotator,
            reason=form.reason or usual,
            reply=self._asker.name,
            **about,
        )
        with refusing():
            told = await self._asker.ask(self.who.project, asked, timeout=PATIENCE)
        if told is None:
            raise Problem(503, "Nobody answered in time: the service that keeps the items is away.", saved=UNCHANGED)
        if told.status >= 400:
            happened = f"{told.detail[:1].upper()}{told.detail[1:]}."
            raise Problem(told.status, happened, saved=UNCHANGED, way_on=("/merges", "What may be the same"))
        return told
