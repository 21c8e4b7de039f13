"""Documents of a network through the pages: in, out, gone; and everything that somebody may try with a file, an address or a role."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
import pytest
from aiohttp import ClientError, ClientResponse, FormData
from networks_made import member, record

from node.domain.roles import Role
from node.flows.registry import documents, keeping
from node.flows.registry.acting import acting
from node.flows.upkeep import audit
from node.runtime import Node
from node.store.audit import Sought
from node.web.pages.office_documents import disposition
from tests import canary
from tests.documents_made import HONEST, HOSTILE, PDF, TEXT
from tests.pages_made import XSS
from tests.register_made import add, form_of, send, signed_in, words
from tests.web.pages.test_office_import import TRY, filled
from tests.web.pages.test_office_import import upload as send_sheet
from tests.web.pages.test_office_register import Markup
from tests.web.test_account_pages import PAGE, Browser, browsing
from tests.web.test_app import node as whole_node

LIST = "/ufficio/reti"
MB = 2**20


@pytest.fixture
def node(whole_node: Node) -> Node:
    """A node where a document has one megabyte at most, and a network two."""
    config = whole_node.config
    return replace(whole_node, configured=replace(config, documents=replace(config.documents, max_mb=1, network_mb=2)))


__all__ = ["whole_node"]


async def token(browser: Browser, network_id: str) -> str:
    """What the forms of a network's page carry."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', await browser.get(f"{LIST}/{network_id}"))
    assert found
    return found.group(1)


async def upload(
    browser: Browser, network_id: str, content: bytes = PDF, name: str = "contratto.pdf", **fields: str
) -> ClientResponse:
    """Send a document as the page would."""
    told = {"titolo": "Contratto firmato", "genere": "contract", "data": "01/03/2026", **fields}
    # Names in UTF-8, as browsers send them.
    form = FormData({"csrf": await token(browser, network_id), **told}, quote_fields=False)
    form.add_field("file", io.BytesIO(content), filename=name, content_type="text/html")
    where = f"{LIST}/{network_id}/documenti"
    return await browser.client.post(where, data=form, headers=PAGE, allow_redirects=False)


async def kept(node: Node, network_id: str) -> list[Any]:
    """The documents of a network."""
    return await documents.list_documents(node.pool, network_id)


def hrefs(page: str) -> list[str]:
    """Where documents are downloaded."""
    return re.findall(r'href="(/ufficio/reti/[^"]+/documenti/[^"]+)"', page)


async def test_a_document_is_attached_listed_downloaded_replaced_and_deleted(node: Node) -> None:
    """Each step told on the page with who did it; what comes back is byte by byte what went in."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        reply = await upload(browser, network_id, name="Società è «nuova».pdf")
        assert (reply.status, reply.headers["Location"]) == (303, f"{LIST}/{network_id}?fatto=documento#documenti")
        page = await browser.get(f"{LIST}/{network_id}?fatto=documento")
        for text in ("Il documento è aggiunto.", "Contratto firmato", "Contratto di rete", "1 marzo 2026", "da anna.verdi", "Documento aggiunto"):  # fmt: skip
            assert text in words(page), text
        (where,) = hrefs(page)
        got = await browser.client.get(where)
        assert (got.status, await got.read(), got.headers["Content-Type"]) == (200, PDF, "application/pdf")
        sent = got.headers["Content-Disposition"]
        assert sent.startswith("attachment; filename=\"Societa e _nuova_.pdf\"; filename*=UTF-8''")
        assert unquote(sent.rpartition("''")[2]) == "Società è «nuova».pdf"
        for header, value in (
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'"),
        ):
            assert got.headers[header] == value
        first = where.rpartition("/")[2]
        assert (
            await upload(browser, network_id, PDF + b"\n", sostituisce=first, titolo="Contratto nuovo")
        ).status == 303
        page = await browser.get(f"{LIST}/{network_id}")
        assert "Versioni precedenti (1)" in words(page)
        newest, before = hrefs(page)
        assert before == where
        assert (await browser.post(f"{LIST}/{network_id}", f"{before}/elimina")).status == 303
        assert [hrefs(await browser.get(f"{LIST}/{network_id}"))] == [[newest]]
        reply = await browser.post(f"{LIST}/{network_id}", f"{newest}/elimina")
        assert reply.headers["Location"] == f"{LIST}/{network_id}?fatto=documento-tolto#documenti"
        page = await browser.get(f"{LIST}/{network_id}")
        assert "Nessun documento." in words(page)
        assert words(page).count("Documento cancellato") == 2
        english = words(await browser.get(f"{LIST}/{network_id}?lang=en"))
        assert all(text in english for text in ("No documents.", "Document replaced", "Add a document"))
    events = await audit.list_events(node.pool, Sought(kind="document"), limit=100)
    assert len(events) == 5
    assert not [event for event in events if "Contratto" in event.document or "pdf" in event.document]


@pytest.mark.parametrize("name", HONEST)
async def test_every_form_is_taken_and_given_back_as_a_file(node: Node, name: str) -> None:
    """Whatever the browser calls it, its content says what it is."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        assert (await upload(browser, network_id, HONEST[name], name)).status == 303
        (where,) = hrefs(await browser.get(f"{LIST}/{network_id}"))
        got = await browser.client.get(where)
        assert (await got.read(), got.headers["Content-Disposition"][:10]) == (HONEST[name], "attachment")


