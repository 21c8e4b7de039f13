"""The documentation as a site: all pages are in it, once, and their links stay what they are (tools/site.py)."""

from __future__ import annotations

import re
from pathlib import Path

from tools import site

ROOT = Path(__file__).parents[1]


def pages(told: object) -> list[str]:
    """All pages of a navigation."""
    if isinstance(told, str):
        return [told]
    parts = told.values() if isinstance(told, dict) else told if isinstance(told, list) else []
    return [page for part in parts for page in pages(part)]


def test_every_page_has_its_place_in_the_contents() -> None:
    """Whatever reader it is for; no page twice, so that the way back is one."""
    told = pages(site.contents())
    there = {path.relative_to(ROOT).as_posix() for folder in site.FOLDERS for path in (ROOT / folder).rglob("*.md")}
    assert set(told) == there | {name for name in site.TOP if name.endswith(".md")}
    assert len(told) == len(set(told))


def test_links_lead_to_the_same_files_as_in_the_repository(tmp_path: Path) -> None:
    """A page of the site says what the repository's says; what only the repository holds is told without a link."""
    site.lay_out(tmp_path / "site")
    for page in (tmp_path / "site").rglob("*.md"):
        for target in re.findall(r"(?<!!)\]\(([^)#\s:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)
    assert "[observatory](../node/" in (ROOT / "docs" / "pages.md").read_text(encoding="utf-8")
    assert "(observatory: tables" in (tmp_path / "site" / "docs" / "pages.md").read_text(encoding="utf-8")
