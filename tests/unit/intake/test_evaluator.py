"""What a machine says is weak evidence: it is no complaint, no praise and no vote, whatever its words are."""

from datetime import UTC, datetime
from typing import Any

import pytest

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import FeedbackAccepted, FeedbackReceived, Subject
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import ProjectFile
from labelwright.engine.decisions import Commit, Emit
from services.intake.decide import decide
from services.intake.state import State
from services.triage.priority import severity

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
FILE = ProjectFile.model_validate(
    {
        "project": "acme",
        "guideline": {"question": "Is it?", "labels": [{"name": "yes"}, {"name": "no"}]},
        "sources": [{"name": "people", "kind": "expert", "price_usd": 1}],
        "signal_weight": 0.125,
    }
)


def accepted(**about: Any) -> FeedbackAccepted:
    """What intake makes of feedback in words."""
    values: dict[str, Any] = {"kind": "text", "comment": "the price is wrong", "subject": Subject(type="span", id="s1")}
    event: Event[Payload] = Event("f1", "/gateway", "acme", NOW, FeedbackReceived.model_validate(values | about))
    (decision,) = decide([event], State(NOW, {"acme": FILE}, {}))
    assert isinstance(decision, Commit)
    (found,) = [effect.data for effect in decision.effects if isinstance(effect, Emit)]
    assert isinstance(found, FeedbackAccepted)
    return found


def test_it_weighs_as_little_as_a_signal() -> None:
    said = accepted(evaluator="judge-v2")

    assert (said.weight, said.complaint, said.evaluator, severity(said)) == (0.125, None, "judge-v2", 1)


def test_a_users_same_words_are_a_complaint_of_full_weight() -> None:
    said = accepted()

    assert (said.weight, said.complaint, severity(said)) == (1.0, "factually_wrong", 2)


@pytest.mark.parametrize("value", [-1, 1])
def test_a_machines_thumb_has_no_sign(value: int) -> None:
    assert accepted(kind="thumb", value=value, evaluator="judge-v2").sign == 0
