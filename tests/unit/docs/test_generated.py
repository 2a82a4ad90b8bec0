"""What is generated of the docs is what the code says now."""

import re
from pathlib import Path

import pytest

from docs.generate import ROOT, pages

PAGES = pages()
WRITTEN = [path for path in ROOT.rglob("*.md") if not {".venv", "node_modules", "snapshots"} & set(path.parts)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_generated_page_is_up_to_date(path: Path) -> None:
    assert path.read_text() == PAGES[path], "run `make docs`"


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_links_only_to_what_is_there(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())

    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_decision_has_its_number_and_the_four_parts() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))

    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text()
        for part in ("**Chosen.**", "**What would change our mind.**"):
            assert part in text, path.name
