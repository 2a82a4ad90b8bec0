"""Curating: what owners do with items by hand: merge, split, keep apart, pin, mute. Each is undone by its opposite."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from labelwright.contracts import curation
from labelwright.contracts.curation import (
    KeptApartRequested,
    MergeRequested,
    MuteRequested,
    PinRequested,
    SplitRequested,
)
from labelwright.contracts.feedback import Subject
from labelwright.contracts.items import ItemClosed, ItemReinforced, ItemReopened
from labelwright.contracts.work import RequestAnswered
from labelwright.duplicates import compare
from labelwright.engine.decisions import reply
from labelwright.engine.tables import Versioned, milliseconds
from labelwright.identity import derive
from labelwright.stories import Act, Mark, Member, Proposal, Standing, proposed, standings, story_key
from services.triage.board import Turn, severities_of, weight_of
from services.triage.folding import opened_as
from services.triage.priority import MOST_PINNED, priority
from services.triage.state import (
    Address,
    Joined,
    Statement,
    Wording,
    answered,
    cells_of_words,
    expiries,
    pins,
    suitors,
)
from services.triage.wording import statement_of

MOST_ACTS: Final = 50
"""Acts that an item remembers, the last ones; the ledger keeps all."""

MOST_MERGED: Final = 200
"""Wordings that an item may have after a merge by hand."""

UNKNOWN: Final = 1.0
"""The score of two items whose words can't be compared."""

_OPEN: Final[dict[str, Any]] = {"status": "open", "closed_at": None, "closed_because": None}

Answer = tuple[int, str, str, dict[str, Any]]
"""Status, code and sentence of a refusal, or else what was done."""


def requested(turn: Turn, project: str, request: curation.Request) -> None:
    """Do what an owner asks, or say why not; a request that comes again is answered as it was, and done once.

    Whatever a decision looked at is guarded: each item that it names by its standing's version, each statement by its
    own. So of two owners who decide about one item at a time the second is decided about what the first left.
    """
    board, key = turn.board, story_key(project, request.request)
    if earlier := board.answered.get(key):
        turn.effects += reply(request.reply, RequestAnswered.model_validate_json(earlier))
        return
    match request:
        case MergeRequested():
            told = _merge(turn, project, request)
        case SplitRequested():
            told = _split(turn, project, request)
        case KeptApartRequested():
            told = _keep_apart(turn, project, request)
        case PinRequested():
            told = _pin(turn, project, request)
        case MuteRequested():
            told = _mute(turn, project, request)
    status, code, detail, body = told
    answer = RequestAnswered(request=request.request, status=status, code=code, detail=detail, body=body)
    board.answered[key] = answer.model_dump_json()
    turn.guards += answered.lacks(key, board.now)
    turn.effects += answered.put(key, board.answered[key], board.now)
    turn.effects += reply(request.reply, answer)


