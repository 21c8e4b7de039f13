"""The register's past: write an invented one, year by year, and load the editions of many years at once.

In: a folder of files that are called after their day (``elenco-2013-12-31.xlsx``). Out: each edition loaded and counted, and what
changed from one to the next. Rules: all names are read before anything is; the newest is loaded first, so that only that one gives
a partition; each edition is a transaction of its own, so that a bad file leaves what was loaded, and the same again goes on there.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.config import Config
from node.domain.chamber import CONTRACTS_SHEET, ENTITIES_SHEET
from node.domain.generation import growth, history
from node.errors import N_, CallerError, NotFoundError
from node.flows.registry import counting, register
from node.flows.registry.counting import Difference
from node.flows.registry.register import Loaded
from node.store import spreadsheet, whole_file
from node.store.postgres import Pool, acquire
from node.store.reference import load_sectors, load_territories

# What stands before the day in the name of a written file; of a read one, anything may.
PREFIX = "elenco-"
_DAY_AT_END = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})$")
_YEARS = re.compile(r"([0-9]{4})(?:-([0-9]{4}))?")
_SHEETS = frozenset({".xls", ".xlsx", ".ods", ".csv"})


@dataclass(frozen=True, slots=True)
class Written:
    """One edition that was written: where, of which day, how many contracts and rows."""

    path: Path
    day: dt.date
    contracts: int
    rows: int


@dataclass(frozen=True, slots=True)
class Past:
    """One edition that was loaded, and how it differs from the one before it."""

    path: Path
    loaded: Loaded
    difference: Difference


def years_of(text: str) -> tuple[int, int]:
    """Return the first and last year of «2013-2024», or of one year. Raises: CallerError(history-years)."""
    found = _YEARS.fullmatch(text.strip())
    first, last = (int(found.group(1)), int(found.group(2) or found.group(1))) if found else (0, 0)
    if not growth.FIRST_YEAR <= first <= last <= growth.LAST_YEAR:
        raise CallerError(
            "history-years",
            N_("gli anni vanno dal {first} al {last}, il primo prima dell'ultimo"),
            where="--history",
            hint=N_("per esempio «--history {first}-{last}»"),
            first=growth.FIRST_YEAR,
            last=growth.LAST_YEAR,
        )
    return first, last


def generate_history(folder: Path, years: tuple[int, int], *, seed: int, replace: bool = False) -> Iterator[Written]:
    """Write an invented register of each year's end, and of each month of which a total was published; one after the other.

    Raises: CallerError(folder-is-file | file-exists | file-is-folder | history-unreachable).
    """
    wanted = growth.targets(growth.PUBLISHED, growth.days_of(*years))
    # All that would be overwritten is found before anything is.
    whole_file.make_folder(folder)
    whole_file.check_targets([_named(folder, target.day) for target in wanted], replace=replace)
    return _write(folder, wanted, seed, replace=replace)


def _named(folder: Path, day: dt.date) -> Path:
    return folder / f"{PREFIX}{day.isoformat()}.xlsx"


def _write(folder: Path, wanted: Sequence[growth.Target], seed: int, *, replace: bool) -> Iterator[Written]:
    for edition in history.editions(wanted, seed, load_territories(), load_sectors()):
        path, made = _named(folder, edition.day), edition.listed()
        sheets = {CONTRACTS_SHEET: made.contracts, ENTITIES_SHEET: made.entities}
        spreadsheet.write_sheets(path, sheets, replace=replace)
        contracts = sum(int(str(rows[-1][0])) for rows in sheets.values() if len(rows) > 1)
        yield Written(path, edition.day, contracts, sum(len(rows) - 1 for rows in sheets.values()))


def day_of(path: Path) -> dt.date:
    """Return the day that a file is called after. Raises: CallerError(file-without-day)."""
    found = _DAY_AT_END.search(path.stem)
    try:
        return dt.date.fromisoformat(found.group(1) if found else "")
    except ValueError as error:
        raise CallerError(
            "file-without-day",
            N_("il nome del file non finisce con la data dell'elenco"),
            where=str(path),
            hint=N_("chiamarlo per esempio «elenco-2013-12-31{suffix}»"),
            suffix=path.suffix,
        ) from error


def files_of(paths: Sequence[Path]) -> list[tuple[dt.date, Path]]:
    """Return the lists among files and in folders with their days, oldest first; hidden files and others are left out of folders.

    Raises: NotFoundError(file-not-found), CallerError(file-without-day | history-empty | history-day-twice).
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise NotFoundError("file-not-found", N_("il file non c'è"), where=str(path))
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        files += [f for f in inside if f == path or (f.suffix.lower() in _SHEETS and not f.name.startswith((".", "~")))]
    if not files:
        raise CallerError(
            "history-empty",
            N_("nessun elenco nella cartella"),
            where=", ".join(map(str, paths)),
            hint=N_("servono file xls, xlsx, ods o csv, chiamati per esempio «elenco-2013-12-31.xlsx»"),
        )
    found: dict[dt.date, Path] = {}
    for file in files:
        day = day_of(file)
        if day in found:
            raise CallerError(
                "history-day-twice",
                N_("due file dello stesso giorno {day}: {one} e {other}"),
                hint=N_("toglierne uno"),
                day=day.isoformat(),
                one=found[day].name,
                other=file.name,
            )
        found[day] = file
    return sorted(found.items())


async def load_history(
    pool: Pool,
    config: Config,
    files: Sequence[tuple[dt.date, Path]],
    now: dt.datetime,
    *,
    replace: bool = False,
    accept_shrunk: bool = False,
    told: Callable[[Path, int, int], None] = lambda _path, _number, _of: None,
) -> list[Past]:
    """Load the editions of ``files_of``, and return them oldest first with what changed; ``told`` hears of each before it is read.

    Raises: as ``register.read_list`` and ``register.load_register``.
    """
    done: list[tuple[Path, Loaded]] = []
    for number, (day, path) in enumerate(reversed(files), 1):
        told(path, number, len(files))
        found = await asyncio.to_thread(register.read_list, path)
        loaded = await register.load_register(
            pool, config, found, day, now, replace=replace, accept_shrunk=accept_shrunk
        )
        done.append((path, loaded))
    # Only now: an older edition that came later is what a newer one is compared with.
    async with acquire(pool) as conn:
        return [Past(path, loaded, await counting.difference(conn, loaded.taken_on)) for path, loaded in reversed(done)]
