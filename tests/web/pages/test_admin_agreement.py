"""The page of the agreement: what is in force, what waits and what it would change; a signed file is taken, or refused at its field."""

from __future__ import annotations

import datetime as dt
import html
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import orjson
import pytest
from aiohttp import ClientResponse, FormData

from node.domain.roles import Role
from node.protocol import agreement, enrolment
from node.runtime import Node
from node.store import agreement as store
from node.store.postgres import acquire
from node.web.pages.admin_frame import AGREEMENT
from tests.accounts_made import Desk
from tests.admin_made import fill_logs, session
from tests.agreement_said_made import NODES, TERMS, council, raw, signed
from tests.agreement_shown_made import (
    COUNCIL,
    Shown,
    admission,
    fill_agreement,
    in_force,
    members_of,
    placed,
    suspended,
    two_versions,
    under,
)
from tests.web.test_account_pages import PAGE, Browser, browsing

LOUD = "<script>window.xss=1</script>"


def words(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@asynccontextmanager
async def entered(node: Node, *roles: Role, name: str = "capo") -> AsyncIterator[Browser]:
    """The browser of somebody."""
    desk = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
    async with browsing(node) as browser:
        browser.hold(await session(desk, name, *roles))
        yield browser


@pytest.fixture
async def shown(node: Node) -> Shown:
    """A node with everything to see."""
    return await fill_agreement(node)


async def send(browser: Browser, content: bytes | None, page: str = AGREEMENT) -> ClientResponse:
    """Send a file as the page would."""
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', await browser.get(page))
    assert token
    form = FormData({"csrf": token.group(1)})
    if content is not None:
        form.add_field("file", io.BytesIO(content), filename="x.json", content_type="application/json")
    return await browser.client.post(AGREEMENT, data=form, headers=PAGE, allow_redirects=False)


async def test_a_node_of_peer_tables_says_so_and_how_to_go_over(node: Node) -> None:
    """Both ways, by their commands, in both languages; a file has nowhere to go."""
    async with entered(node, Role.ADMINISTRATOR) as browser:
        text = words(await browser.get(AGREEMENT))
        for part in ("tabelle [[peer]]", "«rete join INDIRIZZO»", "«rete agreement init»", "docs/agreement.md"):
            assert part in text, part
        assert "How to go over to the agreement" in words(await browser.get(f"{AGREEMENT}?lang=en"))
        await browser.get("/utente?lang=it")
        reply = await send(browser, b"{}", "/utente")
        assert (reply.status, "non ha un protocollo d'intesa" in words(await reply.text())) == (400, True)
        for path in ("versioni/1", "versioni/1/file", f"proposte/{'0' * 64}", f"richieste/{'0' * 64}/file", "modifiche/file", f"doppie/1/{'0' * 64}/file"):  # fmt: skip
            await browser.get(f"{AGREEMENT}/{path}", 404)


async def test_what_is_in_force_is_shown_whole(node: Node, shown: Shown) -> None:
    """Version, end, words, council with threshold and who signed, members with status, keys and contact, terms, the hash of the PDF."""
    async with entered(node, Role.ADMINISTRATOR) as browser:
        text = words(await browser.get(AGREEMENT))
        document = agreement.parse(two_versions(node)[1])
        for part in (
            "Versione 2",
            "Scade il 20 settembre 2027",
            " ".join(enrolment.words(bytes.fromhex(document.digest))),
            "Servono 3 firme su 4",
            "Servono 2 firme su 3",
            "Numero minimo di reti 6",
            "Testimoni di ogni registro 3; ne bastano 2",
            document.pdf_sha256,
            "BIC Lazio",
            "https://bic-laz.example",
            # As the routine change has it.
            "Recapito nuovo@bic.example",
            "Provincia di Lecce questo nodo",
            "bic-laz.example#http-1",
        ):
            assert part in text, part
        assert text.count("ha firmato") == 3
        english = words(await browser.get(f"{AGREEMENT}?lang=en"))
        assert "3 signatures of 4 are needed" in english
        assert "Versione" not in english


async def test_proposals_are_told_in_plain_words_with_who_signed(node: Node, shown: Shown) -> None:
    """Who enters, which key changes; one has signed and three have not; routine changes by their effect alone."""
    async with entered(node, Role.ADMINISTRATOR) as browser:
        text = words(await browser.get(AGREEMENT))
        for part in ("Entra: Provincia di Arezzo (p_AR)", "Cambia: chiave http di BIC Lazio (bic_LAZ): si aggiunge", "Firme: 1 su 3", "Modifiche ordinarie 2", "Firme: 0 su 2"):  # fmt: skip
            assert part in text, part
        one = words(await browser.get(f"{AGREEMENT}/proposte/{shown.proposal}"))
        ids = {name: agreement.council_keyid(key) for name, key in zip(("uno", "due"), map(public_of, ("uno", "due")), strict=True)}  # fmt: skip
        assert "Cambia: chiave http di BIC Lazio (bic_LAZ): si aggiunge bic-laz.example#http-2" in one
        signed_part, _, missing = one.partition("Mancano")
        assert ids["uno"] in signed_part
        assert ids["due"] in missing
        assert "Da bic_LAZ" in one
        changes = words(await browser.get(f"{AGREEMENT}/proposte/{shown.changes}"))
        assert "Proposta di modifiche ordinarie 2" in changes
        assert "rete agreement sign" in changes


def public_of(name: str) -> bytes:
    """A council key by its name."""
    (found,) = council(name, threshold=1).keys.values()
    return found


async def test_requests_forks_refusals_and_history_stand_there_with_what_to_do(node: Node, shown: Shown) -> None:
    """The words of a request; both documents of a fork; the code of a refusal; each version with what it changed."""
    async with entered(node, Role.ADMINISTRATOR) as browser:
        page = await browser.get(AGREEMENT)
        text = words(page)
        for part in (
            "Provincia di Firenze",
            " ".join(enrolment.words(bytes.fromhex(shown.fingerprint))),
            "Ci sono due versioni 2 diverse",
            "agreement-unsigned",
            "Cambia: testimoni di ogni registro: da 3 a 2",
            "Cambia: numero minimo di reti: da 5 a 6",
            "Modifiche ordinarie Della segreteria, con il consenso di ogni nodo: versione 1",
        ):
            assert part in text, part
        for digest in shown.fork:
            assert f'href="{AGREEMENT}/doppie/2/{digest}/file"' in page
        first = words(await browser.get(f"{AGREEMENT}/versioni/1"))
        assert "Entra: BIC Lazio (bic_LAZ)" in first
        assert "Versione: 1" in first
        assert "Versione 2" in first
        second = words(await browser.get(f"{AGREEMENT}/versioni/2"))
        assert "Cambia: numero minimo di reti: da 5 a 6" in second
        for missing in ("versioni/3", "versioni/0", "versioni/x", "versioni/99999999999", f"proposte/{'0' * 64}", "proposte/x", f"doppie/2/{'0' * 64}/file"):  # fmt: skip
            await browser.get(f"{AGREEMENT}/{missing}", 404)


async def test_papers_are_files_as_they_were_received(node: Node, shown: Shown) -> None:
    """Each comes as an attachment that no browser runs, byte for byte; a proposal with the signatures it has."""
    first, second = two_versions(node)
    async with entered(node, Role.AUDITOR) as browser:
        for path, name in (
            ("versioni/1", "1.root.json"),
            ("versioni/2", "2.root.json"),
            (f"proposte/{shown.proposal}", f"proposta-3-{shown.proposal[:8]}.json"),
            (f"proposte/{shown.changes}", f"modifiche-2-{shown.changes[:8]}.json"),
            (f"richieste/{shown.fingerprint}", f"richiesta-{shown.fingerprint[:8]}.json"),
            (f"doppie/2/{shown.fork[1]}", f"2.root-{shown.fork[1][:8]}.json"),
            ("modifiche", "modifiche-1.json"),
        ):
            reply = await browser.client.get(f"{AGREEMENT}/{path}/file", headers=PAGE)
            assert reply.status == 200, path
            assert reply.headers["Content-Disposition"] == f'attachment; filename="{name}"'
            assert (reply.headers["Cache-Control"], reply.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
            body = await reply.read()
            expected = {"1.root.json": first, "2.root.json": second}.get(name)
            assert body == expected if expected else orjson.loads(body)
            if path == f"proposte/{shown.proposal}":
                assert len(agreement.parse(body).signatures) == 1


@pytest.mark.parametrize(("days", "words_of"), [(61, ""), (60, "scade tra 60 giorni"), (30, "scade tra 30 giorni"), (0, "è scaduto il")])  # fmt: skip
async def test_the_end_is_told_in_time(node: Node, days: int, words_of: str) -> None:
    """Nothing before the sixtieth day, a notice then, an alarm from the thirtieth on, and what follows when it is over."""
    expires = node.clock() + dt.timedelta(days=days)
    await in_force(node, signed(raw(1, nodes=members_of(node), expires=expires), *COUNCIL))
    async with entered(node, Role.ADMINISTRATOR) as browser:
        page = await browser.get(AGREEMENT)
        assert ("Il protocollo d'intesa scade" in words(page) or "Il protocollo d'intesa è scaduto" in words(page)) == bool(words_of)  # fmt: skip
        assert words_of in words(page)
        assert ("alert-danger" in page) == (days <= 30)


async def test_a_node_that_is_suspended_gone_or_not_there_yet_reads_it_on_top(node: Node) -> None:
    """What it means, and who to hear."""
    nodes = members_of(node)
    first = signed(raw(1, nodes=nodes[:1]), *COUNCIL)
    second = signed(raw(2, nodes=suspended(node)), *COUNCIL)
    async with entered(node, Role.ADMINISTRATOR) as browser:
        await in_force(node, first)
        assert "Questo nodo non è ancora tra i membri." in words(await browser.get(AGREEMENT))
        async with acquire(node.pool) as conn:
            await store.insert_document(conn, 2, agreement.parse(second).digest, second, node.clock())
        text = words(await browser.get(AGREEMENT))
        assert "Questo nodo è sospeso dal 23 novembre 2026." in text
        assert "dopo 30 giorni li cancellano" in text


async def test_a_signed_file_is_kept_and_at_the_threshold_it_is_in_force(node: Node) -> None:
    """One signature is kept and told; the same again changes nothing; with three the next version is in force, here and in the process."""
    first, second = two_versions(node)
    await in_force(node, first, second)
    running = placed(node, first, second)
    asked = admission(node)
    async with entered(running, Role.ADMINISTRATOR) as browser:
        for names, done in ((("uno",), "La proposta entra in vigore quando"), (("uno",), "c'era già"), (("due", "tre"), "la nuova versione è in vigore")):  # fmt: skip
            reply = await send(browser, signed(asked, *names))
            assert (reply.status, reply.headers["Location"].partition("?")[0]) == (303, AGREEMENT)
            assert done.lower() in words(await browser.get(reply.headers["Location"])).lower()
        text = words(await browser.get(AGREEMENT))
        assert "Versione 3" in text
        assert "Provincia di Arezzo" in text
        assert (await send(browser, signed(asked, "quattro"))).status == 303
    assert running.agreement is not None
    assert running.agreement.in_force.agreement.version == 3
    assert "p_AR" in running.agreement.membership.members


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "Manca il file"),
        (b"{", "non ha la forma che deve avere"),
        (b"\xff\xfe", "non ha la forma che deve avere"),
        ("unsigned", "nessuna firma valida"),
        ("stranger", "nessuna firma valida"),
        ("old", "è già in vigore"),
        ("fork", "due versioni 2 diverse"),
        ("ahead", "mancano quelle di mezzo"),
    ],
)
async def test_a_file_that_is_not_taken_is_refused_at_its_field(
    node: Node, content: bytes | str | None, said: str
) -> None:
    """The page again with what is wrong on top and at the field, and nothing kept."""
    first, second = two_versions(node)
    await in_force(node, first, second)
    running = placed(node, first, second)
    made = {
        "unsigned": admission(node),
        "stranger": signed(admission(node), "nobody"),
        "old": signed(raw(2, nodes=members_of(node), terms=TERMS), "uno"),
        "fork": signed(raw(2, nodes=members_of(node), terms=TERMS), *COUNCIL),
        "ahead": signed(raw(5, nodes=members_of(node)), *COUNCIL),
    }
    async with entered(running, Role.ADMINISTRATOR) as browser:
        reply = await send(browser, made[content] if isinstance(content, str) else content)
        page = await reply.text()
        assert reply.status == 400
        assert 'href="#file"' in page
        assert 'id="file-error"' in page
        assert said.lower() in words(page).lower(), words(page.partition("errori")[2])[:400]
        assert "Inviare un file firmato" in words(page)
    async with acquire(node.pool) as conn:
        assert await store.count_proposals(conn) == 0


