"""The frozen public partition: which register networks look alike, decided without looking at anybody's records.

In: the public register of a snapshot, the node's scope. Out: ``partition/1``, a tree whose leaves are blocks of at least
``k_build`` active networks. A profile publishes the labels of its network's block and nothing finer, so its candidates,
for somebody who knows the register, this rule and the partition, are the block's members. The build is a pure function
of public inputs: any peer with the snapshot rebuilds it bit for bit. Values the edition did not have are in no block: a
label is never said of a row it is not true of (docs/decisions/0008). A document may be a peer's: reading one either gives
a whole, sound partition or refuses it. Source: docs/rules.md P, PROTOCOL 8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from node.domain import splits
from node.domain.partition_form import (
    FIRST,
    LARGE,
    LEVELS,
    PERIOD_BASE,
    SIZES,
    TYPE,
    UNKNOWN,
    WEIGHTS,
    Block,
    Reader,
    canonical,
    is_true,
    read_fields,
)
from node.domain.register import RegisterNetwork
from node.domain.sector import Sectors
from node.domain.territory import Territories
from node.errors import N_, CallerError


def size_class(members: int) -> str:
    """Return the size class of a number of members."""
    return next((name for below, name in SIZES if members < below), LARGE)


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
    group: tuple[str, ...] = (),
) -> Partition:
    """Return the partition of the scope's active rows; ``snapshot`` is the register's date (ISO), ``group`` the node ids.

    Raises: CallerError(partition-too-small) when the scope has fewer than ``k_build`` active networks.
    """
    members = members_of(rows, scope, territories)
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
    document = {
        "type": TYPE,
        "version": version,
        "snapshot": snapshot,
        "population": population_digest(members),
        "scope": list(scope),
        "group": list(group),
        "k": k,
        "k_build": k_build,
        "weights": list(WEIGHTS),
        "first": list(FIRST),
        "nodes": splits.grow(columns, [row.kind.value for row in members], splits.Rules(WEIGHTS, FIRST, k_build)),
    }
    return Partition(canonical(document))


def members_of(
    rows: Sequence[RegisterNetwork], scope: Sequence[str], territories: Territories
) -> list[RegisterNetwork]:
    """Return the active rows of a scope in the order of the build: the population that is partitioned."""
    return sorted(
        (row for row in rows if row.active and in_scope(row, scope, territories)), key=lambda row: row.register_id
    )


class Partition:
    """A partition read back from its own bytes; the only way to have one, so that what is used is what is published."""

    def __init__(self, document: bytes) -> None:
        """Read ``partition/1``. Raises: CallerError(partition-malformed)."""
        self.document = document
        self.digest = hashlib.sha256(document).hexdigest()
        try:
            fields, self.nested = read_fields(document)
            self.version: int = fields["version"]
            self.snapshot: str = fields["snapshot"]
            self.population: str = fields["population"]
            self.scope: tuple[str, ...] = tuple(fields["scope"])
            self.group: tuple[str, ...] = tuple(fields["group"])
            self.k: int = fields["k"]
            self.k_build: int = fields["k_build"]
            self.nodes: list[dict[str, Any]] = fields["nodes"]
            self.header: Mapping[str, Any] = {name: value for name, value in fields.items() if name != "nodes"}
            reader = Reader(self.nodes)
            self.blocks: tuple[Block, ...] = tuple(reader.read())
            self._block_of: Mapping[int, int] = reader.block_of
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
            raise CallerError("partition-malformed", N_("documento partition/1 non valido")) from error

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
        number = 0
        while "n" not in (node := self.nodes[number]):
            key = keys[node["a"]][node["l"]]
            # A pool is the set of its values, not whatever its siblings are not: its label would be untrue of the rest.
            found = next((child for values, child in node["c"] if key in values), None)
            if found is None:
                return None
            number = found
        block = self.blocks[self._block_of[number]]
        return block if is_true(block, keys, row.kind.value) else None


def load(document: bytes) -> Partition:
    """Return the partition of its canonical bytes. Raises: CallerError(partition-malformed)."""
    return Partition(document)
