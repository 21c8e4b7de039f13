"""The administrator's pages: what they show, what they do, and who may neither see nor do it."""

from __future__ import annotations

import base64
import datetime as dt
import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest
from aiohttp import ClientResponse

from node.domain.roles import Permission, Role
from node.flows.people import accounts, own_account
from node.flows.upkeep import audit
from node.flows.upkeep.jobs import Schedule, Turn
from node.runtime import Node
from node.store import origins
from node.store.postgres import acquire
from node.web import app as application
from node.web.pages import admin_frame
from node.web.pages.admin_frame import DESK
from node.web.permission import needed_by
from tests.accounts_made import PASSWORD, Desk
from tests.admin_made import LOUD, fill_logs, session
from tests.tampering import unguarded
from tests.web.test_account_pages import PAGE, Browser, browsing
from tests.web.test_app import node

__all__ = ["node"]
HOME = admin_frame.HOME
PAGES = [path for _, entry in admin_frame.MENU for path in [entry.path]]
ONE = (f"{HOME}/enti/b_FAIL", f"{HOME}/quarantena/x_LIED", f"{HOME}/utenti/nuovo")


def words(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture
async def desk(node: Node) -> Desk:
    """The desk of the node, with logs in every state."""
    await fill_logs(node)
    return Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())


@pytest.fixture
async def browser(node: Node, desk: Desk) -> AsyncIterator[Browser]:
    """The browser of an administrator."""
    async with browsing(node) as browser:
        browser.hold(await session(desk, "capo", Role.ADMINISTRATOR))
        yield browser


async def said(browser: Browser, path: str, status: int = 200) -> str:
    """The words of a page."""
    return words(await browser.get(path, status))


async def account_id(desk: Desk, name: str) -> str:
    """The id of an account."""
    return (await accounts.read(desk.pool, desk.now, name)).account_id


async def follow(browser: Browser, reply: ClientResponse) -> str:
    """The words of the page that a form leads to."""
    assert reply.status == 303, words(await reply.text())
    return await said(browser, reply.headers["Location"])


async def test_every_page_answers_in_both_languages_and_is_kept_by_nobody(browser: Browser) -> None:
    """All of the menu and what lies below: no-store, no inline script, the other language whole; a hostile name is text."""
    for path in (*PAGES, *ONE):
        for language, other in (("it", "Amministrazione"), ("en", "Administration")):
            reply = await browser.client.get(f"{path}?lang={language}", headers=PAGE)
            page = await reply.text()
            assert (reply.status, reply.headers["Cache-Control"]) == (200, "no-store"), path
            assert other in words(page), path
            assert LOUD not in page
            assert "<script>" not in page, path
    assert "Amministrazione" not in words(
        await (await browser.client.get(f"{HOME}/programma?lang=en", headers=PAGE)).text()
    )


async def test_the_overview_says_what_is_wrong_why_what_to_do_and_where(browser: Browser) -> None:
    """Each light that is not green has cause, remedy and link; the lying log is red, the failing one yellow."""
    page = await browser.get(HOME)
    text = words(page)
    assert "Il registro ha firmato due storie diverse: c'è la prova (x_LIED)" in text
    assert "Connessione rifiutata: il nodo è spento o irraggiungibile (b_FAIL)" in text
    assert "«rete peer ping b_FAIL»" in text
    assert f'href="{HOME}/quarantena"' in page
    for card in page.split('<li class="rete-card rete-light')[1:]:
        if "rete-light-success" not in card.split(">")[0]:
            assert card.count("Che fare:") == card.count("Dove guardare") >= 1
    assert "a_WELL" not in text
    english = await said(browser, f"{HOME}?lang=en")
    assert "What to do: hear whoever runs x_LIED" in english


async def test_the_diagnosis_is_what_the_command_says(browser: Browser) -> None:
    """Every check with its code."""
    text = await said(browser, f"{HOME}/diagnosi")
    for code in (
        "database-version",
        "clock-skew",
        "keys",
        "peer-quarantined",
        "peer-stale",
        "audit-end",
        "mail",
        "index",
    ):
        assert code in text, code


