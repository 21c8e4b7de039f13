"""Bringing networks in: a dry run says everything and writes nothing, an import is whole and safe to repeat."""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from networks_made import NOW, code, firm, listed, listed_entity, member, pair, record, sheets

from node import config as configuration
from node.config import Config
from node.domain import template
from node.domain.network import NetworkRecord
from node.errors import CallerError
from node.flows.registry import intake
from node.flows.registry.intake import ImportPlan
from node.flows.registry.register import generate_file
from node.store import registry
from node.store.postgres import Pool
from node.store.spreadsheet import write_sheets

CONFIG: Config = configuration.parse((Path(__file__).parents[3] / "nodes.example.toml").read_text("utf-8"), file="x")
LATER = NOW + dt.timedelta(days=50)


async def bring(
    pool: Pool, path: Path, *, apply: bool = True, everything: bool = False, now: dt.datetime = NOW
) -> ImportPlan:
    """Read a file and import it into the registry of Provincia di Lecce."""
    found = intake.read_file(path, CONFIG, everything=everything)
    return await intake.import_networks(pool, found, now, apply=apply)


def counts(plan: ImportPlan) -> tuple[int, int, int, int]:
    """New, changed, unchanged networks and refused rows."""
    return len(plan.new), len(plan.changed), plan.unchanged, plan.refused


async def records(pool: Pool) -> list[NetworkRecord]:
    """Everything in the registry."""
    async with pool.acquire() as conn:
        return list((await registry.read_records(conn)).values())


def filled(tmp_path: Path, *made: NetworkRecord, name: str = "reti.xlsx") -> Path:
    """A filled template."""
    path = tmp_path / name
    write_sheets(path, template.sheets_of(made))
    return path


def chamber_file(tmp_path: Path, *rows: list[object], entities: list[list[object]] | None = None) -> Path:
    """A file in the chamber's layout."""
    path = tmp_path / "statistiche.xls"
    write_sheets(path, sheets(*rows, entities=entities))
    return path


async def test_a_dry_run_writes_nothing_and_says_what_apply_then_does(pool: Pool, tmp_path: Path) -> None:
    """The same report twice, and rows in the registry only after the second."""
    path = chamber_file(tmp_path, *pair(), *pair(deed="78", day="31/02/2013"))
    dry = await bring(pool, path, apply=False)
    assert await records(pool) == []
    done = await bring(pool, path)
    assert replace(dry, applied=True) == done
    assert counts(done) == (1, 0, 0, 2)
    assert [(p.sheet, p.row, p.column, p.code) for p in done.problems] == [
        ("Elenco", 4, "data atto", "date-bad"),
        ("Elenco", 5, "data atto", "date-bad"),
    ]
    assert [r.name for r in await records(pool)] == ["Rete Uno"]


@pytest.mark.parametrize("name", ["reti.xlsx", "reti.csv"])
async def test_importing_the_same_file_again_changes_nothing(pool: Pool, tmp_path: Path, name: str) -> None:
    """Idempotent, in both layouts."""
    path = filled(tmp_path, record(), record(name="Due", deed_number="88"), name=name)
    listing = chamber_file(tmp_path, listed(deed="99", code=code(5)), listed(deed="99", code=code(6), firm="ALTRA"))
    assert counts(await bring(pool, path)) == (2, 0, 0, 0)
    assert counts(await bring(pool, listing)) == (1, 0, 0, 0)
    before = await records(pool)
    assert counts(await bring(pool, path, now=LATER)) == (0, 0, 2, 0)
    assert counts(await bring(pool, listing, now=LATER)) == (0, 0, 1, 0)
    assert await records(pool) == before


