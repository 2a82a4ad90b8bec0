"""Write what is generated of the docs (settings, metrics, the picture of the topology): `make docs`."""

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from labelwright import metrics, topology
from labelwright.settings import LabelwrightSettings

ROOT: Final = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- generated: topology -->", "<!-- end -->"

_ABOUT_SETTINGS: Final = """\
# Settings

Everything is set by the environment, and every value works on a laptop as it is; durations are in seconds or ISO 8601.
A service checks all of its settings at start and tells all faults together (exit code 2).
This page and `.env.example` are made from the code by `make docs`.
"""


def pages() -> Mapping[Path, str]:
    """Return every generated file and what it must hold; of the README, the part between the markers alone changes."""
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    drawing = f"{BEGIN}\n```mermaid\n{topology.mermaid()}\n```\n{END}"
    return {
        ROOT / "docs/settings.md": "\n".join(_settings_page()),
        ROOT / ".env.example": "\n".join(_env_example()),
        ROOT / "docs/metrics.md": metrics.reference(),
        readme: f"{before}{drawing}{after}",
    }


def _kinds() -> Iterator[tuple[str, type[BaseSettings]]]:
    yield "every service", LabelwrightSettings
    for name in topology.SERVICES:
        try:
            module = importlib.import_module(f"services.{name}.settings")
        except ModuleNotFoundError:  # most services have no knobs of their own
            continue
        kind = next(value for value in vars(module).values() if _is_settings(value))
        yield name, kind


def _is_settings(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseSettings) and value is not BaseSettings


def _fields(kind: type[BaseSettings]) -> Iterator[tuple[str, str, str]]:
    """Yield the variable, its default and its description."""
    for name, field in kind.model_fields.items():
        value = "" if field.default is PydanticUndefined else str(field.default)
        yield f"{kind.model_config['env_prefix']}{name}".upper(), value, field.description or ""


def _settings_page() -> Iterator[str]:
    yield _ABOUT_SETTINGS
    for owner, kind in _kinds():
        yield from (f"## {owner.capitalize()}\n", "| variable | default | meaning |", "| --- | --- | --- |")
        yield from (f"| `{name}` | `{value}` | {about} |" if value else f"| `{name}` | | {about} |"
                    for name, value, about in _fields(kind))  # fmt: skip
        yield ""


def _env_example() -> Iterator[str]:
    yield "# Every setting at its default; see docs/settings.md. LABELWRIGHT_SECRET has none: `openssl rand -hex 32`."
    for owner, kind in _kinds():
        yield f"\n# {owner}"
        yield from (f"# {about}\n#{name}={value}" for name, value, about in _fields(kind))
    yield ""


if __name__ == "__main__":
    for path, content in pages().items():
        path.write_text(content)
