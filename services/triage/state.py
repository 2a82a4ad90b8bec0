"""What triage remembers: statements, the items that they are part of, who said them, and where their like is found.

An item is a set of statements; a statement is one wording, by its fingerprint (`wording.fingerprint_of`). Whatever
changes an item, or what it has in any of these tables, raises the version of its standing and guards it: that is the
one lock. Nothing vanishes by itself but cells and placements; all else is dropped when the clock forgets the item.
"""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from pydantic import Field

from labelwright import projects
from labelwright.contracts import curation
from labelwright.contracts.envelope import Event
from labelwright.contracts.erasure import WordsErased
from labelwright.contracts.feedback import Complaint, FeedbackAccepted, Kind, Subject
from labelwright.contracts.payload import Moment, Part, Payload
from labelwright.contracts.quality import TickStruck
from labelwright.engine.reads import Reads, in_groups
from labelwright.engine.tables import Counter, Documents, Members, Ranking, Read, Versioned, Window, milliseconds
from labelwright.projects import Project
from labelwright.stories import Case, Standing, cases, placements, standings, story_key, tasks
from services.triage.priority import voice
from services.triage.wording import fingerprint_of, likeness_of, likeness_of_words

M = TypeVar("M", bound=Part)

MOST_CANDIDATES: Final = 16
"""Items that a new statement is compared with: those that share most cells with it."""

MOST_DUE: Final = 100
"""Items whose time may be up that one tick looks at; the next tick goes on."""

MOST_HOLDERS: Final = 4
"""Items that a cell holds: what is near to several that differ, as by a number, finds more than the first."""

MOST_FOLLOWED: Final = 8
"""Merges of merges that are followed from an item to where it is now."""

LISTED_ANEW_AFTER: Final = timedelta(days=20)
"""An item's cells are put anew when more of it comes after this long: cells are found for thirty days at least."""


_ITEM: Final = "item_"


class Joined(Part):
    """How a statement came to an item that it didn't open: which item, the comparison's score and reason.

    A person who put it there is named by `by`.
    """

    item: str
    score: float
    reason: str
    by: str | None = None


class Statement(Part):
    """What triage knows of one wording: `item` is what it is part of now; a merge or a split writes it anew.

    `joined` is absent while it is part of the item that it opened itself.
    """

    item: str
    joined: Joined | None = None


class Wording(Part):
    """What a statement said when it was first said: all that it takes to open an item for it.

    `aside` is `wording.aside_of` that feedback. Where it isn't `is_compared`, only equal words are its like. `never`
    names what must not be merged with it by itself, because a person parted them: fingerprints and items.
    """

    text: str
    feedback: str
    fingerprint: str
    kind: Kind
    sign: int
    complaint: Complaint | None = None
    subject: Subject
    received_at: Moment
    aside: str = ""
    is_compared: bool = True
    never: list[str] = Field(default_factory=list)


statements: Documents[Statement] = Documents("triage.statements", Statement)
"""Per project (`statements.of(project)`): every statement by its fingerprint."""

wordings: Documents[Wording] = Documents("triage.wordings", Wording)
"""Per project: by item the wording that it is known by, which new statements are compared with; by fingerprint that of
a statement that joined an item, so that it can be parted from it. Only of what is in words and not too long.
"""

tallies = Counter("triage.tallies")
"""Per project and item: `<fingerprint>/<voice>` -> how often they said it; the voice `-` is all beyond the most.

An item that was said but once has none: the `opener` of its standing says who did.
"""

cells = Window("triage.cells", timedelta(days=10), keep=4)
"""Cell (see `duplicates.cells`) -> items (`held_by`), for at least thirty days: whose wordings are near, at most four.

Who comes first keeps a cell. What is written to the newest register holds what older ones held of the same cell.
"""

expiries = Ranking("triage.expiries")
"""`<project>/<item>` by the millisecond at which the clock looks whether it expires: never later than it does.

Put when an item opens or reopens; it is the clock that puts off what was said again since.
"""


suitors = Members("triage.suitors")
"""Per project and item: the items that may be the same as it, by their own proposals."""

opened = Counter("triage.opened")
"""Per day (`opened.of("2026-11-24")`): how many items a user, and a customer, opened: `<project>/<customer>.<user>` and
`<project>/<customer>`, as `priority.voice` names them.
"""