async def test_the_board_shows_state_lag_error_and_remedy(browser: Browser, node: Node) -> None:
    """A log behind says by how much; one node's page tells all of it; a name that nobody has is not there."""
    async with acquire(node.pool) as conn:
        await conn.execute("UPDATE log.origin SET checkpoint_size = size + 7 WHERE owner = 'a_WELL'")
    text = await said(browser, f"{HOME}/enti")
    for part in ("a_WELL", "in quarantena", "questo nodo", " 7 ", "Causa: connessione rifiutata", "da un giorno i suoi testimoni tacciono"):  # fmt: skip
        assert part in text, part
    one = await said(browser, f"{HOME}/enti/b_FAIL")
    for part in ("Tentativi falliti di seguito 3", "Prossimo prelievo", "Percorri la strada", "Che fare:"):
        assert part in one, part
    for missing in ("nobody", "p_LE", "p-le.example%2Ffederation%2Flog%2F2026"):
        await browser.get(f"{HOME}/enti/{missing}", 404)


async def test_a_pull_is_asked_for_at_once(browser: Browser, node: Node) -> None:
    """The log is due now, whatever its back-off; one in quarantine stays where it is."""
    reply = await browser.post(f"{HOME}/enti/b_FAIL", f"{HOME}/enti/b_FAIL/preleva")
    assert "Il prelievo comincia" in await follow(browser, reply)
    await browser.post(f"{HOME}/enti/x_LIED", f"{HOME}/enti/x_LIED/preleva")
    async with acquire(node.pool) as conn:
        due = {row.owner: row.next_pull_at for row in await origins.list_origins(conn)}
    assert (due["b_FAIL"], due["x_LIED"]) == (node.clock(), None)


async def test_the_road_to_a_node_ends_with_what_to_do(browser: Browser, node: Node) -> None:
    """Step by step, as the command walks it."""
    async with acquire(node.pool) as conn:
        await conn.execute("UPDATE log.origin SET url = 'http://127.0.0.1:9' WHERE owner = 'b_FAIL'")
    text = await said(browser, f"{HOME}/enti/b_FAIL/strada")
    assert "bene nome : 127.0.0.1" in text
    assert "NO connessione : Connessione rifiutata" in text
    assert "Che fare:" in text


async def test_a_release_asks_for_a_reason_and_stays_written(browser: Browser, node: Node) -> None:
    """On a page of its own; without a reason it is told at the field; then the log is followed, and the chain knows who."""
    page = f"{HOME}/quarantena/x_LIED"
    reply = await browser.post(page, page, motivo="  ")
    text = await reply.text()
    assert (reply.status, 'href="#motivo"' in text) == (400, True)
    reply = await browser.post(page, page, motivo="chiarito al telefono", dimentica="yes")
    after = await follow(browser, reply)
    assert "Nessun nodo è in quarantena." in after
    assert "x_LIED dimenticato e ripreso dall'inizio capo chiarito al telefono" in after
    async with acquire(node.pool) as conn:
        assert (await origins.list_origins(conn, "x_LIED"))[0].state == "new"
    await browser.get(page, 404)
    assert (await audit.verify(node.pool, node.home)).ok
    found = await browser.post(f"{HOME}/verifica", f"{HOME}/verifica", genere="ruling", persona=" Capo ")
    assert "dimenticato e ripreso dall'inizio" in await follow(browser, found)


async def test_the_log_shows_its_public_half_alone(browser: Browser, node: Node) -> None:
    """Size, signature, keys to compare and the card; a fenced log says why and what to do."""
    page = await browser.get(f"{HOME}/registro")
    text = words(page)
    for part in (
        "Voci 6",
        "Voci firmate 6",
        "Segno fuori dalla base dati 6 voci",
        "[[peer]]",
        "firma il registro",
        "Impronta",
        "seal : apre i messaggi sigillati",
        f"{node.keys.seal.public.id} x25519",
    ):
        assert part in text, part
    assert node.keys.seal.mlkem768 is not None
    for key in (*node.keys.signing.values(), node.keys.seal.x25519, node.keys.seal.mlkem768):
        secret = key.private_bytes_raw()
        assert secret.hex() not in page
        assert base64.b64encode(secret).decode() not in page
    async with acquire(node.pool) as conn:
        await origins.set_state(
            conn, node.own.origin_id, "fenced", code="log-fenced", text="un altro server", now=node.clock()
        )
    assert "Causa: un altro server log-fenced" in await said(browser, f"{HOME}/registro")
    assert "log recover" in await said(browser, HOME)