def _merge(turn: Turn, project: str, request: MergeRequested) -> Answer:
    """Fold an item into another: its statements, its feedback and its annotations are that one's from now on.

    Its cells stay: what is near to it is led to the other.
    """
    item, into = Address(project, request.item), Address(project, request.into)
    if fault := _faults(turn, item, into):
        return fault
    gone, target = turn.item(item), turn.item(into)
    was_over = target.status in ("expired", "superseded")
    if len(gone.statements) + len(target.statements) > MOST_MERGED:
        return _no("too_many_wordings", f"the two have more than {MOST_MERGED} wordings; merge less at once")
    if not _keep_words(turn, item):
        return _no("too_early", f"item {item.name!r} was opened just now; ask again in a moment")
    score = _score(turn, gone, target)
    for name in gone.statements:
        _lead(
            turn,
            Address(project, name),
            into,
            Joined(item=into.name, score=score, reason=request.reason, by=request.by),
        )
    now = turn.board.now
    tally = {**turn.board.items[into].tally, **turn.board.items[item].tally}
    shown = Member(shown=gone.statements[0], novelty=gone.factors.get("novelty", 1.0)) if gone.statements else None
    joined = target.model_copy(
        update={
            "statements": [*target.statements, *gone.statements],
            "severities": {**severities_of(target), **severities_of(gone)},
            "members": {**target.members, **({item.name: shown} if shown else {}), **gone.members},
            "proposals": [one for one in target.proposals if one.other != item.name],
            "events": target.events + gone.events,
            "last_at": now if was_over else max(target.last_at, gone.last_at),
            "expires_at": now + turn.board.life(project) if was_over else max(target.expires_at, gone.expires_at),
            "acts": _acts(target, "took", turn, request, item.name, score),
            **(_OPEN if was_over else {}),
        }
    )
    _reweigh(turn, into, joined, tally)
    _drop_proposals(turn, item, gone.proposals, into)
    left = gone.model_copy(
        update={
            "status": "merged",
            "into": into.name,
            "statements": [],
            "severities": {},
            "members": {},
            "proposals": [],
            "events": 0,
            "pinned": None,
            "muted": None,
            "closed_at": now,
            "closed_because": request.reason,
            "acts": _acts(gone, "merged", turn, request, into.name, score),
        }
    )
    turn.put(item, left, {})
    _close(turn, item, gone, "merged", request, into=into.name)
    if was_over:
        turn.effects.append(expiries.put(into.field, milliseconds(joined.expires_at)))
        _reopen(turn, into, request)
    _tell_weight(turn, into)
    return _done(item=item.name, into=into.name)


def _split(turn: Turn, project: str, request: SplitRequested) -> Answer:
    """Part the words of a piece of feedback from their item, with all that came to it by them, and remember it.

    Annotations stay with the words that were shown: if it is these that are to be parted, the other words leave.
    """
    board = turn.board
    placed = board.placed.get(story_key(project, request.feedback))
    known = board.statements.get(Address(project, placed.statement)) if placed else None
    item = board.live(Address(project, known.value.item)) if known else None
    if placed is None or item is None:
        return 404, "unknown_feedback", f"no item has feedback {request.feedback!r}, or it is too long ago", {}
    if request.item not in (None, item.name):
        return _no("other_item", f"feedback {request.feedback!r} is in item {item.name!r}, not in {request.item!r}")
    turn.rely_on(Address(project, placed.statement))
    standing = turn.item(item)
    leaving = _leaving(turn, standing, placed.statement)
    if not leaving or len(leaving) == len(standing.statements):
        turn.guards += _unchanged(turn, item)
        return _no(
            "one_wording", f"item {item.name!r} has one wording alone; there is nothing that it can be parted from"
        )
    opener = _wording(turn, Address(project, leaving[0]))
    if opener is None:
        turn.guards += _unchanged(turn, item)
        return _no(
            "no_words", f"the words of feedback {request.feedback!r} aren't kept, so no item can be made of them"
        )
    own = Address(project, derive("item", project, item.name, leaving[0], request.request))
    members = {name: member for name, member in standing.members.items() if member.shown in leaving}
    tally = board.items[item].tally
    taken = {entry: count for entry, count in tally.items() if entry.partition("/")[0] in leaving}
    parted = _open_apart(turn, own, standing, leaving, members, taken, opener, request)
    _part(turn, item, leaving, members, taken, request, own.name)
    _never_again(turn, item, own, standing.statements[0], leaving)
    told = opened_as(parted, opener)
    turn.tell(told.model_copy(update={"split_from": item.name, "takes": sorted(members)}))
    _tell_weight(turn, own)
    _tell_weight(turn, item)
    return _done(item=own.name, split_from=item.name)


def _keep_apart(turn: Turn, project: str, request: KeptApartRequested) -> Answer:
    """Remember that two items differ: they aren't proposed again, nor is what is near to both merged by itself."""
    item, other = Address(project, request.item), Address(project, request.other)
    if fault := _faults(turn, item, other):
        return fault
    for one, two in ((item, other), (other, item)):
        standing = turn.item(one)
        kept = [proposal for proposal in standing.proposals if proposal.other != two.name]
        turn.change(one, proposals=kept, acts=_acts(standing, "kept_apart", turn, request, two.name))
        turn.effects += (proposed.of(project).drop(f"{one.name}|{two.name}"), suitors.of(*two).drop(one.name))
        _part_words(turn, one, [two.name, *turn.item(two).statements[:1]])
    return _done(item=item.name, other=other.name)


