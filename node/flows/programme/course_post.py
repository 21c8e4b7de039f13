"""How enrolments travel: sealed messages of the family ``seat/1`` beside introductions, heard, put out, and asked about once more.

In: an Office, opened messages, the time. Out: seats and enrolments changed, messages in outboxes. Rules: a message is its sender's own, signed by
its node, of the id and number that the envelope says; a box is locked before an edition, an edition before a seat, a seat before an enrolment;
what stands for other offices is put out in transactions of their own. What is not answered in six hours is said again; what stands is asked
about once a week, so that an older copy of either database is found out. Source: PROTOCOL 15, docs/courses.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from node.domain.programme.course import Reason, Standing
from node.errors import N_, PeerWrongError, ReteError
from node.flows.introductions.casework import Office
from node.flows.introductions.hear import AHEAD_MAX
from node.flows.introductions.post import Exchange, Opened
from node.flows.programme import course_seats
from node.flows.programme.course_seats import MISMATCH, today_of
from node.protocol import sealed, seat
from node.protocol.member import Member
from node.protocol.seat import ANSWER, ASK, EVALUATE, Said
from node.store import course_seats as store
from node.store import outbox, schemas
from node.store.course_seats import Answer, Enrolment
from node.store.outbox import Posted, Waiting
from node.store.postgres import Connection, acquire, run_tx

AGAIN: Final = dt.timedelta(hours=6)
STANDING_AGAIN: Final = dt.timedelta(days=7)
PAGE: Final = 200
FUTURE: Final = "seat-future"


def seats_exchange(office: Office, clock: Callable[[], dt.datetime]) -> Exchange:
    """Return what this office does with messages about places at courses."""

    async def take(conn: Connection, sender: str, opened: Sequence[Opened]) -> Sequence[tuple[int, str]]:
        return await receive(conn, office, sender, opened, clock())

    async def close(conn: Connection) -> AbstractSet[str]:
        return await store.open_organisers(conn, today_of(clock()))

    async def seal_again(conn: Connection, member: Member, waiting: Waiting) -> bytes | None:
        said = await _said_now(conn, office, member.id, waiting.introduction_id, clock())
        return None if said is None or member.seal is None else _sealed(office, member, said).sealed

    return Exchange(take, close, seal_again)


async def receive(
    conn: Connection, office: Office, sender: str, opened: Sequence[Opened], now: dt.datetime
) -> list[tuple[int, str]]:
    """Take what an office sent about places, in order; return (number, code) of what is refused."""
    member = office.membership.members.get(sender)
    if member is None:
        raise PeerWrongError("member-gone", N_("il nodo non fa più parte della federazione, o è sospeso"), where=sender)
    refused: list[tuple[int, str]] = []
    good: list[tuple[int, Said]] = []
    for item in opened:
        try:
            said = seat.decode(item.plaintext, member.voices, schemas.seat_validator().is_valid)
        except ReteError as error:
            refused.append((item.number, error.code))
            continue
        code = _misplaced(office, sender, item, said, now)
        if code:
            refused.append((item.number, code))
        else:
            good.append((item.number, said))
    # Editions in one order, whoever asks: two senders do not wait for each other.
    for number, said in sorted(good, key=lambda one: (one[1].course, one[1].edition)):
        code = await (_answered if said.kind == ANSWER else course_seats.hear)(conn, said, now)
        if code:
            refused.append((number, code))
    await put_answers(conn, office, sender, now)
    await deliver_own(conn, office, now)
    return refused


def _misplaced(office: Office, sender: str, item: Opened, said: Said, now: dt.datetime) -> str:
    if (said.sender, said.recipient, said.id, said.seq) != (sender, office.own_id, item.introduction, item.seq):
        return MISMATCH
    return FUTURE if said.at > (now + AHEAD_MAX).timestamp() else ""


async def _answered(conn: Connection, said: Said, now: dt.datetime) -> str:
    """Take an organiser's answer; an older one than is known changes nothing."""
    enrolment = await store.lock_enrolment(conn, said.id)
    if enrolment is None or (enrolment.organiser, enrolment.course_id, enrolment.edition) != (
        said.sender,
        said.course,
        said.edition,
    ):
        return MISMATCH
    if said.seq <= enrolment.heard:
        return ""
    # The organiser has heard more of us than this database knows to have said: it is an older copy, and goes on after that.
    seq = said.seen + 1 if said.seen > enrolment.seq else enrolment.seq
    numbers = (said.seq, said.seen, seq)
    standing, reason = Standing(said.standing), Reason(said.reason)
    if enrolment.says == seat.CANCEL and said.seen < seq and standing in (Standing.PLACED, Standing.WAITING):
        # What this office has said since is on its way: the participant sees what was wished.
        standing, reason = enrolment.standing, enrolment.reason
    await store.hear(conn, enrolment, standing, reason, numbers, now, evaluated=said.evaluated)
    return ""


def saying(office: Office, enrolment: Enrolment, now: dt.datetime) -> Said:
    """Return what the own office says of an enrolment now: one and the same until it has something new to say."""
    asks = enrolment.says == ASK
    return Said(
        id=enrolment.enrolment_id, sender=office.own_id, recipient=enrolment.organiser, kind=enrolment.says, seq=enrolment.seq,
        seen=enrolment.heard, at=int(now.timestamp()), course=enrolment.course_id, edition=enrolment.edition,
        person=_travels(enrolment) if asks else None, answers=enrolment.answers if enrolment.says == EVALUATE else None,
    )  # fmt: skip


