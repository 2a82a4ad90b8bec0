"""The project file: read the one in force, bring another one into force."""

from typing import Any

import yaml
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from pydantic_core import from_json

from labelwright.contracts.envelope import pointer
from labelwright.contracts.project import ProjectFile
from labelwright.projects import current
from labelwright.registry import apply_project
from labelwright.runtime.server import refusing
from services.gateway.problems import Problem
from services.gateway.routes.caller import COMMON, PROBLEM, Caller, demand, partition_of
from services.gateway.routes.reading import body_of

router = APIRouter(tags=["projects"])
_YAML = ("application/yaml", "application/x-yaml", "text/yaml")


@router.get("/v1/projects/{project}", responses=COMMON)
async def read(request: Request, caller: Caller, project: str) -> JSONResponse:
    """Return the project file in force and its version's number."""
    if project != caller.project:
        raise Problem(403, f"your key belongs to project {caller.project!r}, not to this one")
    partition = await partition_of(request, project)
    with refusing():
        (present,) = await (await partition.reads())(current.get(project))
    if present is None:
        raise Problem(404, f"project {project!r} has no project file yet")
    known = present.value
    hidden = set() if caller.may("owner") else {"gold", "gold_share"}
    body = {"number": known.number, "file": known.file.model_dump(mode="json", exclude=hidden)}
    return JSONResponse(body, headers={"ETag": f'"{known.number}"'})


@router.put(
    "/v1/projects/{project}",
    responses={
        **COMMON,
        409: {"description": "another version is in force", **PROBLEM},
        413: {"description": "over a limit", **PROBLEM},
        415: {"description": "neither JSON nor YAML", **PROBLEM},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": ProjectFile.model_json_schema()},
                "application/yaml": {"schema": {"type": "string"}},
            },
        }
    },
)
async def apply(request: Request, caller: Caller, project: str) -> JSONResponse:
    """Bring a project file into force as the next version; the same file again changes nothing.

    `If-Match` with the number of the version that you read keeps two owners from overwriting each other.
    """
    demand(caller, "owner", project=project)
    file = _file(await body_of(request, request.app.state.settings), request)
    if file.project != project:
        raise Problem(
            422, f"the file is of project {file.project!r}, the address of {project!r}; they must be the same"
        )
    number, is_new = await apply_project(request.app.state.server, file, if_number=_expected(request))
    return JSONResponse({"project": project, "number": number, "new": is_new}, headers={"ETag": f'"{number}"'})


def _expected(request: Request) -> int | None:
    given = request.headers.get("if-match")
    if given is None or given == "*":
        return None
    number = given.strip().strip('"')
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise Problem(400, "If-Match must be the number of a version, as its ETag said")
    return int(number)


def _file(body: bytes, request: Request) -> ProjectFile:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    try:
        value: Any
        if kind in _YAML:
            value = yaml.safe_load(body)
        elif kind in ("application/json", ""):
            value = from_json(body, allow_inf_nan=False)
        else:
            raise Problem(415, f"content type {kind[:60]!r} isn't taken; send application/json or application/yaml")
        return ProjectFile.model_validate(value)
    except ValidationError as error:
        faults = [{"pointer": pointer(fault["loc"]), "detail": fault["msg"]} for fault in error.errors()[:20]]
        raise Problem(422, "the project file doesn't fit its schema; see 'errors'", errors=faults) from None
    except (ValueError, yaml.YAMLError, RecursionError):
        raise Problem(400, f"the body isn't valid {'YAML' if kind in _YAML else 'JSON'}") from None
