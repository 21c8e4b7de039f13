"""The public register: generate one for trials, load a snapshot, build the frozen partition of the node's scope.

In: a file in the chamber's layout and its date. Out: a snapshot and, when it is the newest and says something new, a new
partition version. A list that can't be today's (of a day to come, or with far fewer contracts) is refused: it would lead.
Profiles already published keep the labels of their own version; nothing here touches them (docs/rules.md P).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from zoneinfo import ZoneInfo

from node.config import Config
from node.domain import chamber, partition
from node.domain.chamber import CONTRACTS_SHEET, ENTITIES_SHEET, ChamberList
from node.domain.generation.national import generate
from node.domain.register import RegisterFirm, RegisterNetwork
from node.domain.rows import RowProblem
from node.errors import N_, CallerError, NotFoundError, Said
from node.flows.profiles import partitions
from node.flows.registry import counting
from node.flows.registry.counting import Difference
from node.store import edition_counts, population, spreadsheet
from node.store.postgres import Connection, Pool, acquire, run_tx
from node.store.reference import load_sectors, load_territories

_NETWORK_FACTS = attrgetter(*(field.name for field in fields(RegisterNetwork) if field.name != "firms"))
_FIRM_FACTS = attrgetter(*(field.name for field in fields(RegisterFirm)))


# An edition with fewer of the contracts that the newest one has is taken for a part of a list.
SHRUNK_BELOW = 0.7
# The latest zone of Italian law: a list of today is one of today also where the server's clock says UTC.
ITALY = ZoneInfo("Europe/Rome")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading a snapshot did.

    ``partition_version`` is that of the partition of this edition; None when its scope is too small (``refusal``) or when
    a newer edition is loaded (``superseded_by``); then ``partition_day`` is that of the partition which leads, if there is one.
    """

    taken_on: dt.date
    networks: int
    firms: int
    stored: bool
    partition_version: int | None
    blocks: int
    refusal: str | None
    problems: tuple[RowProblem, ...]
    difference: Difference
    superseded_by: dt.date | None = None
    partition_day: str | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """What removing a snapshot left: the newest edition and the partition that leads, None where there is none."""

    taken_on: dt.date
    newest: dt.date | None
    partition_version: int | None


def read_list(path: Path) -> ChamberList:
    """Read a file in the chamber's layout. Raises: CallerError file-..., columns-missing, file-empty."""
    sheets = spreadsheet.read_sheets(path)
    if not chamber.is_chamber_layout(sheets):
        raise chamber.not_the_list(sheets, str(path))
    found = chamber.parse_sheets(sheets, load_territories(), load_sectors())
    if not found.networks:
        raise CallerError("file-empty", N_("nessun contratto leggibile nel file"), where=str(path))
    return found


def generate_file(path: Path, *, contracts: int, seed: int, replace: bool = True) -> int:
    """Write a generated national list; return its number of rows.

    Raises: CallerError(file-type-unknown | file-too-many-rows; file-exists unless ``replace``).
    """
    spreadsheet.check_target(path, replace=replace)
    made = generate(contracts=contracts, seed=seed, territories=load_territories(), sectors=load_sectors())
    if path.suffix.lower() == ".csv":
        # One sheet only: the entities are written as contracts would be, in the columns they share.
        rows = [*made.contracts, *(_as_contract(row) for row in made.entities[1:])]
        spreadsheet.write_sheets(path, {CONTRACTS_SHEET: rows}, replace=replace)
    else:
        rows = [*made.contracts, *made.entities[1:]]
        book = {CONTRACTS_SHEET: made.contracts, ENTITIES_SHEET: made.entities}
        spreadsheet.write_sheets(path, book, replace=replace)
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
    pool: Pool,
    config: Config,
    found: ChamberList,
    taken_on: dt.date,
    now: dt.datetime,
    *,
    replace: bool = False,
    accept_shrunk: bool = False,
) -> Loaded:
    """Store a snapshot and build its partition; loading the same again changes nothing.

    A scope too small for a partition is not an error here: the snapshot is kept, profiles are held (``refusal`` says why).
    Raises: CallerError(snapshot-in-future | register-shrunk | snapshot-differs | snapshot-in-use).
    """
    _refuse_future(taken_on, now)
    digest = await asyncio.to_thread(content_digest, found.networks)

    async def work(conn: Connection) -> tuple[bool, int, dt.date, Difference]:
        known, newest = await population.snapshot_on(conn, taken_on), await population.newest_snapshot(conn)
        leads = taken_on if newest is None else max(newest.taken_on, taken_on)
        if known is not None and known.digest == digest:
            return False, known.snapshot_id, leads, await counting.difference(conn, taken_on)
        if newest is not None and leads == taken_on and not accept_shrunk:
            await _refuse_shrunk(conn, config, found, newest)
        if known is not None:
            await _make_room(conn, known, replace=replace)
        stored_id = await population.insert_snapshot(conn, found.networks, taken_on=taken_on, digest=digest, now=now)
        # Here and now, while its rows are as they were listed: an erasure or the end of its term may take them.
        await counting.settle(conn, now)
        return True, stored_id, leads, await counting.difference(conn, taken_on)

    stored, snapshot_id, leads, difference = await run_tx(pool, work)
    built, refusal = None, None
    if leads == taken_on:
        built, refusal = await partitions.build_for(pool, config, found.networks, snapshot_id, taken_on, now)
    leading = await _latest(pool) if leads > taken_on else None
    return Loaded(
        taken_on=taken_on,
        networks=len(found.networks),
        firms=sum(len(network.firms) for network in found.networks),
        stored=stored,
        partition_version=built.version if built else None,
        blocks=len(built.blocks) if built else 0,
        refusal=refusal,
        problems=found.problems,
        superseded_by=leads if leads > taken_on else None,
        partition_day=leading.snapshot if leading else None,
        difference=difference,
    )


