"""The cases of introductions at work: events written, states kept, messages sealed and put out, one transaction for all of it.

In: a connection inside a transaction, cases that were locked, what is to be said. Out: rows, and sealed messages in the outbox of the
other office. Rules: what an office's node owes (a receipt, an identity after two consents, an end whose day is over, an erasure) is
said in the same transaction as what made it due: a crash leaves neither or both, and running it again adds nothing. An identity is
built from the consent that was recorded, and from nothing else. Source: domain/introduction.py, PROTOCOL 11.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.config import Config
from node.domain import introduction, introduction_fold
from node.domain.days import day_number
from node.domain.introduction import Case, Event, Kind, Party
from node.domain.working_days import add_working_days
from node.errors import N_, CallerError, NotFoundError, ReteError
from node.flows.profiles.gate import KnownNames
from node.flows.trust.agreement_terms import tightened
from node.protocol import limits, message, sealed
from node.protocol.member import Member, Membership
from node.protocol.message import Facts, Message
from node.store import introductions, outbox, schemas
from node.store.introductions import Consent, Kept, Row
from node.store.outbox import Posted
from node.store.postgres import Connection, Pool

# From so many messages on, sealing goes to a thread: others are served meanwhile.
_MANY: Final = 8
PUBLISHED: Final = "published"
# Working days are those of Italian offices.
ITALY: Final = ZoneInfo("Europe/Rome")
logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Office:
    """What this node's cases need: who we are, who the others are, and the key by which we sign."""

    pool: Pool
    configured: Config
    membership: Membership
    # Asked at each signature: a process that runs for months signs with the key that is listed then.
    signing_key: Callable[[], Ed25519PrivateKey] = field(repr=False)
    known: KnownNames = field(repr=False)
    draw: Callable[[int], bytes] = secrets.token_bytes

    @property
    def config(self) -> Config:
        """The configuration as it counts now: no looser than the agreement's terms."""
        return tightened(self.configured, self.membership.terms)

    @property
    def key(self) -> Ed25519PrivateKey:
        """The key by which this office signs now."""
        return self.signing_key()

    @property
    def own_id(self) -> str:
        """This office's member id."""
        return self.membership.own_id

    def peer(self, member: str) -> Member:
        """Return another office that can be written to. Raises: CallerError(introduction-peer-cannot)."""
        found = self.membership.members.get(member)
        if found is None or found.seal is None or found.id == self.own_id:
            raise CallerError(
                "introduction-peer-cannot",
                N_("con l'ufficio di «{peer}» non si possono ancora scambiare messaggi riservati"),
                hint=N_(
                    "serve la sua chiave «seal»: chiedere all'amministratore del nodo la scheda aggiornata di quell'ente"
                ),
                peer=member[:60],
            )
        return found


@dataclass(slots=True)
class Work:
    """A locked case under work: its row, its events, what was added to it, and the case that they tell."""

    row: Row
    events: list[Event]
    case: Case
    added: list[Kept] = field(default_factory=list)
    said: list[Message] = field(default_factory=list)
    consent: Consent | None = None

    @property
    def me(self) -> Party:
        """Who this office is in the case."""
        return self.row.party

    @property
    def unreceipted(self) -> bool:
        """Whether the other office said more than receipts since this one last spoke."""
        known = self.case.seen[self.me]
        return any(
            e.by is not self.me and e.kind != Kind.RECEIPT and known < e.seq <= self.case.heard[self.me.other]
            for e in self.events
        )

    def add(self, kept: Kept) -> None:
        """Add an event; what it tells is known after ``fold``."""
        self.events.append(kept.event)
        self.added.append(kept)

    def fold(self) -> None:
        """Tell the case anew."""
        self.case = introduction_fold.fold(self.events)


async def lock(conn: Connection, ids: Iterable[str], *, peer: str | None = None) -> dict[str, Work]:
    """Lock cases and return them with their events; those that are not there are left out.

    ``peer``: only those with that office, whose box the caller has locked. Boxes come before cases everywhere: the transport locks
    the one before it knows of the other, and two orders would wait for each other.
    """
    asked = list(ids)
    if peer is None:
        await outbox.lock_boxes(conn, await introductions.peers_of(conn, asked))
    rows = await introductions.lock_cases(conn, asked, peer)
    held = await introductions.events_of(conn, rows)
    consents = await introductions.consents_of(conn, sorted(rows))
    events = {key: [kept.event for kept in held.get(key, ())] for key in rows}
    # Long cases take milliseconds each: others are served meanwhile.
    cases = await asyncio.to_thread(_folded, events) if len(rows) > _MANY else _folded(events)
    return {key: Work(row, events[key], cases[key], consent=consents.get(key)) for key, row in rows.items()}


def _folded(events: Mapping[str, Sequence[Event]]) -> dict[str, Case]:
    return {key: introduction_fold.fold(said) for key, said in events.items()}


async def lock_one(conn: Connection, introduction_id: str) -> Work:
    """Lock one case. Raises: NotFoundError(introduction-unknown)."""
    key = checked_id(introduction_id)
    found = (await lock(conn, [key])).get(key)
    if found is None:
        raise unknown(introduction_id)
    return found


