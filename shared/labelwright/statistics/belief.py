"""What we believe about an item given its answers, how good each annotator is, and what one more answer is worth.

Dawid & Skene's model (1979: a confusion matrix per annotator) with three additions. Confusions share a two-level
prior (Kim & Ghahramani 2012, Paun et al. 2018): the pool of the annotator's source kind, moved to the annotator's own
accuracy. Items differ in difficulty: the log-odds of being right share a normal effect per item. And answers to one
item are correlated, so their joint evidence is raised to a power below one (Kish 1965, the design effect).

In shapes, i is an item, w an annotator, k the number of classes, t a true class, c an answered class and g a node of
the item effect. A class is its label's index in the guideline. Probabilities are not calibrated here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations_with_replacement
from math import factorial, pi, prod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labelwright.contracts.project import MACHINES
from labelwright.errors import ContractError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Answer = tuple[str, str, int]
"""Annotator id, source kind, answered class."""

PRIOR_ACCURACY: Mapping[str, float] = {"rule": 0.85, "model": 0.8, "llm": 0.8, "crowd": 0.75, "expert": 0.95}

# Defaults inside a plateau measured on ten crowd sets and on synthetic ones; none is tuned to a set.
POOL_STRENGTH = 20.0  # answers a row that the prior accuracy of a source kind is worth
ACCURACY_STRENGTH = 3.0  # answers that the pool's accuracy is worth against an annotator's own
CLASS_PRIOR_STRENGTH = 200.0  # items that the raw vote shares are worth; without it few answers drift to one class
ITEM_SD = 0.6  # of the item effect, in log-odds
CORRELATION = 0.07  # between the answers to one item
ROUNDS = 30
SETTLED = 1e-3
FLOOR = 1e-9  # nothing is certain: every belief stays this far inside (0, 1)
FORESEEN = 5  # classes that a look-ahead lets answers name: the most likely four, and one for all others
SUREST = 1 - 1e-4  # nobody is taken to err less often than this, nor to be right less often than 1 - SUREST

_nodes, _node_weights = np.polynomial.hermite_e.hermegauss(5)
_EFFECTS: Floats = ITEM_SD * _nodes
_LOG_EFFECT_WEIGHTS: Floats = np.log(_node_weights / _node_weights.sum())
_UNSHRINK = (1 + pi * ITEM_SD**2 / 8) ** 0.5  # averaging over the effect pulls accuracies to one half; this undoes it


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers by column: row n says that annotator `annotators[n]` answered `classes[n]` to item `items[n]`.

    Items and annotators are indices from 0; an annotator's index points into `annotator_ids` and `annotator_sources`.
    """

    items: Ints
    annotators: Ints
    classes: Ints
    annotator_ids: Sequence[str]
    annotator_sources: Sequence[str]

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[int, str, str, int]]) -> Self:
        """Read rows of (item index, annotator id, source kind, class), in the order in which they were answered."""
        index: dict[str, int] = {}
        sources: list[str] = []
        columns: list[tuple[int, int, int]] = []
        for item, annotator, source, answer in rows:
            if annotator not in index:
                index[annotator] = len(index)
                sources.append(source)
            columns.append((item, index[annotator], answer))
        items, annotators, classes = np.array(columns, dtype=np.int64).reshape(-1, 3).T
        return cls(items, annotators, classes, tuple(index), sources)

    def latest(self) -> Self:
        """Keep the last answer of each annotator to each item."""
        pair = self.items * len(self.annotator_ids) + self.annotators
        _, from_the_end = np.unique(pair[::-1], return_index=True)
        keep = len(pair) - 1 - from_the_end
        columns = (self.items[keep], self.annotators[keep], self.classes[keep])
        return type(self)(*columns, self.annotator_ids, self.annotator_sources)


