"""Whoever enrolled is told by mail: once, of what changed, in their language."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

import pytest

from node.errors import RoadWrongError
from node.flows.programme import session_mail, sessions
from node.peers.mail import MailServer
from tests.mail_made import Sink, mail_sink
from tests.office_made import NOW, Office
from tests.programme_made import holder, opened, somebody, typed

URL = "https://reti.enti.example"


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """A mail server."""
    async with mail_sink() as found:
        yield found


async def told(office: Office, sink: Sink, now: dt.datetime = NOW) -> list[tuple[str, str]]:
    """Tell; return who got which subject now."""
    before = len(sink.messages)
    server = MailServer("127.0.0.1", sink.port, "none", "", "rete@enti.example")
    count = await session_mail.tell(office.pool, lambda: server, "Ufficio", URL, now)
    assert count == len(sink.messages) - before
    return sorted(
        (str(m["To"]), str(m["Subject"]).removeprefix("Ufficio: ").partition(":")[0]) for m in sink.messages[before:]
    )


async def test_each_change_is_told_once(office: Office, sink: Sink) -> None:
    """A seat, a place in the queue, the seat that became free, what was given back, the session called off."""
    session_id = await opened(office, seats="1")
    first = await sessions.enrol(office.pool, session_id, somebody(1), NOW)
    await sessions.enrol(office.pool, session_id, somebody(2), NOW, language="en")
    assert await told(office, sink) == [("persona1@enti.example", "Iscrizione confermata"), ("persona2@enti.example", "On the waiting list")]  # fmt: skip
    assert await told(office, sink) == []
    text = sink.messages[-1].get_content() + sink.messages[-2].get_content()
    assert f"{URL}/sessioni/iscrizioni/{first.enrolment_id}" in text
    assert "Sala consiliare, Lecce (LE)" in text
    await sessions.give_back(office.pool, first.enrolment_id, NOW, code=first.code)
    assert await told(office, sink) == [("persona1@enti.example", "Iscrizione annullata"), ("persona2@enti.example", "A seat has become free")]  # fmt: skip
    assert await told(office, sink) == []
    # Another day is told anew; another title is not.
    await sessions.change(holder(office), session_id, sessions.session_of(typed(seats="1", title="Altro titolo")), NOW)
    assert await told(office, sink) == []
    await sessions.change(holder(office), session_id, sessions.session_of(typed(seats="1", begins="09:30")), NOW)
    assert await told(office, sink) == [("persona2@enti.example", "Enrolment confirmed")]
    await sessions.call_off(holder(office), session_id, NOW)
    assert await told(office, sink) == [("persona2@enti.example", "Session called off")]
    assert await told(office, sink) == []


async def test_nobody_is_told_of_what_is_over_and_without_a_server_nothing_is_told(office: Office, sink: Sink) -> None:
    """Neither counts as told."""
    session_id = await opened(office)
    await sessions.enrol(office.pool, session_id, somebody(1), NOW)
    assert await session_mail.tell(office.pool, lambda: None, "Ufficio", URL, NOW) == 0
    assert await told(office, sink, NOW + dt.timedelta(days=30)) == []
    assert len(await told(office, sink)) == 1


async def test_an_address_that_is_refused_holds_up_nobody(office: Office, sink: Sink) -> None:
    """It is tried again; the others are told once."""
    session_id = await opened(office)
    for number in range(3):
        await sessions.enrol(office.pool, session_id, somebody(number), NOW)
    sink.answers["RCPT"] = "550 no"
    with pytest.raises(RoadWrongError):
        await told(office, sink)
    assert sink.messages == []
    del sink.answers["RCPT"]
    assert len(await told(office, sink)) == 3
