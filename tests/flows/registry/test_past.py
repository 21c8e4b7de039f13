"""The register of many years: written, read from a folder, counted; what changed is what plain Python finds in the files."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from pathlib import Path

import pytest

from node import config as configuration
from node.domain.chamber import CONTRACTS_SHEET, ENTITIES_SHEET
from node.domain.generation import growth
from node.domain.observatory.figures import Figures
from node.domain.register import RegisterNetwork
from node.errors import CallerError, NotFoundError
from node.flows.observatory.build import build
from node.flows.registry import gdpr, past, register
from node.flows.registry.counting import Difference
from node.store import edition_counts, population
from node.store.postgres import Pool
from node.store.spreadsheet import write_sheets
from tests.editions_made import changed, counted
from tests.history_made import SMALL, SMALL_DAYS, grown, networks_of
from tests.networks_made import NOW

CONFIG = configuration.parse((Path(__file__).parents[3] / "nodes.example.toml").read_text("utf-8"), file="x")
Read = dict[dt.date, tuple[RegisterNetwork, ...]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five editions of four years, as files."""
    for day, made in grown(growth.targets(SMALL, SMALL_DAYS)):
        sheets = {CONTRACTS_SHEET: made.contracts, ENTITIES_SHEET: made.entities}
        write_sheets(tmp_path / f"elenco-{day.isoformat()}.xlsx", sheets)
    return tmp_path


def read(folder: Path) -> Read:
    """The editions of a folder, read again from their files."""
    return {day: register.read_list(path).networks for day, path in past.files_of([folder])}


async def load(pool: Pool, folder: Path) -> list[past.Past]:
    """Load a folder."""
    return await past.load_history(pool, CONFIG, past.files_of([folder]), NOW)


async def test_a_folder_is_loaded_and_counted_as_plain_python_counts_its_files(pool: Pool, folder: Path) -> None:
    """Every edition, and every change from one to the next and from year to year; the newest alone gives a partition."""
    done = await load(pool, folder)
    files = read(folder)
    assert [item.loaded.taken_on for item in done] == list(SMALL_DAYS)
    assert [item.loaded.superseded_by is None for item in done] == [False, False, False, False, True]
    pairs = [*itertools.pairwise(SMALL_DAYS), (dt.date(2014, 12, 31), dt.date(2015, 12, 31))]
    async with pool.acquire() as conn:
        assert set(await edition_counts.counts(conn)) == set().union(*(counted(files[day], day) for day in files))
        assert set(await edition_counts.changes(conn)) == set().union(
            *(changed(files[now], now, files[was], was) for was, now in pairs)
        )
    for (was, now), item in zip(itertools.pairwise(SMALL_DAYS), done[1:], strict=True):
        found = {
            change.codes[0]: change.value
            for change in changed(files[now], now, files[was], was)
            if change.measure == "changes"
        }
        assert (item.difference.since, item.difference.changes) == (was, found)
    assert done[0].difference == Difference(None, None)


def survivors(files: Read, cohort: int, age: int) -> Decimal | None:
    """The share of a cohort that is still listed so many years later, step by step from year's end to year's end."""
    share = Decimal(100)
    for year in range(cohort, cohort + age):
        was, now = files[dt.date(year, 12, 31)], files[dt.date(year + 1, 12, 31)]
        ids, names = {n.register_id for n in now}, {n.name for n in now}
        here = [n for n in was if n.registered_on.year == cohort]
        if not here:
            return None
        share *= Decimal(sum(n.register_id in ids or n.name in names for n in here)) / len(here)
    return share.quantize(Decimal("0.1"))


async def test_survival_is_what_the_files_tell(pool: Pool, folder: Path) -> None:
    """Recomputed network by network: names of the invented register are each one network's for ever."""
    await load(pool, folder)
    found = (await build(pool, CONFIG, NOW)).figures.named("survival")
    files = read(folder)
    assert found is not None
    assert len(found.cells) == 10
    for cell in found.cells:
        cohort, age = map(int, cell.at)
        assert cell.value == survivors(files, cohort, age), cell.at
    assert found.by_place()["2013", "3"].value != 100


async def test_loading_again_changes_nothing(pool: Pool, folder: Path) -> None:
    """All are there already, and the same changes are told."""
    first = await load(pool, folder)
    again = await load(pool, folder)
    assert [item.loaded.stored for item in again] == [False] * 5
    assert [item.difference for item in again] == [item.difference for item in first]


async def test_a_single_edition_is_compared_with_the_one_before(pool: Pool, folder: Path) -> None:
    """Also when it is loaded by itself; the first has none before."""
    files = past.files_of([folder])
    found = [
        (await register.load_register(pool, CONFIG, register.read_list(path), day, NOW)).difference
        for day, path in files[:2]
    ]
    assert found[0] == Difference(None, None)
    assert found[1].since == SMALL_DAYS[0]
    assert found[1].changes is not None
    assert found[1].changes["born"] - found[1].changes["ended"] == 19


