"""A belief is a probability of each class, moved by answers as far as their annotators deserve."""

import json
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.errors import ContractError
from labelwright.statistics.belief import (
    CORRELATION,
    ITEM_SD,
    PRIOR_ACCURACY,
    Annotator,
    Answer,
    Answers,
    Model,
    fit,
    posterior,
    prior_model,
)

SOURCES = sorted(PRIOR_ACCURACY)


def permuted(model: Model, order: Sequence[int]) -> Model:
    """The same model with its classes renumbered: new class n is old class `order[n]`."""

    def renumbered(annotator: Annotator) -> Annotator:
        return Annotator(annotator.source, annotator.answers, annotator.confusion[np.ix_(order, order)])

    return Model(
        model.class_prior[list(order)],
        {source: renumbered(pool) for source, pool in model.pools.items()},
        {who: renumbered(annotator) for who, annotator in model.annotators.items()},
    )


@st.composite
def models(draw: st.DrawFn) -> Model:
    """A model of 2 to 6 classes with five annotators of any skill, reliable liars among them."""
    classes = draw(st.integers(2, 6))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    prior = prior_model(classes)
    confusions = chance.dirichlet(np.full(classes, draw(st.floats(0.2, 5))) + 1e-3, size=(5, classes)) + 1e-6
    confusions /= confusions.sum(axis=2, keepdims=True)
    annotators = {f"w{n}": Annotator(SOURCES[n], n, confusion) for n, confusion in enumerate(confusions)}
    return Model(chance.dirichlet(np.full(classes, 5.0)) + 1e-6, prior.pools, annotators)


@st.composite
def models_and_answers(draw: st.DrawFn) -> tuple[Model, list[Answer]]:
    """A model, and answers of known and unknown annotators to one item, one each."""
    model = draw(models())
    who = st.sampled_from([f"w{n}" for n in range(5)] + [f"stranger{n}" for n in range(30)])
    answer = st.tuples(who, st.sampled_from(SOURCES), st.integers(0, model.classes - 1))
    return model, draw(st.lists(answer, max_size=35, unique_by=lambda one: one[0]))


def test_before_any_answer_classes_are_equally_likely() -> None:
    belief = posterior(prior_model(4), [])

    assert belief == pytest.approx([0.25] * 4)


@pytest.mark.parametrize(("source", "accuracy"), PRIOR_ACCURACY.items())
def test_one_answer_of_a_stranger_is_worth_the_prior_accuracy_of_their_source(source: str, accuracy: float) -> None:
    belief = posterior(prior_model(2), [("stranger", source, 1)])

    assert belief[1] == pytest.approx(accuracy, abs=0.005)


def test_an_experts_answer_outweighs_a_crowd_workers() -> None:
    belief = posterior(prior_model(3), [("ann", "crowd", 0), ("bob", "expert", 2)])

    assert belief.argmax() == 2


def test_an_annotators_later_answer_replaces_the_earlier() -> None:
    model = prior_model(3)

    changed = posterior(model, [("ann", "crowd", 0), ("bob", "crowd", 1), ("ann", "crowd", 1)])

    assert changed == pytest.approx(posterior(model, [("ann", "crowd", 1), ("bob", "crowd", 1)]))


def test_someone_reliably_wrong_informs() -> None:
    liar = Annotator("crowd", 50, np.array([[0.1, 0.9], [0.9, 0.1]]))
    model = Model(np.array([0.5, 0.5]), prior_model(2).pools, {"liar": liar})

    belief = posterior(model, [("liar", "crowd", 0)])

    assert belief[1] > 0.85


def test_an_unknown_source_kind_is_refused_by_name() -> None:
    with pytest.raises(ContractError, match="source kind 'oracle' has no pool; use one of 'rule'"):
        posterior(prior_model(2), [("ann", "oracle", 0)])


@pytest.mark.parametrize("outside", [-1, 2])
def test_a_class_that_is_no_label_is_refused(outside: int) -> None:
    with pytest.raises(ContractError, match=f"class {outside} must be from 0 to 1"):
        posterior(prior_model(2), [("ann", "crowd", outside)])


