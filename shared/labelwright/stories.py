"""What became of a piece of feedback: the tables that tell it, and how they are read and told together.

Each table belongs to the service in its name, which alone writes it; they stand here because anyone may read them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from pydantic import Field
from pydantic_core import from_json

from labelwright.ageing import (
    HIGHEST,
    ORDINARY,
    head_start,
    longest_overtaking,
    product,
    uncertainty,
    while_unsure,
)
from labelwright.contracts.feedback import COMPLAINTS, UNSAID, Complaint, Kind
from labelwright.contracts.labels import Vote
from labelwright.contracts.payload import Part
from labelwright.contracts.work import Asks, sight_of
from labelwright.engine.reads import Reads
from labelwright.engine.tables import Counter, Documents, Ranking, Window

received = Window("gateway.received", timedelta(days=1), keep=2)
"""`<project>/<event id>` -> `<ms>|<fingerprint>`: what the gateway took, for at least a day."""

outcomes = Window("intake.outcomes", timedelta(days=3), keep=2)
"""`<project>/<event id>` -> `<ms>|accepted` or `<ms>|<code>|<reason>`: what intake made of it, for three days."""

accepted = Counter("intake.accepted")
"""By project: how much feedback intake accepted."""

complaints = Counter("intake.complaints")
"""Per project (`complaints.of(project)`): how many accepted complaints mean what, `unsaid` among them."""

sums = Counter("quality.sums")
"""By project and guideline version, or "-" for the whole project: what all items and events add up to.

What is named by `of_complaint` adds up the items of one complaint alone.
"""

superseded = Window("intake.superseded", timedelta(days=15), keep=3)
"""`<project>/<event id>` -> `<ms>|<event id>`: the later vote that took its place, for at least thirty days."""

task_counts = Counter("dispatch.counts")
"""Per project (`task_counts.of(project)`): tasks by state, ready + leased + answered + expired = opened."""

placements = Window("triage.placements", timedelta(days=10), keep=4)
"""`<project>/<event id>` -> `<ms>|<item>|opened` or `…|reinforced`: where triage put it, for at least thirty days."""


def of_complaint(complaint: str, name: str) -> str:
    """Return the name under which a sum is kept of one complaint alone."""
    return f"of/{complaint}/{name}"


async def split(reads: Reads, project: str) -> dict[str, dict[str, int]]:
    """Return by complaint, `unsaid` last, how much feedback was accepted and where the items stand; what there is."""
    said, found = await reads(complaints.of(project).all(), sums.of(project, "-").all())
    rows = {
        complaint: {"feedback": said.get(complaint, 0)}
        | {
            state: found.get(of_complaint(complaint, state), 0)
            for state in ("waiting", "labeled", "disputed", "expired")
        }
        for complaint in (*COMPLAINTS, UNSAID)
    }
    return {complaint: row for complaint, row in rows.items() if any(row.values())}


class Case(Part):
    """What resolve knows of an item: the belief, the answers it rests on, and how it stands.

    `votes` holds the answers about the items that were merged into this one, too, its `members`; the case of an item
    that was merged has none and names the one that has them in `into`. `closed` says why nobody is asked about it any
    more. `weighed` and `turned` are the numbers of the latest news of its weight, and of its closing or reopening.
    `is_unclear` says that it is a complaint, nobody knows which, and nobody could say; `clarified` is who said.
    """

    project: str
    item: str
    status: Literal["asking", "labeled", "disputed", "idle", "merged"]
    into: str | None = None
    members: list[str] = Field(default_factory=list)
    closed: Literal["expired", "muted", "superseded", "erased"] | None = None
    weighed: int = 0
    turned: int = 0
    text: str
    guideline_version: int
    priority: float
    skill: str | None = None
    subject: dict[str, str] = Field(default_factory=dict)
    sign: int = 0
    gold_label: str | None = None
    kind: Kind | None = None
    complaint: Complaint | None = None
    is_unclear: bool = False
    clarified: Vote | None = None
    feedback: list[str] = Field(default_factory=list)
    feedback_events: int = 1
    votes: list[Vote] = Field(default_factory=list)
    taken_back: list[str] = Field(default_factory=list)
    abstained: list[str] = Field(default_factory=list)
    distribution: dict[str, float] = Field(default_factory=dict)
    task: str | None = None
    tasks_opened: int = 0
    label: str | None = None
    probability: float | None = None
    method: str | None = None
    cost_usd: float = 0.0
    opened_at: datetime
    resolved_at: datetime | None = None

    @property
    def counted(self) -> list[Vote]:
        """The votes that the belief rests on: each annotator's latest, whichever of the merged items it is about."""
        latest = {vote.annotator: vote for vote in sorted(self.votes, key=lambda vote: vote.answered_at)}
        return [vote for vote in self.votes if latest[vote.annotator] is vote]


