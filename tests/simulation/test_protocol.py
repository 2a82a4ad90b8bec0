"""The commit protocol under seeded disorder, on the real server: what holds, and that a broken one is seen."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.simulation.__main__ import arena
from tests.simulation.mutants import MUTANTS, killed_at
from tests.simulation.schedule import run_schedule
from tests.simulation.world import Ground, Release

pytestmark = [pytest.mark.server, pytest.mark.anyio, pytest.mark.timeout(600)]

STEPS = 60_000


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with arena() as url:
        yield url


@pytest.fixture
async def ground(url: str) -> AsyncIterator[Ground]:
    async with Ground.on(url) as ground:
        yield ground


async def test_every_event_has_its_effects_once_in_whatever_order_commands_come_and_whoever_dies(
    ground: Ground,
) -> None:
    steps = seed = 0
    while steps < STEPS:
        outcome = await run_schedule(ground, seed, Release())
        assert outcome.violation is None
        steps += outcome.steps
        seed += 1


async def test_the_library_alone_keeps_every_promise_where_triage_guards_less(ground: Ground) -> None:
    """So it is the library's own fault when a mutant of it is seen behind a triage that doesn't guard twice."""
    assert await killed_at(ground, Release(guards_twice=False)) is None


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_a_release_without_one_of_its_promises_is_seen_within_a_hundred_seeds(
    mutant: str, ground: Ground
) -> None:
    assert await killed_at(ground, MUTANTS[mutant]) is not None


async def test_equal_seeds_give_equal_schedules(ground: Ground) -> None:
    first, second = [await run_schedule(ground, 11, Release()) for _ in range(2)]

    assert first == second
    assert first != await run_schedule(ground, 12, Release())
