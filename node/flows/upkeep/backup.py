"""Backups: a node in one sealed file, proved by restoring it on trial.

In: a home, a database, a passphrase. Out: a file; what a trial restore found. Rules: the database is seen in one moment while it is
being written, and its digests are taken in that same moment; no private byte reaches a disk unsealed but in a database; the living
node is never touched. Putting a backup back is flows/upkeep/backup_restore.py. docs/backup.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from node.config import Config
from node.errors import N_, CallerError, OperatorError, ReteError, Said
from node.flows.logs.trees import stored_root
from node.flows.upkeep import backup_home
from node.flows.upkeep.backup_home import HomeFiles
from node.protocol import keys, tlog_proof
from node.store import backup, backup_file, embedded, pg_programs, whole_file
from node.store.backup import Head, Moment, Table
from node.store.backup_file import Manifest, Opened, Writer
from node.store.pg_programs import Run
from node.store.postgres import acquire, migrate, open_pool
from node.store.trial_folder import CLUSTER, trial
from node.store.whole_file import SECRET
from node.version import VERSION

logger = structlog.get_logger()
DIGESTS, DATABASE = "digests", "database"
TRIAL_DATABASE: Final = "prova"
NAMED_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Place:
    """What is kept: a home, its configuration, and its database."""

    home: Path
    config: Config
    dsn: str


@dataclass(frozen=True, slots=True)
class Made:
    """One backup that was made; ``left_out`` are files that the configuration names outside the home."""

    path: Path
    size: int
    digest: str
    made_at: dt.datetime
    tables: int
    rows: int
    log_size: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a trial restore found. ``problems`` is empty where all is as it was when the backup was made."""

    manifest: Manifest
    tables: int
    rows: int
    log_size: int
    problems: tuple[tuple[str, Said], ...]

    @property
    def code(self) -> str:
        """The code of the first problem, empty where there is none."""
        return self.problems[0][0] if self.problems else ""


async def create(place: Place, path: Path, passphrase: str, now: dt.datetime, *, replace: bool = False) -> Made:
    """Write one backup to ``path``; the node may be at work.

    Raises: CallerError file-exists, file-is-folder, backup-passphrase-short; OperatorError database-unreachable, backup-....
    """
    backup_file.check_passphrase(passphrase)
    whole_file.check_targets([path], replace=replace)
    # Before the database's moment: a mark that is older than the database accuses nobody, a newer one would.
    files = await asyncio.to_thread(backup_home.gather, place.home, place.config)
    run = Run()
    async with backup.hold(place.dsn) as moment:
        programs = await asyncio.to_thread(pg_programs.find, at_least=moment.major)

        def fill(partial: Path) -> None:
            with partial.open("r+b") as out:
                writer = Writer(out, passphrase)
                writer.part(backup_home.PART, [files.packed()])
                writer.part(DIGESTS, [_told(moment)])
                writer.part(DATABASE, run.dump(programs, place.dsn, moment.snapshot))
                digests.append(writer.finish(_facts(place, moment, programs.major, now)))

        digests: list[str] = []
        try:
            await asyncio.to_thread(whole_file.replace_whole, path, fill, replace=replace, mode=SECRET)
        except asyncio.CancelledError:
            # The thread ends with the program it reads from, and takes its unfinished file away.
            run.end()
            raise
        except OSError as error:
            raise OperatorError(
                "backup-not-written",
                N_("la copia non si può scrivere: {reason}"),
                where=str(path),
                hint=N_(
                    "controllare che la cartella ci sia, i permessi e lo spazio su disco; di ciò che era cominciato non resta nulla"
                ),
                reason=os.strerror(error.errno or 0),
            ) from error
    size = await asyncio.to_thread(lambda: path.stat().st_size)
    logger.info("backup.made", bytes=size, tables=len(moment.tables), rows=moment.rows)
    signed = moment.head.signed_size if moment.head else 0
    return Made(path, size, digests[0], now, len(moment.tables), moment.rows, signed, files.left_out)


def _facts(place: Place, moment: Moment, programs: int, now: dt.datetime) -> dict[str, Any]:
    """Return what a file says of itself to whoever has no passphrase: nothing that is in the database."""
    head = moment.head
    return {
        "node": place.config.node.id,
        "origin": head.origin if head else place.config.federation.origin,
        "made_at": now.isoformat(),
        "program": VERSION,
        "schema": moment.schema,
        "server": moment.version,
        "programs": programs,
        "tables": len(moment.tables),
        "rows": moment.rows,
        "log_size": head.signed_size if head else 0,
        "log_root": head.root.hex() if head else "",
    }


def _told(moment: Moment) -> bytes:
    return orjson.dumps({name: [table.rows, table.digest] for name, table in moment.tables.items()})


def digests_of(opened: Opened) -> dict[str, Table]:
    """Return the digests that were taken when a backup was made."""
    return {name: Table(int(rows), str(digest)) for name, (rows, digest) in orjson.loads(opened.read(DIGESTS)).items()}


def differing(wanted: Mapping[str, Table], found: Mapping[str, Table]) -> list[str]:
    """Return the names of tables that are not what they were."""
    return sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))


