"""One round: hear from three members what is new in all logs, pull that, and note who has confirmed our withdrawals.

In: a Syncer and what this process remembers between rounds. Out: a report of what was heard and pulled. An idle round costs one
conditional request to each of three members, however many logs there are. Every head heard is held against our own tree, so a log
that shows two histories to two members is found out as soon as they speak. Source: PROTOCOL 6.1.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from node.errors import PeerWrongError, ReteError
from node.flows.logs import accuse, epoch, vouch
from node.flows.logs.append import OwnLog
from node.flows.logs.extend import UNFOLLOWED, Target
from node.flows.logs.pull import PullReport
from node.flows.logs.sync import Syncer, is_due
from node.flows.logs.trees import stored_root
from node.flows.trust.agreement_logs import check_end
from node.peers.client import NOT_MODIFIED, Reply
from node.protocol import heads, inconsistency, keys, limits, news, note, tlog_proof, witness
from node.protocol.heads import AGREEMENT_HEADER, PROPOSALS_HEADER, ROUTINE_HEADER, Offered, Standing, parse_standing
from node.protocol.log_name import authority
from node.protocol.member import Member
from node.protocol.news import Weight
from node.store import evidence, origins, own_log
from node.store import witness as store
from node.store.origins import Origin
from node.store.postgres import Connection, acquire, run_tx

logger = structlog.get_logger()
PARTNERS_FOR = dt.timedelta(days=1)
# When nobody has confirmed a log's head for so long, its own node is asked.
DIRECT_AFTER = dt.timedelta(hours=6)
PROOFS_HEADER, SINCE_HEADER = "Rete-Proofs", "Rete-Since"
_SINCE = re.compile(r"[0-9]{1,12}-[0-9]{1,18}")
_SEEN_MAX = 20_000
_random = secrets.SystemRandom()


@dataclass(slots=True)
class Memory:
    """What a process remembers between rounds: whom it asks, each one's last answer, and heads already found to fit."""

    partners: list[str] = field(default_factory=list)
    chosen_at: dt.datetime | None = None
    etags: dict[str, str] = field(default_factory=dict)
    since: dict[str, str] = field(default_factory=dict)
    answers: dict[str, dict[str, Offered]] = field(default_factory=dict)
    standing: dict[str, Standing] = field(default_factory=dict)
    seen: set[tuple[str, bytes]] = field(default_factory=set)

    def said(self) -> dict[str, Standing]:
        """Return what those who are asked said of their agreement and proposals beside their heads."""
        return {member: self.standing[member] for member in self.partners if member in self.standing}


@dataclass(slots=True)
class Round:
    """What one round heard and did."""

    asked: int = 0
    answered: int = 0
    bytes_in: int = 0
    reports: list[PullReport] = field(default_factory=list)
    receipts: int = 0
    proofs: int = 0


@dataclass(slots=True)
class _Heard:
    """What the members said of one log: who offers the largest head, and whether anybody confirmed ours."""

    offer: tuple[str, Target] | None = None
    confirmed: bool = False


async def gossip(syncer: Syncer, own: OwnLog, memory: Memory) -> Round:
    """Run one round; a member's fault or silence ends with that member."""
    membership, done = syncer.membership, Round()
    peers = membership.peers if membership is not None else []
    asked = _partners(memory, peers, syncer.parts.clock())
    done.asked = len(asked)
    await asyncio.gather(*(_listen(syncer, member, memory, done) for member in asked))
    async with acquire(syncer.pool) as conn:
        logs = {origin.origin: origin for origin in await origins.list_origins(conn)}
    heard: dict[str, _Heard] = {}
    for member in asked:
        for item in memory.answers.get(member.id, {}).values():
            await _weigh(syncer, own, member, item, logs, heard, memory, done)
    await _pull(syncer, logs, heard, done)
    return done


def _partners(memory: Memory, peers: Sequence[Member], now: dt.datetime) -> list[Member]:
    """Return whom to ask: the same members for a day, so that they need tell only what changed; others for the silent ones."""
    if memory.chosen_at is None or now - memory.chosen_at > PARTNERS_FOR:
        memory.partners, memory.chosen_at = [], now
    kept = [peer for peer in peers if peer.id in memory.partners]
    asked = news.asked(kept, peers, _random.sample)
    memory.partners = [member.id for member in asked]
    return asked