async def test_a_file_larger_than_any_document_is_refused(node: Node) -> None:
    """Before it is read."""
    first, second = two_versions(node)
    await in_force(node, first, second)
    async with entered(placed(node, first, second), Role.ADMINISTRATOR) as browser:
        reply = await send(browser, b" " * (5 * 2**20))
        assert reply.status == 413


async def test_an_auditor_reads_and_nobody_else_comes_in(node: Node, shown: Shown) -> None:
    """No form, and the file refused; officers see neither pages nor files."""
    async with entered(node, Role.AUDITOR) as browser:
        page = await browser.get(AGREEMENT)
        assert "<form" not in page.partition("<main")[2]
        assert (await browser.post("/utente", AGREEMENT)).status == 403
    async with entered(node, Role.OFFICER, Role.APPROVER, name="ugo") as browser:
        for path in (AGREEMENT, f"{AGREEMENT}/versioni/1", f"{AGREEMENT}/versioni/1/file", f"{AGREEMENT}/proposte/{shown.proposal}"):  # fmt: skip
            await browser.get(path, 403)


async def test_what_others_wrote_is_text(node: Node) -> None:
    """A name with markup in it is shown as it is and runs nowhere."""
    lazio = replace(NODES[0], name=f"Ente {LOUD}")
    await in_force(node, signed(raw(1, nodes=(lazio, members_of(node)[1])), *COUNCIL))
    async with entered(node, Role.ADMINISTRATOR) as browser:
        for path in (AGREEMENT, f"{AGREEMENT}/versioni/1"):
            page = await browser.get(path)
            assert LOUD not in page
            assert LOUD in html.unescape(page)


