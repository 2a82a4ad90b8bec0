"""The project file: read the one in force, bring another one into force."""

from typing import Any, Final

import yaml
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from pydantic_core import from_json

from labelwright.contracts.envelope import pointer
from labelwright.contracts.project import ProjectFile
from labelwright.expiry import lost
from labelwright.projects import current
from labelwright.registry import apply_project
from labelwright.runtime.server import refusing
from services.gateway.answers import PROBLEM, ProjectApplied, ProjectInForce, Signal
from services.gateway.openapi import body
from services.gateway.problems import Problem
from services.gateway.routes.body import Door, content_type
from services.gateway.routes.caller import COMMON, READING, Caller, demand, partition_of

router = APIRouter(tags=["projects"], route_class=Door)
_YAML: Final = ("application/yaml", "application/x-yaml", "text/yaml")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ETAG = {"ETag": {"description": "the version's number, for If-Match", "schema": {"type": "string"}}}


@router.get(
    "/v1/projects/{project}",
    response_model=ProjectInForce,
    responses={**READING, 200: {"description": "the project file in force", "headers": _ETAG}},
)
async def read(request: Request, caller: Caller, project: str) -> JSONResponse:
    """Return the project file in force and its version's number."""
    demand(caller, "publisher", "annotator", "reviewer", project=project)
    partition = await partition_of(request, project)
    with refusing():
        (present,) = await (await partition.reads())(current.get(project))
    if present is None:
        raise Problem(404, f"project {project!r} has no project file yet")
    known = present.value
    hidden = set() if caller.may("owner") else {"gold", "gold_share"}
    answer = {"number": known.number, "file": known.file.model_dump(mode="json", exclude=hidden)}
    return JSONResponse(answer, headers={"ETag": f'"{known.number}"'})


@router.put(
    "/v1/projects/{project}",
    response_model=ProjectApplied,
    responses={
        **COMMON,
        200: {"description": "the version in force", "headers": _ETAG},
        409: {"description": "another version is in force", **PROBLEM},
    },
    openapi_extra=body(**{"application/json": ProjectFile, "application/yaml": {"type": "string"}}),
)
async def apply(request: Request, caller: Caller, project: str) -> JSONResponse:
    """Bring a project file into force as the next version; the same file again changes nothing.

    `If-Match` with the number of the version that you read keeps two owners from overwriting each other.
    """
    demand(caller, "owner", project=project)
    expected = _expected(request)
    file = _file(await request.body(), request)
    if file.project != project:
        raise Problem(
            422, f"the file is of project {file.project!r}, the address of {project!r}; they must be the same"
        )
    number, is_new = await apply_project(request.app.state.server, file, if_number=expected)
    return JSONResponse({"project": project, "number": number, "new": is_new}, headers={"ETag": f'"{number}"'})


@router.get("/v1/projects/{project}/signal", response_model=Signal, responses=READING)
async def signal(request: Request, caller: Caller, project: str) -> JSONResponse:
    """Return how much of the project's feedback expired without a label, by reason and age: what you throw away."""
    demand(caller, "reviewer", project=project)
    partition = await partition_of(request, project)
    with refusing():
        found = await lost(await partition.reads(), [project])
    return JSONResponse({"project": project, **found[project].as_json()})


def _expected(request: Request) -> int | None:
    given = request.headers.get("if-match")
    if given is None or given == "*":
        return None
    number = given.strip().strip('"')
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise Problem(400, "If-Match must be the number of a version, as its ETag said")
    return int(number)


def _file(content: bytes, request: Request) -> ProjectFile:
    kind = content_type(request)
    if kind not in ("", "application/json", *_YAML):
        raise Problem(415, f"content type {kind[:60]!r} isn't taken; send application/json or application/yaml")
    try:
        most_depth = request.app.state.settings.most_depth
        value = _yaml(content, most_depth) if kind in _YAML else from_json(content, allow_inf_nan=False)
        return ProjectFile.model_validate(value)
    except ValidationError as error:
        faults = [{"pointer": pointer(fault["loc"]), "detail": fault["msg"]} for fault in error.errors()[:20]]
        raise Problem(422, "the project file doesn't fit its schema; see 'errors'", errors=faults) from None
    except (ValueError, yaml.YAMLError):
        raise Problem(400, f"the body isn't valid {'YAML' if kind in _YAML else 'JSON'}") from None


def _yaml(content: bytes, most_depth: int) -> Any:
    """Read YAML of bounded depth and without aliases, by which a small file can say a great deal.

    Raises yaml.YAMLError, ValueError (a date or a number that is none) and 400.
    """
    depth = 0
    for event in yaml.parse(content, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise Problem(400, "the YAML has an alias (*…); write out what it stands for")
        if depth > most_depth:
            raise Problem(400, f"the YAML nests deeper than {most_depth} levels; a project file doesn't")
    return yaml.load(content, Loader=_LOADER)  # noqa: S506  # a safe loader: CSafeLoader, or SafeLoader without libyaml
