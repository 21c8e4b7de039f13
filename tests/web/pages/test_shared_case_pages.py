"""A case file shared through the pages of two offices: proposed, approved by another officer, read there, answered, taken back."""

from __future__ import annotations

import re

import pytest

from node.domain.roles import Role
from node.flows.programme import case_sharing, cases
from tests.documents_made import TEXT
from tests.flows.programme.test_case_sharing import Three, three
from tests.register_made import signed_in, words

HERE, THERE = "/ufficio/fascicoli", "/ufficio/fascicoli-condivisi"
BOLD = "<b>41</b>"
__all__ = ["three"]


@pytest.mark.timeout(120)
async def test_two_offices_share_a_case_through_their_pages(three: Three) -> None:
    """Anna proposes, may not approve, Bruno does; Turin reads, takes the document that was chosen, answers; Lecce reads it, and takes all back."""
    case_id = await three.case()
    lecce, torino = three.lecce.town.node, three.torino.town.node
    page, shares = f"{HERE}/{case_id}", f"{HERE}/{case_id}/condivisioni"
    first, second = (item.document_id for item in (await cases.read(lecce.pool, case_id)).documents)
    async with signed_in(lecce, Role.OFFICER) as anna:
        wrong = await anna.post(page, shares, ente="cmto", consenso="31/12/2030", riferimento="prot. 41/2026")
        said = words(await wrong.text())
        assert wrong.status == 400
        assert "È un giorno che deve ancora venire" in said
        told = {"ente": "cmto", "consenso": "20/11/2026", "riferimento": f"prot. {BOLD}", "documenti": first}
        assert (await anna.post(page, shares, **told)).headers["Location"] == f"{page}?fatto=scritto#condivisione"
        share_id = (await three.given(case_id)).row.share_id
        own = await anna.post(page, f"{shares}/{share_id}/approva")
        assert own.status == 400
        assert "serve un secondo funzionario" in words(await own.text())
        async with signed_in(lecce, Role.OFFICER, name="bruno.neri") as bruno:
            assert (await bruno.post(page, f"{shares}/{share_id}/approva")).status == 303
            assert (await bruno.post(page, f"{HERE}/{share_id}/condivisioni/{share_id}/togli")).status == 404
    await three.carry()
    async with signed_in(torino, Role.OFFICER) as carla:
        assert f'href="{THERE}/{share_id}"' in await carla.get(THERE)
        shown = await carla.get(f"{THERE}/{share_id}")
        assert BOLD not in shown
        for text in (
            "Verso il contratto",
            "Bozza dello statuto",
            "3 dicembre 2026",
            "20 novembre 2026",
            "manca",
            "p_LE",
        ):
            assert text in words(shown), text
        assert "anna" not in words(shown)
        english = words(await carla.get(f"{THERE}/{share_id}?lang=en"))
        assert all(text in english for text in ("Of which body", "Legal assistance", "This office's answers"))
        await carla.get(f"{THERE}?lang=it")
        assert f"{THERE}/{share_id}/documenti/{second}" not in shown
        sent = await carla.client.get(f"{THERE}/{share_id}/documenti/{first}")
        assert (await sent.read(), sent.headers["Content-Disposition"].partition(";")[0]) == (TEXT, "attachment")
        empty = await carla.post(f"{THERE}/{share_id}", f"{THERE}/{share_id}/risposte", genere="note", testo=" ")
        assert empty.status == 400
        told = {"genere": "task", "testo": "Incontro <b>a Torino</b>", "scadenza": "20/12/2026"}
        assert (await carla.post(f"{THERE}/{share_id}", f"{THERE}/{share_id}/risposte", **told)).status == 303
        assert (await carla.client.get(f"{THERE}/{case_id}")).status == 404
    await three.carry()
    async with signed_in(lecce, Role.APPROVER, name="dario.blu") as dario:
        found = await dario.get(page)
        assert "Incontro &lt;b&gt;a Torino&lt;/b&gt;" in found
        # Who only reads is offered nothing, and can do nothing.
        assert not re.search(rf'action="{shares}', found)
        assert (await dario.post(page, f"{shares}/{share_id}/togli")).status == 404
    async with signed_in(lecce, Role.OFFICER, name="elsa.viola") as elsa:
        assert (await elsa.post(page, f"{shares}/{share_id}/togli")).status == 303
    await three.carry()
    assert (await case_sharing.read(torino.pool, share_id)).copy is None
    async with signed_in(torino, Role.OFFICER, name="fabio.rosa") as fabio:
        over = words(await fabio.get(f"{THERE}/{share_id}"))
        assert "la copia è cancellata" in over
        assert (await fabio.post(f"{THERE}/{share_id}", f"{THERE}/{share_id}/lascia")).status == 400
