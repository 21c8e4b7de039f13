"""A search in other forms: the same hits as JSON, safe to open, page by page, each form with its own ETag."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from profiles_made import NOW, add_origin, label, profile, store

from node.errors import CallerError
from node.flows.searching.search_rows import COLUMNS
from node.store.postgres import Pool
from node.store.spreadsheet import plain_cell, read_sheets
from node.web import api, exports
from node.web.middleware import errors

Client = TestClient[web.Request, web.Application]
TITLES = (
    'Öl für "Käse"\nund Brot',
    '=HYPERLINK("http://x.example","qui")',
    "+39 in rete",
    "-olio",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    "'già protetto",
    "Olio, vino; pane",
    "Riga _x0041_",
)
PATHS = [("/api/v1/profiles", form) for form in ("json", "csv", "xlsx")] + [
    ("/api/v1/facets", form) for form in ("json", "geojson")
]


@pytest.fixture
async def client(pool: Pool) -> AsyncIterator[Client]:
    """A client of the API over two logs with titles of every kind, one log witnessed."""
    made = [profile(n, title, sector=label("A2", "01")) for n, title in enumerate(TITLES, 1)]
    away = [
        profile(20, "Olio di Torino", owner="p_TO", territory=label("PRO", "TO"), size=label("SIZE", "10+")),
        profile(21, "Olio di due", owner="p_TO", territory=label("REG", "ITC1", "ITF4"), kind="entity"),
    ]
    async with pool.acquire() as conn:
        await store(conn, await add_origin(conn, "p_LE", is_own=True), made)
        torino = await add_origin(conn, "p_TO")
        await store(conn, torino, away, first=7)
        moment = dt.datetime(2026, 11, 1, 9, 30, 5, 999, tzinfo=dt.UTC)
        await witness(conn, torino, moment)
    app = web.Application(middlewares=[errors])
    api.install(app, pool, lambda: NOW)
    async with TestClient(TestServer(app)) as client:
        yield client


async def witness(conn: Any, origin_id: int, moment: dt.datetime) -> None:
    """All entries of a log vouched for since this moment."""
    await conn.execute(
        "UPDATE log.origin SET witnessed_size = 100, witnessed_at = $2 WHERE origin_id = $1", origin_id, moment
    )


async def body(reply: ClientResponse) -> bytes:
    """The bytes of a good answer."""
    assert reply.status == 200, await reply.text()
    return await reply.read()


def read_csv(raw: bytes) -> list[dict[str, str]]:
    """The rows of a CSV as a program reads them, without the apostrophes that keep formulas asleep."""
    found = list(csv.DictReader(io.StringIO(raw.decode(), newline="")))
    return [{name: plain(value) for name, value in row.items()} for row in found]


def plain(text: str) -> str:
    """A text of the CSV without the apostrophes, as docs/exports.md says."""
    return str(plain_cell(re.sub(r"""(?<=[;,|\t\r\n])'(?=[\s"']*[=+\-@])""", "", text)))


def read_xlsx(raw: bytes, folder: Path) -> list[dict[str, object]]:
    """The rows of a workbook as a spreadsheet program reads them."""
    path = folder / "read.xlsx"
    path.write_bytes(raw)
    ((name, (columns, *rows)),) = read_sheets(path).items()
    assert name == "profiles"
    return [dict(zip(map(str, columns), row, strict=True)) for row in rows]


def expected(hit: dict[str, Any]) -> dict[str, object]:
    """What JSON tells of a hit, under the names of the columns."""
    labels = hit.pop("labels")
    return {
        **hit,
        "why": " ".join(f"{part['part']}={part['points']}" for part in hit["why"]),
        **{name: told["title"] for name, told in labels.items()},
        **{f"{name}_code": " ".join(told["values"]) for name, told in labels.items()},
    }


async def test_the_same_hits_in_every_form(client: Client, tmp_path: Path) -> None:
    """Each cell is what JSON says: umlauts, quotes and newlines whole, numbers as numbers, days as days."""
    asked = {"limit": "100"}
    document = await (await client.get("/api/v1/profiles", params=asked)).json()
    hits = [expected(hit) for hit in document["hits"]]
    assert len(hits) == len(TITLES) + 2
    assert {hit["title"] for hit in hits} >= set(TITLES)
    reply = await client.get("/api/v1/profiles", params={**asked, "format": "csv"})
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="profiles.csv"'
    raw = await body(reply)
    assert raw.startswith(b"profile_id,owner,origin,index,published,title,")
    assert raw.endswith(b"\r\n")
    rows = read_csv(raw)
    assert set(rows[0]) == set(hits[0]) == set(COLUMNS)
    assert rows == [{name: in_csv(value) for name, value in hit.items()} for hit in hits]
    reply = await client.get("/api/v1/profiles", params={**asked, "format": "xlsx"})
    assert reply.content_type == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="profiles.xlsx"'
    sheet = read_xlsx(await body(reply), tmp_path)
    assert list(sheet[0]) == list(COLUMNS)
    assert [in_xlsx(row) for row in sheet] == [{name: untyped(name, hit[name]) for name in COLUMNS} for hit in hits]
    assert {type(row["index"]) for row in sheet} <= {int, float}
    assert {row["quarantined"] for row in sheet} == {False}
    # A code that looks like a number stays the text it is.
    assert {row["sector_code"] for row in sheet} == {"01", "10"}


def in_csv(value: object) -> str:
    """A value of JSON as it stands in CSV."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def in_xlsx(row: dict[str, object]) -> dict[str, object]:
    """A row as read: blank cells are empty text, whole numbers may be floats; line ends are the file's own."""
    return {name: value.replace("\r\n", "\n") if isinstance(value, str) else value for name, value in row.items()}


