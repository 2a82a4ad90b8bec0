"""`labelwright publish`: a file of events through the gateway."""

import asyncio
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from labelwright.cli.opening import put_json, say
from labelwright.errors import LabelwrightError, ServerRefuses, SettingsError
from labelwright.sdk.dsn import parse_dsn

MOST_EVENTS, MOST_BYTES, PATIENCE = 500, 900_000, 8


async def publish(file: str, dsn: str, as_json: bool) -> None:
    """Publish JSON lines; what the gateway can't take yet is sent again, what it rejects is told."""
    if not dsn:
        raise SettingsError("where to? pass --dsn https://KEY@gateway/project or set LABELWRIGHT_DSN")
    lines = await asyncio.to_thread(_lines, file)
    tally = {"sent": 0, "accepted": 0, "duplicate": 0, "rejected": 0}
    faults: list[str] = []
    for batch in _batches([line for line in lines if line.strip()]):
        results = await _settled(dsn, batch)
        tally["sent"] += len(batch)
        for result in results:
            tally[result["status"]] += 1
            if result["status"] == "rejected":
                faults.append(f"{result.get('id')}: {result['error']['detail']}")
    if as_json:
        put_json(tally | {"faults": faults[:20]})
    else:
        say(", ".join(f"{count} {what}" for what, count in tally.items()))
        for fault in faults[:20]:
            say(f"  rejected {fault}")


def _lines(file: str) -> list[bytes]:
    if file == "-":
        return sys.stdin.buffer.readlines()
    try:
        return Path(file).read_bytes().splitlines()
    except OSError as error:
        raise SettingsError(f"{file!r} can't be read ({error.strerror}); name a file of JSON lines, or -") from None


def _batches(lines: list[bytes]) -> list[list[bytes]]:
    batches: list[list[bytes]] = [[]]
    size = 0
    for line in lines:
        if len(batches[-1]) >= MOST_EVENTS or size + len(line) > MOST_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(line)
        size += len(line) + 1
    return [batch for batch in batches if batch]


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


def post(dsn: str, body: bytes) -> tuple[int, dict[str, Any], float]:
    """POST NDJSON; the status, the answer's JSON, and how long to wait before asking again. Raises ServerRefuses."""
    target = parse_dsn(dsn)
    request = urllib.request.Request(  # noqa: S310  # parse_dsn takes http and https alone
        f"{target.gateway}/v1/feedback",
        data=body,
        headers={"Authorization": f"Bearer {target.key}", "Content-Type": "application/x-ndjson"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.load(answer), float(answer.headers.get("Retry-After", 0.2))
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"{}"), float(error.headers.get("Retry-After", 0.2))
    except OSError as error:
        raise ServerRefuses(f"the gateway can't be reached ({type(error).__name__}); check the DSN") from None