cases: Documents[Case] = Documents("resolve.cases", Case)
"""Every item by its id, whether it is still asked about or settled."""


settled = Ranking("resolve.settled")
"""Per project (`settled.of(project)`): labeled items by the millisecond of their present label; the labels' cursor."""


class Mark(Part):
    """What an owner said of an item by hand: who, when, why."""

    by: str
    at: datetime
    reason: str


class Proposal(Part):
    """Another item that may mean the same, with the comparison's score (0: the same words) and its reason."""

    other: str
    score: float
    reason: str


class Act(Part):
    """What was done with an item by hand, and to which other one.

    Of two items, the one that goes on in the other was `merged`, the other `took` it in; words that were parted were
    `split` off, and those that `left` have an item of their own.
    """

    did: Literal["merged", "took", "split", "left", "kept_apart", "pinned", "unpinned", "muted", "unmuted"]
    by: str
    at: datetime
    reason: str
    other: str | None = None
    score: float | None = None


class Member(Part):
    """An item that was merged into another one: the wording that its annotators saw, and how new that was."""

    shown: str
    novelty: float = 1.0


class Standing(Part):
    """How an item stands with triage: what was folded into it, how much it weighs and why, and since when it waits.

    `statements` are the fingerprints of its wordings, the one that annotators see first. `factors` multiply to
    `priority`, unless it is pinned: `why` says it in words. At most three `proposals`, the likeliest first.
    `members` are the items that were merged into it by hand, and those merged into these; `acts` what was done by hand,
    the last fifty. For triage alone: `severities` says of several statements how severe what each says is, `opener` is
    its first entry in the tally, `listed_at` when its cells were put.
    """

    project: str
    item: str
    status: Literal["open", "merged", "expired", "muted", "superseded"] = "open"
    into: str | None = None
    statements: list[str] = Field(default_factory=list)
    events: int = 1
    users: int = 1
    customers: int = 1
    factors: dict[str, float] = Field(default_factory=dict)
    priority: float = 1.0
    opened_at: datetime
    last_at: datetime
    expires_at: datetime
    closed_at: datetime | None = None
    closed_because: str | None = None
    expired_as: str | None = None
    pinned: Mark | None = None
    muted: Mark | None = None
    proposals: list[Proposal] = Field(default_factory=list)
    severities: dict[str, int] = Field(default_factory=dict)
    members: dict[str, Member] = Field(default_factory=dict)
    acts: list[Act] = Field(default_factory=list)
    opener: str = ""
    listed_at: datetime | None = None


standings: Documents[Standing] = Documents("triage.standings", Standing)
"""Every item that triage remembers by `<project>/<item>`."""

_SEVERITIES = {8.0: "grave", 4.0: "serious", 2.0: "plain", 1.0: "slight"}


def why(standing: Standing, distribution: Mapping[str, float] | None = None) -> str:
    """Say why an item has its place in the queue: every factor, what they come to, and what that is worth in hours.

    `distribution` is what is believed of the item while it is asked about: how unsure that is weighs, too.
    """
    factors, priority = standing.factors, product(standing.factors)
    if distribution:
        factors = factors | {"uncertainty": uncertainty(distribution)}
        priority = while_unsure(priority, distribution)
    told = " | ".join(_in_words(name, factor, standing) for name, factor in factors.items())
    is_held = not math.isclose(math.prod(factors.values()), priority)
    within = f", held within {ORDINARY:g} and {HIGHEST:g}" if is_held else ""
    return f"{told} = {priority:.3g}{within}: {_place(standing, priority)}"


def _in_words(name: str, factor: float, standing: Standing) -> str:
    match name:
        case "severity":
            about = f"severity {_SEVERITIES.get(factor, '')}".rstrip()
        case "reach":
            counted = round(2 ** (2 * factor - 1) - 1, 2)
            users, customers = _number(standing.users, "user"), _number(standing.customers, "customer")
            about = f"reach: {users} of {customers}, {counted:g} counted"
        case "novelty":
            about = "new" if factor > 1 else "nothing new"
        case "crowd":
            about = "one voice opened much that day"
        case "uncertainty":
            about = "label unsure"
        case _:
            about = name
    return f"{about} x {factor:.3g}"


def _place(standing: Standing, priority: float) -> str:
    if mark := standing.muted:
        return f"muted by {mark.by} ({mark.reason}); nobody is asked about it"
    if standing.status != "open":
        return f"{standing.status}; nobody is asked about it"
    if mark := standing.pinned:
        return f"pinned by {mark.by} ({mark.reason}); it goes before all that isn't pinned"
    earlier, later = _hours(head_start(priority)), _hours(longest_overtaking(priority))
    first = f"ranked as if it had come {earlier} earlier" if head_start(priority) else "ranked by when it came"
    return f"{first}; nothing that comes more than {later} after it can pass it"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _hours(duration: timedelta) -> str:
    return f"{duration / timedelta(hours=1):.0f} h"


