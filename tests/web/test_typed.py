"""A form whose session ended meanwhile: what was typed is still there, and goes nowhere before a person sends it again."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest
from aiohttp import ClientResponse, FormData

from node.domain.roles import Permission, Role
from node.flows.people import accounts, sign_in
from node.flows.registry import keeping
from node.runtime import Node
from node.store.registry import Sought
from node.web import typed
from node.web.permission import needed_by
from node.web.typed import Typed, unpack
from tests.accounts_made import PASSWORD, Desk
from tests.pages_made import XSS
from tests.register_made import Pairs, changed, form_of, signed_in, words
from tests.web.test_account_pages import PAGE, Browser, browsing
from tests.web.test_app import node

__all__ = ["node"]
NEW = "/ufficio/reti/nuova"
# Who asks for no role: everybody, whoever is signed in, programs and other nodes.
NOBODY_S = (Permission.PUBLIC, Permission.SIGNED_IN, Permission.TOKEN, Permission.PEER)
TEMPLATES = Path(__file__).resolve().parents[2] / "node" / "web" / "templates"


def ours(browser: Browser) -> dict[str, str]:
    """What a browser says of a form of our own page."""
    return {**PAGE, "Origin": str(browser.client.make_url("/")).rstrip("/"), "Sec-Fetch-Site": "same-origin"}


async def send(browser: Browser, action: str, pairs: Pairs, headers: dict[str, str] | None = None) -> ClientResponse:
    """Send a form as a browser does, which says where it comes from."""
    return await browser.client.post(
        action, data=FormData(pairs), headers=ours(browser) if headers is None else headers, allow_redirects=False
    )


@pytest.fixture
async def browser(node: Node) -> AsyncIterator[Browser]:
    """An officer's browser."""
    async with signed_in(node, Role.OFFICER) as found:
        yield found


async def filled(browser: Browser, **more: str) -> Pairs:
    """The form of a network, half-way."""
    return changed(form_of(await browser.get(NEW), NEW), rete="Rete dell'Olio «Buono»", vai="imprese", **more)


async def end(node: Node) -> None:
    """End the officer's sessions, as an administrator or the clock would."""
    assert await accounts.end_sessions(node.pool, name="anna.verdi", officer="capo")


def typed_in(page: str, action: str = NEW) -> Pairs:
    """What a page would send on, without its token."""
    return [pair for pair in form_of(page, action) if pair[0] != "csrf"]


async def test_what_was_typed_outlives_the_session_and_goes_on_after_signing_in_elsewhere(
    node: Node, browser: Browser
) -> None:
    """Another tab signs in; a press too early comes back to the same page, the next one goes where the form was going."""
    pairs = await filled(browser)
    await end(node)
    reply = await send(browser, NEW, pairs)
    page = await reply.text()
    assert (reply.status, reply.headers["Cache-Control"]) == (401, "no-store")
    for said in (
        "La sessione è finita",
        "Rete dell'Olio «Buono»",
        "un'altra scheda",
        "Continua: invia ciò che ho scritto",
    ):
        assert said in words(page), said
    assert typed_in(page) == [pair for pair in pairs if pair[0] != "csrf"]
    early = await send(browser, NEW, form_of(page, NEW))
    assert (early.status, typed_in(await early.text())) == (401, typed_in(page))
    await browser.enter()
    late = await send(browser, NEW, form_of(page, NEW))
    again = await late.text()
    assert (late.status, typed_in(again)) == (403, typed_in(page))
    assert "come anna.verdi" in words(again)
    reply = await send(browser, NEW, form_of(again, NEW))
    assert "Aggiungere una rete" in words(await reply.text())
    assert ("rete", "Rete dell'Olio «Buono»") in form_of(await reply.text(), NEW)


async def test_what_was_typed_goes_through_signing_in_on_the_same_page(node: Node, browser: Browser) -> None:
    """A wrong password, then a recovery code on the way; nothing is sent before its button is pressed."""
    desk = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
    _, confirmed = await desk.enrol((await desk.enter()).secret)
    await browser.enter()
    await browser.post("/entra/codice", "/entra/codice", codice=confirmed.recovery[0])
    pairs = await filled(browser)
    await end(node)
    page = await (await send(browser, NEW, pairs)).text()
    for password, status in (("sbagliata", 401), (PASSWORD, 200)):
        reply = await send(browser, "/entra", changed(form_of(page, "/entra"), nome="anna.verdi", password=password))
        page = await reply.text()
        assert (reply.status, password in page) == (status, False)
    assert "Secondo fattore" in words(page)
    reply = await send(browser, "/entra/codice", changed(form_of(page, "/entra/codice"), codice=confirmed.recovery[1]))
    page = await reply.text()
    assert (reply.status, reply.headers["Cache-Control"]) == (200, "no-store")
    assert "Ciò che ha scritto è ancora qui" in words(page)
    assert "Codici di recupero rimasti: 8" in words(page)
    assert (await keeping.find(node.pool, Sought())).networks == ()
    reply = await send(browser, NEW, form_of(page, NEW))
    assert "Aggiungere una rete" in words(await reply.text())


