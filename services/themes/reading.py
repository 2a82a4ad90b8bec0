"""Have items read by the sentence model, in a process of its own, so that nothing else waits for it."""

import asyncio
import multiprocessing
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from labelwright.logs import logger
from labelwright.themes.grouping import packed_dense

MOST_REMEMBERED: Final = 1_000
"""Texts whose vectors are kept for a moment: a decision that is made again doesn't read them again."""


class Dense(NamedTuple):
    """What a model made of a text, and which model."""

    vector: str
    model: str


class Reader:
    """A sentence model at work in a process of its own, which is started when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool: ProcessPoolExecutor | None = None
        self._known: OrderedDict[str, Dense] = OrderedDict()

    async def read(self, texts: Mapping[str, str]) -> dict[str, Dense]:
        """Return what the model makes of each text, by the same names; nothing where its process has died."""
        asked = [text for text in dict.fromkeys(texts.values()) if text not in self._known]
        if asked:
            try:
                self._remember(
                    asked, await asyncio.get_running_loop().run_in_executor(self._working(), _read, self._folder, asked)
                )
            except BrokenProcessPool:
                self._pool = None
                logger().warning("model.died", service="themes", entries=len(asked))
                return {}
        return {name: self._known[text] for name, text in texts.items() if text in self._known}

    def _working(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        return self._pool

    def _remember(self, texts: Sequence[str], read: Sequence[Dense]) -> None:
        self._known.update(zip(texts, read, strict=True))
        while len(self._known) > max(MOST_REMEMBERED, len(texts)):
            self._known.popitem(last=False)


@cache
def reader_of(folder: Path) -> Reader:
    """Return the one reader of a folder in this process."""
    return Reader(folder)


def _read(folder: Path, texts: Sequence[str]) -> list[Dense]:
    from labelwright.themes.encoder import encoder_in  # numpy and the model: in the model's own process alone

    encoder = encoder_in(folder)
    return [Dense(packed_dense(map(float, vector)), encoder.version) for vector in encoder.encode(texts)]
