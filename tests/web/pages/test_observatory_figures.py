"""The Observatory's pages of figures: the tables' own numbers, in both languages, of the year and the release that are asked for."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import html
import itertools
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.domain.observatory import catalogue
from node.domain.observatory.figures import Cell, Figures, Status, Table, encode, table
from node.flows.observatory import read as reading
from node.runtime import Node
from node.store import observatory as store
from node.store.postgres import acquire
from node.store.reference import load_label_reference
from node.web import app as application
from node.web.pages import observatory, observatory_editions, observatory_views
from node.web.pages.observatory_choice import Asked, asked_of, cut
from node.web.pages.observatory_pictures import Draughtsman
from node.web.pages.observatory_words import Words
from node.web.pages.shown import Reader
from node.web.pictures.measure import Measure
from tests import figures_made
from tests.figures_made import RELEASE, YEARS
from tests.pages_made import XSS, fill
from tests.web.pages.test_observatory import Client, rows_of

BROWSER = {"Accept": "text/html"}
INDICATORS, TABLES = observatory_views.INDICATORS_PATH, observatory_views.TABLES_PATH


@pytest.fixture
async def client(node: Node) -> AsyncIterator[Client]:
    """A client of a node that has built figures and released some."""
    await fill(node)
    await figures_made.publish(node)
    async with TestClient(TestServer(application.build(node)), headers=BROWSER) as client:
        yield client


async def read(client: Client, path: str, status: int = 200) -> str:
    """A page as a browser gets it."""
    reply = await client.get(path)
    assert reply.status == status, path
    return await reply.text()


def edition_of(figures: Figures) -> observatory_editions.Edition:
    """Figures as pages read them."""
    return observatory_editions.edition(reading.Shown(figures, None, "0" * 64))


def words_of(text: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def section(page: str, ident: str) -> str:
    """One figure of a page."""
    return page.partition(f'<section class="rete-figure" id="{ident}"')[2].partition("</section>")[0]


def words(language: str = "it") -> Words:
    """The words that pages use."""
    return Words(Reader(language, load_label_reference()), {"p_LE": "Provincia di Lecce"})


def said(cell: Cell, decimals: int = 0, language: str = "it", sign: str = "") -> str:
    """A cell as a page tells it."""
    if cell.value is None:
        absent = {"it": ("non pubblicato", "nessun dato"), "en": ("not published", "no data")}[language]
        return absent[cell.status is Status.UNKNOWN]
    number = Measure(language, decimals=decimals, sign=sign).say(cell.value)
    estimated = {"it": "stimato", "en": "estimated"}[language]
    return f"{number} ({estimated})" if cell.status is Status.ESTIMATED else number


def grid_of(page: str) -> list[list[str]]:
    """The lines of a whole table: head, code, cells; the first line is that of the columns."""
    body = page.partition('<table class="table table-striped rete-table rete-numbers">')[2].partition("</table>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    return [
        [
            html.unescape(re.sub(r"<[^>]+>", "", cell))
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        for row in rows
    ]


async def told_of(client: Client, found: Table, language: str) -> dict[tuple[str, ...], str]:
    """What the pages of a whole table tell of each of its places."""
    names = words(language)
    one = await read(client, f"{TABLES}/{found.ident}?lang={language}")
    pages = max([1, *map(int, re.findall(r"pagina=(\d+)", one))])
    told = {}
    for at in range(1, pages + 1):
        columns, *rows = grid_of(await read(client, f"{TABLES}/{found.ident}?pagina={at}&lang={language}"))
        for head, code, *cells in rows:
            if len(columns) == 2 + 1 and len(found.dimensions) == 1:
                told[(code,)] = cells[0]
            elif " / " in columns[0]:
                assert (
                    names.heading(found.dimensions[1]) in columns[0] or names.heading(found.dimensions[0]) in columns[0]
                )
                told |= {(head, column): cell for column, cell in zip(columns[2:], cells, strict=True)}
            else:
                told[(head, *cells[:-1])] = cells[-1]
    return told


@pytest.mark.parametrize("language", ["it", "en"])
async def test_the_numbers_of_every_indicator_are_those_of_its_tables(client: Client, language: str) -> None:
    """Each whole table, cell by cell; each indicator's page has a picture and a table for each of its tables."""
    names = words(language)
    for found in figures_made.figures().tables:
        indicator = catalogue.INDICATORS[found.indicator]
        page = await read(client, f"{INDICATORS}/{found.indicator}?lang={language}")
        figure = section(page, found.ident)
        assert 'class="picture' in figure, found.ident
        assert "<caption>" in figure, found.ident
        if "division" in found.dimensions or found.ident == "firms-by-province":
            continue
        told = await told_of(client, found, language)
        assert len(told) >= len(found.cells), found.ident
        for cell in found.cells:
            called = tuple(names.code(ident, code).text for ident, code in zip(found.dimensions, cell.at, strict=True))
            number = said(cell, indicator.decimals, language, "%" if indicator.unit == "%" else "")
            # Two are laid out crosswise, the years across; of three each number has a row of its own.
            is_turned = found.dimensions[0] == "year" and len(cell.at) == 2
            place = cell.at if len(cell.at) == 1 else called[::-1] if is_turned else called
            assert told[place] == number, (found.ident, cell)


