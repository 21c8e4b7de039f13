"""docs/security.md holds: each threat and each fault has a test that is there, or is among those that are said to be open."""

from __future__ import annotations

import ast
import functools
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "security.md"
# Faults that no test shows yet. Whoever writes one takes its row out of here and out of the page's open rows.
OPEN: set[str] = set()
NAMED = re.compile(r"tests/[\w/]+\.py::\w+")
MENTIONED = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("schemas/*.md")])


@functools.cache
def functions_of(path: Path) -> frozenset[str]:
    """The test functions of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return frozenset(node.name for node in found if node.name.startswith("test_"))


def missing(text: str) -> list[str]:
    """Which tests that a text names are not there."""
    named = (name.split("::") for name in NAMED.findall(text))
    return [
        f"{path}::{test}"
        for path, test in named
        if not (ROOT / path).is_file() or test not in functions_of(ROOT / path)
    ]


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a page: lines of cells, without their headings."""
    found: list[list[list[str]]] = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in block.splitlines()]
        found.append(lines[2:])
    return found


def wrong(rows: list[list[str]], opened: set[str]) -> list[str]:
    """What is wrong with the faults: empty, unproven, open and proven, unknown or named twice."""
    said = []
    names = [row[0].strip("`") for row in rows]
    for name, row in zip(names, rows, strict=True):
        proven, told = bool(NAMED.search(row[3])), row[3].startswith("**aperta**")
        if not all(row[:4]) or (told and not row[4].strip("| ")):
            said.append(f"{name}: empty")
        if proven == told:
            said.append(f"{name}: neither proven nor open, or both")
        if told != (name in opened):
            said.append(f"{name}: the page and this list differ")
    return said + [name for name, count in Counter(names).items() if count > 1] + sorted(opened - set(names))


def faults() -> list[list[str]]:
    """The rows of all tables of faults."""
    text = PAGE.read_text(encoding="utf-8").partition("## I guasti")[2]
    rows = [line.strip()[1:-1].split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


def test_every_fault_has_a_test_or_is_said_to_be_open() -> None:
    """No empty cell, no open row that is proven, no row that this list and the page tell differently."""
    rows = faults()
    assert {len(row) for row in rows} == {5}
    # Every row of every table there is one of a fault: none hides behind another form of its name.
    assert len(rows) == sum(map(len, tables(PAGE.read_text(encoding="utf-8").partition("## I guasti")[2]))) > 50
    assert wrong(rows, OPEN) == []


def test_every_threat_has_who_what_stops_it_and_a_test() -> None:
    """Four cells, none empty, the last with tests."""
    threats = tables(PAGE.read_text(encoding="utf-8").partition("## I guasti")[0])[0]
    assert len(threats) > 15
    assert [row[0] for row in threats if len(row) != 4 or not all(row) or not NAMED.search(row[3])] == []


@pytest.mark.parametrize("page", MENTIONED, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    """By file and function; of a table's row also its other cells."""
    assert missing(page.read_text(encoding="utf-8")) == []


def test_a_page_that_promises_too_much_is_seen() -> None:
    """A test that is gone, an empty cell, no test and not open, open though proven, on one of the two lists alone."""
    here = "tests/test_security_table.py::test_a_page_that_promises_too_much_is_seen"
    assert missing(here) == []
    assert len(missing(f"`{here}x` `tests/test_none.py::test_x`")) == 2
    good = ["`a`", "x", "y", f"`{here}`", ""]
    opened = ["`b`", "x", "y", "**aperta**", "why"]
    assert wrong([good, opened], {"b"}) == []
    for rows, named in (
        ([good, opened], set()),
        ([good], {"b"}),
        ([good], {"a"}),
        ([good, good], set()),
        ([[*good[:2], "", *good[3:]]], set()),
        ([[*good[:3], "later", ""]], set()),
        ([[*opened[:4], ""]], {"b"}),
        ([[*opened[:3], f"**aperta** `{here}`", "why"]], {"b"}),
    ):
        assert wrong(rows, named), rows
