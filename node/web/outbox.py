"""The peer-facing route of sealed messages: what waits here for the member that asks.

In: a signed request with the last number that its sender has. Out: what comes after it, sealed; what it has is erased. This
handler knows ciphertext and numbers, and nothing of what they say. Source: PROTOCOL 4, 10.
"""

from __future__ import annotations

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, CallerError
from node.protocol import limits, post
from node.store import outbox as store
from node.store.postgres import Connection, run_tx
from node.web.federation import FEDERATION, authenticate
from node.web.permission import needs


def routes() -> list[web.RouteDef]:
    """Return the route of sealed messages under /federation."""
    return [web.get("/federation/outbox", outbox)]


@needs(Permission.PEER)
async def outbox(request_: web.Request) -> web.StreamResponse:
    """Answer what waits for the member that signed, after the number it names; up to that number it is erased."""
    federation = request_.app[FEDERATION]
    member = federation.membership.callers.get(await authenticate(request_, None))
    if member is None:
        # Ended between the two: a key that is not a member's any more.
        raise CallerError("signature-unknown-key", N_("chiave sconosciuta: il nodo non è tra i membri"))
    after = post.parse_after(request_.rel_url.raw_query_string)

    async def work(conn: Connection) -> bytes:
        return await _answer(conn, member, after)

    reply = await run_tx(federation.pool, work)
    return web.Response(body=reply, content_type="application/json", headers={"Cache-Control": "no-store"})


async def _answer(conn: Connection, member: str, after: int) -> bytes:
    # Not locked: what is committed has no gaps, and whoever puts does not wait for whoever reads.
    if after > (await store.look(conn, member)).served:
        await _go_on_from(conn, member, after)
    else:
        await store.acknowledge(conn, member, after)
    messages, more = await _waiting(conn, member, after)
    if not messages and not await store.mark_empty(conn, member, after):
        # Put since that look; its writer counted on our reader, and tells nobody.
        messages, more = await _waiting(conn, member, after)
    if messages:
        await store.mark_served(conn, member, messages[-1][0])
    # Last of all: the row is locked from here on, and whoever puts waits for it.
    await store.mark_acked(conn, member, after)
    return post.encode(messages, more=more)


async def _waiting(conn: Connection, member: str, after: int) -> tuple[list[tuple[int, bytes]], bool]:
    return await store.after(conn, member, after, limit=limits.OUTBOX_MESSAGES, max_bytes=limits.OUTBOX_MAX_BYTES)


async def _go_on_from(conn: Connection, member: str, after: int) -> None:
    """Give new numbers to what waits: the member has what this database, an older copy put back, never handed out.

    What was put since then under the numbers of the lost one is something else: only what was handed out is taken for had.
    """
    box = await store.lock(conn, member)
    if after <= box.served:
        # Another question of the same member was quicker, and settled it.
        return
    if after - box.sent > limits.OUTBOX_AHEAD_MAX:
        raise CallerError("outbox-ahead", N_("numero molto oltre l'ultimo messaggio inviato da questo nodo"))
    await store.acknowledge(conn, member, box.served)
    await store.renumber(conn, member, after)
