"""Saved searches of the catalogue: whoever is told hears of what is new, changed, withdrawn or soon over, once, by a daily mail."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from node import runtime
from node.errors import CallerError
from node.flows.programme import announce, catalogue
from node.flows.searching import saved as flow
from node.flows.searching import tell, watch
from node.flows.searching.tell import Told
from node.peers.mail import MailServer
from node.store.reference import load_label_reference
from tests.announcements_made import course, service, session
from tests.federation_made import Clock, Town, federation
from tests.flows.programme.test_announce import put
from tests.mail_made import Sink, mail_sink

ADDRESS = "anna.zefirini@office.example.org"
QUIET = Told(0, 0, 0, 0)


@dataclass
class Scene:
    """Lecce watches the catalogue, to which Torino adds; a server takes Lecce's mail."""

    here: Town
    there: Town
    clock: Clock
    sink: Sink

    async def save(self, email: str | None = ADDRESS, **asked: str) -> str:
        """Save a search of the catalogue; return its identifier."""
        node = self.here.node
        query = catalogue.read_query([("from" if k == "since" else k, v) for k, v in asked.items()], self.clock())
        made = await watch.save(node.pool, node.saved_settings(), "Bandi", query, self.clock(), email=email, has_mail=True)  # fmt: skip
        return made.search_id

    async def turn(self, *, days: int = 1) -> Told:
        """Some days later: one turn of the job, after the digest's hour."""
        self.clock.forward(days=days)
        server = MailServer("127.0.0.1", self.sink.port, "none", "", "rete@lecce.example.it")
        outward = replace(self.here.node.outward(self.here.session), mail=lambda: server)
        node = self.here.node
        return await tell.tell_due(node.pool, node.saved_settings(), outward, load_label_reference(), self.clock)

    async def withdraw(self, item_id: str) -> None:
        """Torino takes an announcement back, and Lecce hears of it."""
        node = self.there.node
        await announce.withdraw(node.pool, await runtime.current_own(node), self.clock(), item_id)
        await self.here.sync()

    async def put(self, document: dict[str, Any]) -> str:
        """Torino announces, or says anew, and Lecce hears of it."""
        done = await put(self.there, document)
        await self.here.sync()
        return done.id

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of Lecce's database."""
        async with self.here.node.pool.acquire() as conn:
            return [tuple(row) for row in await conn.fetch(query)]

    @property
    def last(self) -> str:
        """The text of the newest mail, its Italian half."""
        return text_of(self.sink.messages[-1]).partition("--------")[0]


def text_of(message: EmailMessage) -> str:
    """What a mail says."""
    return str(message.get_content()).replace("\r\n", "\n")


