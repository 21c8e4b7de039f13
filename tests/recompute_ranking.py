"""Compute a published ranking again with nothing of ours: ``python recompute_ranking.py RANKING.json``.

RANKING.json is ``{"call": inner document, "ranking": [inner document of each part, ...]}``, as the issuers' logs have them. Exit 0: every
row has the place, the points, the status and the grant that follow from the call and from the rows' own facts. Written from
PROTOCOL 14 alone.
"""

from __future__ import annotations

import hashlib
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def digest(document: dict[str, Any]) -> str:
    """Return the digest of a call."""
    raw = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return hashlib.sha256(b"rete/call/v1\n" + raw).hexdigest()


def cents(text: str) -> int:
    """Return an amount in cents."""
    whole, _, rest = text.partition(".")
    assert len(rest) == 2, text
    return int(whole) * 100 + int(rest)


def written(number: int) -> str:
    """Return cents as an amount."""
    return f"{number // 100}.{number % 100:02}"


def mean(call: dict[str, Any], row: Row) -> Fraction:
    """Return the exact mean of the evaluators' totals."""
    weights = {criterion["code"]: criterion["weight"] for criterion in call["criteria"]}
    totals = []
    for sheet in row["sheets"]:
        assert sheet["points"].keys() == weights.keys(), row["id"]
        points = {code: Fraction(value) for code, value in sheet["points"].items()}
        assert all(0 <= value <= call["scale"] for value in points.values()), row["id"]
        totals.append(sum(weights[code] * value / call["scale"] for code, value in points.items()))
    assert len({sheet["by"] for sheet in row["sheets"]}) == len(totals) >= call["evaluators"], row["id"]
    return sum(totals, Fraction()) / len(totals)


def half_even(value: Fraction) -> int:
    """Return hundredths of points, rounded half to even."""
    down, rest = divmod(value * 100, 1)
    return int(down) + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and down % 2 == 1))


def tie(rule: str, row: Row) -> Any:
    """Return what a rule compares; less comes first."""
    if rule.startswith("criterion:"):
        code = rule.partition(":")[2]
        return -sum((Fraction(sheet["points"][code]) for sheet in row["sheets"]), Fraction()) / len(row["sheets"])
    return row["arrived"] if rule == "arrival" else (row["office"], row["protocol"])


def recompute(call: dict[str, Any], rows: list[Row]) -> list[Row]:
    """Return the rows as they should be."""
    able = [row for row in rows if not row["reasons"] and row["status"] != "withdrawn"]
    points = {row["id"]: half_even(mean(call, row)) for row in able if call["mode"] != "arrival"}
    if call["mode"] == "score":
        able.sort(key=lambda row: (-points[row["id"]], *(tie(rule, row) for rule in call["ties"])))
    else:
        able.sort(key=lambda row: (row["arrived"], row["office"], row["protocol"]))
    least = cents(call["threshold"]) if call["threshold"] is not None else None
    placed, below, left, stopped = [], [], cents(call["budget"]), False
    for row in able:
        shown = {**row, "points": written(points[row["id"]]) if points else None, "granted": "0.00", "rank": None}
        asked = cents(row["requested"])
        if least is not None and points[row["id"]] < least:
            below.append({**shown, "status": "below-threshold"})
            continue
        status, given = "admitted", 0
        if not stopped and asked <= left:
            status, given = "funded", asked
        elif not stopped and call["last"] == "partial" and left:
            status, given, stopped = "part-funded", left, True
        else:
            stopped = stopped or call["last"] in ("partial", "stop")
        left -= given
        placed.append({**shown, "status": status, "granted": written(given), "rank": len(placed) + 1})
    ids = {row["id"] for row in able}
    rest = [
        {**row, "status": "not-admitted" if row["status"] != "withdrawn" else "withdrawn", "rank": None, "points": None,
         "granted": "0.00", "sheets": []}
        for row in rows if row["id"] not in ids
    ]  # fmt: skip
    return placed + below + sorted(rest, key=lambda row: (row["office"], row["protocol"]))


def main() -> None:
    """Compare, and say what differs."""
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    call, parts = told["call"], sorted(told["ranking"], key=lambda part: part["part"])
    assert [part["part"] for part in parts] == list(range(1, parts[0]["parts"] + 1)), "parts"
    assert all(part["call"] == digest(call) for part in parts), "call"
    rows = [row for part in parts for row in part["rows"]]
    for published, again in zip(rows, recompute(call, rows), strict=True):
        assert published == again, (published, again)
    print(f"{len(rows)} rows, {sum(row['status'] == 'funded' for row in rows)} funded: as published")  # noqa: T201


if __name__ == "__main__":
    main()