def checked_id(text: str) -> str:
    """Return a case's identifier in its one spelling. Raises: NotFoundError(introduction-unknown)."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise unknown(text) from error


def unknown(introduction_id: str) -> NotFoundError:
    """Return the refusal of a case that is not there."""
    return NotFoundError(
        "introduction-unknown",
        N_("non c'è un contatto «{introduction}»"),
        hint=N_("gli identificativi stanno in «rete intro list»"),
        introduction=introduction_id[:60],
    )


def say(
    office: Office,
    work: Work,
    kind: Kind,
    now: dt.datetime,
    *,
    detail: str = "",
    payload: Mapping[str, Any] | None = None,
    officer: str = "",
) -> None:
    """Add an event of this office to a case, signed, with the day by which it will take the next step if that is its own.

    Raises: CallerError(introduction-payload-bad) for what the other office's schema would not take.
    """
    row, me = work.row, work.me
    # Never a number that was used: an event beyond a gap is there all the same, and what the other has seen of us was said, even if
    # this database, an older copy put back, does not know it.
    known = max((e.seen for e in work.events if e.by is me.other), default=0)
    seq = 1 + max((e.seq for e in work.events if e.by is me), default=min(known, introduction.EVENTS_MAX - 1))
    seq = max(seq, 1 + min(known, introduction.EVENTS_MAX - 1))
    event = Event(me, seq, work.case.heard[me.other], kind, int(now.timestamp()), detail)
    after = introduction_fold.fold([*work.events, event])
    if me in after.turn and me not in after.due:
        due = day_number(add_working_days(now.astimezone(ITALY).date(), office.config.introductions.step_days))
        event = replace(event, due=due)
    seeker, owner = (office.own_id, row.peer) if me is Party.SEEKER else (row.peer, office.own_id)
    facts = Facts(
        introduction=row.introduction_id, seeker=seeker, owner=owner, profile=row.profile_id, by=str(me), seq=seq, seen=event.seen,
        kind=str(kind), at=event.at, detail=detail, due=event.due,
    )  # fmt: skip
    salt = office.draw(message.SALT_BYTES) if payload is not None else b""
    signed = message.sign(facts, office.key, payload=payload, salt=salt)
    if payload is not None:
        _refuse_unreadable(signed)
    work.said.append(signed)
    work.add(Kept(row.introduction_id, event, signed.event, signed.signature, payload, salt or None, officer))
    work.fold()


def _seconds(moment: dt.datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp())


def _refuse_unreadable(said: Message) -> None:
    raw = message.encode(said)
    if len(raw) > limits.MESSAGE_MAX_BYTES or not schemas.introduction_validator().is_valid(orjson.loads(raw)):
        raise CallerError(
            "introduction-payload-bad",
            N_("ciò che si vuole comunicare è troppo lungo, o ha una forma che l'altro ufficio non leggerebbe"),
        )


def settle(office: Office, works: Iterable[Work], now: dt.datetime) -> None:
    """Say whatever this office's node owes in cases; what goes wrong in one of them is logged, and stops no other."""
    for work in works:
        try:
            _settle(office, work, now)
        except ReteError as error:
            logger.error("introduction.unsettled", introduction=work.row.introduction_id, code=error.code)  # noqa: TRY400


def _settle(office: Office, work: Work, now: dt.datetime) -> None:
    is_member = work.row.peer in office.membership.members
    while True:
        kind = introduction.owed(
            work.case,
            work.me,
            int(now.timestamp()),
            profile_live=work.row.profile_state == PUBLISHED,
            unreceipted=work.unreceipted,
            # An office that is no member any more is asked by nobody: its silence is as long as it is.
            asked_at=_seconds(work.row.asked_at) if is_member else None,
            read_at=_seconds(work.row.read_at) if is_member else None,
        )
        if kind is None:
            return
        detail = introduction.PROFILE_WITHDRAWN if kind is Kind.WITHDRAW else ""
        payload = None
        if kind is Kind.IDENTITY:
            if work.consent is None or work.consent.revoked_at is not None:
                # Two consents in the events and none in the table (an older copy, an erasure): nobody is named by a mistake of ours, and
                # the other side does not stay named alone.
                say(office, work, Kind.REVOKE, now)
                continue
            payload = work.consent.identity
        say(office, work, kind, now, detail=detail, payload=payload)


async def save(conn: Connection, office: Office, works: Sequence[Work], now: dt.datetime) -> None:
    """Write what was added to cases, and put what this office said into the outboxes of the others."""
    changed = [work for work in works if work.added]
    if not changed:
        return
    await introductions.insert_events(conn, [kept for work in changed for kept in work.added], now)
    await introductions.keep_states(conn, {w.row.introduction_id: (w.me, w.case) for w in changed}, now)
    await _keep_identities(conn, changed, now)
    await _withhold(conn, office, changed)
    for peer in sorted({work.row.peer for work in changed}):
        await put_out(conn, office, peer, [m for work in changed if work.row.peer == peer for m in work.said], now)


