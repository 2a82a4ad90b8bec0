"""The board: what is ready, held, seen and waited for, as the earlier decisions of a batch leave it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from labelwright.contracts.envelope import Event
from labelwright.contracts.payload import Payload
from labelwright.contracts.work import RequestAnswered
from labelwright.engine.decisions import Commit, Effect, Guard, Write, emit, reply
from labelwright.engine.tables import Versioned, milliseconds
from services.dispatch.state import (
    Answer,
    Queue,
    State,
    Task,
    Waiter,
    address,
    ages,
    asked,
    bells,
    counts,
    deadlines,
    finished,
    leases,
    queue_of,
    ready,
    tasks,
    urgency,
    waiting,
)

_OVER = ("answered", "closed")
_COUNTED_AS = {"ready": "ready", "leased": "leased", "answered": "answered", "closed": "expired"}


class Board:
    """The batch's state, copied where decisions thread their effects through it."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.tasks = dict(state.tasks)
        self.asked = dict(state.asked)
        self.assignments = dict(state.assignments)
        self.withdrawn = set(state.withdrawn)
        self.gold_items = dict(state.gold_items)
        self.seen = {key: set(items) for key, items in state.seen.items()}
        self.waiting = {project: dict(waiters) for project, waiters in state.waiting.items()}
        self.bells = {project: Counter(rung) for project, rung in state.bells.items()}
        self.fresh: dict[tuple[str, Queue], list[str]] = {}
        self.taken: dict[str, set[str]] = {}

    def has_seen(self, project: str, annotator: str, sight: str) -> bool:
        """Whether the annotator was put the question, as far as the batch can bring the two together."""
        return sight in self.seen.get((project, annotator), ())

    def show(self, project: str, annotator: str, sight: str) -> None:
        """Remember that the annotator was put the question."""
        self.seen.setdefault((project, annotator), set()).add(sight)

    def oldest_waiters(self, project: str) -> list[Versioned[Waiter]]:
        """Return the project's waiting requests that are not past their deadline, oldest first."""
        waiters = self.waiting.get(project, {}).values()
        alive = [waiter for waiter in waiters if waiter.value.request.wait_until > self.state.now]
        return sorted(alive, key=lambda waiter: (waiter.value.since, waiter.value.request.request))

    def ready_for(self, project: str, annotator: str, queue: Queue) -> Iterator[Task]:
        """Yield a queue's most urgent task that the annotator may get, and any that the batch itself made ready."""
        if task := next(self._open(project, annotator, self.state.heads.get((project, annotator, queue), ())), None):
            yield task
        yield from self._open(project, annotator, self.fresh.get((project, queue), ()))

    def _open(self, project: str, annotator: str, names: Any) -> Iterator[Task]:
        taken = self.taken.get(project, ())
        for name in names:
            document = None if name in taken else self.tasks.get(address(project, name))
            if document and document.value.status == "ready":
                task = document.value
                if not self.has_seen(project, annotator, task.question.sight):
                    yield task

    def vanished(self, project: str, annotator: str, queue: Queue) -> str | None:
        """Return a task that was in the queue when that was read, and no longer ready when the task was."""
        for name in self.state.heads.get((project, annotator, queue), ()):
            document = self.state.tasks.get(address(project, name))
            if document is None or document.value.status != "ready":
                return name
        return None


