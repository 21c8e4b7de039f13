"""The public register: generate one for trials, load a snapshot, build the frozen partition of the node's scope.

In: a file in the chamber's layout and its date. Out: a snapshot and, when it says something new, a new partition version.
Profiles already published keep the labels of their own version; nothing here touches them (privacy.md P).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

from node.config import Config
from node.domain import chamber, partition
from node.domain.chamber import CONTRACTS_SHEET, ENTITIES_SHEET, ChamberList
from node.domain.generation.national import generate
from node.domain.register import RegisterFirm, RegisterNetwork
from node.errors import N_, CallerError
from node.store import population, spreadsheet
from node.store.postgres import Connection, Pool, run_tx
from node.store.reference import load_sectors, load_territories

_NETWORK_FACTS = attrgetter(*(field.name for field in fields(RegisterNetwork) if field.name != "firms"))
_FIRM_FACTS = attrgetter(*(field.name for field in fields(RegisterFirm)))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading a snapshot did."""

    taken_on: dt.date
    networks: int
    firms: int
    stored: bool
    partition_version: int | None
    blocks: int
    refusal: str | None
    problems: tuple[chamber.RowProblem, ...]


def read_list(path: Path) -> ChamberList:
    """Read a file in the chamber's layout. Raises: CallerError file-..., columns-missing, file-empty."""
    sheets = spreadsheet.read_sheets(path)
    if not chamber.is_chamber_layout(sheets):
        raise chamber.not_the_list(sheets, str(path))
    found = chamber.parse_sheets(sheets, load_territories(), load_sectors())
    if not found.networks:
        raise CallerError("file-empty", N_("nessun contratto leggibile nel file"), where=str(path))
    return found


def generate_file(path: Path, *, contracts: int, seed: int) -> int:
    """Write a generated national list; return its number of rows. Raises: CallerError(file-type-unknown | ...)."""
    if path.suffix.lower() not in (".xls", ".xlsx", ".csv"):
        raise CallerError("file-type-unknown", N_("usare .xls, .xlsx o .csv"), where=str(path))
    made = generate(contracts=contracts, seed=seed, territories=load_territories(), sectors=load_sectors())
    if path.suffix.lower() == ".csv":
        # One sheet only: the entities are written as contracts would be, in the columns they share.
        rows = [*made.contracts, *(_as_contract(row) for row in made.entities[1:])]
        spreadsheet.write_sheets(path, {CONTRACTS_SHEET: rows})
    else:
        rows = [*made.contracts, *made.entities[1:]]
        spreadsheet.write_sheets(path, {CONTRACTS_SHEET: made.contracts, ENTITIES_SHEET: made.entities})
    return len(rows) - 1


def _as_contract(row: list[object]) -> list[object]:
    cells: list[object] = [""] * len(chamber.CONTRACT_COLUMNS)
    for at, name in enumerate(chamber.CONTRACT_COLUMNS):
        if name in chamber.ENTITY_POSITIONS:
            cells[at] = row[chamber.ENTITY_POSITIONS[name]]
    cells[0] = row[0]
    return cells


def content_digest(networks: Sequence[RegisterNetwork]) -> str:
    """Return the hash of everything an edition says, whatever the order of its contracts.

    More than the partition's own digest: a corrected name or object makes another edition too.
    """
    lines = sorted(
        "\x1e".join(
            ("\x1f".join(map(str, _NETWORK_FACTS(n))), *("\x1f".join(map(str, _FIRM_FACTS(f))) for f in n.firms))
        )
        for n in networks
    )
    return hashlib.sha256("\x1d".join(lines).encode()).hexdigest()


async def load_register(
    pool: Pool, config: Config, found: ChamberList, taken_on: dt.date, now: dt.datetime, *, replace: bool = False
) -> Loaded:
    """Store a snapshot and build its partition; loading the same again changes nothing.

    A scope too small for a partition is not an error here: the snapshot is kept, profiles are held (``refusal`` says why).
    Raises: CallerError(snapshot-differs | snapshot-in-use).
    """
    digest = await asyncio.to_thread(content_digest, found.networks)

    async def work(conn: Connection) -> tuple[bool, int]:
        known = await population.snapshot_on(conn, taken_on)
        if known is not None and known.digest == digest:
            return False, known.snapshot_id
        if known is not None:
            await _make_room(conn, known, replace=replace)
        return True, await population.insert_snapshot(conn, found.networks, taken_on=taken_on, digest=digest, now=now)

    stored, snapshot_id = await run_tx(pool, work)
    built, refusal = await _build(pool, config, found, snapshot_id, taken_on, now)
    return Loaded(
        taken_on=taken_on,
        networks=len(found.networks),
        firms=sum(len(network.firms) for network in found.networks),
        stored=stored,
        partition_version=built.version if built else None,
        blocks=len(built.blocks) if built else 0,
        refusal=refusal,
        problems=found.problems,
    )


async def _make_room(conn: Connection, known: population.Snapshot, *, replace: bool) -> None:
    if not replace:
        raise CallerError(
            "snapshot-differs",
            N_("l'elenco del {day} è già caricato e diverso da questo"),
            hint=N_("se quello era sbagliato, ripetere con --replace"),
            day=known.taken_on.isoformat(),
        )
    if await population.profiles_from(conn, known.snapshot_id):
        raise CallerError(
            "snapshot-in-use",
            N_("dall'elenco del {day} vengono profili già creati: non si sostituisce"),
            hint=N_("caricare il nuovo elenco con la sua data"),
            day=known.taken_on.isoformat(),
        )
    await population.delete_snapshot(conn, known.snapshot_id)


async def _build(
    pool: Pool, config: Config, found: ChamberList, snapshot_id: int, taken_on: dt.date, now: dt.datetime
) -> tuple[partition.Partition | None, str | None]:
    async with pool.acquire() as conn:
        latest = await population.latest_partition(conn)
    if latest is not None:
        current = partition.load(latest.document)
        if current.snapshot >= taken_on.isoformat() and latest.snapshot_id != snapshot_id:
            return current, None
    version = latest.version + 1 if latest else 1

    def make(number: int) -> partition.Partition:
        return partition.build(
            found.networks,
            version=number,
            snapshot=taken_on.isoformat(),
            scope=config.scope,
            territories=load_territories(),
            sectors=load_sectors(),
            k=config.privacy.k,
            k_build=config.privacy.k_build,
        )

    try:
        if latest is not None and (same := await asyncio.to_thread(make, latest.version)).digest == latest.digest:
            return same, None
        built = await asyncio.to_thread(make, version)
    except CallerError as error:
        if error.code != "partition-too-small":
            raise
        return None, error.render()[0]

    async def store(conn: Connection) -> None:
        await population.insert_partition(
            conn, version=built.version, snapshot_id=snapshot_id, digest=built.digest, document=built.document, now=now
        )

    await run_tx(pool, store)
    return built, None