def untyped(name: str, value: object) -> object:
    """A value of JSON as a workbook's reader gives it."""
    if name == "witnessed_at":
        return "" if value is None else str(value).removesuffix("Z")
    return value


async def test_times_and_days_are_cells_of_their_kind(client: Client) -> None:
    """In the workbook: a number under a format of days, the header frozen, no formula and no link anywhere."""
    raw = await body(await client.get("/api/v1/profiles", params={"format": "xlsx", "q": "torino"}))
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        styles = archive.read("xl/styles.xml").decode()
        core = archive.read("docProps/core.xml").decode()
    published, witnessed = COLUMNS.index("published"), COLUMNS.index("witnessed_at")
    # Days since 30 December 1899: 2026-10-25, and 2026-11-01 09:30:05.
    assert re.search(rf'<c r="{chr(65 + published)}2" s="\d"><v>46320</v>', sheet)
    assert re.search(rf'<c r="{chr(65 + witnessed)}2" s="\d"><v>46327\.39589\d*</v>', sheet)
    assert "yyyy-mm-dd" in styles
    assert 'topLeftCell="A2"' in sheet
    assert 'state="frozen"' in sheet
    assert "1980-01-01T00:00:00Z" in core
    assert "<dc:creator></dc:creator>" in core


async def test_no_text_of_a_stranger_becomes_a_formula(client: Client, tmp_path: Path) -> None:
    """In no cell of either form, nor where a program parts the lines at semicolons, as an Italian one does."""
    asked = {"limit": "100"}
    raw = await body(await client.get("/api/v1/profiles", params={**asked, "format": "csv"}))
    formula = ("=", "+", "-", "@", "\t", "\r")
    rows = list(csv.reader(io.StringIO(raw.decode(), newline="")))
    assert not [cell for row in rows for cell in row if cell.startswith(formula)]
    assert sum(cell.startswith(tuple("'" + sign for sign in formula)) for row in rows for cell in row) == 6
    book = await body(await client.get("/api/v1/profiles", params={**asked, "format": "xlsx"}))
    path = tmp_path / "raw.xlsx"
    path.write_bytes(book)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        texts = archive.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet
    assert not [name for name in names if "rels" in name and "sheet" in name]
    assert not re.search(r"<t[^>]*>(?:[=+\-@\t\r]|_x000D_)", texts)
    assert len(re.findall(r"<t[^>]*>'(?:[=+\-@\t\r]|_x000D_)", texts)) == 6


async def test_a_formula_inside_a_text_stays_asleep_too(pool: Pool, client: Client) -> None:
    """After a semicolon, a line end or a quote, where a wrong separator would begin a cell."""
    titles = ["uno;=1+1", 'due\n"=1+1"', "tre; @x", "quattro|-2", "cinque, e sei"]
    async with pool.acquire() as conn:
        await store(
            conn, await add_origin(conn, "p_RM"), [profile(n, t, owner="p_RM") for n, t in enumerate(titles, 40)]
        )
    raw = await body(await client.get("/api/v1/profiles", params={"format": "csv", "owner": "p_RM"}))
    told = {row["title"] for row in csv.DictReader(io.StringIO(raw.decode(), newline=""))}
    assert told == {"uno;'=1+1", 'due\n\'"=1+1"', "tre;' @x", "quattro|'-2", "cinque, e sei"}
    for line in raw.decode().splitlines():
        for cell in line.split(";"):
            assert not cell.lstrip(' "').startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("form", ["json", "csv", "xlsx"])
