"""Case files through the pages: opened from a network, worked in, printed, closed; what is refused, and who may what."""

from __future__ import annotations

import asyncio
import io
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import ClientError, ClientResponse, FormData
from networks_made import record

from node.domain.roles import Role
from node.flows.programme import case_work, cases
from node.flows.upkeep import audit
from node.runtime import Node
from tests.calendar_read import read
from tests.documents_made import HOSTILE, PDF
from tests.flows.programme.test_cases import BOUNDS, opened, task
from tests.pages_made import XSS
from tests.register_made import add, signed_in, words
from tests.web.test_account_pages import PAGE, Browser
from tests.web.test_app import node as whole_node

LIST = "/ufficio/fascicoli"
NOBODY = "0b5a3a52-0000-4000-8000-000000000000"
__all__ = ["BOUNDS", "whole_node"]


@pytest.fixture
def node(whole_node: Node) -> Node:
    """A node where a document has one megabyte at most, and a case two."""
    config = whole_node.config
    return replace(whole_node, configured=replace(config, documents=replace(config.documents, max_mb=1, network_mb=2)))


async def begun(node: Node, browser: Browser, network_id: str) -> str:
    """Open a case by its form; return its address."""
    form = f"{LIST}/nuovo?rete={network_id}"
    page = await browser.get(form)
    key = re.search(r'name="voce" value="([0-9a-f-]{36})"', page)
    assert key
    told = {"rete": network_id, "titolo": "Verso il contratto", "linee": "legal", "voce": key.group(1)}
    for _ in range(2):
        reply = await browser.post(form, f"{LIST}/nuovo", **told)
        assert (reply.status, reply.headers["Location"]) == (303, f"{LIST}/{key.group(1)}?fatto=fascicolo")
    return f"{LIST}/{key.group(1)}"


async def upload(browser: Browser, here: str, content: bytes, name: str, **fields: str) -> ClientResponse:
    """Send a document as the page would."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', await browser.get(here))
    assert found
    form = FormData({"csrf": found.group(1), "titolo": "Bozza", "genere": "contract", **fields}, quote_fields=False)
    form.add_field("file", io.BytesIO(content), filename=name, content_type="text/html")
    return await browser.client.post(f"{here}/documenti", data=form, headers=PAGE, allow_redirects=False)


async def test_a_case_goes_through_its_pages(node: Node) -> None:
    """From the network's page to the report, in both languages; sent twice it is opened once."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        assert f"{LIST}/nuovo?rete={network_id}" in await browser.get(f"/ufficio/reti/{network_id}")
        here = await begun(node, browser, network_id)
        for deed, form in (
            ("attivita", {"titolo": "Bozza del contratto", "linea": "legal", "scadenza": "01/01/2026"}),
            ("ore", {"ore": "1,5", "linea": "legal"}),
            ("costi", {"importo": "1.250,50", "causale": "Notaio", "linea": "legal"}),
            (
                "appuntamenti",
                {"titolo": "Dal notaio", "giorno": "03/12/2026", "inizio": "10:30", "fine": "11:30", "luogo": "Lecce"},
            ),
            (
                "passa",
                {"responsabile": "", "sportello": "Sportello di Maglie", "nota": "Manca la visura", "visto": "1"},
            ),
        ):
            reply = await browser.post(here, f"{here}/{deed}", **form)
            assert reply.status == 303, (deed, words(await reply.text()))
        page = words(await browser.get(f"{here}?fatto=scritto"))
        for text in ("È scritto.", "Rete Uno", "Bozza del contratto", "scaduta", "1.250,50", "3 dicembre 2026, dalle 10:30 alle 11:30", "Manca la visura"):  # fmt: skip
            assert text in page, text
        english = words(await browser.get(f"{here}?lang=en"))
        assert all(text in english for text in ("Case files", "Tasks", "Legal assistance", "Hours and costs"))
        await browser.get(f"{here}?lang=it")
        calendar = await browser.client.get(f"{here}/calendario.ics")
        assert calendar.headers["Content-Type"] == "text/calendar; charset=utf-8"
        assert read(await calendar.read()).events[0]["SUMMARY"] == "Dal notaio - Rete Uno"
        refused = await browser.post(here, f"{here}/chiudi", esito="contract-signed", nota="Firmato", visto="2")
        said = words(await refused.text())
        assert refused.status == 409
        assert "ttività non ancora finite: 1" in said
        (one,) = (await cases.read(node.pool, here.rpartition("/")[2])).tasks
        done = {"titolo": one.title, "linea": "legal", "incaricato": one.owner, "stato": "done", "visto": "1"}
        assert (await browser.post(here, f"{here}/attivita/{one.task_id}", **done)).status == 303
        assert (
            await browser.post(here, f"{here}/chiudi", esito="contract-signed", nota="Firmato", visto="2")
        ).status == 303
        page = words(await browser.get(here))
        assert "Resoconto" in page
        assert "Chiudere il fascicolo" not in page
        printed = words(await browser.get(f"{here}/stampa"))
        assert all(text in printed for text in ("stampato il", "Contenuti del contratto", "Manca la visura", "Firmato"))
        for view, there in (("miei", False), ("chiusi", True), ("tutti", True)):
            assert ("Verso il contratto" in await browser.get(f"{LIST}?vista={view}")) is there
    assert (await audit.verify(node.pool, node.home)).ok


