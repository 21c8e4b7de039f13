"""Courses in pages: somebody enrols and is told; the office marks, concludes, certifies; anybody checks; a trainer sees its own editions."""

from __future__ import annotations

import re

from node.domain.programme import certificate
from node.flows.programme import courses
from node.flows.registry.documents import Bounds
from tests.course_house_made import OFFICE, PERSON, House
from tests.domain.programme.test_certificate_page import read_back
from tests.web.test_account_pages import PAGE


async def test_from_the_enrolment_to_the_certificate(house: House) -> None:
    """The whole way in browsers: code shown once, attendance by who teaches, certificate as a file, checked by anybody."""
    course_id, edition_id = await house.school.open(2, trainers=("docente",))
    where = f"/corsi/{course_id}/2026-1/iscrizione"
    reply = await house.nobody.post(where, f"{where}?owner=p_LE", **PERSON)
    text = await reply.text()
    code = re.search(r"<code>([^<]{20,})</code>", text)
    standing = re.search(r'href="(/corsi/iscrizioni/[0-9a-f-]{36})"', text)
    assert code
    assert standing
    shown = await (await house.nobody.post(standing[1], standing[1], codice=code[1])).text()
    assert "iscritto" in shown
    assert PERSON["nome"] not in shown
    assert (await house.nobody.post(standing[1], standing[1], codice="x")).status == 404
    one = f"{OFFICE}/{edition_id}"
    assert PERSON["nome"] in await house.anna.get(one)
    assert one in await house.docente.get(OFFICE)
    assert one not in await house.altra.get(OFFICE)
    await house.altra.get(one, 404)
    await house.forward(days=22)
    opened = await courses.read(house.school.town.node.pool, edition_id)
    seat = opened.seats[0].seat_id
    for session in opened.sessions:
        done = await house.docente.post(one, f"{one}/presenze", incontro=session.session_id, presente=seat)
        assert (done.status, done.headers["Location"]) == (303, f"{one}?fatto=corso")
    assert (await house.docente.post(one, f"{one}/concludi")).status == 404
    for deed in ("concludi", "attestati"):
        assert (await house.anna.post(one, f"{one}/{deed}")).status == 303
    answered = await house.nobody.post(
        standing[1], standing[1], codice=code[1], azione="questionario",
        **{f"domanda-{name}": "4" for name in ("contents", "teaching", "materials", "organisation", "use")},
    )  # fmt: skip
    assert answered.status == 200
    early = await house.anna.post(one, f"{one}/questionario")
    assert (early.status, "possono rispondere fino" in await early.text()) == (400, True)
    file = await house.anna.client.get(f"{one}/attestati/{seat}", headers=PAGE)
    assert file.headers["Content-Disposition"].startswith("attachment")
    secret = certificate.spelled(
        (await courses.read(house.school.town.node.pool, edition_id)).certificates[seat].code or b""
    )
    assert secret in {text for _, text in read_back(await file.read())}
    own = await house.nobody.post(standing[1], standing[1], codice=code[1], azione="attestato")
    assert own.headers["Content-Disposition"].startswith("attachment")
    assert own.headers["Cache-Control"] == "no-store"
    assert secret in {text for _, text in read_back(await own.read())}
    assert (await house.nobody.post(standing[1], standing[1], codice="x", azione="attestato")).status == 404
    assert (await house.anna.post(one, f"{one}/attestati/{seat}/manda")).status == 303
    collect = f"/attestati/ritiro/{seat}"
    wrong = await house.nobody.post(collect, collect, codice="x")
    nobodys = collect.replace(seat, standing[1][-36:-1] + "0")
    there, gone = await wrong.text(), await (await house.nobody.post(nobodys, nobodys, codice="x")).text()
    assert (wrong.status, 'id="codice-error"' in there) == (404, True)
    assert ('id="codice-error"' in gone) is True
    for name, said in ((PERSON["nome"], "L&#39;attestato è valido"), ("Altra Persona", "L&#39;attestato non risulta")):
        assert said in await (await house.nobody.post("/attestati", "/attestati", codice=secret, nome=name)).text()


async def test_what_is_missing_is_said_at_its_field(house: House) -> None:
    """Without consent nothing is kept, and what was typed stays typed; a code badly written is told so."""
    course_id, edition_id = await house.school.open(2)
    where = f"/corsi/{course_id}/2026-1/iscrizione"
    reply = await house.nobody.post(where, where, **{**PERSON, "consenso": ""})
    text = await reply.text()
    assert reply.status == 400
    assert 'id="consenso-error"' in text
    assert PERSON["posta"] in text
    assert (await courses.read(house.school.town.node.pool, edition_id)).seats == []
    bad = await house.nobody.post("/attestati", "/attestati", codice="abc", nome="x")
    assert (bad.status, 'id="codice-error"' in await bad.text()) == (400, True)
    await house.nobody.get(f"/corsi/{course_id}/altra/iscrizione", 404)


async def test_a_closed_edition_has_no_form(house: House) -> None:
    """After the deadline the page says so."""
    course_id, edition_id = await house.school.open(2)
    where = f"/corsi/{course_id}/2026-1/iscrizione"
    assert '<form method="post" action="/corsi/' in await house.nobody.get(where)
    await house.forward(days=12)
    assert "si sono chiuse" in await house.nobody.get(where)
    text = await house.anna.get(f"{OFFICE}/{edition_id}?lang=en")
    assert "Attendance" in text


async def test_materials_go_out_as_files(house: House) -> None:
    """Saved, never shown; and an officer's mistake is said on the page."""
    _, edition_id = await house.school.open(2)
    node = house.school.town.node
    await courses.add_material(
        node.pool, edition_id, "Appunti", "a.txt", b"Il contratto.\n", Bounds(2**20, 2**20), node.clock()
    )
    (one,) = (await courses.read(node.pool, edition_id)).materials
    file = await house.anna.client.get(f"{OFFICE}/{edition_id}/materiali/{one.material_id}", headers=PAGE)
    assert await file.read() == b"Il contratto.\n"
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in file.headers["Content-Security-Policy"]
    page = f"{OFFICE}/{edition_id}"
    wrong = await house.anna.post(page, f"{page}/annulla")
    assert (wrong.status, "serve la conferma" in (await wrong.text()).lower()) == (400, True)
    assert (await house.anna.post(page, f"{page}/posti", posti="7")).status == 303
    assert (await house.anna.post(page, f"{page}/annulla", conferma="yes")).status == 303
