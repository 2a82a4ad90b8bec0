"""What a stage runs: a service's folder, by its name."""

import importlib
import importlib.util
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from labelwright.contracts.envelope import Event
from labelwright.contracts.payload import Payload
from labelwright.engine.decisions import Decision
from labelwright.metrics import Sample


@dataclass(frozen=True, slots=True)
class Service:
    """What a service's folder holds: how it loads and decides, and which figures of its state it exports."""

    name: str
    load: Callable[[Sequence[Event[Payload]], Any], Awaitable[Any]]
    decide: Callable[[Sequence[Event[Payload]], Any], Iterable[Decision]]
    gauges: Callable[[Any], Awaitable[Iterable[Sample]]] | None = None

    @classmethod
    def named(cls, name: str) -> "Service":
        """Import a service by its name; only what runs is imported. Raises SettingsError if its settings are wrong."""
        if importlib.util.find_spec(f"services.{name}.settings"):
            importlib.import_module(f"services.{name}.settings").settings()
        state = importlib.import_module(f"services.{name}.state")
        decide = importlib.import_module(f"services.{name}.decide")
        return cls(name, state.load, decide.decide, getattr(state, "gauges", None))