async def test_a_map_shows_the_year_that_was_asked_for(client: Client) -> None:
    """Region by region, also by the English name of the parameter; the year stands in the slider, in the row of years and in the title."""
    regions = figures_made.figures().named("networks-by-region")
    assert regions is not None
    for query, year in (("anno=2019", "2019"), ("year=2016", "2016"), ("", YEARS[-1]), ("anno=2019&year=2019", "2019")):
        page = await read(client, f"{INDICATORS}/networks?{query}&lang=it")
        rows = rows_of(page, f"Reti di imprese, per regione, {year}")
        assert rows["Puglia"] == [said(regions.by_place()[year, "ITF4"])]
        assert len(rows) == 22
        figure = section(page, "networks-by-region")
        slider = re.search(r'<input type="range"[^>]+min="2015" max="2026" step="1" value="(\d+)"', figure)
        assert slider is not None
        assert slider[1] == year
        current = re.findall(r'<a href="([^"]+)" aria-current="true">(\d+)</a>', figure)
        assert current == [(f"{INDICATORS}/networks?anno={year}#networks-by-region", year)]
        assert len(re.findall(rf'href="{INDICATORS}/networks\?anno=\d+#networks-by-region"', figure)) == len(YEARS)


async def test_the_slider_needs_no_script(client: Client) -> None:
    """What its form sends is an address that shows the year, and keeps the release that one looks at."""
    page = await read(client, f"{INDICATORS}/networks?release={RELEASE}")
    form = re.search(r'<form class="rete-control" method="get" action="([^"#]+)#networks-by-region">(.*?)</form>', page, re.DOTALL)  # fmt: skip
    assert form is not None
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[2])
    assert hidden == [("release", RELEASE)]
    assert 'name="anno"' in form[2]
    sent = await read(client, f"{form[1]}?release={RELEASE}&anno=2017&lang=it")
    assert "Reti di imprese, per regione, 2017" in sent
    assert f"Rilascio {RELEASE}" in sent


def test_maps_of_all_years_share_their_classes() -> None:
    """The legend is the same for each year, so that two years may be compared; at most four bounds."""
    made = figures_made.figures().named("networks-by-province")
    assert made is not None
    legends = set()
    for year in YEARS:
        drawn = Draughtsman(cut(made, made.by_place(), Asked(year), words()), words()).drawn()[0]
        legends.add(tuple(re.findall(r">((?:&lt; |≥ )?[\d.]+(?: – &lt; [\d.]+)?)</text>", drawn.picture)))
    assert len(legends) == 1
    assert 2 <= len(legends.pop()) <= 5


