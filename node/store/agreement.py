"""The agreement's tables: applied versions, routine changes, proposals with their signatures, forks, enrolment requests.

In: documents as bytes that protocol/agreement has judged. Out: typed rows. Nothing here judges, and nothing here is private: every
member hands all of it on. The flow or the handler opens the transaction. Source: PROTOCOL 7.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("agreement")
# Arbitrary, constant for ever: the advisory lock under which versions are applied one after the other.
APPLY_LOCK = 0x7265746537
REQUESTS_KEPT = 200
# What a person has looked at and left alone for so long gives way to others, when there are enough.
REQUEST_LEFT_FOR = dt.timedelta(days=7)
ROOT, ROUTINE = "root", "routine"


@dataclass(frozen=True, slots=True)
class Document:
    """One applied version (of the agreement, or of the routine changes) as its bytes came; ``digest``: of the signed part, hex."""

    version: int
    digest: str
    raw: bytes
    applied_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """A document that collects signatures, ``raw`` without any; ``kind`` is ROOT or ROUTINE, ``by_member`` who brought it ("": from here).

    ``then_keyids`` and ``then_need``: the other council that must sign it too, and how many of it; 0 where there is none.
    """

    digest: str
    kind: str
    version: int
    raw: bytes
    received_at: dt.datetime
    by_member: str
    signatures: tuple[tuple[str, str], ...] = ()
    then_keyids: Sequence[str] = ()
    then_need: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """Whose signatures a kept proposal has, and what it needs beside those who decide now: all to count by, without the document."""

    digest: str
    signed: frozenset[str]
    then_keyids: frozenset[str]
    then_need: int


@dataclass(frozen=True, slots=True)
class Fork:
    """Two documents for one version, both fully signed; ``digest`` is the other's.

    ``applied``: whether the first of them stands; else neither does. ``settled_at``: when a person decided.
    """

    version: int
    digest: str
    applied: bool
    raw_applied: bytes
    raw_other: bytes
    found_at: dt.datetime
    settled_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class RoutineFork:
    """A routine document, signed as it must be, that says of ``node`` something else than those that are held."""

    digest: str
    node: str
    raw: bytes
    found_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Request:
    """An enrolment request; ``fingerprint``: SHA-256 of its canonical node entry, hex."""

    fingerprint: str
    raw: bytes
    received_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Asker:
    """Of whom an enrolment request is: the id and the authority that it says, and the first of the http keys that it proves."""

    node_id: str
    authority: str
    http_key: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """What a member last offered as a newer version, and the code for which it was not taken."""

    member: str
    version: int
    code: str
    at: dt.datetime


def digest_of(signed: bytes) -> str:
    """Return the hex digest by which a document is known, whoever signed it: of the bytes that its signatures are over."""
    return hashlib.sha256(signed).hexdigest()


async def lock(conn: Connection) -> None:
    """Be the only one that applies or collects, until the transaction ends."""
    await conn.execute(QUERIES["lock"], APPLY_LOCK)


async def read_latest(conn: Connection) -> Document | None:
    """Return the newest applied version; None where there is no agreement."""
    row = await conn.fetchrow(QUERIES["read_latest"])
    return None if row is None else Document(**dict(row))


async def latest_version(conn: Connection) -> tuple[int, str] | None:
    """Return (number, digest) of the newest applied version, without its bytes."""
    row = await conn.fetchrow(QUERIES["latest_version"])
    return None if row is None else (row["version"], row["digest"])


async def read_version(conn: Connection, version: int) -> Document | None:
    """Return one applied version."""
    row = await conn.fetchrow(QUERIES["read_version"], version)
    return None if row is None else Document(**dict(row))


async def versions_from(conn: Connection, version: int, limit: int) -> list[Document]:
    """Return up to ``limit`` applied versions from ``version`` on, oldest first."""
    return [Document(**dict(row)) for row in await conn.fetch(QUERIES["versions_from"], version, limit)]


async def insert_document(conn: Connection, version: int, digest: str, raw: bytes, now: dt.datetime) -> None:
    """Keep a version as applied; the primary key makes two of one number impossible."""
    await conn.execute(QUERIES["insert_document"], version, digest, raw, now)


async def delete_document(conn: Connection, version: int) -> None:
    """Take an applied version back: only for a fork on which a person decided for the other document."""
    await conn.execute(QUERIES["delete_document"], version)


async def read_routines(conn: Connection) -> list[Document]:
    """Return the routine documents that are held, by digest: together they are what is in effect."""
    return [Document(**dict(row)) for row in await conn.fetch(QUERIES["read_routines"])]


async def read_routine(conn: Connection, digest: str | None = None) -> Document | None:
    """Return the newest routine document that is held, or the one of that digest."""
    row = await conn.fetchrow(QUERIES["read_routine"], digest)
    return None if row is None else Document(**dict(row))


async def routine_digests(conn: Connection) -> tuple[str, ...]:
    """Return the digests of the routine documents that are held, in order."""
    return tuple(row["digest"] for row in await conn.fetch(QUERIES["routine_digests"]))


async def put_routine(conn: Connection, version: int, digest: str, raw: bytes, now: dt.datetime) -> None:
    """Hold a routine document."""
    await conn.execute(QUERIES["put_routine"], version, digest, raw, now)


async def keep_routines(conn: Connection, digests: Iterable[str]) -> None:
    """Hold no other routine documents than these: the rest is in them, or was another secretariat's."""
    await conn.execute(QUERIES["keep_routines"], list(digests))


