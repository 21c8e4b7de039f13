"""Approval in the office's pages: four eyes, one content, a reason where one is asked for."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html

import pytest

from node.flows.logs import recover
from node.flows.profiles import publish, submission
from node.flows.registry import intake
from node.flows.upkeep import audit
from node.runtime import Node, current_own
from node.store import origins
from node.store.postgres import acquire
from tests.desk_made import Staff, staffed
from tests.flows.profiles.test_potential import aggregation
from tests.web.pages.test_office_profiles import words


async def actions(staff: Staff) -> list[tuple[str, str]]:
    """What was decided, by whom, in order."""
    async with acquire(staff.node.pool) as conn:
        rows = await conn.fetch("SELECT action, officer FROM publication.decision ORDER BY decision_id")
    return [(row["action"], row["officer"]) for row in rows]


async def test_from_a_draft_to_the_signed_log_by_two_people(staff: Staff) -> None:
    """Written, submitted, in the queue, approved into Monday's round, released, withdrawn; the chain holds and has its mark."""
    profile_id = await staff.waiting()
    assert profile_id in await staff["bruno"].get("/ufficio/approvazioni")
    page = words(await staff["bruno"].get(f"/ufficio/approvazioni/{profile_id}"))
    assert "rossi 0, ambra 0" in page
    assert "somiglianza: posizione" in page
    reply = await staff.approve(profile_id)
    assert reply.headers["Location"] == f"/ufficio/profili/{profile_id}?fatto=turno"
    assert "turno del" in await staff["anna"].get(f"/ufficio/profili/{profile_id}")
    assert profile_id not in await staff["bruno"].get("/ufficio/approvazioni")
    node = staff.node
    released = await publish.release_due(node.pool, node.config, node.own, node.clock() + dt.timedelta(days=40))
    assert released == [profile_id]
    shown = await staff["anna"].get(f"/ufficio/profili/{profile_id}")
    assert "pubblicata" in words(shown)
    one = f"/ufficio/profili/{profile_id}/ritiro"
    assert (await staff["bruno"].post(one, one)).status == 303
    assert "Chi ha confermato la cancellazione" in await staff["bruno"].get(f"/ufficio/profili/{profile_id}")
    assert await actions(staff) == [
        ("drafted", "anna"), ("submitted", "anna"), ("approved", "bruno"), ("queued", "bruno"), ("published", "bruno"),
        ("withdrawn", "bruno"),
    ]  # fmt: skip
    found = await audit.verify(node.pool, node.home)
    assert found.ok, found


async def test_nobody_approves_or_sends_back_what_they_wrote(staff: Staff) -> None:
    """Also with both roles: the page offers no form, and a form made by hand is refused."""
    profile_id = await staff.waiting(name="dario")
    page = f"/ufficio/approvazioni/{profile_id}"
    text = await staff["dario"].get(page)
    assert "La approva un altro funzionario".lower() in words(text).lower()
    assert f'action="{page}"' not in text
    shown = await staff.print_of(profile_id)
    for path, fields in ((page, {}), (f"{page}/rimanda", {"motivo_rinvio": "mia"})):
        reply = await staff["dario"].post(page, path, impronta=shown, **fields)
        assert reply.status == 400
        assert "chi approva deve essere diverso da chi ha scritto" in (await reply.text()).lower()
    assert "approved" not in dict(await actions(staff))


async def test_an_approval_is_of_what_was_shown(staff: Staff) -> None:
    """Without a hash, with another's, or when the text has changed meanwhile: refused, and the new text is shown."""
    profile_id = await staff.waiting()
    shown = await staff.print_of(profile_id)
    page, edit = f"/ufficio/approvazioni/{profile_id}", f"/ufficio/profili/{profile_id}/modifica"
    for hashed in ("", "0" * 64, shown[:4]):
        assert (await staff["bruno"].post(page, page, impronta=hashed)).status == 400
    fields = {**await staff.form(title_it="Cambiato dopo"), "impronta": shown}
    assert (await staff["anna"].post(edit, edit, **fields)).status == 303
    reply = await staff["bruno"].post(page, page, impronta=shown)
    assert reply.status == 400
    text = words(await reply.text())
    assert "rileggere l'anteprima" in text.lower()
    assert "Cambiato dopo" in text
    # Written again, it waits no more.
    assert profile_id not in await staff["bruno"].get("/ufficio/approvazioni")


