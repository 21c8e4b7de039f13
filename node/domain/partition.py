"""The frozen public partition: which register networks look alike, decided without looking at anybody's records.

In: the public register of a snapshot, the node's scope. Out: ``partition/1``, a tree whose leaves are blocks of at least
``k_build`` active networks. A profile publishes the labels of its network's block and nothing finer, so its candidates,
for somebody who knows the register, this rule and the partition, are the block's members. The build is a pure function
of public inputs: any peer with the snapshot rebuilds it bit for bit. Values the edition did not have are in no block: a
label is never said of a row it is not true of (docs/decisions/0008). Source: privacy.md P.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from node.domain.register import RegisterNetwork
from node.domain.sector import Sectors
from node.domain.territory import Territories
from node.errors import N_, CallerError

ATTRIBUTES = ("territory", "sector", "period", "size", "theme")
# Thousandths, so that the document holds no fractions and scores compare exactly.
WEIGHTS = (350, 250, 200, 100, 100)
# Levels from coarse to fine; "*" (any) stands before the first.
LEVELS: tuple[tuple[str, ...], ...] = (
    ("RIP", "REG", "PRO", "COM"),
    ("SEZ", "A2", "A6"),
    ("Y5", "Y3", "Y1"),
    ("SIZE",),
    ("THEME",),
)
ANY = "*"
ANY_KIND = "any"
UNKNOWN = "?"
PERIOD_BASE = 2010
SIZES = ((4, "2-3"), (10, "4-9"))
LARGE = "10+"
TYPE = "partition/1"


@dataclass(frozen=True, slots=True)
class Label:
    """What a block shows of one attribute: a level and the set of values at it; ``*`` and none mean anything."""

    level: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One leaf: its number, its label per attribute, how many active networks it has, and their kind if all share it."""

    block_id: int
    labels: Mapping[str, Label]
    count: int
    kind: str


def size_class(members: int) -> str:
    """Return the size class of a number of members."""
    return next((name for below, name in SIZES if members < below), LARGE)


def years_of(key: str) -> tuple[str, ...]:
    """Return the years of a period key such as ``2010-2014`` or ``2012``."""
    first, _, last = key.partition("-")
    return tuple(str(year) for year in range(int(first), int(last or first) + 1))


def _span(year: int, width: int) -> str:
    first = PERIOD_BASE + (year - PERIOD_BASE) // width * width
    return f"{first}-{first + width - 1}"


def keys_of(row: RegisterNetwork, sectors: Sectors) -> tuple[tuple[str, ...], ...]:
    """Return the row's key at every level of every attribute: what the public register says of it."""
    year = row.registered_on.year
    division, section = UNKNOWN, UNKNOWN
    if row.ateco:
        chain = (row.ateco, *sectors.ancestors(row.ateco)[:-1])
        section = chain[-1]
        division = next((code for code in chain if len(code) == 2), UNKNOWN)
    return (
        (row.macro or UNKNOWN, row.region or UNKNOWN, row.province or UNKNOWN, row.municipality or UNKNOWN),
        (section, division, row.ateco or UNKNOWN),
        (_span(year, 5), _span(year, 3), str(year)),
        (size_class(row.members),),
        (row.theme,),
    )