async def test_a_closed_list_is_shown_of_a_year_and_over_the_years(client: Client) -> None:
    """Bars of the chosen year, lines of all years, each with its table; a long list keeps its six greatest lines."""
    sizes = figures_made.figures().named("networks-by-size")
    assert sizes is not None
    page = await read(client, f"{INDICATORS}/networks-by-size?anno=2018&lang=it")
    rows = rows_of(page, "Reti per numero di imprese, per classe di imprese, 2018")
    assert rows["4-9 imprese"] == [said(sizes.by_place()["2018", "4-9"])]
    assert list(rows)[:3] == ["1 impresa", "2 imprese", "3 imprese"]
    lines = rows_of(page, "Reti per numero di imprese, per classe di imprese, nel tempo")
    assert list(lines) == list(YEARS)
    assert lines["2018"][3] == said(sizes.by_place()["2018", "4-9"])
    networks = await read(client, f"{INDICATORS}/networks?lang=it")
    long = rows_of(networks, "Reti di imprese, per sezione, nel tempo: i primi 6")
    assert {len(cells) for cells in long.values()} == {6}


async def test_flows_and_codes_are_chosen(client: Client) -> None:
    """A matrix from region to region of the chosen outcome; the total at first."""
    flows = figures_made.figures().named("introductions-between-regions")
    assert flows is not None
    for outcome, title in (("", "Totale"), ("agreement", "accordo")):
        page = await read(client, f"{INDICATORS}/introductions?outcome={outcome}&lang=it")
        rows = rows_of(page, f"Contatti tra regioni: {title}")
        place = list(rows).index("Puglia")
        cell = flows.by_place()["ITF4", "ITF4", outcome or "*"]
        assert rows["Puglia"][place] == said(cell)
        assert re.search(rf'<option value="{re.escape(outcome or "*")}" selected>{title}</option>', page)


async def test_what_is_withheld_is_never_a_zero(node: Node) -> None:
    """Neither on the page nor in a picture: «non pubblicato» in the cell, its reading beside the figure, in both languages."""
    cells = [Cell(("ITF4", "*"), None, Status.WITHHELD), Cell(("ITF5", "*"), None, Status.UNKNOWN), Cell(("ITC1", "*"), 7, Status.ESTIMATED), Cell(("ITC4", "*"), 0)]  # fmt: skip
    made = table("led-firms", "led-firms", ("region", "led"), cells, figures_made.AS_OF, tier=2)
    await figures_made.keep(node.pool, figures_made.figures(more=[made]))
    async with TestClient(TestServer(application.build(node)), headers=BROWSER) as client:
        for language, (withheld, unknown, estimated, total) in {
            "it": ("non pubblicato", "nessun dato", "7 (stimato)", "Totale"),
            "en": ("not published", "no data", "7 (estimated)", "Total"),
        }.items():
            page = await read(client, f"{INDICATORS}/led-firms?lang={language}")
            title = words(language).tr(catalogue.INDICATORS["led-firms"].title)
            rows = rows_of(page, f"{title}: {total}")
            assert [rows[name] for name in ("Puglia", "Basilicata", "Piemonte", "Lombardia")] == [[withheld], [unknown], [estimated], ["0"]]  # fmt: skip
            assert f"<title>Puglia: {withheld}</title>" in page
            reading = words_of(section(page, "led-firms").partition('class="rete-beside-figure"')[2])
            for sign in ("(1)", "zero", {"it": "Livello 2", "en": "Level 2"}[language]):
                assert sign in reading, sign
            whole = await read(client, f"{TABLES}/led-firms?lang={language}")
            assert rows_of(whole, title)["Puglia"] == ["ITF4", withheld]


async def test_beside_each_figure_stands_how_it_is_read(client: Client) -> None:
    """Definition, formula, unit, source, day and coverage, and whether anything is withheld."""
    page = await read(client, f"{INDICATORS}/survival?lang=it")
    beside = words_of(section(page, "survival").partition('class="rete-beside-figure"')[2])
    indicator = catalogue.INDICATORS["survival"]
    for text in (indicator.definition, indicator.formula, indicator.source, "Unità %", "31 ottobre 2026", "nodi conosciuti: 40"):  # fmt: skip
        assert text in beside, text
    assert "Livello 1" in beside


