"""A case file that two offices see, over the sealed post: four eyes, a copy that follows, answers, and an end; and whoever lies about it."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from node.domain import documents as kinds
from node.domain import entry_form
from node.domain.programme import case_file
from node.domain.programme.shared_case import Kind, State
from node.errors import CallerError, NotFoundError
from node.flows.introductions import post
from node.flows.programme import case_papers, case_post, case_sharing, case_work, cases, sealed_families
from node.flows.registry import keeping
from node.flows.registry.documents import Bounds
from node.flows.upkeep import audit
from node.protocol import sealed, share
from node.protocol.share import Said
from node.store import outbox
from node.store.outbox import Posted
from tests.courses_made import School
from tests.documents_made import HOSTILE, PDF, TEXT
from tests.federation_made import Clock, federation
from tests.networks_made import record

CONSENT = dt.date(2026, 11, 20)
BOUNDS = Bounds(2**20, 2**21)
NOBODY = "0b5a3a52-0000-4000-8000-000000000000"


@dataclass
class Three:
    """Lecce, which shares; Turin, the partner; Rome, which has no part in it."""

    lecce: School
    torino: School
    roma: School
    clock: Clock

    async def carry(self) -> None:
        """Carry everything to its end."""
        for _ in range(2):
            for school in (self.lecce, self.torino, self.roma):
                await school.post()

    async def case(self) -> str:
        """A case of Lecce with two tasks and two documents."""
        pool, now = self.lecce.town.node.pool, self.clock()
        kept = await keeping.write(pool, entry_form.entry_of(record()), now)
        assert kept.network_id, kept.problems
        case_id = await cases.open_case(
            pool, "anna", now, title="Verso il contratto", lines=["legal", "fiscal"], network_id=kept.network_id
        )
        for title, note in (("Bozza dello statuto", "con il notaio\nentro l'anno"), ("Visura", "")):
            told = case_file.task(title, "legal", "", dt.date(2026, 12, 3), "open", note)
            await case_work.add_task(pool, case_id, "anna", told, self.clock())
            self.clock.forward(seconds=1)
        for title, content, name in (("Nota", TEXT, "nota.txt"), ("Atto", PDF, "atto.pdf")):
            described = kinds.describe(title, "other", None, name)
            await case_papers.add_document(pool, case_id, "anna", described, content, BOUNDS, self.clock())
            self.clock.forward(seconds=1)
        return case_id

    async def propose(self, case_id: str, **more: Any) -> str:
        """Anna proposes to share it with Turin."""
        told: dict[str, Any] = {"to": "cmto", "consent_on": CONSENT, "consent_ref": "prot. 41/2026", **more}
        return await case_sharing.propose(self.lecce.office, case_id, "anna", self.clock(), **told)

    async def shared(self) -> tuple[str, str]:
        """A case that Turin has a copy of; return the case's and the share's id."""
        case_id = await self.case()
        share_id = await self.propose(case_id)
        await case_sharing.approve(self.lecce.office, share_id, "bruno", self.clock())
        await self.carry()
        return case_id, share_id

    async def read(self, share_id: str) -> case_sharing.Shared:
        """What Turin sees."""
        return await case_sharing.read(self.torino.town.node.pool, share_id)

    async def given(self, case_id: str) -> case_sharing.Share:
        """What Lecce sees of its newest share."""
        return (await case_sharing.of_case(self.lecce.town.node.pool, case_id))[0]

    async def refused(self, school: School, peer: str) -> list[str]:
        """What an office refused of another's messages."""
        async with school.town.node.pool.acquire() as conn:
            rows = await conn.fetch("SELECT code FROM post.refused WHERE peer = $1 ORDER BY number", peer)
        return [row["code"] for row in rows]

    async def say(self, school: School, peer: str, said: Said) -> None:
        """Leave a message in an office's outbox, signed by that office, whatever it says, and carry it."""
        member = school.office.membership.members[peer]
        assert member.seal is not None
        header = sealed.Header(school.office.own_id, peer, said.id, said.seq)
        raw = sealed.seal(header, share.encode(said, school.office.key), member.seal)
        async with school.town.node.pool.acquire() as conn, conn.transaction():
            await outbox.put(conn, peer, [Posted(said.id, said.seq, member.seal.id, raw)], school.now)
        await self.carry()

    async def copy(self, share_id: str, **changes: Any) -> Said:
        """A message such as Lecce sends, whoever sends it."""
        async with self.lecce.town.node.pool.acquire() as conn:
            row = await case_post.store.read_share(conn, share_id)
            assert row is not None
            _, case = await case_post._content(conn, row)
        told = Said(share_id, "p_LE", "cmto", share.COPY, 50, 0, int(self.clock().timestamp()), case=case)
        return replace(told, **changes)


