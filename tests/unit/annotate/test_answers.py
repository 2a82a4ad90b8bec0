"""A machine answers where its rules agree, and gives back with a reason where they don't."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright import projects
from labelwright.contracts.envelope import Event
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import ProjectFile
from labelwright.contracts.quality import TickStruck
from labelwright.contracts.work import AnnotationSubmitted, AssignmentEnded, AssignmentLeased, ReleaseRequested
from labelwright.engine.decisions import Commit, Reject, emit
from labelwright.identity import derive
from labelwright.runtime.server import Server
from services.annotate.decide import decide
from services.annotate.state import State, load

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
FILE = ProjectFile.model_validate(
    {
        "project": "acme",
        "guideline": {"question": "What is it?", "labels": [{"name": "bug"}, {"name": "praise"}]},
        "sources": [
            {"name": "rules", "kind": "rule", "price_usd": 0},
            {"name": "people", "kind": "expert", "price_usd": 1},
        ],
        "rules": [
            {"id": "crash", "pattern": "(?i)crash", "label": "bug"},
            {"id": "broken", "pattern": "(?i)broken", "label": "bug"},
            {"id": "love", "pattern": "(?i)love", "label": "praise"},
        ],
    }
)
STATE = State({("acme", 3): FILE})


def _leased(text: str, **changes: Any) -> Event[Payload]:
    lease = AssignmentLeased(
        assignment="a1",
        task="i1.1",
        item="i1",
        annotator="machine:rules",
        source="rules",
        source_kind="rule",
        guideline_version=3,
        token="t0k",
        text=text,
        expires_at=NOW,
    )
    return Event("e1", "/dispatch", "acme", NOW, lease.model_copy(update=changes))


def _answer(label: str, note: str) -> Commit:
    return Commit(
        effects=[
            emit(
                AnnotationSubmitted(
                    request=derive("request", "acme", "a1"),
                    assignment="a1",
                    token="t0k",
                    annotator="machine:rules",
                    label=label,
                    note=note,
                )
            )
        ]
    )


def _abstention(note: str) -> Commit:
    return Commit(
        effects=[
            emit(
                ReleaseRequested(
                    request=derive("request", "acme", "a1"),
                    assignment="a1",
                    token="t0k",
                    annotator="machine:rules",
                    reason="abstain",
                    note=note,
                )
            )
        ]
    )


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("It crashed", _answer("bug", "rules: crash → bug")),
        ("Crash, all BROKEN", _answer("bug", "rules: crash → bug, broken → bug")),
        ("Love it", _answer("praise", "rules: love → praise")),
        ("I love how it crashes", _abstention("rules disagree: crash → bug, love → praise")),
        ("Hm", _abstention("no rule matches")),
    ],
)
def test_rules_answer_where_they_agree(text: str, decision: Commit) -> None:
    assert list(decide([_leased(text)], STATE)) == [decision]


@pytest.mark.parametrize("kind", ["model", "llm", "crowd"])
def test_other_machines_give_back_and_say_why(kind: str) -> None:
    assert list(decide([_leased("It crashed", source_kind=kind)], STATE)) == [
        _abstention(f"sources of kind {kind!r} are not answered yet, only 'rule'")
    ]


@pytest.mark.parametrize("elsewhere", [State({}), State({("acme", 2): FILE}), State({("beta", 3): FILE})])
def test_no_other_version_or_project_answers(elsewhere: State) -> None:
    assert list(decide([_leased("It crashed")], elsewhere)) == [
        _abstention("version 3 of the project file is not there")
    ]


@pytest.mark.parametrize("annotator", ["anna", "machine:other", "machine:"])
def test_assignments_of_others_change_nothing(annotator: str) -> None:
    assert list(decide([_leased("It crashed", annotator=annotator)], STATE)) == [Commit()]


def test_ends_change_nothing_and_strangers_are_turned_away() -> None:
    ended = AssignmentEnded(assignment="a1", task="i1.1", item="i1", annotator="machine:rules", outcome="expired")
    events = [Event("e2", "/dispatch", "acme", NOW, data) for data in (ended, TickStruck(name="expire", slot=1))]

    assert list(decide(events, STATE)) == [
        Commit(),
        Reject(
            "unexpected_type",
            "annotate reads no 'labelwright.ticks.tick_struck.v1'; it reads "
            "'labelwright.assignments.assignment_leased.v1'",
        ),
    ]


def test_a_note_never_outgrows_its_bound() -> None:
    rules = [{"id": f"r{number}-{'x' * 60}"[:64], "pattern": "a", "label": "bug"} for number in range(300)]
    file = ProjectFile.model_validate(FILE.model_dump() | {"rules": rules})

    (decision,) = decide([_leased("a")], State({("acme", 3): file}))

    assert isinstance(decision, Commit)
    (answer,) = decision.effects
    note = answer.data.note  # type: ignore[union-attr]
    assert note.endswith(" and 280 more")
    assert len(note) <= 4_000


LEASES = st.lists(
    st.builds(
        _leased,
        st.lists(st.sampled_from(["crash", "broken", "love", "hm"])).map(" ".join),
        annotator=st.sampled_from(["machine:rules", "anna"]),
        source_kind=st.sampled_from(["rule", "llm"]),
        guideline_version=st.integers(2, 3),
    ),
    max_size=6,
)


@given(LEASES)
def test_every_event_gets_one_decision_and_equal_input_equal_output(batch: Sequence[Event[Payload]]) -> None:
    untouched = deepcopy(batch)

    decisions = list(decide(batch, STATE))

    assert decisions == [decision for event in batch for decision in decide([event], STATE)]
    assert len(decisions) == len(batch)
    assert batch == untouched


@given(LEASES)
def test_no_machine_ever_keeps_a_lease_in_silence(batch: Sequence[Event[Payload]]) -> None:
    for event, decision in zip(batch, decide(batch, STATE), strict=True):
        is_ours = isinstance(event.data, AssignmentLeased) and event.data.annotator == "machine:rules"
        assert len(decision.effects) == int(is_ours)


@pytest.mark.server
@pytest.mark.anyio
async def test_the_file_of_the_lease_is_read_not_the_newest(server: Server) -> None:
    partition = server.partition("p0")
    newer = FILE.model_copy(update={"rules": []})
    puts = [
        projects.history.put(f"acme@{number}", projects.Project(number=number, file=file), 1)
        for number, file in ((3, FILE), (4, newer))
    ]
    await partition.write("gateway", [], puts, cause="apply", project="acme")
    batch = [_leased("It crashed"), _leased("It crashed", annotator="anna", guideline_version=4)]

    assert await load(batch, await partition.reads()) == STATE
