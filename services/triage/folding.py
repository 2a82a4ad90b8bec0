"""Folding: which item a piece of feedback is counted in, and what that makes of the item."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from labelwright.contracts.feedback import FeedbackAccepted
from labelwright.contracts.items import ItemClosed, ItemOpened, ItemReinforced, ItemReopened, MergeProposed
from labelwright.duplicates import Verdict, compare
from labelwright.engine.tables import milliseconds
from labelwright.identity import derive
from labelwright.stories import Proposal, Standing, placements, proposed, story_key
from services.triage.board import BEYOND, Board, Turn, entry_of, severities_of, voices_of, weight_of
from services.triage.priority import adds, has_stepped, novelty, severity, voice
from services.triage.state import Address, Joined, Placement, Statement, Wording, expiries, is_stale, sharing, suitors
from services.triage.wording import (
    Likeness,
    aside_of,
    fingerprint_of,
    is_in_words,
    likeness_of,
    statement_of,
    text_of,
)

MOST_STATEMENTS: Final = 50
"""Wordings that an item tells apart; what is near to it beyond them is counted with the first."""

MOST_PROPOSALS: Final = 3
"""Items that a new one may be proposed to be merged with."""

A_HAIR: Final = 0.02
"""Scores that differ by less are as good as equal."""


class Near(NamedTuple):
    """An item that new words may be merged with: where it is now, the wording that was compared, and the verdict."""

    item: Address
    wording: Wording
    verdict: Verdict


def feedback_accepted(turn: Turn, project: str, feedback: FeedbackAccepted) -> None:
    """Count feedback in the item that it belongs to, and no longer where the vote that it changes was counted.

    Feedback that was counted already does nothing. What a later vote came before isn't counted; what it changed isn't
    either.
    """
    there = _where(turn, story_key(project, feedback.feedback)) or _late(turn, project, feedback)
    if there and there.how != "superseded":
        return
    if feedback.supersedes:
        _take_off(turn, project, feedback, feedback.supersedes)
    if there is None:
        item, statement, how = _count(turn, Address(project, fingerprint_of(project, feedback)), feedback)
        there = _place(turn, project, feedback.feedback, item.name, how, statement)
    if feedback.supersedes and (old := story_key(project, feedback.supersedes)) not in turn.board.placed:
        _rely_on_no_place(turn, old)
        _place(turn, project, feedback.supersedes, there.item, "superseded")
    for address in turn.before:
        told_of = feedback.feedback if address.name == there.item else feedback.supersedes
        _tell(turn, address, told_of or feedback.feedback)


def _late(turn: Turn, project: str, feedback: FeedbackAccepted) -> Placement | None:
    """Rely on it that the feedback has no place; give it one where a later vote of its user came before."""
    _rely_on_no_place(turn, story_key(project, feedback.feedback))
    if not feedback.superseded_by:
        return None
    later = _where(turn, story_key(project, feedback.superseded_by))
    return _place(turn, project, feedback.feedback, later.item if later else "-", "superseded")


def _count(turn: Turn, address: Address, feedback: FeedbackAccepted) -> tuple[Address, str, str]:
    """Count feedback in an item: its statement's, the nearest, or a new one. Returns item, statement and how."""
    board, known = turn.board, turn.board.statements.get(address)
    if known and (item := board.live(Address(address.project, known.value.item))):
        turn.rely_on(address)
        _reinforce(turn, item, address.name, feedback)
        if item.name == known.value.item:
            _list_anew(turn, item, feedback)
        return item, address.name, "reinforced"
    likeness = likeness_of(address.project, feedback)
    near = _compared(board, address, likeness)
    if nearest := _nearest(near):
        statement = _join(turn, address, nearest, feedback)
        _reinforce(turn, nearest.item, statement, feedback)
        _list_anew(turn, nearest.item, feedback)
        return nearest.item, statement, "joined"
    return _open(turn, address, feedback, likeness, near), address.name, "opened"


def _compared(board: Board, address: Address, likeness: Likeness) -> list[Near]:
    """Compare a new statement with what shares its cells; return what it isn't apart from, the likeliest first."""
    found: dict[Address, Near] = {}
    for name in sharing(likeness.cells, board.cells):
        holder = Address(address.project, name)
        item, wording = board.live(holder), board.wordings.get(holder)
        if item is None or wording is None or not wording.value.is_compared or address.name in wording.value.never:
            continue
        verdict = compare(likeness.statement, statement_of(wording.value.text))
        nearer = item not in found or verdict.score < found[item].verdict.score
        if verdict.outcome != "apart" and nearer:
            found[item] = Near(item, wording.value, verdict)
    return sorted(found.values(), key=lambda near: near.verdict.score)


def _nearest(near: Sequence[Near]) -> Near | None:
    """Return what is to be merged with, if that is sure: not where two that a person parted are equally near."""
    sure = [one for one in near if one.verdict.outcome == "merged"]
    best = sure[0] if sure else None
    if best and any(one.verdict.score - best.verdict.score < A_HAIR and _are_parted(one, best) for one in sure):
        return None
    return best