async def test_a_release_is_shown_on_every_page_for_ever(client: Client, node: Node) -> None:
    """Its numbers, not the newest, also after another build; the page says which one looks at and how it is cited."""
    await figures_made.keep(node.pool, replace(figures_made.figures(), inputs="later"))
    for path in (observatory.PATH, f"{INDICATORS}/networks", f"{TABLES}/networks-by-year"):
        page = await read(client, f"{path}?release={RELEASE}&lang=it")
        assert f"Rilascio {RELEASE}: questi numeri non cambiano più." in words_of(page)
        assert f'href="{node.public_url}{path}?release={RELEASE}"' in page
        assert "3.026" in page
        assert "3.026" not in await read(client, path)
    # Links of a release's pages stay in it.
    page = await read(client, f"{observatory.PATH}?release={RELEASE}")
    links = {html.unescape(href) for href in re.findall(r'href="(/osservatorio/(?:indicatori|tabelle)/[^"]+)"', page)}
    assert len(links) > 10
    assert all(f"release={RELEASE}" in href for href in links), links
    assert f'href="/osservatorio/dati/{RELEASE}/networks-by-year.csv"' in page


async def test_the_newest_build_is_cited_by_the_release_that_says_the_same(client: Client, node: Node) -> None:
    """Where there is one; else the newest release is offered."""
    page = words_of(await read(client, f"{observatory.PATH}?lang=it"))
    assert "Per citare conviene un rilascio" in page
    await figures_made.freeze(node.pool, figures_made.figures(), "2026-11-20")
    page = await read(client, f"{observatory.PATH}?lang=it&anno=2020")
    assert f'href="{node.public_url}/osservatorio?anno=2020&amp;release=2026-11-20"' in page
    assert 'href="/osservatorio/dati/ultima/networks-by-year.csv"' in page


async def test_releases_are_listed(client: Client, node: Node) -> None:
    """The newest first, each with its day and digest and a link to its numbers."""
    digest = await figures_made.freeze(node.pool, figures_made.figures(), "2026-11-20")
    page = await read(client, observatory.RELEASES_PATH)
    assert re.findall(r'href="/osservatorio\?release=([0-9-]+)"', page) == ["2026-11-20", RELEASE]
    assert digest in page


async def test_the_first_page_tells_the_key_numbers(client: Client) -> None:
    """Networks, firms, the region with most, growth: from the tables; every indicator is linked, in its group."""
    made = figures_made.figures()
    page = await read(client, f"{observatory.PATH}?lang=it")
    keys = words_of(page.partition('<ul class="rete-keys">')[2].partition("</ul>")[0])
    networks = made.named("networks-by-year")
    regions = made.named("networks-by-region")
    assert networks is not None
    assert regions is not None
    before, now = networks.cells[-2:]
    assert isinstance(before.value, int)
    assert isinstance(now.value, int)
    share = 100 * Decimal(now.value - before.value) / before.value
    told = {cell.at[1]: cell.value for cell in regions.cells if cell.at[0] == YEARS[-1] and cell.value is not None and cell.at[1] != "?"}  # fmt: skip
    first = max(told, key=lambda code: told[code])
    for text in (f"Reti di imprese {said(now)} 2026", f"+{Measure('it', decimals=1).say(share)} % dal 2025 al 2026", words().code("region", first).text):  # fmt: skip
        assert text in keys, text
    links = set(re.findall(rf'href="{INDICATORS}/([a-z-]+)"', page))
    assert links >= {found.indicator for found in made.tables}
    assert "Reti e imprese, dal registro" in page
    # What is withheld or estimated is said at the figure, not only where it is unfolded.
    figure = section(page, "firms-by-year").partition("<details")[2].partition("<details")[0]
    assert "Dati al 31 ottobre 2026. «Stimato» (1)" in words_of(figure)
    assert "Che cosa dicono oggi i profili pubblicati" in page
    assert rows_of(page, "Profili per regione")["Piemonte"] == ["5", "5"]


async def test_before_the_first_build_a_sentence_says_so(node: Node) -> None:
    """And the first page shows what profiles tell, as before; the other pages say what there is."""
    async with TestClient(TestServer(application.build(node)), headers=BROWSER) as client:
        page = await read(client, f"{observatory.PATH}?lang=it")
        assert "Gli indicatori nazionali non sono ancora calcolati su questo nodo" in page
        assert page.count("<table") == 3
        assert "Non c'è ancora nessun rilascio." in html.unescape(
            await read(client, f"{observatory.RELEASES_PATH}?lang=it")
        )
        assert "Indicatore inesistente" in await read(client, f"{INDICATORS}/networks?lang=it", 404)


