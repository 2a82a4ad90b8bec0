"""The share of its signal that a team throws away: feedback that expired before it had a label, by reason and age."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal, get_args

from labelwright.engine.reads import Reads, in_groups
from labelwright.engine.tables import Counter
from labelwright.stories import accepted

Reason = Literal["never_asked", "asked_unanswered", "unsettled", "disputed", "muted", "before_intake"]
"""Why feedback had no label in time: its item was shown to nobody; was shown, and nobody answered; had answers, but not
enough of them; had answers that differ; was muted; or the feedback's own `expirytime` was over before it was read.
"""

REASONS: Final[tuple[str, ...]] = get_args(Reason)

_AGES: Final = {"1d": 1, "7d": 7, "30d": 30, "90d": 90, "365d": 365}
AGES: Final = (*_AGES, "older")
"""How old the feedback was at most, counted from its item's first; so no age is told too young."""

expired = Counter("triage.expired")
"""Per project (`expired.of(project)`): the feedback of items that stand expired, by `<reason>/<age>`.

An item that reopens takes its feedback along: it counts here no more.
"""

overdue = Counter("intake.expired")
"""Per project: feedback that intake turned away because its `expirytime` was over, by `before_intake/<age>`."""


def age_of(duration: timedelta) -> str:
    """Return the least age in AGES that is at least so long."""
    return next((name for name, days in _AGES.items() if duration <= timedelta(days=days)), "older")


def named(reason: Reason, duration: timedelta) -> str:
    """Return the field under which feedback of that age is counted."""
    return f"{reason}/{age_of(duration)}"


@dataclass(frozen=True, slots=True)
class Lost:
    """What became of a project's signal: how much came, and how much of it stands expired, by (reason, age)."""

    signal: int = 0
    events: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How much feedback expired."""
        return sum(self.events.values())

    @property
    def share(self) -> float:
        """The headline: which share of all feedback expired, 0 where none came."""
        return self.total / self.signal if self.signal else 0.0

    def figures(self) -> dict[str, float]:
        """Return the figures by the names of docs/metrics.md: the share, and the count of each reason and age."""
        counts = {f"feedback_expired_events.{reason}.{age}": count for (reason, age), count in self.events.items()}
        return {"feedback_expired_ratio": self.share, **counts}

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        by = [{"reason": reason, "age": age, "events": count} for (reason, age), count in self.events.items()]
        return {"signal": self.signal, "expired": self.total, "expired_share": round(self.share, 6), "by": by}


async def lost(reads: Reads, projects: Sequence[str]) -> dict[str, Lost]:
    """Read in one round trip what became of the signal of projects that share a partition."""
    came, gone, late = await in_groups(
        reads,
        [accepted.get(name) for name in projects],
        [expired.of(name).all() for name in projects],
        [overdue.of(name).all() for name in projects],
    )
    return dict(zip(projects, map(lost_of, came, gone, late), strict=True))


def lost_of(came: int, gone: Mapping[str, int], late: Mapping[str, int]) -> Lost:
    """Understand the counts of a project: what was accepted, what expired, and what was overdue when it came."""
    counts = {**gone, **late}
    events = {
        (reason, age): count for reason in REASONS for age in AGES if (count := counts.get(f"{reason}/{age}", 0)) > 0
    }
    return Lost(came + sum(late.values()), events)
