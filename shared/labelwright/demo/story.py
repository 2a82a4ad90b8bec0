"""What a demo runs on: a project file, feedback to publish, annotators, and what they know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from labelwright.contracts.project import ProjectFile
from labelwright.demo.annotators import ANNOTATORS, Annotator, Truths
from labelwright.demo.feedback import Generated, generate
from labelwright.demo.project import project_file

Task = dict[str, Any]
"""A task as the work API hands it out."""


@dataclass(frozen=True)
class Story:
    """All that a demo needs; `answer` is None where an annotator has nothing to say, `truth` where none is known."""

    said: str
    file: ProjectFile
    events: Sequence[Generated]
    annotators: Sequence[Annotator]
    answer: Callable[[Annotator, Task], str | None]
    truth: Callable[[str], str | None]


def generated(events: int, seed: int) -> Story:
    """Tell of a support assistant with known defects."""
    posted = list(generate(events, seed))
    truths, file = Truths(posted), project_file()

    def answer(who: Annotator, task: Task) -> str | None:
        truth = truths.of(task["text"])
        return who.answer(task["text"], truth, file.label_names) if truth else None

    said = (
        f"Generated (seed {seed}): {events} feedback events about a support assistant with known defects,\n"
        "told in many words, with duplicates, personal data, broken and old-schema events; ten simulated annotators\n"
        "of known skill."
    )
    return Story(said, file, posted, ANNOTATORS, answer, truths.of)