pins = Counter("triage.pins")
"""By project: how many open items are pinned."""

answered = Window("triage.answered", timedelta(hours=1), keep=2)
"""`<project>/<request>` -> what an owner was answered, so that a request that comes again is answered the same."""


class Address(NamedTuple):
    """A statement, an item or a wording of a project, by its fingerprint or its item."""

    project: str
    name: str

    @property
    def field(self) -> str:
        """The name in a table that all projects share; no project's name contains the slash."""
        return f"{self.project}/{self.name}"


class Placement(NamedTuple):
    """Where triage put a piece of feedback: the item of then, and the statement, which tells the item of now.

    `how` is opened, joined (by being near), reinforced (said before) or superseded (no longer counted).
    """

    ms: str
    item: str
    how: str
    statement: str = ""

    @classmethod
    def read(cls, raw: str) -> "Placement":
        """Understand what `placements` holds; what was put there before there were statements names none."""
        return cls(*raw.split("|"))

    @property
    def written(self) -> str:
        """What `placements` holds."""
        return "|".join(self)


@dataclass(frozen=True, slots=True)
class Known:
    """An item as it was read, or as the batch left it: its standing, and how often who said which of its statements."""

    standing: Versioned[Standing]
    tally: Mapping[str, int]
    is_tallied: bool = True
    """Whether its table holds the tally; if not, it is the opener alone."""