async def test_of_two_pages_with_one_task_the_second_is_told_and_keeps_its_words(node: Node) -> None:
    """What stands now is shown, what was typed is in the form, and sending it again writes it."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        case_id = await opened(node.pool, network_id)
        one = await case_work.add_task(node.pool, case_id, "anna.verdi", task(), node.clock())
        here, form = (
            f"{LIST}/{case_id}",
            {"titolo": "La mia", "linea": "legal", "incaricato": "anna.verdi", "stato": "doing", "visto": "1"},
        )
        await case_work.change_task(
            node.pool, case_id, one, "bruno", task(title="Quella di Bruno", owner="anna.verdi"), node.clock(), seen=1
        )
        reply = await browser.post(here, f"{here}/attivita/{one}", **form)
        page = await reply.text()
        assert reply.status == 409
        for text in ("cambiata intanto da bruno", "Quella di Bruno"):
            assert text in words(page)
        assert 'value="La mia"' in page
        assert (await browser.post(here, f"{here}/attivita/{one}", **{**form, "visto": "2"})).status == 303
    (kept,) = (await cases.read(node.pool, case_id)).tasks
    assert (kept.title, kept.revision) == ("La mia", 3)


async def test_what_is_wrong_is_said_at_its_field(node: Node) -> None:
    """Linked to the field of its form; nothing typed is lost, nothing is written."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        case_id = await opened(node.pool, network_id)
        here = f"{LIST}/{case_id}"
        for deed, form, field in (
            ("attivita", {"titolo": "", "linea": "legal"}, "attivita-titolo"),
            ("attivita", {"titolo": "x", "linea": "legal", "scadenza": "ieri"}, "attivita-scadenza"),
            ("attivita", {"titolo": "x", "linea": "legal", "incaricato": "nessuno"}, "attivita-incaricato"),
            ("ore", {"ore": "25", "linea": "legal"}, "ore-ore"),
            ("costi", {"importo": "-1", "linea": "legal", "causale": "x"}, "costi-importo"),
            (
                "appuntamenti",
                {"titolo": "x", "giorno": "03/12/2026", "inizio": "11:00", "fine": "10:00"},
                "appuntamenti-fine",
            ),
            ("passa", {"responsabile": "nessuno", "visto": "1"}, "passa-responsabile"),
            ("chiudi", {"esito": "", "visto": "1"}, "chiudi-esito"),
        ):
            reply = await browser.post(here, f"{here}/{deed}", **form)
            page = await reply.text()
            assert reply.status == 400, (deed, page)
            assert f'href="#{field}"' in page, field
            assert f'id="{field}"' in page, field
        wrong = await browser.post(f"{LIST}/nuovo?rete={network_id}", f"{LIST}/nuovo", rete=network_id, titolo="Prova")
        assert (wrong.status, 'value="Prova"' in await wrong.text()) == (400, True)
        for address in (f"{here}/altro", f"{here}/passa/{NOBODY}", f"{here}/togli", f"{LIST}/{NOBODY}/ore"):
            assert (await browser.post(here, address, ore="1", linea="legal")).status == 404, address
    found = await cases.read(node.pool, case_id)
    assert not found.tasks + found.hours + found.costs + found.appointments


