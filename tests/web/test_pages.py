"""Pages over HTTP: the same values as the API, in the reader's language, under headers that forbid the rest."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import jinja2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from node.domain.query import PARAMETERS
from node.runtime import Node
from node.store.postgres import acquire
from node.web import app as application
from node.web.allowance import RATES, Allowances, Rate, limiter
from node.web.middleware import errors
from node.web.pages import calls, catalogue, frame, navigation, observatory, public, searching, sessions
from tests.pages_made import ANNOUNCED, HOSTILE_ID, XSS, fill, ours
from tests.profiles_made import add_origin, profile, store
from tests.web.test_app import node

__all__ = ["node"]
Client = TestClient[web.Request, web.Application]
TEMPLATES = Path(frame.__file__).parents[1] / "templates"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "it"}
PROFILE = f"/profili/{ours(3)['id']}"
PAGES = ("/", "/cerca?q=olio", PROFILE, f"{PROFILE}/partner", "/catalogo", f"/catalogo/{ANNOUNCED[0]}", "/bandi", "/osservatorio", "/osservatorio/rilasci", "/osservatorio/percorso", "/enti", "/stato", "/aiuto", "/privacy", "/accessibilita", "/api", "/cerca/salva?q=olio")  # fmt: skip


@pytest.fixture
async def client(node: Node) -> AsyncIterator[Client]:
    """A client of a node that has something on every page."""
    await fill(node)
    async with TestClient(TestServer(application.build(node)), headers=BROWSER) as client:
        yield client


def words(text: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


async def test_every_page_answers_with_its_headers(client: Client) -> None:
    """HTML in the reader's language; a policy that lets in this node's files alone; nothing cached without asking."""
    for path in (*PAGES, "/niente"):
        reply = await client.get(path)
        assert (reply.status, reply.content_type) == (404 if path == "/niente" else 200, "text/html"), path
        policy = reply.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'"), path
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert (reply.headers["X-Frame-Options"], reply.headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
        assert reply.headers["Referrer-Policy"] == "same-origin"
        assert reply.headers["Cache-Control"] in ("no-cache", "no-store")
        assert "Strict-Transport-Security" not in reply.headers
        text = await reply.text()
        assert '<html lang="it">' in text, path
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", text), path


async def test_the_first_page_begins_where_profiles_are(client: Client) -> None:
    """Regions and sections that surely hold profiles, most first, each with the number that its link finds."""
    text = await (await client.get("/", headers=BROWSER)).text()
    begin = re.findall(r'<li><a href="(/cerca\?(?:territory|sector)=[^"]+)">[^<(]+ \((\d+)\)</a></li>', text)
    assert any("territory=" in href for href, _ in begin)
    assert any("sector=" in href for href, _ in begin)
    for href, count in begin:
        found = await (await client.get(html.unescape(href), headers=BROWSER)).text()
        assert re.search(rf"\b{count} profil[io] trovat[io]", found), href


async def test_in_production_the_browser_is_told_to_come_by_https(node: Node) -> None:
    """HSTS, and a cookie that travels by https alone."""
    config = dataclasses.replace(node.config, node=dataclasses.replace(node.config.node, environment="production"))
    async with TestClient(TestServer(application.build(dataclasses.replace(node, configured=config)))) as client:
        reply = await client.get("/aiuto?lang=en", headers=BROWSER)
        assert reply.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "Secure" in reply.headers["Set-Cookie"]
        assert "HttpOnly" in reply.headers["Set-Cookie"]


async def test_the_page_says_what_the_api_says(client: Client) -> None:
    """Total, hits in their order, facets: the same numbers in both."""
    asked = {"q": "olio", "territory": "ITF4"}
    document = await (await client.get("/api/v1/profiles", params=asked)).json()
    page = await (await client.get("/cerca", params=asked)).text()
    assert f"{document['total']} profili trovati." in page
    assert re.findall(r'href="/profili/([0-9a-f-]{36})', page) == [hit["profile_id"] for hit in document["hits"]]
    for bucket in document["facets"]["theme"]:
        assert f"theme={bucket['value']}" in page
    assert "novità: bic-lazio" in words(page)
    one = await (await client.get(f"/api/v1/profiles/{ours(3)['id']}")).json()
    assert (await (await client.get(f"{PROFILE}/prova")).text()) == one["proof"]


async def test_a_profile_is_told_in_words(client: Client) -> None:
    """Labels, needs, offers, partner, countries, languages: no code of ours; who published it and where."""
    said = words(await (await client.get(f"{PROFILE}?lang=it")).text())
    for text in (
        "Olio e macchine 3", "Territorio Puglia o Basilicata", "Numero di imprese 4-9 imprese", "Forma rete-contratto",
        "Distribuzione : Chi distribuisce in Albania", "Albania, Germania", "Lingue inglese", "Distributore",
        "ISO 9001 qualità", "Provincia di Lecce", "Pubblicato 25 ottobre 2026", "Vale fino al 30 novembre 2027",
    ):  # fmt: skip
        assert text in said, text
    english = words(await (await client.get(f"{PROFILE}?lang=en")).text())
    for text in ("Territory Puglia or Basilicata", "4-9 firms", "Albania, Germany", "October 25, 2026", "Distributor"):
        assert text in english, text


async def test_a_certain_and_a_possible_hit_say_which_they_are(client: Client) -> None:
    """Asked for one of two regions, a profile of both is possible, and says how much of it is inside."""
    said = words(await (await client.get("/cerca?territory=ITF5&q=olio")).text())
    assert "possibile" in said
    assert "di ciò che l'etichetta comprende" in said
    assert "Perché questo risultato" in said
    assert "Anno di registrazione: ogni anno" not in said
    # A profile of any year is a possible one for whoever asks for a year, and says why.
    assert "Anno di registrazione: ogni anno (possibile" in words(await (await client.get("/cerca?period=2015")).text())


async def test_a_quarantined_log_is_warned_of(client: Client) -> None:
    """In the list and on the profile's own page."""
    for path in ("/cerca?owner=x_BAD", f"/profili/{HOSTILE_ID}"):
        assert "in quarantena" in words(await (await client.get(path)).text())