class _Builder:
    """Splits index lists; the rows' keys are columns, so that the inner loop touches only strings."""

    def __init__(self, columns: list[list[list[str]]], kinds: list[str], k_build: int) -> None:
        self._columns = columns
        self._kinds = kinds
        self._k_build = k_build

    def grow(self, rows: list[int], depths: tuple[int, ...]) -> dict[str, Any]:
        """Return the subtree over ``rows``: the split that weighs most, or a leaf."""
        best: tuple[int, int, int, list[tuple[list[str], list[int]]], bool] | None = None
        best_score = (0, 1)
        for attribute, levels in enumerate(LEVELS):
            found = self._split(rows, attribute, depths[attribute], len(levels))
            if found is None:
                continue
            level, children, pooled = found
            # weight x blocks / (1 + depth), compared as fractions; the first attribute wins a tie.
            score = (WEIGHTS[attribute] * len(children), 1 + depths[attribute])
            if best is None or score[0] * best_score[1] > best_score[0] * score[1]:
                best, best_score = (attribute, level, depths[attribute], children, pooled), score
        if best is None:
            kinds = {self._kinds[row] for row in rows}
            kind = kinds.pop() if len(kinds) == 1 else ANY_KIND
            return {"n": len(rows), "kind": kind, "s": self._shared(rows, depths)}
        attribute, level, _, children, pooled = best
        deeper = (*depths[:attribute], level + 1, *depths[attribute + 1 :])
        return {
            "a": attribute,
            "l": level,
            "c": [[keys, self.grow(members, deeper)] for keys, members in children],
            "p": pooled,
        }

    def _shared(self, rows: list[int], depths: tuple[int, ...]) -> list[list[Any]]:
        """Return [attribute, level, key] where all members agree more finely than the splits say.

        A function of the block alone: it tells nothing that the partition and the register do not.
        """
        found: list[list[Any]] = []
        for attribute, levels in enumerate(LEVELS):
            for level in range(len(levels) - 1, depths[attribute] - 1, -1):
                column = self._columns[attribute][level]
                key = column[rows[0]]
                if key != UNKNOWN and all(column[row] == key for row in rows):
                    found.append([attribute, level, key])
                    break
        return found

    def _split(
        self, rows: list[int], attribute: int, depth: int, finest: int
    ) -> tuple[int, list[tuple[list[str], list[int]]], bool] | None:
        """Return (level, children, last child is a pool) of the first level that parts the rows, None when none does."""
        for level in range(depth, finest):
            column = self._columns[attribute][level]
            groups: defaultdict[str, list[int]] = defaultdict(list)
            for row in rows:
                groups[column[row]].append(row)
            if len(groups) == 1:
                # All alike here: the next finer level may still part them.
                continue
            return self._pool(level, groups)
        return None

    def _pool(
        self, level: int, groups: Mapping[str, list[int]]
    ) -> tuple[int, list[tuple[list[str], list[int]]], bool] | None:
        big = sorted((key, members) for key, members in groups.items() if len(members) >= self._k_build)
        pool_keys = [key for key, members in groups.items() if len(members) < self._k_build]
        pool = [row for key in pool_keys for row in groups[key]]
        while pool and len(pool) < self._k_build and big:
            smallest = min(range(len(big)), key=lambda at: (len(big[at][1]), big[at][0]))
            key, members = big.pop(smallest)
            pool_keys.append(key)
            pool += members
        children: list[tuple[list[str], list[int]]] = [([key], members) for key, members in big]
        if pool:
            children.append((sorted(pool_keys), sorted(pool)))
        return (level, children, bool(pool)) if len(children) > 1 else None