def _pin(turn: Turn, project: str, request: PinRequested) -> Answer:
    """Let an item go before all that isn't pinned, or no longer."""
    item = Address(project, request.item)
    if fault := _faults(turn, item):
        return fault
    standing = turn.item(item)
    if standing.status != "open":
        turn.guards += _unchanged(turn, item)
        return _no("not_open", f"item {item.name!r} is {standing.status}; only an open item can be pinned or unpinned")
    if (standing.pinned is not None) == request.pinned:
        turn.guards += _unchanged(turn, item)
        return _done(item=item.name, pinned=request.pinned)
    count = turn.board.pins.get(project, 0)
    if request.pinned and count >= MOST_PINNED:
        turn.guards += _unchanged(turn, item)
        return _no(
            "too_many_pins", f"{MOST_PINNED} items are pinned, and more can't be first; unpin one that isn't urgent"
        )
    if request.pinned:
        turn.guards.append(pins.below(project, 1, MOST_PINNED))
    turn.change(
        item,
        pinned=_mark(turn, request) if request.pinned else None,
        priority=priority(standing.factors, is_pinned=request.pinned),
        acts=_acts(standing, "pinned" if request.pinned else "unpinned", turn, request),
    )
    _tell_weight(turn, item)
    return _done(item=item.name, pinned=request.pinned)


def _mute(turn: Turn, project: str, request: MuteRequested) -> Answer:
    """Ask nobody about an item any more, or do so again; its feedback is counted all the same."""
    item = Address(project, request.item)
    if fault := _faults(turn, item):
        return fault
    standing, now = turn.item(item), turn.board.now
    if (standing.status == "muted") == request.muted:
        turn.guards += _unchanged(turn, item)
        return _done(item=item.name, muted=request.muted)
    if standing.status not in ("open", "muted"):
        turn.guards += _unchanged(turn, item)
        return _no(
            "not_open", f"item {item.name!r} is {standing.status}, so nobody is asked about it; feedback reopens it"
        )
    if request.muted:
        muted = _mark(turn, request)
        update: dict[str, Any] = {"status": "muted", "muted": muted, "closed_at": now, "closed_because": request.reason}
        turn.change(item, **update, acts=_acts(standing, "muted", turn, request))
        _close(turn, item, standing, "muted", request)
        return _done(item=item.name, muted=True)
    turn.change(item, **_OPEN, muted=None, acts=_acts(standing, "unmuted", turn, request))
    _reopen(turn, item, request)
    return _done(item=item.name, muted=False)


# ---- what a merge takes


def _keep_words(turn: Turn, item: Address) -> bool:
    """Keep the words that an item is known by under their statement, so that they can be parted again."""
    shown = Address(item.project, (turn.item(item).statements or [""])[0])
    if shown.name == "" or shown in turn.board.wordings:
        return True
    if known := turn.board.wordings.get(item):
        turn.put_wording(shown, known.value)
        return True
    found = turn.board.state.cases.get(item.name)
    if found is None or found.value.kind is None:
        return False
    case = found.value
    turn.put_wording(
        shown,
        Wording(
            text=case.text,
            feedback=next(iter(case.feedback), case.item),
            fingerprint=shown.name,
            kind=case.kind,
            sign=case.sign,
            complaint=case.complaint,
            subject=Subject.model_validate(case.subject),
            received_at=case.opened_at,
            is_compared=False,
        ),
    )
    return True


def _score(turn: Turn, item: Standing, other: Standing) -> float:
    """Return how near two items are: as it was proposed, or as their words compare."""
    for one, two in ((item, other), (other, item)):
        for proposal in one.proposals:
            if proposal.other == two.item:
                return proposal.score
    words = [turn.board.wordings.get(Address(one.project, one.item)) for one in (item, other)]
    texts = [statement_of(wording.value.text) for wording in words if wording]
    return compare(*texts).score if len(texts) == 2 else UNKNOWN


