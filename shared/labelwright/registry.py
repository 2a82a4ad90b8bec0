"""The registry: which partition a project lives in, and how its project file comes into force."""

import os
from collections import Counter

from labelwright import projects
from labelwright.contracts.project import ProjectApplied, ProjectFile
from labelwright.engine.decisions import emit
from labelwright.errors import ContractError
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server, placements, refusing

TRIES = 10


async def place(server: Server, project: str) -> Partition:
    """Return the project's partition; a new project goes where the fewest live. Raises ServerRefuses."""
    with refusing():
        for _ in range(TRIES):
            if found := await server.partition_of(project):
                return found
            (placed,) = await (await server.registry.reads())(placements.all())
            crowd = Counter(placed.values())
            name = min((partition.name for partition in server.partitions), key=lambda name: (crowd[name], name))
            await server.registry.write(
                "registry",
                [placements.lacks(project)],
                [placements.put(project, name)],
                cause=f"place-{project}",
                project=project,
            )
    raise ContractError("busy", f"project {project!r} could not be placed while others change the registry; try again")


async def apply_project(server: Server, file: ProjectFile, *, if_number: int | None = None) -> tuple[int, bool]:
    """Bring a project file into force; its version's number, and whether it is new (False: nothing differs).

    Versions are never overwritten. `if_number` is the version that the caller believes in force. Raises ContractError:
    bad_pattern and the like from the rules, or `changed` when another version is in force; and ServerRefuses.
    """
    from labelwright.rules import check_rules

    check_rules(file)
    partition = await place(server, file.project)
    with refusing():
        for _ in range(TRIES):
            (present,) = await (await partition.reads())(projects.current.get(file.project))
            version, number = (present.version, present.value.number) if present else (0, 0)
            if if_number is not None and if_number != number:
                raise ContractError(
                    "changed", f"version {number} is in force, not {if_number}; read it, then apply again"
                )
            if present and present.value.file == file:
                return number, False
            project = projects.Project(number=number + 1, file=file)
            applied = await partition.write(
                "gateway",
                [projects.current.version_is(file.project, version)],
                [
                    projects.current.put(file.project, project, version + 1),
                    projects.history.put(f"{file.project}@{number + 1}", project, 1),
                    emit(ProjectApplied(number=number + 1, file=file)),
                ],
                cause=f"apply-{file.project}-{number + 1}-{os.urandom(4).hex()}",
                project=file.project,
            )
            if applied:
                return number + 1, True
    raise ContractError("changed", f"project {file.project!r} is being changed by others; try again")