async def test_a_code_that_comes_too_late_loses_nothing(node: Node, browser: Browser) -> None:
    """The half session is over by then: the password is asked for again, and what was typed is still there."""
    desk = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
    _, confirmed = await desk.enrol((await desk.enter()).secret)
    await browser.enter()
    await browser.post("/entra/codice", "/entra/codice", codice=confirmed.recovery[0])
    pairs = await filled(browser)
    await end(node)
    page = await (await send(browser, NEW, pairs)).text()
    reply = await send(browser, "/entra", changed(form_of(page, "/entra"), nome="anna.verdi", password=PASSWORD))
    half = await reply.text()
    await sign_in.sign_out(node.pool, browser.held())
    reply = await send(browser, "/entra/codice", changed(form_of(half, "/entra/codice"), codice=confirmed.recovery[1]))
    assert (reply.status, typed_in(await reply.text())) == (403, typed_in(page))
    assert "La sessione è finita" in words(await reply.text())


async def test_signing_in_twice_loses_nothing(node: Node, browser: Browser) -> None:
    """Whoever signed in in another tab and then also here: that form is of no session any more, and what it carries stays."""
    pairs = await filled(browser)
    await end(node)
    page = await (await send(browser, NEW, pairs)).text()
    await browser.enter()
    reply = await send(browser, "/entra", changed(form_of(page, "/entra"), nome="anna.verdi", password=PASSWORD))
    assert (reply.status, typed_in(await reply.text())) == (403, typed_in(page))


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "ours", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "ours", "HX-Request": "true"},
        {"Origin": "ours", "Accept": "application/json"},
    ],
)
async def test_what_another_site_sends_is_told_back_to_nobody(
    node: Node, browser: Browser, said: dict[str, str]
) -> None:
    """Neither without a session nor with one: no page of ours ever shows the form that somebody else filled in."""
    pairs = changed(await filled(browser), csrf="0" * 64)
    headers = {**PAGE, **said}
    if headers.get("Origin") == "ours":
        headers["Origin"] = ours(browser)["Origin"]
    for status in (403, 401):
        reply = await send(browser, NEW, pairs, headers)
        page = await reply.text()
        assert (reply.status, "Buono" in page, 'name="conservato"' in page) == (status, False, False)
        await end(node) if status == 403 else None


async def test_what_is_told_back_is_text_and_runs_nothing(node: Node, browser: Browser) -> None:
    """Names and values of every attack of the corpus, as text; the page has no script but the node's own files."""
    fields = [(f"campo {number} {text}", text) for number, text in enumerate(XSS)]
    await end(node)
    reply = await send(browser, NEW, [("csrf", "x"), *fields])
    page = await reply.text()
    assert reply.status == 401
    assert "script-src 'self'" in reply.headers["Content-Security-Policy"]
    assert not re.search(r"<(script(?! src=\"/static/)|img src=x|svg onload|iframe|style|math|b onmouseover)", page)
    assert not re.search(r"<[a-z]+[^<>\"]*(\"[^\"]*\"[^<>\"]*)*\son[a-z]+=", page)
    action, _ = re.findall(r'<form method="post" action="([^"]+)"', page)[:2]
    assert {action} <= {NEW, "/entra"}
    kept = unpack(dict(form_of(page, "/entra"))["conservato"])
    assert kept is not None
    assert len(kept.fields) == len(XSS)


async def test_neither_passwords_nor_codes_are_told_back(node: Node, browser: Browser) -> None:
    """Whatever form they stand in; forms of accounts keep nothing of their own; no address carries what was typed."""
    pairs = [*await filled(browser), ("password", "la mia password"), ("codice", "123456")]
    await end(node)
    page = await (await send(browser, NEW, pairs)).text()
    assert "la mia password" not in page
    assert "123456" not in page
    assert not re.search(r'(href|action|src)="[^"]*(Buono|Olio)', page)
    for path in ("/utente/password", "/utente/fattore", "/esci"):
        reply = await send(browser, path, [("nuova", "la mia password nuova"), ("altro", "parole mie")])
        assert (reply.status, "parole mie" in await reply.text()) == (401, False)
    reply = await send(browser, "/entra", [("csrf", "0" * 64), ("nome", "parole mie")])
    assert (reply.status, "parole mie" in await reply.text()) == (403, False)


