"""Open data over HTTP: files that stay what they are, with licence and types, a catalogue that tells the truth about them, and the API."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import python_calamine
import rdflib
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from node.domain.observatory import csvw
from node.domain.observatory.wording import LICENCE
from node.flows.observatory import files
from node.store.postgres import Pool
from node.web import observatory_api, observatory_data
from node.web.middleware import errors
from tests import observatory_data_made as made

Client = TestClient[web.Request, web.Application]
DATA = "/osservatorio/dati"
API = "/api/v1/observatory"
DCAT = rdflib.Namespace("http://www.w3.org/ns/dcat#")
SPDX = rdflib.Namespace("http://spdx.org/rdf/terms#")


@pytest.fixture(autouse=True)
def _catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """The invented indicators are the catalogue."""
    monkeypatch.setattr("node.domain.observatory.wording.INDICATORS", made.INDICATORS)


@pytest.fixture
async def client(pool: Pool) -> AsyncIterator[Client]:
    """A client of a node with a release and a newer build."""
    async with pool.acquire() as conn:
        await made.freeze(conn)
        await made.keep(conn, made.figures(1))
    app = web.Application(middlewares=[errors])
    observatory_data.install(app, pool, made.PUBLISHER)
    app.add_routes(observatory_api.routes())
    async with TestClient(TestServer(app)) as client:
        yield client


async def get(client: Client, path: str, **more: Any) -> tuple[bytes, Any]:
    """The body and headers of a good answer."""
    async with client.get(path, **more) as reply:
        assert reply.status == 200, (path, await reply.text())
        return await reply.read(), reply.headers


async def problem(client: Client, path: str) -> tuple[int, str]:
    """The status and the code of a refusal."""
    async with client.get(path) as reply:
        assert reply.content_type == "application/problem+json"
        return reply.status, (await reply.json())["code"]


async def test_every_file_is_served_with_its_type_its_licence_and_its_tag(client: Client) -> None:
    """Of the release for some minutes, of the newest build until there is a newer one; and not twice to who has it."""
    shown = await client.app[observatory_data.FILES].reading.figures(made.RELEASE)  # type: ignore[union-attr]
    assert len(files.names(shown)) == 5 * 4 + 4
    types = set()
    for folder, cache in ((made.RELEASE, "public, max-age=300"), ("ultima", "no-cache")):
        for name in files.names(shown):
            body, headers = await get(client, f"{DATA}/{folder}/{name}")
            assert body
            assert headers["Cache-Control"] == cache
            assert f'<{LICENCE}>; rel="license"' in headers["Link"]
            assert headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            types.add(headers["Content-Type"])
            async with client.get(f"{DATA}/{folder}/{name}", headers={"If-None-Match": headers["ETag"]}) as reply:
                assert (reply.status, await reply.read()) == (304, b"")
                assert reply.headers["Cache-Control"] == cache
    assert types == {
        "text/csv; charset=utf-8; header=present", "application/csvm+json", "application/json", "application/zip",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "text/turtle; charset=utf-8", "application/ld+json",
        "application/rdf+xml",
    }  # fmt: skip


async def test_a_release_stays_what_it_was_while_the_newest_build_changes(client: Client, pool: Pool) -> None:
    """Whoever cited a file finds the same bytes; whoever asks for the newest finds the new number and another tag."""
    name = "networks-by-province.csv"
    cited, _ = await get(client, f"{DATA}/{made.RELEASE}/{name}")
    before, headers = await get(client, f"{DATA}/ultima/{name}")
    assert b",1298," in cited
    assert b",1299," in before
    async with pool.acquire() as conn:
        await made.keep(conn, replace(made.figures(2), made_at=made.MADE_AT + dt.timedelta(hours=1)))
    after, later = await get(client, f"{DATA}/ultima/{name}", headers={"If-None-Match": headers["ETag"]})
    assert b",1300," in after
    assert later["ETag"] != headers["ETag"]
    assert (await get(client, f"{DATA}/{made.RELEASE}/{name}"))[0] == cited


async def test_the_csv_leads_to_its_description(client: Client) -> None:
    """By the Link that CSV on the Web looks for; the address in it is that of the file."""
    _, headers = await get(client, f"{DATA}/ultima/profiles.csv")
    assert '<profiles.csv-metadata.json>; rel="describedby"; type="application/csvm+json"' in headers["Link"]
    assert headers["Content-Disposition"] == 'attachment; filename="profiles.csv"'
    told = json.loads((await get(client, f"{DATA}/ultima/profiles.csv{csvw.SUFFIX}"))[0])
    assert told["url"] == "profiles.csv"


async def test_what_is_not_there_is_told_as_a_problem(client: Client, pool: Pool) -> None:
    """Other releases, other tables, other endings, tricks with paths: 404, with the place where the list is."""
    for path in ("2026-01-01/profiles.csv", "nope/profiles.csv", f"{made.RELEASE}%00/profiles.csv"):
        status, code = await problem(client, f"{DATA}/{path}")
        assert (status, code) in ((404, "observatory-release-unknown"), (400, "value-bad")), path
    for name in (
        "nope.csv",
        "profiles.ods",
        "profiles",
        ".csv",
        "profiles.csv.csv",
        "LICENZA.txt",
        "catalogo.csv",
        "..%2Fx.csv",
    ):
        assert await problem(client, f"{DATA}/ultima/{name}") == (404, "observatory-file-unknown"), name
    async with pool.acquire() as conn:
        await conn.execute("DELETE FROM observatory.figures")
    assert await problem(client, f"{DATA}/ultima/profiles.csv") == (404, "observatory-empty")
    assert await problem(client, f"{API}/tables") == (404, "observatory-empty")


async def test_the_workbook_keeps_codes_as_texts_and_numbers_as_numbers(client: Client, tmp_path: Path) -> None:
    """As LibreOffice and Excel see it, by the types of its cells: «01» and «NA» are texts, no number is a text."""
    raw, _ = await get(client, f"{DATA}/ultima/networks-by-division.xlsx")
    with python_calamine.load_workbook(io.BytesIO(raw)) as book:
        assert book.sheet_names == ["dati", "dizionario", "indicatore"]
        header, *rows = book.get_sheet_by_name("dati").to_python()
        assert header == ["year", "year_name", "division", "division_name", "value", "value_status", "unit"]
        assert [(row[2], row[4], row[5]) for row in rows] == [
            ("*", 9630, "given"), ("01", 210, "given"), ("10", "", "withheld"),
        ]  # fmt: skip
        words = {row[1]: row[2] for row in book.get_sheet_by_name("dizionario").to_python()}
        assert words["*"] == "Totale"
        about = {row[0]: row[1] for row in book.get_sheet_by_name("indicatore").to_python()}
    assert about["definizione"] == "Contratti di rete."
    assert about["nota"] == "non si possono sommare"
    assert LICENCE in about["licenza"]
    assert about["dati al"] == made.AS_OF
    kinds = cell_kinds(raw)
    assert {kinds[f"{column}2"] for column in "ABCDFG"} == {"s"}
    assert kinds["E2"] == "n"


def cell_kinds(raw: bytes) -> dict[str, str]:
    """The declared type of each cell of the first sheet: s is a text, n a number."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        sheet = ET.fromstring(archive.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own file
    return {cell.get("r", ""): cell.get("t", "n") for cell in sheet.iter(f"{space}c")}