def differ(names: list[str]) -> Said:
    """Return that tables differ as one sentence."""
    shown = ", ".join(names[:NAMED_MAX]) + (" ..." if len(names) > NAMED_MAX else "")
    return Said(N_("tabelle diverse da quando la copia fu fatta ({count}): {tables}"), {"count": len(names), "tables": shown})  # fmt: skip


async def pour(opened: Opened, dsn: str, major: int) -> None:
    """Put a backup's database into an empty one; when that fails, it is empty again.

    Raises: OperatorError backup-programs-missing, backup-program-failed.
    """
    wrote = int(opened.manifest.facts.get("programs", 0))
    programs = await asyncio.to_thread(pg_programs.find, at_least=max(wrote, major))
    run = Run()

    def put(section: str) -> None:
        with contextlib.closing(opened.content(DATABASE)) as archive:
            run.restore(programs, dsn, archive, section)

    try:
        for section in pg_programs.SECTIONS:
            await asyncio.to_thread(put, section)
            if section == pg_programs.SECTIONS[0]:
                await backup.settle_functions(dsn)
    except asyncio.CancelledError:
        run.end()
        raise
    except ReteError:
        with contextlib.suppress(OperatorError):
            await backup.take_away(dsn)
        raise


async def open_whole(path: Path, passphrase: str) -> Opened:
    """Open a backup after every byte of it was found good.

    Raises: CallerError backup-unknown, backup-damaged, backup-passphrase-wrong, file-not-found; OperatorError(backup-unreadable).
    """
    try:
        manifest = await asyncio.to_thread(backup_file.read_manifest, path)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise CallerError(
            "file-not-found",
            N_("il file non c'è"),
            where=str(path),
            hint=N_("«rete backup list» mostra le copie che ci sono"),
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    opened = await asyncio.to_thread(Opened, manifest, passphrase)
    try:
        await asyncio.to_thread(opened.check)
    except OSError as error:
        raise _unreadable(path, error) from error
    return opened


def _unreadable(path: Path, error: OSError) -> OperatorError:
    return OperatorError(
        "backup-unreadable",
        N_("la copia non si legge: {reason}"),
        where=str(path),
        hint=N_("controllare i permessi e il disco; se il disco è guasto provare un'altra copia"),
        reason=os.strerror(error.errno or 0),
    )


async def verify(path: Path, passphrase: str, scratch: Path | None = None) -> Verdict:
    """Restore a backup on trial, into a server of its own below ``scratch``, and hold it against what it was made from.

    Raises: as ``open_whole`` and ``pour``; OperatorError(schema-newer) for one of a newer program.
    """
    opened = await open_whole(path, passphrase)
    files = backup_home.unpack(opened.read(backup_home.PART))
    wanted = digests_of(opened)
    with trial(scratch) as folder, embedded.lease(folder / CLUSTER) as cluster:
        dsn = await embedded.ensure_database(cluster, TRIAL_DATABASE)
        _, major = await backup.is_empty(dsn)
        await pour(opened, dsn, major)
        async with backup.hold(dsn) as moment:
            found, head = moment.tables, moment.head
        problems: list[tuple[str, Said]] = []
        names = differing(wanted, found)
        if names:
            problems.append(("backup-differs", differ(names)))
        problems += await _judge_log(dsn, head, files)
    signed = head.signed_size if head else 0
    logger.info("backup.verified", ok=not problems, tables=len(found))
    return Verdict(opened.manifest, len(found), sum(t.rows for t in found.values()), signed, tuple(problems))


async def _judge_log(dsn: str, head: Head | None, files: HomeFiles) -> list[tuple[str, Said]]:
    """Hold the restored log against its own signature, its entries and the mark beside the database."""
    pool = await open_pool(dsn, max_size=2)
    try:
        async with acquire(pool) as conn:
            # What an older program wrote is read as this one would after a restore.
            await migrate(conn)
            root = await stored_root(conn, head.origin_id, head.signed_size) if head and head.signed_size else b""
    finally:
        pool.terminate()
    mark = files.mark()
    found: list[tuple[str, Said]] = []
    if head is None or not head.signed_size:
        if mark is not None:
            found.append(("backup-log-short", Said(N_("nella copia mancano voci che questo nodo ha firmato"))))
        return found
    verifiers = [keys.Verifier(head.origin, keys.LOG_TYPE, public) for public in files.log_keys()]
    try:
        signed = tlog_proof.signed_checkpoint(head.note, verifiers)
    except ReteError as error:
        return [("backup-log-unsigned", Said(error.what, error.facts))]
    if (signed.size, signed.root) != (head.signed_size, head.root) or root != head.root:
        found.append(("backup-log-root", Said(N_("le voci del registro firmato non danno la radice firmata"))))
    if mark is not None and mark.origin == head.origin and (
        mark.size > head.signed_size or (mark.size == head.signed_size and mark.root != head.root)
    ):  # fmt: skip
        found.append(("backup-log-short", Said(N_("nella copia mancano voci che questo nodo ha firmato"))))
    return found
