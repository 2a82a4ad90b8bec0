"""Take events in: check each, publish what is sound within the project's limits, and tell what became of each."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request

from labelwright import metrics
from labelwright.errors import ContractError
from labelwright.runtime.partition import FeedbackToPublish, Limit, Partition, Published
from labelwright.runtime.server import refusing
from services.gateway.problems import later
from services.gateway.routes.caller import partition_of
from services.gateway.routes.reading import Read, problem_of, read_event
from services.gateway.settings import Settings

NO_IDS: Final[Iterator[str | None]] = repeat(None)


class Backlog:
    """How much waits to be worked on in each partition, looked at once a second."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, int]] = {}

    async def of(self, partition: Partition) -> int:
        """Return the entries that the slowest service of a partition hasn't finished."""
        looked_at, waiting = self._known.get(partition.name, (-math.inf, 0))
        if looked_at + 1 < time.monotonic():
            self._known[partition.name] = (time.monotonic(), waiting)  # whoever comes meanwhile doesn't look, too
            waiting = max((await partition.backlog()).values())
            self._known[partition.name] = (time.monotonic(), waiting)
        return waiting


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of each event, in order, as it is told; the limits as headers; whether anything could be written."""

    results: list[dict[str, Any]]
    headers: dict[str, str] = field(default_factory=dict)
    is_published: bool = False

    @property
    def tally(self) -> dict[str, int]:
        """How many events were what."""
        statuses = [result["status"] for result in self.results]
        return {status: statuses.count(status) for status in ("accepted", "duplicate", "rejected", "retry")}


async def take(
    request: Request,
    project: str,
    values: Sequence[object],
    ids: Iterator[str | None] = NO_IDS,
    *,
    dry_run: bool = False,
) -> Taken:
    """Publish those of a request's events that are sound; `ids` serve those that have none of their own.

    A value that is an error already is told as a rejection. Raises 404 before the project's file was applied, and 503
    where the partition has more to do than it can remember safely, or the event store refuses: nothing was taken then.
    """
    settings: Settings = request.app.state.settings
    partition = await partition_of(request, project)
    with refusing():
        now = await partition.now()
    read = [read_event(value, project, now, settings, next(ids)) for value in values]
    sound = [one.publish for one in read if one.publish]
    if dry_run or not sound:
        return Taken([_result(one, "accepted") for one in read])
    published = await _publish(request, partition, project, sound, settings)
    told = iter(published.statuses)
    results = [_result(one, next(told) if one.publish else "") for one in read]
    return Taken(results, _limits(published, settings), is_published=True)


async def _publish(
    request: Request, partition: Partition, project: str, sound: Sequence[FeedbackToPublish], settings: Settings
) -> Published:
    backlog: Backlog = request.app.state.backlog
    with refusing():
        waiting = await backlog.of(partition)
        if waiting > settings.most_backlog:
            raise later(
                f"{waiting} entries wait to be worked on, the most is {settings.most_backlog}; nothing was taken", 5
            )
        limit, statuses = Limit(settings.events_per_s, settings.burst), []
        for start in range(0, len(sound), settings.most_events):  # one call of the server's is bounded
            published = await partition.publish(project, sound[start : start + settings.most_events], limit)
            statuses += published.statuses
        return replace(published, statuses=statuses)


def _result(one: Read, status: str) -> dict[str, Any]:
    error: Mapping[str, Any] = one.error
    if status == "conflict":
        error = problem_of(ContractError("id_reused", "the id named another event before; take a new id"))
    if error:
        metrics.rejections.labels("gateway", error["code"]).inc()
        return {"id": one.id, "status": "rejected", "error": dict(error)}
    if status == "limited":
        return {"id": one.id, "status": "retry"}
    result = {"id": one.id, "status": status, "trace": f"/v1/feedback/{quote(one.id or '', safe='')}"}
    return result | ({"warnings": list(one.warnings)} if one.warnings else {})


def _limits(published: Published, settings: Settings) -> dict[str, str]:
    """Return what the project may publish (draft-ietf-httpapi-ratelimit-headers-10)."""
    window_s = math.ceil(settings.burst / settings.events_per_s)
    whole_again_s = math.ceil((settings.burst - published.left) / settings.events_per_s)
    headers = {
        "RateLimit-Policy": f'"project";q={settings.burst};w={window_s}',
        "RateLimit": f'"project";r={published.left};t={whole_again_s}',
    }
    if "limited" in published.statuses:
        headers["Retry-After"] = str(max(1, math.ceil(published.retry_after.total_seconds())))
    return headers
