"""Read a text as a statement: its words in one writing, without greeting, signature and courtesy."""

from dataclasses import dataclass

from labelwright.text.fingerprint import normalise


@dataclass(frozen=True, slots=True)
class Statement:
    """What a text says. `words` are equal for texts that differ only in case, punctuation, emoji or courtesy."""

    words: str


def read(text: str) -> Statement:
    """Return the statement of any text, in time linear in its length."""
    return Statement(normalise(text))