@pytest.mark.parametrize("language", ["it", "en"])
async def test_what_a_hostile_peer_wrote_is_text_on_every_page(client: Client, language: str) -> None:
    """No piece of the corpus is on any page as it was written, if it holds a sign that means something there."""
    dangerous = [text for text in XSS if set(text) & set("<>\"'")]
    paths = [*PAGES, "/cerca?owner=x_BAD&limit=100", "/cerca?owner=x_BAD&vista=mappa", f"/profili/{HOSTILE_ID}"]
    paths += [f"/profili/{n:08x}-0000-4000-8000-{n:012x}" for n in range(901, 900 + len(XSS))]
    for path in paths:
        reply = await client.get(path, headers={"Cookie": f"rete_lang={language}"})
        assert reply.status == 200, path
        text = await reply.text()
        assert [piece for piece in dangerous if piece in text] == [], path
        assert "49{{" not in text
        assert "\u202e" not in text, path


async def test_a_wrong_question_keeps_the_form_and_shows_no_markup(client: Client) -> None:
    """400, the reason, what was typed as text; a cursor or order that is wrong too."""
    for name in PARAMETERS:
        if name != "cursor":
            text = await (await client.get("/cerca", params={name: '"><svg onload=x>' * 15})).text()
            assert "<svg onload" not in text, name


