"""A certificate comes to whoever earned it: told once, collected by a code that ends, whatever office the person enrolled at."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.domain.programme import certificate
from node.errors import CallerError, NotFoundError, ReteError
from node.flows.programme import certificate_delivery as delivery
from node.flows.programme import certificates, courses
from node.store import course_seats
from node.store.postgres import acquire
from tests.courses_made import School
from tests.domain.programme.test_certificate_page import read_back
from tests.federation_made import Clock, federation
from tests.flows.programme.test_certificates import held
from tests.flows.programme.test_course_notices import server_of
from tests.mail_made import mail_sink

SITE = "https://lecce.example"


@pytest.fixture
async def schools(server: str, tmp_path: Path) -> AsyncIterator[list[School]]:
    """Two offices that know each other."""
    async with federation(server, tmp_path, Clock(), ("p_LE", "cmto")) as towns:
        yield [School(town) for town in towns]


async def told(school: School) -> dict[str, tuple[str, str]]:
    """What the mails say: address of the page and code, by who got them."""
    async with mail_sink() as sink:
        await delivery.tell(school.office, lambda: server_of(sink), SITE, school.now)
    found = {}
    for message in sink.messages:
        text = message.get_content()
        where = re.search(rf"{SITE}/attestati/ritiro/([0-9a-f-]{{36}})", text)
        assert where
        code = text.strip().splitlines()[-1]
        assert code not in where[0]
        assert "Persona" not in text
        assert "is ready" in text
        found[str(message["To"])] = (where[1], code)
    return found


async def test_both_offices_people_collect_theirs(schools: list[School]) -> None:
    """One mail each, from the organiser; the code gets the PDF with the person's own name; another's does not."""
    lecce, torino = schools
    _, edition_id, made = await held(lecce, torino)
    await certificates.issue(await lecce.desk(), edition_id, "anna", lecce.now)
    found = await told(lecce)
    assert {to: seat for to, (seat, _) in found.items()} == {"p0@example.org": made[0], "p1@example.org": made[1]}
    assert await told(lecce) == {}
    pool = lecce.town.node.pool
    for who in ("p0", "p1"):
        seat, code = found[f"{who}@example.org"]
        raw = await delivery.collect(pool, seat, code, lecce.now, "Provincia di prova", SITE, "it")
        assert f"Persona {who}" in {text for _, text in read_back(raw)}
    seats = [found[f"p{n}@example.org"] for n in (0, 1)]
    for seat, code in ((seats[0][0], seats[1][1]), (seats[0][0], ""), ("x", seats[0][1]), (made[2], seats[0][1])):
        with pytest.raises(NotFoundError) as caught:
            await delivery.collect(pool, seat, code, lecce.now, "x", SITE, "it")
        assert caught.value.code == "certificate-unknown"
    async with acquire(pool) as conn:
        kept = [r["collect_hash"] for r in await conn.fetch("SELECT collect_hash FROM programme.course_certificate")]
    assert not {code.encode() for _, code in seats} & set(kept)


async def test_a_code_ends_and_a_new_one_ends_it_at_once(schools: list[School]) -> None:
    """After sixty days, and when the office has it sent anew; the certificate itself is checked by its own code as before."""
    lecce, torino = schools
    _, edition_id, made = await held(lecce, torino)
    await certificates.issue(await lecce.desk(), edition_id, "anna", lecce.now)
    seat, first = (await told(lecce))["p0@example.org"]
    pool = lecce.town.node.pool
    await delivery.send_again(pool, edition_id, seat)
    again, second = (await told(lecce))["p0@example.org"]
    assert (again, first == second) == (seat, False)
    with pytest.raises(NotFoundError):
        await delivery.collect(pool, seat, first, lecce.now, "x", SITE, "it")
    assert await delivery.collect(pool, seat, second, lecce.now, "x", SITE, "en")
    lecce.town.node.clock.forward(days=delivery.COLLECT_DAYS)  # type: ignore[attr-defined]
    with pytest.raises(CallerError) as caught:
        await delivery.collect(pool, seat, second, lecce.now, "x", SITE, "it")
    assert caught.value.code == "certificate-code-over"
    opened = await courses.read(pool, edition_id)
    code = certificate.spelled(opened.certificates[made[0]].code or b"")
    assert await certificates.verify(pool, code, "Persona p0") is not None
    with pytest.raises(NotFoundError):
        await delivery.send_again(pool, edition_id, made[2])


async def test_who_was_forgotten_collects_nothing_and_is_not_told(schools: list[School]) -> None:
    """The code ends with the person."""
    lecce, torino = schools
    _, edition_id, made = await held(lecce, torino)
    await certificates.issue(await lecce.desk(), edition_id, "anna", lecce.now)
    pool = lecce.town.node.pool
    async with acquire(pool) as conn, conn.transaction():
        await course_seats.forget(conn, made[0])
    found = await told(lecce)
    assert set(found) == {"p1@example.org"}
    async with acquire(pool) as conn, conn.transaction():
        await course_seats.forget(conn, made[1])
    with pytest.raises(NotFoundError):
        await delivery.collect(pool, *found["p1@example.org"], lecce.now, "x", SITE, "it")


async def test_a_mail_that_is_refused_is_sent_later_with_a_code_that_works(schools: list[School]) -> None:
    """And without a server nobody counts as told."""
    lecce, torino = schools
    _, edition_id, _ = await held(lecce, torino)
    await certificates.issue(await lecce.desk(), edition_id, "anna", lecce.now)
    assert await delivery.tell(lecce.office, lambda: None, SITE, lecce.now) == 0
    async with mail_sink() as sink:
        sink.answers["RCPT"] = "550 no"
        with pytest.raises(ReteError) as caught:
            await delivery.tell(lecce.office, lambda: server_of(sink), SITE, lecce.now)
    assert caught.value.code == "mail-refused"
    found = await told(lecce)
    assert len(found) == 2
    seat, code = found["p0@example.org"]
    assert await delivery.collect(lecce.town.node.pool, seat, code, lecce.now, "x", SITE, "it")
