"""The entry of the Observatory: the numbers of the public search, in pictures and tables, and nothing besides."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from node.runtime import Node
from node.web import app as application
from node.web.pages import observatory
from tests.pages_made import XSS, fill

Client = TestClient[web.Request, web.Application]
BROWSER = {"Accept": "text/html"}


@pytest.fixture
async def client(node: Node) -> AsyncIterator[Client]:
    """A client of a node that follows others, one of them an attacker."""
    await fill(node)
    async with TestClient(TestServer(application.build(node)), headers=BROWSER) as client:
        yield client


def rows_of(page: str, caption: str) -> dict[str, list[str]]:
    """The table of a caption: the cells of each row by its head."""
    table = page.partition(f"<caption>{caption}</caption>")[2].partition("</table>")[0]
    found = {}
    for row in re.findall(r"<tr>(.*?)</tr>", table.partition("<tbody>")[2], re.DOTALL):
        head, *cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        found[html.unescape(re.sub(r"<[^>]+>", "", head))] = cells
    return found


async def test_the_page_tells_what_the_public_facets_tell_and_no_more(client: Client) -> None:
    """Region by region, theme by theme, body by body: the same counts as the API answers to everybody."""
    told = await (await client.get("/api/v1/facets")).json()
    page = await (await client.get(f"{observatory.PATH}?lang=it")).text()
    assert f"Profili: {told['total']}." in page
    regions = rows_of(page, "Profili per regione")
    assert regions["Puglia"] == [str(told["facets"]["territory"][0][key]) for key in ("count", "certain")]
    counted = {
        bucket["title"]: [str(bucket["count"]), str(bucket["certain"])] for bucket in told["facets"]["territory"]
    }
    assert regions == {name: counted.get(name, ["0", "0"]) for name in regions}
    assert len(regions) == 21
    themes = {bucket["title"]: [str(bucket["count"]), str(bucket["certain"])] for bucket in told["facets"]["theme"]}
    assert rows_of(page, "Profili per tema") == themes
    bodies = rows_of(page, "Profili per ente")
    assert bodies["Provincia di Lecce"] == ["30"]
    assert sorted(count for [count] in bodies.values()) == sorted(str(b["count"]) for b in told["facets"]["owner"])


@pytest.mark.parametrize(("language", "named"), [("it", "Osservatorio tecnico nazionale"), ("en", "National technical Observatory")])  # fmt: skip
async def test_each_picture_has_a_title_a_description_and_its_table(client: Client, language: str, named: str) -> None:
    """In both languages; what is drawn as a link leads into the search; a hostile body's name is text."""
    page = await (await client.get(f"{observatory.PATH}?lang={language}")).text()
    assert f"<h1>{named}</h1>" in page
    pictures = re.findall(r"<svg.*?</svg>", page.partition("<main")[2], re.DOTALL)
    pictures = [picture for picture in pictures if 'class="picture' in picture]
    assert len(pictures) == page.count("<table") == 3
    for picture in pictures:
        ident = re.search(r'id="([a-z-]+)"', picture.partition(">")[0])
        assert ident is not None
        for part in ("title", "desc"):
            assert re.search(rf'<{part} id="{ident[1]}-{part}">[^<]+</{part}>', picture)
        assert {href.partition("?")[0] for href in re.findall(r' href="([^"#]+)"', picture)} == {"/cerca"}
    assert [text for text in XSS if set(text) & set("<>\"'") and text in page] == []


async def test_what_can_be_taken_away_is_there(client: Client) -> None:
    """Every file of the page answers, and the menu of everybody leads to the page."""
    page = await (await client.get(observatory.PATH)).text()
    files = re.findall(r'href="(/api/v1/[^"]+)"', page)
    assert len(files) == 4
    for path in files:
        assert (await client.get(html.unescape(path))).status == 200, path
    assert f'href="{observatory.PATH}"' in (await (await client.get("/")).text()).partition("<main")[0]


async def test_a_node_without_profiles_says_so_in_zeros(node: Node) -> None:
    """Pictures and tables of nothing are still pictures and tables."""
    async with TestClient(TestServer(application.build(node)), headers=BROWSER) as client:
        reply = await client.get(observatory.PATH)
        page = await reply.text()
    assert reply.status == 200
    assert set(map(tuple, rows_of(page, "Profili per regione").values())) == {("0", "0")}
