"""The form of ``partition/1``: attributes and levels, labels and blocks, and reading the nodes of a document into blocks.

In: the fields of a document, perhaps a peer's. Out: blocks in the order of their leaves, or ValueError and its like for what
is no sound tree. Documents of before PROTOCOL 8 (a nested ``tree``) are read into the same nodes; none of them was ever in a
log. Source: docs/rules.md P, PROTOCOL 8.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.domain import splits

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
# The levels of each attribute that are split before anything else: regions and sections are what partners ask for first.
FIRST = (2, 1, 0, 0, 0)
ANY = "*"
ANY_KIND = splits.ANY_KIND
UNKNOWN = splits.UNKNOWN
PERIOD_BASE = 2010
PERIOD_MAX_YEARS = 5
_PERIOD = re.compile(r"[0-9]{4}(?:-[0-9]{4})?")
SIZES = ((4, "2-3"), (10, "4-9"))
LARGE = "10+"
TYPE = "partition/1"
KINDS = ("contract", "entity", ANY_KIND)


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


def years_of(key: str) -> tuple[str, ...]:
    """Return the years of a period key such as ``2010-2014`` or ``2012``. Raises: ValueError."""
    if not _PERIOD.fullmatch(key):
        raise ValueError
    first, _, last = key.partition("-")
    return tuple(str(year) for year in range(int(first), int(last or first) + 1)[:PERIOD_MAX_YEARS])


def canonical(document: Any) -> bytes:
    """Return sorted, compact JSON of integers and text: the same bytes the wire's canonical form gives."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


_FIELDS = frozenset(
    ("type", "version", "snapshot", "population", "scope", "group", "k", "k_build", "weights", "first", "nodes")
)


def _unnested(tree: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the nodes of a nested tree in preorder."""
    nodes: list[dict[str, Any]] = []

    def add(node: Mapping[str, Any]) -> int:
        number = len(nodes)
        if "n" in node:
            nodes.append(dict(node))
            return number
        children: list[list[Any]] = []
        nodes.append({"a": node["a"], "l": node["l"], "c": children})
        children += [[keys, add(child)] for keys, child in node["c"]]
        return number

    add(tree)
    return nodes


def read_fields(document: bytes) -> tuple[dict[str, Any], bool]:
    """Return (fields, whether they come from a nested document) of a document's bytes.

    Raises: KeyError, TypeError, ValueError, AttributeError, RecursionError for other documents than ``partition/1``.
    """
    fields: dict[str, Any] = json.loads(document)
    if canonical(fields) != document:
        raise ValueError
    nested = "tree" in fields
    if nested:
        tree = fields.pop("tree")
        fields |= {"group": [], "first": list(FIRST), "nodes": _unnested(tree)}
    numbers = [fields["version"], fields["k"], fields["k_build"]]
    texts = [fields["snapshot"], fields["population"], *fields["scope"], *fields["group"]]
    if (
        set(fields) != _FIELDS
        or fields["type"] != TYPE
        or (fields["weights"], fields["first"]) != (list(WEIGHTS), list(FIRST))
        or any(type(number) is not int or number < 1 for number in numbers)
        or any(type(text) is not str for text in texts)
    ):
        raise ValueError
    return fields, nested


class Reader:
    """Reads nodes in preorder into blocks. Raises: ValueError, TypeError, KeyError, IndexError for what is no tree."""

    def __init__(self, nodes: Sequence[Mapping[str, Any]]) -> None:
        self._nodes = nodes
        self._next = 0
        self.block_of: dict[int, int] = {}

    def read(self) -> list[Block]:
        """Return the blocks in the order of their leaves; every node is used once, in the order of its number."""
        blocks: list[Block] = []
        self._walk({}, (0,) * len(ATTRIBUTES), blocks)
        if self._next != len(self._nodes):
            raise ValueError
        return blocks

    def _walk(self, labels: Mapping[str, Label], depths: tuple[int, ...], blocks: list[Block]) -> None:
        number, self._next = self._next, self._next + 1
        node = self._nodes[number]
        if "n" in node:
            self.block_of[number] = len(blocks)
            blocks.append(_leaf(node, len(blocks), labels, depths))
            return
        attribute, level, children = _split_of(node, depths)
        name = ATTRIBUTES[attribute]
        # Levels only grow finer on the way down, so that the way is short whatever the document says.
        deeper = (*depths[:attribute], level + 1, *depths[attribute + 1 :])
        for keys, child in children:
            if child != self._next:
                raise ValueError
            self._walk({**labels, name: _label(attribute, level, keys, labels.get(name))}, deeper, blocks)


def _split_of(node: Mapping[str, Any], depths: tuple[int, ...]) -> tuple[int, int, list[list[Any]]]:
    attribute, level, children = node["a"], node["l"], node["c"]
    keys = [key for values, _ in children for key in values]
    if (
        set(node) != {"a", "l", "c"}
        or any(type(number) is not int for number in (attribute, level, *(child for _, child in children)))
        or not 0 <= attribute < len(ATTRIBUTES)
        or not depths[attribute] <= level < len(LEVELS[attribute])
        or len(children) < 2
        or any(type(key) is not str for key in keys)
        or len(set(keys)) != len(keys)
        or any(not values or values != sorted(values) for values, _ in children)
    ):
        raise ValueError
    return attribute, level, children


def _leaf(node: Mapping[str, Any], block_id: int, labels: Mapping[str, Label], depths: tuple[int, ...]) -> Block:
    if set(node) != {"n", "kind", "s"} or type(node["n"]) is not int or node["n"] < 1 or node["kind"] not in KINDS:
        raise ValueError
    full = {name: labels.get(name, Label(ANY, ())) for name in ATTRIBUTES}
    for attribute, level, key in node["s"]:
        if not 0 <= attribute < len(ATTRIBUTES) or not depths[attribute] <= level < len(LEVELS[attribute]):
            raise ValueError
        if type(key) is not str or type(attribute) is not int or type(level) is not int:
            raise ValueError
        name = ATTRIBUTES[attribute]
        full[name] = _label(attribute, level, [key], labels.get(name))
    return Block(block_id, full, node["n"], node["kind"])


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