@dataclass(frozen=True, eq=False)
class Annotator:
    """What is known of an annotator: `confusion[t, c]` is the probability of answering c where t is true."""

    source: str
    answers: int
    confusion: Floats

    @cached_property
    def table(self) -> Floats:
        """Log-probability of an answer, (c, t, g); evidence is the sum of its rows."""
        return _tables(self.confusion)


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted model: shares of the classes, one pool a source kind for annotators not seen yet, and the annotators.

    `fit` rounds confusions, which keeps the JSON short; a model read back from it gives the very same beliefs.
    """

    class_prior: Floats
    pools: Mapping[str, Annotator]
    annotators: Mapping[str, Annotator]

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_prior)

    def pool(self, source: str) -> Annotator:
        """Return what is known of an unseen annotator of that source kind."""
        if source not in self.pools:
            known = ", ".join(map(repr, self.pools))
            raise ContractError("unknown_source", f"source kind {source!r} has no pool; use one of {known}")
        return self.pools[source]

    @cached_property
    def effective(self) -> Mapping[str, Floats]:
        """The table of the annotator to expect next, by source kind (see `_effective`)."""
        return {source: _effective(source, self) for source in self.pools}

    def to_json_dict(self) -> dict[str, Any]:
        """Return plain lists and dicts; `from_json_dict` reads them back to a model of equal beliefs."""
        return {
            "class_prior": self.class_prior.tolist(),
            "pools": {source: pool.confusion.tolist() for source, pool in self.pools.items()},
            "annotators": {
                who: {"source": known.source, "answers": known.answers, "confusion": known.confusion.tolist()}
                for who, known in self.annotators.items()
            },
        }

    @classmethod
    def from_json_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `to_json_dict` wrote."""
        return cls(
            np.array(stored["class_prior"]),
            {source: Annotator(source, 0, np.array(confusion)) for source, confusion in stored["pools"].items()},
            {
                who: Annotator(known["source"], known["answers"], np.array(known["confusion"]))
                for who, known in stored["annotators"].items()
            },
        )


def prior_model(classes: int, accuracies: Mapping[str, float] = PRIOR_ACCURACY) -> Model:
    """Return the model before any answer: classes equally likely, each source kind as accurate as `accuracies` says."""
    return fit(Answers.from_rows(()), classes, accuracies=accuracies)


def posterior(model: Model, answers_of_one_item: Sequence[Answer]) -> Floats:
    """Return the belief over classes, (k,), given one item's answers: in (0, 1), summing to 1.

    An annotator's later answer replaces the earlier; otherwise order doesn't matter. Whoever the model hasn't seen
    answers like the pool of their source kind. Raises ContractError on an unknown source kind or class.
    """
    evidence, count = _evidence(model, answers_of_one_item)
    return _belief(_joint(model.class_prior, evidence, count))


def posteriors(model: Model, answers: Answers) -> Floats:
    """Return the belief of every item of `answers`, (i, k), by item index; where nobody answered, the class prior."""
    _check(answers, model.classes, model.pools)
    answers = answers.latest()
    known = [
        model.annotators.get(who) or model.pools[source]
        for who, source in zip(answers.annotator_ids, answers.annotator_sources, strict=True)
    ]
    confusions = np.array([annotator.confusion for annotator in known]).reshape(-1, model.classes, model.classes)
    return _belief(_joints(answers, model.class_prior, confusions))


def expected_gain(
    model: Model,
    answers_so_far: Sequence[Answer],
    source: str,
    *,
    wrong_label_costs_usd: float,
    price_usd: float,
    look_ahead: Sequence[int] = (1, 2, 3, 4),
) -> float:
    """Return in dollars what asking annotators of `source` on is expected to gain: worth it where positive.

    The best over m in `look_ahead` of what m more answers take off the risk of a wrong label, less their price. Several
    are looked at together because one answer often can't change a label where two can. Exact up to five classes: all
    count vectors of m answers are enumerated. With more, the fifth most likely stands for all that are less likely, and
    answers that name two of those are taken to change nothing.
    """
    model.pool(source)
    evidence, count = _evidence(model, answers_so_far)
    now = _joint(model.class_prior, evidence, count)
    belief_now = _belief(now)
    right_now = float(belief_now.max())
    named = np.argsort(-belief_now, kind="stable")[:FORESEEN]
    others = max(model.classes - FORESEEN + 1, 1)

    def right_after(more: int) -> float:
        counts, ways = _count_vectors(len(named), more)
        added = np.tensordot(counts, model.effective[source][named], axes=1)
        chances = ways * np.where(counts[:, -1] > 0, others, 1) * (np.exp(added) * now).sum(axis=(1, 2))
        after = _belief(_joint(model.class_prior, evidence + added, count + more)).max(axis=1)
        left_out = max(1 - chances.sum(), 0)
        return float((chances @ after + left_out * right_now) / (chances.sum() + left_out))

    return max(wrong_label_costs_usd * (right_after(more) - right_now) - price_usd * more for more in look_ahead)


