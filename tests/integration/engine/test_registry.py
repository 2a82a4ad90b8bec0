"""The registry: a project lives in one partition, and of two who change it at once neither overwrites the other."""

import asyncio
from collections import Counter

import pytest

from labelwright import projects
from labelwright.contracts.envelope import decode
from labelwright.contracts.project import ProjectApplied
from labelwright.errors import ContractError
from labelwright.registry import apply_project, place
from labelwright.runtime.server import Server, placements
from labelwright.settings import LabelwrightSettings
from tests.unit.dispatch.office import project_file

pytestmark = [pytest.mark.server, pytest.mark.anyio]


async def _several(settings: LabelwrightSettings) -> Server:
    return await Server.connect(settings.model_copy(update={"partitions": 4}))


async def test_new_projects_are_spread_over_the_partitions(settings: LabelwrightSettings) -> None:
    server = await _several(settings)

    for number in range(12):
        await place(server, f"project-{number}")

    (placed,) = await (await server.registry.reads())(placements.all())
    assert Counter(placed.values()) == {"p0": 3, "p1": 3, "p2": 3, "p3": 3}
    await server.close()


async def test_a_project_that_many_place_at_once_lives_in_one_partition(settings: LabelwrightSettings) -> None:
    servers = [await _several(settings) for _ in range(5)]

    found = await asyncio.gather(*(place(server, "shop") for server in servers))

    assert len({partition.name for partition in found}) == 1
    assert {(await place(server, "shop")).name for server in servers} == {found[0].name}
    for server in servers:
        await server.close()


async def test_versions_that_many_apply_at_once_are_all_kept_and_numbered_in_a_row(server: Server) -> None:
    files = [project_file(labels=("good", "bad", f"label-{number}")) for number in range(6)]

    applied = await asyncio.gather(*(apply_project(server, file) for file in files))

    partition = server.partition("p0")
    (history,) = await (await partition.reads())(projects.history.all())
    rows = await partition.client.xrange(partition.key("guidelines"))
    told = [data.number for _, row in rows if isinstance(data := decode(row[b"event"]).data, ProjectApplied)]
    (present,) = await (await partition.reads())(projects.current.get("shop"))
    assert sorted(number for number, _ in applied) == [1, 2, 3, 4, 5, 6]
    assert {f"shop@{number}": file for (number, _), file in zip(applied, files, strict=True)} == {
        name: document.value.file for name, document in history.items()
    }
    assert told == [1, 2, 3, 4, 5, 6]
    assert present is not None
    assert (present.version, present.value.number) == (6, 6)


async def test_the_same_file_again_makes_no_version(server: Server) -> None:
    first = await apply_project(server, project_file())
    again = await apply_project(server, project_file())

    assert (first, again) == ((1, True), (1, False))
    assert await server.client.xlen(server.partition("p0").key("guidelines")) == 1


async def test_who_believes_in_another_version_is_refused(server: Server) -> None:
    await apply_project(server, project_file())
    later = project_file(labels=("good", "bad", "neither"))

    with pytest.raises(ContractError, match="version 1 is in force, not 7"):
        await apply_project(server, later, if_number=7)

    assert await apply_project(server, later, if_number=1) == (2, True)
