"""Cases and their events as the database keeps them: each event once and never another, lists in pages, what is erased is gone."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Sequence

import asyncpg
import pytest

from node.domain import introduction_fold
from node.domain.introduction import Event, Kind, Party, State
from node.store import introduction_notices, introductions
from node.store.introductions import Consent, Kept, NewCase, Sought, Told
from node.store.postgres import Connection

NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
AT = int(NOW.timestamp())
HOUR = dt.timedelta(hours=1)


async def opened(conn: Connection, *, party: Party = Party.SEEKER, state: str = "draft", at: dt.datetime = NOW, peer: str = "cmto") -> str:  # fmt: skip
    """A case; return its id."""
    case = str(uuid.uuid4())
    made = NewCase(case, party, peer, str(uuid.uuid4()), state, request={"text": "x"}, applicant={"name": "Prova"}, token_hash=bytes(32))  # fmt: skip
    await introductions.open_cases(conn, [made], at)
    return case


async def say(conn: Connection, case: str, *events: Event, me: Party = Party.SEEKER, at: dt.datetime = NOW) -> None:
    """Events written into a case, and its row after them."""
    kept = [Kept(case, e, f"{e.by}{e.seq}".encode(), bytes(64), {"text": f"{e.kind}"}, bytes(32)) for e in events]
    await introductions.insert_events(conn, kept, at)
    there = [item.event for item in (await introductions.events_of(conn, [case]))[case]]
    await introductions.keep_states(conn, {case: (me, introduction_fold.fold(there))}, at)


def event(seq: int, kind: Kind, by: Party = Party.SEEKER, seen: int = 0, due: int = -1) -> Event:
    """An event of now."""
    return Event(by, seq, seen, kind, AT, "", due)


async def only(conn: Connection, sought: Sought | None = None) -> Sequence[str]:
    """The ids of what a question lists."""
    return [item.introduction_id for item in await introductions.list_cases(conn, sought or Sought(), 10, NOW)]


async def test_a_case_is_opened_once_and_its_row_is_what_its_events_tell(conn: Connection) -> None:
    """A second opening changes nothing; state, turn, days and counts follow the events."""
    case = await opened(conn)
    row = await introductions.read_case(conn, case)
    assert row is not None
    assert (row.request, row.applicant, row.state, row.profile_state) == ({"text": "x"}, {"name": "Prova"}, "draft", "")
    await introductions.open_cases(conn, [NewCase(case, Party.OWNER, "altri", case, "sent")], NOW)
    assert await introductions.read_case(conn, case) == row
    today = AT // 86_400
    await say(conn, case, event(1, Kind.REQUEST), event(1, Kind.RECEIPT, Party.OWNER, 1, today + 7))
    (listed,) = await introductions.list_cases(conn, Sought(), 10, NOW)
    assert (listed.state, listed.turn, listed.own_due, listed.other_due) == (State.RECEIVED, "owner", None, today + 7)
    assert listed.applicant == "Prova"
    found = await introductions.lock_cases(conn, [case, str(uuid.uuid4()), case])
    assert (list(found), found[case].own_events) == ([case], 1)
    assert await introductions.read_case(conn, str(uuid.uuid4())) is None


async def test_an_owner_whose_first_events_are_on_the_road_knows_that_it_was_sent(conn: Connection) -> None:
    """A later event alone tells nothing more."""
    case = await opened(conn, party=Party.OWNER, state="sent")
    await say(conn, case, event(2, Kind.WITHDRAW), me=Party.OWNER)
    row = await introductions.read_case(conn, case)
    assert row is not None
    assert row.state == "sent"


async def test_an_event_is_kept_once_and_never_said_otherwise(conn: Connection) -> None:
    """What comes under its number changes nothing; by SQL each column is refused but what travelled beside it, which only goes."""
    case = await opened(conn)
    await say(conn, case, event(1, Kind.REQUEST))
    await say(conn, case, event(1, Kind.WITHDRAW))
    (step,) = await introductions.timeline(conn, case)
    assert (step.event.kind, step.payload) == ("request", {"text": "request"})
    for change in (
        "seq = 2", "seen = 1", "kind = 'x'", "at = 1", "detail = 'x'", "due = 1", "event = 'x'", "signature = decode(repeat('01', 64), 'hex')",
        "payload = '{}'", "officer = 'anna'", "written_at = now()", "party = 'owner'",
    ):  # fmt: skip
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(f"UPDATE office.introduction_event SET {change}")
    await conn.execute("UPDATE office.introduction_event SET payload = NULL, salt = NULL")
    assert (await introductions.timeline(conn, case))[0].payload is None
    ((key, party, seq, kept),) = await introductions.messages_of(conn, [case], [1, 2])
    assert (key, party, seq, kept.raw, kept.payload, kept.salt) == (case, Party.SEEKER, 1, b"seeker1", None, None)


async def test_an_identity_is_kept_and_then_only_the_day_on_which_it_was_erased(conn: Connection) -> None:
    """In its row and beside the other's event; the own one stays; a second telling changes nothing."""
    case = await opened(conn)
    await say(conn, case, event(1, Kind.IDENTITY), event(1, Kind.IDENTITY, Party.OWNER))
    await introductions.keep_identities(conn, [case], NOW)
    await introductions.keep_identities(conn, [case], NOW + HOUR)
    await introductions.keep_identities(conn, [], NOW)
    assert await introductions.identity_of(conn, case) == Told({"text": "identity"}, NOW, None)
    await introductions.erase_identities(conn, [], NOW)
    await introductions.erase_identities(conn, [case], NOW + HOUR)
    await introductions.erase_identities(conn, [case], NOW + 2 * HOUR)
    assert await introductions.identity_of(conn, case) == Told(None, NOW, NOW + HOUR)
    payloads = {step.event.by: step.payload for step in await introductions.timeline(conn, case)}
    assert payloads == {Party.OWNER: None, Party.SEEKER: {"text": "identity"}}
    with pytest.raises(asyncpg.CheckViolationError):
        await conn.execute("UPDATE office.introduction_identity SET erased_at = NULL")


