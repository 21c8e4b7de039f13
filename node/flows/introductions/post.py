"""Carry sealed messages: ask the other members for what waits there for us, tell them when something waits here.

In: what a Node has, and what the office does with messages (``Exchange``). Out: messages opened and received, in order; hints sent.
Rules: what is read, its effects and the number up to which it was read are ONE transaction: a crash repeats nothing and skips
nothing. What cannot be opened or applied is counted and stops nothing that comes after it. A hint only wakes; nobody's silence
or fault touches another member's post. Each message may come twice (by hand, by a restored sender): ``receive`` takes it once.
Source: PROTOCOL 9, 10.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import aiohttp
import structlog

from node.errors import N_, NotFoundError, PeerWrongError, ReteError
from node.peers.client import PeerClient, RequestSigner
from node.protocol import heads, limits, post, sealed
from node.protocol.member import Member, Membership
from node.protocol.post import Numbered
from node.protocol.sealed import SealPrivate
from node.store import outbox
from node.store.outbox import Due, Waiting
from node.store.postgres import Connection, Pool, acquire, run_tx

logger = structlog.get_logger()
POLL, POLL_CLOSE = dt.timedelta(hours=6), dt.timedelta(minutes=15)
# Pages of one member in one turn: a member that never ends holds up nobody else for long.
PAGES = 64
MEMBER_S = 120.0
JSON = "application/json"
OK = (200, 202, 204)
SENDER_WRONG, BROKE, UNAVAILABLE = "seal-sender-wrong", "post-broke", "introductions-unavailable"
SLOW = "outbox-slow"


@dataclass(frozen=True, slots=True)
class Opened:
    """One message of a member, opened: its number in that member's outbox, the introduction, the event's number, the document."""

    number: int
    introduction: str
    seq: int
    plaintext: bytes = field(repr=False)


# Takes what a member sent, in order, inside the transaction that was opened for it; returns (number, code) of what it refuses.
# What it raises undoes all of it, and the same messages come again later: only for what is wrong here, never for what came.
Receive = Callable[[Connection, str, Sequence[Opened]], Awaitable[Sequence[tuple[int, str]]]]
# Seals the event of a waiting message anew for the member's present key; None where it cannot.
SealAgain = Callable[[Connection, Member, Waiting], Awaitable[bytes | None]]
# The members with whom a case is open: they are asked more often.
Close = Callable[[Connection], Awaitable[AbstractSet[str]]]


async def refuse_all(_conn: Connection, _sender: str, opened: Sequence[Opened]) -> Sequence[tuple[int, str]]:
    """Refuse every message: what a node does that takes part in no introduction."""
    return [(message.number, UNAVAILABLE) for message in opened]


async def nobody(_conn: Connection) -> AbstractSet[str]:
    """Return no member."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the office does with messages, and what it says of them."""

    receive: Receive = refuse_all
    close: Close = nobody
    seal_again: SealAgain | None = None


@dataclass(frozen=True, slots=True)
class Carrier:
    """What carries messages for one node."""

    pool: Pool
    session: aiohttp.ClientSession
    signer: RequestSigner
    membership: Membership
    # The private key of the id that an envelope names: an old one too, for as long as this node has it.
    seal_of: Callable[[str], SealPrivate | None]
    clock: Callable[[], dt.datetime]
    # Uniform in [0, 1).
    draw: Callable[[], float]
    exchange: Exchange

    @property
    def parallel(self) -> int:
        """How many members are asked at once: never more than the pool can feed."""
        return max(1, min(limits.PULLS_PARALLEL, int(self.pool.get_max_size()) // 2))


@dataclass(slots=True)
class Asked:
    """What asking one member gave; ``code`` is empty when it answered."""

    member: str
    received: int = 0
    refused: int = 0
    code: str = ""


async def turn(carrier: Carrier, origin: str, *, everyone: bool = False) -> list[Asked]:
    """Do all there is to do now: seal anew for changed keys, tell, ask; ``origin`` names our log in hints.

    ``everyone``: ask all members, due or not, as a process does when it begins.
    """
    await reseal(carrier)
    async with acquire(carrier.pool) as conn:
        close = await carrier.exchange.close(conn)
    try:
        async with asyncio.TaskGroup() as group:
            # At once: whoever is told does not wait for whoever does not answer.
            group.create_task(hint_waiting(carrier, origin))
            asking = group.create_task(collect(carrier, close=close, everyone=everyone))
    except ExceptionGroup as failed:
        # Of several failures of our own, a database that is away above all, one tells enough.
        raise failed.exceptions[0] from failed
    return asking.result()


async def collect(carrier: Carrier, *, close: AbstractSet[str] = frozenset(), everyone: bool = False) -> list[Asked]:
    """Ask every member that is due for what waits there for us, and receive it."""
    members, now = {member.id: member for member in carrier.membership.peers}, carrier.clock()
    # +- 20 %: nodes that start together do not stay in step.
    times = {member: now + POLL * (0.8 + 0.4 * carrier.draw()) for member in members}

    async def claim(conn: Connection) -> list[Due]:
        return await outbox.claim_due(conn, times, close, now, everyone=everyone, close_since=now - POLL_CLOSE)

    due = await run_tx(carrier.pool, claim) if members else []
    gate = asyncio.Semaphore(carrier.parallel)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_guarded(carrier, members[item.peer], item, gate)) for item in due]
    return [task.result() for task in tasks]


