"""`labelwright dead`, `rebuild` and `snapshot`: what went wrong, and what is kept for ever."""

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labelwright.cli.opening import CheckSaidNo, connected, options, put_json, say, show
from labelwright.errors import LabelwrightError
from labelwright.runtime import dead
from labelwright.runtime.embedded import temporary
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server, refusing


async def dead_list(redis: str, as_json: bool) -> None:
    """List dead letters."""
    async with connected(redis) as server:
        rows = [
            {key: letter[key] for key in ("letter", "service", "stream", "id", "project")}
            | {"reason": letter["reason"].splitlines()[0][:80], "replayed": letter["replayed"]}
            for _, letter in await _letters(server)
        ]
    if as_json:
        put_json({"dead": rows})
    else:
        show(rows, title="dead letters")


async def dead_show(letter_id: str, redis: str) -> None:
    """Print one dead letter."""
    async with connected(redis) as server:
        for _, letter in await _letters(server):
            if letter["letter"] == letter_id:
                put_json(letter)
                return
    raise LabelwrightError(f"there is no dead letter {letter_id!r}; `labelwright dead list` shows them")


async def dead_replay(letter_id: str, redis: str, as_json: bool) -> None:
    """Replay one or all dead letters."""
    replayed, refused = [], []
    async with connected(redis) as server:
        for partition, letter in await _letters(server):
            if letter_id in ("all", letter["letter"]):
                try:
                    await dead.replay(partition, letter)
                    replayed.append(letter["letter"])
                except LabelwrightError as error:
                    refused.append(str(error))
    if as_json:
        put_json({"replayed": replayed, "refused": refused})
    else:
        say(f"{len(replayed)} replayed, {len(refused)} refused (replayed before)")
    if not replayed and letter_id != "all":
        raise LabelwrightError(f"letter {letter_id!r} wasn't replayed: there is none, or it was replayed before")


async def _letters(server: Server) -> list[tuple[Partition, dict[str, Any]]]:
    found = []
    with refusing():
        for partition in server.partitions:
            done = await dead.replayed(partition)
            async for letter in dead.letters(partition):
                found.append((partition, letter | {"replayed": letter["letter"] in done}))
    return found


async def rebuild(ledger: str, redis: str, check: bool, as_json: bool) -> None:
    """Fill an empty server from the ledger; or rebuild aside and compare."""
    from labelwright.ledger import Ledger
    from labelwright.runtime.rebuild import digest
    from labelwright.runtime.rebuild import rebuild as fill

    kept = Ledger.of(options(redis), ledger)
    with temporary() if check else nullcontext(redis) as target:
        async with connected(target or "") as server:
            made = await fill(server, kept)
            anew = {one.partition: await digest(server, one.partition) for one in made}
    report: dict[str, Any] = {
        "partitions": len(made),
        "writes": sum(one.writes for one in made),
        "entries": sum(one.entries for one in made),
    }
    if check:
        async with connected(redis) as server:
            present = {name: await digest(server, name) for name in anew}
        report["differs"] = sorted(
            key
            for name in anew
            for key in anew[name].keys() | present[name].keys()
            if anew[name].get(key) != present[name].get(key)
        )
        report["equal"] = not report["differs"]
    if as_json:
        put_json(report)
    else:
        say(f"{report['writes']} writes and {report['entries']} waiting entries from {len(made)} partitions")
    if check and report["differs"]:
        raise CheckSaidNo(
            f"{len(report['differs'])} keys differ, first {report['differs'][0]!r}; is the system at rest?"
        )


async def snapshot_cut(project: str, out: Path, ledger: str, as_json: bool) -> None:
    """Cut a snapshot."""
    from labelwright.ledger import Ledger, snapshot

    kept = Ledger.of(options(), ledger)
    made = snapshot.cut(kept, project, out, now=datetime.now(UTC))
    report = {"snapshot": made.id, "path": str(made.path), "labels": made.labels, "annotations": made.annotations}
    if as_json:
        put_json(report)
    else:
        say(f"{made.labels} labels from {made.annotations} annotations: {made.path}")


async def snapshot_verify(folder: Path, as_json: bool) -> None:
    """Verify a snapshot. Raises CheckSaidNo if a byte differs."""
    from labelwright.ledger import snapshot

    faults = snapshot.verify(folder)
    if as_json:
        put_json({"ok": not faults, "faults": faults})
    if faults:
        raise CheckSaidNo("; ".join(faults[:3]))
    if not as_json:
        say(f"{folder} is what its name says")


async def snapshot_diff(old: Path, new: Path, as_json: bool) -> None:
    """Compare two snapshots."""
    from labelwright.ledger import snapshot

    found = snapshot.diff(old, new)
    if as_json:
        put_json(found)
        return
    say(f"{len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} with another label")
    rows = [
        {"item": change.item, "from": change.old_label, "to": change.new_label}
        for change in (*found.changed, *found.added, *found.removed)
    ]
    show(rows[:50], title="first 50 differences")
