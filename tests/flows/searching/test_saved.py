"""Saved searches between real nodes: news that arrive by pull are told once, by mail and webhook, and withdrawn ones never."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import structlog

import node
from node import scheduler, telemetry
from node.domain.query import parse
from node.errors import CallerError, NotFoundError, OperatorError
from node.flows.logs import arrivals
from node.flows.searching import saved as flow
from node.flows.searching import tell
from node.flows.searching.tell import Told
from node.peers.client import open_session
from node.peers.mail import MailServer
from node.store import telling as store
from node.store.postgres import Pool, open_pool
from node.store.reference import load_label_reference
from tests.conftest import dsn_of
from tests.federation_made import Clock, Town, federation
from tests.mail_made import Hook, Sink, mail_sink, webhook

REFERENCE = load_label_reference()
ADDRESS = "anna.zefirini@office.example.org"
DAY = dt.timedelta(days=1)


@dataclass
class Scene:
    """Two nodes; the first has saved searches, mail and somebody who listens."""

    here: Town
    there: Town
    clock: Clock
    sink: Sink
    hook: Hook
    lines: io.StringIO

    @property
    def pool(self) -> Pool:
        """The first node's database."""
        return self.here.node.pool

    @property
    def settings(self) -> flow.Settings:
        """The first node's own."""
        return self.here.node.saved_settings()

    @property
    def outward(self) -> tell.Outward:
        """How its messages leave: as the node's own, with the sink as its server."""
        server = MailServer("127.0.0.1", self.sink.port, "none", "", "rete@lecce.example.it")
        return replace(self.here.node.outward(self.here.session), mail=lambda: server)

    async def save(self, *, email: bool = False, hook: bool = False, **asked: str) -> str:
        """Save a search; return its identifier."""
        made = await tell.save(
            self.pool, self.settings, "Olio", parse(asked.items(), REFERENCE), self.clock(),
            email=ADDRESS if email else None, webhook=self.hook.url if hook else None, has_mail=True,
        )  # fmt: skip
        return made.search_id

    async def turn(self) -> Told:
        """One turn of the job."""
        return await tell.tell_due(self.pool, self.settings, self.outward, REFERENCE, self.clock)

    async def look(self) -> int:
        """The first half of a turn: what is new is noted, nothing sent."""
        until, found = await arrivals.settled(self.pool), 0
        async with self.pool.acquire() as conn:
            waiting = await store.behind(conn, until)
        for search_id in waiting:
            found += (await tell.news(self.pool, search_id, REFERENCE, until, self.clock()))[0]
        return found

    async def pull(self) -> None:
        """The first node fetches what the second has."""
        await self.there.announce()
        await self.here.sync()

    def heard(self) -> list[str]:
        """The profiles that the webhook was told, in order."""
        return [item["profile_id"] for document in self.hook.heard for item in document["profiles"]]

    async def row(self, query: str) -> Any:
        """One value of the first node's database."""
        async with self.pool.acquire() as conn:
            return await conn.fetchval(query)


