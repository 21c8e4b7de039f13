"""The audit's inputs as four tables, so that somebody else's program can run the attacks.

In: the database, the configuration. Out: rows of population, profiles, labels and truth (docs/privacy.md says what each
column holds). Of the own node alone; ``truth`` is for those who may see the register of the office, and goes nowhere else.
Rules: no table's order follows the log's or the office's; ``snapshot`` counts the editions by date, and counts one twice
where profiles stand on two partitions of it, so that a snapshot always has one partition.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.config import Config
from node.domain import partition
from node.domain.disclosure import Look, Shown
from node.domain.partition import Partition
from node.domain.partition_form import ANY, ATTRIBUTES, UNKNOWN, Label
from node.domain.register import RegisterNetwork
from node.domain.territory import COM, PRO, Territories
from node.flows.profiles.attacks import sensitive_of, texts_of
from node.flows.profiles.published import Published, Version, read_in
from node.store import disclosure, population
from node.store.postgres import Connection, Pool, acquire
from node.store.reference import load_sectors, load_territories

POPULATION = (
    "pop_id", "snapshot", "comune", "prov", "reg", "rip", "ateco", "anno", "n_imprese", "tema", "testo",
)  # fmt: skip
PROFILES = (
    "profile_id", "version", "snapshot", "node_scope", "terr", "sett", "periodo", "taglia", "tema", "sensibile", "testo",
)  # fmt: skip
LABELS = ("snapshot", "pop_id", "terr", "sett", "periodo", "taglia", "tema")
TRUTH = ("profile_id", "pop_id")
# The names of levels in these tables; those of the partition that are not here are written without one.
_PREFIX = {"SIZE": "", "Y1": "", "Y3": "", "Y5": "", "THEME": "T:"}
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Tables:
    """The four tables, without headers, each in an order that tells nothing."""

    population: list[Row]
    profiles: list[Row]
    labels: list[Row]
    truth: list[Row]


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One snapshot of the tables: an edition, and the partition that its profiles stand on, if it has one."""

    snapshot_id: int
    built: Partition | None


async def export(pool: Pool, config: Config) -> Tables:
    """Return the audit's inputs. Raises: CallerError(register-missing)."""
    async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        published = await read_in(conn, config, federation=False)
        leaves = await _leaves(conn, published)
        rows = {s: await population.edition_networks(conn, s, None) for s in {leaf.snapshot_id for leaf in leaves}}
        texts = {s: await disclosure.objects_of(conn, s) for s in rows}
    return await asyncio.to_thread(_tables, published, leaves, rows, texts)


async def _leaves(conn: Connection, published: Published) -> list[_Leaf]:
    """Return the snapshots in the order of their numbers."""
    in_use = [(published.editions[page.edition].snapshot_id, page.built) for page in published.pages]
    stored = {found.version: found for found in await population.list_partitions(conn)}
    leaves = []
    for snapshot_id in dict.fromkeys(s["snapshot_id"] for s in await population.list_snapshots(conn)):
        used = sorted((built for of, built in in_use if of == snapshot_id), key=lambda built: built.version)
        if not used:
            last = max((v for v, found in stored.items() if found.snapshot_id == snapshot_id), default=None)
            used = [] if last is None else [partition.load(stored[last].document)]
        leaves += [_Leaf(int(str(snapshot_id)), built) for built in used or (None,)]
    return leaves


def _tables(
    published: Published,
    leaves: Sequence[_Leaf],
    rows: Mapping[int, Sequence[RegisterNetwork]],
    texts: Mapping[int, Mapping[str, str]],
) -> Tables:
    names = _Names(load_territories())
    number_of = {leaf.built.digest: number for number, leaf in enumerate(leaves) if leaf.built is not None}
    versions = sorted(
        (*published.versions, *published.outside), key=lambda found: (found.shown.profile_id, found.shown.number)
    )
    truth = {found.shown.profile_id: found.shown.register_id for found in published.versions if found.shown.register_id}
    return Tables(
        population=[
            _population_row(row, number, names, texts[leaf.snapshot_id][row.register_id])
            for number, leaf in enumerate(leaves)
            for row in rows[leaf.snapshot_id]
        ],
        profiles=[
            _profile_row(found, number_of[built.digest], built, names)
            for found in versions
            for built in (published.pages[found.shown.page].built,)
        ],
        labels=[
            (number, row.register_id, *look)
            for number, leaf in enumerate(leaves)
            if leaf.built is not None
            for row, look in _looks(rows[leaf.snapshot_id], leaf.built, names)
        ],
        truth=sorted(truth.items()),
    )


class _Names:
    """How places are called: municipalities by name, with their province where two bear it."""

    def __init__(self, territories: Territories) -> None:
        self.territories = territories
        called = Counter(municipality.name for municipality in territories.municipalities)
        self._homonyms = {name for name, count in called.items() if count > 1}

    def municipality(self, istat: str) -> str:
        """Return the name of an ISTAT code; ``?`` for one that the register does not say, the code for an unknown one."""
        found = self.territories.municipality(istat)
        if found is None:
            return istat or UNKNOWN
        return f"{found.name} ({found.province})" if found.name in self._homonyms else found.name

    def cell(self, label: Label) -> str:
        """Return a label as these tables write it."""
        if label.level == ANY:
            return ANY
        values = map(self.municipality, label.values) if label.level == COM else label.values
        return _PREFIX.get(label.level, f"{label.level}:") + "|".join(values)

    def cells(self, look: Look) -> tuple[str, ...]:
        """Return the five labels of a look."""
        return tuple(map(self.cell, look.labels))

    def scope(self, shown: Shown, built: Partition) -> str:
        """Return where a profile's owner publishes from: one level's codes, or ``*`` for all Italy."""
        areas = shown.owned or built.scope
        levels = {area.level for code in areas if (area := self.territories.area(code)) is not None}
        current = sorted({found for code in areas for found in self.territories.current(code)})
        if len(levels) == 1 and not levels & {"IT", COM}:
            return f"{levels.pop()}:{'|'.join(current)}"
        provinces = partition.provinces_of(areas, self.territories)
        if provinces is None or len(provinces) == len(self.territories.provinces):
            return ANY
        return f"{PRO}:{'|'.join(provinces)}"


def _population_row(row: RegisterNetwork, number: int, names: _Names, text: str) -> Row:
    return (
        row.register_id,
        number,
        names.municipality(row.municipality),
        row.province or UNKNOWN,
        row.region or UNKNOWN,
        row.macro or UNKNOWN,
        row.ateco or UNKNOWN,
        row.registered_on.year,
        row.members,
        row.theme,
        _one_line(text),
    )


def _profile_row(version: Version, number: int, built: Partition, names: _Names) -> Row:
    shown = version.shown
    return (
        shown.profile_id,
        shown.number,
        number,
        names.scope(shown, built),
        *names.cells(shown.look),
        sensitive_of(version),
        _one_line(" ".join(text for _, text in texts_of(version))),
    )


def _looks(
    rows: Sequence[RegisterNetwork], built: Partition, names: _Names
) -> list[tuple[RegisterNetwork, tuple[str, ...]]]:
    """Return the labels of each row of the partition's scope that is in a block."""
    territories, sectors = load_territories(), load_sectors()
    cells = {block.block_id: tuple(names.cell(block.labels[name]) for name in ATTRIBUTES) for block in built.blocks}
    inside = ((row, built.find(row, sectors)) for row in partition.members_of(rows, built.scope, territories))
    return [(row, cells[block.block_id]) for row, block in inside if block is not None]


def _one_line(text: str) -> str:
    return " ".join(text.split())
