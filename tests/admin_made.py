"""A node for the administrator's pages: logs in every state, people in every role, and sessions of theirs."""

from __future__ import annotations

import datetime as dt

from node.domain.roles import Role
from node.flows.logs.append import Operation, append, sign_head
from node.protocol import canonical
from node.runtime import Node
from node.store import evidence, origins
from node.store.postgres import acquire
from tests.accounts_made import Desk
from tests.profiles_made import NOW, add_origin, profile

LOUD = '<script>window.xss=1</script>"><img src=x onerror="window.xss=1">'


async def fill_logs(node: Node) -> None:
    """Sign three profiles and their withdrawal; follow a log that is well, one that fails, one silent, one that lied."""
    async with acquire(node.pool) as conn, conn.transaction():
        made = [profile(number) for number in range(1, 4)]
        # Withdrawn again: nobody decided about them, which the chain of decisions would tell of what lives.
        for operations in (
            [Operation(one["id"], canonical.dumps(one)) for one in made],
            [Operation(one["id"], None) for one in made],
        ):
            await append(conn, node.own, operations, NOW)
        await add_origin(conn, "a_WELL")
        failing = await add_origin(conn, "b_FAIL")
        for _ in range(3):
            await origins.record_failure(
                conn, failing, now=NOW, code="road-refused", text="connessione rifiutata: il nodo è spento o irraggiungibile",
                state=None, next_pull_at=NOW + dt.timedelta(hours=1),
            )  # fmt: skip
        silent = await add_origin(conn, "c_MUTE")
        long_ago = NOW - dt.timedelta(days=3)
        await conn.execute(
            "UPDATE log.origin SET confirmed_at = $2, cosigned_at = $2 WHERE origin_id = $1", silent, long_ago
        )
        await lied(conn, await add_origin(conn, "x_LIED", state="quarantined"))
        await conn.execute("UPDATE log.origin SET name = $1 WHERE owner = 'x_LIED'", f"Ente {LOUD}")
    await sign_head(node.pool, node.own, NOW)


async def lied(conn: object, origin_id: int) -> None:
    """Put a log in quarantine with a proof."""
    await evidence.keep_evidence(conn, origin_id, bytes(32), b"{}", NOW)
    await origins.record_quarantine(conn, origin_id, NOW, evidence.INCONSISTENT, evidence.SAID)


async def session(desk: Desk, name: str, *roles: Role) -> str:
    """A person with roles, and the secret of a whole session of theirs."""
    await desk.person(name, *roles)
    began = await desk.enter(name)
    if Role.ADMINISTRATOR not in roles:
        return began.secret
    _, confirmed = await desk.enrol(began.secret)
    return confirmed.began.secret
