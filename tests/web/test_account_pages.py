"""Signing in through the browser: what the pages do, and what nobody does through them."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from http.cookies import Morsel, SimpleCookie
from pathlib import Path

import pyotp
import pytest
from aiohttp import ClientResponse, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from yarl import URL

from node.domain.roles import Permission, Role
from node.flows.people import accounts
from node.runtime import Node
from node.web import app as application
from node.web import forms, sessions
from node.web.pages import qr
from node.web.pages.frame import place_in
from node.web.permission import USER, needs
from tests.accounts_made import PASSWORD, Desk, cheap_hasher
from tests.web.test_app import node

__all__ = ["node"]
OTHER = "un'altra frase abbastanza lunga"
PAGE = {"Accept": "text/html"}
# A part whose character set lets half a sign through.
HALF_A_SIGN = b'--x\r\nContent-Disposition: form-data; name="csrf"\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n+2AA-\r\n--x--\r\n'  # fmt: skip


class Browser:
    """A client that keeps cookies and copies the token of a page into its forms."""

    def __init__(self, client: TestClient[web.Request, web.Application]) -> None:
        self.client = client

    async def get(self, path: str, status: int = 200) -> str:
        """A page's text."""
        reply = await self.client.get(path, headers=PAGE, allow_redirects=False)
        assert reply.status == status, path
        return await reply.text()

    async def post(self, page: str, path: str, headers: Mapping[str, str] = {}, **fields: str) -> ClientResponse:
        """Send the form of a page as the browser would."""
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', await self.get(page))
        assert found
        return await self.client.post(
            path, data={"csrf": found.group(1), **fields}, headers={**PAGE, **headers}, allow_redirects=False
        )

    async def enter(self, name: str = "anna.verdi", password: str = PASSWORD, back: str = "/") -> ClientResponse:
        """Send the form of sign-in."""
        return await self.post("/entra", "/entra", nome=name, password=password, dopo=back)

    def held(self, name: str = "rete") -> str:
        """What is kept under a cookie's name."""
        return next((c.value for c in self.client.session.cookie_jar if c.key == name), "")

    def hold(self, value: str) -> None:
        """Keep another session's id."""
        self.client.session.cookie_jar.update_cookies(SimpleCookie({"rete": value}), self.client.make_url("/"))


@needs(Permission.REGISTER_READ)
async def _private(request: web.Request) -> web.StreamResponse:
    user = request[USER]
    return web.Response(text=user.name if user else "nobody")


@needs(Permission.PUBLIC)
async def _change(request: web.Request) -> web.StreamResponse:
    return web.Response(text="changed")


def served(node: Node) -> web.Application:
    """The whole application, with hashes that tests can pay and two more routes."""
    app = application.build(node)
    access = app[sessions.ACCESS]
    access.hasher.close()
    app[sessions.ACCESS] = replace(access, hasher=cheap_hasher(), settings=replace(access.settings, pad_s=0))
    app.add_routes([web.get("/ufficio/prova", _private), web.post("/ufficio/prova", _change)])
    return app


@asynccontextmanager
async def browsing(node: Node) -> AsyncIterator[Browser]:
    """A browser of its own, on a process of its own."""
    jar = CookieJar(unsafe=True)
    async with TestClient(TestServer(served(node)), cookie_jar=jar) as client:
        yield Browser(client)


@pytest.fixture
async def browser(node: Node) -> AsyncIterator[Browser]:
    """A browser."""
    async with browsing(node) as browser:
        yield browser


@pytest.fixture
async def desk(node: Node) -> Desk:
    """The desk of the same node, with anna.verdi, an officer."""
    desk = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
    await desk.person()
    return desk


async def test_who_signs_in_comes_back_where_they_wanted_to_go(browser: Browser, desk: Desk) -> None:
    """From a closed page to the form, in, and to the page; out again, and it is closed."""
    reply = await browser.client.get("/ufficio/prova?x=1", headers=PAGE, allow_redirects=False)
    assert reply.headers["Location"] == "/entra?dopo=%2Fufficio%2Fprova%3Fx%3D1"
    assert 'value="/ufficio/prova?x=1"' in await browser.get(reply.headers["Location"])
    reply = await browser.enter(back="/ufficio/prova?x=1")
    assert (reply.status, reply.headers["Location"]) == (303, "/ufficio/prova?x=1")
    assert await browser.get("/ufficio/prova") == "anna.verdi"
    assert "anna.verdi" in await browser.get("/")
    held = browser.held()
    reply = await browser.post("/utente", "/esci")
    assert reply.headers["Location"] == "/entra?fatto=uscita"
    assert browser.held() == ""
    browser.hold(held)
    await browser.get("/ufficio/prova", 303)


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example/x", "/\\evil.example", "javascript:alert(1)"])
async def test_nobody_is_sent_elsewhere_after_signing_in(browser: Browser, desk: Desk, back: str) -> None:
    """Whatever the link or the form said."""
    reply = await browser.client.get("/entra", params={"dopo": back}, headers=PAGE)
    assert 'name="dopo" value="/"' in await reply.text()
    assert (await browser.enter(back=back)).headers["Location"] == "/"


