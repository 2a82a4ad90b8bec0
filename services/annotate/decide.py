"""Answer as the machines that a project names: a rule says its label where exactly one label's patterns match."""

from collections.abc import Iterator, Sequence

from labelwright.contracts.envelope import Event
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import MachineRule, ProjectFile
from labelwright.contracts.work import AnnotationSubmitted, AssignmentEnded, AssignmentLeased, ReleaseRequested
from labelwright.engine.decisions import Commit, Decision, Reject, emit
from labelwright.identity import derive
from labelwright.rules import compile_rules
from services.annotate.state import State, machine

MOST_NAMED = 20
"""Rules that a note names: a rule's id has at most 64 characters and a note 4,000."""


def decide(batch: Sequence[Event[Payload]], state: State) -> Iterator[Decision]:
    """Yield one decision for each event, in order.

    Every assignment of a machine is answered or given back with the reason in `note`, never left to expire. The request
    id derives from the assignment, so that dispatch takes one answer however often it is sent; whether the lease still
    stands is dispatch's to say. Assignments of people, and ends of assignments, change nothing here.
    """
    for event in batch:
        match event.data:
            case AssignmentLeased() as lease if lease.annotator == machine(lease.source):
                file = state.files.get((event.project, lease.guideline_version))
                yield Commit(effects=[emit(_answer(event.project, lease, file))])
            case AssignmentLeased() | AssignmentEnded():
                yield Commit()
            case other:
                yield Reject("unexpected_type", f"annotate reads no {other.type!r}; it reads {AssignmentLeased.type!r}")


def _answer(project: str, lease: AssignmentLeased, file: ProjectFile | None) -> AnnotationSubmitted | ReleaseRequested:
    if lease.asks != "label":
        return _abstention(project, lease, f"machines answer for the label, not for the {lease.asks}")
    if lease.source_kind != "rule":
        return _abstention(project, lease, f"sources of kind {lease.source_kind!r} are not answered yet, only 'rule'")
    if file is None:
        return _abstention(project, lease, f"version {lease.guideline_version} of the project file is not there")
    matching = compile_rules(file).matching(lease.text)
    labels = {rule.label for rule in matching}
    if len(labels) != 1:
        why = f"rules disagree: {_named(matching)}" if labels else "no rule matches"
        return _abstention(project, lease, why)
    return AnnotationSubmitted(
        request=derive("request", project, lease.assignment),
        assignment=lease.assignment,
        token=lease.token,
        annotator=lease.annotator,
        label=matching[0].label,
        note=f"rules: {_named(matching)}",
    )


def _abstention(project: str, lease: AssignmentLeased, why: str) -> ReleaseRequested:
    return ReleaseRequested(
        request=derive("request", project, lease.assignment),
        assignment=lease.assignment,
        token=lease.token,
        annotator=lease.annotator,
        reason="abstain",
        note=why,
    )


def _named(rules: Sequence[MachineRule]) -> str:
    more = f" and {len(rules) - MOST_NAMED} more" if len(rules) > MOST_NAMED else ""
    return ", ".join(f"{rule.id} → {rule.label}" for rule in rules[:MOST_NAMED]) + more