async def test_an_account_is_made_with_a_code_shown_once(browser: Browser, desk: Desk) -> None:
    """What is wrong is told at its field with what was typed kept; the code sets a password, and no page shows it again."""
    page = f"{HOME}/utenti/nuovo"
    reply = await browser.post(page, page, nome="anna.verdi")
    text = await reply.text()
    assert (reply.status, 'href="#ruoli"' in text, 'value="anna.verdi"' in text) == (400, True, True)
    reply = await browser.post(page, page, nome="", ruoli="officer")
    assert (reply.status, 'href="#nome"' in await reply.text()) == (400, True)
    reply = await browser.post(page, page, nome="Anna.Verdi", ruoli="officer")
    text = words(await reply.text())
    assert (reply.status, reply.headers["Cache-Control"]) == (200, "no-store")
    code = re.search(r"Codice (\S+)", text.partition("Pagina da aprire")[2])
    assert code
    made = await account_id(desk, "anna.verdi")
    for path in (f"{HOME}/utenti", f"{HOME}/utenti/{made}"):
        assert code.group(1) not in await said(browser, path)
    await own_account.set_password(
        desk.pool, desk.hasher, desk.settings, desk.now, code=code.group(1), password=PASSWORD
    )
    assert (await desk.enter()).is_whole
    reply = await browser.post(page, page, nome="anna.verdi", ruoli="officer")
    assert (reply.status, 'href="#nome"' in await reply.text()) == (400, True)


async def test_rights_change_and_sessions_end_through_pages_that_ask_again(browser: Browser, desk: Desk) -> None:
    """Roles, sessions, second factor, code, closing and opening: each says what it will do, does it, and says that it is done."""
    held = await session(desk, "bruno", Role.OFFICER)
    _, confirmed = await desk.enrol(held)
    one = f"{HOME}/utenti/{await account_id(desk, 'bruno')}"
    reply = await browser.post(one, f"{one}/ruoli", ruoli="analyst")
    assert "I ruoli sono cambiati" in await follow(browser, reply)
    assert await desk.load(held) is None
    assert (await browser.post(one, f"{one}/ruoli")).status == 400
    assert (await browser.post(one, f"{one}/ruoli", ruoli="king")).status == 400
    await desk.code((await desk.enter("bruno")).secret, confirmed.recovery[0])
    for step, asked, done in (
        ("sessioni", "esce subito da ogni dispositivo", "Le sessioni sono finite."),
        ("fattore", "Accertarsi di persona", "Il secondo fattore è tolto"),
        ("disabilitato", "Non potrà più accedere", "L'utente è disabilitato"),
        ("abilitato", "Potrà accedere di nuovo", "L'utente è abilitato"),
    ):
        assert asked in await said(browser, f"{one}/{step}")
        assert done in await follow(browser, await browser.post(f"{one}/{step}", f"{one}/{step}"))
    found = await accounts.read(desk.pool, desk.now, "bruno")
    assert (found.roles, found.factor_at, found.disabled_at, found.sessions) == (("analyst",), None, None, 0)
    reply = await browser.post(f"{one}/password", f"{one}/password")
    assert (reply.status, "mostrato solo ora" in words(await reply.text())) == (200, True)
    for path in (f"{one}/niente", f"{HOME}/utenti/1", f"{HOME}/utenti/00000000-0000-4000-8000-000000000000"):
        await browser.get(path, 404)
    found = await browser.post(f"{HOME}/verifica", f"{HOME}/verifica", genere="account", persona="capo")
    text = await follow(browser, found)
    assert "utente disabilitato" in text
    assert "sessioni terminate (1) capo bruno" in text