proposed = Ranking("triage.proposed")
"""Per project (`proposed.of(project)`): `<item>|<other>` by the comparison's score, the likeliest pair first."""


ranked = Ranking("resolve.ranked")
"""Per project (`ranked.of(project)`): the items that a label is wanted of by `ageing.rank`, the most urgent first."""


class Fold(Part):
    """How words came to an item that they didn't open: which item that was, the score and reason, and who decided."""

    item: str
    score: float
    reason: str
    by: str | None = None


class Belonging(Part):
    """Which item a wording is part of, as a story tells it; the whole document is triage's own."""

    item: str
    joined: Fold | None = None


belongings: Documents[Belonging] = Documents("triage.statements", Belonging)
"""Per project (`belongings.of(project)`): every wording by its fingerprint."""


class Said(Part):
    """What a wording says, as it was first said; the whole document is triage's own."""

    text: str
    feedback: str
    received_at: datetime


wordings: Documents[Said] = Documents("triage.wordings", Said)
"""Per project: the wording that an item is known by, by item; by fingerprint those that joined it."""


class Holder(Part):
    """Who holds a task, or held it last."""

    assignment: str
    annotator: str
    leased_at: datetime
    expires_at: datetime


class Question(Part):
    """Whom a task asks."""

    task: str
    source: str
    priority: float = 1.0
    asks: Asks = "label"


class Asked(Part):
    """What a story tells of a task; the whole document is dispatch's own."""

    question: Question
    status: str = "ready"
    opened_at: datetime
    leases: int = 0
    lease: Holder | None = None
    annotation: str | None = None


tasks: Documents[Asked] = Documents("dispatch.tasks", Asked)
"""Every task by `<project>/<task>`, until it is long over; the tasks of an item are `<item>.1`, `<item>.2`, …"""


def story_key(project: str, event: str) -> str:
    """Return the field under which a feedback event is remembered; no project can reach another's."""
    return f"{project.replace('%', '%25').replace('/', '%2F')}/{event}"


class Step(Part):
    """One thing that happened, when, and what is known of it."""

    step: Literal[
        "received",
        "accepted",
        "rejected",
        "item",
        "task",
        "assignment",
        "annotation",
        "dispute",
        "label",
        "closed",
        "proposed",
        "merged",
        "took",
        "split",
        "left",
        "kept_apart",
        "pinned",
        "unpinned",
        "muted",
        "unmuted",
        "superseded",
    ]
    at: datetime
    facts: dict[str, Any] = Field(default_factory=dict)

    def flat(self) -> dict[str, Any]:
        """Return step, time and facts side by side, as JSON values."""
        return {"step": self.step, "at": self.at.isoformat(), **self.facts}


@dataclass(frozen=True, slots=True)
class Known:
    """What the tables hold of one piece of feedback, as they hold it."""

    received: str | None = None
    outcome: str | None = None
    placement: str | None = None
    case: Case | None = None
    tasks: Sequence[Asked] = ()
    standing: Standing | None = None
    before: Standing | None = None
    fold: Fold | None = None
    superseded: str | None = None


async def tell(reads: Reads, project: str, identity: str) -> list[Step]:
    """Return what became of a feedback event, or of an item, step by step; nothing where nothing is known."""
    key = story_key(project, identity)
    taken, made, placed, replaced = await reads(
        received.get_many([key], reads.now),
        outcomes.get_many([key], reads.now),
        placements.get_many([key], reads.now),
        superseded.get_many([key], reads.now),
    )
    _, first, _, wording = f"{placed.get(key, '')}||||".split("|")[:4]
    (belongs,) = await reads(belongings.of(project).get(wording))
    item = belongs.value.item if belongs else first or identity
    found, stands, stood = await reads(
        cases.get(item), standings.get(f"{project}/{item}"), standings.get(f"{project}/{first}")
    )
    case = found.value if found and found.value.project == project else None
    if case and case.into:
        (led,) = await reads(cases.get(case.into))
        about = [vote for vote in led.value.votes if vote.about == item] if led else []
        case = case.model_copy(update={"votes": about})
    sights = [f"{project}/{sight_of(item, asks)}" for asks in get_args(Asks)]
    names = [f"{sight}.{number + 1}" for sight in sights for number in range(case.tasks_opened if case else 0)]
    (asked,) = await reads(tasks.get_many(names))
    known = [document.value for document in asked.values()]
    standing = stands.value if stands else None
    before = stood.value if stood and first != item else None
    fold = belongs.value.joined if belongs else None
    told = taken.get(key), made.get(key), placed.get(key)
    return steps(Known(*told, case, known, standing, before, fold, replaced.get(key)))