def _lead(turn: Turn, statement: Address, item: Address, joined: Joined) -> None:
    """Let a statement be part of another item; what had joined the item it comes from keeps its own reason."""
    known = turn.board.statements.get(statement)
    before = known.value.joined if known else None
    turn.put_statement(statement, Statement(item=item.name, joined=before or joined))


def _drop_proposals(turn: Turn, item: Address, own: Sequence[Proposal], into: Address) -> None:
    """Drop what was proposed of an item, by itself or by others: it is no item of its own any more."""
    ranking = proposed.of(item.project)
    for one in own:
        turn.effects += (
            ranking.drop(f"{item.name}|{one.other}"),
            suitors.of(item.project, one.other).drop(item.name),
        )
    for suitor in sorted(turn.board.state.suitors.get(item, ())):
        turn.effects += (ranking.drop(f"{suitor}|{item.name}"), suitors.of(*item).drop(suitor))
    turn.effects.append(ranking.drop(f"{into.name}|{item.name}"))


# ---- what a split takes


def _leaving(turn: Turn, standing: Standing, statement: str) -> list[str]:
    """Return the statements that leave an item: all but its own where these are meant, else with all they brought."""
    if statement == standing.statements[0]:
        return standing.statements[1:]
    leaving, brought = {statement}, set[str]()
    for _ in standing.statements:  # a merge of merges brought what they had brought
        brought |= {name for name, member in standing.members.items() if member.shown in leaving}
        more = {name for name in standing.statements if _came_by(turn, Address(standing.project, name)) in brought}
        if more <= leaving:
            break
        leaving |= more
    others = [name for name in standing.statements if name in leaving and name != statement]
    return [statement, *others] if statement in standing.statements else []


def _came_by(turn: Turn, statement: Address) -> str | None:
    known = turn.board.statements.get(statement)
    return known.value.joined.item if known and known.value.joined else None


def _wording(turn: Turn, statement: Address) -> Wording | None:
    known = turn.board.wordings.get(statement)
    return known.value if known else None


def _part(
    turn: Turn,
    item: Address,
    leaving: Sequence[str],
    members: Mapping[str, Member],
    taken: Mapping[str, int],
    request: SplitRequested,
    own: str,
) -> None:
    """Leave in an item what doesn't leave."""
    standing = turn.item(item)
    rest = {entry: count for entry, count in turn.board.items[item].tally.items() if entry not in taken}
    left = standing.model_copy(
        update={
            "statements": [name for name in standing.statements if name not in leaving],
            "severities": {name: grave for name, grave in severities_of(standing).items() if name not in leaving},
            "members": {name: member for name, member in standing.members.items() if name not in members},
            "events": sum(rest.values()),
            "acts": _acts(standing, "split", turn, request, own),
        }
    )
    _reweigh(turn, item, left, rest)


def _open_apart(
    turn: Turn,
    own: Address,
    standing: Standing,
    leaving: Sequence[str],
    members: Mapping[str, Member],
    taken: Mapping[str, int],
    opener: Wording,
    request: SplitRequested,
) -> Standing:
    """Open an item for the statements that leave another."""
    board = turn.board
    cells = cells_of_words(own.project, opener)
    novelty = next((member.novelty for member in members.values() if member.shown == leaving[0]), 1.5)
    parted = Standing(
        project=own.project,
        item=own.name,
        statements=list(leaving),
        severities={name: grave for name, grave in severities_of(standing).items() if name in leaving},
        members=dict(members),
        events=sum(taken.values()),
        factors={"novelty": novelty},
        opened_at=opener.received_at,
        last_at=board.now,
        expires_at=board.now + board.life(own.project),
        opener=next(iter(taken), ""),
        listed_at=board.now if cells else None,
    )
    parted = parted.model_copy(update={"acts": _acts(parted, "left", turn, request, standing.item)})
    _reweigh(turn, own, parted, taken)
    for name in leaving:
        _belong_apart(turn, Address(own.project, name), own, name == leaving[0], standing)
    if opener.is_compared:
        turn.put_wording(own, opener)
        turn.list_item(own, cells)
    turn.effects.append(expiries.put(own.field, milliseconds(parted.expires_at)))
    return turn.item(own)


