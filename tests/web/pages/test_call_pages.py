"""A joint call in pages: kept, endorsed, applied to, judged blindly, ranked by two people; nothing for whoever has not the right."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiohttp import ClientResponse, CookieJar, FormData
from aiohttp.test_utils import TestClient, TestServer

from node.domain.roles import Role
from tests import canary
from tests.accounts_made import PASSWORD, Desk
from tests.call_offices_made import CLOSES, OPENS, PDF, Issuers, issuers, make_call_template
from tests.calls_made import WEIGHTS, call_document
from tests.documents_made import MACROS
from tests.web.pages.test_office_profiles import words
from tests.web.test_account_pages import Browser, served

PEOPLE = {
    "anna": (Role.OFFICER,), "bruno": (Role.OFFICER,), "carla": (Role.EVALUATOR,), "elena": (Role.EVALUATOR,), "gina": (Role.ANALYST,),
}  # fmt: skip


@dataclass
class Pages:
    """Everybody's browser at the Province, and both issuers."""

    two: Issuers
    people: dict[str, Browser]

    def __getitem__(self, name: str) -> Browser:
        return self.people[name]

    async def enter(self) -> None:
        """Everybody signs in, again after time has passed."""
        for name, browser in self.people.items():
            browser.client.session.cookie_jar.clear()
            assert (await browser.enter(name, PASSWORD)).status == 303

    async def send(self, name: str, page: str, path: str, **fields: str | tuple[str, bytes]) -> ClientResponse:
        """Send a form with files."""
        browser = self[name]
        token = re.search(r'name="csrf" value="([0-9a-f]{64})"', await browser.get(page))
        assert token
        form = FormData({"csrf": token.group(1)}, quote_fields=False)
        for key, value in fields.items():
            if isinstance(value, str):
                form.add_field(key.replace("_", "-"), value)
            else:
                form.add_field(
                    key.replace("_", "-"), value[1], filename=value[0], content_type="application/octet-stream"
                )
        return await browser.client.post(path, data=form, headers={"Accept": "text/html"}, allow_redirects=False)


@pytest.fixture(scope="session")
def called(server: str) -> str:
    """A database with four networks of Lecce."""
    return asyncio.run(make_call_template(server, "rete_calls_paged", 4))


@pytest.fixture
async def pages(server: str, called: str, tmp_path: Path) -> AsyncIterator[Pages]:
    """The Province's people, each in a browser of their own."""
    async with issuers(server, called, tmp_path) as two:
        node = two.province.town.node
        desk = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
        with canary.HEARD.in_office():
            async with TestServer(served(node)) as server_:
                people = {}
                for name, roles in PEOPLE.items():
                    await desk.person(name, *roles)
                    people[name] = Browser(TestClient(server_, cookie_jar=CookieJar(unsafe=True)))
                found = Pages(two, people)
                await found.enter()
                yield found
                for browser in people.values():
                    await browser.client.session.close()


async def test_a_call_goes_through_its_pages(pages: Pages) -> None:
    """From the file of its text to the ranking that everybody reads, in both languages."""
    two, ident = pages.two, str(uuid.uuid4())
    document = call_document(id=ident, opens=OPENS, closes=CLOSES)
    one = f"/ufficio/bandi/{ident}"
    bad = await pages.send("anna", "/ufficio/bandi", "/ufficio/bandi", file=("bando.json", b"{}"))
    assert (bad.status, "Non va ancora bene" in await bad.text()) == (400, True)
    kept = await pages.send("anna", "/ufficio/bandi", "/ufficio/bandi", file=("b.json", json.dumps(document).encode()))
    assert (kept.status, kept.headers["Location"]) == (303, f"{one}?fatto=tenuto")
    text = await pages["bruno"].get(one)
    digest = text.partition('name="impronta" value="')[2][:64]
    assert (await pages["bruno"].post(one, f"{one}/approva", impronta="0" * 64)).status == 400
    assert "lo approva un altro funzionario" in words(await pages["anna"].get(one))
    own = await pages["anna"].post(one, f"{one}/approva", impronta=digest)
    assert (own.status, "serve un secondo funzionario" in words(await own.text())) == (400, True)
    assert (await pages["bruno"].post(one, f"{one}/approva", impronta=digest)).status == 303
    assert "non ancora approvato da tutti" in words(await pages["gina"].get(f"/bandi/{ident}"))
    await two.meet()
    await two.chamber.endorse(await two.chamber.adopt(ident))
    await two.meet()
    assert "aperto" in words(await pages["gina"].get("/bandi"))
    assert "open" in words(await pages["gina"].get(f"/bandi/{ident}?lang=en"))
    application = await _apply(pages, one)
    two.clock.forward(days=1)
    await pages.enter()
    await _judge(pages, application)
    await _rank(pages, one, ident)


