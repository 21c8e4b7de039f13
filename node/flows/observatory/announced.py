"""The programme as the signed catalogue announces it, in tables: sessions, courses, calls and what came out of them.

In: living announcements of every log that is followed, the own one among them. Out: tables of the first tier. Rules: a call counts once all its
issuers endorse the same text and it has opened; a ranking once all of them have published the same bytes (PROTOCOL 14); nothing is asked
of any office, and nothing of it is private. Source: docs/observatory.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from node.domain.observatory import announced
from node.domain.observatory.announced import Announced, Applied, Opened
from node.domain.observatory.figures import Table
from node.domain.programme import announcement
from node.domain.programme.published_ranking import moment_of
from node.errors import CallerError
from node.flows.programme.issued import Issued, judged, ranked
from node.store import catalogue_counts, issued
from node.store.postgres import Connection
from node.store.reference import load_territories

ITALY: Final = ZoneInfo("Europe/Rome")
Documents = Sequence[tuple[str, Mapping[str, Any]]]


async def stamp(conn: Connection) -> str:
    """Return what changes whenever other announcements count; that days pass, the build knows by itself."""
    return await catalogue_counts.stamp(conn)


async def tables(conn: Connection, now: dt.datetime) -> list[Table]:
    """Return the tables of what is announced."""
    sessions, editions = await catalogue_counts.sessions(conn), await catalogue_counts.editions(conn)
    calls = await issued.documents(conn, announcement.CALL)
    rankings = await issued.documents(conn, announcement.RANKING)
    # Some ten thousand rows: not on the loop that answers peers.
    return await asyncio.to_thread(_tables, Announced(sessions, editions), calls, rankings, now)


def _tables(found: Announced, calls: Documents, rankings: Documents, now: dt.datetime) -> list[Table]:
    opened = [one for one in judged(calls, now) if one.standing.is_endorsed and one.call.opens <= now]
    told = Announced(
        found.sessions,
        found.editions,
        [
            Opened(tuple(i.node for i in one.call.issuers), one.call.regions, one.call.opens.astimezone(ITALY).date())
            for one in opened
        ],
        _applied(opened, rankings),
    )
    return announced.tables(told, load_territories(), now.astimezone(ITALY).date())


def _applied(opened: Sequence[Issued], rankings: Documents) -> list[Applied]:
    by_call: dict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    for owner, document in rankings:
        by_call[document["ranking"]["call"]].append((owner, document))
    found = []
    for one in opened:
        said = ranked(by_call.get(one.call.digest, ()), one.call)
        if said.is_signed:
            found += _rows(one, said.parts[one.call.issuers[0].node])
    return found


def _rows(one: Issued, parts: Sequence[Mapping[str, Any]]) -> list[Applied]:
    try:
        day = moment_of(parts[0]["at"]).astimezone(ITALY).date()
    except CallerError:
        # All its issuers have signed a day that no calendar has: it says nothing.
        return []
    return [
        Applied(row["office"], one.call.regions, day, row["status"], Decimal(row["granted"]))
        for part in parts
        for row in part["rows"]
    ]