async def test_the_archive_holds_the_very_files(client: Client) -> None:
    """All of them and a note about the licence, byte for byte, the same archive each time."""
    raw, _ = await get(client, f"{DATA}/{made.RELEASE}/tutto.zip")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert archive.testzip() is None
        inside = {name: archive.read(name) for name in archive.namelist()}
    licence = inside.pop("LICENZA.txt").decode()
    assert LICENCE in licence
    assert made.RELEASE in licence
    for name, body in inside.items():
        assert (await get(client, f"{DATA}/{made.RELEASE}/{name}"))[0] == body, name
    assert len(inside) == 5 * 4 + 3


async def test_the_catalogue_tells_the_newest_release_and_the_truth_about_its_files(client: Client, pool: Pool) -> None:
    """Each download address answers with the length and the digest that the catalogue says."""
    raw, headers = await get(client, "/osservatorio/catalogo.ttl")
    assert headers["Content-Type"] == "text/turtle; charset=utf-8"
    found = rdflib.Graph().parse(data=raw, format="turtle")
    checked = 0
    for distribution, address in found.subject_objects(DCAT.downloadURL):
        path = str(address).removeprefix(made.PUBLISHER.url)
        assert path.startswith(f"{DATA}/{made.RELEASE}/")
        body, answered = await get(client, path)
        assert str(found.value(distribution, DCAT.byteSize)) == str(len(body))
        digest = found.value(found.value(distribution, SPDX.checksum), SPDX.checksumValue)
        assert str(digest).lower() == hashlib.sha256(body).hexdigest()
        media_type = str(found.value(distribution, DCAT.mediaType)).partition("media-types/")[2]
        assert answered["Content-Type"].startswith(media_type)
        checked += 1
    assert checked == 5 * 3
    async with pool.acquire() as conn:
        await conn.execute("DELETE FROM observatory.release")
    raw, _ = await get(client, "/osservatorio/catalogo.ttl")
    assert f"{made.PUBLISHER.url}{DATA}/ultima/profiles.csv".encode() in raw