async def test_a_session_s_id_is_new_and_the_old_one_is_worth_nothing(browser: Browser, desk: Desk) -> None:
    """Fixation: neither an id that somebody planted nor that of another session goes on; nor does one of before a change."""
    for planted in ("x" * 43, (await desk.enter()).secret):
        browser.hold(planted)
        if planted.startswith("x"):
            await browser.get("/ufficio/prova", 303)
        else:
            assert (await browser.post("/utente", "/esci")).status == 303
        await browser.enter()
        assert browser.held() not in ("", planted)
        assert await desk.load(planted) is None
        await browser.post("/utente", "/esci")
    await browser.enter()
    before = browser.held()
    reply = await browser.post("/utente", "/utente/password", password=PASSWORD, nuova=OTHER)
    assert reply.headers["Location"] == "/utente?fatto=password"
    assert browser.held() not in ("", before)
    assert await desk.load(before) is None
    assert "Le altre sessioni sono finite" in await browser.get("/utente?fatto=password")


async def test_a_stolen_cookie_is_worth_nothing_once_its_session_ended_in_another_process(
    node: Node, browser: Browser, desk: Desk
) -> None:
    """Two processes of one node: what one ends, the other does not honour at its next request."""
    await browser.enter()
    async with browsing(node) as thief:
        for end in (
            lambda: browser.post("/utente", "/esci"),
            lambda: accounts.set_roles(node.pool, name="anna.verdi", roles=[Role.APPROVER], officer="capo"),
            lambda: accounts.disable(node.pool, node.clock(), name="anna.verdi", officer="capo"),
        ):
            browser.hold("")
            await browser.enter()
            thief.hold(browser.held())
            assert await thief.get("/ufficio/prova") == "anna.verdi"
            await end()
            await thief.get("/ufficio/prova", 303)
        assert (await thief.enter()).status == 401


async def test_a_form_that_is_not_ours_changes_nothing(browser: Browser, desk: Desk) -> None:
    """Without a token, with another session's, from another origin or site; the header of scripts is as good as the field."""
    await browser.enter()
    post = browser.client.post
    for data, headers in (
        ({}, {}),
        ({"csrf": ""}, {}),
        ({"csrf": "0" * 64}, {}),
        ({"csrf": "è"}, {}),
        ({}, {"X-CSRF-Token": "x"}),
        ({"csrf": forms.csrf_of("another session")}, {}),
    ):
        reply = await post("/ufficio/prova", data=data, headers=headers)
        assert (reply.status, (await reply.json())["code"]) == (403, "form-not-ours")
    good = forms.csrf_of(browser.held())
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):  # fmt: skip
        assert (await post("/ufficio/prova", data={"csrf": good}, headers=headers)).status == 403
    own = {"Origin": f"http://{browser.client.host}:{browser.client.port}", "Sec-Fetch-Site": "same-origin"}
    assert (await post("/ufficio/prova", data={"csrf": good}, headers=own)).status == 200
    assert (await post("/ufficio/prova", headers={"X-CSRF-Token": good})).status == 200


async def test_nobody_is_signed_in_by_somebody_else_s_form(node: Node, browser: Browser, desk: Desk) -> None:
    """Sign-in asks for the token of this browser too, which no other browser has."""
    async with browsing(node) as other:
        await other.get("/entra")
        stolen = forms.csrf_of(other.held("rete-form"))
    await browser.get("/entra")
    for csrf in ("", stolen):
        reply = await browser.client.post("/entra", data={"csrf": csrf, "nome": "anna.verdi", "password": PASSWORD})
        assert (reply.status, browser.held()) == (403, "")
    assert (await browser.enter()).status == 303