@pytest.fixture
async def scene(server: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """Two nodes, a mail server and a receiver; every log line is kept and held against the address."""
    clock, lines = Clock(), io.StringIO()
    telemetry.configure(level="DEBUG", stream=lines)
    async with federation(server, tmp_path, clock, ["here", "there"]) as (here, there), mail_sink() as sink:
        keys = {here.node.http_keyid: here.node.keys.signing["http"].public_key().public_bytes_raw()}
        async with webhook(clock, keys) as hook:
            yield Scene(here, there, clock, sink, hook, lines)
            said = lines.getvalue()
            assert "search.saved" in said
            assert not [word for word in (ADDRESS, "zefirini", hook.url, "/hooks/news") if word in said]
    structlog.reset_defaults()


async def test_what_arrives_by_pull_is_told_once_by_webhook(scene: Scene) -> None:
    """Signed as the node signs to members; what was there before, or meets the question not, is no news."""
    await scene.there.publish(2)
    await scene.pull()
    search_id = await scene.save(hook=True, territory="ITF4", q="prova")
    assert await scene.turn() == Told(0, 0, 0, 0)
    new = await scene.there.publish(3)
    await scene.there.publish(2, title={"it": "Altro"})
    await scene.pull()
    assert await scene.turn() == Told(3, 0, 1, 0)
    assert (sorted(scene.heard()), scene.hook.refused) == (sorted(new), [])
    (document,) = scene.hook.heard
    assert (document["type"], document["search_id"], document["node"]) == ("saved-search-news/1", search_id, "here")
    item = document["profiles"][0]
    assert (item["owner"], item["title"], item["url"].rpartition("/")[2]) == (
        "there",
        "Rete di prova",
        item["profile_id"],
    )
    for _ in range(3):
        scene.clock.forward(hours=7)
        assert await scene.turn() == Told(0, 0, 0, 0)
    own = await scene.here.publish(1)
    await scene.turn()
    assert scene.heard()[3:] == own


async def test_the_digest_leaves_once_a_day_at_its_hour(scene: Scene) -> None:
    """At six, in both languages, with the headers of one click; a day without news sends nothing, and nor does its evening."""
    search_id = await scene.save(email=True)
    await scene.there.publish(2)
    await scene.pull()
    assert await scene.turn() == Told(2, 0, 0, 0)
    scene.clock.now = scene.clock().replace(hour=5, minute=59) + DAY
    assert (await scene.turn()).email == 0
    scene.clock.forward(minutes=1)
    assert (await scene.turn()).email == 1
    (message,) = scene.sink.messages
    assert (message["To"], message["From"], scene.sink.recipients) == (ADDRESS, "rete@lecce.example.it", [ADDRESS])
    assert message["Subject"] == "Profili nuovi: Olio"
    # As bytes: a parser would read what mail programs do not.
    assert f"\r\nList-Unsubscribe: <{scene.settings.leave_url(search_id)}>\r\n".encode() in scene.sink.raw[0]
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text = message.get_content()
    assert text.index("Profili nuovi per la ricerca «Olio»: 2.") < text.index("New profiles for the search «Olio»: 2.")
    assert text.count(scene.settings.leave_url(search_id)) == 2
    assert all(text.count(profile_id) == 2 for profile_id in scene.there.published)
    # A day without news; what comes in its evening waits for the next morning.
    scene.clock.forward(days=1)
    await scene.turn()
    await scene.there.publish(1)
    await scene.pull()
    scene.clock.forward(hours=10)
    assert await scene.turn() == Told(1, 0, 0, 0)
    scene.clock.forward(hours=14)
    assert (await scene.turn()).email == 1
    assert len(scene.sink.messages) == 2
    assert (await scene.turn()).email == 0


async def test_a_failure_is_tried_again_later_and_nothing_is_lost_or_repeated(scene: Scene) -> None:
    """Back-off by minutes, the same delivery at every attempt, one channel's failure nobody else's; then each once."""
    await scene.save(email=True, hook=True)
    await scene.there.publish(2)
    await scene.pull()
    scene.clock.now = scene.clock().replace(hour=6, minute=0) + DAY
    scene.hook.status = 503
    assert await scene.turn() == Told(4, 1, 0, 1)
    assert await scene.turn() == Told(0, 0, 0, 0)
    for status, code in ((302, "reply-status"), (500, "road-unavailable"), (404, "reply-status")):
        scene.hook.status = status
        scene.clock.forward(hours=7)
        assert (await scene.turn()).failed == 1
        assert await scene.row("SELECT error_code FROM office.saved_channel WHERE channel = 'webhook'") == code
    assert await scene.row("SELECT failures FROM office.saved_channel WHERE channel = 'webhook'") == 4
    delivery = await scene.row("SELECT DISTINCT delivery_id FROM office.saved_news WHERE channel = 'webhook'")
    scene.hook.status = 200
    # More arrives meanwhile: it follows in a message of its own.
    await scene.there.publish(1)
    await scene.pull()
    scene.clock.forward(hours=7)
    await scene.turn()
    await scene.turn()
    assert [(d["delivery_id"] == str(delivery), len(d["profiles"])) for d in scene.hook.heard] == [
        (True, 2),
        (False, 1),
    ]
    assert await scene.row("SELECT failures FROM office.saved_channel WHERE channel = 'webhook'") == 0
    assert sorted(scene.heard()) == sorted(scene.there.published)
    # The third was news after the day's digest, and has its own the next morning.
    scene.clock.forward(days=1)
    await scene.turn()
    assert [m.get_content().count("/profiles/") for m in scene.sink.messages] == [4, 2]


@pytest.mark.parametrize(
    ("verb", "answer", "code"),
    [
        ("RCPT", "550 no such user anna.zefirini@office.example.org", "mail-refused"),
        ("MAIL", "451 later", "mail-refused"),
        ("DATA", "hang up", "mail-unreachable"),
        ("MAIL", "hang up", "mail-unreachable"),
    ],
)
async def test_a_mail_server_that_refuses_is_asked_again(scene: Scene, verb: str, answer: str, code: str) -> None:
    """Its words, which name the recipient, are neither logged nor kept."""
    await scene.save(email=True)
    await scene.there.publish(1)
    await scene.pull()
    scene.sink.answers = {verb: answer}
    scene.clock.now = scene.clock().replace(hour=6, minute=0) + DAY
    assert (await scene.turn()).failed == 1
    assert await scene.row("SELECT error_code FROM office.saved_channel") == code
    scene.sink.answers = {}
    scene.clock.forward(minutes=2)
    assert (await scene.turn()).email == 1
    assert len(scene.sink.messages) == 1


async def test_a_message_that_may_have_gone_keeps_its_name(scene: Scene) -> None:
    """When the line breaks after the message was handed over it is sent again, under the same Message-ID."""
    await scene.save(email=True)
    await scene.there.publish(1)
    await scene.pull()
    # What the server says to QUIT is no failure: the message is its own by then.
    scene.sink.answers = {"END": "hang up", "QUIT": "500 what"}
    scene.clock.now = scene.clock().replace(hour=6, minute=0) + DAY
    assert (await scene.turn()).failed == 1
    scene.sink.answers.pop("END")
    scene.clock.forward(minutes=2)
    assert (await scene.turn()).email == 1
    assert len(scene.sink.messages) == 2
    assert len({message["Message-ID"] for message in scene.sink.messages}) == 1


async def test_one_delivery_that_breaks_is_its_own_channel_s_failure(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with one, the others are told; the list shows its code, it is tried again later, no address is logged."""
    broken = [await scene.save(email=True) for _ in range(2)]
    await scene.save(hook=True)
    await scene.there.publish(1)
    await scene.pull()
    bad = "=?utf-8?q?=0d=0aBcc=3a_x?=@x.it"
    async with scene.pool.acquire() as conn:
        # As it may have been kept by an older program.
        await conn.execute("UPDATE office.saved_channel SET address = $2 WHERE search_id::text = $1", broken[0], bad)
    made = tell.mail.send

    async def send(server: MailServer, message: EmailMessage) -> None:
        if message["Message-ID"].startswith(f"<{odd}"):
            raise UnicodeError(ADDRESS)
        await made(server, message)

    scene.clock.now = scene.clock().replace(hour=5, minute=0) + DAY
    assert await scene.turn() == Told(3, 0, 1, 0)
    async with scene.pool.acquire() as conn:
        key = uuid.UUID(broken[1])
        odd = await store.delivery(conn, broken[1], "email", 50)
        monkeypatch.setattr(tell.mail, "send", send)
    scene.clock.forward(hours=1)
    await scene.save(hook=True)
    (new,) = await scene.there.publish(1)
    await scene.pull()
    told = await scene.turn()
    assert (told.failed, told.webhook, told.email) == (2, 2, 0)
    assert scene.heard().count(new) == 2
    listed = {item.search_id: item.channels[0] for item in await tell.list_all(scene.pool)}
    assert [(listed[s].error_code, listed[s].failures) for s in broken] == [
        ("saved-email-bad", 1),
        ("internal-error", 1),
    ]
    assert all(listed[s].next_at == scene.clock() + dt.timedelta(minutes=1) for s in broken)
    assert await scene.turn() == Told(0, 0, 0, 0)
    monkeypatch.setattr(tell.mail, "send", made)
    scene.clock.forward(minutes=2)
    told = await scene.turn()
    assert (told.failed, told.email) == (1, 1)
    said = scene.lines.getvalue()
    assert ("x.it" in said, "evil" in said, "UnicodeError" in said, str(key) in said) == (False, False, True, True)


async def test_a_delivery_that_cannot_be_read_is_its_own_channel_s_failure(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what breaks before anything is sent is noted, and the others are told."""
    first, _ = await scene.save(hook=True), await scene.save(hook=True)
    await scene.there.publish(1)
    await scene.pull()
    made = store.delivery_hits

    async def hits(conn: Any, search_id: str, *rest: Any, **more: Any) -> Any:
        if search_id == first:
            raise KeyError(ADDRESS)
        return await made(conn, search_id, *rest, **more)

    monkeypatch.setattr(store, "delivery_hits", hits)
    assert await scene.turn() == Told(2, 0, 1, 1)
    codes = {item.search_id: item.channels[0].error_code for item in await tell.list_all(scene.pool)}
    assert codes[first] == "internal-error"


async def test_a_question_that_breaks_silences_only_its_own_search(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are looked after and told; the log names the search and what broke."""
    searches = [await scene.save(hook=True) for _ in range(3)]
    await scene.there.publish(1)
    await scene.pull()
    made = store.lock

    async def lock(conn: Any, search_id: str) -> Any:
        if search_id == min(searches):
            raise KeyError(ADDRESS)
        return await made(conn, search_id)

    monkeypatch.setattr(store, "lock", lock)
    assert await scene.turn() == Told(2, 0, 2, 0)
    (line,) = [line for line in scene.lines.getvalue().splitlines() if "search.look_failed" in line]
    assert (min(searches) in line, "internal-error" in line, "KeyError" in line) == (True, True, True)
    monkeypatch.setattr(store, "lock", made)
    assert await scene.turn() == Told(1, 0, 1, 0)


async def test_withdrawn_before_it_was_told_means_never_told(scene: Scene) -> None:
    """Neither by mail nor by webhook nor in the feed; and an outbox with nothing to show sends nothing."""
    public = await flow.save(scene.pool, scene.settings, "Tutti", parse([], REFERENCE), scene.clock())
    await scene.save(email=True, hook=True)
    scene.hook.status = 503
    gone, kept = await scene.there.publish(2)
    await scene.pull()
    await scene.turn()
    _, items = await flow.feed(scene.pool, scene.settings, public.search_id, REFERENCE, scene.clock())
    assert {item.profile_id for item in items} == {gone, kept}
    await scene.there.withdraw(gone)
    await scene.pull()
    _, items = await flow.feed(scene.pool, scene.settings, public.search_id, REFERENCE, scene.clock())
    assert {item.profile_id for item in items} == {kept}
    scene.hook.status = 204
    scene.clock.now = scene.clock().replace(hour=6, minute=0) + DAY
    assert await scene.turn() == Told(0, 1, 1, 0)
    assert scene.heard() == [kept]
    assert gone not in scene.sink.messages[0].get_content()
    (last,) = await scene.there.publish(1)
    await scene.pull()
    assert await scene.look() == 2
    await scene.there.withdraw(last)
    await scene.pull()
    assert await scene.turn() == Told(0, 0, 0, 0)
    assert scene.heard() == [kept]


async def test_expired_or_suspended_before_it_was_told_means_not_told(scene: Scene) -> None:
    """What nobody can find by searching is in no message either."""
    await scene.save(hook=True)
    (brief,) = await scene.there.publish(1, valid_until="2026-11-30")
    (long,) = await scene.there.publish(1)
    await scene.pull()
    assert await scene.look() == 2
    scene.clock.forward(days=7)
    await scene.turn()
    assert scene.heard() == [long]
    await scene.there.publish(1)
    await scene.pull()
    assert await scene.look() == 1
    async with scene.pool.acquire() as conn:
        await conn.execute("UPDATE log.origin SET state = 'suspended' WHERE owner = 'there'")
    await scene.turn()
    assert (scene.heard(), brief in scene.heard()) == ([long], False)


async def test_who_has_left_is_told_nothing_more(scene: Scene) -> None:
    """The address is gone with what waited for it; the webhook of the same search goes on."""
    search_id = await scene.save(email=True, hook=True)
    await scene.there.publish(1)
    await scene.pull()
    await scene.turn()
    mark = scene.settings.leave_url(search_id).rpartition("/")[2]
    await flow.unsubscribe(scene.pool, scene.settings, search_id, mark, scene.clock())
    with pytest.raises(NotFoundError):
        await flow.unsubscribe(scene.pool, scene.settings, search_id, mark[:-2], scene.clock())
    await scene.there.publish(1)
    await scene.pull()
    scene.clock.forward(days=2)
    assert (await scene.turn()).email == 0
    assert len(scene.heard()) == 2
    assert scene.sink.messages == []
    assert await scene.row("SELECT address FROM office.saved_channel WHERE channel = 'email'") == ""
    await tell.tidy(scene.pool, scene.clock(), DAY)
    assert await scene.row("SELECT count(*) FROM office.saved_news WHERE channel = 'email'") == 0


async def test_a_webhook_never_reaches_a_private_address(scene: Scene) -> None:
    """Outside development neither when it is saved as http nor, by the guard, when its name leads to this machine."""
    production = replace(scene.settings, loopback=False)
    query = parse([], REFERENCE)
    for url in (scene.hook.url, "https://u:p@example.org/", "https://example.org/?key=1", "https://example.org/#a", "ftp://example.org/", "https:///x", "https://example.org:0/", "https://example.org/a b", "http://example.org/"):  # fmt: skip
        with pytest.raises(CallerError) as caught:
            await tell.save(scene.pool, production, "x", query, scene.clock(), webhook=url)
        assert (caught.value.code, url in str(caught.value.render())) == ("saved-webhook-bad", False)
    await scene.save(hook=True)
    await scene.there.publish(1)
    await scene.pull()
    async with open_session(loopback=False, total_s=5) as session:
        strict = replace(scene.outward, session=session)
        told = await tell.tell_due(scene.pool, production, strict, REFERENCE, scene.clock)
    assert (told.failed, scene.hook.heard) == (1, [])
    assert await scene.row("SELECT error_code FROM office.saved_channel") == "road-address-refused"


async def test_the_node_s_own_timers_tell_it(scene: Scene) -> None:
    """``rete serve`` has a job for it, and its tidying takes what nobody reads."""
    made = await flow.save(scene.pool, scene.settings, "x", parse([], REFERENCE), scene.clock())
    await scene.save(hook=True)
    await scene.there.publish(1)
    await scene.pull()
    jobs = scheduler.build(scene.here.node, scene.here.session)
    await jobs.timers.get_job("saved").func()
    assert scene.heard() == scene.there.published
    scene.clock.forward(days=scene.here.node.config.saved.unread_days + 1)
    await jobs.timers.get_job("tidy").func()
    assert made.search_id not in {item.search_id for item in await tell.list_all(scene.pool)}
    assert "job.failed" not in scene.lines.getvalue()


async def test_two_processes_tell_it_once(scene: Scene) -> None:
    """Turns at the same moment: one finds, one sends."""
    for _ in range(3):
        await scene.save(hook=True)
    await scene.there.publish(2)
    await scene.pull()
    looks = await asyncio.gather(*(scene.look() for _ in range(4)))
    assert sum(looks) == 6
    turns = await asyncio.gather(*(scene.turn() for _ in range(4)))
    assert sum(turn.webhook for turn in turns) == 3
    assert len(scene.hook.heard) == 3
    assert len(scene.heard()) == 6


async def test_a_process_that_dies_while_sending_leaves_only_a_lease(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its successor sends the same delivery once the lease is over."""
    await scene.save(hook=True)
    await scene.there.publish(1)
    await scene.pull()

    class Death(BaseException):
        """What no process survives."""

    async def die(*_: object) -> None:
        raise Death

    with monkeypatch.context() as patched:
        patched.setattr(tell, "_post", die)
        with pytest.raises(BaseExceptionGroup):
            await scene.turn()
    assert (await scene.turn()).webhook == 0
    scene.clock.forward(minutes=11)
    assert (await scene.turn()).webhook == 1
    assert scene.heard() == scene.there.published


async def test_a_number_that_commits_late_is_not_missed(scene: Scene) -> None:
    """A writer that drew its number first and commits last: the look waits for it, and says so when it takes too long."""
    await scene.save(hook=True)
    late, early = await scene.there.publish(2)
    await scene.pull()
    async with scene.pool.acquire() as conn:
        rows = await conn.fetch("SELECT b.* FROM coop.profile p JOIN log.body b USING (origin_id, idx) WHERE p.profile_id::text = $1", late)  # fmt: skip
        columns = "origin_id, idx, profile_id, owner, published, valid_until, territory, sector, period, size, theme, kind, keys, text_a, text_b, text_c, text_d"
        await conn.execute("CREATE TEMP TABLE kept AS SELECT * FROM coop.profile WHERE profile_id::text = $1", late)
        await conn.execute("DELETE FROM coop.profile WHERE profile_id::text = $1", late)
        assert len(rows) == 1
        begun = conn.transaction()
        await begun.start()
        await conn.execute("SELECT 1 FROM log.origin FOR SHARE")
        await conn.execute(f"INSERT INTO coop.profile ({columns}) SELECT {columns} FROM kept")
        turn = asyncio.create_task(scene.turn())
        await asyncio.sleep(0.3)
        assert not turn.done()
        await begun.commit()
    assert (await turn).found == 2
    assert sorted(scene.heard()) == sorted([late, early])


async def test_a_look_does_not_wait_for_ever(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that hangs makes this turn fail with its code and says who; the next one finds everything."""
    await scene.save(hook=True)
    await scene.there.publish(1)
    await scene.pull()
    monkeypatch.setattr(arrivals, "SETTLE_S", 0.2)
    async with scene.pool.acquire() as conn:
        async with conn.transaction():
            await conn.execute("UPDATE coop.profile SET owner = owner WHERE false")
            with pytest.raises(OperatorError) as caught:
                await scene.turn()
            pid = await conn.fetchval("SELECT pg_backend_pid()")
        what, _, hint = caught.value.render()
        assert (caught.value.code, str(pid) in what, "pg_stat_activity" in hint) == ("saved-unsettled", True, True)
        assert "prelievo" not in what
    assert (await scene.turn()).found == 1


async def test_a_look_waits_for_nobody_who_writes_no_profile(
    scene: Scene, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for writers of another database of the same server, nor for those of other tables here, nor for readers."""
    monkeypatch.setattr(arrivals, "SETTLE_S", 0.2)
    await scene.save(hook=True)
    await scene.there.publish(1)
    await scene.pull()
    other = await asyncpg.connect(dsn_of(server, "postgres"))
    try:
        async with other.transaction(), scene.pool.acquire() as conn, conn.transaction():
            await other.execute("CREATE TEMP TABLE profile (id int)")
            await other.execute("SELECT pg_current_xact_id()")
            await conn.execute("SELECT 1 FROM coop.profile")
            await conn.execute("UPDATE log.origin SET state = state")
            assert await asyncio.wait_for(arrivals.settled(scene.pool), 5) > 0
    finally:
        await other.close()
    assert (await scene.turn()).found == 1


async def test_a_look_that_waits_holds_no_connection(db: str) -> None:
    """One connection is enough for a look that waits and for everybody else; it ends when the writer does."""
    narrow = await open_pool(db, max_size=1)
    writer = await asyncpg.connect(db)
    try:
        begun = writer.transaction()
        await begun.start()
        await writer.execute("DELETE FROM coop.profile WHERE false")
        look = asyncio.create_task(arrivals.settled(narrow))
        await asyncio.sleep(0.2)
        for _ in range(20):
            async with narrow.acquire(timeout=0.5) as conn:
                await conn.fetchval("SELECT 1")
                await asyncio.sleep(0.02)
        assert not look.done()
        await begun.rollback()
        assert await asyncio.wait_for(look, 5) == 0
    finally:
        await writer.close()
        await narrow.close()


def test_arrivals_are_numbered_by_the_column_alone() -> None:
    """A number drawn before its writer holds the table, by a statement of its own, would be one that no look waits for."""
    drawn = [
        line.strip()
        for path in (Path(node.__file__).parent).rglob("*")
        if path.suffix in (".sql", ".py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "nextval('coop.profile_arrival" in line
    ]
    assert drawn == ["ALTER TABLE coop.profile ALTER COLUMN arrival SET DEFAULT nextval('coop.profile_arrival');"]


async def test_a_search_of_vouched_profiles_hears_of_them_when_witnesses_vouch(scene: Scene) -> None:
    """Not when they arrive, and then once; what was vouched for before it was saved is no news."""
    (before,) = await scene.there.publish(1)
    await scene.pull()
    async with scene.pool.acquire() as conn:
        await conn.execute("UPDATE log.origin SET witnessed_size = 1, witnessed_at = now() WHERE owner = 'there'")
    await scene.save(hook=True, witnessed="yes")
    await scene.save(hook=True)
    (new,) = await scene.there.publish(1)
    await scene.pull()
    async with scene.pool.acquire() as conn:
        await conn.execute("UPDATE log.origin SET witnessed_size = 1 WHERE owner = 'there'")
    assert (await scene.turn()).found == 1
    async with scene.pool.acquire() as conn:
        await conn.execute("UPDATE log.origin SET witnessed_size = 2 WHERE owner = 'there'")
    assert (await scene.turn()).found == 1
    assert (await scene.turn()).found == 0
    assert (scene.heard().count(new), scene.heard().count(before)) == (2, 0)


async def test_a_new_year_s_log_is_no_news(scene: Scene) -> None:
    """The living profiles of the last year move on and are told to nobody again."""
    await scene.there.publish(2)
    await scene.pull()
    await scene.save(hook=True)
    async with scene.pool.acquire() as conn:
        old = await conn.fetchval("SELECT origin_id FROM log.origin WHERE owner = 'there'")
        moved = await conn.fetchval("INSERT INTO log.origin (origin, owner, name, vkey, state, root, predecessor_id) VALUES ('x/federation/log/2027', 'there', 'n', 'k', 'ready', $2, $1) RETURNING origin_id", old, bytes(32))  # fmt: skip
        for table in ("log.body", "coop.profile"):
            names = await conn.fetchval(f"SELECT string_agg(attname, ', ') FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attname NOT IN ('origin_id', 'arrival')")  # fmt: skip
            await conn.execute(f"INSERT INTO {table} (origin_id, {names}) SELECT $2, {names} FROM {table} WHERE origin_id = $1", old, moved)  # fmt: skip
    assert await scene.turn() == Told(0, 0, 0, 0)
    (new,) = await scene.there.publish(1)
    await scene.pull()
    await scene.turn()
    assert scene.heard() == [new]


async def test_more_than_fits_in_one_look_or_message_follows(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded steps, and all of it is told in the end."""
    monkeypatch.setattr(store, "LOOK_MAX", 3)
    monkeypatch.setattr(tell.domain, "DELIVERY_MAX", 4)
    await scene.save(hook=True)
    await scene.save(hook=True, witnessed="yes")
    await scene.there.publish(10)
    await scene.pull()
    async with scene.pool.acquire() as conn:
        await conn.execute("UPDATE log.origin SET witnessed_size = size WHERE owner = 'there'")
    for _ in range(4):
        await scene.turn()
    assert sorted(scene.heard()) == sorted(scene.there.published * 2)
    assert max(len(document["profiles"]) for document in scene.hook.heard) == 4


async def test_refusals_of_the_office_s_own(scene: Scene) -> None:
    """Without a mail server no address is taken; bad addresses are refused without being repeated; unknown ones are unknown."""
    query = parse([("territory", "ITF4")], REFERENCE)
    await scene.save(hook=True)
    with pytest.raises(CallerError) as caught:
        await tell.save(scene.pool, scene.settings, "x", query, scene.clock(), email=ADDRESS)
    assert (caught.value.code, ADDRESS in str(caught.value.render())) == ("saved-mail-missing", False)
    for bad in ("", "a", "a@b", "a b@example.org", "a@example.org\nBcc: b@example.org", "è@example.org", "a@-x.org", f"{'a' * 65}@example.org"):  # fmt: skip
        with pytest.raises(CallerError) as caught:
            await tell.save(scene.pool, scene.settings, "x", query, scene.clock(), email=bad, has_mail=True)  # fmt: skip
        assert caught.value.code == "saved-email-bad"
    for unknown in ("x", "00000000-0000-4000-8000-000000000000"):
        with pytest.raises(NotFoundError):
            await flow.delete(scene.pool, unknown)


async def test_a_feed_that_nobody_reads_is_deleted(scene: Scene) -> None:
    """After its days; one that is read stays, and so does what the office made."""
    await scene.save(hook=True)
    made = [await flow.save(scene.pool, scene.settings, "x", parse([], REFERENCE), scene.clock()) for _ in range(2)]
    scene.clock.forward(days=60)
    await flow.feed(scene.pool, scene.settings, made[0].search_id, REFERENCE, scene.clock())
    scene.clock.forward(days=60)
    assert await tell.tidy(scene.pool, scene.clock(), dt.timedelta(days=90)) == 1
    kept = {item.search_id for item in await tell.list_all(scene.pool)}
    assert (made[0].search_id in kept, made[1].search_id in kept, len(kept)) == (True, False, 2)


async def test_every_query_is_good_sql(pool: Pool) -> None:
    """PREPARE finds a wrong column before a user does."""
    async with pool.acquire() as conn:
        for name, query in (store.QUERIES | arrivals.store.QUERIES | flow.store.QUERIES).items():
            assert await conn.prepare(query), name


async def test_what_is_new_is_found_by_its_index(pool: Pool) -> None:
    """Cost follows what arrived: no plan reads the whole table, however little the planner knows."""
    async with pool.acquire() as conn:
        await conn.execute("SET enable_seqscan = off")
        plan = await conn.fetch(f"EXPLAIN {store.QUERIES['arrived'].replace('$1', '5').replace('$2', '9').replace('$3', '10')}")  # fmt: skip
        assert "profile_by_arrival" in str(plan)


async def test_an_address_goes_when_its_owner_leaves_whoever_writes(pool: Pool) -> None:
    """The database holds it: nobody is unsubscribed with an address, or subscribed without one."""
    async with pool.acquire() as conn:
        search_id = await conn.fetchval("INSERT INTO office.saved_search (search_id, title, query, token_hash, made_by, created_at, read_on) VALUES (gen_random_uuid(), 'x', '{}', decode(repeat('00', 32), 'hex'), 'office', now(), now()) RETURNING search_id")  # fmt: skip
        for address, left in (("a@example.org", "now()"), ("", "NULL")):
            with pytest.raises(asyncpg.CheckViolationError):
                await conn.execute(f"INSERT INTO office.saved_channel (search_id, channel, address, next_at, unsubscribed_at) VALUES ($1, 'email', $2, now(), {left})", search_id, address)  # fmt: skip


async def test_standing_questions_mean_what_was_written(scene: Scene) -> None:
    """Neither put right towards what is there today nor asked less strictly: feed and messages tell the same."""
    typo = await scene.save(hook=True, q="mecatronica")
    both = await scene.save(hook=True, q="olio astronave")
    public = await flow.save(
        scene.pool, scene.settings, "Prova", parse([("q", "olio astronave")], REFERENCE), scene.clock()
    )
    await scene.here.publish(1, title={"it": "Meccatronica e olio"})
    assert await scene.look() == 0
    _, items = await flow.feed(scene.pool, scene.settings, public.search_id, REFERENCE, scene.clock())
    assert (list(items), bool(typo), bool(both)) == ([], True, True)
