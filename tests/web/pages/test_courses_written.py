"""Courses written in pages: from an empty form to the announcement, an edition changed, files put in and taken out, everything refused at its field."""

from __future__ import annotations

import hashlib
import io
import re

import pytest
from aiohttp import FormData

from node.flows.programme import catalogue, courses
from node.flows.programme.course_changes import COURSES_SHOWN
from node.store.postgres import acquire
from tests.course_house_made import OFFICE, PERSON, House
from tests.web.test_account_pages import PAGE

TEXTS = {
    "titolo": "Masterclass sulle reti", "sintesi": "Contratto, programma e organo comune.", "come": "Dalla pagina del corso.",
    "ruoli": "Docente di diritto dell'impresa | Lecturer in business law\nNotaio", "regioni": "ITF4", "titolo_en": "Masterclass on networks",
}  # fmt: skip
EDITION = {
    "codice": "2026-1", "posti": "2", "comincia": "2026-12-09", "finisce": "2026-12-16", "entro": "2026-12-04", "quota": "50",
    "incontri": "2026-12-16 09:30 Sala consiliare | Organo comune\n2026-12-09 15:00 Sala consiliare | Il contratto | online", "docenti": "docente",
}  # fmt: skip


async def written(house: House, **changes: str) -> str:
    """An officer writes a course; return the address of its page."""
    page = await house.anna.get(f"{OFFICE}/nuovo")
    drawn = re.search(r'name="identificativo" value="([0-9a-f-]{36})"', page)
    assert drawn
    done = await house.anna.post(f"{OFFICE}/nuovo", f"{OFFICE}/nuovo", identificativo=drawn[1], **{**TEXTS, **changes})
    assert done.status == 303, await done.text()
    return done.headers["Location"].partition("?")[0]


async def opened(house: House, course: str, **changes: str) -> str:
    """An officer opens an edition; return the address of its page."""
    done = await house.anna.post(f"{course}/edizione", f"{course}/edizione", **{**EDITION, **changes})
    assert done.status == 303, await done.text()
    return done.headers["Location"].partition("?")[0]


async def test_an_officer_makes_a_course_that_people_enrol_in(house: House) -> None:
    """By pages alone: written, opened, announced, in the catalogue; somebody enrols; a trainer sees it."""
    course = await written(house)
    course_id = course.rpartition("/")[2]
    assert "Prima serve almeno un&#39;edizione" in await house.anna.get(course)
    assert (await house.anna.post(course, f"{course}/annuncio")).status == 400
    one = await opened(house, course)
    await house.nobody.get(f"/corsi/{course_id}/2026-1/iscrizione", 404)
    assert (await house.anna.post(course, f"{course}/annuncio")).status == 303
    assert "annunciato" in await house.anna.get(course)
    item = await catalogue.read(house.school.town.node.pool, course_id, house.clock(), "p_LE")
    assert item.announcement.title == {"it": "Masterclass sulle reti", "en": "Masterclass on networks"}
    assert item.document["course"]["trainers"] == [
        {"it": "Docente di diritto dell'impresa", "en": "Lecturer in business law"}, {"it": "Notaio"},
    ]  # fmt: skip
    (edition,) = item.document["course"]["editions"]
    assert [(s["day"], s["hour"], s["online"], s["title"]["it"]) for s in edition["sessions"]] == [
        ("2026-12-09", "15:00", True, "Il contratto"), ("2026-12-16", "09:30", False, "Organo comune"),
    ]  # fmt: skip
    where = f"/corsi/{course_id}/2026-1/iscrizione"
    assert (await house.nobody.post(where, f"{where}?owner=p_LE", **PERSON)).status == 200
    assert PERSON["nome"] in await house.anna.get(one)
    assert one in await house.docente.get(OFFICE)
    assert one not in await house.altra.get(OFFICE)


async def test_a_form_sent_twice_makes_one_course(house: House) -> None:
    """Its identifier stands in it."""
    course = await written(house)
    course_id = course.rpartition("/")[2]
    again = await house.anna.post(f"{OFFICE}/nuovo", f"{OFFICE}/nuovo", identificativo=course_id, **TEXTS)
    assert again.headers["Location"].partition("?")[0] == course
    assert (await house.anna.get(OFFICE)).count("/ufficio/corsi/corso/") == 1
    assert COURSES_SHOWN > 1
    bad = await house.anna.post(f"{OFFICE}/nuovo", f"{OFFICE}/nuovo", identificativo="x", **TEXTS)
    assert bad.status == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [("titolo", ""), ("titolo", "x" * 201), ("sintesi", "vedi www.example.org"), ("come", ""), ("come_en", "http://a"), ("ruoli", "Docente\n| Lecturer"), ("ruoli", "x\n" * 41)],
)  # fmt: skip
async def test_a_bad_text_is_refused_at_its_field(house: House, field: str, value: str) -> None:
    """And what was typed elsewhere stays; nothing is written."""
    page = await house.anna.get(f"{OFFICE}/nuovo")
    drawn = re.search(r'name="identificativo" value="([0-9a-f-]{36})"', page)
    assert drawn
    reply = await house.anna.post(
        f"{OFFICE}/nuovo", f"{OFFICE}/nuovo", identificativo=drawn[1], **{**TEXTS, "titolo_en": "Kept as typed", field: value}
    )  # fmt: skip
    text = await reply.text()
    assert (reply.status, f'id="{field}-error"' in text, "Kept as typed" in text) == (400, True, True)
    await house.anna.get(f"{OFFICE}/corso/{drawn[1]}", 404)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("codice", "Con Spazi"), ("posti", "zero"), ("posti", "0"), ("comincia", "domani"), ("finisce", "2026-12-01"), ("entro", "2027-01-01"),
        ("quota", "101"), ("quota", "²"), ("incontri", ""), ("incontri", "2026-12-09 25:00 Sala"), ("incontri", "2027-12-09 09:00 Sala"), ("incontri", "presto"),
    ],
)  # fmt: skip
async def test_a_bad_edition_is_refused_at_its_field(house: House, field: str, value: str) -> None:
    """With what is wrong; no edition is opened."""
    course = await written(house)
    reply = await house.anna.post(f"{course}/edizione", f"{course}/edizione", **{**EDITION, field: value})
    text = await reply.text()
    assert (reply.status, f'id="{field}-error"' in text) == (400, True)
    assert "Non c&#39;è ancora nessuna edizione" in await house.anna.get(course)