def _travels(enrolment: Enrolment) -> dict[str, object]:
    """Return the least that the organiser needs of a participant, built anew."""
    person = enrolment.person
    day = enrolment.consented_at.date().isoformat()
    return {
        **{name: person[name] for name in ("name", "email", "territory", "sector")},
        "consent": {"version": enrolment.consent_version, "day": day},
    }


def _sayable(enrolment: Enrolment) -> bool:
    """Tell whether there is still what the message carries: a person that was erased, answers that arrived are not said again."""
    if enrolment.says == EVALUATE:
        return enrolment.answers is not None
    return enrolment.says != ASK or bool(enrolment.person)


def answering(office: Office, answer: Answer, now: dt.datetime) -> Said:
    """Return what the organiser says of a seat now."""
    return Said(
        id=answer.seat_id, sender=office.own_id, recipient=answer.office, kind=ANSWER, seq=answer.said, seen=answer.heard,
        at=int(now.timestamp()), course=answer.course_id, edition=answer.edition, standing=str(answer.standing),
        reason=str(answer.reason), evaluated=answer.evaluated,
    )  # fmt: skip


async def _said_now(conn: Connection, office: Office, peer: str, key: str, now: dt.datetime) -> Said | None:
    enrolment = await store.read_enrolment(conn, key)
    if enrolment is not None and enrolment.organiser == peer:
        return saying(office, enrolment, now) if _sayable(enrolment) else None
    answer = await store.answer_of(conn, key)
    return answering(office, answer, now) if answer is not None and answer.office == peer else None


def _sealed(office: Office, member: Member, said: Said) -> Posted:
    if member.seal is None:
        raise PeerWrongError(
            "member-gone", N_("il nodo non fa più parte della federazione, o è sospeso"), where=member.id
        )
    header = sealed.Header(office.own_id, member.id, said.id, said.seq)
    return Posted(said.id, said.seq, member.seal.id, sealed.seal(header, seat.encode(said, office.key), member.seal))


async def put(conn: Connection, office: Office, peer: str, said: Sequence[Said], now: dt.datetime) -> bool:
    """Seal messages for an office whose box is locked; False where it cannot be written to now, and nothing is lost."""
    member = office.membership.members.get(peer)
    if member is None or member.seal is None:
        return False
    await outbox.put(conn, peer, [_sealed(office, member, one) for one in said], now)
    return True


async def put_answers(conn: Connection, office: Office, peer: str, now: dt.datetime) -> int:
    """Put out the answers that an office, whose box is locked, was not sent yet; return how many."""
    due = await store.unposted(conn, peer, PAGE)
    if not due or not await put(conn, office, peer, [answering(office, one, now) for one in due], now):
        return 0
    for one in due:
        await store.mark_posted(conn, one.seat_id, one.said)
    return len(due)


async def deliver_own(conn: Connection, office: Office, now: dt.datetime) -> int:
    """Tell the own participants what this office, as organiser, has decided; return how many answers."""
    due = await store.unposted(conn, office.own_id, PAGE)
    for one in due:
        await _answered(conn, answering(office, one, now), now)
        await store.mark_posted(conn, one.seat_id, one.said)
    return len(due)


async def carry_due(office: Office, now: dt.datetime) -> int:
    """Do what waits: move up, put out answers, say again what was not answered; return how many messages were put out."""

    async def own(conn: Connection) -> int:
        await course_seats.settle_all(conn, now)
        return await deliver_own(conn, office, now)

    count = await run_tx(office.pool, own)
    async with acquire(office.pool) as conn:
        offices = [peer for peer in await store.unposted_offices(conn) if peer != office.own_id]
    for peer in offices:

        async def answers(conn: Connection, peer: str = peer) -> int:
            await outbox.lock_boxes(conn, [peer])
            return await put_answers(conn, office, peer, now)

        count += await run_tx(office.pool, answers)
    return count + await _ask_again(office, now)


async def _ask_again(office: Office, now: dt.datetime) -> int:
    count = 0
    async with acquire(office.pool) as conn:
        due = await store.to_ask(conn, now - AGAIN, now - STANDING_AGAIN, today_of(now), PAGE)
    for key in (key for key, peer in due if peer == office.own_id):

        async def own(conn: Connection, key: str = key) -> None:
            await say_own(conn, office, key, now)

        await run_tx(office.pool, own)
    for organiser in sorted({peer for _, peer in due if peer != office.own_id}):
        ids = [key for key, peer in due if peer == organiser]

        async def ask(conn: Connection, organiser: str = organiser, ids: Sequence[str] = ids) -> int:
            await outbox.lock_boxes(conn, [organiser])
            # Of which something waits in the box already nothing more is put there.
            waiting = await outbox.waiting_of(conn, organiser, ids)
            return sum([await say_one(conn, office, key, now) for key in ids if key not in waiting])

        count += await run_tx(office.pool, ask)
    return count


async def say_own(conn: Connection, office: Office, enrolment_id: str, now: dt.datetime) -> None:
    """Let this office, as organiser, hear what it says of its own participant, and tell the participant."""
    enrolment = await store.read_enrolment(conn, enrolment_id)
    if enrolment is not None and _sayable(enrolment):
        await course_seats.hear(conn, saying(office, enrolment, now), now)
    await store.mark_asked(conn, enrolment_id, now)
    await deliver_own(conn, office, now)


async def say_one(conn: Connection, office: Office, enrolment_id: str, now: dt.datetime) -> int:
    """Put out what the own office says of an enrolment; the organiser's box is locked. Return how many messages that was."""
    enrolment = await store.lock_enrolment(conn, enrolment_id)
    if enrolment is None or not _sayable(enrolment):
        return 0
    if not await put(conn, office, enrolment.organiser, [saying(office, enrolment, now)], now):
        return 0
    await store.mark_asked(conn, enrolment_id, now)
    return 1
