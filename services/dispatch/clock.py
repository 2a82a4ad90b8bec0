"""The clock: leases that nobody extended end, requests that waited long enough are told so, old tasks are forgotten."""

from typing import Final

from labelwright.engine.tables import milliseconds
from services.dispatch.board import Turn
from services.dispatch.holding import give_back
from services.dispatch.state import finished, tasks

MOST_COMMANDS: Final = 1_600
"""A tick stops here, well below what one commit may hold; the next tick goes on."""


def tick_struck(turn: Turn) -> None:
    """Do what is due by the server's time, the leases first."""
    for step, due in (
        (_expire, turn.board.state.due),
        (_lapse, turn.board.state.lapsed),
        (_forget, turn.board.state.forgettable),
    ):
        for member in due:
            if turn.commands > MOST_COMMANDS:
                return
            step(turn, *member.split("/", 1))


def _expire(turn: Turn, project: str, name: str) -> None:
    task = turn.task(project, name)
    if task and task.status == "leased" and task.lease and task.lease.expires_at <= turn.board.state.now:
        give_back(turn, task, "expired", "")


def _lapse(turn: Turn, project: str, name: str) -> None:
    waiter = turn.board.waiting.get(project, {}).get(name)
    if waiter and waiter.value.request.wait_until <= turn.board.state.now:
        turn.stop_waiting(project, waiter)
        turn.answer(waiter.value.request.reply, name, 204)


def _forget(turn: Turn, project: str, name: str) -> None:
    member, now = f"{project}/{name}", milliseconds(turn.board.state.now)
    turn.guards.append(finished.due(member, now))
    turn.effects += (finished.drop(member), tasks.drop(member))
