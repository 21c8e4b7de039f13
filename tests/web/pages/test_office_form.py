"""The form in steps: nothing typed is lost, and what is written is what a file would have written."""

from __future__ import annotations

import pytest
from networks_made import code, record

from node.domain.roles import Role
from node.flows.registry import keeping
from node.runtime import Node
from node.store.registry import Sought
from tests.register_made import Pairs, add, changed, form_of, send, signed_in, words
from tests.web.test_account_pages import Browser
from tests.web.test_app import node

__all__ = ["node"]
NEW = "/ufficio/reti/nuova"


async def step(browser: Browser, pairs: Pairs, to: str, action: str = NEW, status: int = 200) -> tuple[str, Pairs]:
    """Press a button of the form; the next page and its form."""
    reply = await send(browser, action, [*pairs, ("vai", to)])
    assert reply.status == status, words(await reply.text())
    page = await reply.text()
    return page, form_of(page, action)


async def filled(browser: Browser) -> Pairs:
    """The first step, filled."""
    return changed(
        form_of(await browser.get(NEW), NEW),
        rete="Rete dell'olio", oggetto="Olio\r\ncertificato", data_atto="15/03/2026", obiettivi="esportare\r\ncertificare | marchio",
        lingue="IT, en", paesi_obiettivo="AL", fabbisogni_voce_1="distribution", fabbisogni_testo_1="Nord: Europa",
        contatti="una persona; ruolo; posta@example.org; 0",
    )  # fmt: skip


FIRMS = {
    "impresa_1": "Prima S.r.l.", "codice_fiscale_1": code(1), "provincia_1": "le", "comune_1": "lecce", "riferimento_1": "sì",
    "impresa_2": "Seconda S.r.l.", "codice_fiscale_2": code(2), "provincia_2": "BA", "conferimento_2": "1.234,50",
}  # fmt: skip


async def test_a_network_comes_in_step_by_step(node: Node) -> None:
    """Network, firms, a last look that shows it all, and in; back and forth nothing is lost."""
    async with signed_in(node, Role.OFFICER) as browser:
        page, form = await step(browser, await filled(browser), "imprese")
        assert "2. Le imprese" in words(page)
        page, form = await step(browser, changed(form, **FIRMS), "aggiungi")
        assert ('id="impresa-4"' in page, 'value="Prima S.r.l."' in page) == (True, True)
        page, back = await step(browser, form, "rete")
        assert 'value="Rete dell&#39;olio"' in page
        page, form = await step(browser, back, "imprese")
        assert 'value="Seconda S.r.l."' in page
        page, form = await step(browser, form, "controllo")
        for text in (
            "Rete dell'olio",
            "15 marzo 2026",
            "Prima S.r.l.",
            "Lecce (LE)",
            "1.234,50",
            "Distribuzione: Nord: Europa",
            "inglese",
            "Albania",
        ):
            assert text in words(page), text
        reply = await send(browser, NEW, [*form, ("vai", "salva")])
        assert reply.status == 303
        page = await browser.get(reply.headers["Location"])
        assert "La rete è nel registro." in words(page)
    found = (await keeping.find(node.pool, Sought())).networks
    kept = (await keeping.read_network(node.pool, found[0]["network_id"])).record
    assert (kept.object_text, kept.objectives) == ("Olio\ncertificato", ("esportare", "certificare / marchio"))
    assert (kept.languages, [m.is_reference for m in kept.members]) == (("it", "en"), [True, False])


async def test_what_is_wrong_stands_on_top_with_links_to_its_fields(node: Node) -> None:
    """In the step where it is, everything typed still there, also what is wrong."""
    async with signed_in(node, Role.OFFICER) as browser:
        form = await filled(browser)
        page, _ = await step(browser, changed(form, rete="", data_atto="boh"), "imprese", status=400)
        assert ('href="#rete"' in page, 'href="#data-atto"' in page, 'value="boh"' in page) == (True, True, True)
        assert 'aria-invalid="true"' in page
        assert "<title>Errore" in page
        _, form = await step(browser, form, "imprese")
        page, form = await step(browser, changed(form, **FIRMS | {"provincia_2": "ZZ"}), "controllo", status=400)
        assert "Impresa 2, Provincia: provincia sconosciuta" in words(page)
        assert 'href="#provincia-2"' in page
        page, _ = await step(browser, changed(form, rete="", provincia_2="BA"), "salva", status=400)
        assert "1. La rete" in words(page)
    assert (await keeping.find(node.pool, Sought())).networks == ()


