"""Fitting learns from answers alone who is good, and beats counting votes where annotators are unequal."""

import numpy as np
import pytest

from labelwright.errors import ContractError
from labelwright.statistics.belief import Answers, Floats, Ints, fit, posterior, posteriors, prior_model


def simulated(
    accuracies: Floats, *, items: int, per_item: int, classes: int, seed: int, sources: list[str] | None = None
) -> tuple[Answers, Ints]:
    """Answers of annotators with these accuracies, each item's by different ones, and the truth."""
    chance = np.random.default_rng(seed)
    truth = chance.integers(classes, size=items)
    item = np.repeat(np.arange(items), per_item)
    who = np.concatenate([chance.permutation(len(accuracies))[:per_item] for _ in range(items)])
    wrong = (truth[item] + chance.integers(1, classes, size=len(item))) % classes
    answer = np.where(chance.random(len(item)) < accuracies[who], truth[item], wrong)
    names = [f"w{n}" for n in range(len(accuracies))]
    return Answers(item, who, answer, names, sources or ["crowd"] * len(names)), truth


def majority(answers: Answers, classes: int) -> Ints:
    """The most frequent answer of each item."""
    votes = np.zeros((answers.items.max() + 1, classes))
    np.add.at(votes, (answers.items, answers.classes), 1)
    most: Ints = votes.argmax(axis=1)
    return most


@pytest.mark.parametrize(("classes", "margin"), [(2, 0.10), (4, 0.05)])
def test_beats_the_majority_where_few_are_good_and_many_guess(classes: int, margin: float) -> None:
    accuracies = np.array([0.92] * 6 + [1 / classes + 0.05] * 14)
    answers, truth = simulated(accuracies, items=600, per_item=7, classes=classes, seed=5)

    believed = posteriors(fit(answers, classes), answers).argmax(axis=1)

    assert (believed == truth).mean() > (majority(answers, classes) == truth).mean() + margin


def test_recovers_how_good_each_annotator_is() -> None:
    accuracies = np.linspace(0.4, 0.95, 20)
    answers, _ = simulated(accuracies, items=1_000, per_item=6, classes=3, seed=1)

    fitted = fit(answers, 3).annotators

    recovered = [np.diag(fitted[f"w{n}"].confusion).mean() for n in range(20)]
    assert np.abs(recovered - accuracies).max() < 0.08


def test_pools_learn_what_each_source_kind_is_worth() -> None:
    accuracies = np.array([0.6] * 8 + [0.97] * 4)
    sources = ["crowd"] * 8 + ["expert"] * 4
    answers, _ = simulated(accuracies, items=500, per_item=6, classes=2, seed=2, sources=sources)

    model = fit(answers, 2)

    assert posterior(model, [("new", "crowd", 0)])[0] == pytest.approx(0.6, abs=0.05)
    assert posterior(model, [("new", "expert", 0)])[0] > 0.92
    assert posterior(model, [("new", "rule", 0)])[0] == pytest.approx(0.85, abs=0.03)


def test_machines_agreeing_with_each_other_never_raise_their_own_standing() -> None:
    rows = [(item, f"m{n}", "llm", item % 2) for item in range(300) for n in range(5)]

    model = fit(Answers.from_rows(rows), 2)

    assert posterior(model, [("m0", "llm", 0)]) == pytest.approx(posterior(prior_model(2), [("m0", "llm", 0)]))


def test_gold_teaches_that_a_machine_is_wrong() -> None:
    rows = [(item, "m", "llm", 1 - item % 2) for item in range(40)]
    gold = {item: item % 2 for item in range(40)}

    model = fit(Answers.from_rows(rows), 2, gold)

    assert posterior(model, [("m", "llm", 0)])[1] > 0.8


def test_shares_of_gold_say_nothing_about_other_items() -> None:
    rows = [(item, "ann", "crowd", 0) for item in range(500)]

    model = fit(Answers.from_rows(rows), 2, dict.fromkeys(range(500), 0))

    assert model.class_prior == pytest.approx([0.5, 0.5])