async def _keep_identities(conn: Connection, works: Sequence[Work], now: dt.datetime) -> None:
    shown: list[str] = []
    gone: list[str] = []
    for work in works:
        other = work.me.other
        # One that came before what was said earlier waits beside its event: nobody knows yet whether it may be read.
        if any(e.by is other and e.kind == Kind.IDENTITY and e.seq <= work.case.heard[other] for e in work.events):
            # Crossed an end or a revocation on the road, or was told without two consents: it is never read by anybody.
            (shown if work.case.shows(work.me) else gone).append(work.row.introduction_id)
    await introductions.keep_identities(conn, shown, now)
    await introductions.erase_identities(conn, gone, now)


async def _withhold(conn: Connection, office: Office, works: Sequence[Work]) -> None:
    """Take the own identity out of what still waits in the outbox, where it may not travel any more: the event goes alone."""
    for work in works:
        own = next((e for e in work.events if e.by is work.me and e.kind == Kind.IDENTITY), None)
        member = office.membership.members.get(work.row.peer)
        if own is None or not work.case.withholds(work.me):
            continue
        key = work.row.introduction_id
        numbers = await outbox.numbers_of(conn, work.row.peer, key, own.seq)
        if member is None or member.seal is None:
            # It may come back with the same key.
            await outbox.drop(conn, work.row.peer, numbers)
            continue
        for _, party, _, kept in await introductions.messages_of(conn, [key], [own.seq]) if numbers else ():
            if party is work.me:
                bare = as_message(replace(kept, payload=None, salt=None))
                (posted,) = _seal(office, member, [bare])
                await outbox.reseal(conn, member.id, dict.fromkeys(numbers, (posted.key_id, posted.sealed)))


def as_message(kept: Kept) -> Message:
    """Return an event of the database as the message that it was."""
    facts, _ = message.read_event(orjson.loads(kept.raw))
    return Message(facts, kept.raw, kept.signature, kept.payload, kept.salt or b"")


def may_travel(work: Work, party: Party, kept: Kept) -> Kept:
    """Return an own event as it may be sent once more: without the identity where that must not travel any more."""
    named = any(e.by is party and e.seq == kept.event.seq and e.kind == Kind.IDENTITY for e in work.events)
    return replace(kept, payload=None, salt=None) if named and work.case.withholds(party) else kept


async def give_back(conn: Connection, office: Office, works: Sequence[Work], now: dt.datetime) -> int:
    """Put out all that was said in cases, by either office: the other has put back an older copy of its database.

    What it said itself it takes back by its own signature (PROTOCOL 11.12). Nothing of a case of which something waits.
    """
    count = 0
    for peer in {work.row.peer for work in works}:
        waiting = await outbox.waiting_of(conn, peer, [work.row.introduction_id for work in works])
        works = [work for work in works if work.row.peer != peer or work.row.introduction_id not in waiting]
    for work in works:
        numbers = sorted({event.seq for event in work.events})
        for _, party, _, kept in await introductions.messages_of(conn, [work.row.introduction_id], numbers):
            sayable = may_travel(work, party, kept) if party is work.me else kept
            await put_out(conn, office, work.row.peer, [as_message(sayable)], now)
            count += 1
    return count


async def put_again(conn: Connection, office: Office, works: Sequence[Work], now: dt.datetime) -> int:
    """Put out once more what this office has said in cases and the other has not said it knows; return how many messages.

    Nothing where something of the case still waits: whoever asks for the same again and again does not fill the outbox.
    """
    wanted = {w.row.introduction_id: w for w in works if w.case.seen[w.me.other] < w.case.heard[w.me]}
    for peer in sorted({w.row.peer for w in wanted.values()}):
        for waiting in await outbox.waiting_of(conn, peer, list(wanted)):
            wanted.pop(waiting, None)
    if not wanted:
        return 0
    numbers = sorted({n for w in wanted.values() for n in range(w.case.seen[w.me.other] + 1, w.case.heard[w.me] + 1)})
    count = 0
    for key, party, seq, kept in await introductions.messages_of(conn, list(wanted), numbers):
        work = wanted[key]
        if party is work.me and work.case.seen[work.me.other] < seq <= work.case.heard[work.me]:
            await put_out(conn, office, work.row.peer, [as_message(may_travel(work, party, kept))], now)
            count += 1
    return count


async def put_out(conn: Connection, office: Office, peer: str, messages: Sequence[Message], now: dt.datetime) -> None:
    """Seal messages for another office and number them in its outbox; an office that left gets none, and none is lost."""
    member = office.membership.members.get(peer)
    if member is None or member.seal is None or not messages:
        return
    posted = await asyncio.to_thread(_seal, office, member, messages) if len(messages) > _MANY else _seal(office, member, messages)  # fmt: skip
    await outbox.put(conn, peer, posted, now)


def _seal(office: Office, member: Member, messages: Sequence[Message]) -> list[Posted]:
    key = member.seal
    if key is None:
        return []
    return [
        Posted(
            m.facts.introduction,
            m.facts.seq,
            key.id,
            sealed.seal(
                sealed.Header(office.own_id, member.id, m.facts.introduction, m.facts.seq), message.encode(m), key
            ),
        )
        for m in messages
    ]