async def test_the_catalogue_comes_in_the_form_that_is_asked_for(client: Client) -> None:
    """By its ending, or by Accept; Turtle to who names none."""
    for accept, ending, kind in (
        ("application/ld+json", "jsonld", "application/ld+json"),
        ("application/rdf+xml;q=0.9, text/html", "rdf", "application/rdf+xml"),
        ("application/ld+json;q=0.2, text/turtle;q=0.1, application/*;q=0.5", "rdf", "application/rdf+xml"),
        ("application/ld+json;q=0, text/turtle", "ttl", "text/turtle; charset=utf-8"),
        ("*/*", "ttl", "text/turtle; charset=utf-8"),
    ):
        body, headers = await get(client, "/osservatorio/catalogo", headers={"Accept": accept})
        assert (headers["Content-Type"], headers["Vary"]) == (kind, "Accept")
        assert body == (await get(client, f"/osservatorio/catalogo.{ending}"))[0]
        assert body == (await get(client, f"{DATA}/{made.RELEASE}/catalogo.{ending}"))[0]


async def test_the_feed_tells_releases(client: Client, pool: Pool) -> None:
    """A new one comes first, and the address of each answers."""
    async with pool.acquire() as conn:
        await made.freeze(conn, "2026-11-23", made.figures())
    raw, headers = await get(client, "/osservatorio/rilasci.atom")
    assert headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache"
    feed = ET.fromstring(raw)  # noqa: S314 - our own document
    atom = "{http://www.w3.org/2005/Atom}"
    links = [entry.find(f"{atom}link").get("href") for entry in feed.iter(f"{atom}entry")]  # type: ignore[union-attr]
    assert [link.rsplit("/", 2)[1] for link in links if link] == ["2026-11-23", made.RELEASE]
    await get(client, str(links[0]).removeprefix(made.PUBLISHER.url))


async def test_the_api_tells_indicators_tables_and_releases(client: Client, pool: Pool) -> None:
    """In both languages; the files that it names are there."""
    told = json.loads((await get(client, f"{API}/indicators"))[0])
    assert [found["ident"] for found in told["indicators"]] == list(made.INDICATORS)
    assert told["indicators"][1] == {
        "ident": "density", "title": {"it": "Densità", "en": "Densità"}, "definition": {"it": "Imprese in rete.", "en": "Imprese in rete."},
        "formula": {"it": "Su 10.000 registrate.", "en": "Su 10.000 registrate."}, "unit": {"it": "per 10.000", "en": "per 10.000"},
        "source": {"it": "Registro", "en": "Log"}, "tier": 1, "decimals": 2,
    }  # fmt: skip
    for asked, release in (("", None), ("?release=ultima", None), (f"?release={made.RELEASE}", made.RELEASE)):
        body, headers = await get(client, f"{API}/tables{asked}")
        told = json.loads(body)
        assert told["release"] == release
        assert told["licence"] == LICENCE
        assert LICENCE in headers["Link"]
        assert told["coverage"] == {"editions": 2, "profiles": 12}
        assert [found["ident"] for found in told["tables"]] == sorted(table.ident for table in made.figures().tables)
        for path in told["tables"][0]["files"].values():
            await get(client, path)
    told = json.loads((await get(client, f"{API}/releases"))[0])
    assert [found["release"] for found in told["releases"]] == [made.RELEASE]
    await get(client, told["releases"][0]["archive"])
    async with pool.acquire() as conn:
        await conn.execute("DELETE FROM observatory.release")
    assert json.loads((await get(client, f"{API}/releases"))[0]) == {"releases": []}


async def test_a_table_is_told_page_by_page_whole_and_once(client: Client) -> None:
    """Each page leads to the next, in its body and in its Link; together they are the table."""
    path = f"{API}/tables/networks-by-province"
    whole = json.loads((await get(client, path))[0])
    assert whole["cursor"] == ""
    assert whole["cells_total"] == len(whole["cells"]) == 8
    assert {"at": {"year": "2013", "province": "NA"}, "value": 41, "status": "given"} in whole["cells"]
    assert {"at": {"year": "2026", "province": "LE"}, "value": None, "status": "unknown"} in whole["cells"]
    assert {"code": "NA", "name": {"it": "Napoli", "en": "Napoli"}} in whole["dimensions"][1]["codes"]
    cells, following = [], f"{path}?limit=3&release=ultima"
    for _ in range(3):
        body, headers = await get(client, following)
        told = json.loads(body)
        cells += told["cells"]
        following = headers["Link"].rpartition("<")[2].partition(">")[0]
    assert cells == whole["cells"]
    assert told["cursor"] == ""
    assert 'rel="next"' not in headers["Link"]
    decimals = json.loads((await get(client, f"{API}/tables/density-by-region"))[0])
    assert [cell["value"] for cell in decimals["cells"]] == [0.05, 12.3]


