"""`labelwright status`, `doctor`, `trace` and `topology`: look, change nothing."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from typing import Any

from labelwright import stories
from labelwright import topology as table
from labelwright.cli.opening import CheckSaidNo, connected, options, put_json, say, show
from labelwright.errors import LabelwrightError
from labelwright.expiry import Lost, lost
from labelwright.runtime.dead import waiting
from labelwright.runtime.server import Server, placements, refusing


async def status(redis: str, watch: bool, as_json: bool) -> None:
    """Print what waits where, once or every two seconds."""
    async with connected(redis) as server:
        while True:
            rows = await _pipeline(server)
            facts = await server.facts()
            dead = sum([await waiting(partition) for partition in server.partitions])
            signal, said = await _signal(server), await _said(server)
            if as_json:
                told = [{"project": name, **lost.as_json()} for name, lost in signal.items()]
                put_json({"services": rows, "dead": dead, "server": facts, "signal": told, "complaints": said})
            else:
                title = f"{facts['server']} {facts['version']}, memory {facts['memory_ratio']:.0%}, dead letters {dead}"
                show(rows, title=title)
                show([_lost_row(name, lost) for name, lost in signal.items()], title="signal that expired unlabeled")
                show(said, title="what the complaints mean, and where their items stand")
            if not watch:
                return
            await asyncio.sleep(2)


async def _signal(server: Server) -> dict[str, Lost]:
    """Return by project what became of its signal."""
    with refusing():
        (placed,) = await (await server.registry.reads())(placements.all())
        found: dict[str, Lost] = {}
        for partition in sorted(set(placed.values())):
            names = [name for name, place in placed.items() if place == partition]
            found |= await lost(await server.partition(partition).reads(), names)
    return dict(sorted(found.items()))


async def _said(server: Server) -> list[dict[str, Any]]:
    """Return a row a project and complaint: how much feedback makes it, and where its items stand."""
    with refusing():
        (placed,) = await (await server.registry.reads())(placements.all())
        return [
            {"project": project, "complaint": complaint, **row}
            for project, partition in sorted(placed.items())
            for complaint, row in (await stories.split(await server.partition(partition).reads(), project)).items()
        ]


def _lost_row(project: str, lost: Lost) -> dict[str, Any]:
    by = ", ".join(f"{reason} up to {age}: {count:,}" for (reason, age), count in lost.events.items())
    return {
        "project": project,
        "feedback": f"{lost.signal:,}",
        "expired": f"{lost.total:,}",
        "share": f"{lost.share:.1%}",
        "why and how old": by or "nothing",
    }


async def _pipeline(server: Server) -> list[dict[str, Any]]:
    rows = []
    with refusing():
        for name in table.STAGES:
            unfinished = pending = consumers = 0
            for partition in server.partitions:
                for stream in table.inputs(name):
                    unfinished += (await partition.unfinished(stream)).get(name, 0)
                    for group in await _groups(partition, stream):
                        if group["name"].decode() == name:
                            pending += group["pending"]
                            consumers = max(consumers, group["consumers"])
            rows.append({"service": name, "unfinished": unfinished, "in hand": pending, "consumers": consumers})
    return rows


async def _groups(partition: Any, stream: str) -> list[dict[str, Any]]:
    from redis.exceptions import ResponseError

    try:
        found: list[dict[str, Any]] = await partition.client.xinfo_groups(partition.key(stream))
    except ResponseError:
        return []
    return found


async def doctor(redis: str, as_json: bool) -> None:
    """Check this installation. Raises CheckSaidNo if a check failed."""
    checks: list[dict[str, Any]] = []

    def note(check: str, fault: str, fix: str = "") -> None:
        checks.append({"check": check, "ok": not fault, "found": fault or "fine", "fix": fix if fault else ""})

    chosen = options(redis)
    try:
        async with connected(redis) as server:
            facts = await server.facts()
            note("server", "")
            note("persistence", "" if facts["append_only"] else "no append-only file", "set appendonly yes")
            note(
                "memory",
                "" if facts["memory_ratio"] < 0.8 else f"{facts['memory_ratio']:.0%} in use",
                "raise maxmemory",
            )
            seconds, micros = await server.client.execute_command("TIME")
            drift = abs(int(seconds) + int(micros) / 1e6 - datetime.now(UTC).timestamp())
            note("clock", "" if drift < 5 else f"{drift:.0f} s apart from the server's", "run a time service on both")
            dead = sum([await waiting(partition) for partition in server.partitions])
            note("dead letters", f"{dead}" if dead else "", "see `labelwright dead list`")
    except LabelwrightError as error:
        note("server", str(error), "see above")
    secret = len(chosen.secret.get_secret_value()) >= 64
    note("secret", "" if secret else "LABELWRIGHT_SECRET is shorter than 32 bytes", "openssl rand -hex 32")
    folder = chosen.data.absolute()
    writable = os.access(folder if folder.exists() else folder.parent, os.W_OK)
    note("data folder", "" if writable else f"{folder} can't be written", "set LABELWRIGHT_DATA")
    if as_json:
        put_json({"ok": all(check["ok"] for check in checks), "checks": checks})
    else:
        show(checks, title="doctor")
    if not all(check["ok"] for check in checks):
        raise CheckSaidNo("something is wrong; the column 'fix' says what to do")


async def trace(identity: str, project: str, redis: str, as_json: bool) -> None:
    """Print the story of a feedback event or an item."""
    async with connected(redis) as server:
        with refusing():
            partition = await server.partition_of(project)
            if partition is None:
                raise LabelwrightError(f"there is no project {project!r}; `labelwright project list` shows them")
            told = await stories.tell(await partition.reads(), project, identity)
    if not told:
        raise LabelwrightError(f"nothing is known of {identity!r} in project {project!r}; is --project right?")
    if as_json:
        put_json({"id": identity, "project": project, "steps": [step.flat() for step in told]})
        return
    rows = [
        {
            "step": step.step,
            "at": f"{step.at:%Y-%m-%d %H:%M:%S}",
            "about": ", ".join(f"{name} {value}" for name, value in step.facts.items() if name != "factors"),  # see why
        }
        for step in told
    ]
    show(rows, title=identity)


def topology(mermaid: bool, as_json: bool) -> None:
    """Print the topology."""
    if mermaid:
        sys.stdout.write(table.mermaid() + "\n")
        return
    rows = [
        {
            "stream": stream.name,
            "writers": ", ".join(stream.writers),
            "readers": ", ".join(stream.readers),
            "carries": ", ".join(carried.type for carried in stream.carries),
        }
        for stream in table.STREAMS.values()
    ]
    if as_json:
        put_json({"streams": rows})
    else:
        show(rows, title="topology")
        say("`labelwright topology --mermaid` draws it")
