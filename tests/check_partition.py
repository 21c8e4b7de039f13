"""Build a partition again with nothing of ours: ``python check_partition.py VECTOR.json``.

VECTOR.json is ``{"rows": [...], "document": {...}}``, the rows with their keys by attribute and level (PROTOCOL 8.1), their kind
and the line of the population digest. Exit 0: the same nodes and the same population digest. Written from PROTOCOL 8 alone.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]
Split = tuple[int, int, list[tuple[list[str], Rows]]]


def candidates(rows: Rows, depths: list[int], k_build: int) -> Iterator[Split]:
    """Yield (attribute, level, children) of every split that PROTOCOL 8.2 allows."""
    for attribute, depth in enumerate(depths):
        for level in range(depth, len(rows[0]["keys"][attribute])):
            by_key: dict[str, Rows] = {}
            for row in rows:
                by_key.setdefault(row["keys"][attribute][level], []).append(row)
            if len(by_key) > 1:
                yield from pooled(attribute, level, by_key, k_build)
                break


def pooled(attribute: int, level: int, by_key: dict[str, Rows], k_build: int) -> Iterator[Split]:
    """Yield the one split at a level, small keys pooled; nothing when fewer than two children are left."""
    small = {key for key, rows in by_key.items() if len(rows) < k_build}
    large = set(by_key) - small
    while small and large and sum(len(by_key[key]) for key in small) < k_build:
        least = min(large, key=lambda key: (len(by_key[key]), key))
        large.remove(least)
        small.add(least)
    children = [([key], by_key[key]) for key in sorted(large)]
    if small:
        children.append((sorted(small), [row for key in small for row in by_key[key]]))
    if len(children) > 1:
        yield attribute, level, children


def preorder(rows: Rows, depths: list[int], document: dict[str, Any], nodes: list[dict[str, Any]]) -> int:
    """Append the nodes of a block and return the number of its root."""
    weights, first = document["weights"], document["first"]
    found = list(candidates(rows, depths, document["k_build"]))
    here = len(nodes)
    if not found:
        kinds = {row["kind"] for row in rows}
        agreed: list[list[Any]] = []
        for attribute, depth in enumerate(depths):
            shared = [
                {row["keys"][attribute][level] for row in rows} for level in range(len(rows[0]["keys"][attribute]))
            ]
            fine = [level for level in range(depth, len(shared)) if len(shared[level]) == 1 and shared[level] != {"?"}]
            agreed += [[attribute, max(fine), shared[max(fine)].pop()]] if fine else []
        nodes.append({"n": len(rows), "kind": kinds.pop() if len(kinds) == 1 else "any", "s": agreed})
        return here
    best = max(found, key=lambda s: (s[1] < first[s[0]], Fraction(weights[s[0]] * len(s[2]), 1 + depths[s[0]]), -s[0]))
    attribute, level, children = best
    nodes.append({"a": attribute, "l": level, "c": []})
    deeper = [level + 1 if number == attribute else depth for number, depth in enumerate(depths)]
    for keys, members in children:
        nodes[here]["c"].append([keys, preorder(members, deeper, document, nodes)])
    return here


def main() -> int:
    """Compare."""
    vector = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    nodes: list[dict[str, Any]] = []
    preorder(vector["rows"], [0] * 5, vector["document"], nodes)
    lines = "\n".join(sorted(row["line"] for row in vector["rows"]))
    population = hashlib.sha256(lines.encode()).hexdigest()
    return 0 if nodes == vector["document"]["nodes"] and population == vector["document"]["population"] else 1


if __name__ == "__main__":
    sys.exit(main())