async def _listen(syncer: Syncer, member: Member, memory: Memory, done: Round) -> None:
    """Hear what changed in a member's heads since it was last asked."""
    client = syncer.client(str(member.url))
    since = memory.since.get(member.id)
    try:
        reply = await client.get(
            "/federation/heads" + (f"?since={since}" if since else ""),
            max_bytes=limits.HEADS_MAX_BYTES,
            etag=memory.etags.get(member.id),
        )
        if reply.status != NOT_MODIFIED:
            _remember(memory, member.id, reply)
        done.answered += 1
        _note_standing(memory, member.id, reply)
        accused = reply.headers.get(PROOFS_HEADER, "0")
        async with acquire(syncer.pool) as conn:
            known = await evidence.count_evidence(conn)
        if accused.isascii() and accused.isdecimal() and int(accused[:6]) > known:
            done.proofs += len(await accuse.fetch(syncer.pool, client, syncer.parts.clock()))
    except ReteError as error:
        for kept in (memory.answers, memory.etags, memory.since, memory.standing):
            kept.pop(member.id, None)
        memory.partners = [partner for partner in memory.partners if partner != member.id]
        logger.info("heads.failed", member=member.id, code=error.code, reason=str(error))
    finally:
        done.bytes_in += client.tally.bytes_in


def _note_standing(memory: Memory, member: str, reply: Reply) -> None:
    """Keep what a member says of its agreement; of one that lives by [[peer]] tables there is nothing."""
    said = [reply.headers.get(name, "") for name in (AGREEMENT_HEADER, ROUTINE_HEADER, PROPOSALS_HEADER)]
    found = parse_standing(*said)
    if found is None:
        memory.standing.pop(member, None)
    else:
        memory.standing[member] = found


def _remember(memory: Memory, member: str, reply: Reply) -> None:
    """Add an answer to what a member said before; a member that counts anew has told everything."""
    told = {item.origin: item for item in heads.parse(reply.body)}
    since = reply.headers.get(SINCE_HEADER, "")
    goes_on = since.partition("-")[0] == memory.since.get(member, "-").partition("-")[0] != ""
    memory.answers[member] = {**memory.answers.get(member, {}), **told} if goes_on else told
    for kept, value in ((memory.etags, reply.etag), (memory.since, since if _SINCE.fullmatch(since) else None)):
        kept.pop(member, None)
        if value:
            kept[member] = value


async def _weigh(
    syncer: Syncer,
    own: OwnLog,
    member: Member,
    item: Offered,
    logs: dict[str, Origin],
    heard: dict[str, _Heard],
    memory: Memory,
    done: Round,
) -> None:
    """Hold one head that a member offered against what is known here."""
    if (item.origin, item.checkpoint) in memory.seen:
        heard.setdefault(item.origin, _Heard()).confirmed = True
        return
    origin = logs.get(item.origin) or await _enrol(syncer, member, item, logs)
    if origin is None or (origin.state in UNFOLLOWED and not origin.is_own):
        return
    logs[origin.origin] = origin
    try:
        target = Target(tlog_proof.signed_checkpoint(item.checkpoint, origin.verifiers), item.checkpoint)
        check_end(origin, target.checkpoint)
        if origin.is_own:
            if origin.origin == own.origin and await _receive(syncer, own, member, target):
                done.receipts += 1
                memory.seen.add((item.origin, item.checkpoint))
            return
        await _compare(syncer, origin, member, target, heard.setdefault(origin.origin, _Heard()), memory)
    except PeerWrongError as error:
        logger.warning("head.refused", member=member.id, origin=item.origin, code=error.code)


async def _enrol(syncer: Syncer, member: Member, item: Offered, logs: Mapping[str, Origin]) -> Origin | None:
    owner = None if syncer.membership is None else syncer.membership.member_at(authority(item.origin))
    return await epoch.enrol_successor(syncer.pool, member, item, logs, None if owner is None else owner.id)


async def _compare(
    syncer: Syncer, origin: Origin, member: Member, target: Target, heard: _Heard, memory: Memory
) -> None:
    size = target.checkpoint.size
    weight = news.weigh(size, origin.size, origin.checkpoint_size)
    if weight is Weight.NEWS:
        if heard.offer is None or heard.offer[1].checkpoint.size < size:
            heard.offer = (member.id, target)
        return
    async with acquire(syncer.pool) as conn:
        root = origin.root if weight is Weight.SAME else await stored_root(conn, origin.origin_id, size)
    if root != target.checkpoint.root:
        await _accuse(syncer, origin, target)
        return
    heard.confirmed = True
    if weight is Weight.SAME:
        parts = syncer.parts
        await vouch.refresh(syncer.pool, origin, target, parts.membership, parts.voice, parts.clock())
    if len(memory.seen) >= _SEEN_MAX:
        memory.seen.clear()
    memory.seen.add((origin.origin, target.note))


async def _accuse(syncer: Syncer, origin: Origin, target: Target) -> None:
    claim = await accuse.find(syncer.pool, origin, target, ())
    if claim is None or syncer.membership is None:
        return
    if await accuse.quarantine(syncer.pool, claim, syncer.parts.clock()):
        await accuse.spread(syncer.session, syncer.membership, claim)