async def _apply(pages: Pages, one: str) -> str:
    network = pages.two.province.networks[0]
    fields = {"rete": network, "importo": "10.000", "imprese": "01234567890; 10000"}
    for file, said in ((("a.docm", MACROS), "non si ricevono"), (("../a.pdf", PDF), "nome")):
        refused = await pages.send(
            "anna", f"{one}/domanda", f"{one}/domanda", **fields, genere_1="contract", file_1=file
        )
        assert refused.status == 400, said
        # What was typed stays.
        assert "01234567890; 10000" in await refused.text()
    done = await pages.send(
        "anna", f"{one}/domanda", f"{one}/domanda", **fields, genere_1="contract", file_1=("a.pdf", PDF)
    )
    assert done.status == 303
    again = await pages.send("anna", f"{one}/domanda", f"{one}/domanda", **fields)
    assert "la rete ha già una domanda in questo bando" in words(await pages["anna"].get(again.headers["Location"]))
    here = done.headers["Location"]
    text = await pages["anna"].get(here)
    path = re.search(r'href="([^"]+/allegati/[^"]+)"', text)
    assert path
    reply = await pages["anna"].client.get(path.group(1))
    assert reply.headers["Content-Disposition"].startswith("attachment")
    assert (await reply.read(), reply.headers["Content-Security-Policy"][:7]) == (PDF, "sandbox")
    assert (await pages["anna"].post(here, f"{here}/affida", valutatori="carla\nelena")).status == 303
    return here.rpartition("/")[2]


async def _judge(pages: Pages, application: str) -> None:
    mine, office = f"/ufficio/valutazioni/{application}", f"/ufficio/domande/{application}"
    for number, name in enumerate(("carla", "elena")):
        text = await pages[name].get(mine)
        assert "conflitto di interessi" in words(text)
        assert "allegati" not in text
        assert (await pages[name].post(mine, f"{mine}/dichiara", conflitto="")).status == 400
        assert (await pages[name].post(mine, f"{mine}/dichiara", conflitto="no")).status == 303
        text = await pages[name].get(mine)
        assert "Imprese" not in text or "allegati" in text
        points = {f"punti-{code}": str(9 - number) for code in WEIGHTS} | {
            f"perche-{code}": f"perché {name}" for code in WEIGHTS
        }
        short = await pages[name].post(mine, f"{mine}/punti", **{**points, "punti-innovation": "11"})
        assert (short.status, f"perché {name}" in await short.text()) == (400, True)
        assert (await pages[name].post(mine, f"{mine}/punti", **points)).status == 303
        assert ("perché carla" in await pages[name].get(mine)) == (name == "carla" or number == 1)
        assert ("perché carla" in await pages["anna"].get(office)) == (number == 1)
    assert "valutata" in words(await pages["carla"].get("/ufficio/valutazioni"))