@dataclass(frozen=True, slots=True)
class Due:
    """What others know of an item whose time may be up: resolve's case, and whether its open task was ever leased."""

    case: Versioned[Case] | None = None
    is_asked: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What the batch needs to know, by address, cell or `stories.story_key`.

    `cells` says who holds a cell; `newest` what the newest register of cells holds, for that is where they are guarded.
    On a tick, `due` holds the items whose time may be up, the earliest first. For what owners ask, `suitors` holds who
    may be the same as an item, and `cases` what resolve knows of it.
    """

    now: datetime
    files: Mapping[str, Project] = field(default_factory=dict)
    placed: Mapping[str, Placement] = field(default_factory=dict)
    statements: Mapping[Address, Versioned[Statement]] = field(default_factory=dict)
    items: Mapping[Address, Known] = field(default_factory=dict)
    wordings: Mapping[Address, Versioned[Wording]] = field(default_factory=dict)
    cells: Mapping[str, str] = field(default_factory=dict)
    newest: Mapping[str, str] = field(default_factory=dict)
    due: Mapping[Address, Due] = field(default_factory=dict)
    suitors: Mapping[Address, frozenset[str]] = field(default_factory=dict)
    cases: Mapping[str, Versioned[Case]] = field(default_factory=dict)
    pins: Mapping[str, int] = field(default_factory=dict)
    opened: Mapping[str, int] = field(default_factory=dict)
    answered: Mapping[str, str] = field(default_factory=dict)


Said = Sequence[tuple[Address, FeedbackAccepted]]
Documented = Mapping[Address, Versioned[M]]


async def load(batch: Sequence[Event[Payload]], reads: Reads) -> State:
    """Read in three round trips: what the events name, what that leads to, and the like of what is new.

    Items that were merged by hand take one more for each merge behind another that is to be followed.
    """
    now, said = reads.now, _said(batch)
    asked = list(dict.fromkeys(address for address, _ in said))
    files, placed, found = await in_groups(
        reads,
        [projects.current.get_many({event.project for event in batch})],
        [placements.get_many(_identities(said), now)],
        documents_at(statements, asked),
    )
    where = {key: Placement.read(raw) for key, raw in placed[0].items()}
    known = by_address(asked, found)

    new = [(address, data) for address, data in said if address not in known]
    replaced = [address for address in _replaced(said, where) if address not in known]
    mentioned, unlisted = items_of(known), list(_cells_of(new))
    openers = {name for (project, _), data in new for name in crowds(project, data)}
    holders, newest, crowded, of_old, stood, tallied = await in_groups(
        reads,
        [cells.get_many(unlisted, now)],
        [cells.newest(now).get_many(unlisted)],
        [opened.of(day_of(now)).get_many(openers)],
        documents_at(statements, replaced),
        [standings.get_many(address.field for address in mentioned)],
        [tallies.of(*address).all() for address in mentioned],
    )
    known |= by_address(replaced, of_old)
    items = as_known(mentioned, stood[0], tallied)

    near = list(_near(new, holders[0]))
    further = [one for one in dict.fromkeys([*near, *items_of(known), *_followed(items)]) if one not in items]
    relisted = list(_cells_of((address, data) for address, data in said if _is_stale(address, known, items, now)))
    worded, held_too, newest_too, stood, tallied = await in_groups(
        reads,
        documents_at(wordings, near),
        [cells.get_many(relisted, now)],
        [cells.newest(now).get_many(relisted)],
        [standings.get_many(address.field for address in further)],
        [tallies.of(*address).all() for address in further],
    )
    items |= as_known(further, stood[0], tallied)
    forgotten = {address.name for address in near if address not in items}
    due, old, their_files = await load_due(reads) if _is_tick(batch) else ({}, {}, {})
    named, wordings_named = await load_erased(batch, reads)
    by_hand = await load_by_hand(batch, reads)
    return State(
        now=now,
        files=their_files | {name: document.value for name, document in files[0].items()},
        placed={**where, **by_hand.placed},
        statements={**known, **by_hand.statements},
        items={**old, **named, **await with_merged(reads, items), **by_hand.items},
        wordings={**wordings_named, **by_address(near, worded), **by_hand.wordings},
        cells={**by_hand.cells, **_without(forgotten, holders[0] | held_too[0])},
        newest={**newest[0], **newest_too[0], **by_hand.newest},
        due=due,
        suitors=by_hand.suitors,
        cases=by_hand.cases,
        pins=by_hand.pins,
        opened=crowded[0],
        answered=by_hand.answered,
    )


async def load_by_hand(batch: Sequence[Event[Payload]], reads: Reads) -> State:
    """Read what owners' requests are about: the items they name, with all that is in them. Four round trips or more."""
    asked = [(event.project, event.data) for event in batch if isinstance(event.data, curation.Request)]
    if not asked:
        return State(reads.now)
    parted = [(project, data.feedback) for project, data in asked if isinstance(data, curation.SplitRequested)]
    earlier, placed, pinned = await in_groups(
        reads,
        [answered.get_many([story_key(project, data.request) for project, data in asked], reads.now)],
        [placements.get_many([story_key(*one) for one in parted], reads.now)],
        [pins.all()],
    )
    where = {key: Placement.read(raw) for key, raw in placed[0].items()}
    said = [
        Address(project, where[key].statement) for project, one in parted if (key := story_key(project, one)) in where
    ]
    (found,) = await in_groups(reads, documents_at(statements, said))
    known = by_address(said, found)
    named = list(dict.fromkeys([*items_of(known), *_named(asked)]))
    stood, tallied = await in_groups(
        reads,
        [standings.get_many(address.field for address in named)],
        [tallies.of(*address).all() for address in named],
    )
    items = await with_merged(reads, as_known(named, stood[0], tallied))
    own = [Address(of.project, name) for of, one in items.items() for name in one.standing.value.statements]
    worded = [*items, *own]
    of_own, words, cased, courted = await in_groups(
        reads,
        documents_at(statements, own),
        documents_at(wordings, worded),
        [cases.get_many(address.name for address in items)],
        [suitors.of(*address).all() for address in items],
    )
    said_in = by_address(worded, words)
    wanted = [cell for (project, _), wording in said_in.items() for cell in cells_of_words(project, wording.value)]
    holders, newest = await in_groups(
        reads, [cells.get_many(wanted, reads.now)], [cells.newest(reads.now).get_many(wanted)]
    )
    return State(
        now=reads.now,
        placed=where,
        statements={**known, **by_address(own, of_own)},
        items=items,
        wordings=said_in,
        cells=holders[0],
        newest=newest[0],
        suitors=dict(zip(items, courted, strict=True)),
        cases=cased[0],
        pins=pinned[0],
        answered=earlier[0],
    )


def day_of(now: datetime) -> str:
    """Return the day by which openers are counted, in UTC."""
    return now.date().isoformat()


