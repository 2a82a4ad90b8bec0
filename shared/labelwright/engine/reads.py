"""How a service's `load` asks tables: any number of reads, one round trip, and the moment and chance of the batch."""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Protocol, TypeVar, overload

from labelwright.engine.tables import Read

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")


class Reads(Protocol):
    """The state of one partition as `load` may ask for it.

    `now` is the server's time and `chance` 16 random bytes; both are fixed for one load, so that `decide` can take
    them from the state.
    """

    now: datetime
    chance: bytes

    @overload
    async def __call__(self, a: Read[A], /) -> tuple[A]: ...
    @overload
    async def __call__(self, a: Read[A], b: Read[B], /) -> tuple[A, B]: ...
    @overload
    async def __call__(self, a: Read[A], b: Read[B], c: Read[C], /) -> tuple[A, B, C]: ...
    @overload
    async def __call__(self, a: Read[A], b: Read[B], c: Read[C], d: Read[D], /) -> tuple[A, B, C, D]: ...
    @overload
    async def __call__(self, a: Read[A], b: Read[B], c: Read[C], d: Read[D], e: Read[E], /) -> tuple[A, B, C, D, E]: ...
    @overload
    async def __call__(
        self, a: Read[A], b: Read[B], c: Read[C], d: Read[D], e: Read[E], f: Read[F], /
    ) -> tuple[A, B, C, D, E, F]: ...
    async def __call__(self, *reads: Read[Any]) -> tuple[Any, ...]:
        """Send all reads at once and return their answers in order."""

    async def many(self, reads: list[Read[A]]) -> list[A]:
        """Send reads of one type at once and return their answers in order."""


async def in_groups(reads: Reads, *groups: Sequence[Read[Any]]) -> list[list[Any]]:
    """Send several lists of reads in one round trip; their answers, list by list."""
    answers = iter(await reads.many(list(chain.from_iterable(groups))))
    return [[next(answers) for _ in group] for group in groups]
