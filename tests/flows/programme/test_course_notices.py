"""Participants are told by mail how they stand: each standing once, to their own address, in their language."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.errors import ReteError
from node.flows.programme import course_enrolments as enrolments
from node.flows.programme import course_notices
from node.peers.mail import NONE, MailServer
from tests.courses_made import School
from tests.federation_made import Clock, federation
from tests.mail_made import Sink, mail_sink


@pytest.fixture
async def school(server: str, tmp_path: Path) -> AsyncIterator[School]:
    """An office alone."""
    async with federation(server, tmp_path, Clock(), ("p_LE",)) as (town,):
        yield School(town)


def server_of(sink: Sink) -> MailServer:
    """The administration's own server."""
    return MailServer("127.0.0.1", sink.port, NONE, "", "corsi@ufficio.example")


async def test_each_standing_is_told_once(school: School) -> None:
    """Placed, waiting, moved up, cancelled; a second round says nothing; nobody reads of anybody else."""
    course_id, _ = await school.open(1)
    first = await school.enrol(course_id, "a")
    wish = replace(school.wish(course_id, "b"), language="en")
    await enrolments.enrol(school.office, wish, school.now)
    async with mail_sink() as sink:
        for told in (2, 0):
            assert await course_notices.tell(school.office, lambda: server_of(sink), school.now) == told
        await enrolments.cancel(school.office, first, school.now)
        assert await course_notices.tell(school.office, lambda: server_of(sink), school.now) == 2
    said = [(m["To"], str(m["Subject"])) for m in sink.messages]
    assert sorted(said) == [
        ("a@example.org", "Iscrizione annullata: Masterclass sulle reti di imprese"),
        ("a@example.org", "Iscrizione confermata: Masterclass sulle reti di imprese"),
        ("b@example.org", "Enrolment confirmed: Masterclass sulle reti di imprese"),
        ("b@example.org", "On the waiting list: Masterclass sulle reti di imprese"),
    ]
    assert not any("Persona" in m.get_content() for m in sink.messages)


async def test_a_refused_mail_is_told_later_and_without_a_server_nothing_counts(school: School) -> None:
    """What the server does not take is tried again; an office without mail tells nobody, and loses nothing."""
    course_id, _ = await school.open(1)
    await school.enrol(course_id, "a")
    assert await course_notices.tell(school.office, lambda: None, school.now) == 0
    async with mail_sink() as sink:
        sink.answers["RCPT"] = "550 no"
        with pytest.raises(ReteError) as caught:
            await course_notices.tell(school.office, lambda: server_of(sink), school.now)
    assert caught.value.code == "mail-refused"
    async with mail_sink() as sink:
        assert await course_notices.tell(school.office, lambda: server_of(sink), school.now) == 1
