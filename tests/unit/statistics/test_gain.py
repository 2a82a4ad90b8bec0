"""What another answer is worth: what it is expected to take off the risk of a wrong label, less its price."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.errors import ContractError
from labelwright.statistics.belief import CORRELATION, Annotator, Answer, Model, expected_gain, posterior, prior_model


@st.composite
def questions(draw: st.DrawFn) -> tuple[int, list[Answer], str]:
    """A number of classes, some answers to an item, and whom one might ask next."""
    classes = draw(st.integers(2, 12))
    source = st.sampled_from(["rule", "llm", "crowd", "expert"])
    answers = draw(st.lists(st.tuples(source, st.integers(0, classes - 1)), max_size=8))
    return classes, [(f"w{n}", kind, answer) for n, (kind, answer) in enumerate(answers)], draw(source)


@pytest.mark.parametrize("classes", [2, 3, 4, 5])
@pytest.mark.parametrize("more", [1, 2, 3])
def test_the_gain_is_that_of_playing_out_every_answer(classes: int, more: int) -> None:
    model = prior_model(classes)
    answers: list[Answer] = [("ann", "crowd", 0), ("bob", "llm", 1)]
    now = posterior(model, answers)

    expected_right = 0.0
    for played in product(range(classes), repeat=more):
        asked = [(f"next{n}", "expert", answer) for n, answer in enumerate(played)]
        expected_right += _chance(model, answers, asked) * posterior(model, [*answers, *asked]).max()

    gain = expected_gain(model, answers, "expert", wrong_label_costs_usd=10, price_usd=0.5, look_ahead=[more])
    assert gain == pytest.approx(10 * (expected_right - now.max()) - 0.5 * more, abs=1e-6)


def _chance(model: Model, answers: list[Answer], asked: list[Answer]) -> float:
    """The probability of these next answers, straight from the definition: over classes and item effects."""
    tables = [model.pools[source].table[answer] for _, source, answer in answers]
    power = 1 / (1 + CORRELATION * (len(answers) - 1))
    _, weights = np.polynomial.hermite_e.hermegauss(5)
    joint = model.class_prior[:, None] * weights * np.exp(power * sum(tables))
    following = np.exp(sum(model.pools[source].table[answer] for _, source, answer in asked))
    return float((joint / joint.sum() * following).sum())


def test_a_first_answer_is_worth_asking_for_where_a_wrong_label_costs_much_more() -> None:
    gain = expected_gain(prior_model(2), [], "crowd", wrong_label_costs_usd=5, price_usd=0.05, look_ahead=[1])

    assert gain == pytest.approx(5 * (0.75 - 0.5) - 0.05, abs=0.02)


def test_two_answers_are_worth_it_where_one_could_change_nothing() -> None:
    model = prior_model(2)
    answers: list[Answer] = [("ann", "crowd", 0)]

    one = expected_gain(model, answers, "crowd", wrong_label_costs_usd=5, price_usd=0.05, look_ahead=[1])
    two = expected_gain(model, answers, "crowd", wrong_label_costs_usd=5, price_usd=0.05, look_ahead=[1, 2])

    assert one < 0 < two


@pytest.mark.parametrize("classes", [2, 12, 64])
def test_a_first_answer_is_worth_its_annotators_accuracy_however_many_labels_there_are(classes: int) -> None:
    model = prior_model(classes)

    gain = expected_gain(model, [], "expert", wrong_label_costs_usd=1, price_usd=0, look_ahead=[1])

    assert gain == pytest.approx(posterior(model, [("ann", "expert", 0)])[0] - 1 / classes, abs=1e-6)


@pytest.mark.parametrize("classes", [2, 10, 64])
def test_one_crowd_answer_is_not_enough_however_many_labels_there_are(classes: int) -> None:
    answers: list[Answer] = [("ann", "crowd", 0)]

    gain = expected_gain(prior_model(classes), answers, "crowd", wrong_label_costs_usd=5, price_usd=0.05)

    assert gain > 0


def test_asking_stops_when_annotators_agree() -> None:
    answers: list[Answer] = [(f"w{n}", "expert", 0) for n in range(4)]

    assert expected_gain(prior_model(3), answers, "expert", wrong_label_costs_usd=5, price_usd=0.05) < 0


def test_a_source_of_reliable_liars_is_worth_asking() -> None:
    liars = {f"w{n}": Annotator("crowd", 50, np.array([[0.05, 0.95], [0.95, 0.05]])) for n in range(5)}
    model = Model(np.array([0.5, 0.5]), prior_model(2, {"crowd": 0.5}).pools, liars)

    gain = expected_gain(model, [], "crowd", wrong_label_costs_usd=1, price_usd=0)

    assert gain > 0.4


def test_an_unknown_source_kind_is_refused() -> None:
    with pytest.raises(ContractError, match="source kind 'oracle' has no pool"):
        expected_gain(prior_model(2), [], "oracle", wrong_label_costs_usd=5, price_usd=1)


@given(questions(), st.floats(0, 10), st.floats(0.01, 10))
def test_the_gain_falls_with_the_price(question: tuple[int, list[Answer], str], price: float, more: float) -> None:
    classes, answers, source = question
    model = prior_model(classes)

    cheap = expected_gain(model, answers, source, wrong_label_costs_usd=5, price_usd=price)
    dear = expected_gain(model, answers, source, wrong_label_costs_usd=5, price_usd=price + more)

    assert dear < cheap


@given(questions(), st.floats(0, 1_000))
def test_the_gain_is_never_above_the_whole_risk(question: tuple[int, list[Answer], str], cost: float) -> None:
    classes, answers, source = question
    model = prior_model(classes)

    gain = expected_gain(model, answers, source, wrong_label_costs_usd=cost, price_usd=0)

    assert gain <= cost * (1 - posterior(model, answers).max()) + 1e-9