async def test_a_hostile_file_is_refused_on_the_page_and_nothing_typed_is_lost(node: Node) -> None:
    """Of every kind: what is wrong, at its field, what to do; nothing is kept."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        for name, content, code in HOSTILE[::4]:
            reply = await upload(browser, network_id, content, name)
            page = await reply.text()
            assert reply.status == 400, (name, code)
            assert 'href="#file"' in page
            assert 'value="Contratto firmato"' in page
        for fields, field in (
            ({"titolo": " "}, "titolo"),
            ({"genere": "romanzo"}, "genere"),
            ({"data": "31/02/2026"}, "data"),
        ):
            reply = await upload(browser, network_id, **fields)
            assert (reply.status, f'href="#{field}"' in await reply.text()) == (400, True), field
        for name in ("../../etc/passwd", "x" * 200 + ".pdf", "a\u202efdp.exe"):
            assert (await upload(browser, network_id, name=name)).status == 400, name
        missing = await browser.post(f"{LIST}/{network_id}", f"{LIST}/{network_id}/documenti", titolo="x")
        assert (missing.status, "manca il file" in (await missing.text()).lower()) == (400, True)
    assert await kept(node, network_id) == []


async def test_a_wrong_new_version_is_told_at_its_own_form(node: Node) -> None:
    """And the document of before stays as it is."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        await upload(browser, network_id)
        (one,) = await kept(node, network_id)
        reply = await upload(browser, network_id, TEXT, "verbale.pdf", sostituisce=one.document_id)
        page = await reply.text()
        assert (reply.status, f'href="#file-{one.document_id}"' in page) == (400, True)
        again = await upload(browser, network_id)
        assert (again.status, "«Contratto firmato»" in words(await again.text())) == (409, True)
    assert await kept(node, network_id) == [one]


async def test_no_more_is_read_of_a_file_than_may_be_kept(node: Node) -> None:
    """Told by its length before a byte is read, or stopped at the bound when it never said how long it is."""
    network_id = await add(node, record())
    where = f"{LIST}/{network_id}/documenti"
    async with signed_in(node, Role.OFFICER) as browser:
        reply = await upload(browser, network_id, b"a" * (MB + 1), "lungo.txt")
        assert (reply.status, "1 MB" in words(await reply.text())) == (413, True)
        reply = await upload(browser, network_id, b"a" * (2 * MB), "lungo.txt")
        page = words(await reply.text())
        assert (reply.status, "l file ha più di 1 MB" in page, "max_mb" in page) == (413, True, True)
        csrf = await token(browser, network_id)
        given = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal given
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
            while given < 1024 * MB:
                given += MB
                yield b"a" * MB

        headers = {**PAGE, "Content-Type": "multipart/form-data; boundary=x", "X-CSRF-Token": csrf}
        try:
            reply = await browser.client.post(where, data=endless(), headers=headers, allow_redirects=False)
            assert reply.status == 413
        except (ClientError, ConnectionError):
            # The node hung up before it was told the rest.
            pass
        assert given < 1024 * MB
        assert (await upload(browser, network_id, b"a" * MB, "a.txt")).status == 303
        assert (await upload(browser, network_id, b"b" * MB, "b.txt")).status == 303
        reply = await upload(browser, network_id, b"c", "c.txt")
        assert (reply.status, "2 MB in tutto" in words(await reply.text())) == (409, True)
    assert len(await kept(node, network_id)) == 2


