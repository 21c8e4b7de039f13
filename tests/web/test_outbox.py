"""The route of sealed messages over real HTTP: who gets what, what is erased, and what a restored node does."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer

from node.protocol import heads, post, request
from node.store import outbox
from node.store.outbox import Box, Posted
from node.store.postgres import Connection
from tests.web.live import AUTHORITY, KEYID, LOG_KEY, NOW, ORIGIN, PEER_KEY, Live, application

ROLES = (Path(__file__).resolve().parents[2] / "deploy" / "roles.sql").read_text(encoding="utf-8")
PATH = "/federation/outbox"
CASE = str(uuid.UUID(int=1, version=4))
PEER_ORIGIN = "torino.example.it/federation/log/2026"


def signed(query: str, **changes: object) -> dict[str, str]:
    """Headers of a signed question."""
    parts: dict[str, object] = {
        "method": "GET",
        "authority": AUTHORITY,
        "path": PATH,
        "query": query,
        "body": None,
        "keyid": KEYID,
        "private_key": PEER_KEY,
        "now": int(NOW.timestamp()),
        "nonce": uuid.uuid4().bytes,
    }
    return request.sign(**{**parts, **changes})  # type: ignore[arg-type]


async def ask(live: Live, after: int) -> post.Page:
    """What a member gets after a number."""
    query = f"after={after}"
    async with live.client.get(f"{PATH}?{query}", headers=signed(query)) as response:
        assert (response.status, response.content_type) == (200, "application/json"), await response.text()
        assert response.headers["Cache-Control"] == "no-store"
        return post.parse(await response.read(), after)


async def refused(live: Live, query: str, headers: dict[str, str]) -> tuple[int, str]:
    """Status and code of a refused question."""
    async with live.client.get(f"{PATH}?{query}" if query else PATH, headers=headers) as response:
        return response.status, (await response.json(content_type="application/problem+json"))["code"]


async def put(live: Live, recipient: str, first: int, last: int, size: int = 8) -> None:
    """Messages with a word of their own, and the numbers that their sender meant for them."""
    word = b"x" * size
    messages = [Posted(CASE, n, "0" * 16, b'{"for":"%s","n":%d,"w":"%s"}' % (recipient.encode(), n, word)) for n in range(first, last + 1)]  # fmt: skip
    async with live.pool.acquire() as conn, conn.transaction():
        await outbox.put(conn, recipient, messages, NOW)


async def box(live: Live, peer: str = "torino") -> Box:
    """How the post with a member stands."""
    async with live.pool.acquire() as conn:
        return next(found for found in await outbox.boxes(conn) if found.peer == peer)


def said(page: post.Page) -> list[tuple[int, int]]:
    """The numbers on a page, and those that the envelopes speak of."""
    return [(message.number, int(message.sealed.split(b'"n":')[1].split(b",")[0])) for message in page.messages]


async def test_a_member_gets_its_own_messages_in_order_and_erases_what_it_has(live: Live) -> None:
    """Nobody else's, however they are numbered; what it acknowledges is gone from the table, and nobody else's is."""
    await put(live, "torino", 1, 3)
    await put(live, "bari", 1, 5)
    first = await ask(live, 0)
    assert (said(first), first.more) == ([(1, 1), (2, 2), (3, 3)], False)
    assert all(b'"for":"torino"' in message.sealed for message in first.messages)
    # Asking again for the same costs nothing: nothing was acknowledged.
    assert await ask(live, 0) == first
    assert said(await ask(live, 2)) == [(3, 3)]
    assert said(await ask(live, 0)) == [(3, 3)]
    assert (await box(live)).hint_at == NOW
    assert await ask(live, 3) == post.Page((), more=False)
    assert ((await box(live)).waiting, (await box(live)).hint_at) == (0, None)
    assert ((await box(live, "bari")).waiting, (await box(live, "bari")).hint_at) == (5, NOW)


async def test_what_is_put_just_after_the_last_look_is_in_the_same_answer(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer, who saw that the member was told, counts on that."""
    await put(live, "torino", 1, 1)
    await ask(live, 0)
    looks: list[int] = []

    async def after(
        conn: Connection, recipient: str, number: int, **bounds: int
    ) -> tuple[list[tuple[int, bytes]], bool]:
        found = await look(conn, recipient, number, **bounds)
        looks.append(len(found[0]))
        if len(looks) == 1:
            await put(live, "torino", 2, 2)
        return found

    look = outbox.after
    monkeypatch.setattr(outbox, "after", after)
    assert said(await ask(live, 1)) == [(2, 2)]
    assert looks == [0, 1]


async def test_a_page_has_a_bounded_number_of_messages_and_of_bytes(live: Live) -> None:
    """256 of them, four mebibytes of them; the rest comes after."""
    await put(live, "torino", 1, 300)
    page = await ask(live, 0)
    assert (len(page.messages), page.more) == (256, True)
    assert said(await ask(live, 256)) == [(n, n) for n in range(257, 301)]
    await put(live, "torino", 301, 400, size=60_000)
    page = await ask(live, 300)
    assert (len(page.messages), page.more) == (69, True)


async def test_nobody_but_members_gets_anything(live: Live) -> None:
    """Unsigned, strange, replayed, signed for another question, by another method or for another node."""
    await put(live, "torino", 1, 1)
    query = "after=1"
    once = signed("after=0")
    assert await refused(live, query, {}) == (401, "signature-missing")
    assert await refused(live, query, signed(query, keyid="stranger#1")) == (401, "signature-unknown-key")
    assert await refused(live, query, signed(query, private_key=LOG_KEY)) == (401, "signature-bad")
    assert await refused(live, query, signed(query, authority="other.it")) == (401, "signature-bad")
    assert await refused(live, query, signed("after=0")) == (401, "signature-bad")
    assert await refused(live, query, signed(query, method="POST")) == (401, "signature-bad")
    assert await refused(live, query, signed(query, now=int(NOW.timestamp()) - 600)) == (401, "clock-skew")
    async with live.client.get(f"{PATH}?after=0", headers=once) as response:
        assert response.status == 200
    assert await refused(live, "after=0", once) == (409, "nonce-replayed")
    assert (await box(live)).waiting == 1


