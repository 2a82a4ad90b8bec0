"""What annotate reads before it answers: the project files whose rules apply."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labelwright import projects
from labelwright.contracts.envelope import Event
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import ProjectFile
from labelwright.contracts.work import AssignmentLeased
from labelwright.engine.reads import Reads


@dataclass(frozen=True, slots=True)
class State:
    """The project files that the batch's assignments were leased under, by project and guideline version."""

    files: Mapping[tuple[str, int], ProjectFile]


async def load(batch: Sequence[Event[Payload]], reads: Reads) -> State:
    """Read the versions that the machines of the batch were asked under; most batches name one."""
    asked = {
        f"{event.project}@{event.data.guideline_version}": (event.project, event.data.guideline_version)
        for event in batch
        if isinstance(event.data, AssignmentLeased) and event.data.annotator == machine(event.data.source)
    }
    (found,) = await reads(projects.history.get_many(asked))
    return State({asked[name]: document.value.file for name, document in found.items()})


def machine(source: str) -> str:
    """Return the annotator's name under which a source's machine works."""
    return f"machine:{source}"