async def test_a_change_in_the_file_is_a_change_in_the_registry(pool: Pool, tmp_path: Path) -> None:
    """Only the network that changed is written."""
    await bring(pool, filled(tmp_path, record(), record(name="Due", deed_number="88")))
    plan = await bring(pool, filled(tmp_path, record(programme="altro"), record(name="Due", deed_number="88")))
    assert (plan.changed, plan.unchanged) == (("Rete Uno",), 1)
    assert {r.name: r.programme for r in await records(pool)}["Rete Uno"] == "altro"


@pytest.mark.parametrize("name", ["giro.xlsx", "giro.csv"])
async def test_an_export_imported_again_changes_nothing(pool: Pool, tmp_path: Path, name: str) -> None:
    """Of networks from the public list with its oddities as well as of full records."""
    odd = [
        *pair(place="ATLANTIDE", text=""),
        listed(deed="78", code="", firm="SENZA CODICE", text="a\nb =1+1"),
        listed(deed="78", code=code(1), rea="LE-ALTRA", ateco="", firm="=PRIMA", name="-Rete"),
    ]
    entities = [listed_entity(place=""), listed_entity(code=code(2), firm="ALTRA")]
    await bring(pool, chamber_file(tmp_path, *odd, entities=entities))
    await bring(
        pool, filled(tmp_path, record(deed_number="5"), record(status="potential", deed_register_number="", name="P"))
    )
    before = await records(pool)
    path = tmp_path / name
    assert await intake.export_networks(pool, path, officer="anna") == 5
    plan = await bring(pool, path, now=LATER)
    assert counts(plan) == (0, 0, 5, 0)
    assert await records(pool) == before


async def test_only_the_networks_of_the_territory_come_in_unless_all_are_asked_for(pool: Pool, tmp_path: Path) -> None:
    """A chamber's file holds all Italy; whose reference firm is elsewhere is another administration's."""
    path = chamber_file(tmp_path, *pair(), *pair(deed="78", pv="TO", place="TORINO"))
    plan = await bring(pool, path)
    assert (counts(plan), plan.outside, plan.rows) == ((1, 0, 0, 0), 1, 4)
    assert counts(await bring(pool, path, everything=True)) == (1, 0, 1, 0)


async def test_a_contract_of_which_one_firm_is_left_is_refused_and_said(pool: Pool, tmp_path: Path) -> None:
    """A network is two firms; elsewhere in Italy it is nobody's matter here."""
    elsewhere = listed(deed="79", pv="TO", place="TORINO")
    plan = await bring(pool, chamber_file(tmp_path, *pair(), listed(deed="78"), elsewhere))
    assert counts(plan) == (1, 0, 0, 1)
    assert [(p.row, p.code) for p in plan.problems] == [(4, "network-too-few-members")]
    assert plan.left == (("Rete Uno", False),)


BAD_CELLS = [
    {"pv": "??"},
    {"day": "31/02/2013"},
    {"firm": ""},
    {"name": ""},
    {"number": ""},
    {"number": "", "day": "x"},
]


@pytest.mark.parametrize("bad", BAD_CELLS, ids=str)
async def test_a_network_of_the_list_with_a_refused_row_stays_as_it_is(
    pool: Pool, tmp_path: Path, bad: dict[str, object]
) -> None:
    """Who stands on a row that cannot be read has not left; also where what is bad is a part of the deed."""
    rows = [*pair(), listed(code=code(3), firm="TERZA")]
    await bring(pool, chamber_file(tmp_path, *rows))
    before = await records(pool)
    spoilt = listed(**{"code": code(3), "firm": "TERZA", **bad})
    plan = await bring(pool, chamber_file(tmp_path, *pair(), spoilt, *pair(deed="78", name="Due")), now=LATER)
    assert (counts(plan), plan.left) == ((1, 0, 0, 1), (("Rete Uno", True),))
    assert [r for r in await records(pool) if r.name == "Rete Uno"] == before