def steps(known: Known) -> list[Step]:
    """Tell in the order of events what the tables hold."""
    middle = [*(_middle(known.case, known.tasks) if known.case else ()), *_curated(known)]
    told = sorted(middle, key=lambda step: step.at)
    return [*_beginning(known), *told, *_end(known.case), *_closing(known.standing), *_replaced(known.superseded)]


def _beginning(known: Known) -> Iterator[Step]:
    if known.received:
        yield Step(step="received", at=_moment(known.received))
    if known.outcome:
        ms, _, outcome = known.outcome.partition("|")
        code, _, reason = outcome.partition("|")
        if code == "accepted":
            yield Step(step="accepted", at=_moment(ms), facts=from_json(reason) if reason else {})
        else:
            yield Step(step="rejected", at=_moment(ms), facts={"code": code, "reason": reason})
    if known.placement:
        ms, item, how = known.placement.split("|")[:3]
        fold = known.fold.model_dump(exclude={"item"}, exclude_none=True) if known.fold else {}
        yield Step(step="item", at=_moment(ms), facts={"item": item, "how": how, **fold, **_ranked(known)})
    elif standing := known.standing:
        yield Step(step="item", at=standing.opened_at, facts={"item": standing.item, "how": "opened", **_ranked(known)})


def _ranked(known: Known) -> dict[str, Any]:
    """Tell how the item stands in the queue, and why."""
    standing, case = known.standing, known.case
    if standing is None:
        return {}
    believed = case.distribution if case and case.task else None
    weight = {"priority": round(standing.priority, 2), "factors": standing.factors, "events": standing.events}
    return {**weight, "why": why(standing, believed)}


def _middle(case: Case, asked: Sequence[Asked]) -> list[Step]:
    """Tell who was asked and what they said; what dispatch has forgotten since is known by its answer alone."""
    told = []
    for task in asked:
        about = {"task": task.question.task, "source": task.question.source}
        if task.question.asks != "label":
            about["asks"] = task.question.asks
        told.append(Step(step="task", at=task.opened_at, facts={**about, "status": task.status}))
        if held := task.lease:
            facts = {**about, "assignment": held.assignment, "annotator": held.annotator, "times": task.leases}
            if task.status == "leased":
                facts["expires_at"] = held.expires_at.isoformat()
            told.append(Step(step="assignment", at=held.leased_at, facts=facts))
    for vote in case.votes:
        said = {"annotation": vote.annotation, "annotator": vote.annotator, "source": vote.source, "label": vote.label}
        told.append(Step(step="annotation", at=vote.answered_at, facts=said))
    if said_by := case.clarified:
        who = {"annotation": said_by.annotation, "annotator": said_by.annotator, "source": said_by.source}
        told.append(Step(step="annotation", at=said_by.answered_at, facts={**who, "complaint": said_by.label}))
    return told


def _curated(known: Known) -> Iterator[Step]:
    """Tell which items may mean the same, and what was done with the item by hand: who, why, and how near they are."""
    for standing in filter(None, (known.before, known.standing)):
        for proposal in standing.proposals:
            yield Step(step="proposed", at=standing.opened_at, facts=proposal.model_dump())
        for act in standing.acts:
            is_told_of_the_other = known.before and standing is known.standing and act.other == known.before.item
            if not is_told_of_the_other:
                yield Step(step=act.did, at=act.at, facts=act.model_dump(exclude={"did", "at"}, exclude_none=True))


def _end(case: Case | None) -> Iterator[Step]:
    if case and case.status == "disputed":
        since = max((vote.answered_at for vote in case.votes), default=case.opened_at)
        yield Step(step="dispute", at=since, facts={"distribution": case.distribution})
    if case and case.label and case.resolved_at:
        facts = {"label": case.label, "probability": case.probability, "method": case.method}
        yield Step(step="label", at=case.resolved_at, facts=facts)


def _closing(standing: Standing | None) -> Iterator[Step]:
    """Tell that nobody is asked about the item any more, and what came of it instead."""
    if standing and standing.status != "open":
        facts = {"cause": standing.status, "reason": standing.closed_because, "into": standing.into}
        at = standing.closed_at or standing.last_at
        yield Step(step="closed", at=at, facts={name: fact for name, fact in facts.items() if fact})


def _replaced(by: str | None) -> Iterator[Step]:
    """Tell that the user changed their vote; what became of the item is no longer about this one."""
    if by:
        yield Step(step="superseded", at=_moment(by), facts={"by": by.partition("|")[2]})


def _moment(ms: str) -> datetime:
    return datetime.fromtimestamp(int(ms.partition("|")[0]) / 1000, UTC)
