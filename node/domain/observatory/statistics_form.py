"""``statistics/1``: one table of one node at one reference day, as documents of its signed log.

In: numbers that may be told, or documents from any log. Out: the documents of a table, in parts that each fit a body; a table again from its
parts, or a refusal. Rules: exactly these keys; only tables of the plan, places of the table, numbers that may be told; cells in the
order of their codes and each once; all parts bear the digest of the whole table, and nothing is read of a table that has not got every part.
Source: PROTOCOL 12. Pure.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.domain.observatory.lazy import Place
from node.domain.observatory.plan import PLAN, PLAN_VERSION, Planned, is_reference_day
from node.errors import N_, CallerError

FORM: Final = "statistics/1"
# About 45 KB of the longest codes: below what a body may have.
PART_CELLS: Final = 1000
PARTS_MAX: Final = 16
KEYS: Final = frozenset({"type", "id", "owner", "plan", "table", "day", "part", "parts", "digest", "cells"})


@dataclass(frozen=True, slots=True)
class Said:
    """What a node told of one table at one reference day: only the cells with a number, all others are not told."""

    owner: str
    table: str
    plan: int
    day: dt.date
    digest: str
    cells: Mapping[Place, int]


def malformed(detail: str) -> CallerError:
    """Return the one refusal there is; ``detail`` is for whoever wrote the node that made it."""
    return CallerError("statistics-malformed", N_("documento statistico non valido: {detail}"), detail=detail)


def build(owner: str, planned: Planned, day: dt.date, values: Mapping[Place, int]) -> list[dict[str, Any]]:
    """Return the documents of a table, without their ids. Numbers of 0 are told by silence.

    Raises: CallerError(statistics-malformed) for a number or a place that may not be told: then nothing is.
    """
    cells = [[list(place), value] for place, value in sorted(values.items()) if value != 0]
    # Not the newest version: whoever knows only the one in which the table came goes on reading it, and its digest stays.
    digest = digest_of(owner, planned.ident, planned.since, day.isoformat(), cells)
    slices = [cells[at : at + PART_CELLS] for at in range(0, len(cells), PART_CELLS)] or [[]]
    documents = [
        {
            "type": FORM,
            "owner": owner,
            "plan": planned.since,
            "table": planned.ident,
            "day": day.isoformat(),
            "part": number,
            "parts": len(slices),
            "digest": digest,
            "cells": part,
        }
        for number, part in enumerate(slices, 1)
    ]
    # What leaves is read as whoever gets it will read it.
    joined([{**document, "id": ""} for document in documents])
    return documents


def digest_of(owner: str, table: str, plan: int, day: str, cells: Sequence[Any]) -> str:
    """Return the SHA-256 of a whole table, in hexadecimal."""
    whole = {"cells": list(cells), "day": day, "owner": owner, "plan": plan, "table": table, "type": FORM}
    return hashlib.sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def joined(documents: Sequence[Mapping[str, Any]]) -> Said:
    """Return the table of its parts, in any order; of a part that was said again the last one given counts.

    Raises: CallerError statistics-malformed, statistics-incomplete.
    """
    if not documents:
        raise _incomplete()
    for document in documents:
        _check_head(document)
    by_part = {int(document["part"]): document for document in documents}
    parts = [by_part[number] for number in sorted(by_part)]
    first = parts[0]
    for name in ("owner", "plan", "table", "day", "parts", "digest"):
        if any(document[name] != first[name] for document in documents):
            raise malformed(f"parts of different tables: {name}")
    if sorted(by_part) != list(range(1, first["parts"] + 1)):
        raise _incomplete()
    cells = [cell for document in parts for cell in document["cells"]]
    values = _values(PLAN[first["table"]], cells)
    if digest_of(first["owner"], first["table"], first["plan"], first["day"], cells) != first["digest"]:
        raise malformed("the digest is another table's")
    day = dt.date.fromisoformat(first["day"])
    return Said(first["owner"], first["table"], first["plan"], day, first["digest"], values)


def _incomplete() -> CallerError:
    return CallerError("statistics-incomplete", N_("mancano parti della tabella"))


def _check_head(document: Mapping[str, Any]) -> None:
    if set(document) != KEYS or document["type"] != FORM:
        raise malformed("keys")
    texts = [document[name] for name in ("id", "owner", "table", "day", "digest")]
    numbers = [document[name] for name in ("plan", "part", "parts")]
    if any(type(text) is not str for text in texts) or any(type(number) is not int for number in numbers):
        raise malformed("types")
    if type(document["cells"]) is not list:
        raise malformed("cells")
    planned = PLAN.get(document["table"])
    if planned is None or not planned.since <= document["plan"] <= PLAN_VERSION:
        raise malformed("a table that is not of the plan")
    if not 1 <= document["part"] <= document["parts"] <= PARTS_MAX:
        raise malformed("parts")
    try:
        day = dt.date.fromisoformat(document["day"])
    except ValueError as error:
        raise malformed("day") from error
    if day.isoformat() != document["day"] or not is_reference_day(day):
        raise malformed("day")


def _values(planned: Planned, cells: Sequence[Any]) -> dict[Place, int]:
    found = [_cell(planned, cell) for cell in cells]
    if any(a[0] >= b[0] for a, b in itertools.pairwise(found)):
        raise malformed("cells in order of their codes, each once")
    return dict(found)


def _cell(planned: Planned, cell: Any) -> tuple[Place, int]:
    if type(cell) is not list or len(cell) != 2 or type(cell[0]) is not list or type(cell[1]) is not int:
        raise malformed("cell")
    place, value = tuple(cell[0]), cell[1]
    if any(type(code) is not str for code in place) or not planned.holds(place):
        raise malformed("a code that is not of the plan")
    if not planned.may_tell(value):
        raise malformed("a number that may not be told")
    return place, value