@pytest.fixture
async def three(server: str, tmp_path: Path) -> AsyncIterator[Three]:
    """Offices that know each other."""
    clock = Clock()
    async with federation(server, tmp_path, clock, ("p_LE", "cmto", "cmrm")) as towns:
        yield Three(*map(School, towns), clock)  # type: ignore[call-arg,arg-type]


async def assert_refused(code: str, work: Any) -> None:
    """Nothing happens, and why."""
    with pytest.raises(CallerError) as caught:
        await work
    assert caught.value.code == code


async def test_nothing_leaves_before_a_second_officer(three: Three) -> None:
    """Who proposed it does not approve it, by page or by hand in the database; what was proposed alone is nowhere else."""
    case_id = await three.case()
    share_id = await three.propose(case_id)
    await assert_refused("share-own", case_sharing.approve(three.lecce.office, share_id, " ANNA ", three.clock()))
    async with three.lecce.town.node.pool.acquire() as conn:
        with pytest.raises(asyncpg.CheckViolationError, match="share_four_eyes"):
            await conn.execute("UPDATE programme.case_share SET state = 'live', approved_by = 'Anna'")
        with pytest.raises(asyncpg.CheckViolationError, match="share_approved"):
            await conn.execute("UPDATE programme.case_share SET state = 'live'")
    await three.carry()
    assert await case_sharing.received(three.torino.town.node.pool) == []
    # And is forgotten without a word to anybody.
    assert await case_sharing.end(three.lecce.office, share_id, "anna", three.clock())
    assert not await case_sharing.end(three.lecce.office, share_id, "anna", three.clock())
    await assert_refused(
        "share-not-proposed", case_sharing.approve(three.lecce.office, share_id, "bruno", three.clock())
    )
    async with three.lecce.town.node.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM post.outbox") == 0


async def test_what_a_proposal_needs(three: Three) -> None:
    """A consent with day and reference, a partner that can be written to, documents that are there; each case once with an office."""
    case_id = await three.case()
    await assert_refused("share-consent-missing", three.propose(case_id, consent_on=None))
    await assert_refused("share-consent-future", three.propose(case_id, consent_on=dt.date(2027, 1, 1)))
    await assert_refused("case-words-missing", three.propose(case_id, consent_ref=" "))
    await assert_refused("introduction-peer-cannot", three.propose(case_id, to="p_LE"))
    await assert_refused("introduction-peer-cannot", three.propose(case_id, to="nobody"))
    await assert_refused("document-unknown", three.propose(case_id, documents=[NOBODY]))
    await assert_refused("case-unknown", three.propose(NOBODY))
    await three.propose(case_id)
    await assert_refused("share-there", three.propose(case_id))
    with pytest.raises(NotFoundError):
        await case_sharing.approve(three.lecce.office, NOBODY, "bruno", three.clock())


async def test_the_partner_sees_a_copy_and_no_more(three: Three) -> None:
    """Lines, tasks with their days, how the contract's points stand, documents by name; no officer, hours, costs or texts."""
    case_id, share_id = await three.shared()
    (seen,) = await case_sharing.received(three.torino.town.node.pool)
    assert seen.copy is not None
    assert (seen.row.peer, seen.copy.title, seen.copy.lines) == ("p_LE", "Verso il contratto", ("legal", "fiscal"))
    assert (seen.copy.consent_on, seen.copy.consent_ref) == (CONSENT, "prot. 41/2026")
    assert [(task.title, task.due_on, task.note) for task in seen.copy.tasks] == [
        ("Bozza dello statuto", dt.date(2026, 12, 3), "con il notaio\nentro l'anno"), ("Visura", dt.date(2026, 12, 3), ""),
    ]  # fmt: skip
    assert dict(seen.copy.points)["decisions"] == "missing"
    assert [(item.title, item.content, item.sha256) for item in seen.copy.documents] == [
        ("Nota", None, hashlib.sha256(TEXT).hexdigest()), ("Atto", None, hashlib.sha256(PDF).hexdigest()),
    ]  # fmt: skip
    assert "anna" not in str(seen.row.copy)
    given = await three.given(case_id)
    assert (given.row.state, given.row.said, given.row.acked) == (State.LIVE, 1, 1)
    assert (await three.read(share_id)).row.share_id == share_id


