"""The office's services: announced from a form, changed, withdrawn; nobody writes over a colleague, and nobody without the right writes."""

from __future__ import annotations

import re

import pytest

from node.flows.programme import catalogue
from node.flows.programme.catalogue import Item
from node.flows.upkeep import audit
from node.store import announcements
from tests.desk_made import Staff
from tests.web.pages.test_office_profiles import UNKNOWN, words

PAGE = "/ufficio/servizi"
NEW = f"{PAGE}/nuovo"
FIELDS = {
    "titolo": "Assistenza legale", "linea": "legal", "sintesi": "In breve.", "descrizione": "Si legge il contratto.",
    "come": "Allo sportello.", "costo": "120,00", "regioni": "ITF4", "visto": "0",
}  # fmt: skip


async def form(staff: Staff, name: str = "anna", **changes: str) -> dict[str, str]:
    """The fields of a new service, with the identifier of the form."""
    found = re.search(r'name="identificativo" value="([0-9a-f-]{36})"', await staff[name].get(NEW))
    assert found
    return {**FIELDS, "identificativo": found.group(1), **changes}


async def all_of(staff: Staff) -> list[Item]:
    """What the catalogue holds."""
    now = staff.node.clock()
    return list((await catalogue.search(staff.node.pool, catalogue.read_query([], now), now)).items)


async def test_a_service_is_announced_once_changed_and_withdrawn(staff: Staff) -> None:
    """Sent twice it is there once; the change is a revision; withdrawn it is gone from the office's list and the catalogue."""
    anna = staff["anna"]
    fields = await form(staff)
    for _ in range(2):
        reply = await anna.post(NEW, NEW, **fields)
        assert reply.headers["Location"] == f"{PAGE}?fatto=annunciato"
    (item,) = await all_of(staff)
    assert (item.announcement.revision, item.announcement.detail["cost"]) == (1, "120.00")
    assert item.announcement.regions == ("ITF4",)
    text = await anna.get(PAGE)
    assert "Assistenza legale" in words(text)
    assert "Puglia" in words(text)
    public = await anna.get(f"/catalogo/{item.id}?owner=p_LE")
    assert "Si legge il contratto." in words(public)
    assert "120,00 €" in words(public)
    one = f"{PAGE}/{item.id}"
    changed = await anna.post(one, one, **{**fields, "visto": "1", "costo": ""})
    assert changed.headers["Location"] == f"{PAGE}?fatto=annunciato"
    assert [i.announcement.detail["cost"] for i in await all_of(staff)] == ["free"]
    assert "Non si torna indietro" in await anna.get(f"{one}/ritiro")
    assert (await anna.post(f"{one}/ritiro", f"{one}/ritiro")).headers["Location"] == f"{PAGE}?fatto=annuncio-ritirato"
    assert await all_of(staff) == []
    assert "non ha ancora annunciato" in await anna.get(PAGE)
    async with staff.node.pool.acquire() as conn:
        told = await announcements.decided(conn, item.id)
    assert [(d.action, d.officer) for d in told] == [("withdrawn", "anna"), ("changed", "anna"), ("announced", "anna")]
    assert (await audit.verify(staff.node.pool, staff.node.home)).ok


async def test_nobody_writes_over_what_a_colleague_wrote_meanwhile(staff: Staff) -> None:
    """The second of two who read the same revision is told, keeps what they typed, and changes nothing."""
    fields = await form(staff)
    await staff["anna"].post(NEW, NEW, **fields)
    one = f"{PAGE}/{fields['identificativo']}"
    await staff["dario"].post(one, one, **{**fields, "visto": "1", "titolo": "Di Dario"})
    reply = await staff["anna"].post(one, one, **{**fields, "visto": "1", "titolo": "Di Anna"})
    text = await reply.text()
    assert reply.status == 400
    assert "è cambiato nel frattempo" in text
    assert "Di Anna" in text
    assert [item.announcement.title["it"] for item in await all_of(staff)] == ["Di Dario"]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"titolo": ""}, "titolo"), ({"linea": ""}, "linea"), ({"costo": "tanto"}, "costo"), ({"come": "https://x.example"}, "come")],
)  # fmt: skip
async def test_a_wrong_form_says_where(staff: Staff, change: dict[str, str], field: str) -> None:
    """With what was written still in it, and nothing announced."""
    reply = await staff["anna"].post(NEW, NEW, **await form(staff, **change))
    text = await reply.text()
    assert (reply.status, f'<a href="#{field}">' in text) == (400, True)
    assert "Si legge il contratto." in text
    assert await all_of(staff) == []


async def test_what_should_not_stand_there_is_shown_after_it_was_announced(staff: Staff) -> None:
    """The officer sees the name that they wrote, on the form of what stands there now."""
    reply = await staff["anna"].post(NEW, NEW, **await form(staff, sintesi="Con la dott.ssa Rossi."))
    text = await reply.text()
    assert (reply.status, "«dott.ssa Rossi»" in text, 'name="visto" value="1"' in text) == (200, True, True)
    assert len(await all_of(staff)) == 1


async def test_only_whose_right_it_is_sees_and_writes(staff: Staff) -> None:
    """An approver reads the list and writes nothing; an analyst sees neither; what is no service has no form here."""
    assert "Annunciare un servizio" not in words(await staff["bruno"].get(PAGE))
    assert (await staff["bruno"].client.get(NEW)).status == 403
    assert (await staff["gina"].client.get(PAGE)).status == 403
    for path in (f"{PAGE}/{UNKNOWN}", f"{PAGE}/x", f"{PAGE}/{UNKNOWN}/ritiro"):
        assert (await staff["anna"].client.get(path)).status == 404
