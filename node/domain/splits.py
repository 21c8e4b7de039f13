"""How a population is parted into blocks: the greedy rule, and nothing of what the keys mean.

In: the rows' keys as columns (attribute, level, row), their kinds, the rules. Out: the nodes of a partition in preorder, as
they stand in ``partition/1``. A pure function of these columns. Source: docs/rules.md P, PROTOCOL 8.2; why some splits come
first: docs/decisions/0012.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNKNOWN = "?"
ANY_KIND = "any"
Columns = Sequence[Sequence[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Rules:
    """Weights by attribute; the levels below ``first`` are split before any other; the least size of a block."""

    weights: tuple[int, ...]
    first: tuple[int, ...]
    k_build: int


@dataclass(frozen=True, slots=True)
class _Split:
    """One way to part a block: the attribute's level, and the children by their keys; several keys are a pool."""

    attribute: int
    level: int
    children: list[tuple[list[str], list[int]]]


def grow(columns: Columns, kinds: Sequence[str], rules: Rules) -> list[dict[str, Any]]:
    """Return the nodes of the whole population's partition, the root first, each before its children."""
    grower = _Grower(columns, kinds, rules)
    grower.add(list(range(len(kinds))), (0,) * len(columns))
    return grower.nodes


class _Grower:
    """Splits index lists; the rows' keys are columns, so that the inner loop touches only strings."""

    def __init__(self, columns: Columns, kinds: Sequence[str], rules: Rules) -> None:
        self._columns = columns
        self._kinds = kinds
        self._rules = rules
        self.nodes: list[dict[str, Any]] = []

    def add(self, rows: list[int], depths: tuple[int, ...]) -> int:
        """Append the subtree over ``rows`` and return the number of its root."""
        number = len(self.nodes)
        best = self._best(rows, depths)
        if best is None:
            kinds = {self._kinds[row] for row in rows}
            kind = kinds.pop() if len(kinds) == 1 else ANY_KIND
            self.nodes.append({"n": len(rows), "kind": kind, "s": self._shared(rows, depths)})
            return number
        children: list[list[Any]] = []
        self.nodes.append({"a": best.attribute, "l": best.level, "c": children})
        at = best.attribute
        deeper = (*depths[:at], best.level + 1, *depths[at + 1 :])
        for keys, members in best.children:
            children.append([keys, self.add(members, deeper)])
        return number

    def _best(self, rows: list[int], depths: tuple[int, ...]) -> _Split | None:
        """Return the split that comes first and weighs most, None for a leaf."""
        best: _Split | None = None
        best_first, best_score = False, (0, 1)
        for attribute, levels in enumerate(self._columns):
            found = self._split(rows, attribute, depths[attribute], len(levels))
            if found is None:
                continue
            first = found.level < self._rules.first[attribute]
            # weight x blocks / (1 + depth), compared as fractions; the first attribute wins a tie.
            score = (self._rules.weights[attribute] * len(found.children), 1 + depths[attribute])
            heavier = score[0] * best_score[1] > best_score[0] * score[1]
            if best is None or first > best_first or (first == best_first and heavier):
                best, best_first, best_score = found, first, score
        return best

    def _shared(self, rows: list[int], depths: tuple[int, ...]) -> list[list[Any]]:
        """Return [attribute, level, key] where all members agree more finely than the splits say.

        A function of the block alone: it tells nothing that the partition and the register do not.
        """
        found: list[list[Any]] = []
        for attribute, levels in enumerate(self._columns):
            for level in range(len(levels) - 1, depths[attribute] - 1, -1):
                column = levels[level]
                key = column[rows[0]]
                if key != UNKNOWN and all(column[row] == key for row in rows):
                    found.append([attribute, level, key])
                    break
        return found

    def _split(self, rows: list[int], attribute: int, depth: int, finest: int) -> _Split | None:
        """Return the split at the first level that parts the rows, None when none does or its blocks would be too small."""
        for level in range(depth, finest):
            column = self._columns[attribute][level]
            groups: defaultdict[str, list[int]] = defaultdict(list)
            for row in rows:
                groups[column[row]].append(row)
            if len(groups) == 1:
                # All alike here: the next finer level may still part them.
                continue
            return self._pool(attribute, level, groups)
        return None

    def _pool(self, attribute: int, level: int, groups: Mapping[str, list[int]]) -> _Split | None:
        k_build = self._rules.k_build
        big = sorted((key, members) for key, members in groups.items() if len(members) >= k_build)
        pool_keys = [key for key, members in groups.items() if len(members) < k_build]
        pool = [row for key in pool_keys for row in groups[key]]
        while pool and len(pool) < k_build and big:
            smallest = min(range(len(big)), key=lambda at: (len(big[at][1]), big[at][0]))
            key, members = big.pop(smallest)
            pool_keys.append(key)
            pool += members
        children: list[tuple[list[str], list[int]]] = [([key], members) for key, members in big]
        if pool:
            children.append((sorted(pool_keys), sorted(pool)))
        return _Split(attribute, level, children) if len(children) > 1 else None
