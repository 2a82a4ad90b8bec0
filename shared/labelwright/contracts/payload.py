"""The base of every event's data, and the chains that lift old versions of it to the present one."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from labelwright.errors import ContractError

Json = dict[str, Any]
Moment = Annotated[datetime, AfterValidator(lambda moment: moment if moment.tzinfo else moment.replace(tzinfo=UTC))]
"""A time; without its zone it is taken as UTC, as everywhere on the wire, so that any two can be compared."""
Short = Annotated[str, StringConstraints(min_length=1, max_length=256)]
ItemId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
SourceName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""What names are: an item's has room for the number of a task behind it, a source's for `machine:` before it."""
Count = Annotated[int, Field(ge=0, le=2**53)]
Price = Annotated[float, Field(ge=0, le=10_000)]
Cost = Annotated[float, Field(ge=0, le=1_000_000)]
"""What numbers may be, so that sums of many still can be counted on the server."""

_NAMES: dict[str, type["Payload"]] = {}
_UPGRADES: dict[tuple[str, int], Callable[[Json], Json]] = {}
_TYPE = re.compile(r"(labelwright\.[a-z_]+\.[a-z_]+)\.v([1-9][0-9]{0,3})")


class Part(BaseModel):
    """A piece of an event's data: frozen, unknown fields ignored, inputs kept out of error messages."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, protected_namespaces=())


class Payload(Part):
    """The data of one kind of event: `class ItemOpened(Payload, stream="items", version=1)`."""

    stream: ClassVar[str]
    version: ClassVar[int]
    type: ClassVar[str]

    def __init_subclass__(cls, *, stream: str, version: int = 1) -> None:
        """Register the class under `labelwright.<stream>.<event>`."""
        super().__init_subclass__()
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        name = f"labelwright.{stream}.{snake}"
        cls.stream, cls.version, cls.type = stream, version, f"{name}.v{version}"
        _NAMES[name] = cls
        _resolve.cache_clear()


def upgrades(payload: type[Payload], version: int) -> Callable[[Callable[[Json], Json]], Callable[[Json], Json]]:
    """Register a pure function that lifts `payload`'s data from `version` to `version + 1`."""

    def register(lift: Callable[[Json], Json]) -> Callable[[Json], Json]:
        _UPGRADES[payload.type.rpartition(".v")[0], version] = lift
        _resolve.cache_clear()
        return lift

    return register


def resolve(type_name: object) -> tuple[type[Payload], list[Callable[[Json], Json]]]:
    """Return the model of an event type and the upgrades that lead from that version to it.

    Raises ContractError `unknown_type` or `unknown_version`.
    """
    return _resolve(type_name if isinstance(type_name, str) else "")


@lru_cache(maxsize=1_024)  # what is unknown raises, and so isn't kept
def _resolve(type_name: str) -> tuple[type[Payload], list[Callable[[Json], Json]]]:
    match = _TYPE.fullmatch(type_name)
    model = _NAMES.get(match[1]) if match else None
    if match is None or model is None:
        raise ContractError("unknown_type", "the event's type is none that Labelwright knows; see its topology")
    version = int(match[2])
    chain = [_UPGRADES.get((match[1], step)) for step in range(version, model.version)]
    if version > model.version or None in chain:
        raise ContractError(
            "unknown_version",
            f"{match[1]} is read up to version {model.version}, not {version}; upgrade the services before publishers",
        )
    return model, [lift for lift in chain if lift]