def crowds(project: str, feedback: FeedbackAccepted) -> list[str]:
    """Return whom what feedback opens is counted for: its user, and its customer; nobody where it names neither."""
    if not (feedback.user or feedback.customer):
        return []
    customer, user, *_ = voice(feedback, feedback.feedback).split(".")
    return [f"{project}/{customer}.{user}", *([f"{project}/{customer}"] if feedback.customer else [])]


def cells_of_words(project: str, wording: Wording) -> Sequence[str]:
    """Return the cells of a wording; none where only equal words are its like."""
    if not wording.is_compared:
        return ()
    return likeness_of_words(project, wording.subject, wording.sign, wording.aside, wording.text).cells


async def load_due(reads: Reads) -> tuple[dict[Address, Due], dict[Address, Known], dict[str, Project]]:
    """Read on a tick, in three round trips, the items whose time may be up, and what is known of them."""
    (ranked,) = await reads(expiries.up_to(milliseconds(reads.now), MOST_DUE))
    asked = [Address(*member.split("/", 1)) for member, _ in ranked]
    files, found, stood, tallied = await in_groups(
        reads,
        [projects.current.get_many({address.project for address in asked})],
        [cases.get_many(address.name for address in asked)],
        [standings.get_many(address.field for address in asked)],
        [tallies.of(*address).all() for address in asked],
    )
    own = {address: case for address in asked if (case := found[0].get(address.name))}
    (open_tasks,) = await reads(
        tasks.get_many(Address(project, case.value.task).field for (project, _), case in own.items() if case.value.task)
    )
    leased = {name for name, document in open_tasks.items() if document.value.leases}
    due = {address: Due(own.get(address), _task_of(address, own.get(address)) in leased) for address in asked}
    return due, as_known(asked, stood[0], tallied), {name: document.value for name, document in files[0].items()}


async def load_erased(
    batch: Sequence[Event[Payload]], reads: Reads
) -> tuple[dict[Address, Known], dict[Address, Versioned[Wording]]]:
    """Read the items and the wordings that are named to be erased; no round trip where none is."""
    told = [(event.project, event.data) for event in batch if isinstance(event.data, WordsErased)]
    stand = [name for _, erased in told if erased.table == standings.name for name in erased.names]
    items = list(dict.fromkeys(Address(*name.partition("/")[::2]) for name in stand))
    worded = list(dict.fromkeys(Address(p, n) for p, e in told if e.table == wordings.of(p).name for n in e.names))
    stood, tallied, found = await in_groups(
        reads,
        [standings.get_many(address.field for address in items)] if items else [],
        [tallies.of(*address).all() for address in items],
        documents_at(wordings, worded),
    )
    return as_known(items, stood[0], tallied) if items else {}, by_address(worded, found)


async def with_merged(reads: Reads, items: Mapping[Address, Known]) -> dict[Address, Known]:
    """Return the items and those that they were merged into: no round trip where none was."""
    found = dict(items)
    for _ in range(MOST_FOLLOWED):
        missing = [address for address in _followed(found) if address not in found]
        if not missing:
            break
        stood, tallied = await in_groups(
            reads,
            [standings.get_many(address.field for address in missing)],
            [tallies.of(*address).all() for address in missing],
        )
        found |= as_known(missing, stood[0], tallied)
    return found


def as_known(
    asked: Sequence[Address], stood: Mapping[str, Versioned[Standing]], tallied: Sequence[Mapping[str, int]]
) -> dict[Address, Known]:
    """Return the items that were found, of the answers about those that were asked for."""
    found = {}
    for address, tally in zip(asked, tallied, strict=True):
        if standing := stood.get(address.field):
            is_tallied = bool(tally) or standing.value.events == 0
            found[address] = Known(standing, tally if is_tallied else {standing.value.opener: 1}, is_tallied)
    return found


def documents_at(table: Documents[M], addresses: Sequence[Address]) -> list[Read[dict[str, Versioned[M]]]]:
    """Read documents of several projects, a read for each project; `by_address` understands the answers."""
    return [table.of(project).get_many(names) for project, names in _by_project(addresses).items()]


def by_address(
    addresses: Sequence[Address], answers: Sequence[Mapping[str, Versioned[M]]]
) -> dict[Address, Versioned[M]]:
    """Return what was found of the documents that were asked for at these addresses."""
    pairs = zip(_by_project(addresses), answers, strict=True)
    return {Address(project, name): document for project, found in pairs for name, document in found.items()}


