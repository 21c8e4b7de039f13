"""The list of cases as page, command and API show it."""

from __future__ import annotations

import datetime as dt

from node.flows.introductions.casework import Office
from node.store import introductions
from node.store.introductions import Listed, Sought
from node.store.postgres import acquire


async def list_cases(office: Office, sought: Sought, limit: int, now: dt.datetime) -> list[Listed]:
    """Return a page of cases, what changed last first."""
    async with acquire(office.pool) as conn:
        return await introductions.list_cases(conn, sought, limit, now)