async def test_red_never_passes_and_amber_wants_a_reason(staff: Staff) -> None:
    """Whatever is written as a reason; the reason of an amber point stays with the decision."""
    red = await staff.waiting(0, summary_it="Alfa Resine S.r.l. cerca partner.")
    reply = await staff.approve(red, motivo="si fidi")
    assert reply.status == 400
    assert "togliere o rendere generici i punti segnati" in (await reply.text()).lower()
    amber = await staff.waiting(1, summary_it="Si lavora il grano Zorbax con cura.")
    reply = await staff.approve(amber)
    text = await reply.text()
    assert reply.status == 400
    assert '<a href="#motivo">' in text
    assert "--reason" not in text
    assert (await staff.approve(amber, motivo="è una varietà di grano")).status == 303
    assert "è una varietà di grano" in words(await staff["anna"].get(f"/ufficio/profili/{amber}"))


async def test_what_is_sent_back_says_why_and_comes_again(staff: Staff) -> None:
    """Only with a reason, only what waits, once; the author reads it, writes, and submits again."""
    profile_id = await staff.waiting()
    page = f"/ufficio/approvazioni/{profile_id}"
    shown = await staff.print_of(profile_id)
    reply = await staff["bruno"].post(page, f"{page}/rimanda", impronta=shown, motivo_rinvio="  ")
    assert (reply.status, '<a href="#motivo_rinvio">' in await reply.text()) == (400, True)
    reply = await staff["bruno"].post(page, f"{page}/rimanda", impronta=shown, motivo_rinvio="Troppo preciso sul pane")
    assert reply.headers["Location"] == "/ufficio/approvazioni?fatto=rimandata"
    again = await staff["bruno"].post(page, f"{page}/rimanda", impronta=shown, motivo_rinvio="Troppo preciso sul pane")
    assert again.status == 400
    one = f"/ufficio/profili/{profile_id}"
    assert "Rimandata da bruno Troppo preciso sul pane" in words(await staff["anna"].get(one))
    assert profile_id in await staff["anna"].get("/ufficio/profili?stato=returned")
    assert (await staff["anna"].post(one, f"{one}/presenta")).status == 303
    assert (await staff["anna"].post(one, f"{one}/presenta")).status == 303
    assert profile_id in await staff["bruno"].get("/ufficio/approvazioni")
    assert [action for action, _ in await actions(staff)] == ["drafted", "submitted", "returned", "submitted"]
    assert (await audit.verify(staff.node.pool, staff.node.home)).ok


async def test_what_is_approved_is_neither_submitted_nor_sent_back(staff: Staff) -> None:
    """A queued version is decided: it leaves with its round, or is written again."""
    profile_id = await staff.waiting()
    shown = await staff.print_of(profile_id)
    assert (await staff.approve(profile_id)).status == 303
    one, page = f"/ufficio/profili/{profile_id}", f"/ufficio/approvazioni/{profile_id}"
    assert (await staff["anna"].post(one, f"{one}/presenta")).status == 400
    reply = await staff["bruno"].post(one, f"{page}/rimanda", impronta=shown, motivo_rinvio="tardi")
    # Who comes too late is told so.
    assert (reply.status, "non è in attesa di approvazione" in await reply.text()) == (400, True)
    story = await submission.read(staff.node.pool, staff.node.config, profile_id)
    assert story.progress == "queued"