def population_digest(rows: Sequence[RegisterNetwork]) -> str:
    """Return the hash of what the partition is made of, whatever the order of the rows."""
    lines = sorted(
        "\t".join(
            (
                row.register_id,
                row.municipality,
                row.province,
                row.region,
                row.ateco,
                row.registered_on.isoformat(),
                str(row.members),
                row.kind.value,
                row.theme,
                "1" if row.active else "0",
            )
        )
        for row in rows
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def in_scope(row: RegisterNetwork, scope: Sequence[str], territories: Territories) -> bool:
    """Tell whether a row lies in one of the scope's areas (none: all Italy)."""
    return _covers(scope, row.province, territories)


def _covers(scope: Sequence[str], province: str, territories: Territories) -> bool:
    if not scope:
        return True
    here = {province, *territories.ancestors(province)}
    return any(current in here for code in scope for current in territories.current(code))


def provinces_of(scope: Sequence[str], territories: Territories) -> tuple[str, ...] | None:
    """Return today's provinces in a scope, None for all Italy: what may be read instead of the whole register."""
    if not scope:
        return None
    return tuple(area.code for area in territories.provinces if _covers(scope, area.code, territories))


def build(
    rows: Sequence[RegisterNetwork],
    *,
    version: int,
    snapshot: str,
    scope: tuple[str, ...],
    territories: Territories,
    sectors: Sectors,
    k: int = 5,
    k_build: int = 8,
) -> Partition:
    """Return the partition of the scope's active rows; ``snapshot`` is the register's date (ISO).

    Raises: CallerError(partition-too-small) when the scope has fewer than ``k_build`` active networks.
    """
    members = sorted(
        (row for row in rows if row.active and in_scope(row, scope, territories)), key=lambda row: row.register_id
    )
    if len(members) < k_build:
        raise CallerError(
            "partition-too-small",
            N_("nel territorio ci sono solo {found} reti nell'elenco pubblico: ne servono almeno {needed}"),
            hint=N_("allargare [privacy] scope alle province vicine, insieme agli altri nodi"),
            found=len(members),
            needed=k_build,
        )
    keys = [keys_of(row, sectors) for row in members]
    columns = [
        [[key[attribute][level] for key in keys] for level in range(len(levels))]
        for attribute, levels in enumerate(LEVELS)
    ]
    tree = _Builder(columns, [row.kind.value for row in members], k_build).grow(
        list(range(len(members))), (0,) * len(LEVELS)
    )
    document = {
        "type": TYPE,
        "version": version,
        "snapshot": snapshot,
        "population": population_digest(members),
        "scope": list(scope),
        "k": k,
        "k_build": k_build,
        "weights": list(WEIGHTS),
        "tree": tree,
    }
    return Partition(_canonical(document))


def _canonical(document: Mapping[str, Any]) -> bytes:
    # Sorted, compact, integers and text only: the same bytes the wire's canonical form gives.
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Partition:
    """A partition read back from its own bytes; the only way to have one, so that what is used is what is published."""

    def __init__(self, document: bytes) -> None:
        """Read ``partition/1``. Raises: CallerError(partition-malformed)."""
        self.document = document
        self.digest = hashlib.sha256(document).hexdigest()
        try:
            fields = json.loads(document)
            _check_form(fields, document)
            self.version: int = fields["version"]
            self.snapshot: str = fields["snapshot"]
            self.scope: tuple[str, ...] = tuple(fields["scope"])
            self.k: int = fields["k"]
            self.k_build: int = fields["k_build"]
            self._tree: dict[str, Any] = fields["tree"]
            self.blocks: tuple[Block, ...] = tuple(self._leaves(self._tree, {}, []))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CallerError("partition-malformed", N_("documento partition/1 non valido")) from error

    def _leaves(self, node: dict[str, Any], labels: dict[str, Label], numbers: list[int]) -> list[Block]:
        if "n" in node:
            node["id"] = len(numbers)
            numbers.append(node["n"])
            full = {name: labels.get(name, Label(ANY, ())) for name in ATTRIBUTES}
            for attribute, level, key in node["s"]:
                name = ATTRIBUTES[attribute]
                full[name] = _label(attribute, level, [key], labels.get(name))
            return [Block(node["id"], full, node["n"], node["kind"])]
        found: list[Block] = []
        name = ATTRIBUTES[node["a"]]
        for keys, child in node["c"]:
            found += self._leaves(
                child, {**labels, name: _label(node["a"], node["l"], keys, labels.get(name))}, numbers
            )
        return found

    @cached_property
    def by_id(self) -> Mapping[int, Block]:
        """Blocks by number."""
        return {block.block_id: block for block in self.blocks}

    def lookup(self, row: RegisterNetwork, sectors: Sectors) -> Block:
        """Return the block whose labels and kind are all true of a register row.

        Raises: CallerError(block-none) when there is none: a value, or a kind, that the partition's edition did not have.
        """
        block = self.find(row, sectors)
        if block is None:
            raise CallerError(
                "block-none",
                N_("nessun gruppo dell'elenco pubblico ha le caratteristiche di questa rete: la scheda è trattenuta"),
                hint=N_("attendere la prossima edizione dell'elenco"),
            )
        return block

    def find(self, row: RegisterNetwork, sectors: Sectors) -> Block | None:
        """Return the block whose labels and kind are all true of a register row, None when there is none."""
        keys = keys_of(row, sectors)
        node = self._tree
        while "n" not in node:
            key = keys[node["a"]][node["l"]]
            # A pool is the set of its values, not whatever its siblings are not: its label would be untrue of the rest.
            found = next((child for values, child in node["c"] if key in values), None)
            if found is None:
                return None
            node = found
        block = self.by_id[node["id"]]
        return block if is_true(block, keys, row.kind.value) else None


def _check_form(fields: Mapping[str, Any], document: bytes) -> None:
    if fields["type"] != TYPE or _canonical(fields) != document:
        raise ValueError


def _label(attribute: int, level: int, keys: Sequence[str], above: Label | None) -> Label:
    name = LEVELS[attribute][level]
    if ATTRIBUTES[attribute] != "period":
        return Label(name, tuple(keys))
    # Three-year spans do not nest in five-year ones: the years that hold are those of both.
    years = {year for key in keys for year in years_of(key)}
    if above is not None:
        years &= set(above.values)
    return Label(name, tuple(sorted(years)))


def is_true(block: Block, keys: tuple[tuple[str, ...], ...], kind: str) -> bool:
    """Tell whether every label of the block, and its kind, hold for a row with these keys and this kind."""
    if block.kind not in (ANY_KIND, kind):
        return False
    for attribute, name in enumerate(ATTRIBUTES):
        label = block.labels[name]
        if label.level == ANY:
            continue
        key = keys[attribute][-1] if name == "period" else keys[attribute][LEVELS[attribute].index(label.level)]
        if key not in label.values:
            return False
    return True


def load(document: bytes) -> Partition:
    """Return the partition of its canonical bytes. Raises: CallerError(partition-malformed)."""
    return Partition(document)
