"""The light store of the simulation of years of faults (chaos_sim): what a node's tables hold, as lists and dictionaries.

In: what the gate (protocol/feed) let through. Out: entries, subtree hashes, items, bodies, as the flows read them; copies for backups. Not a benchmark by itself.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from node.protocol import feed, merkle
from node.protocol.inconsistency import Inconsistency

READY, FENCED = "ready", "fenced"


@dataclass
class Tree:
    """One log as a node holds it: what log.entry, log.subtree, log.item, log.body, log.wanted and log.problem hold in a database."""

    origin: str
    entries: list[bytes] = field(default_factory=list)
    levels: list[list[bytes]] = field(default_factory=lambda: [[]])
    roots: list[bytes] = field(default_factory=lambda: [merkle.EMPTY_ROOT])
    range_hashes: tuple[bytes, ...] = ()
    items: dict[str, feed.ItemState] = field(default_factory=dict)
    bodies: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    wanted: dict[int, str] = field(default_factory=dict)
    problems: dict[int, str] = field(default_factory=dict)
    # The signed head that was reached as a whole, and its size.
    note: bytes = b""
    reached: int = 0

    @property
    def size(self) -> int:
        """How many entries are here."""
        return len(self.entries)

    def head(self) -> feed.Head:
        """Return it as the gate wants it."""
        return feed.Head(self.origin, self.size, self.roots[-1], self.range_hashes)

    def hash_at(self, level: int, index: int) -> bytes:
        """Return the root of a complete subtree."""
        return self.levels[level][index]

    def clone(self) -> Tree:
        """Return what a backup of it is."""
        made = copy.copy(self)
        made.entries, made.roots = list(self.entries), list(self.roots)
        made.levels = [list(level) for level in self.levels]
        made.items, made.bodies = dict(self.items), dict(self.bodies)
        made.wanted, made.problems = dict(self.wanted), dict(self.problems)
        return made

    def take(self, found: feed.Extension, ruling: feed.Ruling, *, deaf: bool = False) -> None:
        """Store an extension as flows/logs/ingest does; ``deaf``: without erasing what was withdrawn (a mutant)."""
        grown = merkle.CompactRange.load(self.size, self.range_hashes)
        for verified in found.entries:
            leaf = merkle.leaf_hash(verified.raw)
            self.entries.append(verified.raw)
            grown.append(leaf)
            self.roots.append(grown.root())
            self._fold(leaf)
        self.range_hashes = grown.hashes
        self.items.update(ruling.items)
        self.problems.update(dict(ruling.ignored))
        for verified in ruling.accepted:
            told = verified.entry
            if told is None:
                continue
            if told.p >= 0 and not deaf:
                self.bodies.pop(told.p, None)
                self.wanted.pop(told.p, None)
            if told.op != "wd":
                self.wanted[verified.index] = told.id

    def _fold(self, digest: bytes) -> None:
        level = 0
        self.levels[0].append(digest)
        while len(self.levels[level]) % 2 == 0:
            digest = merkle.node_hash(self.levels[level][-2], digest)
            level += 1
            if level == len(self.levels):
                self.levels.append([])
            self.levels[level].append(digest)


@dataclass
class Database:
    """All that a backup takes and a restore brings back."""

    trees: dict[str, Tree] = field(default_factory=dict)
    # The newest own signature: size, root.
    signed: tuple[int, bytes] | None = None
    state: str = READY
    quarantined: set[str] = field(default_factory=set)
    proofs: dict[bytes, Inconsistency] = field(default_factory=dict)
    # What this node has cosigned as a witness: size, root, note.
    cosigned: dict[str, tuple[int, bytes, bytes]] = field(default_factory=dict)

    def clone(self) -> Database:
        """Return a backup."""
        trees = {origin: tree.clone() for origin, tree in self.trees.items()}
        return Database(trees, self.signed, self.state, set(self.quarantined), dict(self.proofs), dict(self.cosigned))
