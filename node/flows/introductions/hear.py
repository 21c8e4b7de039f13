"""What other offices say in introductions: opened messages in, events in their cases, each once.

In: a connection inside the transaction of the transport, who sent, what was opened (flows/introductions/post). Out: (number, code) of what is
refused; the rest is in the cases, with whatever this office's node owes for it. Rules: a message is the sender's own, signed by its
node, of the case and number that the envelope says; one that is here already changes nothing; one that says something else under a
number that is here is refused and the first one stays. A case begins with the first of its events to arrive, whichever it is.
Source: PROTOCOL 11.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

import orjson

from node.domain.introduction import EVENTS_MAX, KNOWN, OWNER, PROTECTING, SEEKER, Event, Kind, Party, State
from node.errors import N_, PeerWrongError, ReteError
from node.flows.introductions import casework
from node.flows.introductions.casework import Office, Work
from node.flows.introductions.post import Exchange, Opened
from node.protocol import message, sealed
from node.protocol.member import Member
from node.protocol.message import Message
from node.store import introductions, schemas
from node.store.introductions import Kept, NewCase
from node.store.outbox import Waiting
from node.store.postgres import Connection

# An office whose clock is ahead by more closes cases before their day; requests allow a minute.
AHEAD_MAX: Final = dt.timedelta(minutes=10)
# Cases that one office may have open here, and begin in a day: nobody fills another's disk.
OPEN_MAX: Final = 20_000
BEGUN_MAX: Final = 500
MISMATCH, FORKED, FUTURE, TOO_MANY = (
    "introduction-mismatch",
    "introduction-forked",
    "introduction-future",
    "introduction-too-many",
)
SIGNATURE_BAD: Final = "message-signature-bad"
_KINDS: Final = frozenset(Kind)
# Not refused: it is here already.
REPEATED: Final = "repeated"
_MANY: Final = 8
# How long an event may be unknown to the other office before it is put out again.
AGAIN: Final = dt.timedelta(hours=6)


def exchange(office: Office, clock: Callable[[], dt.datetime]) -> Exchange:
    """Return what this office does with sealed messages (node/scheduler.py gives it to the transport)."""

    async def take(conn: Connection, sender: str, opened: Sequence[Opened]) -> Sequence[tuple[int, str]]:
        return await receive(conn, office, sender, opened, clock())

    async def close(conn: Connection) -> AbstractSet[str]:
        return await introductions.open_peers(conn)

    async def seal_again(conn: Connection, member: Member, waiting: Waiting) -> bytes | None:
        return await sealed_again(conn, office, member, waiting)

    return Exchange(take, close, seal_again)


async def receive(
    conn: Connection, office: Office, sender: str, opened: Sequence[Opened], now: dt.datetime
) -> list[tuple[int, str]]:
    """Take what an office sent, in order; return (number, code) of what is refused."""
    members = office.membership.members
    if sender not in members:
        # Suspended, or gone, since it was asked: what it said waits there until it is heard again.
        raise PeerWrongError("member-gone", N_("il nodo non fa più parte della federazione, o è sospeso"), where=sender)
    keys = {
        sender: members[sender].voices,
        office.own_id: (office.key.public_key().public_bytes_raw(), *members[office.own_id].voices),
    }
    read = await asyncio.to_thread(_read, opened, keys) if len(opened) > _MANY else _read(opened, keys)
    refused: list[tuple[int, str]] = []
    good: list[tuple[int, Message]] = []
    for item, found in read:
        code = found if isinstance(found, str) else _misplaced(office, sender, item, found, now)
        if code:
            refused.append((item.number, code))
        elif not isinstance(found, str):
            good.append((item.number, found))
    works = await _cases(conn, office, sender, good, now)
    again: set[str] = set()
    protected: set[str] = set()
    raw = await introductions.events_of(conn, works)
    held = {(k.introduction_id, k.event.by, k.event.seq): k.raw for kept in raw.values() for k in kept}
    for number, found in good:
        code = _take(works.get(found.facts.introduction), sender, found, held)
        if code == REPEATED and found.facts.kind != Kind.RECEIPT and found.facts.speaker == sender:
            again.add(found.facts.introduction)
        elif code and code != REPEATED:
            refused.append((number, code))
        if code == FORKED and found.facts.kind in PROTECTING and found.facts.speaker == sender:
            # A restored office takes something back under a number that it had used: it is obeyed, whatever its number.
            protected.add(found.facts.introduction)
    changed = [work for work in works.values() if work.added or work.row.introduction_id in protected]
    for work in changed:
        work.fold()
        if work.row.introduction_id in protected:
            _protect(office, work, now)
    casework.settle(office, changed, now)
    await casework.save(conn, office, list(works.values()), now)
    # What is said twice was not acknowledged: the receipt, and whatever came with it, may be lost. A repeated receipt asks for nothing,
    # or two offices would go on for ever.
    claimed = await introductions.claim_again(conn, sorted(again), now, now - AGAIN)
    await casework.put_again(conn, office, [works[key] for key in claimed], now)
    return refused


def _protect(office: Office, work: Work, now: dt.datetime) -> None:
    """End a case, or have the other's identity erased, for an office that asked for it in an event that has no place here."""
    if work.case.is_open and work.case.state not in KNOWN:
        casework.say(office, work, Kind.EXPIRE, now)
    elif work.case.shows(work.me):
        casework.say(office, work, Kind.ERASED, now)