async def test_a_page_without_a_form_sets_no_cookie_and_programs_are_asked_for_none(browser: Browser) -> None:
    """Visitors hold nothing; the API takes no cookie as proof of anything, and asks for no token."""
    await browser.get("/aiuto")
    assert list(browser.client.session.cookie_jar) == []
    await browser.get("/entra")
    assert [c.key for c in browser.client.session.cookie_jar] == ["rete-form"]
    reply = await browser.client.post("/api/v1/saved-searches", json={"title": "olio", "query": {"q": "olio"}})
    assert reply.status == 201


async def test_guessing_is_told_to_wait_on_the_page(browser: Browser, desk: Desk) -> None:
    """The same words for a name that nobody has; then 429 with the seconds, also for the right password."""
    pages = []
    for name in ("anna.verdi", "nessuno"):
        reply = await browser.enter(name, OTHER)
        assert reply.status == 401
        pages.append(re.sub(r"[0-9a-f]{64}|anna.verdi|nessuno", "", await reply.text()))
    assert pages[0] == pages[1]
    for _ in range(4):
        await browser.enter("anna.verdi", OTHER)
    reply = await browser.enter()
    assert (reply.status, reply.headers["Retry-After"]) == (429, "31")
    assert "Troppi tentativi: riprovare tra 31 secondi" in await reply.text()
    assert OTHER not in await reply.text()


async def test_with_a_second_factor_the_password_alone_opens_nothing(browser: Browser, desk: Desk) -> None:
    """Half a session sees no page of its own; a wrong code is told at its field; the right one opens, once."""
    later = desk.now
    desk.wait(seconds=-60)
    phone, _ = await desk.enrol((await desk.enter()).secret)
    reply = await browser.enter(back="/ufficio/prova")
    assert reply.headers["Location"] == "/entra/codice?dopo=%2Fufficio%2Fprova"
    half = browser.held()
    for path in ("/ufficio/prova", "/utente"):
        await browser.get(path, 303)
    wrong = await browser.post(
        "/entra/codice", "/entra/codice", codice="000000" if phone.at(later) != "000000" else "1"
    )
    assert (wrong.status, 'href="#codice"' in await wrong.text()) == (401, True)
    reply = await browser.post("/entra/codice?dopo=/ufficio/prova", "/entra/codice", codice=phone.at(later), dopo="/ufficio/prova")  # fmt: skip
    assert (reply.status, reply.headers["Location"]) == (303, "/ufficio/prova")
    assert browser.held() != half
    assert await browser.get("/ufficio/prova") == "anna.verdi"
    await browser.post("/utente", "/esci")
    await browser.enter()
    assert (await browser.post("/entra/codice", "/entra/codice", codice=phone.at(later))).status == 401


async def test_an_administrator_registers_a_second_factor_before_anything_else(browser: Browser, desk: Desk) -> None:
    """Sent to the own account from wherever; key and recovery codes are shown once, and the session has a new id."""
    await desk.person("capo", Role.ADMINISTRATOR, Role.OFFICER)
    await browser.enter("capo")
    reply = await browser.client.get("/ufficio/prova", headers=PAGE, allow_redirects=False)
    assert (reply.status, reply.headers["Location"]) == (303, "/utente")
    assert (await browser.client.get("/ufficio/prova", allow_redirects=False)).status == 403
    assert "lo registri qui per poter lavorare" in await browser.get("/utente")
    assert (await browser.post("/utente", "/utente/fattore", password=OTHER)).status == 401
    page = await (await browser.post("/utente", "/utente/fattore", password=PASSWORD)).text()
    key = re.search(r"<dd><code>((?:[A-Z2-7]{4} ?){8})</code></dd>", page)
    assert key
    phone = pyotp.TOTP(key.group(1).replace(" ", ""))
    half = browser.held()
    assert (await browser.post("/utente", "/utente/fattore/conferma", codice="1")).status == 401
    reply = await browser.post("/utente", "/utente/fattore/conferma", codice=phone.at(desk.now))
    # What stands on this page is of the session that goes on.
    assert f'name="csrf" value="{forms.csrf_of(browser.held())}"' in await reply.text()
    codes = re.findall(r"<code>([A-Z2-7-]{19})</code>", await reply.text())
    assert (reply.status, len(codes), reply.headers["Cache-Control"]) == (200, 10, "no-store")
    assert browser.held() != half
    assert await browser.get("/ufficio/prova") == "capo"
    assert "Togli il secondo fattore" not in await browser.get("/utente")
    assert (await browser.post("/utente", "/utente/fattore/togli", password=PASSWORD)).status == 400
    renewed = await browser.post("/utente", "/utente/recupero", password=PASSWORD)
    assert not set(codes) & set(re.findall(r"<code>([A-Z2-7-]{19})</code>", await renewed.text()))


