"""What the SDK lets out is what the gateway's contract lets in."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from labelwright.contracts.feedback import SIGNALS, Feedback
from labelwright.errors import ContractError
from labelwright.sdk import events
from labelwright.sdk.events import Event, check

texts = st.sampled_from(["", " ", "a", "wrong", "x" * 256, "x" * 257, "x" * 32_768, "x" * 32_769, 7, True, None])
subjects = st.fixed_dictionaries(
    {"type": st.sampled_from(["screen", "", "x" * 257]), "id": texts},
    optional={"prompt": texts, "response": texts, "model": texts},
)
values = st.sampled_from([-1, 0, 1, 2, 5, 6, 1.0, True, "retry", "edit", "abandon", "scroll", "1", None])
feedback = st.fixed_dictionaries(
    {
        "id": st.just("0198"),
        "kind": st.sampled_from([*events.KINDS, "rating", None]),
        "value": values,
        "subject": subjects,
        "occurred_at": st.just("2026-11-23T10:00:00Z"),
    },
    optional=dict.fromkeys(("corrected", "comment", "reason", "user", "customer", "trace_id", "release"), texts),
)


def _gateway_takes(event: dict[str, Any]) -> bool:
    try:
        Feedback.model_validate(event)
    except ValidationError:
        return False
    return True


def _sdk_sends(event: dict[str, Any]) -> bool:
    try:
        check(Event(event))
    except ContractError:
        return False
    return True


@given(feedback)
def test_the_sdk_sends_an_event_exactly_when_the_contract_takes_it(event: dict[str, Any]) -> None:
    assert _sdk_sends(event) == _gateway_takes(event)


def test_the_sdk_knows_the_contracts_signals() -> None:
    assert events.SIGNALS == SIGNALS