async def test_the_first_consent_stays_and_is_revoked_once(conn: Connection) -> None:
    """With its person, text and identity as they were."""
    case = await opened(conn)
    first = Consent("Prova Referente", "1", {"name": "x"}, "anna", NOW, None)
    await introductions.keep_consent(conn, case, first)
    await introductions.keep_consent(conn, case, Consent("Altri", "2", {"name": "y"}, "bruno", NOW, None))
    assert await introductions.consents_of(conn, [case]) == {case: first}
    await introductions.revoke_consent(conn, case, NOW + HOUR)
    await introductions.revoke_consent(conn, case, NOW + 2 * HOUR)
    assert (await introductions.consents_of(conn, [case]))[case].revoked_at == NOW + HOUR


async def test_only_drafts_are_written_anew_and_deleted(conn: Connection) -> None:
    """What was sent stays."""
    case = await opened(conn)
    assert await introductions.count_drafts(conn) == 1
    assert await introductions.change_draft(conn, case, {"text": "y"}, None, NOW)
    await say(conn, case, event(1, Kind.REQUEST))
    assert not await introductions.change_draft(conn, case, {"text": "z"}, None, NOW)
    assert not await introductions.delete_draft(conn, case)
    other = await opened(conn)
    assert await introductions.delete_draft(conn, other)
    assert await only(conn) == [case]
    assert await introductions.count_drafts(conn) == 0


async def test_a_token_opens_its_own_case_alone(conn: Connection) -> None:
    """By its hash."""
    case = await opened(conn)
    assert await introductions.has_token(conn, case, bytes(32))
    assert not await introductions.has_token(conn, case, hashlib.sha256(b"x").digest())
    assert not await introductions.has_token(conn, str(uuid.uuid4()), bytes(32))