async def test_a_chosen_document_comes_as_it_is(three: Three) -> None:
    """Its bytes arrive, are judged again and can be taken; one that was not chosen is not there; a share's end takes them."""
    case_id = await three.case()
    pool = three.lecce.town.node.pool
    first, second = (item.document_id for item in (await cases.read(pool, case_id)).documents)
    share_id = await three.propose(case_id, documents=[first])
    await case_sharing.approve(three.lecce.office, share_id, "bruno", three.clock())
    await three.carry()
    here = three.torino.town.node.pool
    assert (await case_sharing.take_document(here, share_id, first)).content == TEXT
    await assert_refused("document-unknown", case_sharing.take_document(here, share_id, second))
    await case_sharing.end(three.lecce.office, share_id, "anna", three.clock())
    await three.carry()
    await assert_refused("document-unknown", case_sharing.take_document(here, share_id, first))


async def test_changes_travel_and_so_does_the_end_of_the_case(three: Three) -> None:
    """A task that is done, a text for the contract, the closing: each is in the partner's next copy; without a change nothing is said."""
    case_id, share_id = await three.shared()
    pool = three.lecce.town.node.pool
    for task in (await cases.read(pool, case_id)).tasks:
        told = case_file.task(task.title, task.line, task.owner, task.due_on, "done", "")
        await case_work.change_task(pool, case_id, task.task_id, "anna", told, three.clock(), seen=task.revision)
    await case_papers.write_clause(
        pool, case_id, "anna", three.clock(), point="decisions", text="A maggioranza.", seen=0
    )
    await three.carry()
    seen = await three.read(share_id)
    assert seen.copy is not None
    assert {task.state for task in seen.copy.tasks} == {"done"}
    assert dict(seen.copy.points)["decisions"] == "drafted"
    assert "maggioranza" not in str(seen.row.copy)
    await cases.close(pool, case_id, "anna", three.clock(), outcome="advice-given", note="Finito bene")
    await three.carry()
    seen = await three.read(share_id)
    assert seen.copy is not None
    assert seen.copy.closure is not None
    assert (seen.copy.state, seen.copy.closure.outcome, seen.copy.closure.words) == (
        "closed",
        "advice-given",
        "Finito bene",
    )
    said = (await three.given(case_id)).row.said
    await three.carry()
    assert (await three.given(case_id)).row.said == said == 3


async def test_the_partner_answers_and_the_office_reads_it(three: Three) -> None:
    """A note and a task come at the case; each is heard once, acknowledged, and the talk comes to rest."""
    case_id, share_id = await three.shared()
    due = dt.date(2026, 12, 20)
    await case_sharing.reply(
        three.torino.office, share_id, "carla", three.clock(), kind=Kind.NOTE, text="Abbiamo due imprese."
    )
    await case_sharing.reply(
        three.torino.office, share_id, "carla", three.clock(), kind=Kind.TASK, text="Incontro a Torino", due_on=due
    )
    await three.carry()
    given = await three.given(case_id)
    assert [(item.kind, item.words, item.due_on) for item in given.replies] == [
        (Kind.NOTE, "Abbiamo due imprese.", None), (Kind.TASK, "Incontro a Torino", due),
    ]  # fmt: skip
    assert "carla" not in str(given)
    numbers = (given.row.said, given.row.heard)
    for _ in range(3):
        three.clock.forward(hours=7)
        await three.carry()
    given, seen = await three.given(case_id), await three.read(share_id)
    assert (given.row.said, given.row.heard) == numbers
    assert (given.row.acked, seen.row.acked) == (given.row.said, seen.row.changed)
    # What the office has blanked of an answer is not brought back by the next one.
    async with three.lecce.town.node.pool.acquire() as conn:
        await conn.execute("UPDATE programme.case_share_reply SET words = '[cancellato]' WHERE number = 1")
    await case_sharing.reply(three.torino.office, share_id, "carla", three.clock(), kind=Kind.NOTE, text="Terza.")
    await three.carry()
    assert [item.words for item in (await three.given(case_id)).replies] == [
        "[cancellato]",
        "Incontro a Torino",
        "Terza.",
    ]


