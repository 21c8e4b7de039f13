"""What this office's people were told of introductions by mail, and what there may be to tell. Private.

In: connections inside transactions that the flow opened. Out: cases as values, with the words under which each thing is told once. Rules:
a word is noted once and never changed; no public or peer-facing route can import this (tests/test_house.py). Source: docs/introductions.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from node.domain.introduction import Party, State
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("introduction_notices")


@dataclass(frozen=True, slots=True)
class Untold:
    """A case and what this office's people were told of it already."""

    introduction_id: str
    party: Party
    state: State
    turn: str
    own_due: int | None
    other_due: int | None
    since: dt.datetime
    introduced_at: dt.datetime | None
    # Empty: a firm asked by itself, and no officer has looked at it.
    created_by: str
    # The other office named somebody, and what it told is erased.
    is_erased: bool
    # People of this office ended it.
    is_own_end: bool
    # After how many days this office has told how it goes.
    followed_up: frozenset[str]
    told: frozenset[str]


async def untold(conn: Connection, since: dt.datetime, after: str, limit: int) -> list[Untold]:
    """Return a page of cases of which there may be something to tell, by id, after one."""
    return [
        Untold(
            str(r["introduction_id"]), Party(r["party"]), State(r["state"]), r["turn"], r["own_due"], r["other_due"],
            r["since"], r["introduced_at"], r["created_by"], r["is_erased"], r["is_own_end"], frozenset(r["followed_up"]),
            frozenset(r["told"]),
        )
        for r in await conn.fetch(QUERIES["untold"], since, limit, after)
    ]  # fmt: skip


async def mark_told(conn: Connection, notices: Sequence[tuple[str, str]], now: dt.datetime) -> None:
    """Note what people were told: (case, word)."""
    if notices:
        await conn.execute(QUERIES["mark_told"], [case for case, _ in notices], [what for _, what in notices], now)
