"""How urgent an item is, as a product of factors that a person can check.

Waiting is not a factor, for it would change by the hour: `labelwright.ageing.rank` weighs a priority against the moment
from which something waits, and as a priority lies between 1 and 64, nothing starves. What isn't known here has no
factor: how unsure the labels are (resolve knows), and what a customer is worth (no project file says it).
"""

import hashlib
import math
from collections import Counter
from collections.abc import Set
from typing import Final

from labelwright.contracts.feedback import Feedback

MOST_VOICES: Final = 200
"""Distinct users that an item counts; the reach of more is no more."""

MOST_OF_A_CUSTOMER: Final = 5
"""Users of one customer that add to the reach: one loud customer doesn't outweigh many."""

GRAVE: Final = frozenset({"crash", "data_loss", "harmful", "offensive", "privacy", "security", "unsafe"})
"""Reasons that are severe whatever the stars say."""

STEP: Final = 1.5


def severity(feedback: Feedback) -> int:
    """Return 8 for a grave reason, 4 for a correction or one star, 1 for praise or a signal, 2 for all else."""
    if _constant(feedback.reason or "") in GRAVE:
        return 8
    if feedback.kind == "correction" or (feedback.kind == "stars" and feedback.value == 1):
        return 4
    return 2 if feedback.kind != "signal" and feedback.sign <= 0 else 1


def novelty(*, is_in_words: bool) -> float:
    """Return 1.5 for words that no item says yet, 1 for a gesture: a gesture tells nothing new."""
    return 1.5 if is_in_words else 1.0


def reach(voices: Set[str]) -> float:
    """Return (1 + log2(1 + n)) / 2, where n counts at most five users of each customer: 1 for one user, 4.3 at most."""
    by_customer = Counter(voice.partition(".")[0] for voice in voices)
    return (1 + math.log2(1 + sum(min(users, MOST_OF_A_CUSTOMER) for users in by_customer.values()))) / 2


def voice(feedback: Feedback, event: str) -> str:
    """Return who speaks in feedback that came as `event`: `<customer>.<user>`, 8 hex digits each.

    A user without a customer is a customer alone. Feedback of nobody counts as a new user each time, but all of it, as
    that of one customer: five at most.
    """
    customer, user = feedback.customer or feedback.user or "", feedback.user or event
    return f"{_digest(customer)}.{_digest(user)}"


def has_stepped(before: int, after: int) -> bool:
    """Whether a count passed a power of 1.5 (2, 3, 4, 6, 8, 12, …): worth telling, however large it is already."""
    return math.floor(math.log(after, STEP)) > math.floor(math.log(before, STEP))


def _constant(reason: str) -> str:
    return reason.casefold().replace(" ", "_").replace("-", "_")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
