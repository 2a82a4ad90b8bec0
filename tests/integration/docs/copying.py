"""A copy of the tree as a clone would hold it, uncommitted files included."""

import shutil
import subprocess
from pathlib import Path

from tests.integration.cli.conftest import ROOT


def copy_of_the_tree(to: Path) -> None:
    """Copy every file that git knows or would take."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (source := ROOT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, to / name)
