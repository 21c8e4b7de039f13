"""The stranger's program of bench/linkage.py can fail: what singles a network out is found, what does not is not."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "bench" / "linkage_attack.py"
LOOK = ("PRO:LE", "SEZ:C", "2013", "2-3", "T:energy")
POPULATION = ("pop_id", "snapshot", "comune", "prov", "reg", "rip", "ateco", "anno", "n_imprese", "tema", "testo")
PROFILES = ("profile_id", "version", "snapshot", "node_scope", "terr", "sett", "periodo", "taglia", "tema", "sensibile", "testo")  # fmt: skip
LABELS = ("snapshot", "pop_id", "terr", "sett", "periodo", "taglia", "tema")


def attack(
    folder: Path, look: tuple[str, ...] = LOOK, told: int | None = None, scope: str = "PRO:LE"
) -> tuple[int, dict[str, Any]]:
    """Five profiles of eight networks that look alike; the eighth lies in Brindisi. ``told``: profiles that repeat their object."""
    objects = [f"oggetto{n} parole{n} singolari{n} della{n} rete{n}" for n in range(8)]
    places = ["Lecce"] * 7 + ["Brindisi"]
    population = [
        (f"R{n}", 0, places[n], "LE" if n < 7 else "BR", "ITF4", "ITF", "10.41.10", 2013, 3, "energy", objects[n])
        for n in range(8)
    ]
    labels = [(0, f"R{n}", *look) for n in range(8)]
    profiles = [(f"id{n}", 1, 0, scope, *look, "", objects[n] if n < (told or 0) else "frasi comuni") for n in range(5)]
    tables = {
        "population": (POPULATION, population), "profiles": (PROFILES, profiles), "labels": (LABELS, labels),
        "truth": (("profile_id", "pop_id"), [(f"id{n}", f"R{n}") for n in range(5)]),
    }  # fmt: skip
    words = []
    for name, (columns, rows) in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([columns, *rows])
        words += [f"--{name}", str(folder / f"{name}.csv")]
    done = subprocess.run([sys.executable, "-I", str(PROGRAM), *words, "--json"], capture_output=True, check=False)
    assert not done.stderr, done.stderr.decode()
    return done.returncode, {line["attack"]: line for line in json.loads(done.stdout)}


def test_honest_tables_break_nothing(tmp_path: Path) -> None:
    """Eight look alike, seven of them in the node's territory."""
    status, found = attack(tmp_path, ("REG:ITF4", *LOOK[1:]))
    assert (status, found["nearest record"]["smallest"], found["node scope"]["smallest"]) == (0, 8, 7)
    assert found["known rule (pre-image)"]["smallest"] == 7
    assert found["text similarity"]["share"] == pytest.approx(1 / 7)


@pytest.mark.parametrize(
    "look", [("COM:Brindisi", *LOOK[1:]), ("PRO:LE", "A6:99.00.00", *LOOK[2:]), ("*", "*", "1999", "*", "*")]
)
def test_labels_that_leave_too_few_are_found(tmp_path: Path, look: tuple[str, ...]) -> None:
    """A label of one municipality, of a code or a year that nobody has."""
    status, found = attack(tmp_path, look)
    assert (status, found["nearest record"]["broken"]) == (1, True)


def test_a_scope_that_leaves_too_few_is_found(tmp_path: Path) -> None:
    """Only networks of Brindisi are published: one is left of eight."""
    status, found = attack(tmp_path, ("REG:ITF4", *LOOK[1:]), scope="PRO:BR")
    assert (status, found["nearest record"]["broken"], found["node scope"]["smallest"]) == (1, False, 1)


def test_texts_that_repeat_their_objects_are_found(tmp_path: Path) -> None:
    """Five of five guessed is no luck."""
    status, found = attack(tmp_path, ("REG:ITF4", *LOOK[1:]), told=5)
    assert (status, found["text similarity"]["share"], found["text similarity"]["broken"]) == (1, 1.0, True)
