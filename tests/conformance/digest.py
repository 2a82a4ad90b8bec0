"""Print one hash of all decisions of a story for each service: `python -m tests.conformance.digest`."""

import hashlib

from labelwright.runtime.plan import Cause, decided
from tests.conformance.story import told

if __name__ == "__main__":
    story = told()
    for name, turns in story.turns.items():
        total = hashlib.sha256()
        for turn in turns:
            for event, decision in zip(turn.batch, turn.decisions, strict=True):
                made = decided(None, Cause(name, event, story.model.now), decision)
                total.update(repr((made.guards, made.effects)).encode())
        print(name, total.hexdigest())
