"""The agreement's tables: versions in order, proposals with their signatures, forks, requests, each within its bounds."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import asyncpg
import pytest

from node.store import agreement
from node.store.agreement import Asker, Fork, Proposal
from node.store.postgres import Connection

NOW = dt.datetime(2026, 12, 1, 9, tzinfo=dt.UTC)


def digest(number: int) -> str:
    """Some digest."""
    return f"{number:064x}"


async def test_the_newest_version_speaks_and_all_are_kept(conn: Connection) -> None:
    """Versions are read from any on, oldest first; one number is never given twice."""
    assert await agreement.read_latest(conn) is None
    for version in (1, 2, 3):
        await agreement.insert_document(conn, version, digest(version), b"%d" % version, NOW)
    latest = await agreement.read_latest(conn)
    assert latest is not None
    assert (latest.version, latest.raw, latest.applied_at) == (3, b"3", NOW)
    assert await agreement.latest_version(conn) == (3, digest(3))
    assert [one.version for one in await agreement.versions_from(conn, 2, 1)] == [2]
    assert [one.version for one in await agreement.versions_from(conn, 2, 9)] == [2, 3]
    assert await agreement.read_version(conn, 4) is None
    with pytest.raises(asyncpg.UniqueViolationError):
        await agreement.insert_document(conn, 3, digest(9), b"other", NOW)


async def test_signatures_are_collected_once_each(conn: Connection) -> None:
    """A proposal is kept once with what was signed on it, and is gone with its signatures when it can't come into force."""
    one = Proposal(digest(1), agreement.ROOT, 2, b"raw", NOW, "bic-lazio")
    assert await agreement.put_proposal(conn, one)
    assert not await agreement.put_proposal(conn, one)
    assert await agreement.put_signatures(conn, one.digest, [(digest(7), "ab" * 64)], NOW) == 1
    assert await agreement.put_signatures(conn, one.digest, [(digest(7), "ab" * 64), (digest(6), "cd" * 64)], NOW) == 1
    [kept] = await agreement.read_proposals(conn)
    assert kept.signatures == ((digest(6), "cd" * 64), (digest(7), "ab" * 64))
    assert await agreement.read_proposals(conn, digest(5)) == []
    await agreement.drop_proposals_below(conn, 2)
    assert await agreement.count_proposals(conn) == 1
    await agreement.drop_proposals_below(conn, 3, agreement.ROUTINE)
    assert await agreement.count_proposals(conn) == 1
    await agreement.drop_proposals_below(conn, 3)
    assert await agreement.count_proposals(conn) == 0


async def test_a_fork_waits_until_somebody_decides(conn: Connection) -> None:
    """It is kept once, a flood of others is not; what was decided is open no longer."""
    fork = Fork(4, digest(1), applied=True, raw_applied=b"a", raw_other=b"b", found_at=NOW)
    assert await agreement.put_fork(conn, fork)
    assert not await agreement.put_fork(conn, fork)
    for number in range(2, 12):
        await agreement.put_fork(conn, replace(fork, digest=digest(number)))
    assert len(await agreement.read_forks(conn)) == 8
    assert await agreement.has_open_fork(conn, 4)
    assert not await agreement.has_open_fork(conn, 5)
    assert await agreement.settle_forks(conn, 4, NOW) == 8
    assert not await agreement.has_open_fork(conn, 4)


def asker(number: int, key: bytes = b"key") -> Asker:
    """Some administration."""
    return Asker(f"n{number}", f"n{number}.example", key)


async def fill(conn: Connection, now: dt.datetime = NOW) -> list[str]:
    """As many requests as are kept, a second apart."""
    fingerprints = [digest(number) for number in range(agreement.REQUESTS_KEPT)]
    for number, fingerprint in enumerate(fingerprints):
        assert await agreement.put_request(
            conn, fingerprint, b"request", now + dt.timedelta(seconds=number), asker(number)
        )
    return fingerprints


async def waiting(conn: Connection) -> set[str]:
    """The fingerprints that wait."""
    return {one.fingerprint for one in await agreement.read_requests(conn)}


async def test_enrolment_requests_are_bounded_and_the_oldest_unseen_one_makes_room(conn: Connection) -> None:
    """So many are kept and no more; a flood puts out itself, and not what a person looks after, for a week."""
    kept = await fill(conn)
    await agreement.look_at_requests(conn, [kept[0], kept[2]], NOW)
    later = NOW + dt.timedelta(hours=1)
    assert not await agreement.put_request(conn, kept[5], b"request", later, asker(5))
    assert await agreement.put_request(conn, digest(10_000), b"request", later, asker(10_000))
    assert await agreement.put_request(conn, digest(10_001), b"request", later, asker(10_001))
    now = await waiting(conn)
    assert (len(now), set(kept) - now) == (agreement.REQUESTS_KEPT, {kept[1], kept[3]})
    assert [one.raw for one in await agreement.read_requests(conn, digest(10_000))] == [b"request"]
    assert await agreement.drop_request(conn, kept[4])
    assert not await agreement.drop_request(conn, kept[4])


async def test_what_is_looked_after_keeps_its_place_for_a_week(conn: Connection) -> None:
    """Two hundred that were all seen keep others out, and after a week the oldest of them does no more."""
    kept = await fill(conn)
    await agreement.look_at_requests(conn, kept, NOW)
    almost, after = NOW + agreement.REQUEST_LEFT_FOR, NOW + agreement.REQUEST_LEFT_FOR + dt.timedelta(milliseconds=500)
    assert not await agreement.put_request(conn, digest(10_000), b"request", almost, asker(10_000))
    assert not await agreement.has_request(conn, digest(10_000))
    assert await agreement.put_request(conn, digest(10_000), b"request", after, asker(10_000))
    assert set(kept) - await waiting(conn) == {kept[0]}


async def test_of_one_node_the_newest_request_waits(conn: Connection) -> None:
    """Another of the same id and authority replaces it; once a person has seen it, only the holder of its key may."""
    for number, key in ((1, b"one"), (2, b"other")):
        assert await agreement.put_request(conn, digest(number), b"request", NOW, asker(7, key))
    assert await agreement.put_request(conn, digest(9), b"request", NOW, asker(8))
    assert await waiting(conn) == {digest(2), digest(9)}
    await agreement.look_at_requests(conn, [digest(2)], NOW)
    assert await agreement.put_request(conn, digest(3), b"request", NOW, asker(7, b"stranger"))
    assert await waiting(conn) == {digest(2), digest(3), digest(9)}
    assert await agreement.put_request(conn, digest(4), b"request", NOW, asker(7, b"other"))
    assert await waiting(conn) == {digest(4), digest(9)}


async def test_what_was_refused_is_told_until_it_is_settled(conn: Connection) -> None:
    """One word per member: the last; gone once that version stands or the member says what is said here."""
    await agreement.put_refused(conn, "torino", 5, "agreement-unsigned", NOW)
    await agreement.put_refused(conn, "torino", 6, "agreement-unsigned", NOW)
    await agreement.put_refused(conn, "lecce", 6, "agreement-version-skipped", NOW)
    assert [(one.member, one.version) for one in await agreement.read_refused(conn)] == [("lecce", 6), ("torino", 6)]
    await agreement.drop_refused(conn, 5, "lecce")
    assert [one.member for one in await agreement.read_refused(conn)] == ["torino"]
    await agreement.drop_refused(conn, 6, "")
    assert await agreement.read_refused(conn) == []
