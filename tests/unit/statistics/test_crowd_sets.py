"""On public crowd sets the fitted model is as accurate as it was when measured, without any gold."""

import csv
from pathlib import Path

import numpy as np
import pytest

from labelwright.statistics.belief import Answers, fit, posteriors

SETS = Path(__file__).parents[3] / ".." / "shared" / "data" / "crowd"
# Accuracy in %: the majority vote, plain Dawid-Skene (both as published with the sets), and our model as measured.
REFERENCE = {
    "barzan": (69.60, 71.20, 70.70),
    "cf": (88.00, 83.00, 89.00),
    "dog": (82.22, 84.26, 83.15),
    "duck": (75.93, 89.81, 90.74),
    "product": (89.66, 93.97, 93.70),
    "rte": (89.75, 92.75, 92.88),
    "sp_amt": (94.40, 94.40, 94.40),
    "web": (73.07, 82.47, 76.97),
    "zencrowd_in": (73.68, 75.74, 78.28),
    "zencrowd_us": (86.13, 82.25, 83.19),
}
pytestmark = pytest.mark.skipif(not SETS.is_dir(), reason="the public crowd sets are not beside this repository")


def accuracy(name: str) -> float:
    """Fit one set without gold and return the share of right labels, in %."""
    with (SETS / name / "truth.csv").open(encoding="utf-8") as file:
        truth = {row["question"]: row["truth"] for row in csv.DictReader(file)}
    with (SETS / name / "answer.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = sorted({row["answer"] for row in rows} | set(truth.values()))
    items = {question: n for n, question in enumerate(dict.fromkeys(row["question"] for row in rows))}
    answers = Answers.from_rows(
        (items[row["question"]], row["worker"], "crowd", labels.index(row["answer"])) for row in rows
    )
    believed = posteriors(fit(answers, len(labels)), answers).argmax(axis=1)
    right = [labels[believed[items[question]]] == label for question, label in truth.items() if question in items]
    return 100 * float(np.mean(right))


@pytest.mark.parametrize("name", REFERENCE)
def test_is_as_accurate_as_measured(name: str) -> None:
    assert accuracy(name) > REFERENCE[name][2] - 1


def test_loses_little_to_the_better_of_majority_and_dawid_skene_in_hindsight() -> None:
    losses = [max(vote, dawid_skene) - accuracy(name) for name, (vote, dawid_skene, _) in REFERENCE.items()]

    assert float(np.mean(losses)) < 1
