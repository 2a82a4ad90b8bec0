"""One outcome an id: accepted, or a code, and nothing after it."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright import projects, stories
from labelwright.contracts.envelope import Event, decode, encode
from labelwright.contracts.feedback import FeedbackAccepted, FeedbackReceived, Subject
from labelwright.contracts.items import ItemReinforced
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import ProjectFile
from labelwright.engine.decisions import Commit, Decision, Effect, Reject, Write, emit
from labelwright.engine.tables import milliseconds
from labelwright.expiry import overdue
from labelwright.runtime.server import Server
from labelwright.stories import outcomes, story_key
from services.intake.decide import decide
from services.intake.state import State, load

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
FILE = ProjectFile.model_validate(
    {
        "project": "acme",
        "guideline": {"question": "Is it?", "labels": [{"name": "yes"}, {"name": "no"}]},
        "sources": [{"name": "people", "kind": "expert", "price_usd": 1}],
    }
)
STATE = State(NOW, {"acme": FILE}, {})
DOWN = FeedbackReceived(kind="thumb", value=-1, subject=Subject(type="llm_response", id="r1"))


def _event(name: str = "f1", data: Payload = DOWN, project: str = "acme", **more: Any) -> Event[Payload]:
    return Event(name, "/gateway", project, **{"time": NOW} | more, data=data)


def _one(event: Event[Payload], state: State = STATE) -> Decision:
    (decision,) = decide([event], state)
    return decision


def _rejected(
    code: str, reason: str, project: str = "acme", name: str = "f1", effects: Sequence[Effect] = ()
) -> Reject:
    field = story_key(project, name)
    outcome = outcomes.put(field, f"{milliseconds(NOW)}|{code}|{reason}", NOW)
    return Reject(code, reason, outcomes.lacks(field, NOW), [*outcome, *effects])


def test_valid_feedback_is_accepted_once_and_its_outcome_remembered() -> None:
    accepted = FeedbackAccepted.model_validate({**dict(DOWN), "feedback": "f1", "received_at": NOW, "redactions": {}})

    assert _one(_event()) == Commit(
        guards=outcomes.lacks("acme/f1", NOW),
        effects=[
            *outcomes.put("acme/f1", f"{milliseconds(NOW)}|accepted", NOW),
            stories.accepted.add("acme"),
            stories.complaints.of("acme").add("unsaid"),
            emit(accepted),
        ],
    )


def test_an_id_that_has_an_outcome_changes_nothing() -> None:
    assert _one(_event(), State(NOW, {"acme": FILE}, {"acme/f1": "1|schema_violation|no"})) == Commit()


def test_an_id_is_taken_once_within_a_batch_even_with_another_body() -> None:
    mended = DOWN.model_copy(update={"comment": "mended"})

    first, second = decide([_event(), _event(data=mended)], STATE)

    assert isinstance(first, Commit)
    assert first.effects
    assert second == Commit()


def test_a_rejected_id_stays_rejected_in_the_batch() -> None:
    first, second = decide([_event(time=NOW + timedelta(days=2)), _event()], STATE)

    assert isinstance(first, Reject)
    assert second == Commit()


def test_projects_never_share_an_id() -> None:
    state = State(NOW, {"acme": FILE, "beta": FILE}, {"acme/f1": "1|accepted"})

    first, second = decide([_event(), _event(project="beta")], state)

    assert first == Commit()
    assert isinstance(second, Commit)
    assert second.guards == outcomes.lacks("beta/f1", NOW)


def test_a_foreign_project_never_reaches_the_story_of_another() -> None:
    assert story_key("acme/x", "y") != story_key("acme", "x/y")
    assert story_key("acme%2Fx", "y") != story_key("acme/x", "y")


def test_an_unknown_project_is_named() -> None:
    reason = "there is no project 'nobody'; apply its project file, then publish under a new id"

    assert _one(_event(project="nobody")) == _rejected("unknown_project", reason, "nobody")


def test_what_expired_on_its_way_is_turned_away() -> None:
    reason = "the event expired at 2026-05-04T12:00:00+00:00, before intake saw it; give it longer"

    counted = [overdue.of("acme").add("before_intake/7d")]

    old = _event(expires_at=NOW, time=NOW - timedelta(days=2))

    assert _one(old) == _rejected("expired", reason, effects=counted)
    assert isinstance(_one(_event(expires_at=NOW + timedelta(seconds=1))), Commit)


def test_expiry_survives_the_wire() -> None:
    event = _event(expires_at=NOW)

    assert decode(encode(event)).expires_at == NOW
    assert decode(encode(_event())).expires_at is None


@pytest.mark.parametrize("naive", [False, True])
def test_a_clock_over_a_day_ahead_is_turned_away(naive: bool) -> None:
    late = NOW + timedelta(days=1, seconds=1)
    ahead = DOWN.model_copy(update={"occurred_at": late.replace(tzinfo=None) if naive else late})
    reason = "the event says it is from 2026-05-05T12:00:01+00:00, over a day ahead; set the publisher's clock"

    assert _one(_event(data=ahead)) == _rejected("from_the_future", reason)
    assert _one(_event(time=late)) == _rejected("from_the_future", reason)
    assert isinstance(_one(_event(time=late - timedelta(seconds=1))), Commit)


def test_the_ends_of_the_calendar_break_nothing() -> None:
    zone = timezone(timedelta(hours=14))

    assert isinstance(_one(_event(time=datetime.min.replace(tzinfo=zone))), Commit)
    assert isinstance(_one(_event(time=datetime.max.replace(tzinfo=zone))), Reject)


@pytest.mark.parametrize("nothing", ["\u200b", " \ufeff\u2060 ", "\u3000\u200d"])
def test_a_text_of_nothing_visible_is_turned_away(nothing: str) -> None:
    said = FeedbackReceived(kind="text", subject=DOWN.subject, comment=nothing + ".").model_copy(
        update={"comment": nothing}
    )
    reason = "after normalisation and redaction: /: Value error, feedback of kind 'text' needs a 'comment'"

    assert _one(_event(data=said)) == _rejected("schema_violation", reason)


def test_a_text_that_normalisation_makes_too_long_is_turned_away() -> None:
    decision = _one(_event(data=DOWN.model_copy(update={"comment": "\ufdfa" * 32_000})))

    assert isinstance(decision, Reject)
    assert decision.code == "schema_violation"


def test_a_stranger_on_the_stream_is_turned_away_without_taking_the_id() -> None:
    stranger = ItemReinforced(item="i", feedback="f1", events=2, users=1, priority=1.0)

    first, second = decide([_event(data=stranger), _event()], STATE)

    assert first == Reject(
        "unexpected_type",
        "intake reads no 'labelwright.items.item_reinforced.v1'; publish 'labelwright.feedback.feedback_received.v2'",
    )
    assert isinstance(second, Commit)
    assert second.effects


FEEDBACK = st.one_of(
    st.builds(
        FeedbackReceived,
        kind=st.just("thumb"),
        value=st.sampled_from([-1, 1]),
        subject=st.just(DOWN.subject),
        comment=st.none() | st.text(max_size=40),
        user=st.none() | st.text(min_size=1, max_size=10),
        occurred_at=st.none() | st.datetimes(),
        meta=st.dictionaries(st.text(max_size=3), st.text(max_size=20), max_size=2),
    ),
    st.just(ItemReinforced(item="i", feedback="f", events=2, users=1, priority=1.0)),
)
EVENTS = st.lists(
    st.builds(
        _event,
        st.sampled_from(["f1", "f2", "f3"]),
        FEEDBACK,
        st.sampled_from(["acme", "nobody"]),
        time=st.datetimes(timezones=st.just(UTC)),
        expires_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    ),
    max_size=8,
)


@given(EVENTS)
def test_every_event_gets_one_decision_and_equal_input_equal_output(batch: Sequence[Event[Payload]]) -> None:
    untouched = deepcopy(batch)

    decisions = list(decide(batch, STATE))

    assert len(decisions) == len(batch)
    assert decisions == list(decide(batch, STATE))
    assert batch == untouched


@given(EVENTS)
def test_every_outcome_makes_the_guard_of_its_id_fail(batch: Sequence[Event[Payload]]) -> None:
    for decision in decide(batch, STATE):
        written = {(effect.key, effect.args[0]) for effect in outcomes_written(decision)}
        assert written <= {(guard.key, guard.args[0]) for guard in decision.guards}
        assert bool(written) == any(guard.key.name.startswith(outcomes.name) for guard in decision.guards)


def outcomes_written(decision: Decision) -> list[Any]:
    puts = [effect for effect in decision.effects if isinstance(effect, Write) and effect.command == "HSET"]
    return [effect for effect in puts if effect.key.name.startswith(outcomes.name)]


@pytest.mark.server
@pytest.mark.anyio
async def test_two_consumers_never_accept_an_id_twice(server: Server) -> None:
    partition = server.partition("p0")
    applied = projects.current.put("acme", projects.Project(number=1, file=FILE), 1)
    await partition.write("gateway", [], [applied], cause="apply", project="acme")
    batch = [_event(name, time=await partition.now()) for name in ("f1", "f2")]
    states = [await load(batch, await partition.reads()) for _ in range(2)]

    committed = [
        [
            await partition.write("intake", one.guards, one.effects, cause=event.id, project="acme")
            for event, one in zip(batch, decide(batch, state), strict=True)
        ]
        for state in states
    ]

    assert committed == [[True, True], [False, False]]
    assert list(decide(batch, await load(batch, await partition.reads()))) == [Commit(), Commit()]
