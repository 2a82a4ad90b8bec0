"""Read a text as a statement: its words in one writing, without greeting, signature and courtesy."""

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from labelwright.text.language import Language, language_of
from labelwright.text.words import normalise, parted, words_of

_CLAUSE_END = re.compile(r"[.!?,;:\n]+(?=\s|$)|[。！？、]|\s-+\s")


@dataclass(frozen=True)
class Statement:
    """What a text says. `words` are equal for texts that differ only in case, punctuation, emoji or courtesy."""

    body: str
    words: str

    @cached_property
    def tokens(self) -> list[str]:
        """The words one by one; of Chinese and Japanese each character."""
        return self.words.split()

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The different words."""
        return frozenset(self.tokens)

    @cached_property
    def language(self) -> Language:
        """The language of most of its small words."""
        return language_of(self.vocabulary)

    @cached_property
    def weight(self) -> float:
        """The sum of what its words say."""
        return sum(map(self.language.weights.__getitem__, self.tokens))

    @cached_property
    def strange(self) -> frozenset[str]:
        """The words that its language doesn't know; numbers aren't words."""
        knows = self.language.knows
        return frozenset([word for word in self.vocabulary - self.language.small if word.isalpha() and not knows(word)])

    @cached_property
    def vocabulary_weight(self) -> float:
        """The sum of what its different words say."""
        return sum(map(self.language.weights.__getitem__, self.vocabulary))

    @cached_property
    def names(self) -> frozenset[str]:
        """Words with capitals within a sentence; none where all is in capitals."""
        if self.body == self.body.upper():
            return frozenset()
        written = self.body.split()
        capital = [
            word for before, word in pairwise(written) if word != word.lower() and before[-1] not in ".!?:;。"
        ] + [word for word in written[:1] if word[1:] != word[1:].lower()]
        return frozenset(words_of(" ".join(capital)).split()) - {"i"} if capital else frozenset()

    @property
    def asks(self) -> bool:
        """Whether it ends as a question."""
        return self.body.rstrip(" \t\n\"')").endswith(("?", "？"))

    @cached_property
    def clauses(self) -> list[str]:
        """The words between one punctuation mark and the next, the longest first."""
        return sorted(filter(None, map(normalise, _CLAUSE_END.split(self.body))), key=len, reverse=True)


def read(text: str) -> Statement:
    """Return the statement of any text, in time linear in its length."""
    return Statement(*parted(text))
