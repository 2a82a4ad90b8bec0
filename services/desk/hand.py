"""The hand: which tasks a person holds and what they answered last; a cookie carries it, so that any replica goes on.

Nobody has to trust it: whatever is asked with it, dispatch looks at the annotator and at the assignment's token.
"""

import base64
import os
from typing import Annotated, Final, NamedTuple

from pydantic import Field, StringConstraints

from labelwright.contracts.payload import Part

MOST_BACK: Final = 10
"""As many answers can be taken back."""

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,128}$")]


class Answered(NamedTuple):
    """An answer that may still be taken back."""

    assignment: Word
    token: Word
    label: Word


class Turn(NamedTuple):
    """A task in the hand: leased by a request that has this name, or held again since an answer was taken back."""

    name: Word
    undoes: Answered | None = None


class Hand(Part):
    """The turns, the one that is shown first; the latest answers, the last one last; and how many were given."""

    turns: Annotated[tuple[Turn, ...], Field(max_length=2 * MOST_BACK)] = ()
    trail: Annotated[tuple[Answered, ...], Field(max_length=MOST_BACK)] = ()
    done: Annotated[int, Field(ge=0)] = 0

    @classmethod
    def read(cls, cookie: str | None) -> "Hand":
        """Return the hand that a cookie holds; an empty one where it holds none."""
        try:
            return cls.model_validate_json(base64.urlsafe_b64decode(f"{cookie or ''}=="))
        except ValueError:
            return cls()

    @property
    def cookie(self) -> str:
        """The cookie's value: less than 4 kB."""
        return base64.urlsafe_b64encode(self.model_dump_json(exclude_defaults=True).encode()).decode().rstrip("=")

    def drawn(self) -> "Hand":
        """Return the hand with one more turn, whose task is yet to be leased."""
        return self.model_copy(update={"turns": (*self.turns, Turn(os.urandom(8).hex()))})

    def without(self, name: str) -> "Hand":
        """Return the hand without that turn."""
        return self.model_copy(update={"turns": tuple(turn for turn in self.turns if turn.name != name)})

    def answered(self, name: str, answer: Answered) -> "Hand":
        """Return the hand after that turn was answered; an answer that was sent twice was given once."""
        after = self.without(name)
        if any(earlier.assignment == answer.assignment for earlier in self.trail):
            return after
        return after.model_copy(update={"trail": (*self.trail, answer)[-MOST_BACK:], "done": self.done + 1})

    def taken_back(self) -> "Hand":
        """Return the hand that holds the task of the last answer again, before all others."""
        turn = Turn(os.urandom(8).hex(), self.trail[-1])
        update = {"turns": (turn, *self.turns), "trail": self.trail[:-1], "done": max(0, self.done - 1)}
        return self.model_copy(update=update)

    def settled(self) -> "Hand":
        """Return the hand without the last answer, which stands for good."""
        return self.model_copy(update={"trail": self.trail[:-1]})