async def test_what_is_taken_back_is_erased_there(three: Three) -> None:
    """The copy goes, nothing more can be answered, the office sees that it is gone, and the case can be shared anew."""
    case_id, share_id = await three.shared()
    await case_sharing.end(three.lecce.office, share_id, "bruno", three.clock())
    await three.carry()
    seen, given = await three.read(share_id), await three.given(case_id)
    assert (seen.copy, seen.row.copy, seen.row.state) == (None, {}, State.ENDED)
    assert (given.row.state, given.row.has_left) == (State.ENDED, True)
    await assert_refused(
        "share-over",
        case_sharing.reply(three.torino.office, share_id, "carla", three.clock(), kind=Kind.NOTE, text="x"),
    )
    again = await three.propose(case_id)
    await case_sharing.approve(three.lecce.office, again, "bruno", three.clock())
    await three.carry()
    assert (await three.read(again)).copy is not None


async def test_the_partner_may_leave(three: Three) -> None:
    """Its copy goes, the office sees it, and no later change comes."""
    case_id, share_id = await three.shared()
    await case_sharing.leave(three.torino.office, share_id, "carla", three.clock())
    assert (await three.read(share_id)).copy is None
    await case_papers.write_clause(
        three.lecce.town.node.pool, case_id, "anna", three.clock(), point="decisions", text="x", seen=0
    )
    await three.carry()
    given = await three.given(case_id)
    assert (given.row.state, given.row.has_left) == (State.ENDED, True)
    assert (await three.read(share_id)).copy is None
    assert (await three.read(share_id)).row.acked >= (await three.read(share_id)).row.changed


async def test_a_case_that_is_gone_takes_its_copies_along(three: Three) -> None:
    """A case whose term is over, or that goes with its network: partners are told to erase; of the consent's words none stay."""
    case_id, share_id = await three.shared()
    async with three.lecce.town.node.pool.acquire() as conn:
        await conn.execute("DELETE FROM programme.case_file WHERE case_id = $1", case_id)
    await three.carry()
    assert (await three.read(share_id)).copy is None
    (given,) = await case_sharing.given(three.lecce.town.node.pool)
    assert (given.state, given.case_id, given.consent_ref, given.has_left) == (State.ENDED, None, "", True)


async def test_a_lost_message_is_said_again(three: Three) -> None:
    """Of the copy, and of the answer: six hours later."""
    case_id = await three.case()
    share_id = await three.propose(case_id)
    await case_sharing.approve(three.lecce.office, share_id, "bruno", three.clock())
    await _lose(three.lecce)
    await three.carry()
    assert await case_sharing.received(three.torino.town.node.pool) == []
    three.clock.forward(hours=7)
    await three.carry()
    await case_sharing.reply(three.torino.office, share_id, "carla", three.clock(), kind=Kind.NOTE, text="Due imprese.")
    await _lose(three.torino)
    await three.carry()
    assert (await three.given(case_id)).replies == ()
    three.clock.forward(hours=7)
    await three.carry()
    assert [item.words for item in (await three.given(case_id)).replies] == ["Due imprese."]


async def _lose(school: School) -> None:
    async with school.town.node.pool.acquire() as conn:
        await conn.execute("DELETE FROM post.outbox")


async def test_an_older_copy_of_either_database_goes_on(three: Three) -> None:
    """Numbers that began again are taken up behind what the other office knows; a partner that lost all is told all."""
    case_id, share_id = await three.shared()
    async with three.lecce.town.node.pool.acquire() as conn:
        await conn.execute(
            "UPDATE programme.case_share SET said = 1, acked = 0, heard = 0, content = NULL, posted_at = NULL"
        )
    async with three.torino.town.node.pool.acquire() as conn:
        await conn.execute("UPDATE programme.shared_case SET heard = 9, said = 5, posted = 5")
    for _ in range(2):
        three.clock.forward(hours=7)
        await three.carry()
    given, seen = await three.given(case_id), await three.read(share_id)
    assert given.row.said > 9
    assert seen.row.heard == given.row.said == given.row.acked
    async with three.torino.town.node.pool.acquire() as conn:
        await conn.execute("DELETE FROM programme.shared_case")
    await case_papers.write_clause(
        three.lecce.town.node.pool, case_id, "anna", three.clock(), point="rights", text="x", seen=0
    )
    await three.carry()
    assert (await three.read(share_id)).copy is not None


