"""The OpenAPI document: FastAPI's, with the bodies that the gateway reads by itself, and problems by their type."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from services.gateway.answers import ProblemDetails

_REFERENCES = "#/components/schemas/{model}"
_components: dict[str, Any] = {}


def body(example: Any = None, **kinds: Any) -> dict[str, Any]:
    """Return what a route's `openapi_extra` says of a body that isn't FastAPI's to read.

    `kinds` are types, or schemas, by media type; the example is the first one's.
    """
    content = {
        kind: {"schema": kinds[kind] if isinstance(kinds[kind], dict) else _schema(kinds[kind])} for kind in kinds
    }
    if example:
        next(iter(content.values()))["example"] = example
    return {"requestBody": {"required": True, "content": content}}


def answers(statuses: Mapping[int | str, dict[str, Any]], kind: Any, media: str = "application/json") -> Any:
    """Return a route's error answers where it tells them otherwise than as problems: as a model, in a media type."""
    content = {media: {"schema": _schema(kind)}}
    return {status: {"description": about["description"], "content": content} for status, about in statuses.items()}


def describe(app: FastAPI) -> None:
    """Let an app tell of itself."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            document["components"]["schemas"] |= _components
            for operation in (one for path in document["paths"].values() for one in path.values()):
                for status, response in operation["responses"].items():
                    if status >= "400" and _is_problem(response):
                        response["content"] = {"application/problem+json": {"schema": _schema(ProblemDetails)}}
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


def _is_problem(response: dict[str, Any]) -> bool:
    """Whether a route tells this as a problem, or leaves it to FastAPI, which we taught to tell problems."""
    told = response.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    return "content" not in response or told.endswith(("/ProblemDetails", "/HTTPValidationError"))


def _schema(kind: Any) -> dict[str, Any]:
    schema = TypeAdapter(kind).json_schema(ref_template=_REFERENCES)
    _components.update(schema.pop("$defs", {}))
    if "properties" in schema:
        _components[kind.__name__] = schema
        return {"$ref": _REFERENCES.format(model=kind.__name__)}
    return schema
