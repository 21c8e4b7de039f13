"""The generated national register that many tests begin with, made once for each state of the program.

To draw and parse it takes seconds, in each process that asks; the rows are kept beside pytest's own cache, under a name that changes
with whatever they are made by. Tests of the generator and of the parser never ask here.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from node.domain.chamber import parse_sheets
from node.domain.generation.national import generate
from node.domain.register import RegisterNetwork
from node.store.reference import load_sectors, load_territories

ROOT = Path(__file__).resolve().parents[1]


def _makers() -> Iterator[Path]:
    """All that the rows hang on: the rules, what reads their tables, and the packages these come with."""
    yield from (Path(__file__), ROOT / "requirements.lock", ROOT / "node" / "store" / "reference.py")
    yield from sorted((ROOT / "node" / "domain").rglob("*.py"))


def _kept() -> Path:
    digest = hashlib.sha256()
    for path in _makers():
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return ROOT / ".pytest_cache" / f"national-{digest.hexdigest()[:16]}"


@functools.cache
def national() -> list[RegisterNetwork]:
    """The generated national register of 9,630 contracts."""
    kept = _kept()
    try:
        return list(pickle.loads(kept.read_bytes()))  # noqa: S301 - written by us, in our own folder
    except OSError:
        # In a process of its own, where nobody counts the lines that run.
        subprocess.run([sys.executable, "-m", "tests.national_made"], cwd=ROOT, check=True)
        return list(pickle.loads(kept.read_bytes()))  # noqa: S301 - likewise


def keep() -> None:
    """Draw the rows, unless they are there, and keep them for all that ask; those of another state of the program go."""
    kept = _kept()
    if kept.exists():
        return
    kept.parent.mkdir(exist_ok=True)
    for old in kept.parent.glob("national-*"):
        if not old.name.startswith(kept.name):
            old.unlink(missing_ok=True)
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_bytes(pickle.dumps(drawn()))
    part.rename(kept)


def drawn() -> list[RegisterNetwork]:
    """The same, drawn and parsed anew."""
    territories, sectors = load_territories(), load_sectors()
    made = generate(contracts=9630, seed=7, territories=territories, sectors=sectors)
    sheets = {"Elenco": made.contracts, "Sogg. Giu.": made.entities}
    return list(parse_sheets(sheets, territories, sectors).networks)


if __name__ == "__main__":
    keep()
