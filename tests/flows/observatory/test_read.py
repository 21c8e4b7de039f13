"""The newest build and releases, read for pages and files: decoded once, and again only when there is something new."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from dataclasses import replace

import pytest

from node.errors import NotFoundError, OperatorError
from node.flows.observatory import read
from node.store.postgres import Pool
from tests import observatory_data_made as made


async def test_the_newest_build_is_decoded_once_and_again_when_it_changes(pool: Pool) -> None:
    """All who ask are given the same value until the stamp is another."""
    reading = read.Reading(pool)
    with pytest.raises(NotFoundError) as refused:
        await reading.figures()
    assert refused.value.code == "observatory-empty"
    async with pool.acquire() as conn:
        document = await made.keep(conn)
    first, second = await asyncio.gather(reading.figures(), reading.figures())
    assert first is second
    assert first.figures == made.figures()
    assert (first.release, first.digest) == (None, hashlib.sha256(document).hexdigest())
    assert first.etag == f'"{first.digest[:32]}"'
    later = replace(made.figures(1), made_at=made.MADE_AT + dt.timedelta(days=1))
    async with pool.acquire() as conn:
        await made.keep(conn, later)
    again = await reading.figures()
    assert again.figures == later == (await read.figures(pool)).figures
    assert again.etag != first.etag


async def test_releases_are_kept_boundedly(pool: Pool) -> None:
    """Each is what was frozen; the longest unasked is forgotten, and read again when it is asked for."""
    days = [f"2026-0{month}-01" for month in range(1, 8)]
    async with pool.acquire() as conn:
        for number, day in enumerate(days):
            await made.freeze(conn, day, made.figures(number))
    reading = read.Reading(pool)
    found = [await reading.figures(day) for day in days]
    assert [shown.figures for shown in found] == [made.figures(number) for number in range(len(days))]
    assert [shown.release for shown in found] == days
    assert await reading.figures(days[-1]) is found[-1]
    again = await reading.figures(days[0])
    assert again is not found[0]
    assert again == found[0]
    assert [release.release_id for release in await reading.releases()] == days[::-1]


async def test_a_release_that_is_not_there_is_told_so(pool: Pool) -> None:
    """Whatever is asked for, also what no release may be called."""
    for asked in ("2026-01-01", "", "x" * 100, "ultima"):
        with pytest.raises(NotFoundError) as refused:
            await read.Reading(pool).figures(asked)
        assert refused.value.code == "observatory-release-unknown"


async def test_only_so_many_wait_and_who_finds_it_at_hand_does_not(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of old releases is refused at once, not queued for minutes; what is kept is answered meanwhile."""
    monkeypatch.setattr(read, "WAITING_MAX", 2)
    days = ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"]
    async with pool.acquire() as conn:
        for number, day in enumerate(days):
            await made.freeze(conn, day, made.figures(number))
    reading = read.Reading(pool)
    await reading.figures(days[0])
    asked = (reading.figures(day) for day in (days[1], days[2], days[3], days[0]))
    one, two, refused, kept = await asyncio.gather(*asked, return_exceptions=True)
    assert [shown.release for shown in (one, two, kept) if isinstance(shown, read.Shown)] == [days[1], days[2], days[0]]
    assert isinstance(refused, OperatorError)
    assert refused.code == "observatory-busy"
    assert (await reading.figures(days[3])).release == days[3]