async def test_an_edition_is_changed_while_it_is_open(house: House) -> None:
    """Days, sessions and trainers; what is announced follows; a session with attendance stays; a cancelled one is closed to change."""
    course = await written(house)
    one = await opened(house, course)
    assert (await house.anna.post(f"{course}/edizione", f"{course}/edizione", **EDITION)).status == 400
    await house.anna.post(course, f"{course}/annuncio")
    edition_id, node = one.rpartition("/")[2], house.school.town.node
    before = {s.hour: s.session_id for s in (await courses.read(node.pool, edition_id)).sessions}
    change = f"{one}/modifica"
    form = await house.anna.get(change)
    assert "2026-12-09 15:00 Sala consiliare | Il contratto | online" in form
    moved = {
        **EDITION, "finisce": "2026-12-20", "docenti": "altra",
        "incontri": "2026-12-09 15:00 Altra sala\n2026-12-10 09:00 Sala nuova\n2026-12-16 09:30 Sala consiliare",
    }  # fmt: skip
    assert (await house.anna.post(change, change, **moved)).status == 303
    found = await courses.read(node.pool, edition_id)
    assert [(s.number, s.day.day, s.place, s.title) for s in found.sessions] == [
        (1, 9, "Altra sala", ""), (2, 10, "Sala nuova", ""), (3, 16, "Sala consiliare", ""),
    ]  # fmt: skip
    assert found.sessions[0].session_id == before["15:00"]
    assert found.sessions[2].session_id == before["09:30"]
    assert (found.edition.ends.day, found.trainers) == (20, ["altra"])
    assert one in await house.altra.get(OFFICE)
    item = await catalogue.read(node.pool, course.rpartition("/")[2], house.clock(), "p_LE")
    assert item.announcement.ends is not None
    assert item.announcement.ends.day == 20
    async with acquire(node.pool) as conn:
        told = await conn.fetchval(
            "SELECT document::jsonb ->> 'action' FROM audit.event WHERE kind = 'course' ORDER BY event_id DESC LIMIT 1"
        )
    assert told == "changed"
    course_id = course.rpartition("/")[2]
    where = f"/corsi/{course_id}/2026-1/iscrizione"
    await house.nobody.post(where, f"{where}?owner=p_LE", **PERSON)
    await house.forward(days=22)
    seat = (await courses.read(node.pool, edition_id)).seats[0].seat_id
    first = found.sessions[0].session_id
    assert (await house.altra.post(one, f"{one}/presenze", incontro=first, presente=seat)).status == 303
    refused = await house.anna.post(change, change, **{**moved, "incontri": "2026-12-10 09:00 Sala nuova"})
    assert (refused.status, "già segnate le presenze" in await refused.text()) == (400, True)
    assert len((await courses.read(node.pool, edition_id)).attendance) == 1
    assert (await house.anna.post(one, f"{one}/annulla", conferma="yes")).status == 303
    assert "Si cambia solo un&#39;edizione aperta" in await house.anna.get(change)
    assert (await house.anna.post(one, change, **moved)).status == 400


async def test_files_are_judged_kept_under_their_hash_and_taken_out(house: House) -> None:
    """By a trainer, too; a program is refused; who does not teach there finds nothing."""
    one = await opened(house, await written(house))

    async def send(name: str, content: bytes) -> int:
        token = re.search(r'name="csrf" value="([0-9a-f]{64})"', await house.docente.get(one))
        assert token
        form = FormData()
        form.add_field("csrf", token[1])
        form.add_field("titolo", "Appunti")
        form.add_field("file", io.BytesIO(content), filename=name)
        reply = await house.docente.client.post(f"{one}/materiali", data=form, headers=PAGE, allow_redirects=False)
        return reply.status

    assert await send("a.txt", b"Il contratto.\n") == 303
    assert await send("a.exe", b"MZ\x90\x00" + bytes(200)) == 400
    assert await send("b.txt", b"x" * (house.school.town.node.config.documents.max_mb * 2**20 + 1)) in {400, 413}
    page = await house.docente.get(one)
    assert hashlib.sha256(b"Il contratto.\n").hexdigest() in page
    where = re.search(rf'action="({one}/materiali/[0-9a-f-]+/togli)"', page)
    assert where
    assert (await house.altra.post(OFFICE, where[1])).status == 404
    assert (await house.docente.post(one, where[1])).status == 303
    assert "Non ci sono ancora materiali" in await house.docente.get(one)
    assert (await house.docente.post(one, where[1])).status == 404


async def test_a_trainer_writes_no_course(house: House) -> None:
    """Its pages are not there, as for whoever has no right."""
    course = await written(house)
    one = await opened(house, course)
    for address in (f"{course}/testi", f"{course}/edizione", f"{one}/modifica"):
        await house.docente.get(address, 404)
        assert (await house.docente.post(OFFICE, address, **EDITION)).status == 404
    assert (await house.docente.post(OFFICE, f"{course}/annuncio")).status == 404
