"""What the scheduler does for introductions by itself: each part of it, whatever another ran into; deletions on their day."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from node import scheduler
from node.domain.introduction import Kind
from node.errors import RoadWrongError
from node.flows.introductions import asking, hear, remind
from node.flows.introductions.asking import Applicant, Wish
from node.flows.introductions.casework import Office
from node.flows.upkeep import audit
from node.runtime import Node
from node.store.reference import load_label_reference
from tests.federation_made import Clock, free_ports
from tests.introductions_made import Pair, two_offices


@pytest.fixture
async def pair(server: str, desk_listed: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Torino and Lecce."""
    async with two_offices(server, desk_listed, tmp_path, Clock()) as found:
        yield found


async def turn(node: Node, *names: str) -> dict[str, str]:
    """Run jobs of a process that just began; return the code of each that failed."""
    async with node.session() as session:
        jobs = scheduler.build(node, session)
        for name in names:
            await jobs.timers.get_job(name).func()
        return {turn.name: turn.code for turn in jobs.schedule().turns if turn.code}


async def cases(node: Node) -> set[str]:
    """The cases that are there."""
    async with node.pool.acquire() as conn:
        return {str(row["id"]) for row in await conn.fetch("SELECT introduction_id AS id FROM office.introduction")}


async def test_what_ended_is_deleted_on_its_day_without_anybody_s_command(pair: Pair) -> None:
    """A case that ended and a firm's draft, once their days are over and not before, with a word in the chain; an open case stays."""
    node = pair.seeker.town.node
    ended = await pair.reach()
    await pair.owner.do(ended, Kind.DECLINE, detail="other")
    await pair.carry()
    office = replace(
        pair.seeker.office(),
        configured=replace(node.config, introductions=replace(node.config.introductions, requests=True)),
    )
    firm = Applicant("Prova Impresa", "Prova Titolare", "prova@example.org")
    wish = Wish(pair.profile_id, "Cerchiamo un partner.", applicant=firm)
    draft, _ = await asking.ask(office, wish, pair.clock(), load_label_reference())
    begun = pair.clock()
    kept = await pair.seeker.ask(pair.profile_id, at=1)
    days = node.config.retention.introductions_days
    pair.clock.now = begun + dt.timedelta(days=days - 1)
    assert await turn(node, "tidy") == {}
    assert await cases(node) == {ended, draft, kept}
    pair.clock.now = begun + dt.timedelta(days=days + 1)
    assert await turn(node, "tidy") == {}
    assert await cases(node) == {kept}
    async with node.pool.acquire() as conn:
        told = await conn.fetch("SELECT document FROM audit.event WHERE kind = 'introduction' ORDER BY event_id")
    documents = [json.loads(row["document"]) for row in told]
    # Nobody in person: the node.
    assert [(d["introduction"], d.get("officer")) for d in documents if d["action"] == "ended"] == [(ended, None)]
    assert (await audit.verify(node.pool, node.home)).ok


async def test_deletions_are_looked_for_once_a_day(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job tidies every few minutes, and looks for old introductions on its first turn of each day; a turn that failed does not count."""
    node, looked, answers = pair.seeker.town.node, [], [RoadWrongError("x-y", "x")]

    async def tidy(_: Office, now: dt.datetime) -> int:
        looked.append(now.date())
        if answers:
            raise answers.pop()
        return 0

    monkeypatch.setattr(remind, "tidy", tidy)
    async with node.session() as session:
        jobs = scheduler.build(node, session)
        first = pair.clock().date()
        for _ in range(4):
            await jobs.timers.get_job("tidy").func()
        assert looked == [first] * 2
        pair.clock.forward(days=1)
        await jobs.timers.get_job("tidy").func()
    assert looked == [first, first, first + dt.timedelta(days=1)]


async def test_rows_of_which_nothing_ever_came_go_after_a_month(pair: Pair) -> None:
    """Another office's that has no beginning, our own of which giving back left nothing; not one that holds an event or is under way."""
    node = pair.seeker.town.node
    under_way = await pair.seeker.ask(pair.profile_id)
    made = {}
    async with node.pool.acquire() as conn:
        for name, party in (("theirs", "owner"), ("ours", "seeker"), ("lost", "seeker")):
            made[name] = str(
                await conn.fetchval(
                    "INSERT INTO office.introduction (introduction_id, party, peer, profile_id, state, since, created_at, changed_at)"
                    " VALUES (gen_random_uuid(), $1, 'p_LE', gen_random_uuid(), 'sent', $2, $2, $2) RETURNING introduction_id",
                    party, pair.clock(),
                )
            )  # fmt: skip
        await conn.execute(
            "INSERT INTO office.introduction_event (introduction_id, party, seq, seen, kind, at, event, signature, written_at)"
            " VALUES ($1, 'seeker', 2, 0, 'answer', 0, 'x', decode(repeat('00', 64), 'hex'), $2)", made["lost"], pair.clock(),
        )  # fmt: skip
    pair.clock.forward(days=29)
    await turn(node, "tidy")
    assert await cases(node) == {under_way, *made.values()}
    pair.clock.forward(days=2)
    await turn(node, "tidy")
    assert await cases(node) == {under_way, made["lost"]}


async def test_a_part_that_fails_keeps_no_other_from_its_work(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was lost is sent again though closing cases fails; the job tells the code of what failed first."""
    node = pair.seeker.town.node
    await pair.seeker.ask(pair.profile_id)
    async with node.pool.acquire() as conn:
        await conn.execute("DELETE FROM post.outbox")
    pair.clock.forward(seconds=hear.AGAIN.total_seconds() + 1)

    async def broken(*_: object) -> int:
        raise RoadWrongError("x-first", "x")

    async def lost(*_: object) -> int:
        raise KeyError("y")

    monkeypatch.setattr(remind, "work_due", broken)
    monkeypatch.setattr(remind, "give_back", lost)
    assert await turn(node, "introductions") == {"introductions": "x-first"}
    async with node.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM post.outbox") == 1


async def test_a_mail_server_that_is_away_is_a_job_of_its_own(pair: Pair) -> None:
    """The mails of introductions fail by their own name; the cases go on under theirs."""
    await pair.reach()
    node = pair.owner.town.node
    (port,) = free_ports(1)
    config = replace(
        node.config,
        introductions=replace(node.config.introductions, mail="ufficio@example.org"),
        mail=replace(node.config.mail, host="127.0.0.1", port=port, tls="none", sender="rete@example.org"),
    )
    failed = await turn(replace(node, configured=config), "introductions", "introductions-mail")
    assert failed == {"introductions-mail": "mail-unreachable"}