async def test_the_next_link_goes_on_where_the_page_ended(client: Client, tmp_path: Path, form: str) -> None:
    """Pages by Link tell all hits once, in the order of one whole page; the last has no Link."""
    whole = await (await client.get("/api/v1/profiles", params={"limit": "100", "q": "rete or olio"})).json()
    seen: list[object] = []
    url = f"/api/v1/profiles?limit=2&q=rete+or+olio&format={form}"
    for _ in range(10):
        reply = await client.get(url)
        raw = await body(reply)
        page = {"csv": read_csv, "xlsx": lambda raw: read_xlsx(raw, tmp_path)}
        rows = page[form](raw) if form in page else (await reply.json())["hits"]
        seen += [row["profile_id"] for row in rows]
        if "Link" not in reply.headers:
            break
        found = re.fullmatch(r'<(/api/v1/profiles\?[!-;=?-~]+)>; rel="next"', reply.headers["Link"])
        assert found
        url = found[1]
        assert ("format=" in url) == (form != "json")
    assert seen == [hit["profile_id"] for hit in whole["hits"]]
    assert len(seen) == 5


@pytest.mark.parametrize(("path", "form"), PATHS)
async def test_an_unchanged_answer_is_not_sent_twice_in_any_form(client: Client, path: str, form: str) -> None:
    """The same bytes again, so 304 by its ETag; the ETag of another form is not it."""
    reply = await client.get(path, params={"format": form})
    tag = reply.headers["ETag"]
    assert (await client.get(path, params={"format": form})).headers["ETag"] == tag
    again = await client.get(path, params={"format": form}, headers={"If-None-Match": tag})
    assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
    assert reply.headers["Vary"] == again.headers["Vary"] == "Accept"
    others = [f for p, f in PATHS if p == path and f != form]
    for other in others:
        changed = await client.get(path, params={"format": other}, headers={"If-None-Match": tag})
        assert changed.status == 200


async def test_a_page_that_is_followed_now_is_a_new_answer(pool: Pool, client: Client) -> None:
    """The rows are the same, the Link is new: who kept the answer is told."""
    asked = {"format": "csv", "owner": "p_TO", "limit": "2", "sort": "newest"}
    before = await client.get("/api/v1/profiles", params=asked)
    assert "Link" not in before.headers
    async with pool.acquire() as conn:
        origin_id = await conn.fetchval("SELECT origin_id FROM log.origin WHERE owner = 'p_TO'")
        old = profile(30, "Olio antico", owner="p_TO")
        await store(conn, origin_id, [{**old, "round": old["round"] - 100}], first=50)
    after = await client.get("/api/v1/profiles", params=asked, headers={"If-None-Match": before.headers["ETag"]})
    assert await body(after) == await before.read()
    assert 'rel="next"' in after.headers["Link"]


@pytest.mark.parametrize(
    ("path", "form", "allowed"),
    [
        ("/api/v1/profiles", "ods", "json, csv, xlsx"),
        ("/api/v1/profiles", "geojson", "json, csv, xlsx"),
        ("/api/v1/facets", "csv", "json, geojson"),
    ],
)
async def test_an_unknown_form_is_refused_with_those_there_are(
    client: Client, path: str, form: str, allowed: str
) -> None:
    """400, a stable code, the parameter and the allowed values; twice is refused too."""
    reply = await client.get(path, params={"format": form})
    assert (reply.status, reply.content_type) == (400, "application/problem+json")
    document = await reply.json(content_type=None)
    assert (document["code"], "Content-Disposition" in reply.headers) == ("query-value-unknown", False)
    assert "format" in document["detail"]
    assert allowed in document["detail"]
    reply = await client.get(path, params=[("format", "json"), ("format", "json")])
    assert (await reply.json(content_type=None))["code"] == "query-parameter-repeated"


