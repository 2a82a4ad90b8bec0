"""Clarify: what has to be known of a case before anybody is asked for its label, and who is asked what it means."""

from typing import Final

from labelwright.contracts.feedback import COMPLAINTS
from labelwright.contracts.labels import Vote
from labelwright.contracts.project import MACHINES, ProjectFile, Source
from labelwright.contracts.work import AnnotationRecorded, sight_of
from labelwright.stories import Case

ENOUGH: Final = 1.0
"""Evidence that is worth asking about: as much as one user's word."""


def is_hearsay(case: Case, file: ProjectFile) -> bool:
    """Whether implicit signals alone speak of the item, and too few: nobody is asked about it, for now."""
    return case.kind == "signal" and not case.votes and case.feedback_events * file.signal_weight < ENOUGH


def whom_to_ask(case: Case, file: ProjectFile) -> Source | None:
    """Return the source to ask what the complaint means; None where it is known, or where nobody is to be asked.

    A person's answer counts towards the most that an item may get, so it isn't asked for where it were the only one.
    """
    source = file.source(file.ask_complaint_of) if file.ask_complaint_of and case.is_unclear else None
    if source and source.kind not in MACHINES and file.max_answers <= len(case.counted) + 1:
        return None
    return source


def asks_complaint(case: Case) -> bool:
    """Whether the open task asks what the complaint means."""
    return bool(case.task and case.task.startswith(f"{sight_of(case.item, 'complaint')}."))


def clarified(case: Case, data: AnnotationRecorded) -> Case:
    """Return the case with what an answer says of its complaint; a later answer that was heard of first stands.

    The answer is paid for, and is no annotation of the label. Raises ValueError unless it is one of the complaints.
    """
    if data.label not in COMPLAINTS:
        raise ValueError(f"{data.label!r} is no complaint; the complaints are {', '.join(COMPLAINTS)}")
    if case.clarified and case.clarified.annotation == data.annotation:
        return case
    paid = case.model_copy(update={"cost_usd": round(case.cost_usd + data.price_usd, 6)})
    is_overtaken = case.clarified is not None and case.clarified.answered_at > data.answered_at
    if is_overtaken or data.annotation in case.taken_back:
        return paid
    answer = Vote(
        annotation=data.annotation,
        annotator=data.annotator,
        source=data.source,
        source_kind=data.source_kind,
        label=data.label,
        price_usd=data.price_usd,
        answered_at=data.answered_at,
    )
    said = {"complaint": data.label, "clarified": answer, "is_unclear": False}
    return paid.model_copy(update={**said, "task": None if case.task == data.task else case.task})


def left_unclear(case: Case, task: str) -> Case:
    """Return the case after a machine could not say what its complaint means: nobody else is asked."""
    return case.model_copy(update={"is_unclear": False, "task": None if case.task == task else case.task})


def taken_back(case: Case, annotation: str) -> Case:
    """Return the case without that answer; its annotator holds the task again and will say."""
    if case.clarified is None or case.clarified.annotation != annotation:
        return case.model_copy(update={"taken_back": [*case.taken_back, annotation]})
    return case.model_copy(update={"complaint": None, "clarified": None})
