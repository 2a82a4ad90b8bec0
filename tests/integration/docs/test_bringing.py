"""Every command of the page on feedback from elsewhere, run by a shell; what it sends is taken."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.integration.cli.conftest import ROOT, System, up

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

PAGE: Final = (ROOT / "docs/guides/bringing-feedback.md").read_text()
BLOCK: Final = re.compile(r"^```(bash|python)( langfuse)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def script() -> Iterator[str]:
    """Yield the blocks as one shell script; those of an SDK that isn't installed are left out."""
    yield "set -eo pipefail"
    for language, sdk, text in BLOCK.findall(PAGE):
        if language == "python" and importlib.util.find_spec(sdk.strip()):
            yield f"python - <<'END'\n{text}END"
        elif language == "bash":
            yield f"{text}\necho"


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with up(tmp_path) as running:
        running.command("project", "apply", str(ROOT / "examples/support.yaml"))
        yield running


def test_every_block_of_the_page_runs(system: System) -> None:
    key, gateway = system.key("support", "publisher"), system.urls["publish"]
    environment = os.environ | {
        "KEY": key,
        "LABELWRIGHT_DSN": f"{gateway.replace('://', f'://{key}@')}/support",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    text = "\n".join(script()).replace("http://127.0.0.1:7071", gateway)

    ran = subprocess.run(
        ["bash"], input=text, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )

    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert "4 fit, 0 don't; nothing was sent" in ran.stderr
    assert "4 sent, 4 accepted" in ran.stderr
    *_, score, logs, spans, envelope = [
        json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"') or line == "{}"
    ]
    assert (score, logs, spans) == ({"id": "score-1"}, {}, {})
    assert envelope["id"].startswith("sentry_")