def test_one_answer_an_item_teaches_nothing_about_its_annotator() -> None:
    rows = [(item, f"w{item % 3}", "crowd", item % 2) for item in range(90)]

    model = fit(Answers.from_rows(rows), 2)

    confusions = [
        annotator.confusion.tolist() for annotator in (*model.annotators.values(), prior_model(2).pools["crowd"])
    ]
    assert confusions == [confusions[0]] * 4


def test_only_the_last_answer_of_an_annotator_to_an_item_counts() -> None:
    final = [(item, f"w{who}", "crowd", (item + who // 4) % 3) for item in range(30) for who in range(6)]
    taken_back = [(item, who, source, (answer + 1) % 3) for item, who, source, answer in final]

    model = fit(Answers.from_rows([*taken_back, *final]), 3)

    assert model.to_json_dict() == fit(Answers.from_rows(final), 3).to_json_dict()
    both = posteriors(model, Answers.from_rows([*taken_back, *final]))
    assert both.tolist() == posteriors(model, Answers.from_rows(final)).tolist()


def test_a_few_answers_of_poor_annotators_do_not_drift_to_one_class() -> None:
    answers, _ = simulated(np.full(30, 0.4), items=100, per_item=3, classes=4, seed=0)

    model = fit(answers, 4)

    shares = np.bincount(answers.classes, minlength=4) / len(answers.classes)
    assert np.abs(model.class_prior - shares).max() < 0.05


def test_renumbering_the_classes_renumbers_the_fit() -> None:
    answers, _ = simulated(np.linspace(0.4, 0.9, 8), items=100, per_item=4, classes=3, seed=3)
    order = np.array([2, 0, 1])
    renumbered = Answers(
        answers.items, answers.annotators, order[answers.classes], answers.annotator_ids, answers.annotator_sources
    )

    beliefs = posteriors(fit(renumbered, 3), renumbered)

    assert beliefs[:, order] == pytest.approx(posteriors(fit(answers, 3), answers), abs=1e-4)


def test_beliefs_of_all_items_are_those_of_each() -> None:
    answers, _ = simulated(np.linspace(0.5, 0.9, 6), items=50, per_item=3, classes=4, seed=4)
    model = fit(answers, 4)

    beliefs = posteriors(model, answers)

    for item in range(50):
        of_item = answers.items == item
        own = [
            (f"w{who}", "crowd", int(answer))
            for who, answer in zip(answers.annotators[of_item], answers.classes[of_item], strict=True)
        ]
        assert beliefs[item] == pytest.approx(posterior(model, own))


def test_an_item_without_answers_is_believed_as_the_classes_are_shared() -> None:
    answers = Answers.from_rows([(2, "ann", "crowd", 1), (2, "bob", "crowd", 1)])
    model = fit(answers, 2)

    assert posteriors(model, answers)[0] == pytest.approx(model.class_prior)


def test_a_source_kind_without_a_prior_accuracy_is_refused() -> None:
    with pytest.raises(ContractError, match="source kind 'oracle' has no prior accuracy"):
        fit(Answers.from_rows([(0, "ann", "oracle", 0)]), 2)


def test_an_answer_outside_the_classes_is_refused() -> None:
    with pytest.raises(ContractError, match="class index 2 must be from 0 to 1"):
        fit(Answers.from_rows([(0, "ann", "crowd", 2)]), 2)


def test_gold_outside_the_classes_is_refused() -> None:
    with pytest.raises(ContractError, match="gold class 5 must be from 0 to 1"):
        fit(Answers.from_rows([(0, "ann", "crowd", 1)]), 2, {0: 5})


def test_a_certain_source_is_refused() -> None:
    with pytest.raises(ContractError, match=r"accuracy 1\.0 of source kind 'rule' must be above 0 and below 1"):
        prior_model(2, {"rule": 1.0})


def test_a_single_class_is_refused() -> None:
    with pytest.raises(ContractError, match="1 classes leave nothing to decide"):
        prior_model(1)