async def test_errors_are_pages_for_people_and_documents_for_programs(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """404, 405, 503: by what the caller reads; under /api and /federation always a document."""
    page = await client.get("/profili/niente")
    assert (page.status, page.content_type) == (404, "text/html")
    said = words(await page.text())
    assert "profile-unknown" in said
    assert page.headers["X-Request-Id"] in said
    for path, headers in (("/api/v1/profiles/x", BROWSER), ("/federation/x", BROWSER), ("/profili/x", {"Accept": "*/*"})):  # fmt: skip
        reply = await client.get(path, headers=headers)
        assert (reply.status, reply.content_type) == (404, "application/problem+json"), path
    refused = await client.post("/aiuto")
    assert (refused.status, refused.content_type) == (405, "text/html")
    assert "GET" in refused.headers["Allow"]

    async def away(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(public.cooperation, "front", away)
    down = await client.get("/")
    assert (down.status, down.content_type) == (503, "text/html")
    assert down.headers["Retry-After"]
    assert "Il servizio torna da sé" in words(await down.text())


async def test_a_page_that_cannot_be_made_is_still_an_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the frame itself ends in a problem document, not in silence."""

    def broken(*_: object, **__: object) -> web.Response:
        raise RuntimeError

    monkeypatch.setattr(frame, "environment", broken)
    reply = await client.get("/aiuto")
    assert (reply.status, reply.content_type) == (500, "application/problem+json")


async def test_pages_are_counted_per_caller_and_files_are_not(node: Node) -> None:
    """One more than allowed is refused with a page that says when to come back; styles come all the same."""
    allowances = Allowances({**RATES, "page": Rate(0.1, 2)})
    app = application.build(node)
    counted = web.Application(middlewares=[errors, limiter(allowances, node.clock, behind_proxy=False)])
    for key in (frame.SITE, frame.ERROR_PAGE, frame.ASSETS):
        counted[key] = app[key]
    counted.add_routes([web.get("/aiuto", public.help_page), web.get("/static/x", public.help_page)])
    async with TestClient(TestServer(counted), headers=BROWSER) as client:
        seen = [(await client.get("/aiuto")).status for _ in range(3)]
        assert seen == [200, 200, 429]
        refused = await client.get("/aiuto")
        assert refused.content_type == "text/html"
        assert int(refused.headers["Retry-After"]) >= 1
        assert (await client.get("/static/x")).status == 200


async def test_the_language_is_the_one_chosen_then_the_reader_s(client: Client) -> None:
    """The parameter sets a cookie; the cookie outweighs the header; an unknown one is no language."""
    chosen = await client.get("/aiuto?lang=en")
    assert '<html lang="en">' in await chosen.text()
    assert chosen.cookies["rete_lang"].value == "en"
    assert '<html lang="en">' in await (await client.get("/aiuto")).text()
    client.session.cookie_jar.clear()
    assert '<html lang="it">' in await (await client.get("/aiuto?lang=xx")).text()
    english = await client.get("/aiuto", headers={"Accept-Language": "en"})
    assert '<html lang="en">' in await english.text()
    assert "rete_lang" not in english.cookies
    switch = await (await client.get("/cerca?q=olio&theme=innovation")).text()
    assert 'href="/cerca?q=olio&amp;theme=innovation&amp;lang=en"' in switch


async def test_a_script_gets_the_results_alone_and_the_back_button_the_page(client: Client) -> None:
    """A fragment without the frame, with the count for its own place."""
    part = await (await client.get("/cerca?q=olio", headers={"HX-Request": "true"})).text()
    assert "<html" not in part
    assert "30 profili trovati." in part
    whole = await client.get("/cerca?q=olio", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in await whole.text()


async def test_results_are_shown_on_a_map_with_the_table_beside_it(client: Client) -> None:
    """Each region with hits leads to the search within it, and both say the same number."""
    text = await (await client.get("/cerca?q=olio&vista=mappa")).text()
    assert '<svg class="picture' in text or "<svg" in text.partition("<figure>")[2]
    picture = text.partition("<figure>")[2].partition("</figure>")[0]
    assert "?q=olio&#38;territory=ITF4" in picture or "?q=olio&amp;territory=ITF4" in picture
    assert "Puglia 30 20" in words(text)
    assert "<figure>" not in await (await client.get("/cerca?q=olio&territory=ITF4&vista=mappa")).text()


async def test_a_word_that_may_be_misspelt_is_asked_back(node: Node) -> None:
    """What is there is shown, and beside it the same question in the commoner word, as a link."""
    made = [profile(n, "Meccatronica", owner="cmto") for n in range(12)]
    async with acquire(node.pool) as conn:
        await store(conn, await add_origin(conn, "cmto"), [*made, profile(20, "Mecatronica", owner="cmto")])
    async with TestClient(TestServer(application.build(node)), headers=BROWSER) as client:
        text = await (await client.get("/cerca?q=mecatronica&kind=contract")).text()
        found = re.search(r'Forse si cercava:\s*<a href="([^"]+)">meccatronica</a>', text)
        assert found is not None
        page = words(await (await client.get(html.unescape(found[1]))).text())
    assert "kind=contract" in found[1]
    assert "Forse si cercava" not in page


async def test_a_search_is_saved_from_its_page(client: Client) -> None:
    """The title is asked for, a bad one is said beside its field; the feed that is told answers, the code opens the search."""
    asked = "/cerca/salva?q=olio&territory=ITF4&sort=newest"
    form = await (await client.get(asked)).text()
    token = re.search(r'name="csrf" value="([^"]*)"', form)
    assert token is not None
    assert "Territorio Puglia" in words(form)
    wrong = await client.post(asked, data={"csrf": token.group(1), "title": ""})
    assert (wrong.status, 'href="#title"' in await wrong.text()) == (400, True)
    saved = await client.post(asked, data={"csrf": token.group(1), "title": "Olio <in> Puglia"})
    text = await saved.text()
    assert (saved.status, saved.headers["Cache-Control"]) == (200, "no-store")
    assert "Olio &lt;in&gt; Puglia" in text
    where = re.search(r"(/api/v1/saved-searches/[0-9a-f-]{36})/feed.atom", text)
    code = re.search(r"<code>([^<]+)</code>", text)
    assert where is not None
    assert code is not None
    assert (await client.get(f"{where.group(1)}/feed.atom")).status == 200
    opened = await client.get(where.group(1), headers={"Authorization": f"Bearer {code.group(1)}"})
    assert (await opened.json())["query"] == {"q": "olio", "territory": "ITF4"}


async def test_the_page_of_the_api_names_every_operation(client: Client) -> None:
    """It is made from the OpenAPI document."""
    document = await (await client.get("/api/v1/openapi.json")).json()
    said = words(await (await client.get("/api")).text())
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in said


async def test_the_administration_s_contact_stands_where_people_look(node: Node) -> None:
    """On the accessibility statement and the privacy page; without one the administration is named."""
    config = dataclasses.replace(node.config, web=dataclasses.replace(node.config.web, contact="urp@provincia.le.it"))
    for config_of, expected in ((config, "urp@provincia.le.it"), (node.config, "Provincia di Lecce")):
        async with TestClient(TestServer(application.build(dataclasses.replace(node, configured=config_of)))) as client:
            assert expected in words(await (await client.get("/accessibilita", headers=BROWSER)).text())


def test_templates_escape_everything_and_hold_no_script_nor_style() -> None:
    """Autoescape is on, no filter switches it off, nothing stands inline: the policy would forbid it anyway."""
    environment = frame.environment()
    assert environment.autoescape is True
    assert environment.undefined is jinja2.StrictUndefined
    files = sorted(TEMPLATES.rglob("*.html"))
    assert len(files) >= 15
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe\b|autoescape|Markup|<style|\sstyle=|\son[a-z]+=|javascript:", text), path.name
        assert not re.search(r"<script(?![^>]*src=\"\{\{ asset)", text), path.name
        assert environment.get_template(path.relative_to(TEMPLATES).as_posix())
    source = "".join(path.read_text(encoding="utf-8") for path in Path(frame.__file__).parent.rglob("*.py"))
    assert "Markup" not in source


def test_menus_lead_to_pages_that_are_there() -> None:
    """Every entry of the public menu and foot is a route."""
    routes = {
        route.path
        for route in (
            *public.routes(),
            *calls.routes(),
            *catalogue.routes(),
            *observatory.routes(),
            *sessions.routes(),
        )
    }
    entries = navigation.entries_for(None)
    assert {entry.path for entry in (*entries.main, *entries.foot)} <= routes


def test_every_filter_of_a_question_has_a_name() -> None:
    """A new parameter of the search can't be forgotten on the page."""
    assert set(searching.FILTER_NAMES) == set(PARAMETERS) - {"q", "sort", "limit", "cursor"}
