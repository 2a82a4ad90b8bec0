"""A score is a vote where a person gave it and we know which way it points; what a machine says never is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.adapters.scores import Score, constant, feedback_of
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.errors import ContractError

MEANINGS: dict[str, Any] = {"CSAT": "stars", "toxicity": "machine", "remark": "text", "resolved": "thumb"}


def score(**about: Any) -> Score:
    """A score of a trace by a person, unless it says otherwise."""
    values = {
        "via": "langfuse",
        "identity": ("s1",),
        "name": "user-feedback",
        "subject": {"type": "trace", "id": "t1"},
        "annotator_kind": "HUMAN",
    }
    return Score(**{**values, **about})


def feedback(**about: Any) -> FeedbackReceived:
    """What a score becomes."""
    return FeedbackReceived.model_validate(feedback_of(score(**about), MEANINGS))


@pytest.mark.parametrize(
    ("about", "kind", "value"),
    [
        ({"value": 1.0}, "thumb", 1),
        ({"value": 0.0}, "thumb", -1),
        ({"value": -1.0}, "thumb", -1),
        ({"name": "User Feedback", "value": 0.0}, "thumb", -1),
        ({"name": "user_feedback", "value": 0.0, "annotator_kind": ""}, "thumb", -1),
        ({"label": "thumbs_down"}, "thumb", -1),
        ({"label": "👍"}, "thumb", 1),
        ({"label": "so so"}, "text", None),
        ({"name": "resolved", "value": 1.0}, "thumb", 1),
        ({"name": "correctness", "label": "Incorrect"}, "thumb", -1),
        ({"name": "hallucination", "value": 1.0}, "text", None),
        ({"name": "csat", "value": 2.0}, "stars", 2),
        ({"name": "remark", "label": "bad"}, "text", None),
        ({"name": "output", "corrected": "it is 14"}, "correction", None),
        ({"name": "output", "corrected": "it is 14", "annotator_kind": ""}, "correction", None),
    ],
)
def test_what_a_person_says_is_a_vote_where_its_way_is_known(about: dict[str, Any], kind: str, value: Any) -> None:
    said = feedback(**about)

    assert (said.kind, said.value, said.evaluator) == (kind, value, None)


@pytest.mark.parametrize(
    "about",
    [
        {"value": 1.0, "annotator_kind": "LLM"},
        {"value": 1.0, "annotator_kind": "CODE"},
        {"value": 1.0, "annotator_kind": "ensemble"},
        {"label": "bad", "annotator_kind": "LLM"},
        {"name": "csat", "value": 9.0, "annotator_kind": "LLM"},
        {"corrected": "it is 14", "annotator_kind": "LLM"},
        {"name": "toxicity", "value": 0.9},
        {"name": "hallucination", "value": 1.0, "annotator_kind": ""},
    ],
)
def test_what_a_machine_says_is_words_of_an_evaluator(about: dict[str, Any]) -> None:
    said = feedback(**about)

    assert (said.kind, said.value, said.sign) == ("text", None, 0)
    assert said.evaluator == about.get("name", "user-feedback")


@pytest.mark.parametrize("value", [0.0, 6.0, 2.5, None])
def test_stars_that_are_none_are_refused_by_name(value: float | None) -> None:
    with pytest.raises(ContractError, match="'csat' is stars in the project file"):
        feedback_of(score(name="csat", value=value, label="Meh"), MEANINGS)


def test_words_tell_label_and_explanation_and_a_number_only_where_there_is_nothing_else() -> None:
    shown = [
        feedback(name="tone", value=0.25, annotator_kind="LLM", **more).comment
        for more in ({}, {"explanation": "Rude."}, {"explanation": "Rude.", "label": "cold"})
    ]

    assert shown == ["tone: 0.25", "Rude.", "tone: cold\n\nRude."]


def test_a_label_that_is_no_judgement_is_the_reason() -> None:
    said = [feedback(value=0.0, label=label).reason for label in ("too long", "thumbs-down")]

    assert said == ["too long", None]


def test_one_annotator_is_one_user_and_users_are_who_they_are() -> None:
    judged = [
        feedback(identity=(n,), annotator_kind="LLM", identifier="judge", explanation="x", label="y").user
        for n in ("a", "b")
    ]
    rated = [feedback(identity=(n,), value=1.0, identifier="rater-7").user for n in ("a", "b")]
    unknown = [feedback(identity=(n,), value=1.0).user for n in ("a", "b")]

    assert judged[0] == judged[1]
    assert rated[0] == rated[1]
    assert unknown[0] != unknown[1]
    assert feedback(value=1.0, user="u_1").user == "u_1"
    assert [feedback(value=1.0, **more).customer for more in ({}, {"user": "u_1"}, {"customer": "acme"})] == [
        "langfuse",
        None,
        "acme",
    ]


TEXTS = st.text(max_size=8)
SCORES = st.builds(
    Score,
    via=st.just("openinference"),
    identity=st.tuples(TEXTS),
    name=st.sampled_from(["user-feedback", "csat", "toxicity", "x"]),
    subject=st.just({"type": "span", "id": "s1"}),
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, 1.0, 3.0]),
    label=TEXTS | st.sampled_from(["bad", "good"]),
    explanation=st.text(min_size=1, max_size=8).filter(str.strip),
    corrected=TEXTS,
    annotator_kind=st.sampled_from(["", "HUMAN", "LLM", "human"]),
    identifier=TEXTS,
    user=TEXTS,
)


@given(SCORES)
def test_every_score_becomes_feedback_or_is_refused_the_same_way_each_time(given_score: Score) -> None:
    try:
        event = feedback_of(given_score, MEANINGS)
    except ContractError:
        return

    assert feedback_of(given_score, MEANINGS) == event
    said = FeedbackReceived.model_validate(event)
    assert not (said.evaluator and said.sign)
    assert bool(said.evaluator) <= (given_score.annotator_kind.casefold() != "human" or given_score.name == "toxicity")


@given(TEXTS)
def test_a_name_is_brought_to_one_form(name: str) -> None:
    assert constant(constant(name)) == constant(name)
