"""Take a forgotten person's words out of cases, and ask no more about what nobody can read any longer."""

from labelwright.contracts.erasure import ERASED, WordsErased
from labelwright.contracts.work import TaskWithdrawn
from labelwright.engine.decisions import Commit, Decision, Effect, emit
from labelwright.stories import Case, cases
from services.resolve.settling import Held, keep, together, unlabeled

WHY = "the words were erased"


def erase(data: WordsErased, held: Held) -> Decision:
    """Let the cases read `[erased]`: a label that one has stands, a task that is open is withdrawn."""
    if data.table != cases.name:
        return Commit()
    named = [held[name].value for name in dict.fromkeys(data.names) if name in held]
    return together(*(_erased(case, held) for case in named if case.text != ERASED))


def _erased(case: Case, held: Held) -> Commit:
    gone: list[Effect] = [emit(TaskWithdrawn(task=case.task, reason=WHY))] if case.task else []
    subject = case.subject | {name: ERASED for name in ("prompt", "response") if name in case.subject}
    bare = case.model_copy(update={"text": ERASED, "subject": subject, "task": None, "closed": "erased"})
    return keep(unlabeled(bare, "idle") if case.status in ("asking", "disputed") else bare, held, gone)