@pytest.fixture
async def scene(server: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """Two nodes and a mail server."""
    clock = Clock()
    async with federation(server, tmp_path, clock, ("p_LE", "p_TO")) as (here, there), mail_sink() as sink:
        yield Scene(here, there, clock, sink)


async def test_new_changed_and_withdrawn_are_each_told_once(scene: Scene) -> None:
    """What was there is no news; its changes and its end are; what does not answer the question is neither."""
    old = service(title={"it": "Servizio di prima"})
    await scene.put(old)
    search_id = await scene.save(kind="service")
    assert await scene.turn() == QUIET
    new = await scene.put(service(title={"it": "Servizio nuovo"}))
    await scene.put(session())
    assert await scene.turn() == Told(1, 1, 0, 0)
    assert scene.sink.messages[-1]["Subject"] == "Novità del catalogo: Bandi"
    assert scene.sink.recipients == [ADDRESS]
    assert "Nuovi:" in scene.last
    assert f"* Servizio nuovo - servizio di assistenza, p_TO\n  Accompagniamo la rete fino alla verifica.\n  {scene.here.node.public_url}/catalogo/{new}?owner=p_TO" in scene.last  # fmt: skip
    assert "Incontro" not in scene.last
    assert "New:" in text_of(scene.sink.messages[-1])
    assert await scene.turn() == QUIET
    await scene.put({**old, "title": {"it": "Servizio cambiato"}})
    assert await scene.turn() == Told(1, 1, 0, 0)
    assert ("Cambiati:" in scene.last, "* Servizio cambiato - " in scene.last) == (True, True)
    await scene.withdraw(new)
    assert await scene.turn() == Told(1, 1, 0, 0)
    assert f"Ritirati da chi li aveva annunciati:\n\n* servizio di assistenza, p_TO, {new}\n" in scene.last
    assert "Servizio nuovo" not in text_of(scene.sink.messages[-1])
    assert await scene.turn() == QUIET
    assert await scene.rows("SELECT item_id::text, revision, waits FROM office.saved_announcement") == [(old["id"], 2, None)]  # fmt: skip
    assert len({message["Message-ID"] for message in scene.sink.messages}) == 3
    assert scene.sink.messages[-1]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert search_id in scene.sink.messages[-1]["List-Unsubscribe"]


async def test_a_last_day_is_told_a_week_before_and_once(scene: Scene) -> None:
    """Also of what was there before; a later last day is told again; nothing is told of what is over."""
    last = scene.clock.now.date() + dt.timedelta(days=10)
    made = service(title={"it": "Si chiude"}, deadline=last.isoformat())
    await scene.put(made)
    await scene.save()
    assert await scene.turn(days=2) == QUIET
    assert await scene.turn() == Told(1, 1, 0, 0)
    assert ("Si chiudono entro 7 giorni:" in scene.last, f"fino al {last:%d/%m/%Y}" in scene.last) == (True, True)
    assert await scene.turn() == QUIET
    later = last + dt.timedelta(days=5)
    await scene.put({**made, "deadline": later.isoformat()})
    assert await scene.turn() == Told(1, 1, 0, 0)
    assert "Cambiati:" in scene.last
    assert await scene.turn(days=5) == Told(1, 1, 0, 0)
    assert f"fino al {later:%d/%m/%Y}" in scene.last
    await scene.put({**made, "deadline": later.isoformat(), "summary": {"it": "Detto dopo."}})
    assert await scene.turn(days=30) == QUIET


async def test_what_is_withdrawn_before_it_was_told_is_never_told(scene: Scene) -> None:
    """Neither that it came nor that it went, also where the server did not take the mail in between."""
    await scene.save(q="masterclass")
    first = await scene.put(course())
    scene.sink.answers["RCPT"] = "450 later"
    assert await scene.turn() == Told(1, 0, 0, 1)
    await scene.withdraw(first)
    scene.sink.answers.clear()
    assert await scene.turn() == QUIET
    assert (scene.sink.messages, await scene.rows("SELECT * FROM office.saved_announcement")) == ([], [])


async def test_a_mail_that_did_not_arrive_is_tried_under_the_same_name(scene: Scene) -> None:
    """The server kept it and hung up: it comes again, and its reader knows it by its Message-ID."""
    await scene.save()
    await scene.put(session())
    scene.sink.answers["END"] = "hang up"
    assert (await scene.turn()).failed == 1
    scene.sink.answers.clear()
    assert (await scene.turn()).email == 1
    one, other = scene.sink.messages
    assert one["Message-ID"] == other["Message-ID"]
    assert await scene.turn() == QUIET


async def test_more_than_fit_follow_in_the_next_digest(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, what closes first first."""
    monkeypatch.setattr(watch.domain, "DELIVERY_MAX", 2)
    await scene.save(kind="session")
    days = [f"2026-12-{day}" for day in (20, 21, 22, 23, 24)]
    for day in days:
        made = session(begins=day, deadline=None, title={"it": f"Incontro del {day}"})
        await put(scene.there, {**made, "session": {**made["session"], "day": day}})
    await scene.here.sync()
    seen = []
    for _ in range(4):
        before = len(scene.sink.messages)
        await scene.turn()
        seen += [line[2:26] for line in scene.last.splitlines() if line.startswith("* ")] if len(scene.sink.messages) > before else []  # fmt: skip
    assert seen == [f"Incontro del {day} " for day in days]


async def test_whoever_leaves_hears_no_more_and_nothing_stays_known(scene: Scene) -> None:
    """By the link of a mail: its address is gone at once, what was told to it with the next tidying."""
    search_id = await scene.save()
    await scene.put(session())
    await scene.turn()
    link = scene.sink.messages[-1]["List-Unsubscribe"].strip("<>")
    async with aiohttp.ClientSession() as asking, asking.post(link) as reply:
        assert reply.status == 200
    await scene.put(service())
    assert await scene.turn() == QUIET
    assert await tell.tidy(scene.here.node.pool, scene.clock(), dt.timedelta(days=365)) == 1
    assert await scene.rows("SELECT * FROM office.saved_announcement") == []
    await flow.delete(scene.here.node.pool, search_id)
    assert await scene.rows("SELECT * FROM office.saved_search") == []


async def test_a_log_that_tells_two_histories_adds_nothing_and_takes_nothing_away(scene: Scene) -> None:
    """Of a quarantined log nothing is told, not even that its announcements are gone."""
    await scene.save()
    await scene.put(session())
    await scene.turn()
    await scene.put(service())
    async with scene.here.node.pool.acquire() as conn:
        await conn.execute("UPDATE log.origin SET state = 'quarantined' WHERE NOT is_own")
    assert await scene.turn() == QUIET
    async with scene.here.node.pool.acquire() as conn:
        await conn.execute("UPDATE log.origin SET state = 'ready' WHERE NOT is_own")
    assert await scene.turn() == Told(1, 1, 0, 0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"email": None}, "saved-catalogue-email"),
        ({"email": "Anna <a@x.it>"}, "saved-email-bad"),
        ({"has_mail": False}, "saved-mail-missing"),
        ({"is_hooked": True}, "saved-catalogue-email"),
        ({"title": ""}, "saved-title-bad"),
    ],
)
async def test_what_cannot_be_told_is_refused(scene: Scene, changes: dict[str, Any], code: str) -> None:
    """And nothing is kept."""
    node = scene.here.node
    given: dict[str, Any] = {"title": "x", "email": ADDRESS, "has_mail": True, **changes}
    title = given.pop("title")
    with pytest.raises(CallerError) as refused:
        await watch.save(node.pool, node.saved_settings(), title, catalogue.read_query([], scene.clock()), scene.clock(), **given)  # fmt: skip
    assert refused.value.code == code
    with pytest.raises(CallerError, match="chiuso"):
        await scene.save(state="closed")
    assert await scene.rows("SELECT * FROM office.saved_search") == []
