"""The register's pages: what officers do there, and what nobody else sees."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import orjson
import pytest
from networks_made import code, firm, member, record

from node.domain.roles import Role
from node.flows.registry import intake, keeping
from node.flows.upkeep import audit
from node.runtime import Node
from node.store.spreadsheet import read_sheets
from tests.pages_made import XSS
from tests.register_made import add, changed, form_of, send, signed_in, words
from tests.web.test_account_pages import PAGE, browsing
from tests.web.test_app import node

__all__ = ["node"]


class Markup(HTMLParser):
    """Looks for what no page of ours has."""

    def __init__(self) -> None:
        super().__init__()
        self.strange: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a stranger's element."""
        given = dict(attrs)
        ours = (given.get("src") or "").startswith("/static/")
        elsewhere = any((given.get(name) or "").startswith("javascript:") for name in ("href", "action"))
        if (
            tag in ("iframe", "style", "math", "b")
            or (tag in ("script", "img") and not ours)
            or any(name.startswith("on") for name in given)
            or elsewhere
        ):
            self.strange.append(self.get_starttag_text() or tag)


LIST = "/ufficio/reti"
PRIVATE = ("Rete Uno", "studio notarile", "b@example.org", code(1), "Impresa 1 S.r.l.")


async def test_a_list_of_the_register_leads_to_each_network(node: Node) -> None:
    """Whole, with its firms and their history; the approver sees the same and no way to change it."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        assert f'href="{LIST}/{network_id}"' in await browser.get(LIST)
        page = await browser.get(f"{LIST}/{network_id}")
        for text in (*PRIVATE, "Annotare l'uscita", "15 marzo 2013", "10.000,00", "Nessuna scheda."):
            assert text in words(page), text
        assert (await browser.client.get(LIST, headers=PAGE)).headers["Cache-Control"] == "no-store"
        english = await browser.get(f"{LIST}/{network_id}?lang=en")
        assert "Register of networks" in words(english)
    async with signed_in(node, Role.APPROVER, name="bruna") as browser:
        page = await browser.get(f"{LIST}/{network_id}")
        assert "Rete Uno" in words(page)
        assert "modifica" not in page
        await browser.get(f"{LIST}/{network_id}/modifica", 404)
        await browser.get(f"{LIST}/nuova", 403)
        await browser.get("/ufficio/importa", 403)


@pytest.mark.parametrize("role", [Role.EVALUATOR, Role.TRAINER, Role.ADMINISTRATOR, Role.AUDITOR, Role.ANALYST])
async def test_a_role_without_the_right_sees_nothing_of_the_register(node: Node, role: Role) -> None:
    """No page, no table, no object: what is there and what is not are refused alike."""
    network_id = await add(node, record())
    async with signed_in(node, role) as browser:
        paths = ("/ufficio", LIST, f"{LIST}/{network_id}", f"{LIST}/{network_id}/modifica", "/ufficio/importa/prova")
        said = [await (await browser.client.get(path, headers=PAGE)).text() for path in paths]
        if role is not Role.ADMINISTRATOR:
            await browser.get(LIST, 403)
            there = await browser.client.get(f"{LIST}/{network_id}", headers=PAGE)
            missing = await browser.client.get(f"{LIST}/{'0' * 8}-0000-4000-8000-{'0' * 12}", headers=PAGE)
            assert there.status == missing.status == 404
            assert words(await there.text())[:80] == words(await missing.text())[:80]
            for action in (LIST, f"{LIST}/{network_id}/uscita", f"{LIST}/nuova", "/ufficio/importa"):
                assert (await browser.post("/utente", action, formato="csv")).status in (403, 404), action
    assert [text for text in PRIVATE if any(text in page for page in said)] == []


async def test_who_has_not_signed_in_is_asked_to(node: Node) -> None:
    """At any address of this form, whether there is a network or not."""
    async with browsing(node) as browser:
        for path in (LIST, f"{LIST}/niente", f"{LIST}/niente/modifica", "/ufficio"):
            reply = await browser.client.get(path, headers=PAGE, allow_redirects=False)
            assert (reply.status, reply.headers["Location"][:7]) == (303, "/entra?"), path


async def test_what_is_searched_for_is_in_no_address(node: Node) -> None:
    """Words are posted; the next page comes after an id; filters stay while pages turn."""
    for number in range(1, keeping.PAGE + 3):
        members = tuple(member(n, firm=firm(n, tax_code="")) for n in (10 * number, 10 * number + 1))
        await add(node, record(name=f"Rete Olio {number:03}", deed_number=str(number), members=members))
    async with signed_in(node, Role.OFFICER) as browser:
        page = await browser.get(LIST)
        reply = await send(browser, LIST, changed(form_of(page, LIST), q="olio", stato="registered"))
        first = await reply.text()
        assert "Rete Olio 050" in first
        assert "Rete Olio 051" not in first
        after = re.search(r'name="dopo" value="([^"]+)"', first)
        assert after
        second = await (await send(browser, LIST, changed(form_of(first, LIST), dopo=after.group(1)))).text()
        assert ("Rete Olio 050" in second, "Rete Olio 051" in second) == (False, True)
        assert 'value="olio"' in second
        assert not re.findall(r'(?:href|action)="[^"]*(?:Olio|olio)[^"]*"', first + second)
        nothing = await (await send(browser, LIST, changed(form_of(page, LIST), q="xyz"))).text()
        assert "Nessuna rete trovata." in words(nothing)


async def test_tables_are_the_list_and_the_whole_ones_come_back_by_import(node: Node, tmp_path: Path) -> None:
    """CSV and XLSX of what was found; in the template's layout each network whole."""
    await add(node, record(name="=2+3"))
    await add(node, record(name="Altra", deed_number="9", members=(member(3), member(4))))
    async with signed_in(node, Role.OFFICER) as browser:
        form = form_of(await browser.get(LIST), LIST)
        reply = await send(browser, LIST, changed(form, formato="csv"))
        assert (reply.content_type, reply.headers["Cache-Control"]) == ("text/csv", "no-store")
        rows = list(csv.DictReader(io.StringIO(await reply.text())))
        assert [(row["name"], row["members"], row["province"]) for row in rows] == [
            ("'=2+3", "2", "LE"),
            ("Altra", "2", "LE"),
        ]
        file = tmp_path / "reti.xlsx"
        file.write_bytes(await (await send(browser, LIST, changed(form, formato="xlsx", q="altra"))).read())
        assert [row[1] for row in read_sheets(file)["reti"]] == ["name", "Altra"]
        whole = await (await send(browser, LIST, changed(form, formato="modello"))).read()
    found = intake.read_upload(whole, "reti.xlsx", node.config)
    plan = await intake.import_networks(node.pool, found, node.clock(), apply=False)
    assert (len(plan.new), len(plan.changed), plan.unchanged, plan.refused) == (0, 0, 2, 0)