async def test_everybody_reads_which_agreement_is_in_force(node: Node) -> None:
    """Number, end and the document on the page of the federation's state; nothing of it where members are [[peer]] tables."""
    first, second = two_versions(node)
    async with browsing(node) as browser:
        assert "protocollo d'intesa, versione" not in words(await browser.get("/stato"))
    async with browsing(under(node, first, second)) as browser:
        page = await browser.get("/stato")
        assert "versione 2, valido fino al 20 settembre 2027" in words(page)
        assert 'href="/federation/agreement/2.root.json"' in page
        assert "version 2, valid until" in words(await browser.get("/stato?lang=en"))


async def test_everybody_reads_that_this_node_or_another_is_suspended(node: Node) -> None:
    """In words, on the state and among the bodies; a suspended one is neither current nor behind."""
    second = signed(raw(2, nodes=suspended(node)), *COUNCIL)
    async with browsing(under(node, second)) as browser:
        assert "Questo nodo è sospeso dal protocollo d'intesa." in words(await browser.get("/stato"))
    await fill_logs(node)
    async with acquire(node.pool) as conn:
        await conn.execute("UPDATE log.origin SET state = 'suspended' WHERE owner = 'b_FAIL'")
        await conn.execute("DELETE FROM log.origin WHERE owner IN ('c_MUTE')")
    async with browsing(node) as browser:
        page = words(await browser.get("/stato"))
        assert "suspended" not in page
        assert "sospeso" in page
        assert "Questo nodo è sospeso" not in page
        assert "sospeso" in words(await browser.get("/enti"))
