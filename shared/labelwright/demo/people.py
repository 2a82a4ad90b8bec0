"""The people of a demo: a backend that publishes and annotators who work, all over HTTP, each in its own thread."""

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import labelwright
from labelwright.demo.client import WorkClient
from labelwright.demo.feedback import RELEASE, Generated
from labelwright.demo.story import Story
from labelwright.errors import LabelwrightError
from labelwright.sdk.lines import post

TRIES: Final = 20
A_BREATH: Final = 2_000
"""Events after which the backend waits until the SDK has delivered them; a demo loses nothing for haste."""

BESIDE: Final = frozenset({"id", "kind", "value", "release"})
"""Fields of an event that aren't details of a call of the SDK."""


@dataclass
class Deeds:
    """What was done so far; threads only ever add to it.

    `promised` holds the ids that the gateway said it has; `idle` who found nothing to do when they last asked.
    """

    published: int = 0
    promised: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    sdk_lost: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    idle: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


def publish(dsn: str, story: Story, deeds: Deeds) -> None:
    """Publish everything: through the SDK what it can say, as plain HTTP what only an old or broken backend would send.

    Whatever is sent again later under its id goes as plain HTTP, too, for the SDK makes its own ids.
    """
    again = {one.event["id"] for one in story.events if one.kind == "duplicate"}
    labelwright.init(dsn, release=RELEASE)
    sent = set()
    try:
        for number, one in enumerate(story.events, 1):
            if one.kind == "ordinary" and one.event["id"] not in again:
                details = {name: value for name, value in one.event.items() if name not in BESIDE}
                sent.add(labelwright.feedback(one.event["kind"], one.event.get("value"), **details))
            else:
                _post(dsn, one, deeds)
            deeds.published += 1
            if number % A_BREATH == 0:
                labelwright.flush(60)
        if not labelwright.flush(60):
            deeds.faults.append("the SDK could not deliver everything within a minute")
        deeds.sdk_lost = sum(labelwright.stats()["lost"].values())
        deeds.promised |= sent
    except Exception as error:  # it ends a thread: whoever waits for the demo must hear of it
        deeds.faults.append(f"the publisher failed: {error!r}")
    finally:
        labelwright.close()


def _post(dsn: str, one: Generated, deeds: Deeds) -> None:
    for _ in range(TRIES):
        status, answer, wait_s = post(dsn, json.dumps(one.event).encode())
        if status in (429, 503):
            time.sleep(wait_s)
            continue
        outcome = answer["results"][0]["status"] if "results" in answer else "rejected"
        if outcome == "accepted":
            deeds.promised.add(one.event["id"])
        else:
            deeds.refused[outcome] += 1
        return
    deeds.faults.append(f"the gateway took an event in none of {TRIES} tries")


def work(hand: WorkClient, story: Story, deeds: Deeds, is_over: threading.Event) -> None:
    """Pull tasks and answer them until it is over; give back what one knows nothing about."""
    while not is_over.is_set():
        try:
            task = hand.next_task(wait_s=1)
            if task is None:
                deeds.idle.add(hand.who.name)
                continue
            deeds.idle.discard(hand.who.name)
            _do(hand, task, story, deeds)
        except LabelwrightError as error:
            deeds.faults.append(str(error))
            is_over.wait(0.2)


def _do(hand: WorkClient, task: dict[str, Any], story: Story, deeds: Deeds) -> None:
    label = story.answer(hand.who, task)
    if label is None:
        hand.release(task)
    else:
        hand.annotate(task, label)
        deeds.answers[hand.who.name] += 1