async def test_a_register_that_leaves_as_a_file_is_told_with_who_took_it(node: Node) -> None:
    """Once for each table, in its form and with how many; neither which networks nor what was searched for; the list alone is none."""
    await add(node, record(name="Rete Particolare"))
    async with signed_in(node, Role.OFFICER) as browser:
        form = form_of(await browser.get(LIST), LIST)
        for wanted, words_ in (
            ("csv", ""),
            ("xlsx", "particolare"),
            ("modello", ""),
            ("csv", "nessuna così"),
            ("", ""),
        ):
            assert (await send(browser, LIST, changed(form, formato=wanted, q=words_))).status == 200
    async with signed_in(node, Role.APPROVER, name="bruno") as browser:
        await send(browser, LIST, changed(form_of(await browser.get(LIST), LIST), formato="csv"))
    async with node.pool.acquire() as conn:
        rows = await conn.fetch("SELECT document FROM audit.event WHERE kind = 'register-exported' ORDER BY event_id")
    told = [orjson.loads(row["document"]) for row in rows]
    assert [(e["officer"], e["form"], e["count"]) for e in told] == [
        ("anna.verdi", "csv", 1),
        ("anna.verdi", "xlsx", 1),
        ("anna.verdi", "template", 1),
        ("anna.verdi", "csv", 0),
        ("bruno", "csv", 1),
    ]
    assert "articolare" not in str(told)
    # Under the mark of the chain, as every decision.
    mark = orjson.loads((node.home / audit.MARK).read_bytes())
    async with node.pool.acquire() as conn:
        assert (
            await conn.fetchval("SELECT kind FROM audit.event WHERE event_id = $1", mark["event_id"])
            == "register-exported"
        )
    assert (await audit.verify(node.pool, node.home)).ok


async def test_the_end_of_a_membership_is_noted_or_refused_at_its_field(node: Node) -> None:
    """A wrong day stays in its field; below two firms nothing is written."""
    network_id = await add(node, record(members=(*record().members, member(3))))
    here, action = f"{LIST}/{network_id}", f"{LIST}/{network_id}/uscita"
    async with signed_in(node, Role.OFFICER) as browser:
        form = form_of(await browser.get(here), action)
        reply = await send(browser, action, changed(form, uscita="32/13/2020"))
        assert reply.status == 400
        page = await reply.text()
        assert 'href="#uscita-0"' in page
        assert 'value="32/13/2020"' in page
        reply = await send(browser, action, changed(form, uscita="01/05/2020"))
        assert (reply.status, reply.headers["Location"]) == (303, f"{here}?fatto=uscita")
        page = await browser.get(reply.headers["Location"])
        assert "1 maggio 2020" in words(page)
        reply = await send(browser, action, changed(form, uscita="02/05/2020"))
        assert "un'altra persona ha cambiato la rete" in words(await reply.text()).lower()
        form = form_of(page, action)
        reply = await send(browser, action, changed(form, uscita="02/05/2020"))
        assert (reply.status, "almeno due imprese" in await reply.text()) == (400, True)


async def test_a_form_of_another_place_changes_nothing(node: Node) -> None:
    """Without the session's token, and with another site's origin."""
    network_id = await add(node, record())
    async with signed_in(node, Role.OFFICER) as browser:
        for action in (
            LIST,
            f"{LIST}/nuova",
            f"{LIST}/controlla",
            f"{LIST}/{network_id}/modifica",
            f"{LIST}/{network_id}/uscita",
            "/ufficio/importa",
            "/ufficio/importa/prova",
        ):
            assert (await send(browser, action, [("vai", "salva")])).status == 403, action
            reply = await browser.post("/utente", action, headers={"Origin": "https://evil.example"}, vai="salva")
            assert reply.status == 403, action


async def test_texts_of_the_register_are_no_markup(node: Node) -> None:
    """Whatever somebody typed into it, on every page that shows it."""
    ids = [
        await add(node, record(name=text[:200], object_text=text, notary=text, deed_number=str(n)))
        for n, text in enumerate(XSS, 1)
    ]
    async with signed_in(node, Role.OFFICER) as browser:
        for path in (LIST, *(f"{LIST}/{i}" for i in ids), *(f"{LIST}/{i}/modifica" for i in ids)):
            page = await browser.get(path)
            looked = Markup()
            looked.feed(page)
            assert looked.strange == [], path