def test_every_secret_field_of_a_template_is_among_those_never_kept() -> None:
    """Passwords and one-time codes of any form, found in the templates themselves."""
    found = set()
    for path in TEMPLATES.rglob("*.html"):
        for call in re.findall(r"parts\.field\('([^']+)'([^\n]*)\)", path.read_text()):
            if re.search(r"type='password'|autocomplete='one-time-code'", call[1]):
                found.add(call[0])
    assert {"password", "nuova", "codice"} <= found
    assert found <= typed.NEVER


async def test_files_and_what_is_too_large_are_not_kept_and_that_is_said(node: Node, browser: Browser) -> None:
    """The page says what to do, and leads back to the form; nothing is read of somebody without a session beyond a page's worth."""
    await end(node)
    form = FormData({"csrf": "x", "tutte": "yes"})
    form.add_field("file", b"segreto del file", filename="reti.xlsx")
    reply = await browser.client.post("/ufficio/importa", data=form, headers=ours(browser), allow_redirects=False)
    page = await reply.text()
    assert (reply.status, "segreto del file" in page) == (401, False)
    assert "I file non si conservano" in words(page)
    assert 'name="conservato"' not in page
    odd = {**ours(browser), "Content-Type": "application/x-www-form-urlencoded; charset=utf-7"}
    for body in (b"campo=+2AA-", b"campo=\xff"):
        reply = await browser.client.post(NEW, data=body, headers=odd)
        assert (reply.status, "campo" in await reply.text()) == (401, False)
    large = await send(browser, NEW, [("programma", "x" * (typed.MAX_BYTES + 1))])
    page = await large.text()
    assert (large.status, "xxxx" in page) == (401, False)
    assert "troppo grande per conservarlo" in words(page)


async def test_every_form_of_somebody_s_work_keeps_what_was_typed(node: Node) -> None:
    """All routes that take one, walked without a session: the network's form, the profile's editor, approvals, searches, peers, users."""
    async with browsing(node) as nobody:
        app = nobody.client.app
        assert app is not None
        walked = []
        for route in app.router.routes():
            needed, path = needed_by(route.handler), route.resource.canonical if route.resource else ""
            # What programs send is theirs to send again.
            is_page = not path.startswith("/api/")
            if route.method != "POST" or needed is None or needed.permission in NOBODY_S or not is_page:
                continue
            walked.append(path)
            action = re.sub(r"\{[^}]+\}", "1", path)
            reply = await send(nobody, f"{action}?a=b", [("campo", "parole mie"), ("vai", "salva")])
            page = await reply.text()
            assert reply.status == 401, path
            assert typed_in(page, f"{action}?a=b") == [("campo", "parole mie"), ("vai", "salva")], path
    assert len(walked) > 20
    assert {NEW, "/ufficio/profili/{profile_id}/modifica", "/ufficio/importa/prova"} <= set(walked)


async def test_a_press_is_held_to_the_rights_of_whoever_presses(node: Node, browser: Browser) -> None:
    """Somebody else who signs in on the same browser sees the page and is refused what their role may not do."""
    pairs = await filled(browser)
    await end(node)
    page = await (await send(browser, NEW, pairs)).text()
    await Desk(node.pool, now=node.clock()).person("bruna", Role.ANALYST)
    await browser.enter("bruna")
    reply = await send(browser, NEW, form_of(page, NEW))
    assert (reply.status, "Buono" in await reply.text()) == (403, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        "null",
        '{"action": "//evil.example", "fields": [], "is_whole": true}',
        '{"action": "https://evil.example/", "fields": [], "is_whole": true}',
        '{"action": "javascript:alert(1)", "fields": [], "is_whole": true}',
        '{"action": "/", "fields": [], "is_whole": true}',
        '{"action": 1, "fields": [], "is_whole": true}',
        '{"action": "/a", "fields": [["a"]], "is_whole": true}',
        '{"action": "/a", "fields": [["a", 1]], "is_whole": true}',
        '{"action": "/a", "fields": 7, "is_whole": true}',
        '{"action": "/a", "fields": ["ab", {}], "is_whole": true}',
        "[" * 5000,
    ],
)
def test_what_carries_nothing_of_ours_is_nothing(text: str) -> None:
    """Whatever somebody wrote into that field: no other host, no other shape."""
    assert unpack(text) is None


def test_what_is_packed_is_unpacked() -> None:
    """Order, repeated names and all; what must never be kept falls out on the way too."""
    kept = Typed("/a?b=c", (("x", "1"), ("x", 'due\n«"»'), ("password", ANY)))
    assert unpack(Typed(kept.action, (*kept.fields[:2], ("password", "p"))).packed()) == Typed(
        "/a?b=c", kept.fields[:2]
    )
    assert html.escape(kept.action)
