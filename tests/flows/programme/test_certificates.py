"""Certificates: for who attended, checked at another node by code and name alone, with nothing of anybody in the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.domain.programme import certificate
from node.domain.programme.course import Standing
from node.errors import CallerError, NotFoundError
from node.flows.programme import announce, certificates, course_evaluation, courses
from node.flows.programme import course_enrolments as enrolments
from tests.courses_made import School
from tests.domain.programme.test_certificate_page import read_back
from tests.federation_made import Clock, federation


@pytest.fixture
async def schools(server: str, tmp_path: Path) -> AsyncIterator[list[School]]:
    """Two offices that know each other."""
    async with federation(server, tmp_path, Clock(), ("p_LE", "cmto")) as towns:
        yield [School(town) for town in towns]


async def held(school: School, other: School, people: int = 3) -> tuple[str, str, list[str]]:
    """An edition that was held: all attended but the last of them; half of them of the other office."""
    course_id, edition_id = await school.open(people)
    await other.town.sync()
    made = [await (school, other)[n % 2].enrol(course_id, f"p{n}") for n in range(people)]
    for _ in range(2):
        await other.post()
        await school.post()
    school.town.node.clock.forward(days=22)  # type: ignore[attr-defined]
    pool = school.town.node.pool
    opened = await courses.read(pool, edition_id)
    for session in opened.sessions:
        present = {s.seat_id: s.seat_id != made[-1] for s in opened.seats}
        await courses.attend(pool, session.session_id, present, "anna", school.now, only_own=False)
    await courses.conclude(await school.desk(), edition_id, school.now)
    return course_id, edition_id, made


async def test_a_certificate_is_checked_at_another_node(schools: list[School]) -> None:
    """Code and name are enough anywhere; another name, another code, a badly typed one are not; issuing twice makes none more."""
    lecce, torino = schools
    course_id, edition_id, made = await held(lecce, torino)
    desk = await lecce.desk()
    assert [await certificates.issue(desk, edition_id, "anna", lecce.now) for _ in range(2)] == [2, 0]
    await torino.town.sync()
    opened = await courses.read(lecce.town.node.pool, edition_id)
    assert set(opened.certificates) == set(made[:2])
    code = certificate.spelled(opened.certificates[made[0]].code or b"")
    for school in schools:
        found = await certificates.verify(school.town.node.pool, code.lower(), "persona  P0")
        assert found is not None
        assert (found.owner, found.course_id, found.edition) == ("p_LE", course_id, "2026-1")
        assert await certificates.verify(school.town.node.pool, code, "Persona p1") is None
        assert await certificates.verify(school.town.node.pool, certificate.spelled(bytes(16)), "Persona p0") is None
    with pytest.raises(CallerError) as caught:
        await certificates.verify(lecce.town.node.pool, code[:-1], "Persona p0")
    assert caught.value.code == "certificate-code-bad"


async def test_the_log_names_nobody(schools: list[School]) -> None:
    """No name, address or code in any byte of any log."""
    lecce, torino = schools
    _, edition_id, made = await held(lecce, torino)
    await certificates.issue(await lecce.desk(), edition_id, "anna", lecce.now)
    opened = await courses.read(lecce.town.node.pool, edition_id)
    code = opened.certificates[made[0]].code or b""
    async with lecce.town.node.pool.acquire() as conn:
        bodies = [r["body"] for r in await conn.fetch("SELECT body FROM log.body")]
    assert any(b"certificates" in body for body in bodies)
    for word in (b"Persona", b"example.org", code, code.hex().encode(), certificate.spelled(code).encode()):
        assert not any(word in body for body in bodies)


async def test_the_pdf_says_who_and_by_which_code(schools: list[School]) -> None:
    """Read back, in both languages; who did not attend has none."""
    lecce, torino = schools
    _, edition_id, made = await held(lecce, torino)
    await certificates.issue(await lecce.desk(), edition_id, "anna", lecce.now)
    opened = await courses.read(lecce.town.node.pool, edition_id)
    for language, heading in (("it", "Attestato di partecipazione"), ("en", "Certificate of attendance")):
        raw = certificates.pdf(opened, made[0], "Provincia di Lecce", "https://lecce.example", language)
        texts = [text for _, text in read_back(raw)]
        assert {heading, "Persona p0", certificate.spelled(opened.certificates[made[0]].code or b"")} <= set(texts)
    with pytest.raises(NotFoundError):
        certificates.pdf(opened, made[-1], "Provincia di Lecce", "https://lecce.example")


async def test_none_before_the_end(schools: list[School]) -> None:
    """An edition that goes on certifies nobody."""
    _, edition_id = await schools[0].open(2)
    with pytest.raises(CallerError) as caught:
        await certificates.issue(await schools[0].desk(), edition_id, "anna", schools[0].now)
    assert caught.value.code == "edition-not-held"


@pytest.mark.parametrize(("answers", "told"), [(2, 0), (3, 3)])
async def test_answers_are_told_once_and_then_gone(schools: list[School], answers: int, told: int) -> None:
    """From both offices; below three nothing; a later answer changes nothing, since there is nothing left to change."""
    lecce, torino = schools
    _, edition_id, made = await held(lecce, torino, 4)
    owners = [(lecce, torino)[n % 2] for n in range(4)]
    for school, one in list(zip(owners, made, strict=True))[:answers]:
        await enrolments.evaluate(school.office, one, [4, 4, 3, 5, 5], school.now)
        with pytest.raises(CallerError) as caught:
            await enrolments.evaluate(school.office, one, [1, 1, 1, 1, 1], school.now)
        assert caught.value.code == "questionnaire-there"
    await torino.post()
    await lecce.post()
    pool = lecce.town.node.pool
    with pytest.raises(CallerError) as caught:
        await course_evaluation.release(pool, edition_id, "anna", lecce.now)
    assert caught.value.code == "questionnaire-open"
    lecce.town.node.clock.forward(days=9)  # type: ignore[attr-defined]
    first = await course_evaluation.release(pool, edition_id, "anna", lecce.now)
    assert first.told["answers"] == told
    assert len(first.told["questions"]) == (5 if told else 0)
    await enrolments.evaluate(owners[3].office, made[3], [1, 1, 1, 1, 1], lecce.now)
    await torino.post()
    await lecce.post()
    assert (await course_evaluation.release(pool, edition_id, "bruno", lecce.now)).told == first.told
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM programme.course_answer") == 0
    assert await lecce.standing(made[0]) is Standing.PLACED


async def test_a_course_with_certificates_is_not_withdrawn(schools: list[School]) -> None:
    """Neither withdrawn nor announced without them, and its certificates go on being good; one without any is."""
    lecce, torino = schools
    course_id, edition_id, made = await held(lecce, torino)
    desk, pool = await lecce.desk(), lecce.town.node.pool
    await certificates.issue(desk, edition_id, "anna", lecce.now)
    opened = await courses.read(pool, edition_id)
    bare = courses.document_of(opened.course, [(opened.edition, opened.sessions, ())])
    for work in (
        announce.withdraw(pool, desk.own, lecce.now, course_id),
        announce.announce(pool, desk.config, desk.own, lecce.now, bare),
    ):
        with pytest.raises(CallerError) as caught:
            await work
        assert caught.value.code == "course-certified"
        assert caught.value.hint
    code = certificate.spelled(opened.certificates[made[0]].code or b"")
    assert await certificates.verify(pool, code, "Persona p0") is not None
    # Still told: the same again, with all of them.
    await courses.publish(desk, course_id, lecce.now)
    other, _ = await lecce.open(2, code="2027-1")
    assert (await announce.withdraw(pool, desk.own, lecce.now, other)).changed
