"""The recipe for a service in CONTRIBUTING, followed to the letter in a copy of the tree."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.integration.docs.copying import copy_of_the_tree

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

FILE: Final = re.compile(r"^```python (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DIFF: Final = re.compile(r"^```diff\n--- a/(\S+)\n\+\+\+ .*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_service_of_the_recipe_conforms(tmp_path: Path) -> None:
    copy_of_the_tree(tmp_path)
    recipe = (tmp_path / "CONTRIBUTING.md").read_text()
    for name, content in FILE.findall(recipe):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    for name, hunks in DIFF.findall(recipe):
        path = tmp_path / name
        path.write_text(changed(path.read_text(), hunks))

    suites = ["tests/unit/praise", "tests/conformance", "-k", "praise"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *suites],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": f"{tmp_path / 'shared'}:{tmp_path}"},
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stdout[-6_000:]
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed
    assert int(passed[1]) > 10


def changed(text: str, hunks: str) -> str:
    """Change a text as a diff says that names no lines: each hunk must stand in it once."""
    for hunk in filter(None, hunks.split("@@\n")):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(before) == 1, f"this stands {text.count(before)} times in the file:\n{before}"
        text = text.replace(before, after)
    return text