@pytest.mark.parametrize("layout", ["chamber", "template"])
async def test_a_new_network_with_a_refused_row_is_not_begun(pool: Pool, tmp_path: Path, layout: str) -> None:
    """The same rule in both layouts: whole, or not at all."""
    if layout == "chamber":
        path = chamber_file(
            tmp_path, *pair(), listed(code=code(3), firm="TERZA", pv="??"), *pair(deed="78", name="Due")
        )
    else:
        path = filled(tmp_path, record(members=(member(1), member(2), member(3, firm=firm(3, province="??")))))
    plan = await bring(pool, path)
    assert plan.left == (("Rete Uno", False),)
    assert [r.name for r in await records(pool)] == (["Due"] if layout == "chamber" else [])


async def test_a_known_network_of_the_template_with_a_refused_row_is_named_as_known(pool: Pool, tmp_path: Path) -> None:
    """By deed, or by name before it has one; the register keeps what it had."""
    draft = record(name="Bozza", status="drafting", deed_register_number="", deed_number="", signed_on=None)
    await bring(pool, filled(tmp_path, record(), draft))
    before = await records(pool)
    bad = (member(1), member(2, firm=firm(2, province="??")))
    plan = await bring(pool, filled(tmp_path, record(members=bad), replace(draft, members=bad)))
    assert (counts(plan), plan.left) == ((0, 0, 0, 2), (("Rete Uno", True), ("Bozza", True)))
    assert await records(pool) == before


async def test_what_is_wrong_or_doubtful_elsewhere_is_not_reported_here(pool: Pool, tmp_path: Path) -> None:
    """Of a national list only the rows of the territory matter, and those whose province cannot be read."""
    torino = {"deed": "78", "pv": "TO"}
    rows = [
        *pair(place="ATLANTIDE"),
        *pair(**torino, place="ATLANTIDE"),
        listed(**torino, code=code(3), firm=""),
        listed(deed="79", pv="TO", day="mai"),
        listed(deed="80", pv="??"),
    ]
    path = chamber_file(tmp_path, *rows)
    assert [(p.row, p.code) for p in intake.read_file(path, CONFIG).problems] == [
        (2, "municipality-unknown"),
        (3, "municipality-unknown"),
        (8, "province-unknown"),
    ]
    assert [p.row for p in intake.read_file(path, CONFIG, everything=True).problems] == [2, 3, 4, 5, 6, 7, 8]


async def test_the_public_list_never_overwrites_what_the_office_recorded(pool: Pool, tmp_path: Path) -> None:
    """Once an officer's file has taken a network over, the list is only the public side of it."""
    await bring(pool, chamber_file(tmp_path, *pair()))
    (known,) = await records(pool)
    enriched = replace(known, programme="nostro", needs=record().needs)
    assert counts(await bring(pool, filled(tmp_path, enriched))) == (0, 1, 0, 0)
    renamed = [listed(name="Rete Uno S.p.A.", lead="S"), *pair(name="Rete Uno S.p.A.")[1:]]
    assert counts(await bring(pool, chamber_file(tmp_path, *renamed))) == (0, 0, 1, 0)
    (found,) = await records(pool)
    assert (found.name, found.programme, found.needs) == ("Rete Uno", "nostro", record().needs)


async def test_a_newer_list_updates_what_came_from_the_list(pool: Pool, tmp_path: Path) -> None:
    """Names follow, newcomers and leavers are dated."""
    await bring(pool, chamber_file(tmp_path, *pair()))
    newer = [listed(name="Nuova", lead="S"), listed(name="Nuova", code=code(3), firm="TERZA")]
    assert counts(await bring(pool, chamber_file(tmp_path, *newer), now=LATER)) == (0, 1, 0, 0)
    (found,) = await records(pool)
    assert found.name == "Nuova"
    assert {m.firm.tax_code: (m.joined_on, m.left_on) for m in found.members} == {
        code(1): (dt.date(2013, 3, 15), None),
        code(2): (dt.date(2013, 3, 15), LATER.date()),
        code(3): (LATER.date(), None),
    }
    assert counts(await bring(pool, chamber_file(tmp_path, *newer), now=LATER)) == (0, 0, 1, 0)


