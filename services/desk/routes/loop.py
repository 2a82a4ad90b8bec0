"""The loop: the next task, an answer, a skip, an undo; each a form that needs no script."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import RedirectResponse, Response

from labelwright.contracts.work import RequestAnswered
from services.desk import pages, problems
from services.desk.hand import MOST_BACK, Answered, Hand, Turn
from services.desk.keys import SKIP_REASONS, key_table
from services.desk.labeling import Answer, Held, Labeler, Skip, Task
from services.desk.problems import ON, SAVED, Problem
from services.desk.routes.visitor import HAND, HAND_PATH, AtWork, OurForm, form, set_cookie

router = APIRouter(prefix=HAND_PATH)
NOT_LONG: Final = timedelta(0)
MOST_AHEAD: Final = 1
NOT_TAKEN: Final = f"This answer wasn't taken. {SAVED}"
_LOST: Final = {
    "lease_over": "This task isn't yours any more: it went back to the queue, or nobody needs it now.",
    "already_answered": "You answered this task before, otherwise, maybe in another window; that answer stands.",
    "unknown_assignment": "This task isn't there any more.",
    "wrong_token": "This task is somebody else's; did you sign in under another name?",
    "not_answered": "That answer was taken back before.",
    "unknown_label": "The guideline has changed and hasn't this label any more.",
}

InHand = Annotated[int, Header(alias="Desk-In-Hand", ge=0, le=2 * MOST_BACK)]
"""How many tasks the page holds beside the one that its request is about; what it is sent comes after those."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What one request of the loop works with: who, their hand, and how many tasks their page holds already."""

    request: Request
    labeler: Labeler
    hand: Hand
    place: int


async def desk(request: Request, at_work: AtWork, in_hand: InHand = 0) -> Desk:
    """Return what a request of the loop works with."""
    return Desk(request, at_work, Hand.read(request.cookies.get(HAND)), in_hand)


AtDesk = Annotated[Desk, Depends(desk)]


@router.get("")
async def show_next(desk: AtDesk, wait_s: Annotated[float, Query(ge=0, le=25)] = 0) -> Response:
    """Show the task in hand, or lease the next one; the page's script may wait for one to come up."""
    wait = timedelta(seconds=wait_s) if pages.wants_piece(desk.request) else NOT_LONG
    return await _next(desk, desk.hand, wait)


@router.post("/answer")
async def answer(given: Annotated[Answer, Depends(form(Answer))], desk: AtDesk) -> Response:
    """Submit an answer and go on."""
    told = await desk.labeler.answer(given)
    if told.status >= 400:
        return _lost(desk, given, told)
    return await _go_on(desk, desk.hand.answered(given.turn, Answered(given.assignment, given.token, given.label)))


@router.post("/skip")
async def skip(given: Annotated[Skip, Depends(form(Skip))], desk: AtDesk) -> Response:
    """Give the task back and go on."""
    told = await desk.labeler.skip(given)
    if told.status >= 400:
        return _lost(desk, given, told)
    return await _go_on(desk, desk.hand.without(given.turn))


@router.post("/undo")
async def undo(_form: OurForm, desk: AtDesk) -> Response:
    """Take the last answer back: its task is in hand again, before all others."""
    if not desk.hand.trail:
        problem = Problem(409, "There is no answer that can be taken back.", way_on=ON)
        return problems.page(desk.request, problem)
    last = desk.hand.trail[-1]
    told = await desk.labeler.retract(last)
    if told.status >= 400:
        happened = f"Your answer {last.label!r} can't be taken back any more, so it stands."
        return _with(desk, desk.hand.settled(), problems.page(desk.request, Problem(told.status, happened, way_on=ON)))
    return await _go_on(Desk(desk.request, desk.labeler, desk.hand, 0), desk.hand.taken_back())


@router.post("/heartbeat")
async def heartbeat(held: Annotated[Held, Depends(form(Held))], desk: AtDesk) -> Response:
    """Keep the task while its page is open."""
    told = await desk.labeler.confirm(held)
    return _lost(desk, held, told, saved=SAVED) if told.status >= 400 else Response(status_code=204)


async def _go_on(desk: Desk, hand: Hand) -> Response:
    if pages.wants_piece(desk.request):
        return await _next(desk, hand, NOT_LONG)
    return _with(desk, hand, RedirectResponse(HAND_PATH, 303))


async def _next(desk: Desk, hand: Hand, wait: timedelta) -> Response:
    """Answer with the task after those that the page holds. A page that holds some is told when there are no more."""
    hand, task = await _lease(desk, hand, wait) if desk.place <= MOST_AHEAD else (hand, None)
    tally = await desk.labeler.tally()
    heartbeat_s = desk.request.app.state.settings.heartbeat_s
    counts = {"done": hand.done, "undoable": len(hand.trail), "ready": tally.ready}
    if task is None and (desk.place or wait):
        response = Response(status_code=204)
    elif task is None:
        response = pages.answer(
            desk.request, "nothing", tally=tally, keys=key_table(()), counts=counts, heartbeat_s=heartbeat_s
        )
    else:
        response = await _task_page(desk, hand, task, counts=counts, heartbeat_s=heartbeat_s)
    response.headers["Desk-Counts"] = " ".join(f"{name}={count}" for name, count in counts.items())
    return _with(desk, hand, response)


async def _lease(desk: Desk, hand: Hand, wait: timedelta) -> tuple[Hand, Task | None]:
    """Return the task at a place of the hand, where a new one is leased if none is; turns that are over fall out.

    The task that is shown is confirmed at once: its holder may have no script to do so. One that is held ahead isn't:
    if it is never shown, it counts as never seen.
    """
    for _ in range(2 * MOST_BACK):
        if len(hand.turns) <= desk.place:
            hand = hand.drawn()
        turn = _turn(desk, hand)
        told = await desk.labeler.take(turn, wait)
        if told.status == 204:
            return hand, None
        if told.status == 200:
            task = Task.model_validate(told.body)
            if desk.place or (await desk.labeler.confirm(task)).status == 200:
                return hand, task
        elif told.code not in _LOST:
            raise Problem(told.status, f"No task can be leased: {told.detail}.")
        hand = hand.without(turn.name)
    raise Problem(503, "Tasks come and go too fast just now.")


async def _task_page(desk: Desk, hand: Hand, task: Task, **about: Any) -> Response:
    file = await desk.labeler.guideline(task.guideline_version)
    guideline = task.guideline(file)
    return pages.answer(
        desk.request,
        "task",
        task=task,
        turn=_turn(desk, hand),
        file=file,
        guideline=guideline,
        keys=key_table([label.name for label in guideline.labels]),
        reasons=SKIP_REASONS,
        **about,
    )


def _turn(desk: Desk, hand: Hand) -> Turn:
    """Return the turn that comes after what the page holds, or the last one where it holds more than the hand."""
    return hand.turns[min(desk.place, len(hand.turns) - 1)]


def _lost(desk: Desk, held: Held, told: RequestAnswered, saved: str = NOT_TAKEN) -> Response:
    """Tell that nothing more can be done with a task, and let it go."""
    happened = _LOST.get(told.code, f"This can't be done: {told.detail}.")
    hand = desk.hand if told.code == "unknown_label" else desk.hand.without(held.turn)
    return _with(desk, hand, problems.page(desk.request, Problem(told.status, happened, saved=saved, way_on=ON)))


def _with(desk: Desk, hand: Hand, response: Response) -> Response:
    if hand != desk.hand:
        set_cookie(desk.request, response, HAND, hand.cookie, path=HAND_PATH)
    return response