def fit(
    answers: Answers,
    classes: int,
    gold: Mapping[int, int] | None = None,
    accuracies: Mapping[str, float] = PRIOR_ACCURACY,
) -> Model:
    """Learn class shares, pools and annotators from answers, by expectation maximisation from the vote shares.

    `gold` gives the true class of some item indices; it is clamped. `accuracies` names the source kinds and how far
    each is trusted before it has answered. An annotator's last answer to an item counts. Raises ContractError if
    indices, source kinds or classes are out of bounds.
    """
    for source, accuracy in accuracies.items():
        if not 0 < accuracy < 1:
            reason = f"accuracy {accuracy!r} of source kind {source!r} must be above 0 and below 1; nobody is certain"
            raise ContractError("not_an_accuracy", reason)
    _check(answers, classes, accuracies)
    answers = answers.latest()
    sources = np.array(answers.annotator_sources, dtype=object)
    item_count = int(answers.items.max(initial=-1)) + 1
    is_gold, truth = _clamped(gold or {}, item_count, classes)
    lessons = _lessons(answers, is_gold)
    sizes = np.bincount(answers.items, minlength=item_count)
    # Gold is chosen by the owner, so its shares say nothing about the classes of other items.
    counted = np.where(is_gold, 0.0, 1 - 1 / np.maximum(sizes, 1))[:, None]

    beliefs = np.where(is_gold[:, None], truth, _vote_shares(answers, item_count, classes))
    voted = beliefs[~is_gold & (sizes > 0)].sum(axis=0) + 1
    for _ in range(ROUNDS):
        taught = _taught(answers, beliefs, lessons)
        pools = {
            source: _pool(taught[sources == source].sum(axis=0), accuracy) for source, accuracy in accuracies.items()
        }
        confusions = _confusions(taught, np.array([pools[source] for source in sources]).reshape(taught.shape))
        class_prior = _rows(_rows(voted) * CLASS_PRIOR_STRENGTH + (beliefs * counted).sum(axis=0))
        before = beliefs
        beliefs = np.where(is_gold[:, None], truth, _belief(_joints(answers, class_prior, confusions)))
        if np.abs(beliefs - before).max(initial=0) < SETTLED:
            break

    answered = np.bincount(answers.annotators, minlength=len(sources))
    return Model(
        class_prior,
        {source: Annotator(source, 0, _rounded(pool)) for source, pool in pools.items()},
        {
            who: Annotator(source, int(count), _rounded(confusion))
            for who, source, count, confusion in zip(
                answers.annotator_ids, answers.annotator_sources, answered, confusions, strict=True
            )
        },
    )


def _check(answers: Answers, classes: int, sources: Iterable[str]) -> None:
    """Raise where a column doesn't fit the others."""
    if classes < 2:
        raise ContractError("too_few_classes", f"{classes!r} classes leave nothing to decide; give at least 2")
    known = set(sources)
    for source in answers.annotator_sources:
        if source not in known:
            raise ContractError("unknown_source", f"source kind {source!r} has no prior accuracy; state one for it")
    bounds = (
        ("item", answers.items, np.iinfo(np.int64).max),
        ("annotator", answers.annotators, len(answers.annotator_ids)),
        ("class", answers.classes, classes),
    )
    for name, column, bound in bounds:
        outside = column[(column < 0) | (column >= bound)]
        if outside.size:
            raise ContractError(f"unknown_{name}", f"{name} index {int(outside[0])!r} must be from 0 to {bound - 1}")