async def _guarded(carrier: Carrier, member: Member, due: Due, gate: asyncio.Semaphore) -> Asked:
    """Ask one member; whatever goes wrong with it, the others' post goes on."""
    done, asked_to_wait, ended = Asked(member.id), 0, False
    async with gate:
        begun = carrier.clock()
        try:
            # One that drips holds up nobody's post for longer.
            async with asyncio.timeout(MEMBER_S):
                ended = await _ask(carrier, member, due.received, done)
        except TimeoutError:
            done.code = SLOW
            logger.info("outbox.failed", member=member.id, code=SLOW)
        except ReteError as error:
            done.code, asked_to_wait = _code_of(error), _seconds(error)
            logger.info("outbox.failed", member=member.id, code=done.code, reason=str(error))
        except Exception:
            done.code = BROKE
            logger.exception("outbox.broke", member=member.id)
        # A crash before this line: the member is asked again when the process begins.
        async with acquire(carrier.pool) as conn:
            if done.code:
                await outbox.mark_failed(conn, due, done.code, _again_at(carrier, due, asked_to_wait))
            else:
                await outbox.mark_good(conn, member.id, begun if ended else None)
    return done


def _code_of(error: ReteError) -> str:
    """Return what is wrong: the code that the member itself gave, where it refused us."""
    return str(error.facts.get("problem") or error.code)


def _seconds(error: ReteError) -> int:
    asked = error.facts.get("retry_after_s", 0)
    return asked if isinstance(asked, int) else 0


def _again_at(carrier: Carrier, due: Due, asked_to_wait: int) -> dt.datetime:
    # Full jitter between zero and the doubled ceiling: nodes that failed together do not come back together.
    ceiling = min(limits.BACKOFF_MAX_S, limits.BACKOFF_MIN_S * 2 ** min(due.failures, 20))
    wait_s = max(1.0, ceiling * carrier.draw(), min(float(asked_to_wait), limits.BACKOFF_MAX_S))
    return carrier.clock() + dt.timedelta(seconds=wait_s)


async def _ask(carrier: Carrier, member: Member, after: int, done: Asked) -> bool:
    """Read a member's outbox; tell whether to its end: the last question, which gets nothing, tells it that we have it all."""
    client = PeerClient(carrier.session, str(member.url), carrier.signer)
    for _ in range(PAGES):
        reply = await client.get_signed(
            "/federation/outbox", post.encode_after(after), max_bytes=limits.OUTBOX_REPLY_MAX_BYTES
        )
        page = await asyncio.to_thread(post.parse, reply.body, after)
        if not page.messages:
            return True
        taken = await _take(carrier, member.id, page.messages, after)
        if taken is None:
            # Another process of this node has read on meanwhile.
            return False
        done.received += len(page.messages)
        done.refused += taken
        after = page.messages[-1].number
    async with acquire(carrier.pool) as conn:
        await outbox.ask_again(conn, member.id, carrier.clock())
    return False


async def _take(carrier: Carrier, sender: str, messages: Sequence[Numbered], after: int | None) -> int | None:
    """Open and receive messages; return how many were refused, None if we had read on from ``after``.

    ``after`` None: messages that came by another road, which leave alone how far the outbox is read.
    """
    own_id, now = carrier.membership.own_id, carrier.clock()
    opened, unopened = await asyncio.to_thread(open_messages, messages, sender, own_id, carrier.seal_of)

    async def work(conn: Connection) -> list[tuple[int, str]] | None:
        if after is None:
            # Locked all the same: whoever receives has the box before the cases.
            await outbox.lock_boxes(conn, [sender])
        elif (await outbox.lock(conn, sender)).received != after:
            return None
        refused = [*unopened, *(await carrier.exchange.receive(conn, sender, opened) if opened else ())]
        await outbox.keep_refused(conn, sender, refused, now)
        if after is not None:
            # With the effects: a crash just before leaves neither, just after both.
            await outbox.mark_read(conn, sender, messages[-1].number)
        return refused

    told = await run_tx(carrier.pool, work)
    if told:
        logger.warning("message.refused", member=sender, count=len(told), codes=sorted({code for _, code in told}))
    return None if told is None else len(told)


