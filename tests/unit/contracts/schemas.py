"""Whether what fitted a schema once still fits: the rules by which a contract may change without a new version."""

from collections.abc import Iterator
from typing import Any, Final

Json = dict[str, Any]
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


def narrowed(old: Json, new: Json) -> list[str]:
    """Return where `new` refuses, drops or reads otherwise what fitted `old`; empty if all of it is still read.

    New optional fields, looser bounds and further alternatives are fine.
    """
    return list(_narrowed(old, new, old.get("$defs", {}), new.get("$defs", {}), "", 0))


def _narrowed(old: Json, new: Json, before: Json, now: Json, at: str, depth: int) -> Iterator[str]:
    old, new = _followed(old, before), _followed(new, now)
    if depth > 20 or not _constrains(new):
        return
    if "anyOf" in old or "anyOf" in new:
        yield from _alternatives_lost(old, new, before, now, at, depth)
        return
    if values := _values(new):
        lost = [value for value in _values(old) if value not in values] if _values(old) else ["any"]
        yield from (f"{at or '/'} is no longer {value!r}" for value in lost)
        return
    if old.get("type") != new.get("type") and (old.get("type"), new.get("type")) != ("integer", "number"):
        yield f"{at or '/'} was {old.get('type', 'anything')}, and is {new.get('type')}"
        return
    yield from _bounds_tightened(old, new, at)
    yield from _fields_lost(old, new, before, now, at, depth)
    for inner in ("items", "additionalProperties"):
        if isinstance(new.get(inner), dict):
            given = old.get(inner)
            told = given if isinstance(given, dict) else {}
            yield from _narrowed(told, new[inner], before, now, f"{at}/*", depth + 1)


def _alternatives_lost(old: Json, new: Json, before: Json, now: Json, at: str, depth: int) -> Iterator[str]:
    for one in old.get("anyOf", [old]):
        faults = [list(_narrowed(one, other, before, now, at, depth + 1)) for other in new.get("anyOf", [new])]
        if all(faults):
            yield max(
                (found[0] for found in faults), key=lambda fault: fault.count("/")
            )  # of the alternative that fits the farthest


def _bounds_tightened(old: Json, new: Json, at: str) -> Iterator[str]:
    for bound in _LOWER:
        if bound in new and new[bound] > old.get(bound, float("-inf")):
            yield f"{at or '/'} has a {bound} of {new[bound]}, it was {old.get(bound)}"
    for bound in _UPPER:
        if bound in new and new[bound] < old.get(bound, float("inf")):
            yield f"{at or '/'} has a {bound} of {new[bound]}, it was {old.get(bound)}"
    for form in ("pattern", "format"):
        if form in new and new[form] != old.get(form):
            yield f"{at or '/'} has the {form} {new[form]!r}, it was {old.get(form)!r}"


def _fields_lost(old: Json, new: Json, before: Json, now: Json, at: str, depth: int) -> Iterator[str]:
    fields = new.get("properties", {})
    yield from (f"{at}/{name} is required" for name in new.get("required", ()) if name not in old.get("required", ()))
    for name, told in old.get("properties", {}).items():
        if name in fields:
            yield from _narrowed(told, fields[name], before, now, f"{at}/{name}", depth + 1)
        else:
            yield f"{at}/{name} is gone"


def _followed(schema: Json, definitions: Json) -> Json:
    return definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _constrains(schema: Json) -> bool:
    return bool({"type", "anyOf", "enum", "const"} & schema.keys())


def _values(schema: Json) -> list[Any]:
    return schema.get("enum") or ([schema["const"]] if "const" in schema else [])
