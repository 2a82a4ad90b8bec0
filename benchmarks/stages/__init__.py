"""One stage, written for each contender: read an observation, validate it, pass on what follows, acknowledge.

Each runs in one process of its own; what it did is counted by the entries that it passed on.
"""

from importlib import import_module
from typing import Final, Protocol

import redis


class Contender(Protocol):
    """A way to run the stage. What is filled in before the worker starts is what it drains."""

    def fill(self, url: str, entries: int) -> None:
        """Publish so many observations, in the contender's own wire format."""

    def run(self, url: str) -> None:
        """Work for ever, as one process."""

    def passed_on(self, client: redis.Redis) -> int:
        """Count what the stage passed on so far."""


NAMES: Final = (
    "ours",
    "ours_once_per_id",
    "ours_two_partitions",
    "faststream_batch",
    "faststream_batch_published",
    "faststream_publisher",
    "taskiq",
    "dramatiq",
    "celery",
)


def named(name: str) -> Contender:
    """Return a contender; only what it needs is imported."""
    module = import_module(f"benchmarks.stages.{name.partition('_')[0]}_stage")
    contender: Contender = module.CONTENDERS[name]
    return contender
