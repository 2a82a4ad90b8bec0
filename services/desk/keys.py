"""The keys: one table that the page's script obeys, from which badges and the help are drawn as well."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

SKIP_REASONS: Final = ("not my language", "not my field", "another reason")
MOST_DIGITS: Final = 9
_CAPS: Final = {"Escape": "Esc", "Backspace": "⌫"}


@dataclass(frozen=True, slots=True)
class Key:
    """A key (as `KeyboardEvent.key` tells it), the control that it presses, and what that does.

    `scope` is where it counts: in the loop, or while the reasons to skip are open.
    """

    key: str
    does: str
    says: str
    scope: Literal["loop", "skip"] = "loop"
    also: str = ""

    @property
    def caps(self) -> list[str]:
        """The keys that do this, as their caps read."""
        return [_CAPS.get(key, key.upper() if len(key) == 1 else key) for key in (self.key, self.also) if key]


@dataclass(frozen=True, slots=True)
class KeyTable:
    """Every key of one task's page; no key means two things in one scope."""

    keys: tuple[Key, ...]

    def badge(self, does: str) -> str:
        """Return the cap of the key that presses a control, or nothing where no key does."""
        return next((key.caps[0] for key in self.keys if key.does == does), "")

    def for_script(self) -> list[dict[str, str]]:
        """Return the table as the page's script reads it."""
        return [asdict(key) for key in self.keys]


def key_table(labels: Sequence[str]) -> KeyTable:
    """Return the keys of a task with these labels, in the guideline's order; the tenth label and on have none."""
    return KeyTable(
        (
            *(
                Key(str(number), f"label {label}", f"Answer {label}")
                for number, label in enumerate(labels[:MOST_DIGITS], 1)
            ),
            Key("z", "undo", "Take the last answer back", also="Backspace"),
            Key("s", "skip", "Skip: say why, and somebody else gets it"),
            *(
                Key(str(number), f"skip {reason}", f"Skip: {reason}", "skip")
                for number, reason in enumerate(SKIP_REASONS, 1)
            ),
            Key("Escape", "skip", "Don't skip after all", "skip", also="s"),
            Key("e", "expand", "Unfold long text, or fold it"),
            Key("?", "help", "Show the keys"),
        )
    )
