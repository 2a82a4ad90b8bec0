"""Generated feedback with known truth: many words for one thing, duplicates, personal data and broken events."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Literal
from uuid import UUID

from labelwright.demo import stories
from labelwright.demo.project import PROJECT

Kind = Literal["ordinary", "old_schema", "duplicate", "broken"]
SHARES: Final = {"wrong_fact": 0.34, "not_helpful": 0.28, "tone": 0.14, "unsafe": 0.08, "fine": 0.16}
EVENTS_AN_ITEM: Final = 7
RELEASE: Final = "2026.11"
OLD_TYPE: Final = "labelwright.feedback.feedback_received.v1"


@dataclass(frozen=True, slots=True)
class Generated:
    """An event as a backend would post it, what is true of it, and what kind of event it is."""

    event: dict[str, Any]
    truth: str | None
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Statement:
    words: str
    truth: str


def generate(events: int, seed: int) -> Iterator[Generated]:
    """Yield that many events, the same for the same seed; about one in seven says something new.

    About 2 % are sent twice, 2 % are broken, 3 % are of an old schema; one in six carries personal data.
    """
    chance = random.Random(seed)  # noqa: S311  # a seeded generator is the point
    numbers = count()
    told: list[_Statement] = []
    sent: list[Generated] = []
    for _ in range(events):
        roll = chance.random()
        if roll < 0.02 and sent:
            earlier = chance.choice(sent)
            yield Generated(earlier.event, earlier.truth, "duplicate")
            continue
        if roll < 0.04:
            yield Generated(_broken(chance, next(numbers)), None, "broken")
            continue
        statement = _statement(chance, told)
        is_old = roll < 0.07
        event = (_old if is_old else _present)(chance, next(numbers), statement)
        generated = Generated(event, statement.truth, "old_schema" if is_old else "ordinary")
        sent.append(generated)
        yield generated


def _statement(chance: random.Random, told: list[_Statement]) -> _Statement:
    if told and chance.random() > 1 / EVENTS_AN_ITEM:
        # what many users say is said again more often, as in life
        return told[min(int(chance.expovariate(3 / len(told))), len(told) - 1)]
    truth = chance.choices(list(SHARES), list(SHARES.values()))[0]
    pattern = chance.choice(stories.SAID[truth])
    words = pattern.format_map({blank: chance.choice(fills) for blank, fills in stories.FILL.items()})
    statement = _Statement(words, truth)
    if statement not in told:
        told.append(statement)
    return statement


def _present(chance: random.Random, number: int, statement: _Statement) -> dict[str, Any]:
    kind, value = chance.choice([("thumb", 1 if statement.truth == "fine" else -1), ("text", None)])
    event = {
        "id": _id(chance),
        "kind": kind,
        "subject": {"type": "llm_response", "id": f"resp_{number}", "model": "acme/m-4"},
        "comment": _retold(chance, statement.words) + chance.choice(stories.SIGNATURES),
        "user": f"u_{chance.randrange(400)}",
        "customer": f"c_{chance.randrange(60)}",
        "release": RELEASE,
    }
    return event | ({"value": value} if value is not None else {})


def _old(chance: random.Random, number: int, statement: _Statement) -> dict[str, Any]:
    """Return a thumb as version 1 of the schema had it, in a CloudEvent."""
    return {
        "specversion": "1.0",
        "id": _id(chance),
        "source": "/app",
        "type": OLD_TYPE,
        "project": PROJECT,
        "data": {
            "up": statement.truth == "fine",
            "text": statement.words,
            "user_id": f"u_{chance.randrange(400)}",
            "response_id": f"resp_{number}",
            "ts": 1_795_000_000 + number,
        },
    }


def _broken(chance: random.Random, number: int) -> dict[str, Any]:
    subject = {"type": "llm_response", "id": f"resp_{number}"}
    faults: list[Mapping[str, Any]] = [
        {"kind": "thumb", "value": 3, "subject": subject},
        {"kind": "stars", "value": 9, "subject": subject},
        {"kind": "thumb", "value": -1},
        {"kind": "shrug", "subject": subject},
        {"kind": "text", "comment": "   ", "subject": subject},
        {"kind": "correction", "subject": subject},
    ]
    return {"id": _id(chance), **chance.choice(faults)}


def _retold(chance: random.Random, words: str) -> str:
    """Say the same in another writing: case, spaces, punctuation; it normalises to the same words."""
    how = chance.randrange(5)
    if how == 0:
        return words.upper()
    if how == 1:
        return words.replace(" ", "  ")
    if how == 2:
        return words.rstrip(".!?") + chance.choice([".", "!", "!!", "..."])
    return words


def _id(chance: random.Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))