async def _receive(syncer: Syncer, own: OwnLog, member: Member, target: Target) -> bool:
    """Keep a member's mirror cosignature of the own log as its receipt; sound the alarm when it has more of it than we."""
    parsed = note.parse(target.note)
    found = target.checkpoint
    async with acquire(syncer.pool) as conn:
        latest = await own_log.signed_latest(conn, own.origin_id)
        ours = b"" if latest is None or found.size > latest.size else await stored_root(conn, own.origin_id, found.size)
    if latest is None or found.size > latest.size or ours != found.root:
        await fence_own(syncer, own, found.size, latest.size if latest else 0)
        return False
    good = witness.read_cosignatures(parsed.signatures, parsed.text, _mirror_of(member))
    if not good:
        return False
    at = vouch.moment(good[0].at) or syncer.parts.clock()

    async def work(conn: Connection) -> None:
        receipt = inconsistency.bare(target.note, await origins.origin_keys(conn, own.origin_id)) + good[0].line
        await store.keep_receipt(conn, own.origin_id, member.id, found.size, at, receipt)

    await run_tx(syncer.pool, work)
    return True


async def collect_receipts(syncer: Syncer, own: OwnLog) -> int:
    """Ask every member whose receipt does not cover the newest own head for its mirror's checkpoint; return how many came."""
    async with acquire(syncer.pool) as conn:
        latest = await own_log.signed_latest(conn, own.origin_id)
        given = {receipt.member: receipt.size for receipt in await store.receipts(conn, own.origin_id)}
        verifiers = await origins.origin_keys(conn, own.origin_id)
    peers = syncer.membership.peers if syncer.membership is not None else []
    missing = [m for m in peers if latest is not None and given.get(m.id, -1) < latest.size]
    path = f"/federation/mirror/{hashlib.sha256(own.origin.encode()).hexdigest()}/checkpoint"

    async def ask(member: Member) -> bool:
        try:
            reply = await syncer.client(str(member.url)).get(path, max_bytes=limits.CHECKPOINT_MAX_BYTES)
            target = Target(tlog_proof.signed_checkpoint(reply.body, verifiers), reply.body)
            return await _receive(syncer, own, member, target)
        except ReteError as error:
            logger.info("receipt.missing", member=member.id, code=error.code)
            return False

    return sum(await asyncio.gather(*(ask(member) for member in missing)))


def _mirror_of(member: Member) -> Mapping[str, Sequence[keys.Verifier]]:
    return {member.id: member.mirror}


async def fence_own(syncer: Syncer, own: OwnLog, there: int, here: int) -> None:
    """Stop writing the own log: another member holds a signed head of ours that we do not have."""

    async def work(conn: Connection) -> None:
        await origins.lock_head(conn, own.origin_id)
        await origins.set_state(
            conn,
            own.origin_id,
            "fenced",
            code="log-fenced",
            text=f"un altro nodo ha {there} voci firmate di questo registro, qui ce ne sono {here}",
            now=syncer.parts.clock(),
        )

    await run_tx(syncer.pool, work)
    logger.error("log.fenced", origin=own.origin, there=there, here=here)


async def _pull(syncer: Syncer, logs: Mapping[str, Origin], heard: Mapping[str, _Heard], done: Round) -> None:
    """Pull what was offered, and what nobody's news can bring; note what was confirmed."""
    now = syncer.parts.clock()
    offers = {name: h.offer for name, h in heard.items() if h.offer is not None}
    chosen = [o for o in logs.values() if o.origin in offers or is_due(o, now) or _is_overdue(o, now)]
    confirmed = [
        logs[name].origin_id for name, h in heard.items() if h.confirmed and name not in offers and name in logs
    ]
    if confirmed:
        # Many rows at once, which a new version of the agreement may be changing in another order: tried once more.
        await run_tx(syncer.pool, lambda conn: origins.record_confirmed(conn, confirmed, now))
    done.reports = await syncer.pull_all(_news_first(chosen, offers), offers)


def _is_overdue(origin: Origin, now: dt.datetime) -> bool:
    if origin.is_own or origin.url is None or origin.state in UNFOLLOWED or origin.next_pull_at is not None:
        return False
    return origin.confirmed_at is None or now - origin.confirmed_at > DIRECT_AFTER


def _news_first(chosen: Sequence[Origin], offers: Mapping[str, tuple[str, Target]]) -> list[Origin]:
    """Return the logs with news first, small ones before large ones: one flood does not hold up the rest."""
    return sorted(
        chosen,
        key=lambda o: (
            o.origin not in offers,
            offers[o.origin][1].checkpoint.size - o.size if o.origin in offers else 0,
        ),
    )
