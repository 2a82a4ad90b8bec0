"""Every block of the README, run in order by a shell, as a reader would."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from labelwright.runtime.embedded import free_port
from tests.integration.cli.conftest import ROOT
from tests.integration.docs.copying import copy_of_the_tree

pytestmark = [pytest.mark.server, pytest.mark.timeout(420)]

README: Final = (ROOT / "README.md").read_text()
BLOCK: Final = re.compile(r"^```(bash|python)( background)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
UNTIL_IT_SERVES: Final = "for _ in $(seq 200); do curl -sf $GATEWAY/readyz >/dev/null && break; sleep 0.2; done"


def script(gateway: str) -> Iterator[str]:
    """Yield the blocks as one shell script; a block that needs a tool which isn't here is left out."""
    yield "set -eo pipefail"
    for language, is_background, block in BLOCK.findall(README):
        text = block.replace("http://127.0.0.1:7071", gateway).replace(
            "127.0.0.1:7071", gateway.removeprefix("http://")
        )
        missing = [tool for tool in ("docker-compose", "kubectl") if tool in text and not shutil.which(tool)]
        kept = [line for line in text.splitlines() if not any(tool in line for tool in missing)]
        if language == "python":
            yield f"python - <<'END'\n{text}END"
        elif is_background:
            yield f"({' '.join(kept)}) >up.log 2>&1 &\nup=$!\n{UNTIL_IT_SERVES}"
        else:
            yield "\n".join(kept)
    yield "kill -TERM $up && wait $up"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the tree, with what `make setup` made."""
    copy_of_the_tree(tmp_path)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


@pytest.mark.skipif(
    not (ROOT / ".venv/.for-use").exists(), reason="the README's commands need the .venv of `make setup`"
)
def test_every_block_of_the_readme_runs(clone: Path) -> None:
    port = free_port()
    gateway = f"http://127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LABELWRIGHT_")} | {
        "ARGS": "--events 200",
        "GATEWAY": gateway,
        "LABELWRIGHT_GATEWAY_PORT": str(port),
        "LABELWRIGHT_DESK_PORT": str(free_port()),
        "LABELWRIGHT_PORT": str(free_port()),
        "LABELWRIGHT_URL": gateway,
    }

    ran = subprocess.run(
        ["bash"], input="\n".join(script(gateway)), cwd=clone, env=environment, capture_output=True, text=True,
        timeout=400, check=False,
    )  # fmt: skip

    log = clone / "up.log"
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}\n{log.read_text()[-2_000:] if log.exists() else ''}"
    for told in ('"state":', "0 lost", "held-out ones met", "/in/", "wrong_fact"):
        assert told in ran.stdout + ran.stderr, f"{told!r} was not told:\n{ran.stdout}\n{ran.stderr}"
