"""The catalogue over HTTP: pages, JSON and Atom tell the same, in both languages, and show texts of others as text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from node.flows.logs import prove
from tests.announcements_made import call, course, service, session
from tests.federation_made import Clock, Town, federation
from tests.flows.programme.test_announce import put
from tests.web.test_pages import words

PAGE = {"Accept": "text/html", "Accept-Language": "it"}
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
async def towns(server: str, tmp_path: Path) -> AsyncIterator[list[Town]]:
    """Lecce announces one of each kind, Torino knows."""
    async with federation(server, tmp_path, Clock(), ("p_LE", "p_TO")) as (lecce, torino):
        for document in (session(), service(), call(), course()):
            await put(lecce, document)
        await torino.sync()
        yield [lecce, torino]


async def get(town: Town, path: str, **headers: str) -> tuple[int, str]:
    """Ask a town's node."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{town.port}{path}", headers={**PAGE, **headers}) as reply,
    ):
        return reply.status, await reply.text()


async def read(town: Town, path: str) -> dict[str, object]:
    """Ask for JSON."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{town.port}{path}") as reply:
        assert reply.status == 200
        found: dict[str, object] = await reply.json()
        return found


def read_feed(text: str) -> ET.Element:
    """A feed of our own."""
    return ET.fromstring(text)  # noqa: S314 - made by the node under test


async def test_pages_and_json_tell_the_same_of_every_kind(towns: list[Town]) -> None:
    """Each item of the other's list has its page, with what its kind says, its log and its proof."""
    _, torino = towns
    listed = await read(torino, "/api/v1/announcements")
    items = listed["items"]
    assert isinstance(items, list)
    assert sorted(item["kind"] for item in items) == ["call", "course", "service", "session"]
    status, text = await get(torino, "/catalogo")
    assert status == 200
    said = {
        "session": ("Sala consiliare", "10:00", "gratuito", "Come iscriversi"),
        "service": ("certificazione", "Sopralluogo, manuale, prove."),
        "call": ("a punteggio", "1.000.000,00 €", "innovazione: 40", "Chi può partecipare"),
        "course": ("2027-01: ", "posti: 20", "Aula grande"),
    }
    for item in items:
        assert item["title"]["it"] in words(text)
        one = words((await get(torino, f"/catalogo/{item['id']}?owner=p_LE"))[1])
        assert item["origin"] in one
        assert "Scaricare la prova" in one
        assert all(sentence in one for sentence in said[item["kind"]]), (item["kind"], one)
        whole = await read(torino, f"/api/v1/announcements/{item['id']}")
        assert isinstance(whole["document"], dict)
        assert whole["document"]["type"] == item["type"]
        status, proof = await get(torino, f"/catalogo/{item['id']}/prova")
        assert (status, proof) == (200, whole["proof"])
        verified = prove.check(proof.encode(), [towns[0].verifier], {}, None)
        assert (verified.index, verified.entry.id) == (item["index"], item["id"])


async def test_filters_empty_answers_and_wrong_questions_have_a_page(towns: list[Town]) -> None:
    """What was chosen stays chosen; nothing found says what to do; a wrong value is said at its field."""
    lecce, torino = towns
    status, text = await get(torino, "/catalogo?kind=service&q=manuale&region=ITC1&state=open")
    assert (status, "Un annuncio" in text, '<option value="service" selected>' in text) == (200, True, True)
    status, text = await get(torino, "/catalogo?q=niente+di+niente")
    assert (status, "Nessun annuncio risponde" in text) == (200, True)
    status, text = await get(lecce, "/catalogo?kind=altro&state=open")
    assert (status, '<a href="#kind">' in text) == (400, True)
    for path in ("/catalogo/x", "/catalogo/0b5a3a52-0000-4000-8000-000000000000", "/catalogo/x/prova"):
        assert (await get(lecce, path))[0] == 404
    status, text = await get(torino, "/catalogo?lang=en")
    assert (status, "Information session on network contracts" in text, "Catalogue" in text) == (200, True, True)


async def test_a_node_with_nothing_says_so(server: str, tmp_path: Path) -> None:
    """The first page of a catalogue that nobody has written in."""
    async with federation(server, tmp_path, Clock(), ("p_LE",)) as (lecce,):
        status, text = await get(lecce, "/catalogo")
        assert (status, "Nessun ente ha ancora annunciato nulla." in text) == (200, True)
        assert read_feed((await get(lecce, "/catalogo.atom"))[1]).find(f"{ATOM}entry") is None


async def test_the_feed_tells_what_is_not_over_and_of_what_is_asked_for(towns: list[Town]) -> None:
    """Entries lead to this node's pages; the same announcements are the same bytes."""
    _, torino = towns
    status, text = await get(torino, "/catalogo.atom?kind=session&lang=en")
    feed = read_feed(text)
    (entry,) = feed.findall(f"{ATOM}entry")
    assert (status, entry.findtext(f"{ATOM}title")) == (200, "Incontro informativo sui contratti di rete")
    link = entry.find(f"{ATOM}link")
    assert link is not None
    assert link.attrib["href"].startswith(f"http://127.0.0.1:{torino.port}/catalogo/")
    assert (await get(torino, "/catalogo.atom?kind=session&lang=en"))[1] == text
    assert len(read_feed((await get(torino, "/catalogo.atom"))[1]).findall(f"{ATOM}entry")) == 4
    assert (await get(torino, "/catalogo.atom?kind=altro"))[0] == 400


async def test_a_text_of_another_node_stays_text(towns: list[Town]) -> None:
    """An address in it is no link; the only way out is the owner's own page, at the address the federation knows."""
    lecce, torino = towns
    done = await put(lecce, service(summary={"it": 'Scrivere a banca@truffa.example o "onclick=x" su truffa.example/login'}))  # fmt: skip
    await torino.sync()
    _, text = await get(torino, f"/catalogo/{done.id}")
    assert "truffa.example/login" in words(text)
    outside = [part.partition('"')[0] for part in text.split('href="')[1:] if not part.startswith(("/", "#"))]
    assert outside == [f"http://127.0.0.1:{lecce.port}/catalogo/{done.id}?owner=p_LE"]
    _, text = await get(lecce, f"/catalogo/{done.id}")
    assert 'href="http' not in text


async def test_the_same_answer_is_not_sent_twice(towns: list[Town]) -> None:
    """ETag and 304, and a Link to the next page that goes on where this one ended."""
    base = f"http://127.0.0.1:{towns[1].port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/api/v1/announcements?limit=3") as reply:
            tag, link = reply.headers["ETag"], reply.links["next"]["url"]
            first = (await reply.json())["items"]
        async with session.get(f"{base}/api/v1/announcements?limit=3", headers={"If-None-Match": tag}) as reply:
            assert reply.status == 304
        async with session.get(link) as reply:
            rest = await reply.json()
    assert (len(first), len(rest["items"]), rest["cursor"]) == (3, 1, "")
    assert not {item["id"] for item in first} & {item["id"] for item in rest["items"]}
