"""`labelwright publish`: a file of events, or one of rows with a mapping, through the gateway; it streams."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from labelwright.adapters.mapping import ENDINGS, MappingFile, events_in, read_mapping
from labelwright.cli.opening import put_json, say
from labelwright.contracts.envelope import in_one_sentence
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.errors import ContractError, LabelwrightError, ServerRefuses, SettingsError
from labelwright.sdk.lines import post

MOST_EVENTS, MOST_BYTES, MOST_FAULTS, PATIENCE, SHOWN = 500, 900_000, 1_000, 8, 3

Line = tuple[int, bytes | ContractError]
"""A line's number, and its event as JSON, or why there is none."""


@dataclass
class Report:
    """What became of the lines. Each fault is told at once; the first ones are kept for `--json`."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def refuse(self, status: str, number: int, reason: str) -> None:
        """Count a line that wasn't taken, and say why."""
        self.counts[status] += 1
        told = f"line {number}: {reason}"
        say(f"  {status} {told}")
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(told)


async def publish(file: str, dsn: str, as_json: bool, map_: Path | None = None, dry_run: bool = False) -> int:
    """Publish JSON lines of events, or rows as a mapping says.

    What the gateway can't take yet is sent again. A line that doesn't fit, or that the gateway rejects, is told with
    its number, counted, and makes the exit code 1. A dry run sends nothing and shows the first events.
    """
    if not dsn and not dry_run:
        raise SettingsError("where to? pass --dsn https://KEY@gateway/project or set LABELWRIGHT_DSN")
    mapping = _mapping(map_) if map_ else None
    report = Report()
    with closing(_open(file)) as raw:
        lines = _mapped(raw, mapping, _format(file, mapping)) if mapping else _plain(raw)
        if dry_run:
            return _show(lines if mapping else map(_checked, lines), report, as_json)
        for batch in _batches(lines, report):
            await _send(dsn, batch, report)
    tally = {name: report.counts[name] for name in ("sent", "accepted", "duplicate", "rejected", "unfit")}
    if as_json:
        put_json(tally | {"faults": report.faults})
    else:
        say(", ".join(f"{count} {what}" for what, count in tally.items()))
    return 1 if report.faults else 0


def _mapping(path: Path) -> MappingFile:
    import yaml

    class Loader(yaml.SafeLoader):
        """A safe loader to which the keys of an object are texts, so that `Yes: 1` maps `Yes` and not true."""

    def keys_as_texts(loader: Any, node: Any) -> dict[str, Any]:
        pairs = ((loader, key, value) for key, value in node.value)
        return {key.value: loader.construct_object(value, deep=True) for _, key, value in pairs}

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, keys_as_texts)
    try:
        return read_mapping(yaml.load(path.read_bytes(), Loader))  # noqa: S506  # a SafeLoader
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"the mapping {str(path)!r} isn't YAML that can be read: {error}") from None


def _open(file: str) -> IO[bytes]:
    try:
        return sys.stdin.buffer if file == "-" else Path(file).open("rb")
    except OSError as error:
        raise SettingsError(f"{file!r} can't be read ({error.strerror}); name a file of lines, or -") from None


def _format(file: str, mapping: MappingFile) -> str:
    known = mapping.format or ENDINGS.get(Path(file).suffix.lower(), "")
    if not known:
        raise SettingsError(f"what is {file!r}? say 'format: csv', 'tsv' or 'jsonl' in the mapping")
    return known


def _mapped(raw: IO[bytes], mapping: MappingFile, format_: str) -> Iterator[Line]:
    for number, event in events_in(raw, mapping, format_):
        yield number, event if isinstance(event, ContractError) else to_json(event)


def _plain(raw: IO[bytes]) -> Iterator[Line]:
    """Yield the lines that say something, as they are."""
    yield from ((number, line.rstrip(b"\r\n")) for number, line in enumerate(raw, 1) if line.strip())


def _checked(line: Line) -> Line:
    """Return a line of an event, or what is wrong with it as far as can be told here."""
    number, content = line
    try:
        event = from_json(content) if isinstance(content, bytes) else None
        if not (isinstance(event, dict) and "specversion" in event):
            FeedbackReceived.model_validate(event)
    except ValidationError as error:
        return number, ContractError("unfit", in_one_sentence(error.errors(include_url=False)))
    except ValueError:
        return number, ContractError("unfit", "the line isn't valid JSON in UTF-8")
    return line


def _show(lines: Iterable[Line], report: Report, as_json: bool) -> int:
    first: list[Any] = []
    for number, content in lines:
        if isinstance(content, ContractError):
            report.refuse("unfit", number, content.reason)
            continue
        report.counts["fit"] += 1
        if len(first) < SHOWN:
            first.append(from_json(content))
    fit, unfit = report.counts["fit"], report.counts["unfit"]
    if as_json:
        put_json({"fit": fit, "unfit": unfit, "first": first, "faults": report.faults})
    else:
        for event in first:
            sys.stdout.write(to_json(event, indent=2).decode() + "\n")
        say(f"{fit} fit, {unfit} don't; nothing was sent")
    return 1 if unfit else 0


def _batches(lines: Iterable[Line], report: Report) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    size = 0
    for number, content in lines:
        if isinstance(content, ContractError):
            report.refuse("unfit", number, content.reason)
            continue
        if len(content) > MOST_BYTES:
            report.refuse("unfit", number, f"it has {len(content)} bytes, more than a request may have ({MOST_BYTES})")
            continue
        if batch and (len(batch) >= MOST_EVENTS or size + len(content) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((number, content))
        size += len(content) + 1
    if batch:
        yield batch


async def _send(dsn: str, batch: list[tuple[int, bytes]], report: Report) -> None:
    results = await _settled(dsn, [content for _, content in batch])
    report.counts["sent"] += len(batch)
    for (number, _), result in zip(batch, results, strict=True):
        if result["status"] == "rejected":
            report.refuse("rejected", number, _fault(result["error"]))
        else:
            report.counts[result["status"]] += 1


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
