"""What became of a piece of feedback: the tables that tell it, and how they are read together.

Each table belongs to the service in its name, which alone writes it; they stand here because anyone may read them.
"""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from labelwright.contracts.labels import Vote
from labelwright.contracts.payload import Part
from labelwright.engine.tables import Documents, Ranking, Window

received = Window("gateway.received", timedelta(hours=12), keep=3)
"""`<project>/<event id>` -> `<ms>|<fingerprint>`: what the gateway took, for at least a day."""

outcomes = Window("intake.outcomes", timedelta(days=3), keep=2)
"""`<project>/<event id>` -> `<ms>|accepted` or `<ms>|<code>`: what intake made of it, for at least three days."""

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
"""Per project (`settled.of(project)`): the labeled items by the millisecond of their present label; the labels' cursor."""


def story_key(project: str, event: str) -> str:
    """Return the field under which a feedback event is remembered; no project can reach another's."""
    return f"{project.replace('%', '%25').replace('/', '%2F')}/{event}"
