"""Mutants: releases with one promise broken, to show that the simulation would see it."""

from collections.abc import Mapping
from typing import Final

from labelwright.runtime import functions
from tests.simulation.schedule import run_schedule
from tests.simulation.world import Ground, Release

MOST_SEEDS: Final = 100


def edited(*edits: tuple[str, str], guards_twice: bool = True) -> Release:
    """Return a release whose library has each passage replaced. Raises ValueError where one isn't there just once.

    Where triage `guards_twice`, that hides what some of these let through.
    """
    library = functions.LIBRARY
    for passage, instead in edits:
        if library.count(passage) != 1:
            raise ValueError(f"commit.lua has {passage!r} {library.count(passage)} times; bring the mutant up to date")
        library = library.replace(passage, instead)
    return Release(library, guards_twice=guards_twice)


MUTANTS: Final[Mapping[str, Release]] = {
    "no ack gate and no owner check": edited(
        ("call('XACK', entry.stream, group, entry.id) == 1", "call('XACK', entry.stream, group, entry.id) >= 0"),
        ("entry.mine = holder == consumer", "entry.mine = true"),
        guards_twice=False,
    ),
    "no claim": Release(claims=False),
    "trim past what is pending": edited(("if before(needed, bound) then bound = needed end", "")),
    "trim before a reader first started": edited(("if next(missing) then return 0 end", "")),
    "writes before the checks": edited(
        ("local fits, problem = check_keys(keys, types)", "local fits, problem = true, nil")
    ),
    "delete a consumer with pending entries": edited(
        ("if #call('XPENDING', key, argv[1], '-', '+', 1, argv[2]) == 0 then", "if true then")
    ),
    "no event-id guard": edited(
        (
            "HLACKS = { 'h', 1, always, function(key, a) return call('HEXISTS', key, a[1]) == 0 end, 'HEXISTS' }",
            "HLACKS = { 'h', 1, always, always, 'HEXISTS' }",
        )
    ),
    "no version guard": edited(("(value and '' or '0')) == a[2]", "(value and '' or '0')) ~= 'never'")),
    "acknowledge what a guard refused": edited(
        ("answer = -failed", "answer = -failed * call('XACK', entry.stream, group, entry.id)")
    ),
    "rely on what was refused": edited(
        ("if answer ~= 1 then doubt(entry.effects, doubtful) end", ""), guards_twice=False
    ),
    "forget to record an acknowledgement's writes": edited(
        ("keep(keys[#keys], group, acknowledged, log)", "keep(keys[#keys], group, acknowledged, {})")
    ),
}


async def killed_at(ground: Ground, mutant: Release, seeds: int = MOST_SEEDS) -> int | None:
    """Return the first seed whose schedule breaks a law under the mutant; None if it lives."""
    for seed in range(seeds):
        if (await run_schedule(ground, seed, mutant)).violation:
            return seed
    return None
