"""A backup put back into a new home: its files, its database, and a log that is not believed before others were asked.

In: a file, a passphrase, an empty folder. Out: a home that ``rete serve`` opens. Rules: nothing that is there is overwritten, neither a home
nor a database; what fails is taken away again; the restored database is what it was, table by table, or the restore fails; then the
record of its server and the sessions of its people are dropped: PROTOCOL 6.9 asks peers before anything is signed.
"""

from __future__ import annotations

import datetime as dt
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from node import config as configuration
from node.config_places import CONFIG_FILE
from node.errors import N_, CallerError, OperatorError
from node.flows.trust.peer_card import quoted
from node.flows.upkeep import backup_home
from node.flows.upkeep.backup import differ, differing, digests_of, open_whole, pour
from node.flows.upkeep.backup_home import HomeFiles
from node.flows.upkeep.home import refuse_used, taken_away_if_it_fails, with_setting
from node.store import backup, embedded
from node.store.backup_file import Opened

logger = structlog.get_logger()
EMBEDDED: Final = ""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back: ``left_out`` are files that the configuration names and the backup did not hold."""

    home: Path
    node: str
    made_at: dt.datetime
    tables: int
    rows: int
    log_size: int
    left_out: tuple[str, ...]


async def restore(path: Path, home: Path, passphrase: str, database_url: str | None = None) -> Restored:
    """Make a home out of a backup; ``database_url`` names an empty database, empty text the one included.

    Raises: CallerError home-not-empty, backup-unknown, backup-damaged, backup-passphrase-wrong, backup-database-unnamed,
    database-not-empty; OperatorError backup-..., database-..., config-....
    """
    refuse_used(home)
    opened = await open_whole(path, passphrase)
    files = backup_home.unpack(opened.read(backup_home.PART))
    text = _config_text(files, path, database_url)
    config = configuration.parse(text, file=str(home / CONFIG_FILE))
    with taken_away_if_it_fails(home):
        _write(home, files, text)
        with ExitStack() as stack:
            if config.database.url:
                dsn = config.database.url
            else:
                cluster = stack.enter_context(embedded.lease(home / config.database.cluster))
                dsn = await embedded.ensure_database(cluster, config.database.name)
            tables, rows = await _fill(opened, dsn)
    facts = opened.manifest.facts
    # The passphrase never is in what it seals.
    left_out = (*files.left_out, *filter(None, [config.backup.passphrase_file]))
    logger.info("backup.restored", tables=tables, rows=rows)
    made_at = dt.datetime.fromisoformat(str(facts["made_at"]))
    return Restored(home, str(facts["node"]), made_at, tables, rows, int(facts["log_size"]), left_out)


def _config_text(files: HomeFiles, path: Path, database_url: str | None) -> str:
    """Return the configuration for the new home: everything in it, but for the database."""
    text = files.config_text
    before = configuration.parse(text, file=f"{path} ({CONFIG_FILE})")
    if before.database.url and database_url is None:
        raise CallerError(
            "backup-database-unnamed",
            N_("la copia è di un nodo con un PostgreSQL proprio: manca dove rimettere la base dati"),
            where="--database-url",
            hint=N_("indicare --database-url di una base dati nuova e vuota, oppure --embedded per quella inclusa"),
        )
    text = with_setting(text, "database", "url", quoted(database_url or EMBEDDED))
    # Paths of the old machine lead nowhere, or to the node that still lives.
    text = with_setting(text, "database", "cluster", quoted("postgres"))
    return with_setting(text, "federation", "keys", quoted(backup_home.KEYS))


def _write(home: Path, files: HomeFiles, text: str) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in {**files.files, CONFIG_FILE: text.encode()}.items():
        target = home / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())


async def _fill(opened: Opened, dsn: str) -> tuple[int, int]:
    empty, major = await backup.is_empty(dsn)
    if not empty:
        raise CallerError(
            "database-not-empty",
            N_("la base dati indicata non è vuota: una copia non sostituisce mai ciò che c'è"),
            where="--database-url",
            hint=N_("creare una base dati nuova, per esempio «createdb rete_ripristino», e indicare quella"),
        )
    await pour(opened, dsn, major)
    async with backup.hold(dsn) as moment:
        names = differing(digests_of(opened), moment.tables)
    if names:
        await backup.take_away(dsn)
        raise OperatorError(
            "backup-differs",
            N_("la base dati ripristinata non è quella della copia: {differ}"),
            hint=N_(
                "«rete backup verify» sulla copia dice se il difetto è suo; di ciò che era cominciato non resta nulla"
            ),
            differ=differ(names),
        )
    await backup.settle_restored(dsn)
    return len(moment.tables), moment.rows
