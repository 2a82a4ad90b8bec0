"""Simulated annotators with known skills: each answers a text the same way for ever."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from labelwright.demo import stories
from labelwright.demo.feedback import Generated
from labelwright.text.redaction import redact
from labelwright.text.words import normalise


@dataclass(frozen=True, slots=True)
class Annotator:
    """Somebody who is right with probability `accuracy`, and else errs at random."""

    name: str
    source: str
    accuracy: float

    def answer(self, text: str, truth: str, labels: Sequence[str]) -> str:
        """Return their label of a text; equal texts get equal answers."""
        chance = random.Random(f"{self.name}\0{normalise(text)}")  # noqa: S311  # repeatable on purpose
        if chance.random() < self.accuracy:
            return truth
        return chance.choice([label for label in labels if label != truth])


ANNOTATORS: Final = (
    Annotator("ada", "crowd", 0.93),
    Annotator("ben", "crowd", 0.90),
    Annotator("cleo", "crowd", 0.88),
    Annotator("dana", "crowd", 0.85),
    Annotator("emil", "crowd", 0.82),
    Annotator("fay", "crowd", 0.78),
    Annotator("gus", "crowd", 0.70),
    Annotator("hal", "crowd", 0.30),  # hardly reads: every crowd has one
    Annotator("iris", "experts", 0.97),
    Annotator("jon", "experts", 0.97),
)


class Truths:
    """What is true of a text as annotators see it: redacted, and in any writing."""

    def __init__(self, generated: Iterable[Generated]) -> None:
        self._known = {_as_shown(text): one.truth for one in generated for text in _texts(one.event) if one.truth}
        self._known |= {_as_shown(text): label for label, texts in stories.GOLD.items() for text in texts}

    def of(self, text: str) -> str | None:
        """Return the true label of a text; None if it was never generated."""
        return self._known.get(_as_shown(text))


def _texts(event: Mapping[str, object]) -> Iterable[str]:
    data = event.get("data")
    inner = data if isinstance(data, Mapping) else event
    return [text for text in (inner.get("comment"), inner.get("text")) if isinstance(text, str)]


def _as_shown(text: str) -> str:
    return normalise(redact(text).text)
