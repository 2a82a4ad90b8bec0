"""How urgent an item is, as a product of factors that a person can check.

severity x reach x novelty x customer, within 1 and 64, and less than that only where one voice opens item after item on
one day (crowd). Waiting is not a factor, for it would change by the hour:
`labelwright.ageing.rank` weighs a priority against the moment from which something waits, and since a priority has
bounds, nothing starves. How unsure an item's label is, resolve knows; it raises the priority of its tasks by that
(`labelwright.ageing.while_unsure`). What `labelwright.stories.why` says in words is made of these factors alone.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Set
from typing import Final

from labelwright.ageing import LOWEST, PINNED, product
from labelwright.contracts.feedback import Feedback, FeedbackAccepted

MOST_VOICES: Final = 200
"""Voices that an item remembers; the reach of more is no more."""

MOST_HEARD_OF_A_CUSTOMER: Final = 20
"""Voices of one customer that an item remembers: one customer leaves room for others."""

MOST_OF_A_CUSTOMER: Final = 2
"""Users of one customer that add to the reach: however many they are, three customers outweigh them."""

MOST_OPENED_BY_A_USER: Final = 20
MOST_OPENED_BY_A_CUSTOMER: Final = 200
"""Items that a user, and a customer, opens on a day before the next ones weigh less: a flood rules no queue."""

MOST_PINNED: Final = 20
"""Items of a project that may be pinned at a time: what is pinned goes before the rest, so the rest waits for these."""

GRAVE: Final = frozenset({"crash", "data_loss", "harmful", "offensive", "privacy", "security", "unsafe"})
"""Reasons that are severe whatever the stars say."""

STEP: Final = 1.5


def factors(
    *,
    severity: int,
    voices: Set[str],
    novelty: float,
    customers: Mapping[str, float] | None = None,
    crowd: float = 1.0,
) -> dict[str, float]:
    """Return what makes an item's priority, by name; `customers` are the weights of the project file.

    `crowd` is what the item's opener had opened that day (see `crowd_of`); it weighs until another customer speaks.
    """
    is_of_one = crowd < 1 and customers_of(voices) <= 1
    return {
        "severity": float(severity),
        "reach": reach(voices),
        "novelty": novelty,
        "customer": heaviest(voices, customers or {}),
        **({"crowd": crowd} if is_of_one else {}),
    }


def priority(of: Mapping[str, float], *, is_pinned: bool = False) -> float:
    """Return the factors' product (`ageing.product`); what is pinned stands above all that."""
    return PINNED if is_pinned else product(of)


def crowd_of(by_user: int, by_customer: int = 1) -> float:
    """Return 1 for the first that a user and a customer open on a day, then ever less, down to 1/64."""
    return max(LOWEST, min(1.0, MOST_OPENED_BY_A_USER / by_user, MOST_OPENED_BY_A_CUSTOMER / by_customer))


def severity(feedback: FeedbackAccepted) -> int:
    """Return 8 for a grave reason, 4 for a correction or one star, 1 for praise, a signal or a machine, else 2."""
    if feedback.evaluator:
        return 1
    if feedback.complaint == "unsafe" or _constant(feedback.reason or "") in GRAVE:
        return 8
    if feedback.kind == "correction" or (feedback.kind == "stars" and feedback.value == 1):
        return 4
    return 2 if feedback.kind != "signal" and feedback.sign <= 0 else 1


def novelty(*, is_in_words: bool) -> float:
    """Return 1.5 for words that no item says yet, 1 for a gesture: a gesture tells nothing new."""
    return 1.5 if is_in_words else 1.0


def reach(voices: Set[str]) -> float:
    """Return (1 + log2(1 + n)) / 2, where n is what `counted` says: 1 for one user who spoke, 4.3 at most."""
    return (1 + math.log2(1 + counted(voices))) / 2


def counted(voices: Iterable[str]) -> float:
    """Return how many users an item counts: at most two of each customer, one heard by signals alone as a part."""
    of_customers: dict[str, int] = defaultdict(int)
    for (customer, _), hundredths in _loudest(voices).items():
        of_customers[customer] += hundredths
    return sum(min(hundredths, 100 * MOST_OF_A_CUSTOMER) for hundredths in of_customers.values()) / 100


def heaviest(voices: Iterable[str], customers: Mapping[str, float]) -> float:
    """Return the greatest weight that the project file gives a customer among the voices; 1 where it gives none."""
    weights = {_digest(name): weight for name, weight in customers.items()}
    return max((weights.get(voice.partition(".")[0], 1.0) for voice in voices), default=1.0) if weights else 1.0


def users_of(voices: Iterable[str]) -> int:
    """Return how many users speak."""
    return len({user for _, user in _loudest(voices)})


def customers_of(voices: Iterable[str]) -> int:
    """Return how many customers speak."""
    return len({voice.partition(".")[0] for voice in voices})


def voice(feedback: Feedback, event: str) -> str:
    """Return who speaks in feedback that came as `event`: `<customer>.<user>`, 8 hex digits each.

    Where it is weak evidence, its weight in hundredths stands behind a further dot. A user without a customer is a
    customer alone. Feedback of nobody counts as a new user each time, but all of it, as that of one customer.
    """
    customer, user = feedback.customer or feedback.user or "", feedback.user or event
    weight = feedback.weight if isinstance(feedback, FeedbackAccepted) else 1.0
    weak = "" if weight >= 1 else f".{max(1, round(weight * 100))}"
    return f"{_digest(customer)}.{_digest(user)}{weak}"


def adds(voices: Set[str], heard: str) -> bool:
    """Whether an item remembers one more voice: a new one, of which it has not enough yet.

    A customer's voices are at most 20 of the 200, so that a flood of one customer leaves room for others.
    """
    if heard in voices or len(voices) >= MOST_VOICES:
        return False
    customer = heard.partition(".")[0]
    return Counter(voice.partition(".")[0] for voice in voices)[customer] < MOST_HEARD_OF_A_CUSTOMER


def has_stepped(before: int, after: int) -> bool:
    """Whether a count passed a power of 1.5 (2, 3, 4, 6, 8, 12, …): worth telling, however large it is already."""
    return math.floor(math.log(after, STEP)) > math.floor(math.log(before, STEP))


def _loudest(voices: Iterable[str]) -> dict[tuple[str, str], int]:
    """Return each user's weight in hundredths by customer and user: that of the strongest of what they said.

    Whole numbers, for the sum of fractions would hang on the order of a set.
    """
    loudest: dict[tuple[str, str], int] = {}
    for one in voices:
        customer, user, *weight = one.split(".")
        said = int(weight[0]) if weight else 100
        loudest[customer, user] = max(said, loudest.get((customer, user), 0))
    return loudest


def _constant(reason: str) -> str:
    return reason.casefold().replace(" ", "_").replace("-", "_")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
