"""`duplicates`: group the texts of a file by what they say, without any server, by the code that triage decides by."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from labelwright.duplicates.comparison import Verdict
from labelwright.duplicates.grouping import Index
from labelwright.errors import SettingsError

Pair = dict[str, Any]


@dataclass
class Groups:
    """The pairs that were merged, by the id that they were merged into, and those that a person should decide."""

    merged: dict[Any, list[Pair]] = field(default_factory=dict)
    proposed: list[Pair] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return groups of two members or more, the first one first, and proposals, the likest first."""
        groups = [
            {"members": [first, *(pair["a"] for pair in pairs)], "pairs": pairs} for first, pairs in self.merged.items()
        ]
        return {"groups": groups, "proposed": sorted(self.proposed, key=lambda pair: pair["score"])}


async def duplicates(file: Path, field_: str, within: list[str], as_json: bool) -> None:
    """Print the groups of a file's texts."""
    groups, count = _grouped(file, field_, within)
    if as_json:
        typer.echo(json.dumps(groups.as_json(), ensure_ascii=False))
        return
    merged = sum(map(len, groups.merged.values()))
    typer.echo(
        f"{count:,} texts: {merged:,} merged into {len(groups.merged):,}, {len(groups.proposed):,} pairs to look at"
    )
    for pair in (pair for pairs in groups.merged.values() for pair in pairs):
        typer.echo(_line("merged", pair))
    for pair in groups.as_json()["proposed"]:
        typer.echo(_line("proposed", pair))


def _grouped(file: Path, field_: str, within: list[str]) -> tuple[Groups, int]:
    """Place each text among those that share the values of the fields `within`."""
    indexes: dict[str, tuple[Index, list[Any]]] = {}
    groups, count = Groups(), 0
    for number, row in rows_of(file):
        text, identity, count = text_of(file, number, row, field_), row.get("id", number), count + 1
        scope = json.dumps([row.get(name) for name in within], sort_keys=True)
        index, ids = indexes.setdefault(scope, (Index(), []))
        ids.append(identity)
        placed = index.place(text)
        if placed.merged:
            into, verdict = placed.merged
            groups.merged.setdefault(ids[into], []).append(_pair(identity, ids[into], verdict))
        groups.proposed += [_pair(identity, ids[other], verdict) for other, verdict in placed.proposed]
    return groups, count


def rows_of(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a file of JSON lines, each with its line's number from 1."""
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise SettingsError(f"{file} line {number} is no JSON ({error}); give one object a line") from None
            if not isinstance(row, dict):
                raise SettingsError(f"{file} line {number} is no JSON object; give one object a line")
            yield number, row


def text_of(file: Path, number: int, row: dict[str, Any], field_: str) -> str:
    """Return the text of a row. Raises SettingsError where it has none."""
    text = row.get(field_)
    if not isinstance(text, str):
        have = ", ".join(map(repr, row)) or "nothing"
        raise SettingsError(f"{file} line {number} has no text in {field_!r}; it has {have} (name one with --field)")
    return text


def _pair(a: Any, b: Any, verdict: Verdict) -> Pair:
    return {"a": a, "b": b, "score": verdict.score, "reason": verdict.reason}


def _line(outcome: str, pair: Pair) -> str:
    return f"{outcome:9} {pair['a']} = {pair['b']}  {pair['score']:.3f}  {pair['reason']}"