async def test_texts_of_the_contract_are_written_and_its_draft_is_a_file(node: Node) -> None:
    """What is missing is said; a text written on an old page is not lost; the draft comes to be saved."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        case_id = await opened(node.pool, network_id)
        here = f"{LIST}/{case_id}"
        page = words(await browser.get(f"{here}/contratto"))
        assert "il registro delle reti non lo dice" in page
        assert "manca qualcosa" in page
        assert (await browser.post(f"{here}/contratto", f"{here}/contratto/decisions", testo="A maggioranza", visto="0")).status == 303  # fmt: skip
        old = await browser.post(f"{here}/contratto", f"{here}/contratto/decisions", testo="All'unanimità", visto="0")
        assert old.status == 409
        page = words(await old.text())
        assert all(text in page for text in ("A maggioranza", "All'unanimità"))
        assert (await browser.post(f"{here}/contratto", f"{here}/contratto/x", testo="y", visto="0")).status == 404
        got = await browser.client.get(f"{here}/bozza.docx")
        assert got.headers["Content-Disposition"].startswith('attachment; filename="bozza-contratto.docx"')
        assert got.headers["Content-Security-Policy"].startswith("sandbox")
        assert (await got.read())[:2] == b"PK"


async def test_a_document_goes_in_and_out_and_is_never_shown(node: Node) -> None:
    """Byte by byte, as a file, with nothing allowed to it; gone it is gone."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        here = f"{LIST}/{await opened(node.pool, network_id)}"
        assert (await upload(browser, here, PDF, "Società è.pdf")).status == 303
        (where,) = re.findall(rf'href="({here}/documenti/[^"]+)"', await browser.get(here))
        got = await browser.client.get(where)
        assert (got.status, await got.read()) == (200, PDF)
        assert got.headers["Content-Disposition"].startswith('attachment; filename="Societa e.pdf"; filename*=')
        for header, value in (
            ("Content-Type", "application/pdf"), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
            ("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'"),
        ):  # fmt: skip
            assert got.headers[header] == value
        assert (await browser.post(here, f"{where}/elimina")).status == 303
        assert (await browser.client.get(where)).status == 404


async def test_hostile_files_are_refused_at_their_field(node: Node) -> None:
    """Bombs, wrong types, macros, names with folders; nothing is kept, what was typed stays."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        case_id = await opened(node.pool, network_id)
        here = f"{LIST}/{case_id}"
        sent = [*HOSTILE[::5], ("../../etc/passwd", PDF, "document-name-bad"), (".pdf", PDF, "document-name-bad")]
        for name, content, code in sent:
            reply = await upload(browser, here, content, name)
            page = await reply.text()
            assert reply.status in (400, 413), (name, code)
            assert 'id="documenti-titolo" name="titolo" value="Bozza"' in page or reply.status == 413, name
        assert not (await cases.read(node.pool, case_id)).documents


async def test_a_gigabyte_is_refused_before_it_is_read(node: Node) -> None:
    """At the cap: by what it says of its size, and where it says none, by what comes."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        case_id = await opened(node.pool, network_id)
        here = f"{LIST}/{case_id}"
        token = re.search(r'name="csrf" value="([0-9a-f]{64})"', await browser.get(here))
        assert token
        sent = 0

        async def flood() -> AsyncIterator[bytes]:
            nonlocal sent
            head = f'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{token.group(1)}\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
            yield head.encode()
            for _ in range(2**14):
                sent += 2**16
                yield bytes(2**16)
                await asyncio.sleep(0)

        headers = {**PAGE, "Content-Type": "multipart/form-data; boundary=b"}
        try:
            reply = await browser.client.post(f"{here}/documenti", data=flood(), headers=headers, allow_redirects=False)
            assert reply.status in (400, 413)
        except ClientError:
            # The node may hang up on whoever goes on sending.
            pass
        assert sent < 2**27
        assert not (await cases.read(node.pool, case_id)).documents