@pytest.mark.parametrize("query", ["", "after=", "after=01", "after=-1", "after=1&x=1", "after=9007199254740992"])
async def test_a_number_spelled_otherwise_is_refused(live: Live, query: str) -> None:
    """Though well signed."""
    assert await refused(live, query, signed(query)) == (400, "outbox-after-bad")


async def test_a_node_restored_from_a_copy_numbers_anew_what_waits(live: Live) -> None:
    """What the copy never handed out is not taken for had, though its numbers are behind the member's; nothing waits unseen."""
    await put(live, "torino", 1, 2)
    await ask(live, 0)
    # Here the copy was made. The lost database went on to 6, the restored one puts other things under 3 to 5.
    await put(live, "torino", 3, 5)
    assert said(await ask(live, 6)) == [(7, 3), (8, 4), (9, 5)]
    await put(live, "torino", 6, 6)
    assert said(await ask(live, 8)) == [(9, 5), (10, 6)]
    # So it is where what was put since has gone beyond the number that the member names.
    await put(live, "torino", 7, 20)
    assert said(await ask(live, 12)) == [(n + 6, n) for n in range(7, 21)]


async def test_a_copy_that_knew_nothing_of_a_member_goes_on_where_the_member_is(live: Live) -> None:
    """An empty box, or none at all."""
    assert await ask(live, 7) == post.Page((), more=False)
    await put(live, "torino", 1, 1)
    assert said(await ask(live, 7)) == [(8, 1)]


async def test_a_number_beyond_all_measure_is_refused_and_changes_nothing(live: Live) -> None:
    """A million ahead is believed, one more is not."""
    await put(live, "torino", 1, 2)
    assert await refused(live, "after=1000003", signed("after=1000003")) == (409, "outbox-ahead")
    assert said(await ask(live, 0)) == [(1, 1), (2, 2)]
    assert said(await ask(live, 1_000_002)) == []
    await put(live, "torino", 3, 3)
    assert said(await ask(live, 1_000_002)) == [(1_000_003, 3)]


async def hint(live: Live, raw: bytes) -> int:
    """The status of a hint."""
    async with live.client.post("/federation/hint", data=raw, headers={"Content-Type": "application/json"}) as response:
        return response.status


async def test_a_hint_makes_a_member_due_and_nothing_else(live: Live) -> None:
    """By any log of its authority; what failed before stays counted, what is read stays read; of nobody known: 404."""
    async with live.pool.acquire() as conn:
        await conn.execute(
            "INSERT INTO post.box (peer, received, failures, error_code, next_at) VALUES ('torino', 7, 3, 'road-refused', $1)",
            NOW.replace(year=2027),
        )
    for origin in (PEER_ORIGIN, "torino.example.it/federation/log/2031"):
        assert await hint(live, heads.encode_outbox_hint(origin)) == 204
    found = await box(live)
    assert (found.next_at, found.received, found.failures, found.error_code) == (NOW, 7, 3, "road-refused")
    for stranger in ("bari.example.it/federation/log/2026", ORIGIN, "torino.example.it.evil.it/federation/log/2026"):
        assert await hint(live, heads.encode_outbox_hint(stranger)) == 404
    assert await hint(live, b'{"o":"a","outbox":false}') == 400


async def test_hints_in_one_member_s_name_are_counted_whoever_sends_them(live: Live) -> None:
    """Each costs a question: after a hundred at once there is an end, and the other form goes on."""
    raw = heads.encode_outbox_hint(PEER_ORIGIN)
    statuses = [await hint(live, raw) for _ in range(101)]
    assert (set(statuses[:100]), statuses[100]) == ({204}, 429)
    assert await hint(live, heads.encode_hint(ORIGIN, 1)) == 204


@pytest.fixture
async def narrow(live: Live, db: str) -> AsyncIterator[Live]:
    """The same node served by the database role of deploy/roles.sql that answers other nodes."""
    async with live.pool.acquire() as conn:
        await conn.execute(ROLES)
    pool = await asyncpg.create_pool(db, min_size=0, max_size=2, server_settings={"role": "rete_public"})
    try:
        async with TestClient(TestServer(application(pool))) as client:
            yield Live(client, live.pool, live.own, live.bodies)
    finally:
        pool.terminate()


async def test_the_narrow_role_is_enough(narrow: Live) -> None:
    """For handing out, erasing, numbering anew, for a box that is not there, and for hints."""
    assert await ask(narrow, 0) == post.Page((), more=False)
    assert await hint(narrow, heads.encode_outbox_hint(PEER_ORIGIN)) == 204
    await put(narrow, "torino", 1, 2)
    assert said(await ask(narrow, 0)) == [(1, 1), (2, 2)]
    assert said(await ask(narrow, 1)) == [(2, 2)]
    await put(narrow, "torino", 3, 3)
    assert said(await ask(narrow, 9)) == [(10, 3)]
    assert await ask(narrow, 10) == post.Page((), more=False)
    async with narrow.pool.acquire() as conn:
        await conn.execute("DELETE FROM post.box")
    assert await ask(narrow, 5) == post.Page((), more=False)
    assert (await box(narrow)).sent == 5
