"""Take a forgotten person's words out of tasks, and close those that nobody can answer any longer."""

from labelwright.contracts.erasure import ERASED, WordsErased
from services.dispatch.board import Turn
from services.dispatch.holding import end
from services.dispatch.state import Task, tasks

WHY = "the words were erased"


def words_erased(turn: Turn, erased: WordsErased) -> None:
    """Let the tasks read `[erased]`, whoever holds them; those that are not over yet are closed."""
    if erased.table != tasks.name:
        return
    for name in dict.fromkeys(erased.names):
        project, _, task_name = name.partition("/")
        task = turn.task(project, task_name)
        if task and task.question.text != ERASED:
            _erase(turn, task)


def _erase(turn: Turn, task: Task) -> None:
    subject = task.question.subject
    bare = subject and subject.model_copy(
        update={name: ERASED for name in ("prompt", "response") if getattr(subject, name)}
    )
    if task.status == "leased":
        end(turn, task, "withdrawn", WHY)
    question = task.question.model_copy(update={"text": ERASED, "subject": bare})
    turn.change(task, question=question, status="answered" if task.status == "answered" else "closed")
