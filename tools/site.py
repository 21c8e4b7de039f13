"""Lay the documentation out for the site generator: `make docs`.

In: README, docs/, PROTOCOL and the files at the top that they lead to, as they lie in the repository. Out: the same tree in a folder of its own, so
that every relative link stays what it is, and the contents by reader as docs/README.md has them (tests/test_docs.py holds that page to the
files). A link to what is no page (a folder, a module) stays a file, or becomes plain text where it is a folder.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
TOP: Final = ("README.md", "SECURITY.md", "CHANGELOG.md", "nodes.example.toml", "LICENSE", "publiccode.yml")
FOLDERS: Final = ("docs", "schemas", "deploy")
_LINK: Final = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
_SECTION: Final = re.compile(r"^## (.+)$", re.MULTILINE)
_PAGE: Final = re.compile(r"\]\(([^)#]+\.md)(?:#[^)]*)?\)")


def lay_out(into: Path) -> None:
    """Copy what the site is made of."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for name in TOP:
        shutil.copy2(ROOT / name, into / name)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, into / name, ignore=shutil.ignore_patterns("__pycache__"))
    for page in into.rglob("*.md"):
        page.write_text(_for_the_site(page, into), encoding="utf-8")


def _for_the_site(page: Path, top: Path) -> str:
    def link(found: re.Match[str]) -> str:
        words, target, _ = found.groups()
        if re.match(r"[a-z]+:", target):
            return found[0]
        meant = (page.parent / target).resolve()
        inside = meant.is_relative_to(top.resolve())
        origin = ROOT / meant.relative_to(top.resolve()) if inside else meant
        if origin.is_dir():
            index = next((name for name in ("README.md", "index.md") if (origin / name).exists()), "")
            return f"[{words}]({target.rstrip('/')}/{index})" if index else words
        # A module that a page speaks of is read in the repository.
        return found[0] if inside and meant.exists() else words

    return _LINK.sub(link, page.read_text(encoding="utf-8"))


def contents() -> list[object]:
    """Return the navigation: the sections of docs/README.md, each with its pages in their order, and the decisions."""
    text = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    parts = _SECTION.split(text)[1:]
    told: list[object] = [{"Rete delle Reti": "README.md"}, {"Documentazione": "docs/README.md"}]
    placed: set[str] = {"README.md", "docs/README.md"}
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        pages = []
        for target in _PAGE.findall(body):
            path = (ROOT / "docs" / target).resolve().relative_to(ROOT).as_posix()
            if path not in placed:
                placed.add(path)
                pages.append(path)
        told.append({title: pages})
    decisions = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "decisions").glob("*.md"))
    left = sorted(
        path.relative_to(ROOT).as_posix()
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.md")
        if path.relative_to(ROOT).as_posix() not in {*placed, *decisions}
    )
    return [
        *told,
        {"Decisioni": decisions},
        {"Altro": [*left, *(n for n in TOP if n.endswith(".md") and n not in placed)]},
    ]


def main() -> None:
    """Lay out, and write the settings with the contents beside it."""
    import yaml  # noqa: PLC0415 - of the site's own environment, which the tests do without

    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    lay_out(ROOT / settings["docs_dir"])
    folder = (ROOT / settings["docs_dir"]).parent
    settings |= {"nav": contents()} | {name: str(ROOT / settings[name]) for name in ("docs_dir", "site_dir")}
    (folder / "mkdocs.yml").write_text(yaml.safe_dump(settings, allow_unicode=True, sort_keys=False), encoding="utf-8")
    print(f"{settings['docs_dir']}", file=sys.stderr)


if __name__ == "__main__":
    main()