async def test_years_whose_term_is_over_keep_their_numbers(pool: Pool, folder: Path) -> None:
    """Retention deletes the rows of the oldest editions and no number of theirs, also of those never counted before."""
    await load(pool, folder)

    def tables(figures: Figures) -> list[object]:
        return [found for found in figures.tables if found.source.startswith("Elenco")]

    before = tables((await build(pool, CONFIG, NOW)).figures)
    async with pool.acquire() as conn:
        for day in SMALL_DAYS:
            await edition_counts.forget(conn, day)
    terms = await gdpr.retention(pool, CONFIG, NOW, apply=True)
    assert {term.what: term.ended for term in terms}["editions"] == 3
    async with pool.acquire() as conn:
        assert [found.taken_on for found in await population.editions(conn)] == list(SMALL_DAYS[-2:])
    assert tables((await build(pool, CONFIG, NOW + dt.timedelta(days=1))).figures) == before


async def test_an_edition_that_is_removed_or_replaced_takes_its_numbers_along(pool: Pool, folder: Path) -> None:
    """It was a mistake; the editions around it are compared with each other."""
    await load(pool, folder)
    await register.remove_snapshot(pool, SMALL_DAYS[3])
    await build(pool, CONFIG, NOW)
    async with pool.acquire() as conn:
        assert SMALL_DAYS[3] not in await edition_counts.editions(conn)
        assert (SMALL_DAYS[4], SMALL_DAYS[2]) in await edition_counts.pairs(conn)


def test_the_reader_of_files_makes_the_same_of_an_edition(folder: Path) -> None:
    """As the short way by which tests load many years."""
    files = read(folder)
    for day, made in grown(growth.targets(SMALL, SMALL_DAYS)):
        assert counted(tuple(networks_of(made)), day) == counted(files[day], day)


def test_a_seed_gives_one_history(tmp_path: Path) -> None:
    """Two days of 2013, with as many contracts as were published; another seed gives another."""
    written = list(past.generate_history(tmp_path, past.years_of("2013"), seed=4))
    assert [(item.day, item.contracts) for item in written] == [
        (dt.date(2013, 7, 31), 995),
        (dt.date(2013, 12, 31), 1298),
    ]
    small = growth.targets(SMALL, SMALL_DAYS)
    one, same, other = (list(grown(small, seed)) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    with pytest.raises(CallerError, match="file-exists"):
        past.generate_history(tmp_path, (2013, 2013), seed=4)


def test_most_networks_stay_as_they_are(folder: Path) -> None:
    """Under their deed, with their name; firms are in several networks, and come and go."""
    files = read(folder)
    first, last = files[SMALL_DAYS[0]], files[SMALL_DAYS[1]]
    ids = {n.register_id for n in last}
    assert sum(n.register_id in ids for n in first) > 0.9 * len(first)
    codes = [firm.tax_code for n in files[SMALL_DAYS[-1]] for firm in n.firms if firm.tax_code]
    assert len(set(codes)) < len(codes)


@pytest.mark.parametrize("text", ["", "2012-2014", "2014-2013", "2013-2025", "13", "2013-", "x"])
def test_years_that_nobody_knows_are_refused(text: str) -> None:
    """With those that are known."""
    with pytest.raises(CallerError, match="history-years"):
        past.years_of(text)


def test_each_file_needs_its_day(tmp_path: Path) -> None:
    """In its name, at its end; the hint says how; other files of a folder are let alone."""
    for name in ("note.txt", ".elenco-2013-12-31.xlsx", "~$elenco-2013-12-31.xlsx"):
        (tmp_path / name).write_text("x")
    with pytest.raises(CallerError, match="history-empty"):
        past.files_of([tmp_path])
    good = tmp_path / "reti 2013-12-31.csv"
    good.write_text("x")
    assert past.files_of([tmp_path]) == [(dt.date(2013, 12, 31), good)]
    bad = tmp_path / "reti-2013-13-31.xls"
    bad.write_text("x")
    with pytest.raises(CallerError) as refused:
        past.files_of([tmp_path])
    assert (refused.value.code, refused.value.where) == ("file-without-day", str(bad))
    bad.rename(tmp_path / "altro-2013-12-31.xls")
    with pytest.raises(CallerError, match="history-day-twice"):
        past.files_of([tmp_path])
    with pytest.raises(NotFoundError, match="file-not-found"):
        past.files_of([tmp_path / "x"])


async def test_a_bad_file_leaves_what_was_loaded(pool: Pool, folder: Path) -> None:
    """Newer ones are there; the error names the file; the same again goes on."""
    bad = folder / f"elenco-{SMALL_DAYS[0].isoformat()}.xlsx"
    good = bad.read_bytes()
    bad.write_bytes(b"PK no book")
    with pytest.raises(CallerError) as refused:
        await load(pool, folder)
    assert refused.value.where == str(bad)
    bad.write_bytes(good)
    done = await load(pool, folder)
    assert [item.loaded.stored for item in done] == [True, False, False, False, False]