BAD = (
    (f"{INDICATORS}/networks?anno=1999", 400, "dal 2015 al 2026"),
    (f"{INDICATORS}/networks?anno=2020%00", 400, "dal 2015 al 2026"),
    (f"{INDICATORS}/networks?year=%3Cscript%3E", 400, "dal 2015 al 2026"),
    (f"{INDICATORS}/networks?anno=2019&year=2020", 400, "una volta sola"),
    (f"{INDICATORS}/introductions?outcome=%22%3E%3Cscript%3E", 400, "non è fra le scelte di «Esito»"),
    (f"{observatory.PATH}?anno=20", 400, "dal 2015 al 2026"),
    (f"{TABLES}/networks-by-year?pagina=0", 400, "un numero da 1"),
    (f"{TABLES}/networks-by-year?pagina=999999", 200, "Reti di imprese, per anno"),
    (f"{TABLES}/niente", 404, "Tabella inesistente"),
    (f"{INDICATORS}/niente", 404, "Gli indicatori che ci sono"),
    (f"{INDICATORS}/%3Cscript%3E", 404, "Indicatore inesistente"),
    (f"{observatory.PATH}?release=2020-01-01", 404, "Nessun rilascio ha questo nome"),
    (f"{observatory.PATH}?release=%27%20OR%201", 400, "AAAA-MM-GG"),
    (f"{INDICATORS}/networks?release=2026-06-30%00", 400, "AAAA-MM-GG"),
    (f"{TABLES}/networks-by-year?release=x", 400, "AAAA-MM-GG"),
    (f"{INDICATORS}/networks?utm=1&anno=", 200, "Reti di imprese"),
)


async def test_a_bad_question_is_told_what_is_wrong(client: Client) -> None:
    """With a page that shows what there is; nothing of what was typed is markup."""
    for path, status, sentence in BAD:
        page = await read(client, f"{path}{'&' if '?' in path else '?'}lang=it", status)
        assert sentence in words_of(page), path
        assert "<script>" not in page, path
        assert ("<table" in page) is ("AAAA" not in sentence and status != 404), path


async def test_a_year_that_a_table_has_not_is_replaced_aloud(node: Node) -> None:
    """By the nearest one before it; the row of years has only those there are."""
    cells = [Cell((year, "ITF4"), 1) for year in ("2015", "2019", "2020")]
    made = table("density-by-region", "density", ("year", "region"), cells, figures_made.AS_OF)
    await figures_made.keep(node.pool, figures_made.figures(more=[made]))
    async with TestClient(TestServer(application.build(node)), headers=BROWSER) as client:
        page = words_of(await read(client, f"{INDICATORS}/density?anno=2017&lang=it"))
    assert "Per il 2017 questa tabella non ha numeri: si vede il 2015." in page


async def test_hostile_words_are_text(node: Node) -> None:
    """Names of bodies as a hostile log tells them, and notes and sources of a table: on no page do they mean anything."""
    await fill(node)
    strange = table(
        "profiles-by-body", "unheard-of", ("body", "strange"), [Cell(("x_BAD", "a:b"), 1), Cell(("p_LE", "?"), 2)],
        figures_made.AS_OF, source=XSS[0], notes=tuple(XSS),
    )  # fmt: skip
    await figures_made.keep(node.pool, figures_made.figures(more=[strange], bodies=("x_BAD", "p_LE")))
    async with TestClient(TestServer(application.build(node)), headers=BROWSER) as client:
        for path in (
            f"{INDICATORS}/unheard-of",
            f"{TABLES}/profiles-by-body",
            f"{INDICATORS}/coverage",
            observatory.PATH,
        ):
            page = await read(client, path)
            assert [text for text in XSS if set(text) & set("<>\"'") and text in page] == [], path
        assert html.escape(XSS[0]) in await read(client, f"{INDICATORS}/coverage")
        assert "Unheard of" in await read(client, observatory.PATH)


