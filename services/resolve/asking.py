"""The one rule of overlap, routing and stopping: ask the source of greatest expected net gain while it is positive."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from labelwright.contracts.project import MACHINES, ProjectFile, Source
from labelwright.statistics.belief import Model, expected_gain, posterior
from labelwright.stories import Case

LOOK_AHEAD = (1, 2, 3, 4)
WEAKEST = 0.5
"""A belief below this is never released as a label: nobody can settle it but a person who looks again."""

Answer = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Ask:
    """Another answer is worth its price."""

    source: Source


@dataclass(frozen=True, slots=True)
class Settle:
    """No answer is worth its price; the belief stands."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Dispute:
    """The answers don't settle it; `source` adjudicates if there is one that costs less than the risk."""

    reason: str
    source: Source | None


def belief(case: Case, labels: Sequence[str], model: Model) -> dict[str, float]:
    """Return the probability of each label given the case's votes."""
    shares = posterior(model, _answers(case, labels))
    return {label: round(float(share), 6) for label, share in zip(labels, shares, strict=True)}


def next_step(case: Case, file: ProjectFile, model: Model) -> Ask | Settle | Dispute:
    """Decide what an item needs next, by its present belief in `case.distribution`."""
    answers = _canonical(_answers(case, file.label_names), model)
    best_source, best_gain = None, 0.0
    for source, most_more in _sources(case, file):
        looks = tuple(more for more in LOOK_AHEAD if more <= most_more)
        gain = _gain(model, answers, source.kind, file.wrong_label_costs_usd, source.price_usd, looks)
        if gain > best_gain:
            best_source, best_gain = source, gain
    if best_source:
        return Ask(best_source)
    label, probability = max(case.distribution.items(), key=lambda pair: pair[1])
    risk = (1 - probability) * file.wrong_label_costs_usd
    experts = [source for source in file.sources if source.kind == "expert" and source.price_usd < risk]
    if experts and not any(vote.source_kind == "expert" for vote in case.counted):
        return Dispute(f"after {len(case.counted)} answers the risk is ${risk:.2f}", experts[0])
    if probability < WEAKEST:
        return Dispute(f"after {len(case.counted)} answers no label is likelier than not", None)
    return Settle(label, probability)


def _sources(case: Case, file: ProjectFile) -> list[tuple[Source, int]]:
    """Return who may be asked, and how often more: a machine once, people up to the project's cap of answers."""
    asked = {vote.source for vote in case.counted} | set(case.abstained)
    given = [*case.counted, *([case.clarified] if case.clarified else ())]
    left = file.max_answers - sum(vote.source_kind not in MACHINES for vote in given)
    may = [(source, (source.name not in asked) if source.kind in MACHINES else left) for source in file.sources]
    return [(source, int(more)) for source, more in may if more > 0]


def _answers(case: Case, labels: Sequence[str]) -> list[Answer]:
    index = {label: number for number, label in enumerate(labels)}
    return [(vote.annotator, vote.source_kind, index[vote.label]) for vote in case.counted if vote.label in index]


def _canonical(answers: Sequence[Answer], model: Model) -> tuple[Answer, ...]:
    """Name unseen annotators by number: all are alike to the model, and so one computed gain serves all of them."""
    unseen = sorted((kind, answer) for who, kind, answer in answers if who not in model.annotators)
    seen = sorted(answer for answer in answers if answer[0] in model.annotators)
    return (*seen, *((f"?{number}", kind, answer) for number, (kind, answer) in enumerate(unseen)))


@lru_cache(maxsize=100_000)
def _gain(  # lru_cache is twice as fast on positional arguments
    model: Model, answers: tuple[Answer, ...], kind: str, cost: float, price: float, looks: tuple[int, ...]
) -> float:
    return expected_gain(model, answers, kind, wrong_label_costs_usd=cost, price_usd=price, look_ahead=looks)
