"""What the members' logs say of courses: public documents, read by pages that anybody may open.

In: a connection. Out: documents of announcements. Rules: only verified bodies of living announcements. Source: docs/courses.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("course_announced")
FIRST: Final = ("", "00000000-0000-0000-0000-000000000000")


async def course(conn: Connection, course_id: str, owner: str = "") -> list[Mapping[str, Any]]:
    """Return the announcements of a course: one, or two where two members use one identifier and ``owner`` does not say whose."""
    return [orjson.loads(r["document"]) for r in await conn.fetch(QUERIES["course"], course_id, owner)]


async def certifying(conn: Connection, after: tuple[str, str], limit: int) -> list[Mapping[str, Any]]:
    """Return a page of the courses that have certificates, by owner and id, after one."""
    return [orjson.loads(r["document"]) for r in await conn.fetch(QUERIES["certifying"], *after, limit)]