async def test_a_network_that_is_there_is_led_to(node: Node) -> None:
    """Instead of being written twice."""
    network_id = await add(node, record(status="drafting", deed_register_number=""))
    async with signed_in(node, Role.OFFICER) as browser:
        form = changed(await filled(browser), rete="RETE UNO", **FIRMS)
        page, _ = await step(browser, form, "salva", status=400)
        assert f'href="/ufficio/reti/{network_id}"' in page
        assert "il registro ha già una rete" in words(page)


async def test_the_second_officer_is_told_what_the_first_did_and_keeps_their_own(node: Node) -> None:
    """And when they save knowing it, theirs counts."""
    network_id = await add(node, record())
    action = f"/ufficio/reti/{network_id}/modifica"
    async with signed_in(node, Role.OFFICER) as anna, signed_in(node, Role.OFFICER, name="bruna") as bruna:
        first, second = form_of(await anna.get(action), action), form_of(await bruna.get(action), action)
        assert (await send(anna, action, changed(first, notaio="di Anna", vai="salva"))).status == 303
        reply = await send(bruna, action, changed(second, sede="Gallipoli", vai="salva"))
        page = await reply.text()
        assert reply.status == 409
        assert "di Anna" in words(page)
        assert "Gallipoli" in words(page)
        assert (await keeping.read_network(node.pool, network_id)).record.notary == "di Anna"
        reply = await send(bruna, action, [*form_of(page, action), ("vai", "salva")])
        assert reply.status == 303
    kept = (await keeping.read_network(node.pool, network_id)).record
    assert (kept.seat_municipality, kept.notary) == ("Gallipoli", "studio notarile")


async def test_an_unchanged_form_changes_nothing(node: Node) -> None:
    """Each field of a whole record survives its way through the browser."""
    network_id = await add(node, record())
    action = f"/ufficio/reti/{network_id}/modifica"
    async with signed_in(node, Role.OFFICER) as browser:
        form = form_of(await browser.get(action), action)
        for to in ("imprese", "controllo"):
            _, form = await step(browser, form, to, action)
        assert (await send(browser, action, [*form, ("vai", "salva")])).status == 303
    assert (await keeping.read_network(node.pool, network_id)).record.digest() == record().digest()


@pytest.mark.parametrize(
    ("at", "fields", "said"),
    [
        ("rete", {"data_atto": "32/1/2020"}, "Data atto: data non valida"),
        ("rete", {"rete": "x", "oggetto": "y", "stato": "iscritta"}, ""),
        ("rete", {"rete": "x", "oggetto": "y", "stato": "iscritta", "repertorio": "1"}, "Repertorio: una rete iscritta ha repertorio"),
        ("imprese", {"impresa_1": "P", "provincia_1": "QQ"}, "Impresa 1, Provincia: provincia sconosciuta"),
        ("imprese", {"impresa_1": "P", "codice_fiscale_1": "123"}, "Impresa 1, Codice fiscale: codice fiscale non valido"),
    ],
)  # fmt: skip
async def test_while_somebody_types_only_what_they_typed_is_judged(
    node: Node, at: str, fields: dict[str, str], said: str
) -> None:
    """A wrong cell at once, an empty one not yet; nothing is written and nothing of the register asked."""
    async with signed_in(node, Role.OFFICER) as browser:
        form = changed(form_of(await browser.get(NEW), NEW), passo=at, **fields)
        reply = await send(browser, "/ufficio/reti/controlla", form)
        assert reply.status == 200
        text = words(await reply.text())
        assert (said in text) if said else text == ""


async def test_as_many_firms_as_the_largest_network_has(node: Node) -> None:
    """A form of two hundred firms is taken; of more fields than any has, refused."""
    async with signed_in(node, Role.OFFICER) as browser:
        form = await filled(browser)
        many = {f"impresa_{n}": f"Impresa {n}" for n in range(1, 201)} | {f"provincia_{n}": "LE" for n in range(1, 201)}
        more = {f"{name}_{n}": "" for n in range(1, 201) for name in ("rea", "comune", "uscita", "iscrizione")}
        page, _ = await step(browser, changed(form, passo="imprese", **many, **more), "controllo")
        assert "Impresa 200" in words(page)
        reply = await send(browser, NEW, [*form, *((f"x{n}", "") for n in range(8000))])
        assert reply.status in (400, 413)