def _are_parted(one: Near, other: Near) -> bool:
    return any(
        name in wording.never
        for name, wording in (
            (one.item.name, other.wording),
            (one.wording.fingerprint, other.wording),
            (other.item.name, one.wording),
            (other.wording.fingerprint, one.wording),
        )
    )


def _open(
    turn: Turn, address: Address, feedback: FeedbackAccepted, likeness: Likeness, near: Sequence[Near]
) -> Address:
    """Open an item for a new statement, and propose to merge it with what it may mean the same as."""
    board, project = turn.board, address.project
    item = Address(project, derive("item", project, feedback.feedback, address.name))
    opener = entry_of(address.name, voice(feedback, feedback.feedback))
    likely = [one for one in near if turn.item(one.item).status == "open"][:MOST_PROPOSALS]
    proposals = [Proposal(other=n.item.name, score=n.verdict.score, reason=n.verdict.reason) for n in likely]
    standing = Standing(
        project=project,
        item=item.name,
        statements=[address.name],
        factors={"novelty": novelty(is_in_words=is_in_words(feedback)), "crowd": turn.crowd(project, feedback)},
        opened_at=feedback.received_at,
        last_at=board.now,
        expires_at=board.now + board.life(project),
        proposals=proposals,
        opener=opener,
        listed_at=board.now if likeness.cells else None,
    )
    weight = weight_of(standing, {opener: 1}, severity(feedback), board)
    standing = turn.put(item, standing.model_copy(update=weight), {opener: 1})
    turn.put_statement(address, Statement(item=item.name))
    wording = wording_of(address, feedback)
    if likeness.cells:
        turn.put_wording(item, wording)
        turn.list_item(item, likeness.cells)
    turn.effects.append(expiries.put(item.field, milliseconds(standing.expires_at)))
    turn.tell(opened_as(standing, wording))
    for one in proposals:
        turn.effects.append(proposed.of(project).put(f"{item.name}|{one.other}", one.score))
        turn.effects.append(suitors.of(project, one.other).put(item.name))
        turn.tell(MergeProposed(item=item.name, other=one.other, score=one.score, reason=one.reason))
    return item


def opened_as(standing: Standing, wording: Wording) -> ItemOpened:
    """Return the event that tells of an item that was opened for these words."""
    return ItemOpened(
        item=standing.item,
        feedback=wording.feedback,
        fingerprint=standing.statements[0],
        kind=wording.kind,
        sign=wording.sign,
        text=wording.text,
        subject=wording.subject,
        priority=standing.priority,
        factors=standing.factors,
        complaint=wording.complaint,
        received_at=wording.received_at,
    )


def wording_of(address: Address, feedback: FeedbackAccepted) -> Wording:
    """Return what is kept of feedback that said something first."""
    return Wording(
        text=text_of(feedback),
        feedback=feedback.feedback,
        fingerprint=address.name,
        kind=feedback.kind,
        sign=feedback.sign,
        complaint=feedback.complaint,
        subject=feedback.subject,
        aside=aside_of(feedback),
        received_at=feedback.received_at,
    )


def _join(turn: Turn, address: Address, nearest: Near, feedback: FeedbackAccepted) -> str:
    """Make a new statement part of the nearest item; return the statement that its feedback is counted as."""
    standing, verdict = turn.item(nearest.item), nearest.verdict
    if len(standing.statements) >= MOST_STATEMENTS:
        return standing.statements[0]
    joined = Joined(item=nearest.item.name, score=verdict.score, reason=verdict.reason)
    turn.put_statement(address, Statement(item=nearest.item.name, joined=joined))
    turn.put_wording(address, wording_of(address, feedback))
    severities = {**severities_of(standing), address.name: severity(feedback)}
    turn.change(nearest.item, statements=[*standing.statements, address.name], severities=severities)
    return address.name


def _reinforce(turn: Turn, item: Address, statement: str, feedback: FeedbackAccepted) -> None:
    """Count one more; what had expired, or lost all its feedback, is open again."""
    board, standing, tally = turn.board, turn.item(item), turn.board.items[item].tally
    entry = entry_of(statement, voice(feedback, feedback.feedback))
    if entry not in tally:
        entry = entry_of(statement, _told_apart(tally, voice(feedback, feedback.feedback)))
    update: dict[str, Any] = {
        "events": standing.events + 1,
        "last_at": board.now,
        "expires_at": board.now + board.life(item.project),
    }
    counted = {**tally, entry: tally.get(entry, 0) + 1}
    if standing.severities and severity(feedback) > standing.severities.get(statement, 0):
        update["severities"] = {**standing.severities, statement: severity(feedback)}
    graver = max(standing.factors.get("severity", 1.0), float(severity(feedback)))
    if entry not in tally or graver > standing.factors.get("severity", 1.0):
        update |= weight_of(standing, counted, graver, board)
    if standing.status in ("expired", "superseded"):
        update |= {"status": "muted" if standing.muted else "open", "closed_at": None, "closed_because": None}
        turn.effects.append(expiries.put(item.field, milliseconds(update["expires_at"])))
    turn.put(item, standing.model_copy(update=update), counted)


