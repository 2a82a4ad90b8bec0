"""An answer to gold settles nothing, and so does taking it back."""

from datetime import UTC, datetime

from labelwright.contracts.envelope import Event
from labelwright.contracts.work import AnnotationRetracted
from labelwright.engine.decisions import Commit, Reject
from services.resolve.decide import decide
from services.resolve.state import State

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
NOTHING = State(NOW, {}, {}, {}, {}, {})


def test_taking_an_answer_to_gold_back_changes_nothing() -> None:
    (decision,) = decide([_taken_back("speed")], NOTHING)

    assert decision == Commit()


def test_taking_an_answer_to_an_unknown_item_back_is_rejected() -> None:
    (decision,) = decide([_taken_back(None)], NOTHING)

    assert isinstance(decision, Reject)
    assert decision.code == "unknown_item"


def _taken_back(gold_label: str | None) -> Event[AnnotationRetracted]:
    retracted = AnnotationRetracted(annotation="a1", task="g.1", item="g", annotator="ann", gold_label=gold_label)
    return Event("e1", "/dispatch", "shop", NOW, retracted)