async def _rank(pages: Pages, one: str, ident: str) -> None:
    two, province = pages.two, pages.two.province
    early = await pages["anna"].post(one, f"{one}/graduatoria")
    assert (early.status, "Mancano le schede di cciaa_le" in words(await early.text())) == (400, True)
    sheets = await two.chamber.export(ident, province)
    assert (await pages.send("anna", one, f"{one}/schede", file=("schede.json", sheets))).status == 303
    ours = await pages["anna"].client.get(f"{one}/schede/cciaa_le")
    assert (await two.chamber.take(ident, await ours.read()))[1] == 2
    assert (await pages["anna"].post(one, f"{one}/graduatoria")).status == 303
    text = await pages["anna"].get(one)
    assert "La pubblica un altro funzionario." in words(text)
    digest = re.search(r"<code>([0-9a-f]{64})</code></p>", text)
    assert digest
    assert (await pages["anna"].post(one, f"{one}/pubblica", impronta=digest.group(1))).status == 400
    assert (await pages["bruno"].post(one, f"{one}/pubblica", impronta=digest.group(1))).status == 303
    await two.meet()
    await two.chamber.publish(ident, (await two.chamber.rank(ident)).digest)
    await two.meet()
    shown = words(await pages["gina"].get(f"/bandi/{ident}"))
    assert "Pubblicata uguale, byte per byte, da tutti gli enti" in shown
    assert "p_LE 2026-000001" in shown
    assert "la rete ha già una domanda in questo bando" in shown


async def test_nobody_without_the_right_reads_or_writes(pages: Pages) -> None:
    """An analyst sees no call of the office, an officer scores nothing, an evaluator sees what is theirs alone."""
    call = await pages.two.issued()
    application = (await pages.two.province.apply(call.call_id, 0)).application_id
    await pages.two.province.assign([application], "elena")
    one = f"/ufficio/bandi/{call.call_id}"
    await pages["gina"].get("/ufficio/bandi", 403)
    await pages["gina"].get(one, 404)
    await pages["carla"].get(f"/ufficio/domande/{application}", 404)
    await pages["carla"].get(f"/ufficio/valutazioni/{application}", 404)
    await pages["anna"].get(f"/ufficio/valutazioni/{application}", 404)
    await pages["elena"].get(f"/ufficio/valutazioni/{application}")
    await pages["anna"].get(f"/ufficio/bandi/{uuid.uuid4()}", 404)
    await pages["anna"].get("/ufficio/bandi/x", 404)
    await pages["gina"].get("/bandi/x", 404)
    large = await pages.send("anna", "/ufficio/bandi", "/ufficio/bandi", file=("grande.json", b" " * 100_000))
    assert large.status == 400
    for form in ("ritira", "concedi"):
        reply = await pages["anna"].post(f"/ufficio/domande/{application}", f"/ufficio/domande/{application}/{form}")
        assert reply.status == 400
    done = await pages["anna"].post(
        f"/ufficio/domande/{application}", f"/ufficio/domande/{application}/ritira", **{"per-sempre": "yes"}
    )
    assert done.status == 303
    assert (await pages["anna"].post(one, f"{one}/ritira")).status == 400
    assert (await pages["anna"].post(one, f"{one}/ritira", **{"per-sempre": "yes"})).status == 303
    assert "non ancora approvato da tutti" in words(await pages["gina"].get("/bandi"))


async def test_a_gigabyte_is_refused_before_it_is_read(pages: Pages) -> None:
    """By its length alone, and while it streams: no more is read than may be kept."""
    call = await pages.two.issued()
    page = f"/ufficio/bandi/{call.call_id}/domanda"
    browser = pages["anna"]
    told = {"Content-Type": "multipart/form-data; boundary=x", "Accept": "text/html"}
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file-1"; filename="a.pdf"\r\n\r\n%PDF-1.4\n'
        while sent < 2**30:
            sent += 2**20
            yield bytes(2**20)

    try:
        reply = await browser.client.post(page, data=endless(), headers=told, allow_redirects=False)
        assert reply.status in (400, 413)
    except (ConnectionError, OSError):
        # The server closed before all was sent.
        pass
    assert sent < 300 * 2**20
