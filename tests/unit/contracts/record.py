"""Record each version of each contract for ever: its schema, and the bytes of its events, the fullest and the barest.

`python -m tests.unit.contracts.record` writes a file for what isn't recorded yet. Named (`… record ItemOpened`), a
contract is recorded anew: right for one that no release has carried, and for no other.
"""

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from labelwright import contracts
from labelwright.contracts import payload
from labelwright.contracts.envelope import Event, encode
from labelwright.contracts.payload import Payload

FOLDER: Final = Path(__file__).with_name("recorded")
Json = dict[str, Any]

FILE: Final = {
    "project": "support",
    "guideline": {"question": "Is it wrong?", "labels": [{"name": "right"}, {"name": "wrong", "definition": "false"}]},
    "sources": [{"name": "crowd", "kind": "crowd", "price_usd": 0.05}],
}
SUBJECT: Final = {"type": "screen", "id": "checkout"}
FITTING: Final[dict[str, Json]] = {
    "FeedbackReceived": {"kind": "stars", "value": 2, "subject": SUBJECT},
    "FeedbackAccepted": {"kind": "text", "comment": "too many steps", "subject": SUBJECT},
    "ProjectApplied": {"file": FILE},
}
"""Values that a contract's own rules need, which no schema tells."""


def all_contracts() -> list[type[Payload]]:
    """Return every contract that there is."""
    for module in pkgutil.iter_modules(contracts.__path__):
        importlib.import_module(f"{contracts.__name__}.{module.name}")
    known = {kind for kind in payload._NAMES.values() if kind.__module__.startswith("labelwright.")}
    return sorted(known, key=lambda kind: kind.type)


def path_of(kind: type[Payload], version: int) -> Path:
    """Return where a version of a contract is recorded."""
    return FOLDER / f"{kind.type.rpartition('.v')[0].removeprefix('labelwright.')}.v{version}.json"


def record(kind: type[Payload]) -> None:
    """Write what a contract is now."""
    schema = kind.model_json_schema()
    fitting = FITTING.get(kind.__name__, {})
    examples = [_encoded(kind, example(schema, has_all=has_all) | fitting) for has_all in (True, False)]
    recorded = {"schema": _bare(schema), "events": examples}
    path_of(kind, kind.version).write_text(json.dumps(recorded, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def example(schema: Json, *, has_all: bool, definitions: Json | None = None) -> Any:
    """Return a value that fits a schema: with all fields, or only with those that it requires."""
    definitions = schema.get("$defs", definitions or {})
    schema = _resolved(schema, definitions)
    if "enum" in schema or "const" in schema:
        return (schema.get("enum") or [schema["const"]])[0]
    kind = schema.get("type")
    if kind == "object":
        return _object(schema, has_all, definitions)
    if kind == "array":
        return [example(schema["items"], has_all=has_all, definitions=definitions)]
    least = float(schema.get("minimum") or schema.get("exclusiveMinimum") or 0)
    simple = {"integer": max(int(least), 1), "number": max(least, 0.25), "boolean": True, "string": "crowd"}
    if schema.get("format") == "date-time":
        return "2026-11-24T10:00:00Z"
    return simple.get(str(kind), {"any": ["thing", 1, None]})


def _object(schema: Json, has_all: bool, definitions: Json) -> Json:
    fields = schema.get("properties")
    if fields is None:
        inner = schema.get("additionalProperties")
        fields, names = {"right": inner if isinstance(inner, dict) else {}}, ["right"]
    else:
        names = list(fields if has_all else schema.get("required", ()))
    return {name: example(fields[name], has_all=has_all, definitions=definitions) for name in names}


def _resolved(schema: Json, definitions: Json) -> Json:
    """Follow a reference, and take the first alternative that isn't null."""
    while "$ref" in schema or "anyOf" in schema:
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rpartition("/")[2]]
        else:
            schema = next(one for one in schema["anyOf"] if one.get("type") != "null")
    return schema


def _bare(schema: Any) -> Any:
    """Leave out what a schema tells people alone."""
    if isinstance(schema, list):
        return [_bare(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told = ("title", "description")
    return {key: _bare(one) for key, one in schema.items() if key not in told or not isinstance(one, str)}


def _encoded(kind: type[Payload], data: Json) -> str:
    event: Event[Payload] = Event(
        "e1", "/recorded", "support", datetime(2026, 11, 24, 10, tzinfo=UTC), kind.model_validate(data), "story"
    )
    return encode(event).decode()


def _chosen(names: list[str]) -> Iterator[type[Payload]]:
    for kind in all_contracts():
        if kind.__name__ in names or not path_of(kind, kind.version).exists():
            yield kind


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for chosen in _chosen(sys.argv[1:]):
        record(chosen)
        sys.stdout.write(f"recorded {chosen.type}\n")
