"""The projects of a partition: every version of every project file, and which one is in force."""

from collections.abc import Iterable, Mapping

from labelwright.contracts.payload import Part
from labelwright.contracts.project import ProjectFile
from labelwright.engine.reads import Reads
from labelwright.engine.tables import Documents


class Project(Part):
    """A project file in force, and its number: the guideline version that annotations and labels name."""

    number: int
    file: ProjectFile


current: Documents[Project] = Documents("gateway.projects", Project)
history: Documents[Project] = Documents("gateway.project_versions", Project)
"""Every version, by `<project>@<number>`; written by the gateway alone."""


async def in_force(reads: Reads, names: Iterable[str]) -> Mapping[str, Project]:
    """Read the project files in force, by project; a project that was never applied is absent."""
    (found,) = await reads(current.get_many(names))
    return {name: document.value for name, document in found.items()}