def _clamped(gold: Mapping[int, int], item_count: int, classes: int) -> tuple[NDArray[np.bool_], Floats]:
    """Which items are gold, (i,), and their certain beliefs, (i, k); gold that nobody answered is left out."""
    is_gold = np.zeros(item_count, dtype=np.bool_)
    truth = np.zeros((item_count, classes))
    for item, true_class in gold.items():
        if not 0 <= true_class < classes:
            raise ContractError("unknown_class", f"gold class {true_class!r} must be from 0 to {classes - 1}")
        if 0 <= item < item_count:
            is_gold[item] = True
            truth[item, true_class] = 1
    return is_gold, truth


def _lessons(answers: Answers, is_gold: NDArray[np.bool_]) -> Floats:
    """How much each answer teaches about its annotator: 1 on gold, else the share of other people in the answers.

    Nobody is judged by their own answer alone, and machines never by each other: they agree on the wrong answer too.
    """
    is_person = np.array([source not in MACHINES for source in answers.annotator_sources], dtype=np.float64)
    of_a_person = is_person[answers.annotators]
    everyone = np.bincount(answers.items)
    people = np.bincount(answers.items, of_a_person)
    others: Floats = (people[answers.items] - of_a_person) / everyone[answers.items]
    return np.where(is_gold[answers.items], 1.0, others)


def _vote_shares(answers: Answers, item_count: int, classes: int) -> Floats:
    """The share of each class in each item's answers, (i, k)."""
    votes = np.bincount(answers.items * classes + answers.classes, minlength=item_count * classes)
    votes = votes.reshape(item_count, classes)
    shares: Floats = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    return shares


def _taught(answers: Answers, beliefs: Floats, lessons: Floats) -> Floats:
    """How often each annotator answered c where we believe t, (w, t, c)."""
    annotator_count, classes = len(answers.annotator_ids), beliefs.shape[1]
    cells = answers.annotators * classes + answers.classes
    by_truth: Floats = np.stack(
        [
            np.bincount(cells, lessons * believed[answers.items], minlength=annotator_count * classes)
            for believed in beliefs.T
        ]
    )
    return by_truth.reshape(classes, annotator_count, classes).transpose(1, 0, 2)


def _pool(taught: Floats, accuracy: float) -> Floats:
    """The confusion of a source kind, (t, c): its prior accuracy, and what its annotators have shown together."""
    classes = len(taught)
    prior = np.full((classes, classes), (1 - accuracy) / (classes - 1))
    np.fill_diagonal(prior, accuracy)
    return _rows(taught + POOL_STRENGTH * prior)


def _confusions(taught: Floats, pools: Floats) -> Floats:
    """Each annotator's confusion, (w, t, c): their own counts, and k answers a row of the pool at their accuracy."""
    total = taught.sum(axis=(1, 2))
    pooled_right = np.diagonal(pools, axis1=1, axis2=2)
    seen = taught.sum(axis=2) + FLOOR  # an annotator who has taught us nothing is as the pool on every class alike
    expected = (_rows(seen) * pooled_right).sum(axis=1)
    right = np.trace(taught, axis1=1, axis2=2)
    accuracy = (right + ACCURACY_STRENGTH * expected) / (total + ACCURACY_STRENGTH)
    shift = _logit(np.clip(accuracy, 0.01, 0.99)) - _logit(np.clip(expected, 0.01, 0.99))
    classes = pools.shape[-1]
    return _rows(taught + classes * _with_diagonal(pools, _sigmoid(_logit(pooled_right) + shift[:, None])))


def _effective(source: str, model: Model) -> Floats:
    """The table of the annotator to expect next of a source kind, (c, t, g).

    Skill is the root mean square by answers, not the mean: who is reliably wrong informs too, and who answers most is
    most likely to answer next. The pool stands in as one who answered once.
    """
    pool = model.pools[source].confusion
    known = [annotator for annotator in model.annotators.values() if annotator.source == source]
    logits = _logit(np.array([np.diag(one) for one in (pool, *(annotator.confusion for annotator in known))]))
    weights = np.array([1, *(annotator.answers for annotator in known)], dtype=np.float64)
    chance = -np.log(model.classes - 1)
    skill = np.sqrt(np.average((logits.mean(axis=1) - chance) ** 2, weights=weights))
    tilt = np.average(logits, axis=0, weights=weights)
    return _tables(_with_diagonal(pool, _sigmoid(chance + skill + tilt - tilt.mean())))