def _belong_apart(turn: Turn, statement: Address, own: Address, is_opener: bool, standing: Standing) -> None:
    """Let a statement be part of the item that it leaves for; what had joined the old one, joined this one."""
    known = turn.board.statements[statement].value
    joined = known.joined
    if is_opener or joined is None:
        joined = None
    elif joined.item == standing.item:
        joined = joined.model_copy(update={"item": own.name})
    turn.put_statement(statement, Statement(item=own.name, joined=joined))


def _never_again(turn: Turn, item: Address, own: Address, shown: str, leaving: Sequence[str]) -> None:
    _part_words(turn, item, [own.name, *leaving])
    _part_words(turn, own, [item.name, shown])


def _part_words(turn: Turn, item: Address, names: Sequence[str]) -> None:
    """Remember with the words that an item is known by what they are never merged with by themselves."""
    known = turn.board.wordings.get(item)
    if known:
        never = [*known.value.never, *(name for name in names if name not in known.value.never)]
        turn.put_wording(item, known.value.model_copy(update={"never": never}))


# ---- what all of them do


def _faults(turn: Turn, *items: Address) -> Answer | None:
    """Say why nothing can be done with these: unknown, the same, or merged already."""
    for item in items:
        known = turn.board.items.get(item)
        if known is None:
            turn.guards.append(standings.version_is(item.field, 0))
            return (
                404,
                "unknown_item",
                f"there is no item {item.name!r}; `labelwright items list` shows the open ones",
                {},
            )
        if known.standing.value.status == "merged":
            turn.guards += _unchanged(turn, item)
            into = known.standing.value.into
            return _no("merged", f"item {item.name!r} was merged into {into!r}; name that, or split it off again")
    if len(set(items)) < len(items):
        return _no("same_item", f"item {items[0].name!r} is one item; name two that differ")
    return None


def _unchanged(turn: Turn, item: Address) -> Iterator[Any]:
    """Yield the guard of an answer that changes nothing."""
    yield standings.version_is(item.field, turn.board.items[item].standing.version)


def _reweigh(turn: Turn, item: Address, standing: Standing, tally: Mapping[str, int]) -> None:
    severity = max(standing.severities.values(), default=standing.factors.get("severity", 1.0))
    turn.put(item, standing.model_copy(update=weight_of(standing, tally, severity, turn.board)), tally)


def _close(
    turn: Turn,
    item: Address,
    before: Standing,
    cause: Any,
    request: MergeRequested | MuteRequested,
    into: str | None = None,
) -> None:
    turn.tell(
        ItemClosed(
            item=item.name,
            cause=cause,
            reason=request.reason,
            into=into,
            by=request.by,
            events=before.events,
            opened_at=before.opened_at,
            number=turn.board.items[item].standing.version,
        )
    )


def _reopen(turn: Turn, item: Address, request: curation.Request) -> None:
    known = turn.board.items[item].standing
    turn.tell(
        ItemReopened(
            item=item.name,
            reason=request.reason,
            by=request.by,
            priority=known.value.priority,
            number=known.version,
        )
    )


def _tell_weight(turn: Turn, item: Address) -> None:
    known: Versioned[Standing] = turn.board.items[item].standing
    standing = known.value
    turn.tell(
        ItemReinforced(
            item=item.name,
            events=standing.events,
            users=standing.users,
            priority=standing.priority,
            factors=standing.factors,
            number=known.version,
        )
    )


def _mark(turn: Turn, request: curation.Request) -> Mark:
    return Mark(by=request.by, at=turn.board.now, reason=request.reason)


def _acts(
    standing: Standing,
    did: Any,
    turn: Turn,
    request: curation.Request,
    other: str | None = None,
    score: float | None = None,
) -> list[Act]:
    act = Act(did=did, by=request.by, at=turn.board.now, reason=request.reason, other=other, score=score)
    return [*standing.acts, act][-MOST_ACTS:]


def _done(**body: Any) -> Answer:
    return 200, "", "", body


def _no(code: str, detail: str) -> Answer:
    return 409, code, detail, {}