@pytest.mark.usefixtures("furnished")
async def test_where_rounds_are_immediate_an_approval_publishes(node: Node) -> None:
    """As the command does: approved, and out."""
    at_once = dataclasses.replace(node.config, privacy=dataclasses.replace(node.config.privacy, round="immediate"))
    async with staffed(dataclasses.replace(node, configured=at_once), "anna", "bruno") as staff:
        profile_id = await staff.waiting()
        reply = await staff.approve(profile_id)
        assert reply.headers["Location"] == f"/ufficio/profili/{profile_id}?fatto=uscita"
        assert "La scheda è pubblicata." in await staff["anna"].get(reply.headers["Location"])
        assert (await staff["bruno"].client.get(f"/api/v1/profiles/{profile_id}")).status == 200


@pytest.mark.usefixtures("furnished")
async def test_while_the_log_may_not_be_written_an_approved_profile_waits_in_its_round(node: Node) -> None:
    """The approval stands and is no error; once the log may be written again the profile leaves."""
    at_once = dataclasses.replace(node.config, privacy=dataclasses.replace(node.config.privacy, round="immediate"))
    async with staffed(dataclasses.replace(node, configured=at_once), "anna", "bruno") as staff:
        profile_id = await staff.waiting()
        own = await current_own(staff.node)
        await recover.set_fence(staff.node.pool, own, "prova", staff.node.clock())
        reply = await staff.approve(profile_id)
        assert (reply.status, reply.headers["Location"]) == (303, f"/ufficio/profili/{profile_id}?fatto=turno")
        story = await submission.read(staff.node.pool, staff.node.config, profile_id)
        assert story.progress == "queued"
        async with acquire(staff.node.pool) as conn:
            await origins.set_state(conn, own.origin_id, "ready")
        assert await publish.release_due(staff.node.pool, staff.node.config, own, staff.node.clock()) == [profile_id]


async def test_what_is_approved_and_in_no_round_is_put_into_one(staff: Staff) -> None:
    """As after the command approved it and nobody published it."""
    profile_id = await staff.waiting()
    node = staff.node
    await submission.approve(node.pool, node.config, profile_id, "bruno", node.clock())
    one = f"/ufficio/profili/{profile_id}"
    assert "approvata, non ancora in un turno" in words(await staff["anna"].get(one))
    reply = await staff["bruno"].post(one, f"/ufficio/approvazioni/{profile_id}/turno")
    assert reply.headers["Location"] == f"{one}?fatto=turno"


async def test_an_aggregation_not_signed_yet_wants_its_warning_read(staff: Staff) -> None:
    """The editor offers the box; the preview warns; without the other box there is no approval, and it says where."""
    found = intake.IntakeFile("template", "altra.xlsx", bytes(32), 0, (aggregation(),), 0, ())
    node = staff.node
    await intake.import_networks(node.pool, found, node.clock(), apply=True)
    async with acquire(node.pool) as conn:
        key = str(await conn.fetchval("SELECT network_id FROM registry.network WHERE status = 'potential'"))
    staff.networks.append(key)
    new = f"/ufficio/profili/nuovo?rete={key}"
    assert 'name="potential"' in await staff["anna"].get(new)
    fields = {"title_it": "Cerchiamo partner", "summary_it": "Si cerca chi distribuisca all'estero", "rete": key}
    reply = await staff["anna"].post(new, "/ufficio/profili/nuovo", **fields, azione="salva")
    assert "non è nell'elenco pubblico" in html.unescape(await reply.text())
    reply = await staff["anna"].post(new, "/ufficio/profili/nuovo", **fields, azione="salva", potential="yes")
    one = reply.headers["Location"].partition("?")[0]
    assert "ATTENZIONE" in await staff["anna"].get(one)
    profile_id = one.rpartition("/")[2]
    edit = f"{one}/modifica"
    again = {**fields, "impronta": await staff.print_of(profile_id), "azione": "salva", "title_it": "Cerchiamo clienti"}
    assert (await staff["anna"].post(edit, edit, **again)).status == 303
    assert "non è in attesa di approvazione" in html.unescape(await (await staff.approve(profile_id)).text())
    assert (await staff["anna"].post(one, f"{one}/presenta")).status == 303
    refused = await staff.approve(profile_id)
    assert (refused.status, '<a href="#avvertenza">' in await refused.text()) == (400, True)
    assert (await staff.approve(profile_id, avvertenza="yes")).status == 303
