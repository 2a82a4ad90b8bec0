"""`labelwright project` and `keys`: what the owner of an installation does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from labelwright import projects
from labelwright.access import Access, roles_of
from labelwright.cli.opening import connected, put_json, say, show
from labelwright.contracts.envelope import in_one_sentence
from labelwright.contracts.project import ProjectFile
from labelwright.errors import ContractError
from labelwright.registry import apply_project
from labelwright.runtime.server import placements, refusing


def read_project_file(path: Path) -> ProjectFile:
    """Return a project file, YAML or JSON. Raises ContractError that names its faults."""
    try:
        return ProjectFile.model_validate(yaml.safe_load(path.read_text()))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise ContractError("not_yaml", f"{path} is neither YAML nor JSON in UTF-8{where}; correct it") from None
    except ValidationError as error:
        faults = in_one_sentence(error.errors(include_url=False))
        raise ContractError("schema_violation", f"{path} isn't a project file: {faults}") from None


async def apply(path: Path, redis: str, as_json: bool) -> None:
    """Bring a project file into force."""
    file = read_project_file(path)
    async with connected(redis) as server:
        number, is_new = await apply_project(server, file)
    if as_json:
        put_json({"project": file.project, "number": number, "new": is_new})
    else:
        say(f"project {file.project!r}: version {number} is in force" + ("" if is_new else " (nothing differs)"))


async def list_projects(redis: str, as_json: bool) -> None:
    """List projects."""
    async with connected(redis) as server:
        with refusing():
            (placed,) = await (await server.registry.reads())(placements.all())
            rows = []
            for name, partition in sorted(placed.items()):
                (found,) = await (await server.partition(partition).reads())(projects.current.get(name))
                rows.append({"project": name, "partition": partition, "version": found.value.number if found else 0})
    if as_json:
        put_json({"projects": rows})
    else:
        show(rows, title="projects", columns=("project", "partition", "version"))


async def new_key(
    project: str,
    roles: Sequence[str],
    annotator: str,
    sources: Sequence[str],
    skills: Sequence[str],
    note: str,
    redis: str,
    as_json: bool,
) -> None:
    """Make a key and show it, once."""
    async with connected(redis) as server:
        key = await Access(server).mint_key(
            project, roles_of(roles), annotator=annotator or None, sources=sources, skills=skills, note=note
        )
    if as_json:
        put_json({"key": key, "id": key.split("_")[2], "project": project, "roles": list(roles)})
    else:
        say("keep it: it isn't shown again")
        print(key)


async def list_keys(project: str, redis: str, as_json: bool) -> None:
    """List keys."""
    async with connected(redis) as server:
        records = await Access(server).all_keys(project or None)
    rows: list[dict[str, Any]] = [
        {
            "id": record.id,
            "project": record.project,
            "roles": ", ".join(record.roles),
            "annotator": record.annotator,
            "sources": ", ".join(record.sources),
            "made": f"{record.created_at:%Y-%m-%d %H:%M}",
            "revoked": f"{record.revoked_at:%Y-%m-%d %H:%M}" if record.revoked_at else "",
            "note": record.note,
        }
        for record in records
    ]
    if as_json:
        put_json({"keys": rows})
    else:
        show(rows, title="keys")


async def revoke_key(key_id: str, redis: str) -> None:
    """End a key."""
    async with connected(redis) as server:
        record = await Access(server).revoke(key_id)
    say(f"key {record.id!r} of project {record.project!r} is revoked")


async def sign_in_link(key_id: str, desk: str, redis: str) -> None:
    """Print a sign-in link."""
    async with connected(redis) as server:
        token = Access(server).sign_in_token(key_id)
    print(f"{desk.rstrip('/')}/in/{token}")