async def test_the_last_administrator_is_not_locked_out(browser: Browser, desk: Desk) -> None:
    """Neither by closing nor by roles; the page says what to do first, and the session goes on."""
    one = f"{HOME}/utenti/{await account_id(desk, 'capo')}"
    for path, fields in ((f"{one}/disabilitato", {}), (f"{one}/ruoli", {"ruoli": "auditor"})):
        reply = await browser.post(one, path, **fields)
        assert (reply.status, "è l'ultimo amministratore" in words(await reply.text())) == (400, True)
    assert (await accounts.read(desk.pool, desk.now, "capo")).roles == ("administrator",)
    await browser.get(HOME)


async def test_a_link_to_the_identity_provider_is_kept_where_there_is_one(node: Node, desk: Desk) -> None:
    """The form is there with [web.oidc] or a link; a name of another account is refused at its field."""
    oidc = replace(node.config.oidc, issuer="https://id.example", client_id="x", client_secret_file="s")  # noqa: S106 - of a test
    async with browsing(node) as browser:
        browser.client.app[DESK].node = replace(node, configured=replace(node.config, oidc=oidc))
        browser.hold(await session(desk, "capo", Role.ADMINISTRATOR))
        await session(desk, "bruno", Role.OFFICER)
        await accounts.link(desk.pool, name="capo", external_name="CPAX", officer="capo")
        browser.hold((await desk.enter("bruno")).secret)
        await desk.set_roles("bruno", [Role.OFFICER])
        one = f"{HOME}/utenti/{await account_id(desk, 'bruno')}"
        await browser.get(one, 403)
        browser.hold(await session(desk, "dora", Role.ADMINISTRATOR))
        reply = await browser.post(one, f"{one}/legame", esterno="CPAX")
        assert (reply.status, 'href="#esterno"' in await reply.text()) == (400, True)
        reply = await browser.post(one, f"{one}/legame", esterno=" BRNX ")
        assert "Nome presso il fornitore di identità BRNX" in await follow(browser, reply)
        await browser.post(one, f"{one}/legame", esterno="")
        assert (await accounts.read(desk.pool, desk.now, "bruno")).external_name is None


async def test_the_chain_is_verified_filtered_and_taken_away(browser: Browser, desk: Desk, node: Node) -> None:
    """A whole one is green with its time; the file is the export; a broken one is red with the place and what to do."""
    reply = await browser.post(f"{HOME}/verifica", f"{HOME}/verifica/controlla")
    assert "Catena intera Verificata 24 novembre 2026, 11:00" in await follow(browser, reply)
    text = await said(browser, f"{HOME}/verifica?genere=account-role")
    assert "ruolo dato (administrator) capo capo" in text
    assert "inizio della catena" not in text.partition("Quando (UTC)")[2]
    for wrong in ("scheda=x", "genere=niente", "prima=-1", "prima=99999999999999999999"):
        assert "Correggere il filtro" in await said(browser, f"{HOME}/verifica?{wrong}", 400)
    sent = await (await browser.client.get(f"{HOME}/verifica/catena.jsonl")).read()
    lines = [orjson.loads(line) for line in sent.splitlines()]
    assert [line["event_id"] for line in lines] == list(range(1, len(lines) + 1))
    await audit.export(desk.pool, node.home / "export.jsonl", force=False)
    assert (node.home / "export.jsonl").read_bytes() == sent
    async with acquire(node.pool) as conn, unguarded(conn):
        await conn.execute("UPDATE audit.event SET document = replace(document, 'capo', 'lupo') WHERE event_id = 2")
    reply = await browser.post(f"{HOME}/verifica", f"{HOME}/verifica/controlla")
    text = await follow(browser, reply)
    assert "CATENA ROTTA" in text
    assert "Non cancellare nulla" in text
    assert "da risolvere" in (await said(browser, HOME)).partition("Catena delle decisioni")[2][:40]