async def test_a_document_is_found_by_its_own_network_alone(node: Node) -> None:
    """By the address of another network, of none, or without a form of an id, there is nothing: not to take, nor to delete or replace."""
    one = await add(node, record())
    two = await add(node, record(name="Due", deed_number="2", members=(member(5), member(6))))
    async with signed_in(node, Role.OFFICER) as browser:
        await upload(browser, one)
        (document,) = await kept(node, one)
        nobody = "0" * 8 + "-0000-4000-8000-" + "0" * 12
        for network_id, document_id in (
            (two, document.document_id), (nobody, document.document_id), (one, nobody), (one, "niente"), (one, "..%2f.."),
        ):  # fmt: skip
            where = f"{LIST}/{network_id}/documenti/{document_id}"
            assert (await browser.client.get(where, headers=PAGE)).status == 404, where
            assert (await browser.post(f"{LIST}/{one}", f"{where}/elimina")).status == 404, where
        assert (await upload(browser, two, TEXT, "a.txt", sostituisce=document.document_id)).status == 404
        assert (await browser.post(f"{LIST}/{one}", f"{LIST}/{nobody}/documenti", titolo="x")).status == 404
    assert await kept(node, one) == [document]
    assert await kept(node, two) == []


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.OFFICER, Role.ADMINISTRATOR)])
async def test_each_role_may_do_with_documents_what_the_matrix_says(node: Node, role: Role) -> None:
    """Who reads the register takes documents; nobody but who writes it adds or deletes; to others there is nothing."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        await upload(browser, network_id)
    (document,) = await kept(node, network_id)
    where = f"{LIST}/{network_id}/documenti"
    async with signed_in(node, role, name="bruna") as browser:
        reads = role is Role.APPROVER
        assert (await browser.client.get(f"{where}/{document.document_id}", headers=PAGE)).status == (
            200 if reads else 404
        )
        assert (await browser.post("/utente", where, titolo="x")).status == 404
        assert (await browser.post("/utente", f"{where}/{document.document_id}/elimina")).status == 404
        if reads:
            page = await browser.get(f"{LIST}/{network_id}")
            assert ("Contratto firmato" in words(page), "elimina" in page, "Aggiungere un documento" in page) == (True, False, False)  # fmt: skip
    async with browsing(node) as browser:
        reply = await browser.client.get(f"{where}/{document.document_id}", headers=PAGE, allow_redirects=False)
        assert (reply.status, reply.headers["Location"][:7]) == (303, "/entra?")
    assert await kept(node, network_id) == [document]


async def test_a_form_from_elsewhere_adds_and_deletes_nothing(node: Node) -> None:
    """Without the token of the session, or from another origin."""
    network_id = await add(node, record())
    where = f"{LIST}/{network_id}/documenti"
    async with signed_in(node, Role.OFFICER) as browser:
        await upload(browser, network_id)
        (document,) = await kept(node, network_id)
        form = FormData({"titolo": "x", "genere": "contract"})
        form.add_field("file", io.BytesIO(TEXT), filename="a.txt")
        assert (await browser.client.post(where, data=form, headers=PAGE)).status == 403
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            gone = await browser.post(
                f"{LIST}/{network_id}", f"{where}/{document.document_id}/elimina", headers=headers
            )
            assert gone.status == 403
    assert await kept(node, network_id) == [document]


async def test_titles_and_names_are_words_and_stand_in_no_address_and_no_log(node: Node) -> None:
    """Whatever they are made of; an address holds ids alone."""
    network_id = await add(node, record())
    said, secret = "Statuto di zqsegretissimoqz", "zqsegretissimoqz"
    async with signed_in(node, Role.OFFICER) as browser:
        for at, text in enumerate(XSS):
            name = re.sub(r"[/;\\\x00-\x1f\u202a-\u202e]", "_", f"{at}{text}")[:100] + ".txt"
            reply = await upload(browser, network_id, f"testo {at}".encode(), name, titolo=text)
            assert reply.status == 303, text
        page = await browser.get(f"{LIST}/{network_id}")
        look = Markup()
        look.feed(page)
        assert look.strange == []
        canary.HEARD.forget()
        await upload(browser, network_id, titolo=said)
        await upload(browser, network_id, b"MZ", f"{secret}.pdf", titolo=said)
        assert secret.encode() not in bytes(canary.HEARD.said)
        assert not [
            where
            for where in hrefs(page)
            if not re.fullmatch(r"/ufficio/reti/[0-9a-f-]{36}/documenti/[0-9a-f-]{36}", where)
        ]


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a.pdf", "a.pdf"),
        ('x"; evil="1.pdf', "x__ evil__1.pdf"),
        ("日本.pdf", "__.pdf"),
        ("è%0d%0aSet-Cookie.pdf", "e_0d_0aSet-Cookie.pdf"),
        ("…", "documento"),
    ],
)
def test_the_name_in_the_header_is_one_name(name: str, plain: str) -> None:
    """Nothing of it ends the quotes or the line; programs of today have it whole."""
    sent = disposition(name)
    assert sent.partition("; filename*=")[0] == f'attachment; filename="{plain}"'
    assert unquote(sent.rpartition("''")[2]) == name
    assert sent.isascii()


async def test_the_page_of_a_network_tells_its_history(node: Node) -> None:
    """Who changed which fields, who came in and went out, since when and as what; on the chain's page names of fields and ids alone."""
    members = (member(1, is_reference=True), member(2), member(3, founding=False))
    network_id = await add(node, record(members=members))
    async with signed_in(node, Role.OFFICER) as browser:
        seen = await keeping.read_network(node.pool, network_id)
        at = next(n for n, m in enumerate(seen.record.members) if m.is_reference)
        reply = await browser.post(f"{LIST}/{network_id}", f"{LIST}/{network_id}/uscita", impresa=str(at), visto=seen.seen, uscita="01/05/2020")  # fmt: skip
        assert reply.status == 303
        page = words(await browser.get(f"{LIST}/{network_id}"))
        for text in ("Imprese della rete cambiate", "uscite: Impresa 1 S.r.l.", "impresa di riferimento, fondatrice", "entrata dopo", "1 maggio 2020"):  # fmt: skip
            assert text in page, text
    (event, *_) = await audit.list_events(node.pool, Sought(kind="network", officer="anna.verdi"), limit=9)
    assert "Impresa" not in event.document
    with acting("carla"):
        await add(node, record(name="Altra", deed_number="9", members=(member(7), member(8))))
    async with signed_in(node, Role.AUDITOR, name="bruno") as browser:
        page = words(await browser.get("/amministrazione/verifica?genere=network"))
        for text in (
            "imprese della rete cambiate (imprese uscite: 1)",
            "rete aggiunta al registro",
            "carla",
            network_id,
        ):
            assert text in page.replace("Imprese della", "imprese della"), text


async def test_an_import_of_a_page_tells_who_confirmed_it(node: Node, tmp_path: Path) -> None:
    """One event with counts; the page of a network says that it came by import."""
    async with signed_in(node, Role.OFFICER) as browser:
        assert (await send_sheet(browser, filled(tmp_path))).status == 303
        assert (await send(browser, TRY, form_of(await browser.get(TRY), TRY))).status == 303
        (network,) = (await keeping.find(node.pool, keeping.sought())).networks
        page = words(await browser.get(f"{LIST}/{network['network_id']}"))
        assert all(text in page for text in ("Rete aggiunta al registro", "per importazione", "anna.verdi"))
    (event,) = await audit.list_events(node.pool, Sought(kind="register-import"), limit=9)
    told = orjson.loads(event.document)
    assert (told["officer"], told["added"], told["refused"]) == ("anna.verdi", 1, 1)
    async with signed_in(node, Role.AUDITOR, name="bruno") as browser:
        page = words(await browser.get("/amministrazione/verifica?genere=register-import"))
        assert "importazione nel registro delle reti (reti nuove: 1, righe rifiutate: 1)" in page
