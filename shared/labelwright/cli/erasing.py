"""`labelwright erase`: forget a person, and say what that touched."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from labelwright.cli.opening import CheckSaidNo, connected, put_json, say


async def erase(
    name: str, project: str, snapshots: Path, within_s: float, ledger: str, redis: str, as_json: bool
) -> None:
    """Take away what somebody wrote. Raises Late when the deadline passes, CheckSaidNo if something remains."""
    from labelwright.ledger import Ledger, snapshot
    from labelwright.runtime.erasure import erase as forget

    async with connected(redis) as server:
        kept = Ledger.of(server.settings, ledger)
        done = await forget(server, kept, project, name, within=timedelta(seconds=within_s), tell=say)
    trail, items = done.trail, set(done.trail.items)
    released = [
        {"snapshot": folder.name, "path": str(folder), "items": len(held)}
        for folder in _snapshots(snapshots)
        if (held := items & snapshot.items(folder))
    ]
    report: dict[str, Any] = {
        "project": project,
        "feedback": len(trail.feedback),
        "items": len(trail.items),
        "ledger": {"uses": trail.uses, "taken_away": trail.left, "commits": len(trail.texts)},
        "documents": dict(done.documents),
        "dead_letters": done.letters,
        "entries_trimmed": done.trimmed,
        "snapshots": released,
        "remains": list(done.remains),
    }
    if as_json:
        put_json(report)
    else:
        _tell(report)
    if done.remains:
        raise CheckSaidNo("; ".join(done.remains))


def _snapshots(root: Path) -> Iterator[Path]:
    yield from sorted(path.parent for path in root.glob("*/snapshot.json"))


def _tell(report: dict[str, Any]) -> None:
    ledger = report["ledger"]
    say(
        f"{report['feedback']} pieces of feedback, {report['items']} items\n"
        f"ledger    {ledger['taken_away']} of {ledger['uses']} uses of their words taken away now, "
        f"in {ledger['commits']} commits; the rows and their chain stay"
    )
    for table, count in sorted(report["documents"].items()):
        say(f"table     {table}: {count} documents read [erased]")
    say(f"streams   {report['entries_trimmed']} entries trimmed, {report['dead_letters']} dead letters taken away")
    for one in report["snapshots"]:
        say(f"snapshot  {one['path']} has {one['items']} of the items: revoke it, delete it, and cut another")
    if not ledger["uses"]:
        say("nothing of theirs was found; is the name written as it was sent?")