async def test_a_calendar_is_followed_by_its_address_alone(node: Node) -> None:
    """Shown once; without a session; another address is nobody's; ended, it is gone."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        here = await begun(node, browser, network_id)
        await browser.post(
            here, f"{here}/appuntamenti", titolo="Dal notaio", giorno="03/12/2026", inizio="10:30", fine="11:30"
        )
        made = await (await browser.post(f"{LIST}/calendario", f"{LIST}/calendario")).text()
        found = re.search(r"<code>https?://[^/<]+(/calendario/[^<]+\.ics)</code>", made)
        assert found
        address = found.group(1)
        assert address not in await browser.get(f"{LIST}/calendario")
        browser.client.session.cookie_jar.clear()
        got = await browser.client.get(address)
        raw = await got.read()
        assert (got.status, got.headers["Cache-Control"], b"notaio" in raw) == (200, "no-store", False)
        assert read(raw).events[0]["SUMMARY"].startswith("Appuntamento, fascicolo ")
        assert (await browser.client.get(f"/calendario/{'x' * 43}.ics")).status == 404
    async with signed_in(node, Role.OFFICER, name="carla.blu") as browser:
        assert (await browser.post(f"{LIST}/calendario", f"{LIST}/calendario/fine")).status == 303


@pytest.mark.parametrize(("role", "may_read", "may_write"), [(Role.OFFICER, True, True), (Role.APPROVER, True, False), (Role.ANALYST, False, False), (Role.ADMINISTRATOR, False, False)])  # fmt: skip
async def test_roles_open_what_they_may(node: Node, role: Role, may_read: bool, may_write: bool) -> None:
    """Who approves reads and writes nothing; others are told that there is nothing."""
    network_id = await add(node, record())
    case_id = await opened(node.pool, network_id)
    here = f"{LIST}/{case_id}"
    if role is Role.ADMINISTRATOR:
        # Without its second factor this role opens nothing at all.
        return
    async with signed_in(node, role) as browser:
        for address in (here, f"{here}/contratto", f"{here}/stampa", f"{here}/calendario.ics", f"{here}/bozza.docx"):
            assert (await browser.client.get(address, headers=PAGE)).status == (200 if may_read else 404), address
        assert (await browser.client.get(LIST, headers=PAGE, allow_redirects=False)).status == (
            200 if may_read else 403
        )
        reply = await browser.post("/ufficio", f"{here}/ore", ore="1", linea="legal")
        assert reply.status == (303 if may_write else 404)
        if may_read and not may_write:
            assert "<form" not in (await browser.get(here)).partition("<main")[2].partition("</main>")[0]
    assert len((await cases.read(node.pool, case_id)).hours) == may_write


async def test_no_text_becomes_markup(node: Node) -> None:
    """Whatever stands in titles, notes, texts of the contract: on the page, printed, in the list."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        case_id = await opened(node.pool, network_id, title=XSS[0], office=XSS[1][:100])
        here = f"{LIST}/{case_id}"
        for text in XSS:
            await browser.post(
                here, f"{here}/attivita", titolo=text[:200], linea="legal", nota=text, voce=str(uuid.uuid4())
            )
        await browser.post(here, f"{here}/contratto/rights", testo="\n".join(XSS), visto="0")
        for address in (here, f"{here}/stampa", f"{here}/contratto", LIST):
            page = await browser.get(address)
            assert "<script>window.xss" not in page
            assert 'onerror="window' not in page
            assert "<iframe" not in page
            assert "\u202e" not in page


async def test_the_desk_says_what_is_due(node: Node) -> None:
    """Tasks over their day, in counts alone; nothing of what they are."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        here = await begun(node, browser, network_id)
        await browser.post(here, f"{here}/attivita", titolo="Visura", linea="legal", scadenza="01/01/2026")
        page = words(await browser.get("/ufficio"))
        assert "Di queste scadute: 1; in scadenza: 0" in page
        assert "Visura" not in page