async def test_whose_decisions_are_looked_for_stands_in_no_address(browser: Browser, desk: Desk) -> None:
    """A name is posted; the page that it leads to, its links and its languages say the number of an event of theirs instead."""
    await desk.person("gilda.neri", Role.AUDITOR)
    await accounts.set_roles(desk.pool, name="gilda.neri", roles=[Role.ANALYST], officer="gilda.neri")
    where = f"{HOME}/verifica"
    reply = await browser.post(where, where, persona="Gilda.Neri", genere="account-role")
    assert re.fullmatch(rf"{where}\?genere=account-role&persona=\d+", reply.headers["Location"])
    page = await browser.get(reply.headers["Location"])
    assert 'name="persona" value="gilda.neri"' in page
    assert "ruolo tolto (auditor) gilda.neri" in words(page)
    assert "capo" not in words(page).partition("Di che")[2]
    for link in re.findall(r'(?:href|action|src)="([^"]*)"', page):
        assert "gilda" not in link.lower()
    # From any row to all of the same person's.
    link = re.search(rf'href="({where}\?persona=\d+)">gilda.neri</a>', page)
    assert link
    assert "capo" not in words(await browser.get(link.group(1))).partition("Di che")[2]
    for path in (f"{where}?persona=gilda.neri", f"{where}?persona=1", f"{where}?persona=999999"):
        page = await browser.get(path, 400)
        assert ('href="#persona"' in page, "gilda" in page.partition("<form")[2]) == (True, False)
    reply = await browser.post(where, where, persona="nessuna")
    page = await reply.text()
    assert (reply.status, 'href="#persona"' in page, 'value="nessuna"' in page) == (400, True, True)
    assert (await browser.post(where, where, persona="")).headers["Location"] == where


async def test_events_are_turned_over_page_by_page(browser: Browser, desk: Desk) -> None:
    """Newest first; the link goes on below the last one shown, with the same filters, to the first of all."""
    for _ in range(60):
        await desk.set_roles("capo", [Role.ADMINISTRATOR, Role.AUDITOR])
        await desk.set_roles("capo", [Role.ADMINISTRATOR])
    browser.hold(await _whole(desk))
    seen, path = [], f"{HOME}/verifica?genere=account-role"
    while path:
        page = await browser.get(path)
        seen += [int(found) for found in re.findall(r'<th scope="row">(\d+)</th>', page)]
        more = re.search(r'href="([^"]*prima=\d+)"', page)
        path = html.unescape(more.group(1)) if more else ""
    assert len(seen) == 121
    assert seen == sorted(set(seen), reverse=True)


async def _whole(desk: Desk) -> str:
    desk.wait(minutes=0)
    await accounts.reset_factor(desk.pool, name="capo", officer="capo")
    _, confirmed = await desk.enrol((await desk.enter("capo")).secret)
    return confirmed.began.secret


async def test_the_schedule_tells_what_ran_and_how(node: Node, desk: Desk) -> None:
    """A job that fails again and again is red with its code; one that stands still too; without jobs the page says whose they are."""
    now = node.clock()
    turns = (Turn("due", 60), Turn("index", 6), Turn("tidy", 600))
    turns[0].begin(now)
    turns[0].end(now)
    for _ in range(3):
        turns[1].begin(now)
        turns[1].end(now, "database-unreachable")
    began = Schedule(now - dt.timedelta(hours=2), turns)
    async with browsing(node) as browser:
        browser.hold(await session(desk, "capo", Role.ADMINISTRATOR))
        assert "Qui non gira nessun lavoro" in await said(browser, f"{HOME}/programma")
        browser.client.app[DESK].schedule = lambda: began
        text = await said(browser, f"{HOME}/programma")
        for part in (
            "preleva le novità",
            "un minuto",
            "10 minuti",
            "6 secondi",
            "riuscito",
            "non riuscito database-unreachable",
            "non ancora",
        ):
            assert part in text, part
        overview = await said(browser, HOME)
        assert "Non riesce da 3 turni [database-unreachable]: tiene aggiornato l'indice delle ricerche" in overview
        assert "È fermo: toglie ciò che è scaduto" in overview