def items_of(known: Documented[Statement]) -> list[Address]:
    """Return the items that statements are part of."""
    return list(dict.fromkeys(Address(project, one.value.item) for (project, _), one in known.items()))


def cells_of(project: str, feedback: FeedbackAccepted) -> Sequence[str]:
    """Return the cells of what feedback says; none where only equal words are its like."""
    return likeness_of(project, feedback).cells


def sharing(own: Sequence[str], holders: Mapping[str, str]) -> list[str]:
    """Return the items that hold most of these cells, at most 16, first those with the most."""
    shared = Tally(item for cell in own for item in holders_of(holders, cell))
    return [item for item, _ in shared.most_common(MOST_CANDIDATES)]


def holders_of(held: Mapping[str, str], cell: str) -> list[str]:
    """Return the items that hold a cell, by who came first."""
    return [f"{_ITEM}{name}" for name in held[cell].split("|")] if cell in held else []


def held_by(items: Iterable[str]) -> str:
    """Return what a cell holds: items, without what all their names begin with."""
    return "|".join(item.removeprefix(_ITEM) for item in items)


def is_stale(standing: Standing, now: datetime) -> bool:
    """Whether an item's cells may soon be forgotten."""
    return standing.listed_at is not None and standing.listed_at + LISTED_ANEW_AFTER <= now


def _task_of(address: Address, case: Versioned[Case] | None) -> str | None:
    return Address(address.project, case.value.task).field if case and case.value.task else None


def _named(asked: Iterable[tuple[str, curation.Request]]) -> Iterator[Address]:
    for project, data in asked:
        for name in ("item", "into", "other"):
            if item := getattr(data, name, None):
                yield Address(project, item)


def _said(batch: Iterable[Event[Payload]]) -> Said:
    return [
        (Address(event.project, fingerprint_of(event.project, event.data)), event.data)
        for event in batch
        if isinstance(event.data, FeedbackAccepted)
    ]


def _is_tick(batch: Iterable[Event[Payload]]) -> bool:
    return any(isinstance(event.data, TickStruck) for event in batch)


def _identities(said: Said) -> Iterator[str]:
    """Yield the feedback whose placement is asked for: each piece itself, and what it replaces or is replaced by."""
    for (project, _), data in said:
        for feedback in (data.feedback, data.supersedes, data.superseded_by):
            if feedback:
                yield story_key(project, feedback)


def _replaced(said: Said, placed: Mapping[str, Placement]) -> list[Address]:
    """Return the statements that superseded feedback was counted in."""
    old = [(project, placed.get(story_key(project, data.supersedes))) for (project, _), data in said if data.supersedes]
    return list(dict.fromkeys(Address(project, there.statement) for project, there in old if there))


def _near(new: Said, holders: Mapping[str, str]) -> Iterator[Address]:
    """Yield once each item that something new is compared with."""
    asked = (Address(project, item) for (project, _), data in new for item in sharing(cells_of(project, data), holders))
    yield from dict.fromkeys(asked)


def _without(forgotten: Set[str], held: Mapping[str, str]) -> dict[str, str]:
    """Return what cells hold but for items that are forgotten: their room is free."""
    if not forgotten:
        return dict(held)
    left = {cell: [item for item in holders_of(held, cell) if item not in forgotten] for cell in held}
    return {cell: held_by(items) for cell, items in left.items() if items}


def _cells_of(said: Iterable[tuple[Address, FeedbackAccepted]]) -> Iterator[str]:
    for (project, _), data in said:
        yield from cells_of(project, data)


def _is_stale(address: Address, known: Documented[Statement], items: Mapping[Address, Known], now: datetime) -> bool:
    item = items.get(Address(address.project, known[address].value.item)) if address in known else None
    return item is not None and is_stale(item.standing.value, now)


def _followed(items: Mapping[Address, Known]) -> list[Address]:
    """Return what the merged items among these went into."""
    standing = ((address.project, known.standing.value) for address, known in items.items())
    return [Address(project, one.into) for project, one in standing if one.status == "merged" and one.into]


def _by_project(addresses: Iterable[Address]) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = defaultdict(list)
    for project, name in addresses:
        parts[project].append(name)
    return parts
