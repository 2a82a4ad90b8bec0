"""What decides knows no clock, no chance and no outside: all that it uses comes in its arguments."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labelwright import topology

ROOT = Path(__file__).parents[2]
FORBIDDEN = {
    "redis", "faststream", "asyncio", "time", "random", "secrets", "socket", "os", "uuid", "subprocess", "threading",
    "logging", "structlog", "requests", "httpx", "httpx2", "urllib", "http", "pathlib", "io", "tempfile",
}  # fmt: skip
ASKS_THE_WORLD = {"now", "utcnow", "today", "open", "print", "input", "urandom"}
every_stage = pytest.mark.parametrize("name", topology.STAGES)


def _modules(name: str) -> Iterator[tuple[Path, ast.Module]]:
    """Yield decide.py and the modules of its service that it leads to; state and settings don't decide."""
    folder, waiting, seen = ROOT / "services" / name, ["decide"], {"state", "settings"}
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        tree = ast.parse((folder / f"{module}.py").read_text())
        yield folder / f"{module}.py", tree
        waiting += [one.rpartition(".")[2] for one in _imports(tree) if one.startswith(f"services.{name}.")]


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@every_stage
def test_what_decides_imports_nothing_that_reaches_out(name: str) -> None:
    for path, tree in _modules(name):
        reaching = {one for one in _imports(tree) if one.partition(".")[0] in FORBIDDEN}
        assert not reaching, f"{path} imports {reaching}"


@every_stage
def test_what_decides_asks_neither_clock_nor_user_nor_file(name: str) -> None:
    for path, tree in _modules(name):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func
                asked = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                assert asked not in ASKS_THE_WORLD, f"{path}:{node.lineno} calls {asked}()"


@every_stage
def test_no_service_knows_another(name: str) -> None:
    for path in (ROOT / "services" / name).rglob("*.py"):
        foreign = {
            one
            for one in _imports(ast.parse(path.read_text()))
            if one.startswith("services.") and not one.startswith(f"services.{name}")
        }
        assert not foreign, f"{path} imports {foreign}"


@every_stage
def test_a_decision_is_made_without_a_client_of_the_server(name: str) -> None:
    asked = f"import sys, services.{name}.decide; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"redis", "faststream", "uvicorn"} & set(loaded)


def test_the_parts_that_decisions_are_made_of_are_as_pure() -> None:
    for folder in ("engine", "contracts"):
        for path in (ROOT / "shared" / "labelwright" / folder).glob("*.py"):
            reaching = {one for one in _imports(ast.parse(path.read_text())) if one.partition(".")[0] in FORBIDDEN}
            assert not reaching, f"{path} imports {reaching}"
