"""Whatever was ever written can be read for ever: each version of each contract, by bytes recorded when it was new.

A contract that changes needs a new version, an upgrade to it and its bytes, unless it only gains what is optional.
`python -m tests.unit.contracts.record` records what isn't recorded yet.
"""

import json
from typing import Any, Final

import pytest

from labelwright.contracts import payload
from labelwright.contracts.envelope import decode
from labelwright.contracts.payload import Payload, resolve
from labelwright.errors import ContractError
from tests.unit.contracts.record import FOLDER, all_contracts, path_of
from tests.unit.contracts.schemas import narrowed

KINDS: Final = all_contracts()
RECORDED: Final = sorted(FOLDER.glob("*.json"))
HOW: Final = "run `python -m tests.unit.contracts.record`, and give it an upgrade from the version before"
every_contract = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
Json = dict[str, Any]


@every_contract
def test_every_version_is_recorded_and_can_be_lifted(kind: type[Payload]) -> None:
    assert lacking(kind) == []


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_bytes_are_read_as_the_present_version(path: Any) -> None:
    events = json.loads(path.read_text())["events"]

    for raw in events:
        event = decode(raw)
        told = json.loads(raw)
        assert type(event.data) in KINDS
        if told["type"] == event.data.type:
            assert lost(told["data"], event.data.model_dump(mode="json")) == []
    assert events


@every_contract
def test_a_contract_changed_without_a_new_version_reads_all_that_it_read(kind: type[Payload]) -> None:
    recorded = json.loads(path_of(kind, kind.version).read_text())["schema"]

    assert narrowed(recorded, kind.model_json_schema()) == [], (
        f"{kind.type} reads less than it did when it was recorded: raise its version and write an upgrade, or, if no "
        f"release has carried it yet, record it anew: `python -m tests.unit.contracts.record {kind.__name__}`"
    )


def test_no_record_is_of_a_contract_that_is_gone() -> None:
    known = {path_of(kind, version) for kind in KINDS for version in range(1, kind.version + 1)}

    assert set(RECORDED) - known == set()


def test_a_raised_version_without_bytes_and_upgrade_is_found() -> None:
    class Raised(Payload, stream="nowhere", version=2):
        """A contract whose version was raised, and nothing else."""

    try:
        assert lacking(Raised) == [
            f"labelwright.nowhere.raised.v1 isn't recorded: {HOW}",
            f"labelwright.nowhere.raised.v1 can't be lifted: {HOW}",
            f"labelwright.nowhere.raised.v2 isn't recorded: {HOW}",
        ]
    finally:
        del payload._NAMES["labelwright.nowhere.raised"]


OLD: Final[Json] = {
    "type": "object",
    "required": ["a"],
    "properties": {
        "a": {"type": "string", "minLength": 1, "maxLength": 9},
        "b": {"anyOf": [{"$ref": "#/$defs/B"}, {"type": "null"}]},
        "c": {"enum": ["x", "y"]},
        "d": {"type": "array", "items": {"type": "integer", "maximum": 5}},
        "e": {"type": "object", "additionalProperties": {"type": "number"}},
    },
    "$defs": {"B": {"type": "object", "required": [], "properties": {"at": {"type": "string", "format": "date-time"}}}},
}
A: Final = {"type": "string", "minLength": 1, "maxLength": 9}


def changed(name: str, told: Json | None, **more: Any) -> Json:
    """The schema with one field changed, or without it."""
    properties = {key: value for key, value in {**OLD["properties"], name: told}.items() if value is not None}
    return OLD | {"properties": properties} | more


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        changed("z", {"type": "string"}),
        changed("a", A | {"minLength": 0, "maxLength": 99}),
        changed("a", {"anyOf": [A, {"type": "integer"}]}),
        changed("a", A, required=[]),
        changed("c", {"enum": ["x", "y", "z"]}),
        changed("d", {"type": "array", "items": {"type": "number"}}),
        changed("e", {"type": "object"}),
        changed("e", {}),
    ],
)
def test_what_only_adds_is_no_new_version(new: Json) -> None:
    assert narrowed(OLD, new) == []


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (changed("z", {"type": "string"}, required=["a", "z"]), "/z is required"),
        (changed("c", OLD["properties"]["c"], required=["a", "c"]), "/c is required"),
        (changed("b", None), "/b is gone"),
        (changed("a", {"type": "integer"}), "/a was string, and is integer"),
        (changed("a", A | {"maxLength": 8}), "/a has a maxLength of 8, it was 9"),
        (changed("a", A | {"minLength": 2}), "/a has a minLength of 2, it was 1"),
        (changed("a", A | {"pattern": "x"}), "/a has the pattern 'x', it was None"),
        (changed("c", {"enum": ["x"]}), "/c is no longer 'y'"),
        (changed("c", {"const": "x"}), "/c is no longer 'y'"),
        (changed("b", {"$ref": "#/$defs/B"}), "/b was null, and is object"),
        (changed("d", {"type": "array", "items": {"type": "integer", "maximum": 4}}), "/d/* has a maximum of 4"),
        (changed("e", {"type": "object", "additionalProperties": {"type": "string"}}), "/e/* was number"),
        (OLD | {"$defs": {"B": {"type": "object", "required": ["at"]}}}, "/b/at is required"),
        (OLD | {"$defs": {"B": {"type": "object", "properties": {"at": {"type": "string"}}}}}, ""),
    ],
)
def test_what_takes_something_away_is_found(new: Json, told: str) -> None:
    faults = narrowed(OLD, new)

    assert bool(faults) == bool(told)
    assert not told or faults[0].startswith(told)


def lacking(kind: type[Payload]) -> list[str]:
    """What the versions of a contract lack."""
    faults = []
    for version in range(1, kind.version + 1):
        name = f"{kind.type.rpartition('.v')[0]}.v{version}"
        if not path_of(kind, version).exists():
            faults.append(f"{name} isn't recorded: {HOW}")
        try:
            resolve(name)
        except ContractError:
            faults.append(f"{name} can't be lifted: {HOW}")
    return faults


def lost(told: Any, read: Any, at: str = "") -> list[str]:
    """Where what was told is not what was read."""
    if isinstance(told, dict) and isinstance(read, dict):
        return [fault for key in told for fault in lost(told[key], read.get(key), f"{at}/{key}")]
    if isinstance(told, list) and isinstance(read, list) and len(told) == len(read):
        return [fault for one, other in zip(told, read, strict=True) for fault in lost(one, other, f"{at}/*")]
    return [] if told == read else [f"{at}: {told!r} is read as {read!r}"]