async def test_cases_are_listed_in_pages_by_whatever_is_asked(conn: Connection) -> None:
    """What changed last first, each once; by side, state, office, and what waits for this one."""
    cases = [await opened(conn, at=NOW + n * HOUR) for n in range(5)]
    other = await opened(conn, party=Party.OWNER, state="sent", at=NOW - HOUR, peer="p_BR")
    await say(conn, other, event(1, Kind.REQUEST), me=Party.OWNER, at=NOW - HOUR)
    whole = [*reversed(cases), other]
    paged: list[str] = []
    after = None
    while page := await introductions.list_cases(conn, Sought(after=after), 4, NOW):
        paged += [item.introduction_id for item in page]
        after = (page[-1].changed_at, page[-1].introduction_id)
    assert paged == whole
    assert await only(conn, Sought(party=Party.OWNER)) == [other]
    assert await only(conn, Sought(states=(State.SENT, State.RECEIVED))) == [other]
    assert await only(conn, Sought(peer="p_BR")) == [other]
    assert await only(conn, Sought(waiting=True)) == whole
    counts = [(c.party, c.state, c.cases, c.waiting) for c in await introductions.count_cases(conn, NOW)]
    assert counts == [(Party.OWNER, State.SENT, 1, 1), (Party.SEEKER, State.DRAFT, 5, 5)]
    assert await introductions.count_of(conn, "p_BR", NOW) == (1, 0)
    assert await introductions.count_of(conn, "p_BR", NOW - 2 * HOUR) == (1, 1)
    assert await introductions.open_peers(conn) == {"p_BR"}


async def test_what_the_other_office_does_not_know_is_found_until_it_is_sent_again(conn: Connection) -> None:
    """Not before some hours, not while it waits, and not twice in that time."""
    case = await opened(conn)
    await say(conn, case, event(1, Kind.REQUEST))
    later = NOW + HOUR
    assert await introductions.unknown_cases(conn, NOW, NOW - HOUR, 10) == []
    assert await introductions.unknown_cases(conn, later, NOW - HOUR, 10) == [case]
    await conn.execute("INSERT INTO post.box (peer, sent) VALUES ('cmto', 1)")
    await conn.execute("INSERT INTO post.outbox VALUES ('cmto', 1, $1, 1, 'k', 'x', $2)", uuid.UUID(case), NOW)
    assert await introductions.unknown_cases(conn, later, NOW - HOUR, 10) == []
    await conn.execute("DELETE FROM post.outbox")
    await introductions.sent_again(conn, [case], later)
    assert await introductions.unknown_cases(conn, later, NOW - HOUR, 10) == []
    await say(conn, case, event(1, Kind.RECEIPT, Party.OWNER, 1))
    assert await introductions.unknown_cases(conn, later + HOUR, NOW - HOUR, 10) == []


async def test_people_are_told_once(conn: Connection) -> None:
    """Each word of each case."""
    case = await opened(conn)
    await introduction_notices.mark_told(conn, [], NOW)
    await introduction_notices.mark_told(conn, [(case, "waits"), (case, "soon")], NOW)
    await introduction_notices.mark_told(conn, [(case, "waits")], NOW + HOUR)
    (found,) = await introduction_notices.untold(conn, NOW, str(uuid.UUID(int=0)), 10)
    assert (found.introduction_id, found.told) == (case, {"waits", "soon"})
    assert await introduction_notices.untold(conn, NOW + HOUR, str(uuid.UUID(int=0)), 10) == []
    assert await introduction_notices.untold(conn, NOW, case, 10) == []
    assert await conn.fetchval("SELECT max(told_at) FROM office.introduction_notice") == NOW


async def due(conn: Connection, today: int, silent: dt.datetime, after: str = str(uuid.UUID(int=0))) -> list[str]:
    """The cases of which there may be something to say."""
    return await introductions.due_cases(conn, today, silent, NOW - 240 * 24 * HOUR, after, 10)


async def test_what_time_brings_is_found_by_its_day(conn: Connection) -> None:
    """A step whose day is over, silence, a profile that is not there any more; a case that has ended is none."""
    today = AT // 86_400
    case = await opened(conn)
    await say(conn, case, event(1, Kind.REQUEST), event(1, Kind.RECEIPT, Party.OWNER, 1, today + 7))
    long_ago = NOW - dt.timedelta(days=60)
    assert await due(conn, today + 7, long_ago) == []
    assert await due(conn, today + 8, long_ago) == [case]
    assert await due(conn, today + 8, long_ago, case) == []
    assert await due(conn, today, NOW + HOUR) == [case]
    gone = await opened(conn, party=Party.OWNER, state="sent")
    assert await due(conn, today, long_ago) == [gone]
    await say(conn, case, event(2, Kind.WITHDRAW, seen=1))
    assert await due(conn, today + 8, NOW + HOUR) == [gone]