async def test_a_list_that_comes_to_tell_entities_apart_is_imported(pool: Pool, tmp_path: Path) -> None:
    """A CSV knows contracts only; the workbook of the next edition says which are entities, and nothing is refused."""
    listing = tmp_path / "elenco.csv"
    write_sheets(listing, {"Elenco": sheets(*pair(name="Soggetto Uno", number="500", deed=""))["Elenco"]})
    assert counts(await bring(pool, listing)) == (1, 0, 0, 0)
    entities = [listed_entity(lead="S"), listed_entity(code=code(2), firm="SECONDA S.P.A.")]
    assert counts(await bring(pool, chamber_file(tmp_path, *pair(deed="9"), entities=entities))) == (1, 1, 0, 0)
    found = next(r for r in await records(pool) if r.name == "Soggetto Uno")
    assert (found.kind.value, found.has_common_fund, found.seat_municipality) == ("entity", True, "Lecce")


async def test_firms_whose_codes_are_no_tax_codes_come_in_by_name(pool: Pool, tmp_path: Path) -> None:
    """The whole file is not lost to a code of thirteen digits; what is then one firm is no network."""
    odd = [listed(code="9" * 13, firm="ALFA", lead="S"), listed(code="12345678901X", firm="BETA")]
    one = [listed(deed="78", code="9" * 13, firm="GAMMA"), listed(deed="78", code="9" * 14, firm="GAMMA")]
    plan = await bring(pool, chamber_file(tmp_path, *odd, *one))
    assert counts(plan) == (1, 0, 0, 1)
    assert [p.code for p in plan.problems if p.fatal] == ["network-too-few-members"]
    assert [m.firm.tax_code for m in (await records(pool))[0].members] == ["", ""]


async def test_a_network_that_gets_its_deed_stays_one_network(pool: Pool, tmp_path: Path) -> None:
    """Known by name while it is prepared, by deed from then on; its namesakes with other deeds are others."""
    before = record(status="drafting", deed_register_number="", deed_number="", signed_on=None)
    await bring(pool, filled(tmp_path, before))
    plan = await bring(pool, filled(tmp_path, record(), record(deed_number="78")))
    assert counts(plan) == (1, 1, 0, 0)
    assert sorted(r.deed_number for r in await records(pool)) == ["77", "78"]
    assert counts(await bring(pool, filled(tmp_path, record(), record(deed_number="78")))) == (0, 0, 2, 0)


async def test_an_edit_made_in_the_registry_survives_the_old_file(pool: Pool, tmp_path: Path) -> None:
    """A file that says what it said last time brings no news."""
    path = filled(tmp_path, record())
    await bring(pool, path)
    async with pool.acquire() as conn:
        await conn.execute("UPDATE registry.network SET notary = 'altro studio'")
    assert counts(await bring(pool, path)) == (0, 0, 1, 0)
    assert (await records(pool))[0].notary == "altro studio"


async def test_a_firm_told_apart_in_two_networks_of_one_file_is_as_its_first_row_has_it(
    pool: Pool, tmp_path: Path
) -> None:
    """Told with both rows; the second import is quiet, and a file with one of the networks alone is believed."""
    bari = firm(1, municipality="072006", municipality_name="Bari", province="BA", rea="BA-9")
    one = record(members=(member(1), member(2)))
    two = record(name="Due", deed_number="88", members=(member(1, firm=bari), member(3)))
    path = filled(tmp_path, one, two)
    plan = await bring(pool, path)
    assert counts(plan) == (2, 0, 0, 0)
    (doubt,) = plan.problems
    assert (doubt.row, doubt.column, doubt.code, doubt.fatal) == (4, "comune", "firm-differs", False)
    assert doubt.text() == "la stessa impresa ha «Lecce» nel foglio Reti, riga 2: vale quella riga"

    async def places() -> set[str]:
        return {m.firm.province for r in await records(pool) for m in r.members if m.firm.tax_code == code(1)}

    assert await places() == {"LE"}
    assert counts(await bring(pool, path)) == (0, 0, 2, 0)
    assert counts(await bring(pool, filled(tmp_path, two, name="due.xlsx"))) == (0, 1, 0, 0)
    assert await places() == {"BA"}
    assert counts(await bring(pool, filled(tmp_path, two, name="due.xlsx"))) == (0, 0, 1, 0)
    assert counts(await bring(pool, filled(tmp_path, one, name="uno.xlsx"))) == (0, 1, 0, 0)
    assert await places() == {"LE"}