async def test_a_cursor_holds_as_long_as_its_table_has_the_same_cells(client: Client, pool: Pool) -> None:
    """Another build that changed other tables is no reason to begin anew; one that changed this table is."""
    path = f"{API}/tables/density-by-region?limit=1"
    other = f"{API}/tables/networks-by-province?limit=3"
    cursors = [json.loads((await get(client, asked))[0])["cursor"] for asked in (path, other)]
    later = replace(made.figures(5), made_at=made.MADE_AT + dt.timedelta(hours=1), inputs="b")
    async with pool.acquire() as conn:
        await made.keep(conn, later)
    told = json.loads((await get(client, f"{path}&cursor={cursors[0]}"))[0])
    assert [cell["at"]["region"] for cell in told["cells"]] == ["ITF4"]
    assert await problem(client, f"{other}&cursor={cursors[1]}") == (400, "query-cursor-bad")
    # Of one table it is none of another's.
    assert await problem(client, f"{API}/tables/profiles?cursor={cursors[0]}") == (400, "query-cursor-bad")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=0", 400, "query-value-bad"), ("limit=10001", 400, "query-value-bad"), ("limit=x", 400, "query-value-bad"),
        ("cursor=x", 400, "query-cursor-bad"), (f"cursor={'0' * 16}-3", 400, "query-cursor-bad"), ("sort=x", 400, "query-parameter-unknown"),
        ("limit=1&limit=2", 400, "query-parameter-repeated"), ("release=2026-01-01", 404, "observatory-release-unknown"),
        ("release=x", 404, "observatory-release-unknown"),
    ],
)  # fmt: skip
async def test_what_cannot_be_answered_is_refused(client: Client, query: str, status: int, code: str) -> None:
    """As everywhere in the API; a cursor of other cells would skip or repeat some, so it is none."""
    assert await problem(client, f"{API}/tables/profiles?{query}") == (status, code)
    assert await problem(client, f"{API}/tables/nope") == (404, "observatory-table-unknown")


async def test_rendered_files_are_kept_up_to_a_bound(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked last is at hand and rendered once; the rest makes room."""
    shared = client.app[observatory_data.FILES]  # type: ignore[union-attr]
    asked = []
    render = files.render
    monkeypatch.setattr(files, "render", lambda *given: (asked.append(given[1]), render(*given))[1])
    monkeypatch.setattr(files, "KEPT_MAX_BYTES", 2_000)
    for name in ("profiles.csv", "profiles.json", "profiles.csv"):
        await get(client, f"{DATA}/ultima/{name}")
    assert asked == ["profiles.csv", "profiles.json"]
    await get(client, f"{DATA}/ultima/profiles.xlsx")
    assert [made.name for made in shared._kept.values()] == ["profiles.xlsx"]
    await get(client, f"{DATA}/ultima/profiles.csv")
    assert asked[-1] == "profiles.csv"


async def test_a_body_that_is_called_otherwise_changes_names_and_nothing_else(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue and the archive go on telling the truth, the tag is another one, numbers and codes are as they were."""
    called = {"p_LE": "Lecce vecchia"}

    async def told(_: Pool) -> Any:
        return replace(files.plain_wording(), bodies=dict(called))

    monkeypatch.setattr(files, "wording", told)
    path = f"{DATA}/{made.RELEASE}/profiles-by-body.csv"
    before, old = await get(client, path)
    await get(client, f"{DATA}/{made.RELEASE}/catalogo.ttl")
    called["p_LE"] = "Lecce nuova"
    after, new = await get(client, path, headers={"If-None-Match": old["ETag"]})
    assert before.replace(b"vecchia", b"nuova") == after
    assert old["ETag"] != new["ETag"]
    catalogue, _ = await get(client, f"{DATA}/{made.RELEASE}/catalogo.ttl")
    assert hashlib.sha256(after).hexdigest() in catalogue.decode().lower()
    archive, _ = await get(client, f"{DATA}/{made.RELEASE}/tutto.zip")
    with zipfile.ZipFile(io.BytesIO(archive)) as held:
        assert held.read("profiles-by-body.csv") == after
        assert held.read("catalogo.ttl") == catalogue