def _tables(confusions: Floats) -> Floats:
    """Log-probabilities of answers at each node of the item effect, (..., c, t, g), of confusions (..., t, c)."""
    log_odds = _UNSHRINK * _logit(np.diagonal(confusions, axis1=-2, axis2=-1))[..., None] + _EFFECTS
    wrong = _rows(confusions * (1 - np.eye(confusions.shape[-1])))
    with np.errstate(divide="ignore"):  # the diagonal, which is filled next
        by_truth = np.log(wrong)[..., None] - np.logaddexp(0, log_odds)[..., None, :]
    diagonal = np.arange(confusions.shape[-1])
    by_truth[..., diagonal, diagonal, :] = -np.logaddexp(0, -log_odds)
    return np.swapaxes(by_truth, -3, -2)


def _evidence(model: Model, answers: Sequence[Answer]) -> tuple[Floats, int]:
    """The summed log-probabilities of one item's answers, (t, g), and how many annotators gave them."""
    evidence = np.zeros((model.classes, len(_EFFECTS)))
    latest = {who: (source, answer) for who, source, answer in answers}
    for who, (source, answer) in latest.items():
        if not 0 <= answer < model.classes:
            raise ContractError("unknown_class", f"class {answer!r} must be from 0 to {model.classes - 1}")
        evidence += (model.annotators.get(who) or model.pool(source)).table[answer]
    return evidence, len(latest)


def _joints(answers: Answers, class_prior: Floats, confusions: Floats) -> Floats:
    """The belief over class and item effect of every item, (i, t, g)."""
    classes = len(class_prior)
    cells = answers.annotators * classes + answers.classes
    counts = np.bincount(answers.items)
    columns = np.ascontiguousarray(_tables(confusions).reshape(-1, classes * len(_EFFECTS)).T)
    # One cell of the table at a time: answers x classes x nodes are never held at once.
    evidence: Floats = np.stack([np.bincount(answers.items, column[cells]) for column in columns], axis=-1)
    return _joint(class_prior, evidence.reshape(len(counts), classes, len(_EFFECTS)), counts[:, None, None])


def _joint(class_prior: Floats, evidence: Floats, count: int | Ints) -> Floats:
    """The belief over class and item effect, (..., t, g), summing to 1."""
    power = 1 / (1 + CORRELATION * (np.maximum(count, 1) - 1))
    logs = np.log(class_prior)[:, None] + _LOG_EFFECT_WEIGHTS + power * evidence
    likely = np.exp(logs - logs.max(axis=(-2, -1), keepdims=True, initial=-np.inf))
    joint: Floats = likely / likely.sum(axis=(-2, -1), keepdims=True)
    return joint


def _belief(joint: Floats) -> Floats:
    belief: Floats = joint.sum(axis=-1) + FLOOR
    return _rows(belief)


@lru_cache(maxsize=64)
def _count_vectors(classes: int, answers: int) -> tuple[Floats, Floats]:
    """Every way that `answers` answers can fall on the classes, (v, c), and in how many orders each can, (v,)."""
    falls = combinations_with_replacement(range(classes), answers)
    counts = np.array([np.bincount(fall, minlength=classes) for fall in falls], dtype=np.float64)
    ways = [factorial(answers) / prod(factorial(int(count)) for count in row) for row in counts]
    return counts, np.array(ways)


def _with_diagonal(confusions: Floats, right: Floats) -> Floats:
    """Confusions, (..., t, c), with other probabilities of being right, (..., t); the errors keep their pattern."""
    identity = np.eye(confusions.shape[-1])
    return _rows(confusions * (1 - identity)) * (1 - right)[..., None] + identity * right[..., None]


def _rounded(confusion: Floats) -> Floats:
    rounded: Floats = np.maximum(np.round(confusion, 6), 1e-6)
    return rounded


def _rows(weights: Floats) -> Floats:
    rows: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return rows


def _logit(probability: Floats) -> Floats:
    kept = np.clip(probability, 1 - SUREST, SUREST)
    logit: Floats = np.log(kept) - np.log1p(-kept)
    return logit


def _sigmoid(log_odds: Floats) -> Floats:
    return np.exp(-np.logaddexp(0, -log_odds))
