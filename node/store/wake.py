"""How processes of one node wake each other: a hint; what matters is in the tables.

In: what there is to do. Out: a notification that a running node listens to (store/postgres.listen).
"""

from __future__ import annotations

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("wake")
CHANNEL = "rete_wake"
PULL, GOSSIP, ANNOUNCE, POST = "pull", "gossip", "announce", "post"
AGREEMENT = "agreement"
BACKUP, TRIAL = "backup", "backup-trial"


async def wake(conn: Connection, what: str, member: str = "") -> None:
    """Tell this node's processes, once the transaction commits, that there is something to pull, to announce or to carry; ``member``: of whom."""
    await conn.execute(QUERIES["wake"], CHANNEL, f"{what} {member}".strip())