async def test_replays_and_wrong_order_change_nothing(three: Three) -> None:
    """A copy that is brought again after a newer one, and after the share's end; and an end that comes before its copy."""
    case_id, share_id = await three.shared()
    node = three.torino.town.node
    carrier = node.carrier(three.torino.town.session, sealed_families.exchange(three.torino.office, node.clock))
    first = await _exported(three, await three.copy(share_id, seq=2))
    await case_papers.write_clause(
        three.lecce.town.node.pool, case_id, "anna", three.clock(), point="rights", text="x", seen=0
    )
    await three.carry()
    await case_papers.write_clause(
        three.lecce.town.node.pool, case_id, "anna", three.clock(), point="decisions", text="x", seen=0
    )
    await three.carry()
    newest = (await three.read(share_id)).row
    for _ in range(2):
        asked = await post.import_(carrier, "p_LE", first)
        assert (asked.received, asked.refused) == (1, 0)
        await three.carry()
        assert (await three.read(share_id)).row.copy == newest.copy
    await case_sharing.end(three.lecce.office, share_id, "anna", three.clock())
    await three.carry()
    await post.import_(carrier, "p_LE", first)
    await three.carry()
    assert (await three.read(share_id)).copy is None
    # An end of something that never came: what comes behind it does not begin it.
    other = NOBODY.replace("0b5a", "1b5a")
    await three.say(three.lecce, "cmto", Said(other, "p_LE", "cmto", share.END, 2, 0, int(three.clock().timestamp())))
    late = await three.copy(share_id, id=other, seq=1, kind=share.COPY, case=newest.copy)
    await three.say(three.lecce, "cmto", late)
    assert (await three.read(other)).copy is None


async def _exported(three: Three, said: Said) -> bytes:
    """The file that would carry one message of Lecce."""
    member = three.lecce.office.membership.members["cmto"]
    assert member.seal is not None
    raw = sealed.seal(
        sealed.Header("p_LE", "cmto", said.id, said.seq), share.encode(said, three.lecce.office.key), member.seal
    )
    async with three.lecce.town.node.pool.acquire() as conn, conn.transaction():
        (number,) = await outbox.put(conn, "cmto", [Posted(said.id, said.seq, member.seal.id, raw)], three.clock())
    whole = await post.export(three.lecce.town.node.pool, "cmto", number - 1)
    async with three.lecce.town.node.pool.acquire() as conn:
        await conn.execute("DELETE FROM post.outbox WHERE number = $1", number)
    return whole


async def test_nobody_speaks_for_another(three: Three) -> None:
    """Rome, which has no part in a share, can neither change the copy, end it, answer the case, nor use its id for another."""
    case_id, share_id = await three.shared()
    before = (await three.read(share_id)).row
    forged = await three.copy(share_id, sender="cmrm")
    for said in (forged, replace(forged, seq=51, sender="p_LE"), replace(forged, seq=52, kind=share.END, case=None)):
        await three.say(three.roma, "cmto", said)
    assert await three.refused(three.torino, "cmrm") == ["share-mismatch"] * 3
    answer = Said(share_id, "cmrm", "p_LE", share.LEAVE, 9, 1, int(three.clock().timestamp()), replies=())
    await three.say(three.roma, "p_LE", answer)
    # And the partner cannot share the case back under the id that it was given.
    back = await three.copy(share_id, sender="cmto", recipient="p_LE")
    await three.say(three.torino, "p_LE", back)
    assert await three.refused(three.lecce, "cmrm") == ["share-mismatch"]
    assert await three.refused(three.lecce, "cmto") == ["share-mismatch"]
    assert (await three.read(share_id)).row.copy == before.copy
    assert (await three.given(case_id)).row.state is State.LIVE


