"""Add up the statistics of a federation with nothing of ours: ``python sum_statistics.py VECTOR.json FOLDER [--day YYYY-MM-DD]``.

FOLDER has the bodies of logs as ``<member>/<year of the log>/<index>.json``; ``VECTOR.json`` has the plan under ``plan`` (tests/vectors/
statistics.v1.json). Prints ``{table: {"day", "told": [member, ...], "refused": [...], "cells": [[codes, number], ...]}}`` for one reference day, the
newest that anybody told without ``--day``. Standard library alone, written from PROTOCOL 12.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

KEYS = {"type", "id", "owner", "plan", "table", "day", "part", "parts", "digest", "cells"}
ENDS = ("03-31", "06-30", "09-30", "12-31")
Document = dict[str, Any]


class RefusedError(Exception):
    """A document that does not count, and why."""


def read(folder: Path) -> list[tuple[str, str, int, Document]]:
    """Return (member, year, index, document) of every statistical body."""
    found = []
    for path in sorted(folder.glob("*/*/*.json")):
        document = json.loads(path.read_bytes())
        if document.get("type") == "statistics/1":
            found.append((path.parent.parent.name, path.parent.name, int(path.stem), document))
    return found


def newest(rows: list[tuple[str, str, int, Document]]) -> dict[tuple[str, str, str], list[Document]]:
    """Return by (member, table, day) the parts of the newest document: those with its digest, in its log."""
    last: dict[tuple[str, str, str], tuple[str, int, str]] = {}
    for member, year, index, document in rows:
        key = (member, document["table"], document["day"])
        last[key] = max(last.get(key, ("", -1, "")), (year, index, document["digest"]))
    parts: dict[tuple[str, str, str], list[Document]] = {}
    for member, year, _, document in sorted(rows, key=lambda row: row[:3]):
        key = (member, document["table"], document["day"])
        if (year, document["digest"]) == (last[key][0], last[key][2]):
            parts.setdefault(key, []).append(document)
    return parts


def check(member: str, parts: list[Document], plan: dict[str, Any]) -> dict[tuple[str, ...], int]:
    """Return the cells of a table. Raises: RefusedError."""
    # A part that was said again counts once, the later one.
    by_number = {part["part"]: part for part in parts}
    first = parts[-1]
    for part in by_number.values():
        if set(part) != KEYS or part["owner"] != member or part["day"][5:] not in ENDS:
            raise RefusedError("head")
        if any(part[name] != first[name] for name in ("owner", "plan", "table", "day", "parts", "digest")):
            raise RefusedError("parts differ")
    if sorted(by_number) != list(range(1, first["parts"] + 1)):
        raise RefusedError("parts missing")
    planned = plan["tables"].get(first["table"])
    if planned is None or not planned["since"] <= first["plan"] <= plan["version"]:
        raise RefusedError("plan")
    cells = [cell for _, part in sorted(by_number.items()) for cell in part["cells"]]
    whole = {name: first[name] for name in ("type", "owner", "plan", "table", "day")} | {"cells": cells}
    canonical = json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()
    if hashlib.sha256(canonical).hexdigest() != first["digest"]:
        raise RefusedError("digest")
    places = [tuple(place) for place, _ in cells]
    if places != sorted(set(places)):
        raise RefusedError("order")
    lists = list(planned["codes"].values())
    for place, number in cells:
        if len(place) != len(lists) or any(code not in codes for code, codes in zip(place, lists, strict=True)):
            raise RefusedError("code")
        if type(number) is not int or not 3 <= number <= planned["most"]:
            raise RefusedError("number")
        if planned["kind"] == "sum" and number % 1000:
            raise RefusedError("number")
    return {tuple(place): number for place, number in cells}


def total(rows: list[tuple[str, str, int, Document]], plan: dict[str, Any], day: str | None) -> dict[str, Any]:
    """Return the sums of one reference day."""
    parts = newest(rows)
    day = day or max((key[2] for key in parts), default="")
    result: dict[str, Any] = {}
    for (member, table, at), documents in sorted(parts.items(), key=lambda item: item[0]):
        if at != day or table not in plan["tables"]:
            continue
        entry = result.setdefault(table, {"day": day, "told": [], "refused": [], "cells": {}})
        try:
            cells = check(member, documents, plan)
        except RefusedError:
            entry["refused"].append(member)
            continue
        entry["told"].append(member)
        for place, number in cells.items():
            entry["cells"][place] = entry["cells"].get(place, 0) + number
    for entry in result.values():
        entry["cells"] = [[list(place), number] for place, number in sorted(entry["cells"].items())]
    return result


def main() -> None:
    """Print the sums."""
    parser = argparse.ArgumentParser()
    parser.add_argument("vector", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--day")
    given = parser.parse_args()
    plan = json.loads(given.vector.read_text())["plan"]
    sys.stdout.write(json.dumps(total(read(given.folder), plan, given.day), sort_keys=True, indent=1) + "\n")


if __name__ == "__main__":
    main()
