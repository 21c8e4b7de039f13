"""Territories, sectors, themes and the generated register: real codes, and figures near the published ones."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from stdnum.it import codicefiscale, iva

from node.domain.chamber import parse_sheets
from node.domain.generation.enrichment import enrich
from node.domain.generation.firms import company_code
from node.domain.generation.national import generate
from node.domain.network import check
from node.domain.redaction.dictionary import Dictionary
from node.domain.redaction.gate import scan
from node.domain.redaction.hits import RED
from node.domain.sector import dotted
from node.domain.theme import THEMES, classify
from node.errors import CallerError
from node.store.reference import load_sectors, load_territories
from tests.national_made import national

TERRITORIES, SECTORS = load_territories(), load_sectors()


def test_italy_is_whole() -> None:
    """7,896 municipalities, 110 provinces (the new Sardinia's eight among them), 21 NUTS2 regions, five macro-areas."""
    assert len(TERRITORIES.municipalities) == 7896
    assert (len(TERRITORIES.provinces), len(TERRITORIES.regions), len(TERRITORIES.macros)) == (110, 21, 5)
    assert TERRITORIES.children("ITG2") == ("CA", "CI", "NU", "OG", "OR", "OT", "SS", "VS")
    assert {area.level for area in (*TERRITORIES.provinces, *TERRITORIES.regions)} == {"PRO", "REG"}
    assert all(
        TERRITORIES.ancestors(m.istat) == (m.province, m.region, m.macro, "IT") for m in TERRITORIES.municipalities
    )


def test_places_are_found_as_people_write_them() -> None:
    """Accents, apostrophes, case and either language; a name borne twice needs its province."""
    names = {"lecce": "Lecce", "CANTU'": "Cantù", "Bozen": "Bolzano", "sant'angelo lodigiano": "Sant'Angelo Lodigiano"}
    for written, name in names.items():
        found = TERRITORIES.find_municipality(written)
        assert found is not None
        assert found.name == name
    assert TERRITORIES.find_municipality("Castro") is None
    assert TERRITORIES.find_municipality("Castro", "LE") is not None
    assert TERRITORIES.find_municipality("Atlantide") is None
    assert TERRITORIES.municipality("075035") == TERRITORIES.find_municipality("Lecce")


def test_old_provinces_lead_to_todays() -> None:
    """South Sardinia became three; FO is FC; unknown codes are themselves."""
    assert TERRITORIES.current("SU") == ("CA", "CI", "VS")
    assert TERRITORIES.current("fo") == ("FC",)
    assert TERRITORIES.current("LE") == ("LE",)
    assert TERRITORIES.current("QQ") == ("QQ",)
    old = TERRITORIES.area("SU")
    assert old is not None
    assert old.valid_to == dt.date(2025, 12, 31)


def test_areas_are_resolved_by_code_or_name() -> None:
    """Sigla, NUTS code, region and municipality names; nothing for nonsense."""
    assert [area.code for area in TERRITORIES.resolve("Puglia")] == ["ITF4"]
    assert [area.level for area in TERRITORIES.resolve("Torino")] == ["PRO", "COM"]
    assert TERRITORIES.resolve("ITF4")[0].name == "Puglia"
    assert TERRITORIES.resolve("") == TERRITORIES.resolve("xyzzy") == ()
    assert TERRITORIES.ancestors("QQ") == TERRITORIES.children("QQ") == ()


def test_sectors_are_read_in_every_spelling() -> None:
    """Six digits, dots, division, section; the edition is kept, maps with several targets are ambiguous."""
    sector = SECTORS.parse("104110")
    assert (sector.code, sector.division, sector.section, sector.level) == ("10.41.10", "10", "C", "A6")
    assert SECTORS.parse("c").level == "SEZ"
    assert SECTORS.parse("01.11", "2025").edition == "2025"
    assert SECTORS.ancestors("10.41.10") == ("10.41.1", "10.41", "10.4", "10", "C", "*")
    assert SECTORS.ancestors("*") == ()
    assert SECTORS.ancestors("99.99.99") == ("*",)
    assert "olio" in SECTORS.title("10.41.10").lower()
    assert SECTORS.title("99.99.99") == "99.99.99"
    assert len(SECTORS.children("*")) == 21
    assert dotted("1041") == "10.41"
    with pytest.raises(CallerError) as caught:
        SECTORS.parse("10.42.99")
    assert caught.value.code == "ateco-unknown"


@pytest.mark.parametrize(
    ("text", "theme"),
    [
        ("Sviluppo di prodotti innovativi e deposito di brevetti", "innovation"),
        ("Internazionalizzazione delle imprese e partecipazione a fiere estere", "internationalisation"),
        ("Certificazione del sistema di qualità", "certification"),
        ("Gruppo d'acquisto per gli approvvigionamenti", "purchasing"),
        ("PARTECIPAZIONE A GARE D'APPALTO", "works"),
        ("Collaborare insieme", "other"),
        ("", "other"),
    ],
)
def test_themes_follow_the_public_text(text: str, theme: str) -> None:
    """The same text has the same theme for everybody."""
    assert classify(text) == theme


def test_the_generated_register_resembles_the_published_figures() -> None:
    """Contracts, firms, sizes, entities, sectors, provinces, years and traps are near what was published."""
    rows = national()
    firms = sum(row.members for row in rows)
    assert len(rows) == 9630
    assert abs(firms - 50_298) < 2500
    share = lambda test: sum(map(test, rows)) / len(rows)
    assert 0.51 < share(lambda r: r.members < 5) < 0.57
    assert share(lambda r: r.members < 10) > 0.87
    assert 0.13 < share(lambda r: r.kind.value == "entity") < 0.17
    assert 0.19 < share(lambda r: r.ateco[:2] in ("01", "10", "11")) < 0.25
    assert len({row.province for row in rows}) == 110
    regions = Counter(row.region for row in rows)
    assert regions.most_common(1)[0][0] == "ITC4"
    assert sum(row.registered_on <= dt.date(2013, 12, 31) for row in rows) == pytest.approx(1298, abs=150)
    assert set(Counter(row.theme for row in rows)) == set(THEMES)


def test_the_same_seed_gives_the_same_register() -> None:
    """Seeded data can be compared between machines; another seed is another register."""
    first, again, other = (
        generate(contracts=40, seed=seed, territories=TERRITORIES, sectors=SECTORS) for seed in (1, 1, 2)
    )
    assert (first.contracts, first.entities) == (again.contracts, again.entities)
    assert first.contracts != other.contracts


@pytest.mark.many
def test_the_register_has_the_known_traps() -> None:
    """Empty and 16-character tax codes, office prefixes, firms in several networks; no row is refused."""
    made = generate(contracts=3000, seed=3, territories=TERRITORIES, sectors=SECTORS)
    listed = parse_sheets({"Elenco": made.contracts, "Sogg. Giu.": made.entities}, TERRITORIES, SECTORS)
    assert len(listed.networks) == 3000
    assert Counter(p.code for p in listed.problems).keys() <= {"tax-code-odd", "firm-repeated"}
    codes = [firm.tax_code for network in listed.networks for firm in network.firms]
    assert "" in codes
    assert max(Counter(code for code in codes if code).values()) > 1
    assert any(len(code) == 16 for code in codes)
    assert all(codicefiscale.is_valid(code) for code in codes if len(code) == 16)
    assert all(iva.is_valid(code) for code in codes if len(code) == 11)
    assert any("-" in str(row[3]) for row in made.contracts[1:])
    assert iva.is_valid(company_code(123_456))


def test_enriched_networks_are_lawful_and_pass_the_gate() -> None:
    """What the demo imports keeps the rules, and its needs and offers name nobody."""
    own = [row for row in national() if row.province == "LE"]
    for record in enrich(own, count=16, seed=1):
        assert check(record) == record
        assert record.needs
        for want in (*record.needs, *record.offers):
            assert not [hit for hit in scan(want.text, Dictionary([])) if hit.severity == RED]
