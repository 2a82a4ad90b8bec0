"""Real feedback from a file: texts about things that people rated, and their ratings as the annotators' answers."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from labelwright.contracts.project import Guideline, LabelDefinition, ProjectFile, Source
from labelwright.demo.annotators import Annotator
from labelwright.demo.feedback import Generated
from labelwright.demo.story import Story, Task
from labelwright.errors import ContractError

FORM: Final = '{"id": …, "text": …, "item": what it is about, "rating": …, "question": … (if there is one)}'
MOST_LABELS: Final = 64
MOST_ANNOTATORS: Final = 16


def read_real(path: Path) -> Story:
    """Read JSON lines of the form `FORM`.

    The n-th rating of a thing is the answer of the n-th annotator to every task about it; who has none gives the task
    back. Nothing is known to be true, so that the belief has to do without. Raises ContractError that names the line.
    """
    rows = list(_rows(path))
    labels = {rating: _label(rating) for rating in sorted({row["rating"] for row in rows})}
    if not 2 <= len(set(labels.values())) == len(labels) <= MOST_LABELS:
        raise ContractError(
            "no_labels", f"{path} has ratings {sorted(labels)[:4]}…; it needs 2 to {MOST_LABELS} of them"
        )
    ratings: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        ratings[row["item"]].append(labels[row["rating"]])
    crowd = min(max(map(len, ratings.values())), MOST_ANNOTATORS)
    annotators = [Annotator(f"rater-{number}", "crowd", 1.0) for number in range(crowd)]
    place = {who.name: number for number, who in enumerate(annotators)}

    def answer(who: Annotator, task: Task) -> str | None:
        given = ratings[(task["subject"] or {}).get("id", "")]
        return given[place[who.name]] if place[who.name] < len(given) else None

    said = (
        f"Real: {len(rows)} texts from {path.name} about {len(ratings)} things; their {len(labels)} kinds of rating\n"
        f"are the answers of {crowd} annotators: so an item gets at most as many answers as its thing has ratings."
    )
    return Story(said, _file(path, labels), [_event(row) for row in rows], annotators, answer, lambda _: None)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = from_json(line)
                yield {name: str(row[name]) for name in ("id", "text", "item", "rating")} | {
                    "question": str(row.get("question", ""))
                }
            except (ValueError, TypeError, KeyError, AttributeError):
                raise ContractError("not_real_feedback", f"line {number} of {path} isn't of the form {FORM}") from None


def _label(rating: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", rating.lower()).strip("_") or "none"


def _file(path: Path, labels: Mapping[str, str]) -> ProjectFile:
    return ProjectFile(
        project=_label(path.stem)[:64],
        title=f"Feedback from {path.name}",
        guideline=Guideline(
            question="How good is what this feedback is about?",
            labels=[LabelDefinition(name=name, definition=rating) for rating, name in labels.items()],
        ),
        sources=[Source(name="crowd", kind="crowd", price_usd=0.08)],
        wrong_label_costs_usd=5,
        max_answers=7,
    )


def _event(row: Mapping[str, str]) -> Generated:
    subject: dict[str, Any] = {"type": "rated", "id": row["item"]}
    if row["question"]:
        subject["prompt"] = row["question"]
    event = {"id": row["id"], "kind": "text", "subject": subject, "comment": row["text"]}
    return Generated(event, None, "ordinary" if row["text"].strip() else "broken")
