"""Several families of sealed messages on one post: each goes to who understands it, in the order in which it came.

In: how introductions are exchanged, and other families by the first bytes of their plaintexts. Out: one ``Exchange`` for the transport. Rules:
what belongs to no family goes to introductions, which refuse what they cannot read; what one family refuses stops no other;
all of one page is one transaction, as before. Source: PROTOCOL 10, 11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from node.flows.introductions.post import Exchange, Opened
from node.protocol.member import Member
from node.store.outbox import Waiting
from node.store.postgres import Connection


def together(introductions: Exchange, others: Mapping[bytes, Exchange]) -> Exchange:
    """Return the exchange that hands each message to its family; ``others`` by the bytes with which a family's plaintexts begin."""

    async def receive(conn: Connection, sender: str, opened: Sequence[Opened]) -> Sequence[tuple[int, str]]:
        refused: list[tuple[int, str]] = []
        left = list(opened)
        for prefix, family in others.items():
            own = [item for item in left if item.plaintext.startswith(prefix)]
            left = [item for item in left if not item.plaintext.startswith(prefix)]
            if own:
                refused += await family.receive(conn, sender, own)
        # Also with nothing: whoever has left is refused here.
        return [*refused, *await introductions.receive(conn, sender, left)]

    async def close(conn: Connection) -> AbstractSet[str]:
        found: set[str] = set()
        for family in (introductions, *others.values()):
            found |= await family.close(conn)
        return found

    async def seal_again(conn: Connection, member: Member, waiting: Waiting) -> bytes | None:
        # Identifiers are random: one is of one family at most, and the others know nothing of it.
        for family in (*others.values(), introductions):
            made = None if family.seal_again is None else await family.seal_again(conn, member, waiting)
            if made is not None:
                return made
        return None

    return Exchange(receive, close, seal_again)