async def put_routine_fork(conn: Connection, fork: RoutineFork) -> bool:
    """Keep a routine document that contradicts what is held; False when it was known or there are enough."""
    one = fork
    return bool(await conn.fetchval(QUERIES["put_routine_fork"], one.digest, one.node, one.raw, one.found_at))


async def read_routine_forks(conn: Connection) -> list[RoutineFork]:
    """Return the routine documents that contradict what is held, oldest first."""
    return [RoutineFork(**dict(row)) for row in await conn.fetch(QUERIES["read_routine_forks"])]


async def drop_routine_fork(conn: Connection, digest: str) -> None:
    """Forget a routine document that contradicts nothing any more."""
    await conn.execute(QUERIES["drop_routine_fork"], digest)


async def put_proposal(conn: Connection, proposal: Proposal) -> bool:
    """Keep a proposal (its signatures are put apart); False when it was known."""
    one = proposal
    return bool(
        await conn.fetchval(
            QUERIES["put_proposal"],
            one.digest,
            one.kind,
            one.version,
            one.raw,
            one.received_at,
            one.by_member,
            list(one.then_keyids),
            one.then_need,
        )
    )


async def read_proposals(conn: Connection, digest: str | None = None) -> list[Proposal]:
    """Return the open proposals with their signatures, or the one of that digest."""
    found = []
    for row in await conn.fetch(QUERIES["read_proposals"], digest):
        signed = await conn.fetch(QUERIES["read_signatures"], row["digest"])
        found.append(Proposal(**dict(row), signatures=tuple((one["keyid"], one["sig"]) for one in signed)))
    return found


async def read_tallies(conn: Connection, digest: str | None = None) -> list[Tally]:
    """Return how the open proposals stand, or the one of that digest, in the order of ``read_proposals``."""
    return [
        Tally(row["digest"], frozenset(row["signed"]), frozenset(row["then_keyids"]), row["then_need"])
        for row in await conn.fetch(QUERIES["read_tallies"], digest)
    ]


async def proposals_tag(conn: Connection) -> str:
    """Return what changes whenever what ``read_proposals`` returns does, without reading the documents."""
    tag: str = await conn.fetchval(QUERIES["proposals_tag"])
    return tag


async def count_proposals(conn: Connection) -> int:
    """Return how many proposals are open."""
    count: int = await conn.fetchval(QUERIES["count_proposals"])
    return count


async def put_signatures(conn: Connection, digest: str, more: Iterable[tuple[str, str]], now: dt.datetime) -> int:
    """Add signatures, given as (key id, hex), to a kept proposal; return how many were new."""
    pairs = dict(more)
    return len(await conn.fetch(QUERIES["put_signatures"], digest, list(pairs), list(pairs.values()), now))


async def drop_proposals_below(conn: Connection, version: int, kind: str = ROOT) -> None:
    """Forget the proposals of a kind whose version is smaller: they can't come into force any more."""
    await conn.execute(QUERIES["drop_proposals_below"], kind, version)


async def drop_proposal(conn: Connection, digest: str) -> bool:
    """Forget one proposal; False when it was not there."""
    return bool(await conn.fetchval(QUERIES["drop_proposal"], digest))


async def put_fork(conn: Connection, fork: Fork) -> bool:
    """Keep both documents of a fork; False when the pair was known or there are enough."""
    one = fork
    row = await conn.fetchval(
        QUERIES["put_fork"], one.version, one.digest, one.applied, one.raw_applied, one.raw_other, one.found_at
    )
    return row is not None