def open_messages(
    messages: Sequence[Numbered], sender: str, own_id: str, seal_of: Callable[[str], SealPrivate | None]
) -> tuple[list[Opened], list[tuple[int, str]]]:
    """Return the messages that open and are from ``sender``, and (number, code) of those that do not."""
    opened: list[Opened] = []
    refused: list[tuple[int, str]] = []
    for message in messages:
        try:
            envelope = sealed.parse(message.sealed)
            header = envelope.header
            if header.sender != sender:
                refused.append((message.number, SENDER_WRONG))
                continue
            plaintext = sealed.unseal(envelope, own_id, seal_of(envelope.key_id))
        except PeerWrongError as error:
            refused.append((message.number, error.code))
            continue
        opened.append(Opened(message.number, header.introduction, header.seq, plaintext))
    return opened, refused


async def hint_waiting(carrier: Carrier, origin: str) -> int:
    """Tell members for whom something waits that it does, each at growing intervals; return how many heard it."""
    now = carrier.clock()
    due = await run_tx(carrier.pool, lambda conn: outbox.claim_hints(conn, now))
    members = {member.id: member for member in carrier.membership.peers}
    body, gate = heads.encode_outbox_hint(origin), asyncio.Semaphore(limits.PULLS_PARALLEL)

    async def tell(member: Member) -> bool:
        async with gate:
            try:
                await PeerClient(carrier.session, str(member.url)).post(
                    "/federation/hint", body, max_bytes=limits.PROBLEM_MAX_BYTES, content_type=JSON, allow=OK
                )
            except ReteError as error:
                logger.info("hint.failed", member=member.id, code=_code_of(error))
                return False
            return True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(tell(members[member])) for member in due if member in members]
    return sum(task.result() for task in tasks)


async def reseal(carrier: Carrier) -> int:
    """Seal anew what waits for members whose seal key is another by now; return how many messages."""
    seal_again = carrier.exchange.seal_again
    if seal_again is None:
        return 0
    members = {m.id: m for m in carrier.membership.members.values() if m.seal is not None}
    async with acquire(carrier.pool) as conn:
        stale = await outbox.stale(conn, {m.id: m.seal.id for m in members.values() if m.seal is not None})
    done = 0
    for member in stale:
        try:
            done += await _reseal_for(carrier.pool, members[member], seal_again)
        except ReteError as error:
            logger.warning("outbox.reseal_failed", member=member, code=error.code)
        except Exception:
            # What cannot be sealed anew for one member waits; the others' post goes on.
            logger.exception("outbox.reseal_broke", member=member)
    return done


async def _reseal_for(pool: Pool, member: Member, seal_again: SealAgain) -> int:
    key_id, count, after = member.seal.id if member.seal else "", 0, 0

    async def work(conn: Connection) -> tuple[int, int]:
        await outbox.lock(conn, member.id)
        waiting = await outbox.sealed_otherwise(conn, member.id, key_id, after, limits.OUTBOX_MESSAGES)
        made = {item.number: await seal_again(conn, member, item) for item in waiting}
        anew = {number: (key_id, envelope) for number, envelope in made.items() if envelope is not None}
        await outbox.reseal(conn, member.id, anew)
        return len(anew), waiting[-1].number if waiting else 0

    while True:
        sealed_anew, last = await run_tx(pool, work)
        count += sealed_anew
        if not last:
            return count
        after = last


async def export(pool: Pool, recipient: str, after: int = 0) -> bytes:
    """Return what waits for a member after a number, as the member itself would get it, to be carried by another road.

    Nothing is marked or erased: the member says by its own next question what it has. ``more`` says whether there is more.
    """
    async with acquire(pool) as conn:
        messages, more = await outbox.after(
            conn, recipient, after, limit=limits.OUTBOX_MESSAGES, max_bytes=limits.OUTBOX_MAX_BYTES
        )
    return post.encode(messages, more=more)


async def import_(carrier: Carrier, sender: str, raw: bytes) -> Asked:
    """Receive what a member's ``export`` gave, whoever carried it; how far its outbox is read does not change.

    Raises: NotFoundError(peer-unknown), PeerWrongError(outbox-malformed).
    """
    if sender not in carrier.membership.members or sender == carrier.membership.own_id:
        raise NotFoundError("peer-unknown", N_("nodo sconosciuto: {peer}"), peer=sender[:60])
    page = await asyncio.to_thread(post.parse, raw, 0, ahead=None)
    refused = await _take(carrier, sender, page.messages, None) if page.messages else 0
    return Asked(sender, len(page.messages), refused or 0)