async def test_the_office_s_file_is_believed_again_after_the_list_said_otherwise(pool: Pool, tmp_path: Path) -> None:
    """What the public list took from a firm comes back with the file that has it, once."""
    path = filled(tmp_path, record())
    await bring(pool, path)
    await bring(pool, chamber_file(tmp_path, *pair(deed="99", name="Due")))
    assert counts(await bring(pool, path)) == (0, 1, 0, 0)
    assert {r.name: r.members for r in await records(pool)}["Rete Uno"] == record().members
    assert counts(await bring(pool, path)) == (0, 0, 1, 0)
    assert counts(await bring(pool, chamber_file(tmp_path, *pair(deed="99", name="Due")))) == (0, 0, 1, 0)


async def test_the_first_row_of_a_list_speaks_for_its_firm(pool: Pool, tmp_path: Path) -> None:
    """The same in the chamber's layout; blanks say nothing, and the office's own word on a firm is left alone."""
    here, there = pair(), pair(deed="78", name="Due", place="BARI", pv="BA", rea="")
    both = chamber_file(tmp_path, *here, listed(deed="78", name="Due", code=code(3), lead="S"), there[0][:])
    found = intake.read_file(both, CONFIG)
    assert [(p.row, p.column, p.code) for p in found.problems] == [(5, "comune", "firm-differs")]
    assert counts(await bring(pool, both)) == (2, 0, 0, 0)
    assert counts(await bring(pool, both)) == (0, 0, 2, 0)
    (uno,) = [r for r in await records(pool) if r.name == "Rete Uno"]
    assert {m.firm.municipality_name for m in uno.members} == {"Lecce"}
    alone = chamber_file(tmp_path, listed(deed="78", name="Due", code=code(3), lead="S"), there[0][:])
    assert counts(await bring(pool, alone)) == (0, 1, 0, 0)
    assert counts(await bring(pool, chamber_file(tmp_path, *here))) == (0, 1, 0, 0)
    mine = replace(uno, members=tuple(replace(m, firm=replace(m.firm, rea="LE-MIA")) for m in uno.members))
    assert counts(await bring(pool, filled(tmp_path, mine))) == (0, 1, 0, 0)
    assert counts(await bring(pool, chamber_file(tmp_path, *here))) == (0, 0, 1, 0)
    assert {m.firm.rea for r in await records(pool) for m in r.members} >= {"LE-MIA"}


async def test_a_failure_in_the_middle_leaves_nothing(pool: Pool, tmp_path: Path) -> None:
    """One transaction: networks, firms, members, and the note of the import."""
    async with pool.acquire() as conn:
        await conn.execute("ALTER TABLE registry.contact ADD CONSTRAINT broken CHECK (person = '')")
    with pytest.raises(Exception, match="broken"):
        await bring(pool, filled(tmp_path, record()))
    async with pool.acquire() as conn:
        for table in ("network", "firm", "membership", "want", "import_batch"):
            assert await conn.fetchval(f"SELECT count(*) FROM registry.{table}") == 0


