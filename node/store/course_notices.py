"""Which participants of the own office are to be told by mail how they stand. Private.

In: connections. Out: what to tell, to whom. Rules: a standing is told once; no public route can import this. Source: docs/courses.md.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import orjson

from node.domain.programme.course import Reason, Standing
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("course_notices")


@dataclass(frozen=True, slots=True)
class Untold:
    """A participant whose standing is another than was told last."""

    enrolment_id: str
    organiser: str
    title: str
    begins: dt.date
    ends: dt.date
    email: str = field(repr=False)
    language: str
    standing: Standing
    reason: Reason


async def untold(conn: Connection, since: dt.datetime, limit: int) -> list[Untold]:
    """Return whom to tell, of what changed since then, the oldest first."""
    found = []
    for row in await conn.fetch(QUERIES["untold"], since, limit):
        facts = dict(row)
        email = orjson.loads(facts.pop("person"))["email"]
        facts |= {
            "enrolment_id": str(facts["enrolment_id"]), "email": email, "standing": Standing(facts["standing"]),
            "reason": Reason(facts["reason"]),
        }  # fmt: skip
        found.append(Untold(**facts))
    return found


async def mark_told(conn: Connection, item: Untold) -> None:
    """Note that a participant was told; one that changed meanwhile is told again."""
    await conn.execute(QUERIES["mark_told"], item.enrolment_id, str(item.standing))