def test_thousands_of_agreeing_answers_leave_room_for_doubt() -> None:
    belief = posterior(prior_model(2, {"expert": 0.9999}), [(f"w{n}", "expert", 0) for n in range(5_000)])

    assert 0 < belief[1] < belief[0] < 1


def test_a_belief_averages_over_how_hard_the_item_may_be() -> None:
    model = Model(np.array([0.3, 0.7]), prior_model(2, {"crowd": 0.75, "expert": 0.95}).pools, {})
    effect = np.linspace(-6, 6, 2_001)
    weight = np.exp(-(effect**2) / 2)
    unshrink = np.sqrt(1 + np.pi * ITEM_SD**2 / 8)
    crowd, expert = (1 / (1 + np.exp(-unshrink * np.log(odds) - ITEM_SD * effect)) for odds in (3, 19))
    power = 1 / (1 + CORRELATION * 2)
    zero = 0.3 * (weight * (crowd**2 * (1 - expert)) ** power).sum()
    one = 0.7 * (weight * ((1 - crowd) ** 2 * expert) ** power).sum()

    belief = posterior(model, [("ann", "crowd", 0), ("bob", "crowd", 0), ("eve", "expert", 1)])

    assert belief[1] == pytest.approx(one / (zero + one), abs=0.002)


def test_a_model_read_back_from_json_gives_the_very_same_beliefs() -> None:
    rows = [(item, f"w{who}", "crowd", (item * who) % 3) for item in range(40) for who in range(5)]
    model = fit(Answers.from_rows(rows), 3)

    read_back = Model.from_json_dict(json.loads(json.dumps(model.to_json_dict())))

    answers = [("w1", "crowd", 0), ("w4", "crowd", 2), ("stranger", "llm", 2)]
    assert posterior(read_back, answers).tolist() == posterior(model, answers).tolist()
    assert read_back.to_json_dict() == model.to_json_dict()


@given(models_and_answers())
def test_a_belief_is_a_probability_of_each_class(given_: tuple[Model, list[Answer]]) -> None:
    model, answers = given_

    belief = posterior(model, answers)

    assert belief.shape == (model.classes,)
    assert belief.sum() == pytest.approx(1)
    assert ((belief > 0) & (belief < 1)).all()


@given(models_and_answers(), st.randoms(use_true_random=False))
def test_the_order_of_answers_does_not_matter(given_: tuple[Model, list[Answer]], chance: Random) -> None:
    model, answers = given_
    shuffled = list(answers)
    chance.shuffle(shuffled)

    assert posterior(model, shuffled) == pytest.approx(posterior(model, answers))


@given(models_and_answers(), st.data())
def test_renumbering_the_classes_renumbers_the_belief(given_: tuple[Model, list[Answer]], data: st.DataObject) -> None:
    model, answers = given_
    order = data.draw(st.permutations(range(model.classes)))
    renumbered = [(who, source, order.index(answer)) for who, source, answer in answers]

    belief = posterior(permuted(model, order), renumbered)

    assert belief == pytest.approx(posterior(model, answers)[order])


@given(
    st.integers(2, 10),
    st.floats(0.05, 0.999),
    st.integers(0, 40),
    st.integers(0, 3),
)
def test_one_more_agreeing_answer_never_lowers_the_belief(
    classes: int, skill: float, agreeing: int, objecting: int
) -> None:
    """Where annotators are equally good: a much weaker one who agrees mostly tells that answers are correlated."""
    accuracy = 1 / classes + (1 - 1 / classes) * skill
    model = prior_model(classes, {"crowd": min(accuracy, 0.999)})
    answers = [(f"for{n}", "crowd", 0) for n in range(agreeing)] + [
        (f"against{n}", "crowd", 1) for n in range(min(objecting, agreeing))
    ]

    more = [*answers, ("one more", "crowd", 0)]

    assert posterior(model, more)[0] >= posterior(model, answers)[0] - 1e-12
