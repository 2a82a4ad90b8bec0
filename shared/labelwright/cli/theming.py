"""`themes`: what many items have in common, on a running system, or of a file without any server by the same code."""

import json
from pathlib import Path
from typing import Any

import typer

from labelwright.cli.comparing import rows_of, text_of
from labelwright.cli.opening import connected, put_json, show
from labelwright.errors import SettingsError
from labelwright.runtime.server import refusing
from labelwright.themes.offline import Grouped
from labelwright.themes.tables import LEAST_ITEMS, suggestions

MOST_SHOWN = 100


async def themes_of(project: str, redis: str, as_json: bool) -> None:
    """Print the themes that are suggested in a project."""
    async with connected(redis) as server:
        with refusing():
            partition = await server.partition_of(project)
            if partition is None:
                raise SettingsError(f"project {project!r} has no project file yet; see `labelwright project apply`")
            found = await suggestions(await partition.reads(), project, MOST_SHOWN)
    told = [one.model_dump(exclude_none=True) for one in found]
    if as_json:
        put_json({"themes": told})
    else:
        show(told, title="themes", columns=("name", "items", "events", "last_at", "theme"))


async def themes_in(file: Path, field: str, model: Path | None, as_json: bool) -> None:
    """Print the themes of a file's texts; as JSON also what is most like each of them."""
    rows = list(rows_of(file))
    identities = [row.get("id", number) for number, row in rows]
    texts = [text_of(file, number, row, field) for number, row in rows]
    grouped = Grouped(texts, *_read_by(model, texts)) if model else Grouped(texts)
    groups = grouped.groups(LEAST_ITEMS)
    if as_json:
        typer.echo(json.dumps(_told(grouped, identities), ensure_ascii=False))
        return
    typer.echo(f"{len(texts):,} texts: {sum(len(group.members) for group in groups):,} in {len(groups):,} themes")
    for group in groups:
        typer.echo(f"{len(group.members):6,}  {group.name}")


def _told(grouped: Grouped, identities: list[Any]) -> dict[str, Any]:
    groups = [
        {"name": group.name, "items": len(group.members), "members": [identities[number] for number in group.members]}
        for group in grouped.groups(LEAST_ITEMS)
    ]
    similar = []
    for number, identity in enumerate(identities):
        others = [{"id": identities[int(one.item)], "score": round(one.score, 4)} for one in grouped.similar(number)]
        similar.append({"id": identity, "similar": others})
    return {"themes": groups, "similar": similar}


def _read_by(folder: Path, texts: list[str]) -> tuple[list[str], str]:
    from labelwright.themes.encoder import encoder_in  # numpy and the model, only where one is named
    from labelwright.themes.grouping import packed_dense

    encoder = encoder_in(folder)
    return [packed_dense(map(float, vector)) for vector in encoder.encode(texts)], encoder.version