XLSX = exports.XLSX.media_type


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("text/csv", "csv"),
        ("Text/CSV; charset=utf-8", "csv"),
        ("text/*", "csv"),
        (XLSX, "xlsx"),
        ("application/*", "json"),
        ("text/csv, */*", "csv"),
        ("text/csv, application/json", "json"),
        ("text/csv;q=0.5, application/json;q=0.4", "csv"),
        (f"text/csv;q=0.5, {XLSX};q=0.9", "xlsx"),
        ("text/csv;q=0", "json"),
        ("text/csv;q=0, */*", "json"),
        ("application/json;q=0, */*;q=0.1", "csv"),
        ("text/csv;q=nan", "json"),
        ("text/csv;q=", "json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"),
        ("image/png", "json"),
        (";,;q=,/", "json"),
    ],
)
def test_accept_chooses_among_the_forms(accept: str, form: str) -> None:
    """By weight, then by how exactly a form is named, then JSON; a header that names none gets JSON, as ever."""
    assert exports.choose([], accept, exports.PROFILES)[0].name == form
    # The parameter overrules the header; an empty one counts as not given.
    assert exports.choose([("format", "XLSX")], accept, exports.PROFILES)[0] is exports.XLSX
    assert exports.choose([("format", "")], accept, exports.PROFILES)[0].name == form


async def test_accept_is_heard(client: Client) -> None:
    """Over the wire, also in several lines; ``format`` overrules it."""
    reply = await client.get("/api/v1/profiles", headers={"Accept": "text/csv"})
    assert (reply.status, reply.content_type) == (200, "text/csv")
    lines = [("Accept", "text/html"), ("Accept", XLSX)]
    assert (await client.get("/api/v1/profiles", headers=lines)).content_type == XLSX
    reply = await client.get("/api/v1/profiles", params={"format": "json"}, headers={"Accept": "text/csv"})
    assert reply.content_type == "application/json"
    reply = await client.get("/api/v1/facets", headers={"Accept": "application/geo+json"})
    assert reply.content_type == "application/geo+json"


async def test_an_empty_result_is_a_table_without_rows(client: Client, tmp_path: Path) -> None:
    """The header alone, in both; no features."""
    asked = {"q": "introvabile"}
    raw = await body(await client.get("/api/v1/profiles", params={**asked, "format": "csv"}))
    assert raw == (",".join(COLUMNS) + "\r\n").encode()
    book = await body(await client.get("/api/v1/profiles", params={**asked, "format": "xlsx"}))
    assert read_xlsx(book, tmp_path) == []
    document = await (await client.get("/api/v1/facets", params={**asked, "format": "geojson"})).json(content_type=None)
    assert document == {"type": "FeatureCollection", "total": 0, "total_is_exact": True, "features": []}


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_limits_are_those_of_json(client: Client, tmp_path: Path, form: str) -> None:
    """At most a hundred rows a page, twenty unless asked; a wrong question is a problem, never a file."""
    reply = await client.get("/api/v1/profiles", params={"format": form, "limit": "101"})
    assert (reply.status, (await reply.json(content_type=None))["code"]) == (400, "query-value-bad")
    assert "Content-Disposition" not in reply.headers
    reply = await client.get("/api/v1/profiles", params={"format": form, "limit": "3"})
    raw = await body(reply)
    assert len(read_csv(raw) if form == "csv" else read_xlsx(raw, tmp_path)) == 3
    assert (await client.get("/api/v1/profiles", params={"format": form, "colour": "x"})).status == 400


@pytest.mark.parametrize("asked", [{}, {"q": "olio"}, {"territory": "ITC1"}, {"size": "10+"}])
async def test_regions_count_what_the_facet_counts(client: Client, asked: dict[str, str]) -> None:
    """One feature per region with hits, in the order of the facet, its counts the same; no geometry is made up."""
    counted = await (await client.get("/api/v1/facets", params=asked)).json()
    reply = await client.get("/api/v1/facets", params={**asked, "format": "geojson"})
    assert reply.headers["Content-Type"] == "application/geo+json"
    document = await reply.json(content_type=None)
    assert (document["type"], document["total"]) == ("FeatureCollection", counted["total"])
    assert document["features"] == [
        {
            "type": "Feature",
            "id": bucket["value"],
            "geometry": None,
            "properties": {
                "code": bucket["value"],
                "name": bucket["title"],
                "count": bucket["count"],
                "certain": bucket["certain"],
                "exact": counted["total_is_exact"],
            },
        }
        for bucket in counted["facets"]["territory"]
    ]
    assert document["features"]


def test_a_form_that_a_path_does_not_offer_is_no_form_of_it() -> None:
    """What is offered is the whole list."""
    with pytest.raises(CallerError) as caught:
        exports.choose([("format", "csv")], "", exports.FACETS)
    assert (caught.value.code, caught.value.facts["near"]) == ("query-value-unknown", "json, geojson")