def _decoded(plaintext: bytes, keys: Mapping[str, Sequence[bytes]]) -> Message:
    """Return a message of the sender's, or one of our own that it gives back: each signed by a key of whoever speaks in it.

    ``keys``: the public keys of both, by member; old ones too, since what was said under them is given back later (PROTOCOL 11.3). A sender that signs in our name with its own key would write our part of a case.
    Raises: PeerWrongError message-..., json-....
    """
    refusal: PeerWrongError | None = None
    for member, public in ((member, public) for member, held in keys.items() for public in held):
        try:
            read = message.decode(plaintext, public)
        except PeerWrongError as error:
            if error.code != SIGNATURE_BAD:
                raise
            refusal = error
            continue
        if read.facts.speaker == member:
            return read
    raise refusal or PeerWrongError(SIGNATURE_BAD, N_("il messaggio non è firmato dal nodo che lo manda"))


def _read(opened: Sequence[Opened], keys: Mapping[str, Sequence[bytes]]) -> list[tuple[Opened, Message | str]]:
    found: list[tuple[Opened, Message | str]] = []
    validator = schemas.introduction_validator()
    for item in opened:
        try:
            read = _decoded(item.plaintext, keys)
        except ReteError as error:
            found.append((item, error.code))
            continue
        unread = read.facts.kind not in _KINDS or not validator.is_valid(orjson.loads(item.plaintext))
        if read.payload is not None and unread:
            # What travels beside the event is not shown; the event counts all the same, or its case would wait for it for ever.
            read = replace(read, payload=None, salt=b"")
        found.append((item, read))
    return found


def _misplaced(office: Office, sender: str, item: Opened, found: Message, now: dt.datetime) -> str:
    """Return why a message is not what its envelope and its sender say, empty where it is."""
    facts = found.facts
    if {facts.speaker, facts.hearer} != {sender, office.own_id}:
        return MISMATCH
    if facts.introduction != item.introduction or facts.seq != item.seq:
        return MISMATCH
    if facts.at > (now + AHEAD_MAX).timestamp():
        return FUTURE
    return TOO_MANY if max(facts.seq, facts.seen) > EVENTS_MAX else ""


async def _cases(
    conn: Connection, office: Office, sender: str, good: Sequence[tuple[int, Message]], now: dt.datetime
) -> dict[str, Work]:
    """Lock the cases that messages are about; of those that are new to the owner of a profile one is opened."""
    fresh: dict[str, NewCase] = {}
    for _, found in good:
        facts = found.facts
        if facts.owner == office.own_id and facts.seeker == sender:
            project = _project(found) or (fresh[facts.introduction].project_id if facts.introduction in fresh else None)
            fresh[facts.introduction] = NewCase(
                facts.introduction, OWNER, sender, facts.profile, str(State.SENT), project_id=project
            )
        elif facts.owner == sender and facts.seeker == facts.speaker == office.own_id:
            # Begun by us, given back: our database is an older copy.
            fresh[facts.introduction] = NewCase(
                facts.introduction, Party.SEEKER, sender, facts.profile, str(State.SENT), project_id=_project(found)
            )
    if fresh:
        for known in await introductions.known_here(conn, list(fresh)):
            fresh.pop(known)
        open_, begun = await introductions.count_of(conn, sender, now - dt.timedelta(days=1))
        room = min(OPEN_MAX - open_, BEGUN_MAX - begun)
        await introductions.open_cases(conn, list(fresh.values())[: max(0, room)], now)
    return await casework.lock(conn, {found.facts.introduction for _, found in good}, peer=sender)


def _project(found: Message) -> str | None:
    project = (found.payload or {}).get("project") if found.facts.kind == Kind.REQUEST else None
    return project if isinstance(project, str) else None


def _take(work: Work | None, sender: str, found: Message, held: dict[tuple[str, Party, int], bytes]) -> str:
    """Add a message to its case; return why not, empty where it is there now."""
    facts = found.facts
    if work is None:
        # Of our own asking there is nothing here, or this office has too many cases with us.
        return TOO_MANY if facts.by == SEEKER else casework.unknown(facts.introduction).code
    row = work.row
    by = Party(facts.by)
    if row.peer != sender or row.profile_id != facts.profile or (by is row.party) != (facts.speaker != sender):
        return MISMATCH
    key = (row.introduction_id, by, facts.seq)
    if key in held:
        return REPEATED if held[key] == found.event else FORKED
    held[key] = found.event
    event = Event(by, facts.seq, facts.seen, facts.kind, facts.at, facts.detail, facts.due)
    work.add(Kept(row.introduction_id, event, found.event, found.signature, found.payload, found.salt or None))
    return ""


async def sealed_again(conn: Connection, office: Office, member: Member, waiting: Waiting) -> bytes | None:
    """Seal an event that waits in the outbox for the member's present key; None where it is gone or there is no key."""
    work = (await casework.lock(conn, [waiting.introduction_id], peer=member.id)).get(waiting.introduction_id)
    if work is None or member.seal is None:
        return None
    for key, party, seq, kept in await introductions.messages_of(conn, [waiting.introduction_id], [waiting.seq]):
        if party is work.me:
            found = casework.as_message(casework.may_travel(work, party, kept))
            return sealed.seal(sealed.Header(office.own_id, member.id, key, seq), message.encode(found), member.seal)
    return None