async def test_two_imports_at_once_make_no_network_twice(pool: Pool, tmp_path: Path) -> None:
    """The second waits for the first and finds its work."""
    path = filled(tmp_path, record(), record(name="P", status="potential", deed_register_number=""))
    plans = await asyncio.gather(*(bring(pool, path) for _ in range(3)))
    assert sorted(counts(plan) for plan in plans) == [(0, 0, 2, 0), (0, 0, 2, 0), (2, 0, 0, 0)]
    assert len(await records(pool)) == 2


async def test_every_applied_import_is_remembered(pool: Pool, tmp_path: Path) -> None:
    """File, its hash, layout, and what it did; a dry run is not."""
    path = filled(tmp_path, record())
    await bring(pool, path, apply=False)
    await bring(pool, path)
    await bring(pool, path)
    async with pool.acquire() as conn:
        rows = await conn.fetch(
            "SELECT file_name, layout, added, unchanged, refused FROM registry.import_batch ORDER BY added"
        )
    assert [tuple(row) for row in rows] == [("reti.xlsx", "template", 0, 1, 0), ("reti.xlsx", "template", 1, 0, 0)]


async def test_a_file_of_neither_layout_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    """A wrong file is one line."""
    path = tmp_path / "x.csv"
    path.write_text("a;b\n1;2\n")
    with pytest.raises(CallerError) as caught:
        intake.read_file(path, CONFIG)
    assert caught.value.code == "columns-missing"
    assert "rete network template" in caught.value.hint


async def test_a_template_that_lacks_a_column_is_told_which(tmp_path: Path) -> None:
    """The file, the sheet, the missing columns and those that may be meant; not a sermon on layouts."""
    book = template.sheets_of([record()])
    book["Reti"][0][0] = "retee"
    path = tmp_path / "x.xlsx"
    write_sheets(path, {"Reti": book["Reti"]})
    with pytest.raises(CallerError) as caught:
        intake.read_file(path, CONFIG)
    what, where, hint = caught.value.render()
    assert (caught.value.code, where, what) == ("columns-missing", f"{path}!Reti", "mancano colonne: «rete»")
    assert "«retee» → «rete»" in hint


async def test_the_sheet_of_the_template_is_read_wherever_it_stands(pool: Pool, tmp_path: Path) -> None:
    """The example sheet is never imported while the real one is there; a renamed sheet is found by its columns."""
    book = template.sheets_of([record()])
    path = tmp_path / "x.xlsx"
    write_sheets(path, {"Esempio": book["Esempio"], "Istruzioni": book["Istruzioni"], "Reti": book["Reti"]})
    assert [r.name for r in intake.read_file(path, CONFIG).records] == ["Rete Uno"]
    write_sheets(path, {"Foglio1": book["Reti"]})
    assert [r.name for r in intake.read_file(path, CONFIG).records] == ["Rete Uno"]
    write_sheets(path, template.sheets_of([]))
    assert counts(await bring(pool, path)) == (0, 0, 0, 0)


async def test_a_national_list_is_imported_by_the_thousand(pool: Pool, tmp_path: Path) -> None:
    """Set-based writing: 1,000 networks and 5,000 rows in a fraction of the time a person would wait; and round again."""
    path = tmp_path / "elenco.xlsx"
    generate_file(path, contracts=1000, seed=5)
    found = intake.read_file(path, CONFIG, everything=True)
    start = time.monotonic()
    plan = await intake.import_networks(pool, found, NOW, apply=True)
    spent = time.monotonic() - start
    assert counts(plan) == (1000, 0, 0, 0)
    assert spent < 10
    out = tmp_path / "giro.csv"
    await intake.export_networks(pool, out, officer="anna")
    assert counts(await bring(pool, out)) == (0, 0, 1000, 0)