async def test_pages_are_asked_for_again_and_what_is_not_there_is_not_kept(client: Client) -> None:
    """As all public pages: no-cache; what is not there now may be there tomorrow."""
    for path in (f"{INDICATORS}/networks", f"{TABLES}/survival?release={RELEASE}", observatory.RELEASES_PATH):
        assert (await client.get(path)).headers["Cache-Control"] == "no-cache"
    assert (await client.get(f"{INDICATORS}/niente")).headers["Cache-Control"] == "no-store"


async def test_a_document_is_decoded_once_for_all_who_ask(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not per request: a hundred readers at once, one decoding; another build is seen at once; releases kept are few."""
    decoded: list[bytes] = []
    ready: list[str] = []
    decode, edition = reading.decode, observatory_editions.edition

    def counted(document: bytes) -> Figures:
        decoded.append(document)
        return decode(document)

    def made_ready(shown: reading.Shown) -> observatory_editions.Edition:
        ready.append(shown.release or "")
        return edition(shown)

    monkeypatch.setattr(reading, "decode", counted)
    monkeypatch.setattr(observatory_editions, "edition", made_ready)
    made = figures_made.figures()
    small = Figures(made.as_of, made.made_at, "a", {}, made.tables[:1])
    editions = observatory_editions.Editions(reading.Reading(node.pool))
    assert await editions.newest() is None
    await figures_made.keep(node.pool, small)
    found = await asyncio.gather(*(editions.newest() for _ in range(100)))
    assert (len(decoded), ready) == (1, [""])
    assert len({id(each) for each in found}) == 1
    later = replace(small, made_at=small.made_at + dt.timedelta(hours=1))
    await figures_made.keep(node.pool, later)
    newest = await editions.newest()
    assert newest is not None
    assert newest.figures.made_at == later.made_at
    names = [f"2026-01-{day:02d}" for day in range(1, observatory_editions.MOST + 2)]
    for name in names:
        await figures_made.freeze(node.pool, small, name)
        await asyncio.gather(*(editions.released(name) for _ in range(10)))
    assert (len(decoded), ready) == (2 + len(names), ["", "", *names])
    await editions.released(names[-1])
    await editions.released(names[0])
    assert (len(decoded), ready) == (3 + len(names), ["", "", *names, names[0]])


def test_what_was_drawn_is_remembered_within_bounds() -> None:
    """Once for each choice; more choices than are kept are drawn again, and none is taken for another."""
    edition = edition_of(figures_made.figures())
    made: list[int] = []

    def draw(number: int) -> tuple[int]:
        made.append(number)
        return (number,)

    for number in (*range(observatory_editions.MOST_DRAWN + 1), 0, 0):
        assert edition.remember(("a", number), functools.partial(draw, number)) == (number,)
    assert len(made) == observatory_editions.MOST_DRAWN + 2
    table_of_sizes = edition.tables["networks-by-size"]
    seen = {
        (year, language): observatory_views.figure(edition, table_of_sizes, Asked(year), words(language), "/x").drawn
        for year in ("2019", "2020")
        for language in ("it", "en")
    }
    assert len({drawn[0].picture for drawn in seen.values()}) == 4


async def test_a_document_that_cannot_be_read_is_no_fault_of_the_reader(node: Node) -> None:
    """503, and nothing of it is shown."""
    made = figures_made.figures()
    async with acquire(node.pool) as conn:
        await store.keep(conn, store.Kept(made.as_of, made.made_at, "x", encode(made)[:-5]))
    async with TestClient(TestServer(application.build(node)), headers=BROWSER) as client:
        assert (await client.get(observatory.PATH)).status == 503


def test_each_table_of_the_contract_has_pictures_and_words() -> None:
    """Whatever its dimensions: a title in both languages, at least one picture, every picture with its table and its own identifier."""
    for language in ("it", "en"):
        for found in figures_made.figures().tables:
            asked, wrong = asked_of([], [found], words(language))
            assert wrong == []
            drawn = Draughtsman(cut(found, found.by_place(), asked, words(language)), words(language)).drawn()
            assert drawn, found.ident
            assert len({each.ident for each in drawn}) == len(drawn)
            assert all(each.behind.lines for each in drawn)
            titles = [words(language).title(found), *(words(language).heading(ident) for ident in found.dimensions)]
            assert all(titles)


CODES = {
    "region": ("ITF4", "ITC1", "ITH1", "?", "*", "XX"), "province": ("LE", "TO", "SU", "?"), "origin": ("ITF4", "ITC1", "*"),
    "destination": ("ITF4", "?"), "year": ("2015", "2020", "2026"), "day": ("2020-06-30", "2021-12-31"), "cohort": ("2015", "2016"),
    "age": ("0", "1", "10"), "section": ("A", "C"), "division": ("01", "62"), "body": ("p_LE", "x"), "unheard_of": ("a", "b", "c:d"),
    "size_class": tuple("123456789"), "theme": ("energy", "*", "?"),
}  # fmt: skip
NUMBERS = st.one_of(st.integers(-(10**12), 10**12), st.decimals(-(10**6), 10**6, places=3))


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """A table of any dimensions, known or not, with some of its cells and any numbers in them."""
    dimensions = tuple(draw(st.lists(st.sampled_from(sorted(CODES)), max_size=3, unique=True)))
    places = list(itertools.product(*(CODES[ident] for ident in dimensions)))
    cells = []
    for at in draw(st.lists(st.sampled_from(places), max_size=25, unique=True)):
        status = draw(st.sampled_from(Status))
        value = draw(NUMBERS) if status in (Status.GIVEN, Status.ESTIMATED) else None
        cells.append(Cell(at, value, status))
    indicator = draw(st.sampled_from(["networks", "survival", "unheard-of"]))
    return table("9-unheard-of-" + "x" * draw(st.integers(1, 80)), indicator, dimensions, cells, figures_made.AS_OF)


@pytest.mark.many
@given(tables(), st.sampled_from(["it", "en"]), st.sampled_from(["", "2015", "2018"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_table_holds_it_is_shown(made: Table, language: str, year: str) -> None:
    """Pictures and tables of any dimensions and numbers; each number that is told stands in the whole table, and no absent one is a number."""
    made_of = Figures(made.as_of, figures_made.MADE_AT, "x", {}, (made,))
    edition = edition_of(made_of)
    (figure,) = observatory_views.figures(edition, [made], Asked(year), words(language), "/x")
    seen = cut(made, edition.places[made.ident], Asked(year), words(language)).seen()
    assert bool(figure.drawn) is bool(seen)
    for drawn in figure.drawn:
        assert drawn.picture.startswith("<svg")
        assert drawn.behind.lines
    whole = observatory_views.whole(edition, made, words(language), 1)
    told = Counter(cell for line in whole.behind.lines for cell in line.cells)
    measure = words(language).measure(words(language).indicator(made.indicator))
    for cell, count in Counter(words(language).say(cell, measure) for cell in made.cells).items():
        assert told[cell] >= count


def test_a_table_without_numbers_is_no_picture() -> None:
    """It says so instead of failing."""
    for dimensions in (("year",), ("year", "region"), ("origin", "destination"), ("body", "coverage"), ()):
        empty = table("networks-by-year", "networks", dimensions, [], figures_made.AS_OF)
        assert Draughtsman(cut(empty, {}, Asked(), words()), words()).drawn() == ()


async def test_numbers_beyond_reason_stop_no_page(node: Node, client: Client) -> None:
    """Whoever told them: every indicator, every table and the API answer, with the number to the last digit."""
    made = figures_made.figures()

    def grown(found: Table) -> Table:
        cells = tuple(
            replace(cell, value=cell.value * 10**30) if isinstance(cell.value, int) else cell for cell in found.cells
        )
        return replace(found, cells=cells)

    tables = tuple(grown(found) for found in made.tables)
    await figures_made.keep(node.pool, replace(made, made_at=made.made_at + dt.timedelta(hours=1), tables=tables))
    paths = {f"{INDICATORS}/{found.indicator}" for found in tables} | {f"{TABLES}/{found.ident}" for found in tables}
    for path in (observatory.PATH, f"{observatory.PATH}?lang=en", *sorted(paths)):
        await read(client, path)
    found = next(found for found in tables if found.ident == "networks-by-year")
    told = json.loads(await read(client, f"/api/v1/observatory/tables/{found.ident}"))
    assert [cell["value"] for cell in told["cells"]] == [cell.value for cell in found.cells]
    assert max(cell["value"] for cell in told["cells"]) > 2**64
