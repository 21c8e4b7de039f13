"""The request keys that members had: what was signed with them is read again when an office gives lost messages back.

In: what the agreement lists now, and who took a key away. Out: for each member the keys that it gave up of its own accord.
Source: PROTOCOL 7.10, 11.3, 11.12.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("member_keys")
FORMER, WITHDRAWN = "former", "withdrawn"


async def keep(conn: Connection, member: str, listed: Sequence[bytes], *, by_council: bool) -> None:
    """Note which request keys of a member are listed now; of those that are no more, who took them away: the council, or the node itself."""
    await conn.execute(QUERIES["end_keys"], member, list(listed), WITHDRAWN if by_council else FORMER)
    await conn.execute(QUERIES["list_keys"], member, list(listed))


async def former(conn: Connection) -> Mapping[str, tuple[bytes, ...]]:
    """Return by member the keys that it gave up itself."""
    found: defaultdict[str, list[bytes]] = defaultdict(list)
    for row in await conn.fetch(QUERIES["former_keys"]):
        found[row["member"]].append(row["public"])
    return {member: tuple(keys) for member, keys in found.items()}


async def forget(conn: Connection) -> None:
    """Forget the keys of all: nobody is a member any more."""
    await conn.execute(QUERIES["forget_keys"])
