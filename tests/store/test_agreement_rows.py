"""The agreement's tables: versions in order, proposals with their signatures, forks, requests, each within its bounds."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import asyncpg
import pytest

from node.store import agreement
from node.store.agreement import Fork, Proposal
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


async def test_enrolment_requests_are_bounded(conn: Connection) -> None:
    """So many are kept and no more; one that was dropped makes room."""
    for number in range(agreement.REQUESTS_KEPT):
        assert await agreement.put_request(conn, digest(number), b"request", NOW)
    assert not await agreement.put_request(conn, digest(10_000), b"request", NOW)
    assert await agreement.drop_request(conn, digest(3))
    assert not await agreement.drop_request(conn, digest(3))
    assert await agreement.put_request(conn, digest(10_000), b"request", NOW)
    assert [one.raw for one in await agreement.read_requests(conn, digest(10_000))] == [b"request"]


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
