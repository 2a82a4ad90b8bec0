"""`labelwright publish`: a file of events through the gateway."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from labelwright.cli.opening import put_json, say
from labelwright.errors import LabelwrightError, ServerRefuses, SettingsError
from labelwright.sdk.lines import post

MOST_EVENTS, MOST_BYTES, MOST_FAULTS, PATIENCE = 500, 900_000, 20, 8


async def publish(file: str, dsn: str, as_json: bool) -> int:
    """Publish JSON lines; what the gateway can't take yet is sent again, what it rejects is told, and ends with 1."""
    if not dsn:
        raise SettingsError("where to? pass --dsn https://KEY@gateway/project or set LABELWRIGHT_DSN")
    lines = await asyncio.to_thread(_lines, file)
    tally = {"sent": len(lines), "accepted": 0, "duplicate": 0, "rejected": 0}
    faults: list[str] = []
    for batch in _batches(lines):
        results = await _settled(dsn, [line for _, line in batch])
        for (number, _), result in zip(batch, results, strict=True):
            tally[result["status"]] += 1
            if result["status"] == "rejected":
                faults.append(f"line {number}: {_fault(result['error'])}")
    if as_json:
        put_json(tally | {"faults": faults[:MOST_FAULTS]})
    else:
        say(", ".join(f"{count} {what}" for what, count in tally.items()))
        for fault in faults[:MOST_FAULTS]:
            say(f"  rejected {fault}")
    return 1 if faults else 0


def _lines(file: str) -> list[tuple[int, bytes]]:
    """Return the lines that say something, with their numbers."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise SettingsError(f"{file!r} can't be read ({error.strerror}); name a file of JSON lines, or -") from None
    return [(number, line) for number, line in enumerate(raw.splitlines(), 1) if line.strip()]


def _batches(lines: list[tuple[int, bytes]]) -> list[list[tuple[int, bytes]]]:
    batches: list[list[tuple[int, bytes]]] = [[]]
    size = 0
    for number, line in lines:
        if len(batches[-1]) >= MOST_EVENTS or size + len(line) > MOST_BYTES:
            batches.append([])
            size = 0
        batches[-1].append((number, line))
        size += len(line) + 1
    return [batch for batch in batches if batch]


def _fault(problem: dict[str, Any]) -> str:
    """Tell a rejected event's faults by where they are in it."""
    errors = [f"{error['pointer']} {error['detail']}" for error in problem.get("errors", ())]
    return "; ".join(errors) or str(problem["detail"])


async def _settled(dsn: str, batch: list[bytes]) -> list[dict[str, Any]]:
    """Send a batch until nothing of it is to be sent again; results in order."""
    settled: dict[int, dict[str, Any]] = {}
    waiting = list(range(len(batch)))
    for _ in range(PATIENCE):
        status, answer, wait_s = await asyncio.to_thread(post, dsn, b"\n".join(batch[at] for at in waiting))
        if status in (401, 403, 404, 413, 415):
            raise LabelwrightError(f"the gateway refuses: {answer.get('detail', status)}")
        if "results" in answer:
            settled |= dict(zip(waiting, answer["results"], strict=True))
        elif status == 422 and len(waiting) == 1:
            settled[waiting[0]] = {"id": None, "status": "rejected", "error": answer}
        waiting = [at for at in range(len(batch)) if settled.get(at, {"status": "retry"})["status"] == "retry"]
        if not waiting:
            return [settled[at] for at in range(len(batch))]
        await asyncio.sleep(wait_s)
    raise ServerRefuses(f"the gateway takes no more: {len(waiting)} events weren't sent; run the command again later")
