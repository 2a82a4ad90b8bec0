"""Real feedback from a file."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from labelwright.contracts.feedback import FeedbackReceived
from labelwright.demo.real import read_real
from labelwright.errors import ContractError

ROWS = [
    {"id": "a", "text": "no answer to it", "item": "q1", "rating": "Bad", "question": "Where?"},
    {"id": "b", "text": "says it all", "item": "q1", "rating": "Could be Improved"},
    {"id": "c", "text": "fine", "item": "q2", "rating": "Bad"},
]


def written(folder: Path, *lines: Mapping[str, object] | str) -> Path:
    path = folder / "My ratings.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def test_makes_labels_of_ratings_and_events_of_texts(tmp_path: Path) -> None:
    story = read_real(written(tmp_path, *ROWS))

    assert story.file.project == "my_ratings"
    assert story.file.label_names == ["bad", "could_be_improved"]
    assert [one.event["id"] for one in story.events] == ["a", "b", "c"]
    assert story.events[0].event["subject"] == {"type": "rated", "id": "q1", "prompt": "Where?"}
    for one in story.events:
        FeedbackReceived.model_validate(one.event)


def test_the_nth_annotator_gives_the_nth_rating_of_what_the_task_is_about(tmp_path: Path) -> None:
    story = read_real(written(tmp_path, *ROWS))
    first, second = story.annotators

    about = {"text": "any", "subject": {"type": "rated", "id": "q1"}}
    assert [story.answer(who, about) for who in (first, second)] == ["bad", "could_be_improved"]
    assert story.answer(second, {"text": "any", "subject": {"type": "rated", "id": "q2"}}) is None


def test_knows_no_truth(tmp_path: Path) -> None:
    assert read_real(written(tmp_path, *ROWS)).truth("says it all") is None


@pytest.mark.parametrize(
    "line",
    ["not JSON", "[]", '{"id": "x", "text": "t", "item": "i"}', "17"],
    ids=["words", "array", "unrated", "number"],
)
def test_names_the_line_that_is_not_of_the_form(tmp_path: Path, line: str) -> None:
    with pytest.raises(ContractError, match=r"line 3 .* isn't of the form"):
        read_real(written(tmp_path, *ROWS[:2], line))


def test_wants_at_least_two_ratings(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="it needs 2 to 64"):
        read_real(written(tmp_path, ROWS[0], ROWS[2]))