async def _latest(pool: Pool) -> partition.Partition | None:
    async with acquire(pool) as conn:
        found = await population.latest_partition(conn)
    return None if found is None else partition.load(found.document)


def _refuse_future(taken_on: dt.date, now: dt.datetime) -> None:
    today = now.astimezone(ITALY).date()
    if taken_on > today:
        # It would stay the newest edition until that day, and no true one could lead.
        raise CallerError(
            "snapshot-in-future",
            N_("la data {day} è nel futuro: oggi è {today}"),
            where="--snapshot",
            hint=N_("indicare la data dell'elenco, come aaaa-mm-gg"),
            day=taken_on.isoformat(),
            today=today.isoformat(),
        )


async def _refuse_shrunk(conn: Connection, config: Config, found: ChamberList, newest: population.Snapshot) -> None:
    """Refuse as the current edition a list that has lost many contracts, in all or in the node's scope."""
    territories = load_territories()
    provinces = partition.provinces_of(config.scope, territories)
    here = [n for n in found.networks if n.active and (provinces is None or n.province in provinces)]
    before_here = await population.count_networks(conn, newest.snapshot_id, provinces)
    for count, before, place in (
        (len(found.networks), newest.networks, N_("in tutto")),
        (len(here), before_here, N_("nel territorio del nodo")),
    ):
        if count < SHRUNK_BELOW * before:
            raise CallerError(
                "register-shrunk",
                N_("l'elenco ha {count} contratti {place}, quello del {day} ne ha {before}: sembra incompleto"),
                hint=N_("se è intero davvero, ripetere con --accept-shrunk"),
                count=count,
                before=before,
                day=newest.taken_on.isoformat(),
                place=Said(place),
            )


async def _make_room(conn: Connection, known: population.Snapshot, *, replace: bool) -> None:
    if not replace:
        raise CallerError(
            "snapshot-differs",
            N_("l'elenco del {day} è già caricato e diverso da questo"),
            hint=N_("se quello era sbagliato, ripetere con --replace"),
            day=known.taken_on.isoformat(),
        )
    await _refuse_in_use(conn, known)
    await population.delete_snapshot(conn, known.snapshot_id)


async def _refuse_in_use(conn: Connection, known: population.Snapshot) -> None:
    if await population.profiles_from(conn, known.snapshot_id):
        raise CallerError(
            "snapshot-in-use",
            N_("dall'elenco del {day} vengono profili già creati: resta com'è"),
            hint=N_("caricare il nuovo elenco con la sua data"),
            day=known.taken_on.isoformat(),
        )


async def remove_snapshot(pool: Pool, taken_on: dt.date) -> Removed:
    """Remove an edition and its partitions, if nothing depends on it.

    Raises: NotFoundError(snapshot-unknown), CallerError(snapshot-in-use) when profiles were made from it, or when the
    newest edition gave no partition and this one's is in use.
    """

    async def work(conn: Connection) -> Removed:
        known = await population.snapshot_on(conn, taken_on)
        if known is None:
            raise NotFoundError(
                "snapshot-unknown",
                N_("nessun elenco del {day}"),
                hint=N_("«rete register list» mostra le edizioni caricate"),
                day=taken_on.isoformat(),
            )
        await _refuse_in_use(conn, known)
        newest, latest = await population.newest_snapshot(conn), await population.latest_partition(conn)
        if latest is not None and latest.snapshot_id == known.snapshot_id and newest != known:
            raise CallerError(
                "snapshot-in-use",
                N_("la partizione in uso è quella dell'elenco del {day}: l'edizione più nuova non ne ha una"),
                day=taken_on.isoformat(),
            )
        await population.delete_snapshot(conn, known.snapshot_id)
        await edition_counts.forget(conn, taken_on)
        newest, latest = await population.newest_snapshot(conn), await population.latest_partition(conn)
        return Removed(taken_on, newest.taken_on if newest else None, latest.version if latest else None)

    return await run_tx(pool, work)
