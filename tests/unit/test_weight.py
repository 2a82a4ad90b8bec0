"""What a process does not import: heavy libraries belong to the services that need them."""

import subprocess
import sys

import pytest

HEAVY = {"numpy", "pyarrow", "duckdb", "obstore", "jinja2"}
NEEDS = {
    "gateway": set[str](), "intake": set[str](), "triage": {"numpy"}, "dispatch": set[str](), "annotate": set[str](),
    "resolve": {"numpy"}, "quality": {"numpy"}, "desk": {"jinja2"},
}  # fmt: skip


@pytest.mark.parametrize("service", NEEDS)
def test_a_service_imports_no_heavy_library_that_it_does_not_need(service: str) -> None:
    part = "app" if service in ("gateway", "desk") else "decide"
    look = f"import sys, services.{service}.{part}, labelwright.runtime.process; print(*sys.modules, sep='\\n')"

    ran = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert HEAVY & set(ran.stdout.split()) <= NEEDS[service]


def test_the_help_of_the_command_line_needs_no_service_and_no_server() -> None:
    look = "import sys, labelwright.cli.app; print(*sys.modules, sep='\\n')"

    ran = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    loaded = set(ran.stdout.split())
    assert not HEAVY & loaded
    assert not {"redis", "faststream", "pydantic", "fastapi"} & loaded
