"""How proposals travel: one that somebody submits goes to all members that answer, and each round asks some members for theirs.

In: a node's pool and roads, a proposal; or the members to ask. Out: what was taken, who has it. Rules: nobody's silence stops anything; what a
member tells is weighed like what a person brings; a list that has not changed costs one conditional request. Source: PROTOCOL 7.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
import structlog

from node.errors import ReteError
from node.flows.trust import agreement as in_force
from node.flows.trust import council
from node.flows.trust.council import Taken
from node.peers.client import NOT_MODIFIED, PeerClient, RequestSigner
from node.protocol import limits, proposals
from node.protocol.heads import Standing
from node.protocol.member import Member, Membership
from node.store.postgres import Pool

logger = structlog.get_logger()
SIGNATURES = "/federation/agreement/signatures"
PROPOSALS = "/federation/agreement/proposals"
_SEEN_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Road:
    """By what a node reaches the others, and where it keeps what they say."""

    pool: Pool
    place: in_force.Place
    session: aiohttp.ClientSession
    signer: RequestSigner
    membership: Membership


@dataclass(slots=True)
class Memory:
    """What a process remembers between rounds: each member's last answer, and documents that were weighed already."""

    etags: dict[str, str] = field(default_factory=dict)
    seen: set[bytes] = field(default_factory=set)

    def is_news(self, member: str, tag: str | None) -> bool:
        """Tell whether a member that names its proposals by ``tag`` has others than when it was last heard; None: it names none."""
        return tag is not None and self.etags.get(member) != f'"{tag}"'


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a proposal that was submitted: here, and at the others, by member; ``failed`` has the code."""

    taken: Taken
    told: tuple[str, ...]
    failed: dict[str, str]


async def submit(road: Road, raw: bytes, now: dt.datetime) -> Sent:
    """Keep a proposal here and bring it to every member that answers. Raises: as ``council.receive``."""
    # Before it is applied, which may change who is asked: those that leave by it should hear of it, too.
    members = road.membership.peers
    taken = await council.receive(road.pool, road.place, raw, now)
    gate = asyncio.Semaphore(limits.PULLS_PARALLEL)

    async def tell(member: Member) -> tuple[str, str]:
        client = PeerClient(road.session, str(member.url), road.signer)
        async with gate:
            try:
                await client.post_signed(SIGNATURES, raw, max_bytes=limits.PROBLEM_MAX_BYTES)
            except ReteError as error:
                said = str(error.facts.get("problem") or error.code)
                return member.id, said
        return member.id, ""

    results = dict(await asyncio.gather(*(tell(member) for member in members)))
    told = tuple(sorted(member for member, code in results.items() if not code))
    return Sent(taken, told, {member: code for member, code in sorted(results.items()) if code})


async def hear(road: Road, said: Mapping[str, Standing], memory: Memory, now: dt.datetime) -> int:
    """Collect from those who said beside their heads that they hold other proposals: an idle round costs nothing."""
    told = {member: standing.proposals for member, standing in said.items()}
    asked = [peer for peer in road.membership.peers if memory.is_news(peer.id, told.get(peer.id))]
    return await collect(road, asked, memory, now)


async def collect(road: Road, asked: Sequence[Member], memory: Memory, now: dt.datetime) -> int:
    """Ask members for their proposals and keep what is good of them; return how many brought something new."""
    news = sum(await asyncio.gather(*(_hear(road, member, memory, now) for member in asked)))
    await council.settle(road.pool, road.place, now)
    return news


async def _hear(road: Road, member: Member, memory: Memory, now: dt.datetime) -> int:
    client = PeerClient(road.session, str(member.url))
    try:
        reply = await client.get(PROPOSALS, max_bytes=limits.PROPOSALS_MAX_BYTES, etag=memory.etags.get(member.id))
        if reply.status == NOT_MODIFIED:
            return 0
        told = await asyncio.to_thread(proposals.parse, reply.body)
    except ReteError as error:
        memory.etags.pop(member.id, None)
        logger.info("proposals.failed", member=member.id, code=error.code, reason=str(error))
        return 0
    news, later = 0, False
    for raw in told:
        digest = hashlib.sha256(raw).digest()
        if digest in memory.seen:
            continue
        try:
            news += (await council.receive(road.pool, road.place, raw, now, member.id)).is_new
        except ReteError as error:
            # What is ahead of us is heard again when we have come so far.
            later = later or error.code == "proposal-ahead"
            logger.info("proposal.refused", member=member.id, code=error.code)
            if error.code == "proposal-ahead":
                continue
        if len(memory.seen) >= _SEEN_MAX:
            memory.seen.clear()
        memory.seen.add(digest)
    memory.etags.pop(member.id, None)
    if reply.etag and not later:
        memory.etags[member.id] = reply.etag
    return news
