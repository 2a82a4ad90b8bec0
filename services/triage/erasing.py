"""Take a forgotten person's words out of triage: close the items that they opened, and know their wordings no more."""

from labelwright.contracts.erasure import WordsErased
from labelwright.contracts.items import ItemClosed
from labelwright.stories import standings
from services.triage.board import Turn
from services.triage.expiring import forget
from services.triage.state import Address, wordings

WHY = "the words were erased"


def words_erased(turn: Turn, project: str, erased: WordsErased) -> None:
    """Close and forget items that are named, and drop wordings: who says the like after that opens a new item.

    An item that was merged into another stays known as that, without its wording.
    """
    if erased.table == standings.name:
        for name in dict.fromkeys(erased.names):
            _close(turn, Address(*name.partition("/")[::2]))
    elif erased.table == wordings.of(project).name:
        for name in dict.fromkeys(erased.names):
            _drop(turn, Address(project, name))


def _close(turn: Turn, address: Address) -> None:
    known = turn.board.items.get(address)
    if known is None or known.standing.value.status == "merged":
        return
    standing = known.standing.value
    if standing.status in ("open", "muted"):
        turn.tell(
            ItemClosed(
                item=standing.item,
                cause="erased",
                reason=WHY,
                events=standing.events,
                opened_at=standing.opened_at,
                number=known.standing.version + 1,
            )
        )
    forget(turn, address, known)


def _drop(turn: Turn, address: Address) -> None:
    known = turn.board.wordings.pop(address, None)
    if known:
        turn.guards.append(wordings.of(address.project).version_is(address.name, known.version))
        turn.effects.append(wordings.of(address.project).drop(address.name))