async def test_an_authenticator_s_key_is_drawn_and_written_and_stands_in_no_address_of_ours(
    browser: Browser, desk: Desk
) -> None:
    """The picture is in the page itself, has a name, and says what the link for phones says; nothing of it is fetched."""
    await browser.enter()
    page = await (await browser.post("/utente", "/utente/fattore", password=PASSWORD)).text()
    uri = html.unescape(str(re.search(r'href="(otpauth://[^"]+)"', page)[1]))  # type: ignore[index]
    key = re.search(r"<dd><code>((?:[A-Z2-7]{4} ?){8})</code></dd>", page)
    assert key
    secret = key.group(1).replace(" ", "")
    assert f"secret={secret}&" in uri
    drawn = qr.drawn(uri)
    assert f'viewBox="0 0 {drawn.side} {drawn.side}"' in page
    assert f'<path d="{drawn.path}"' in page
    assert re.search(r'<svg class="rete-qr" role="img" aria-label="Figura da inquadrare [^"]+"', page)
    for link in re.findall(r'(?:href|src|action|data-[a-z]+|hx-[a-z]+)="([^"]*)"', page):
        assert secret not in link or link.startswith("otpauth:")
    assert "style=" not in page.partition("<svg")[2].partition("</svg>")[0]


async def test_whoever_comes_in_by_a_recovery_code_is_told_how_many_are_left(browser: Browser, desk: Desk) -> None:
    """Before anything else, with the way on; when few are left that stands on the own page until there are new ones."""
    _, confirmed = await desk.enrol((await desk.enter()).secret)
    for number, code in enumerate(confirmed.recovery[:8], 1):
        await browser.enter(back="/ufficio/prova")
        reply = await browser.post(
            "/entra/codice?dopo=/ufficio/prova", "/entra/codice", codice=code, dopo="/ufficio/prova"
        )
        assert reply.headers["Location"] == "/utente?fatto=recupero&dopo=%2Fufficio%2Fprova"
        page = await browser.get(reply.headers["Location"])
        assert f"Codici di recupero rimasti: {10 - number}." in page
        assert 'href="/ufficio/prova"' in page
        assert ("stanno per finire" in page) == (number >= 7)
        assert 'href="/"' in (await browser.get("/utente?fatto=recupero&dopo=//evil.example"))
        await browser.post("/utente", "/esci")
        desk.wait(minutes=2)
    await browser.enter()
    await browser.post("/entra/codice", "/entra/codice", codice=confirmed.recovery[8])
    page = await browser.get("/utente")
    assert ("rimasti: 1" in page, "stanno per finire" in page, "che ora non vale più" in page) == (True, True, False)
    await browser.post("/utente", "/utente/recupero", password=PASSWORD)
    assert "stanno per finire" not in await browser.get("/utente")


async def test_a_password_is_set_with_a_code_and_refused_at_its_field(browser: Browser, desk: Desk) -> None:
    """A bad code and a bad password are told each at its place; then it is done, and the form of sign-in says so."""
    made = await accounts.create(desk.pool, desk.settings, desk.now, name="nuova", roles=[Role.ANALYST], officer="capo")
    for code, password, field in (("X", PASSWORD, "codice"), (made.code, "corta", "nuova")):
        reply = await browser.post("/entra/password", "/entra/password", codice=code, nuova=password)
        assert (reply.status, f'href="#{field}"' in await reply.text()) == (400, True)
    reply = await browser.post("/entra/password", "/entra/password", codice=made.code, nuova=PASSWORD)
    assert reply.headers["Location"] == "/entra?fatto=nuova"
    assert "ora si può accedere" in await browser.get("/entra?fatto=nuova")
    assert (await browser.enter("nuova")).status == 303
    assert (await browser.client.get("/ufficio/prova", headers=PAGE)).status == 403


async def test_people_see_and_end_their_own_sessions(browser: Browser, desk: Desk) -> None:
    """Another's is not there."""
    await browser.enter()
    other = await desk.session((await desk.enter()).secret)
    await desk.person("bruno")
    foreign = await desk.session((await desk.enter("bruno")).secret)
    assert f"/utente/sessioni/{other.session_id}" in await browser.get("/utente")
    assert (await browser.post("/utente", f"/utente/sessioni/{foreign.session_id}")).status == 404
    reply = await browser.post("/utente", f"/utente/sessioni/{other.session_id}")
    assert reply.headers["Location"] == "/utente?fatto=sessione"
    assert other.session_id not in await browser.get("/utente")