async def test_chosen_networks_can_be_exported_alone(pool: Pool, tmp_path: Path) -> None:
    """By id; an unknown id adds nothing."""
    await bring(pool, filled(tmp_path, record(), record(name="Due", deed_number="88")))
    async with pool.acquire() as conn:
        ids = list(await registry.read_records(conn))
    path = tmp_path / "una.xlsx"
    assert await intake.export_networks(pool, path, [ids[0], str(uuid.uuid4())], officer="anna") == 1
    assert len(intake.read_file(path, CONFIG).records) == 1


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("reti.xlsx", "reti.xlsx"),
        ("C:\\cartella\\reti.xlsx", "reti.xlsx"),
        ("../../etc/reti", "reti"),
        ("..", "file"),
        ("", "file"),
        ("a\x00\nb", "ab"),
        ("è" * 300, "è" * 60),
    ],
)
def test_an_upload_is_read_under_a_name_that_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, shown: str
) -> None:
    """Whatever the browser calls it; the copy is gone afterwards, and a refusal names the file alone."""
    content = filled(tmp_path, record()).read_bytes()
    # A folder of its own: beside it other tests read uploads too.
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    found = intake.read_upload(content, given, CONFIG)
    assert (found.file_name, len(found.records)) == (shown, 1)
    with pytest.raises(CallerError) as caught:
        intake.read_upload(b"PK\x03\x04", given, CONFIG)
    assert caught.value.where == shown
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("tax_code", ["", code(7)])
async def test_a_confirmation_is_void_when_a_firm_was_put_right_by_another_network_meanwhile(
    pool: Pool, tmp_path: Path, *, is_known: bool, tax_code: str
) -> None:
    """New or known, a network is not written over data of its firms that nobody saw; what others hold does not matter."""
    shared = firm(7, tax_code=tax_code)
    other = record(name="Altra", deed_number="2", members=(member(3), member(7, firm=shared)))
    aside = record(name="Estranea", deed_number="3", members=(member(5), member(6)))
    await bring(pool, filled(tmp_path, other, aside, *([record()] if is_known else [])))
    plan = await bring(
        pool, path := filled(tmp_path, record(members=(*record().members, member(7, firm=shared)))), apply=False
    )
    found = intake.read_file(path, CONFIG)
    mended = replace(shared, name=shared.name.upper(), rea="LE-77")
    await bring(pool, filled(tmp_path, replace(other, members=(member(3), member(7, firm=mended))), name="b.xlsx"))
    refused = await intake.import_networks(pool, found, NOW, apply=True, seen=plan.seen)
    assert (refused.applied, refused.seen == plan.seen) == (False, False)
    assert {m.firm for made in await records(pool) for m in made.members if m.firm.key == shared.key} == {mended}
    await bring(
        pool,
        filled(
            tmp_path,
            replace(
                aside,
                members=(member(5, firm=firm(5, rea="LE-5"), is_reference=True), member(6, firm=firm(6, rea="LE-66"))),
            ),
            name="c.xlsx",
        ),
    )
    done = await intake.import_networks(pool, found, NOW, apply=True, seen=refused.seen)
    assert (done.applied, done.seen) == (True, refused.seen)


async def test_a_confirmation_is_void_when_a_new_firm_is_known_by_then(pool: Pool, tmp_path: Path) -> None:
    """Another network brought it in between dry run and confirmation, with other data."""
    path = filled(tmp_path, record())
    plan = await bring(pool, path, apply=False)
    other = record(name="Altra", deed_number="2", members=(member(2, firm=firm(2, rea="LE-22")), member(3)))
    await bring(pool, filled(tmp_path, other, name="b.xlsx"))
    found = intake.read_file(path, CONFIG)
    assert not (await intake.import_networks(pool, found, NOW, apply=True, seen=plan.seen)).applied


async def test_a_report_has_each_problem_in_its_row(pool: Pool, tmp_path: Path) -> None:
    """In the reader's language, refused or not."""
    made = filled(tmp_path, record(), record(name="Storta", deed_register_number=""))
    plan = await bring(pool, made, apply=False)
    assert intake.report_rows(plan) == [
        ["Reti", 4, "repertorio", "network-deed-missing", "una rete iscritta ha repertorio e data dell'atto", True]
    ]