async def read_forks(conn: Connection) -> list[Fork]:
    """Return the forks that were seen, newest version first, the settled ones too."""
    return [Fork(**dict(row)) for row in await conn.fetch(QUERIES["read_forks"])]


async def is_fork_settled(conn: Connection, version: int) -> bool:
    """Tell whether a person has decided about a fork of ``version``: what is applied is what stands."""
    return bool(await conn.fetchval(QUERIES["settled_fork"], version))


async def has_open_fork(conn: Connection, version: int) -> bool:
    """Tell whether a fork of ``version`` or of a later one waits for a person's decision."""
    return bool(await conn.fetchval(QUERIES["open_fork"], version))


async def is_built_upon(conn: Connection) -> bool:
    """Tell whether anything stands on the first version: a later one, a change, an entry of any log that is held here."""
    return bool(await conn.fetchval(QUERIES["is_built_upon"]))


async def forget_first(conn: Connection) -> None:
    """Forget the first version, and what was proposed or refused on top of it."""
    await conn.execute(QUERIES["forget_proposals"])
    await conn.execute(QUERIES["forget_refused"])
    await conn.execute(QUERIES["delete_document"], 1)
    await conn.execute(QUERIES["note_enrolled"], "")


async def settle_forks(conn: Connection, version: int, now: dt.datetime) -> int:
    """Note that a person decided about the forks of a version; return how many there were."""
    return len(await conn.fetch(QUERIES["settle_forks"], version, now))


async def put_request(conn: Connection, fingerprint: str, raw: bytes, now: dt.datetime, asker: Asker) -> bool:
    """Keep an enrolment request; False when it was known, or REQUESTS_KEPT wait already that people look after (``has_request`` tells which).

    An earlier one of the same node gives way to it; when there are enough, the oldest that nobody has looked at does.
    """
    if await has_request(conn, fingerprint):
        return False
    await conn.execute(QUERIES["replace_requests"], asker.node_id, asker.authority, asker.http_key, fingerprint)
    await conn.execute(QUERIES["make_room_for_request"], REQUESTS_KEPT, now - REQUEST_LEFT_FOR)
    return bool(
        await conn.fetchval(
            QUERIES["put_request"], fingerprint, raw, now, REQUESTS_KEPT, asker.node_id, asker.authority, asker.http_key
        )
    )


async def has_request(conn: Connection, fingerprint: str) -> bool:
    """Tell whether that enrolment request waits."""
    return bool(await conn.fetchval(QUERIES["has_request"], fingerprint))


async def look_at_requests(conn: Connection, fingerprints: Iterable[str], now: dt.datetime) -> None:
    """Note that a person saw these requests: they give way to strangers' no more, until they have waited for REQUEST_LEFT_FOR."""
    await conn.execute(QUERIES["look_at_requests"], now, list(fingerprints))


async def read_requests(conn: Connection, fingerprint: str | None = None) -> list[Request]:
    """Return the enrolment requests that wait, oldest first, or the one of that fingerprint."""
    return [Request(**dict(row)) for row in await conn.fetch(QUERIES["read_requests"], fingerprint)]


async def drop_request(conn: Connection, fingerprint: str) -> bool:
    """Forget an enrolment request; False when it was not there."""
    return bool(await conn.fetchval(QUERIES["drop_request"], fingerprint))


async def drop_requests_before(conn: Connection, moment: dt.datetime) -> None:
    """Forget the enrolment requests that have waited since before ``moment``."""
    await conn.execute(QUERIES["drop_requests_before"], moment)


async def put_refused(conn: Connection, member: str, version: int, code: str, now: dt.datetime) -> None:
    """Note which newer version of a member was not taken, and why."""
    await conn.execute(QUERIES["put_refused"], member, version, code[:100], now)


async def drop_refused(conn: Connection, version: int, member: str) -> None:
    """Forget what was refused up to an applied version, and all of one member, which now says what is said here ("": of none)."""
    await conn.execute(QUERIES["drop_refused"], version, member)


async def read_refused(conn: Connection) -> list[Refused]:
    """Return what members offered and was not taken."""
    return [Refused(**dict(row)) for row in await conn.fetch(QUERIES["read_refused"])]


async def enrolled(conn: Connection) -> str:
    """Return what the rows of the logs were last brought in line with, "" for nothing."""
    return await conn.fetchval(QUERIES["enrolled"]) or ""


async def note_enrolled(conn: Connection, what: str) -> None:
    """Note what the rows of the logs are in line with."""
    await conn.execute(QUERIES["note_enrolled"], what)