async def test_hostile_messages_are_refused_and_stop_nothing(three: Three) -> None:
    """An unknown share, a day that is none, another's bytes for a hash, a program in the place of a document, the future, one too large."""
    _, share_id = await three.shared()
    good = await three.copy(share_id, seq=60)
    assert good.case is not None
    now = int(three.clock().timestamp())
    name, hostile, _ = next(item for item in HOSTILE if item[0] == "programma.pdf")
    bad: list[tuple[str, Said]] = [
        ("message-malformed", replace(good, case={**good.case, "opened": "2026-02-31"})),
        ("message-malformed", replace(good, case={**good.case, "officer": "anna"})),
        ("message-malformed", replace(good, case={**good.case, "documents": [_file(TEXT, bytes=1)]})),
        ("share-document-bad", replace(good, case={**good.case, "documents": [_file(hostile, file=name)]})),
        ("share-future", replace(good, at=now + 3600)),
    ]  # fmt: skip
    for number, (_, said) in enumerate(bad):
        await three.say(three.lecce, "cmto", replace(said, seq=60 + number))
    assert await three.refused(three.torino, "p_LE") == [code for code, _ in bad]
    unknown = Said(NOBODY, "cmto", "p_LE", share.ANSWER, 1, 0, now, replies=())
    await three.say(three.torino, "p_LE", unknown)
    assert await three.refused(three.lecce, "cmto") == ["share-unknown"]
    # Each side still hears the other.
    await three.say(three.lecce, "cmto", replace(good, seq=70, case={**good.case, "title": "Ancora qui"}))
    copy = (await three.read(share_id)).copy
    assert copy is not None
    # Its own office knows nothing of the number 70, goes on behind it, and says how things are.
    assert copy.title in ("Ancora qui", "Verso il contratto")
    # One that is larger than a message can be cannot even be sealed.
    with pytest.raises(CallerError) as caught:
        await three.say(three.lecce, "cmto", replace(good, seq=90, case={**good.case, "title": "x" * 60_000}))
    assert caught.value.code == "message-too-large"


def _file(content: bytes, **changes: Any) -> dict[str, Any]:
    told = {
        "id": NOBODY, "title": "Atto", "kind": "other", "file": "a.txt", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(),
        "content": base64.b64encode(content).decode(),
    }  # fmt: skip
    return told | changes


async def test_one_office_cannot_flood_another(three: Three, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more shares in a day than there may be the rest is refused."""
    monkeypatch.setattr(case_post, "BEGUN_MAX", 1)
    _, share_id = await three.shared()
    other = await three.copy(share_id, id=NOBODY, seq=1)
    await three.say(three.lecce, "cmto", other)
    assert await three.refused(three.torino, "p_LE") == ["share-too-many"]
    assert len(await case_sharing.received(three.torino.town.node.pool)) == 1


async def test_only_the_newest_waits_and_it_is_sealed_anew(three: Three) -> None:
    """An office that is away finds one message of a case, not one for each change; after its key changed it is sealed for the new one."""
    case_id = await three.case()
    share_id = await three.propose(case_id)
    await case_sharing.approve(three.lecce.office, share_id, "bruno", three.clock())
    pool = three.lecce.town.node.pool
    for seen in range(3):
        await case_papers.write_clause(
            pool, case_id, "anna", three.clock(), point="rights", text="x" * (seen + 1), seen=seen
        )
        await case_post.carry_due(three.lecce.office, three.clock())
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM post.outbox") == 1
        await conn.execute("UPDATE post.outbox SET key_id = '0000000000000000', sealed = 'x'")
    await three.carry()
    assert (await three.read(share_id)).copy is not None


async def test_the_chain_tells_who_shared_what_and_is_held_to_it(three: Three) -> None:
    """Proposed, approved, ended; at the partner received, answered, taken back: ids and offices, no words; a changed step is found."""
    case_id, share_id = await three.shared()
    await case_sharing.reply(three.torino.office, share_id, "carla", three.clock(), kind=Kind.NOTE, text="Segreto.")
    await three.carry()
    await case_sharing.end(three.lecce.office, share_id, "bruno", three.clock())
    await three.carry()
    told = {}
    for school in (three.lecce, three.torino):
        async with school.town.node.pool.acquire() as conn:
            rows = await conn.fetch(
                "SELECT document::jsonb ->> 'action' AS action, document FROM audit.event WHERE kind = 'case-share' ORDER BY event_id"
            )
        told[school.office.own_id] = [row["action"] for row in rows]
        assert "Segreto" not in "".join(row["document"] for row in rows)
        assert (await audit.verify(school.town.node.pool, school.town.home)).ok
    assert told == {
        "p_LE": ["share-proposed", "share-approved", "share-answered", "share-ended"],
        "cmto": ["copy-received", "copy-answered", "copy-taken-back"],
    }
    async with three.lecce.town.node.pool.acquire() as conn:
        with pytest.raises(asyncpg.CheckViolationError, match="only ever added"):
            await conn.execute("UPDATE programme.case_share_step SET by_officer = 'altri'")
        await conn.execute("SET session_replication_role = replica")
        await conn.execute("UPDATE programme.case_share_step SET by_officer = 'altri' WHERE action = 'share-approved'")
        await conn.execute("RESET session_replication_role")
    verdict = await audit.verify(three.lecce.town.node.pool, three.lecce.town.home)
    assert verdict.broken == audit.UNTOLD_SHARE
    assert case_id