def _told_apart(tally: Mapping[str, int], heard: str) -> str:
    """Return the voice, unless the item knows it not and has enough of them."""
    voices = voices_of(tally)
    return heard if heard in voices or adds(voices, heard) else BEYOND


def _list_anew(turn: Turn, item: Address, feedback: FeedbackAccepted) -> None:
    """Put an item's cells again before they are forgotten, where this feedback has some."""
    if is_stale(turn.item(item), turn.board.now) and (own := likeness_of(item.project, feedback).cells):
        turn.list_item(item, own)
        turn.change(item, listed_at=turn.board.now)


def _take_off(turn: Turn, project: str, feedback: FeedbackAccepted, old: str) -> None:
    """Count a changed vote no longer where it was counted; an item that nothing is left of is closed."""
    board, placement = turn.board, _where(turn, story_key(project, old))
    if placement is None or placement.how == "superseded":
        return
    address = Address(project, placement.statement)
    known = board.statements.get(address)
    item = board.live(Address(project, known.value.item)) if known else None
    if item is None:
        return
    standing, tally = turn.item(item), board.items[item].tally
    entry = _entry_of_user(tally, address.name, voice(feedback, feedback.feedback))
    if entry is None:
        return
    turn.rely_on(address)
    left = {one: count - (one == entry) for one, count in tally.items() if one != entry or count > 1}
    update: dict[str, Any] = {"events": standing.events - 1}
    if left and entry not in left:
        update |= weight_of(standing, left, standing.factors.get("severity", 1.0), board)
    if not left and standing.status == "open":
        update |= {"status": "superseded", "closed_at": board.now, "closed_because": ALL_CHANGED, "users": 0}
    turn.put(item, standing.model_copy(update=update), left)
    _place(turn, project, old, placement.item, "superseded", placement.statement, placement.ms)


ALL_CHANGED: Final = "every vote that it was made of was changed since"


def _entry_of_user(tally: Mapping[str, int], statement: str, heard: str) -> str | None:
    """Return the entry under which a user's vote was counted: the voice's own, else the user's, else that of many."""
    user = heard.split(".")[1]
    of_user = [one for one in tally if one.startswith(f"{statement}/") and one.split(".")[1:2] == [user]]
    wanted = (entry_of(statement, heard), *of_user, entry_of(statement, BEYOND))
    return next((entry for entry in wanted if entry in tally), None)


def _where(turn: Turn, key: str) -> Placement | None:
    """Return where a piece of feedback is. Where an earlier decision of the batch put it, that must have been done."""
    board, placement = turn.board, turn.board.placed.get(key)
    if placement and placement != board.state.placed.get(key):
        turn.guards.append(placements.newest(board.now).is_(key, placement.written))
    return placement


def _rely_on_no_place(turn: Turn, key: str) -> None:
    """Hold only while the feedback has no place: what was put since it was read, is in the newest register."""
    turn.guards.append(placements.newest(turn.board.now).lacks(key))


def _place(
    turn: Turn, project: str, feedback: str, item: str, how: str, statement: str = "", ms: str | None = None
) -> Placement:
    placement = Placement(ms or str(milliseconds(turn.board.now)), item, how, statement)
    turn.place(project, feedback, placement)
    return placement


def _tell(turn: Turn, address: Address, feedback: str) -> None:
    """Tell what became of an item that was known before, if it is worth telling."""
    before, known = turn.before[address], turn.board.items[address]
    if before is None:
        return
    was, is_, number = before.standing.value, known.standing.value, known.standing.version
    if is_.status == "superseded" != was.status:
        turn.tell(
            ItemClosed(
                item=is_.item,
                cause="superseded",
                reason=ALL_CHANGED,
                events=is_.events,
                opened_at=is_.opened_at,
                number=number,
            )
        )
    elif is_.status == "open" != was.status:
        reason = f"it was {was.status}, and more of the same came"
        turn.tell(ItemReopened(item=is_.item, reason=reason, priority=is_.priority, number=number))
    elif is_.status == "open" and _is_worth_telling(was, is_):
        turn.tell(
            ItemReinforced(
                item=is_.item,
                feedback=feedback,
                events=is_.events,
                users=is_.users,
                priority=is_.priority,
                factors=is_.factors,
                number=number,
            )
        )


def _is_worth_telling(was: Standing, is_: Standing) -> bool:
    """Whether a count passed a step, something other than the reach grew, or anything became less."""
    grew = {name for name, factor in is_.factors.items() if factor > was.factors.get(name, 0.0)}
    return (
        bool(grew - {"reach"})
        or is_.priority < was.priority
        or has_stepped(max(1, was.events), is_.events)
        or has_stepped(max(1, was.users), max(1, is_.users))
    )