class Turn:
    """One event's decision in the making: what it relies on, and what it changes.

    A task is written once a turn, guarded by its version; queues, leases and counts follow from how it stood before
    and stands after, so that ready + leased + answered + expired = opened by construction.
    """

    def __init__(self, board: Board, event: Event[Payload]) -> None:
        self.board = board
        self.event = event
        self.guards: list[Guard] = []
        self.effects: list[Effect] = []
        self._before: dict[str, Versioned[Task] | None] = {}

    @property
    def commands(self) -> int:
        """About how many commands the decision will take."""
        return len(self.guards) + len(self.effects) + 8 * len(self._before)

    def task(self, project: str, name: str | None) -> Task | None:
        """Return a task as it stands now, if dispatch knows it."""
        document = self.board.tasks.get(address(project, name)) if name else None
        return document.value if document else None

    def change(self, task: Task, **update: Any) -> Task:
        """Let the task stand as told from now on; a task that was unknown is opened."""
        key, changed = address(task.project, task.question.task), task.model_copy(update=update)
        before = self._before.setdefault(key, self.board.tasks.get(key))
        self.board.tasks[key] = Versioned(before.version + 1 if before else 1, changed)
        taken = self.board.taken.setdefault(task.project, set())
        if changed.status == "ready":
            taken.discard(task.question.task)
            self.board.fresh.setdefault((task.project, queue_of(task)), []).append(task.question.task)
        else:
            taken.add(task.question.task)
        return changed

    def tell(self, data: Payload, task: Task) -> None:
        """Emit an event of the task's story."""
        self.effects.append(emit(data, project=task.project, correlation_id=task.correlation_id))

    def answer(self, asker: str | None, request: str, status: int, body: dict[str, Any] | None = None) -> None:
        """Answer a request."""
        self.effects += reply(asker, RequestAnswered(request=request, status=status, body=body or {}))

    def refuse(self, asker: str | None, request: str, status: int, code: str, detail: str) -> None:
        """Answer a request with a problem."""
        self.effects += reply(asker, RequestAnswered(request=request, status=status, code=code, detail=detail))

    def remember(self, project: str, request: str, answer: Answer) -> None:
        """Keep a request's answer, so that it is told again if the request comes again."""
        key, now = address(project, request), self.board.state.now
        self.guards += asked.lacks(key, now)
        self.effects += asked.put(key, answer.model_dump_json(exclude_none=True), now)
        self.board.asked[key] = answer

    def rely_on(self, project: str, bell: str) -> None:
        """Hold only while this bell did not ring again."""
        self.guards.append(bells.of(project).below(bell, 0, self.board.bells.get(project, Counter())[bell]))

    def ring(self, project: str, bell: str) -> None:
        """Ring a bell, so that whoever relied on its silence decides again."""
        self.board.bells.setdefault(project, Counter())[bell] += 1
        self.effects.append(bells.of(project).add(bell))

    def stop_waiting(self, project: str, waiter: Versioned[Waiter]) -> None:
        """Take a request off the waiters."""
        request = waiter.value.request.request
        del self.board.waiting[project][request]
        self.guards.append(waiting.of(project).version_is(request, waiter.version))
        self.effects += (waiting.of(project).drop(request), deadlines.drop(address(project, request)))

    def decision(self) -> Commit:
        """Return what all this comes to."""
        total: Counter[tuple[str, str]] = Counter()
        for key, before in self._before.items():
            after = self.board.tasks[key]
            self.guards.append(tasks.version_is(key, before.version if before else 0))
            self.effects.append(tasks.put(key, after.value, after.version))
            self.effects += self._consequences(before.value if before else None, after.value)
            for state, delta in _counted(before.value if before else None, after.value):
                total[after.value.project, state] += delta
        self.effects += (counts.of(project).add(state, delta) for (project, state), delta in total.items() if delta)
        return Commit(self.guards, self.effects)

    def _consequences(self, before: Task | None, after: Task) -> Iterator[Write]:
        name, key = after.question.task, address(after.project, after.question.task)
        was, is_ = before.status if before else None, after.status
        queue, age = ready.of(after.project, *queue_of(after)), ages.of(after.project)
        if is_ == "ready" and (before is None or was != "ready" or before.question.priority != after.question.priority):
            yield queue.put(name, urgency(after))
        if is_ == "ready" and was != "ready":
            yield age.put(name, milliseconds(after.opened_at))
            bell = readiness(queue_of(after))
            self.board.bells.setdefault(after.project, Counter())[bell] += 1
            yield bells.of(after.project).add(bell)
        if was == "ready" and is_ != "ready":
            yield queue.drop(name)
            yield age.drop(name)
        if is_ == "leased" and after.lease and (before is None or was != "leased" or before.lease != after.lease):
            yield leases.put(key, milliseconds(after.lease.expires_at))
        if was == "leased" and is_ != "leased":
            yield leases.drop(key)
        if is_ in _OVER and was not in _OVER:
            yield finished.put(key, milliseconds(self.board.state.now + self.board.state.settings.remember))
        if was in _OVER and is_ not in _OVER:
            yield finished.drop(key)


WAITED = "waited"
"""The bell that rings when a request begins to wait."""


def readiness(queue: Queue) -> str:
    """Return the bell that rings when a task becomes ready in a queue."""
    return f"{queue.source}/{queue.skill}"


def _counted(before: Task | None, after: Task) -> Iterator[tuple[str, int]]:
    yield (_COUNTED_AS[before.status], -1) if before else ("opened", 1)
    yield _COUNTED_AS[after.status], 1
