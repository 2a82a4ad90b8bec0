"""Opening: what resolve asks for becomes a task, and a project's gold stands ready to be mixed in."""

from labelwright.contracts.project import MACHINES, ProjectApplied
from labelwright.contracts.work import TaskOpened, TaskReprioritised, TaskWithdrawn
from labelwright.engine.decisions import Reject
from services.dispatch.board import Turn
from services.dispatch.holding import end
from services.dispatch.leasing import gold_item, lease_to_machine, offer
from services.dispatch.state import MOST_GOLD, Task, address, gold, known, tasks, withdrawn


def task_opened(turn: Turn, project: str, opened: TaskOpened) -> Reject | None:
    """Make the task ready, or lease it to the machine it is meant for; a task that is known already stays as it is."""
    board, key = turn.board, address(project, opened.task)
    if project not in board.state.projects:
        reason = f"task {opened.task!r} is of project {project!r}, which has no project file; apply one first"
        return Reject("unknown_project", reason)
    if key in board.tasks:
        return None
    turn.guards += withdrawn.lacks(key, board.state.now) if key not in board.withdrawn else ()
    task = Task(
        project=project,
        question=opened,
        correlation_id=turn.event.correlation_id or turn.event.id,
        opened_at=board.state.now,
    )
    if key in board.withdrawn:
        turn.change(task, status="closed")
    elif opened.source_kind in MACHINES:
        lease_to_machine(turn, task)
    else:
        offer(turn, task)
    return None


def task_reprioritised(turn: Turn, project: str, changed: TaskReprioritised) -> None:
    """Rank the task anew; one that is leased keeps its new priority for when it comes back."""
    task = turn.task(project, changed.task)
    if task and task.status in ("ready", "leased"):
        turn.change(task, question=task.question.model_copy(update={"priority": changed.priority}))


def task_withdrawn(turn: Turn, project: str, gone: TaskWithdrawn) -> None:
    """Close the task, whoever holds it; one that is not known yet is closed when it is opened."""
    key, task = address(project, gone.task), turn.task(project, gone.task)
    if task is None:
        turn.guards.append(tasks.version_is(key, 0))
        turn.effects += withdrawn.put(key, "", turn.board.state.now)
        turn.board.withdrawn.add(key)
    elif task.status in ("ready", "leased"):
        if task.status == "leased":
            end(turn, task, "withdrawn", gone.reason)
        turn.change(task, status="closed")


def project_applied(turn: Turn, project: str, applied: ProjectApplied) -> None:
    """Let the gold that the file names be handed out, and no other; gold that was there keeps its place in line."""
    named = dict.fromkeys(gold_item(project, example.text) for example in applied.file.gold[:MOST_GOLD])
    there = turn.board.gold_items.get(project, frozenset())
    turn.effects.append(known.put(project))
    turn.effects += (gold.of(project).put(item, 0) for item in named if item not in there)
    turn.effects += (gold.of(project).drop(item) for item in sorted(there - named.keys()))
    turn.board.gold_items[project] = frozenset(named)
