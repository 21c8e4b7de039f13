"""Headers that are not what they should be: which columns are missing, and which of those found may be meant.

In: the cells of a header, the names that a layout knows. Out: names as a person wrote them, with the nearest known one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from node.domain.territory import fold
from node.errors import N_, CallerError

NEAR_ENOUGH = 0.7
SHOWN, NAME_SHOWN = 20, 60


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What a sheet lacks to be in a layout; ``near`` are (found, wanted)."""

    sheet: str
    missing: tuple[str, ...]
    near: tuple[tuple[str, str], ...]


def nearest(name: str, candidates: Iterable[str]) -> str:
    """Return the candidate that ``name`` is most like, case and accents apart; empty when it is like none."""
    known = {fold(candidate): candidate for candidate in candidates}
    found = difflib.get_close_matches(fold(name)[:NAME_SHOWN], known, n=1, cutoff=NEAR_ENOUGH)
    return known[found[0]] if found else ""


def unknown(header: Sequence[str], known: Sequence[str]) -> list[tuple[str, str]]:
    """Return the columns that a layout does not know, each with the nearest one that the header lacks, or empty."""
    names, present = {fold(name) for name in known}, {fold(cell) for cell in header}
    lacking = [name for name in known if fold(name) not in present]
    return [(cell[:NAME_SHOWN], nearest(cell, lacking)) for cell in header if cell and fold(cell) not in names]


def closest(headers: Mapping[str, Sequence[str]], layouts: Sequence[Sequence[str]]) -> Shortfall | None:
    """Return what the sheet lacks that is nearest to one of some layouts (their required columns), None if all are far."""
    best: Shortfall | None = None
    most = 0.5
    for sheet, header in headers.items():
        for required in layouts:
            present = {fold(cell) for cell in header}
            missing = tuple(name for name in required if fold(name) not in present)
            near = tuple((cell, wanted) for cell, wanted in unknown(header, required) if wanted)
            share = (len(required) - len(missing) + len({wanted for _, wanted in near})) / len(required)
            if missing and share >= most and (best is None or share > most):
                best, most = Shortfall(sheet, missing, near), share
    return best


def refusal(short: Shortfall, where: str) -> CallerError:
    """Return the refusal of a sheet that lacks columns, code ``columns-missing``."""
    missing = ", ".join(f"«{name}»" for name in short.missing)
    what = N_("mancano colonne: {missing}")
    if not short.near:
        return CallerError("columns-missing", what, where=where, hint=N_("aggiungerle in prima riga"), missing=missing)
    near = ", ".join(f"«{found}» → «{wanted}»" for found, wanted in short.near[:SHOWN])
    hint = N_("rinominare, se sono queste: {near}")
    return CallerError("columns-missing", what, where=where, hint=hint, missing=missing, near=near)