async def test_an_auditor_reads_all_and_changes_nothing(node: Node, desk: Desk, browser: Browser) -> None:
    """Every page that reads opens; no form or link that changes is on it; each route that changes refuses."""
    target = await account_id(desk, "capo")
    browser.hold(await session(desk, "rita", Role.AUDITOR))
    for path in (*PAGES, f"{HOME}/enti/b_FAIL", f"{HOME}/utenti/{target}"):
        page = await browser.get(path)
        actions = set(re.findall(r'<form method="post"(?: action="([^"]*)")?', page))
        assert actions <= {"/esci", f"{HOME}/verifica", f"{HOME}/verifica/controlla"}, path
        assert "/nuovo" not in page
    for path in (f"{HOME}/utenti/nuovo", f"{HOME}/utenti/{target}/disabilitato", f"{HOME}/quarantena/x_LIED", f"{HOME}/enti/b_FAIL/strada"):  # fmt: skip
        await browser.get(path, 403)
    for path in (f"{HOME}/utenti/{target}/disabilitato", f"{HOME}/utenti/{target}/ruoli", f"{HOME}/utenti/nuovo", f"{HOME}/enti/b_FAIL/preleva", f"{HOME}/quarantena/x_LIED"):  # fmt: skip
        assert (await browser.post(HOME + "/verifica", path, ruoli="analyst", nome="x", motivo="x")).status == 403, path
    assert (await browser.post(f"{HOME}/verifica", f"{HOME}/verifica/controlla")).status == 303


async def test_everybody_else_sees_nothing_here(node: Node, desk: Desk) -> None:
    """In any other role each page refuses, and the menu does not name it; who is not signed in is sent to do so."""
    async with browsing(node) as browser:
        for path in PAGES:
            await browser.get(path, 303)
        for role in set(Role) - {Role.ADMINISTRATOR, Role.AUDITOR}:
            browser.hold(await session(desk, f"con {role}", role))
            for path in (*PAGES, f"{HOME}/verifica/catena.jsonl"):
                await browser.get(path, 403)
            assert HOME not in await browser.get("/utente")


async def test_a_post_without_this_session_s_token_changes_nothing(browser: Browser, node: Node, desk: Desk) -> None:
    """Every route of these pages that takes a form, walked; and each asks for a right of its own, never for anybody."""
    target = await account_id(desk, "capo")
    kept = {"peer": "x_LIED", "account": target, "step": "disabilitato"}
    posts = 0
    for route in application.build(node).router.routes():
        path = route.resource.canonical if route.resource else ""
        if not path.startswith(HOME):
            continue
        needed = needed_by(route.handler)
        assert needed is not None
        assert needed.permission not in (Permission.PUBLIC, Permission.SIGNED_IN, Permission.OFFICE_READ), path
        if route.method == "POST":
            posts += 1
            reply = await browser.client.post(path.format(**kept), data={"motivo": "x"}, allow_redirects=False)
            assert (reply.status, (await reply.json())["code"]) == (403, "form-not-ours"), path
    assert posts == 11


async def test_a_node_s_page_says_how_the_sealed_post_with_it_stands(browser: Browser, node: Node) -> None:
    """Numbers, the last failure, what was refused this week and why, each with what to do; no word of any message."""
    page = f"{HOME}/enti/b_FAIL"
    assert "Messaggi sigillati" not in await said(browser, page)
    async with acquire(node.pool) as conn:
        await conn.execute("INSERT INTO post.box (peer, sent, received, failures, error_code) VALUES ('b_FAIL', 31, 17, 4, 'signature-unknown-key')")  # fmt: skip
        await conn.execute("INSERT INTO post.outbox VALUES ('b_FAIL', 31, gen_random_uuid(), 1, 'k', 'x', $1)", node.clock())  # fmt: skip
        await conn.execute("INSERT INTO post.refused VALUES ('b_FAIL', 9, 'introduction-forked', $1)", node.clock())
    text = await said(browser, page)
    for part in (
        "Mandati finora 31", "In attesa che li ritiri 1", "Ricevuti finora 17", "non riesce [signature-unknown-key]",
        "mandare il proprio «rete peer card» a chi gestisce b_FAIL", "introduction-forked : 1", "ha ripreso una copia vecchia",
        "non ha la chiave «seal»",
    ):  # fmt: skip
        assert part in text, part
    english = await said(browser, f"{page}?lang=en")
    assert "Sealed messages" in english
    assert "went back to an old copy" in english