async def test_pages_of_somebody_s_own_are_kept_by_nobody(browser: Browser, desk: Desk) -> None:
    """Neither by the browser nor by what stands between; in both languages."""
    await browser.enter()
    for path in ("/utente", "/", "/utente?lang=en"):
        reply = await browser.client.get(path, headers=PAGE)
        assert reply.headers["Cache-Control"] == "no-store"
    assert "My account" in await reply.text()


async def test_in_production_cookies_travel_by_https_alone_and_are_this_host_s(node: Node, desk: Desk) -> None:
    """The __Host- prefix, Secure, HttpOnly, SameSite=Lax, no domain; and only the public origin posts."""
    config = replace(node.config, node=replace(node.config.node, environment="production"))
    async with TestClient(TestServer(served(replace(node, configured=config)))) as client:
        page = await client.get("/entra", headers=PAGE)
        form: Morsel[str] = SimpleCookie(page.headers["Set-Cookie"])["__Host-rete-form"]
        sent = {"csrf": forms.csrf_of(form.value), "nome": "anna.verdi", "password": PASSWORD}
        cookie = {"Cookie": f"__Host-rete-form={form.value}"}
        here = f"http://{client.host}:{client.port}"
        assert (await client.post("/entra", data=sent, headers={**cookie, "Origin": here})).status == 403
        reply = await client.post(
            "/entra", data=sent, headers={**cookie, "Origin": "https://127.0.0.1:8441"}, allow_redirects=False
        )
        assert reply.status == 303
        for made in (form, SimpleCookie(reply.headers["Set-Cookie"])["__Host-rete"]):
            assert (made["secure"], made["httponly"], made["samesite"], made["path"], made["domain"]) == (True, True, "Lax", "/", "")  # fmt: skip
        assert len(reply.headers.getall("Set-Cookie")) == 1


async def test_a_secret_of_a_page_is_in_no_log(browser: Browser, desk: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:  # fmt: skip
    """Neither passwords, ids, codes nor who tried stand in what the process says."""
    await browser.enter("persona.ignota", OTHER)
    await browser.enter()
    held = browser.held()
    await browser.post("/utente", "/utente/password", password=PASSWORD, nuova=OTHER)
    said = "".join(capsys.readouterr())
    assert "sign_in.passed" in said
    for secret in (PASSWORD, OTHER, held, browser.held(), "persona.ignota", "127.0.0.1:"):
        assert secret not in said


async def test_what_is_no_form_and_no_cookie_is_the_caller_s_mistake(browser: Browser) -> None:
    """Bytes that are no text, a character set nobody knows, a cookie beyond ASCII: refused or overlooked, never a failure of ours."""
    await browser.get("/entra")
    kept = {"Accept": "text/html", "Origin": str(browser.client.make_url("/")).rstrip("/")}
    for kind, body, status, code in (
        ("application/x-www-form-urlencoded; charset=martian", b"a=b", 400, "request-malformed"),
        ("application/x-www-form-urlencoded; charset=utf-7", b"csrf=+2AA-", 400, "request-malformed"),
        ("application/x-www-form-urlencoded; charset=latin-1", b"a=b", 400, "request-malformed"),
        ("multipart/form-data; boundary=x", HALF_A_SIGN, 400, "request-malformed"),
        ("application/x-www-form-urlencoded", b"csrf=\xff\xfe", 400, "request-malformed"),
        ("multipart/form-data", b"x", 400, "request-malformed"),
        # What reads as a form and holds no token, or another one, is a form that is not ours.
        ("application/x-www-form-urlencoded", b"csrf=", 403, "form-not-ours"),
        ("application/x-www-form-urlencoded", b"", 403, "form-not-ours"),
        ("text/plain", b"csrf=x", 403, "form-not-ours"),
    ):
        reply = await browser.client.post("/entra", data=body, headers={**kept, "Content-Type": kind})
        assert (reply.status, f"<code>{code}</code>" in await reply.text()) == (status, True), kind
    reply = await browser.client.get("/", headers={"Accept": "text/html", "Cookie": "rete=\xe9\xe9"})
    assert reply.status == 200


def test_no_link_of_a_page_leads_to_another_host() -> None:
    """An address with two strokes, as whoever sends a link may write it: the same page in English is on this node."""
    sent = URL.build(path="//evil.example/x", query_string="q=a", encoded=True)
    asked = make_mocked_request("GET", "/").clone(rel_url=sent)
    assert place_in(asked, "en") == "/evil.example/x?q=a&lang=en"
