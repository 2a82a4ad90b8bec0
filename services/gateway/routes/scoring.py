"""What others' protocols share: their scores become events of the caller's project, and are taken like any other."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fastapi import Request
from pydantic import ValidationError

from labelwright.adapters.scores import Score, feedback_of
from labelwright.contracts.project import ScoreMeaning
from labelwright.errors import ContractError
from labelwright.projects import current
from labelwright.runtime.server import refusing
from services.gateway.problems import over_the_rate
from services.gateway.routes.caller import partition_of
from services.gateway.routes.taking import Taken, take

Readable = Score | ContractError | ValidationError
"""A score, or why it couldn't be read."""


async def take_scores(request: Request, project: str, scores: Sequence[Readable]) -> Taken:
    """Publish scores as the project file understands them. Raises as `take_whole` does."""
    return await take_whole(request, project, list(_events(scores, await _meanings(request, project))))


async def take_whole(request: Request, project: str, values: Sequence[object]) -> Taken:
    """Publish events whose sender can't be told to send a part of them again.

    Raises 429 where the limit cut anything off: the sender sends all of it again, and what was taken is a duplicate
    then. Raises 404 and 503 as `take` does.
    """
    taken = await take(request, project, values)
    if taken.tally["retry"]:
        raise over_the_rate(taken.headers)
    return taken


def rejections(taken: Taken) -> list[str]:
    """Return why events were rejected, in order."""
    return [result["error"]["detail"] for result in taken.results if result["status"] == "rejected"]


def _events(scores: Iterable[Readable], meanings: Mapping[str, ScoreMeaning]) -> Iterator[object]:
    for score in scores:
        try:
            yield feedback_of(score, meanings) if isinstance(score, Score) else score
        except ContractError as error:
            yield error


async def _meanings(request: Request, project: str) -> Mapping[str, ScoreMeaning]:
    partition = await partition_of(request, project)
    with refusing():
        (present,) = await (await partition.reads())(current.get(project))
    return present.value.file.scores if present else {}
