"""What became of a piece of feedback: the tables that tell it, and how they are read and told together.

Each table belongs to the service in its name, which alone writes it; they stand here because anyone may read them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from labelwright.contracts.labels import Vote
from labelwright.contracts.payload import Part
from labelwright.engine.reads import Reads
from labelwright.engine.tables import Counter, Documents, Ranking, Window

received = Window("gateway.received", timedelta(days=1), keep=2)
"""`<project>/<event id>` -> `<ms>|<fingerprint>`: what the gateway took, for at least a day."""

outcomes = Window("intake.outcomes", timedelta(days=3), keep=2)
"""`<project>/<event id>` -> `<ms>|accepted` or `<ms>|<code>|<reason>`: what intake made of it, for three days."""

accepted = Counter("intake.accepted")
"""By project: how much feedback intake accepted."""

task_counts = Counter("dispatch.counts")
"""Per project (`task_counts.of(project)`): tasks by state, ready + leased + answered + expired = opened."""

placements = Window("triage.placements", timedelta(days=10), keep=4)
"""`<project>/<event id>` -> `<ms>|<item>|opened` or `…|reinforced`: where triage put it, for at least thirty days."""


class Case(Part):
    """What resolve knows of an item: the belief, the answers it rests on, and how it stands."""

    project: str
    item: str
    status: Literal["asking", "labeled", "disputed", "idle"]
    text: str
    guideline_version: int
    priority: float
    skill: str | None = None
    subject: dict[str, str] = Field(default_factory=dict)
    gold_label: str | None = None
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


class Standing(Part):
    """How an item stands with triage: what was folded into it, how much it weighs and why, and since when it waits.

    `statements` are the fingerprints of its wordings, the one that annotators see first. `factors` multiply to
    `priority`. At most three `proposals`, the likeliest first.
    """

    project: str
    item: str
    status: Literal["open", "merged", "expired", "muted", "superseded"] = "open"
    into: str | None = None
    statements: list[str] = Field(default_factory=list)
    events: int = 1
    users: int = 1
    factors: dict[str, float] = Field(default_factory=dict)
    priority: float = 1.0
    opened_at: datetime
    last_at: datetime
    expires_at: datetime
    pinned: Mark | None = None
    muted: Mark | None = None
    proposals: list[Proposal] = Field(default_factory=list)


standings: Documents[Standing] = Documents("triage.standings", Standing)
"""Every item that triage remembers by `<project>/<item>`."""

proposed = Ranking("triage.proposed")
"""Per project (`proposed.of(project)`): `<item>|<other>` by the comparison's score, the likeliest pair first."""


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


class Asked(Part):
    """What a story tells of a task; the whole document is dispatch's own."""

    question: Question
    status: str
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

    step: Literal["received", "accepted", "rejected", "item", "task", "assignment", "annotation", "dispute", "label"]
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


async def tell(reads: Reads, project: str, identity: str) -> list[Step]:
    """Return what became of a feedback event, or of an item, step by step; nothing where nothing is known."""
    key = story_key(project, identity)
    taken, made, placed = await reads(
        received.get_many([key], reads.now),
        outcomes.get_many([key], reads.now),
        placements.get_many([key], reads.now),
    )
    item = placed[key].split("|")[1] if key in placed else identity
    (found,) = await reads(cases.get(item))
    case = found.value if found and found.value.project == project else None
    names = [f"{project}/{item}.{number + 1}" for number in range(case.tasks_opened)] if case else []
    (asked,) = await reads(tasks.get_many(names))
    known = [document.value for document in asked.values()]
    return steps(Known(taken.get(key), made.get(key), placed.get(key), case, known))


def steps(known: Known) -> list[Step]:
    """Tell in the order of events what the tables hold."""
    return [*_beginning(known), *(_middle(known.case, known.tasks) if known.case else ()), *_end(known.case)]


def _beginning(known: Known) -> Iterator[Step]:
    if known.received:
        yield Step(step="received", at=_moment(known.received))
    if known.outcome:
        ms, _, outcome = known.outcome.partition("|")
        code, _, reason = outcome.partition("|")
        if code == "accepted":
            yield Step(step="accepted", at=_moment(ms))
        else:
            yield Step(step="rejected", at=_moment(ms), facts={"code": code, "reason": reason})
    if known.placement:
        ms, item, how = known.placement.split("|")
        yield Step(step="item", at=_moment(ms), facts={"item": item, "how": how})


def _middle(case: Case, asked: Sequence[Asked]) -> list[Step]:
    """Tell who was asked and what they said; what dispatch has forgotten since is known by its answer alone."""
    told = []
    for task in asked:
        about = {"task": task.question.task, "source": task.question.source}
        told.append(Step(step="task", at=task.opened_at, facts={**about, "status": task.status}))
        if held := task.lease:
            facts = {**about, "assignment": held.assignment, "annotator": held.annotator, "times": task.leases}
            if task.status == "leased":
                facts["expires_at"] = held.expires_at.isoformat()
            told.append(Step(step="assignment", at=held.leased_at, facts=facts))
    for vote in case.votes:
        said = {"annotation": vote.annotation, "annotator": vote.annotator, "source": vote.source, "label": vote.label}
        told.append(Step(step="annotation", at=vote.answered_at, facts=said))
    return sorted(told, key=lambda step: step.at)


def _end(case: Case | None) -> Iterator[Step]:
    if case and case.status == "disputed":
        since = max((vote.answered_at for vote in case.votes), default=case.opened_at)
        yield Step(step="dispute", at=since, facts={"distribution": case.distribution})
    if case and case.label and case.resolved_at:
        facts = {"label": case.label, "probability": case.probability, "method": case.method}
        yield Step(step="label", at=case.resolved_at, facts=facts)


def _moment(ms: str) -> datetime:
    return datetime.fromtimestamp(int(ms.partition("|")[0]) / 1000, UTC)
