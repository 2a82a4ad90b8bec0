"""The OpenAPI document: FastAPI's, with the bodies that the gateway reads by itself, and problems by their type."""

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


def describe(app: FastAPI) -> None:
    """Let an app tell of itself."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            document["components"]["schemas"] |= _components
            for operation in (one for path in document["paths"].values() for one in path.values()):
                for status, response in operation["responses"].items():
                    if status >= "400":
                        response["content"] = {"application/problem+json": {"schema": _schema(ProblemDetails)}}
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


def _schema(kind: Any) -> dict[str, Any]:
    schema = TypeAdapter(kind).json_schema(ref_template=_REFERENCES)
    _components.update(schema.pop("$defs", {}))
    if "properties" in schema:
        _components[kind.__name__] = schema
        return {"$ref": _REFERENCES.format(model=kind.__name__)}
    return schema
