"""Mutants: releases without one protection, or without two that overlap, to show that the tally would see it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from labelwright.engine.decisions import Guard
from labelwright.engine.tables import Read, Window
from labelwright.runtime import functions
from labelwright.runtime.stage import Stage
from labelwright.stories import outcomes, placements
from services.intake import decide, state
from services.triage import folding
from services.triage import state as triage_state
from tests.simulation.mutants import MUTANTS as SIMULATED


class Forgetful(Window):
    """Remembers nothing and guards nothing."""

    def lacks(self, field: str, now: datetime) -> list[Guard]:  # noqa: ARG002  # as the window that it stands for
        return []

    def get_many(self, fields: Iterable[str], now: datetime) -> Read[dict[str, str]]:  # noqa: ARG002  # as above
        return Read((), lambda _: {})


def _no_claim() -> None:
    async def claim(self: Stage) -> None:
        """Leave with the dead what they held."""

    Stage._claim = claim  # type: ignore[method-assign]  # a planted fault


def _no_event_id() -> None:
    """Both what intake reads of an id and its guard: either one alone sees nearly every repetition."""
    for module in (decide, state):
        vars(module)["outcomes"] = Forgetful(outcomes.name, outcomes.period, outcomes.keep)


def _no_fences() -> None:
    """Both at once, for either one stops whoever lost an entry to a colleague; and triage knows no event's place."""
    vars(triage_state)["placements"] = Forgetful(placements.name, placements.period, placements.keep)
    vars(folding)["_rely_on_no_place"] = lambda _turn, _key: None
    vars(functions)["LIBRARY"] = SIMULATED["no ack gate and no owner check"].library


MUTANTS: Final[Mapping[str, Callable[[], Any]]] = {
    "no claim": _no_claim,
    "no event id": _no_event_id,
    "no ack gate and no owner check": _no_fences,
}
