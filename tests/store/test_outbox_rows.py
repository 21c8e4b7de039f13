"""Outboxes on a real database: numbers, acknowledgement, what is due when, what was refused."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid

import asyncpg
import pytest

from node.store import outbox, wake
from node.store.outbox import REFUSED_KEPT, Posted
from node.store.postgres import Connection, Pool

NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
CASE = str(uuid.UUID(int=1, version=4))
MINUTE = dt.timedelta(minutes=1)


def posted(seq: int, *, size: int = 3, key: str = "k") -> Posted:
    """A message; the store does not look into it."""
    return Posted(CASE, seq, key, (b"%d" % seq).ljust(size, b"."))


async def put(conn: Connection, recipient: str, *messages: Posted, now: dt.datetime = NOW) -> list[int]:
    """Put messages in a transaction of their own."""
    async with conn.transaction():
        return list(await outbox.put(conn, recipient, messages, now))


async def waiting(conn: Connection, recipient: str, after: int = 0) -> list[int]:
    """The numbers that wait for a member."""
    return [number for number, _ in (await outbox.after(conn, recipient, after, limit=256, max_bytes=10**6))[0]]


async def box(conn: Connection, peer: str) -> outbox.Box:
    """How the post with one member stands."""
    return next(found for found in await outbox.boxes(conn) if found.peer == peer)


async def test_numbers_have_no_gaps_however_many_put_at_once(pool: Pool) -> None:
    """Twenty transactions of three messages each, every fourth undone: 1 to 45, each batch together and in its order."""

    async def work(turn: int) -> range:
        async with pool.acquire() as conn, conn.transaction():
            numbers = await outbox.put(conn, "b", [posted(turn * 10 + at) for at in range(3)], NOW)
            if turn % 4 == 3:
                raise LookupError
            return numbers

    done = await asyncio.gather(*(work(turn) for turn in range(20)), return_exceptions=True)
    kept = [numbers for numbers in done if isinstance(numbers, range)]
    assert sorted(number for numbers in kept for number in numbers) == list(range(1, 46))
    async with pool.acquire() as conn:
        found, more = await outbox.after(conn, "b", 0, limit=256, max_bytes=10**6)
        assert ([number for number, _ in found], more) == (list(range(1, 46)), False)
        for numbers, turn in ((n, t) for t, n in enumerate(done) if isinstance(n, range)):
            assert [found[number - 1][1].rstrip(b".") for number in numbers] == [b"%d" % (turn * 10 + at) for at in range(3)]  # fmt: skip
        assert (await box(conn, "b")).sent == 45


async def test_an_acknowledgement_erases_what_came_before_it_and_of_one_member_only(conn: Connection) -> None:
    """What is behind the number goes, what is after it stays, and the others' stays whole."""
    await put(conn, "b", *(posted(n) for n in range(5)))
    await put(conn, "c", *(posted(n) for n in range(5)))
    await outbox.acknowledge(conn, "b", 3)
    assert (await waiting(conn, "b"), await waiting(conn, "c")) == ([4, 5], [1, 2, 3, 4, 5])
    assert await put(conn, "b", posted(9)) == [6]


async def test_a_page_keeps_its_bounds_and_has_at_least_one_message(conn: Connection) -> None:
    """By number and by bytes; what is left over is told."""
    await put(conn, "b", posted(0, size=100), *(posted(n, size=10) for n in range(1, 10)))
    for limit, max_bytes, count, more in (
        (4, 10**6, 4, True),
        (10, 10**6, 10, False),
        (10, 120, 3, True),
        (10, 119, 2, True),
        (10, 5, 1, True),
        (256, 190, 10, False),
    ):
        found, rest = await outbox.after(conn, "b", 0, limit=limit, max_bytes=max_bytes)
        assert (len(found), rest) == (count, more), (limit, max_bytes)
    assert await outbox.after(conn, "b", 10, limit=10, max_bytes=10) == ([], False)
    assert await outbox.after(conn, "nobody", 0, limit=10, max_bytes=10) == ([], False)


async def test_what_waits_gets_new_numbers_in_its_order(conn: Connection) -> None:
    """Also where old and new numbers overlap; the next number goes on from there; a box that was never here begins so."""
    await put(conn, "b", *(posted(n) for n in range(1, 8)))
    await outbox.acknowledge(conn, "b", 2)
    await outbox.renumber(conn, "b", 4)
    found, _ = await outbox.after(conn, "b", 0, limit=99, max_bytes=999)
    assert [(number, raw[:1]) for number, raw in found] == [(n + 2, b"%d" % n) for n in range(3, 8)]
    assert await put(conn, "b", posted(8)) == [10]
    await outbox.renumber(conn, "new", 12)
    assert await put(conn, "new", posted(1)) == [13]
    assert ((await box(conn, "new")).served, (await box(conn, "b")).served) == (12, 4)


async def claim(conn: Connection, now: dt.datetime, *, everyone: bool = False, close: frozenset[str] = frozenset()) -> list[str]:  # fmt: skip
    """The members that are due now, put off by six hours."""
    later = now + dt.timedelta(hours=6)
    due = await outbox.claim_due(conn, {"b": later, "c": later}, close, now, everyone=everyone, close_since=now - 15 * MINUTE)  # fmt: skip
    return sorted(item.peer for item in due)


async def test_members_are_due_at_their_time_at_a_hint_and_sooner_while_a_case_is_open(conn: Connection) -> None:
    """Never asked: at once; then not before their time, unless hinted, close, or everybody is asked."""
    assert await claim(conn, NOW) == ["b", "c"]
    assert await claim(conn, NOW + MINUTE) == []
    assert await claim(conn, NOW + 14 * MINUTE, close=frozenset({"c"})) == []
    assert await claim(conn, NOW + 15 * MINUTE, close=frozenset({"c"})) == ["c"]
    await outbox.wake_asking(conn, "b", NOW + 16 * MINUTE)
    assert await claim(conn, NOW + 16 * MINUTE) == ["b"]
    assert await claim(conn, NOW + 17 * MINUTE, everyone=True) == ["b", "c"]
    assert await claim(conn, NOW + dt.timedelta(hours=7)) == ["b", "c"]


async def test_a_hint_that_comes_while_a_member_is_asked_is_not_lost(conn: Connection) -> None:
    """Neither a good end nor a failure of that asking puts off what the hint made due."""
    later = NOW + dt.timedelta(hours=6)
    for ends_well in (True, False):
        (due,) = await outbox.claim_due(conn, {"b": later}, set(), NOW, everyone=True, close_since=NOW)
        await outbox.wake_asking(conn, "b", NOW + MINUTE)
        if ends_well:
            await outbox.mark_good(conn, "b", NOW)
        else:
            await outbox.mark_failed(conn, due, "road-refused", NOW + dt.timedelta(hours=1))
        assert (await box(conn, "b")).next_at == NOW + MINUTE


async def test_failures_are_counted_until_a_member_answers(conn: Connection) -> None:
    """With the code of the last one and the time of the next try."""
    later = NOW + dt.timedelta(hours=6)
    for count in (1, 2):
        (due,) = await outbox.claim_due(conn, {"b": later}, set(), NOW, everyone=True, close_since=NOW)
        await outbox.mark_failed(conn, due, "road-refused", NOW + count * 30 * MINUTE)
        found = await box(conn, "b")
        assert (found.failures, found.error_code, found.next_at) == (count, "road-refused", NOW + count * 30 * MINUTE)
    # A member that fails is not asked sooner because a case with it is open.
    assert await claim(conn, NOW + 20 * MINUTE, close=frozenset({"b"})) == ["c"]
    await outbox.mark_good(conn, "b", NOW)
    assert ((await box(conn, "b")).failures, (await box(conn, "b")).error_code) == (0, None)


async def test_hints_double_until_nothing_waits(conn: Connection) -> None:
    """After 1, 2, 4 ... minutes, six hours at most; a new message begins anew; an empty box is told no more."""
    await put(conn, "b", posted(1))
    at, gaps = NOW, []
    for _ in range(12):
        assert await outbox.claim_hints(conn, at) == ["b"]
        due = (await box(conn, "b")).hint_at
        assert due is not None
        gaps.append((due - at) / MINUTE)
        assert await outbox.claim_hints(conn, due - dt.timedelta(seconds=1)) == []
        at = due
    assert gaps == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]
    await put(conn, "b", posted(2), now=at)
    assert await outbox.claim_hints(conn, at) == ["b"]
    assert (await box(conn, "b")).hint_at == at + MINUTE
    await outbox.acknowledge(conn, "b", 2)
    assert await outbox.claim_hints(conn, at + MINUTE) == []
    assert (await box(conn, "b")).hint_at is None


async def test_a_box_is_empty_only_where_nothing_was_put_meanwhile(conn: Connection) -> None:
    """Of a message that came after the last look at the outbox the member is still told."""
    await put(conn, "b", posted(1))
    await outbox.acknowledge(conn, "b", 1)
    assert await waiting(conn, "b") == []
    await put(conn, "b", posted(2))
    assert not await outbox.mark_empty(conn, "b", 1)
    assert await outbox.claim_hints(conn, NOW) == ["b"]
    await outbox.acknowledge(conn, "b", 2)
    assert await outbox.mark_empty(conn, "b", 2)
    assert (await box(conn, "b")).hint_at is None


async def test_who_was_just_told_is_not_told_of_each_message_that_follows(db: str, conn: Connection) -> None:
    """It is asking already; if it did not hear it is told after the minute, and once it has all, at once."""
    listener, heard = await asyncpg.connect(db), list[str]()
    try:
        await listener.add_listener(wake.CHANNEL, lambda *said: heard.append(str(said[3])))

        async def wakes() -> int:
            # What was notified before comes with the answer.
            await listener.execute("SELECT 1")
            return len(heard)

        await put(conn, "b", posted(1))
        assert (await outbox.claim_hints(conn, NOW), await wakes()) == (["b"], 1)
        soon = NOW + dt.timedelta(seconds=5)
        await put(conn, "b", posted(2), now=soon)
        assert (await outbox.claim_hints(conn, soon), await wakes()) == ([], 1)
        assert await outbox.claim_hints(conn, NOW + MINUTE) == ["b"]
        # Told twice and still not here: whatever is new is told at once.
        await put(conn, "b", posted(3), now=NOW + 2 * MINUTE)
        assert (await outbox.claim_hints(conn, NOW + 2 * MINUTE), await wakes()) == (["b"], 2)
        await outbox.acknowledge(conn, "b", 3)
        await outbox.mark_empty(conn, "b", 3)
        await put(conn, "b", posted(4), now=NOW + 2 * MINUTE)
        assert (await outbox.claim_hints(conn, NOW + 2 * MINUTE), await wakes()) == (["b"], 3)
    finally:
        await listener.close()


async def test_what_is_put_wakes_the_node_s_own_process_once_it_is_committed(db: str, conn: Connection) -> None:
    """By a notification that comes with the commit, and not before."""
    listener, heard = await asyncpg.connect(db), asyncio.Queue[str]()
    try:
        await listener.add_listener(wake.CHANNEL, lambda *said: heard.put_nowait(str(said[3])))
        async with conn.transaction():
            await outbox.put(conn, "b", [posted(1)], NOW)
            await listener.execute("SELECT 1")
            assert heard.empty()
        assert await asyncio.wait_for(heard.get(), 5) == wake.POST
    finally:
        await listener.close()


async def test_the_newest_refusals_of_each_member_are_kept(conn: Connection) -> None:
    """A thousand of each; a number refused again has its last code."""
    many = [(number, "seal-broken") for number in range(1, REFUSED_KEPT + 51)]
    await outbox.keep_refused(conn, "b", many, NOW)
    await outbox.keep_refused(conn, "c", [(1, "a"), (1, "b")], NOW)
    await outbox.keep_refused(conn, "b", [(REFUSED_KEPT + 50, "seal-key-unknown")], NOW)
    assert await conn.fetchval("SELECT count(*) FROM post.refused WHERE peer = 'b'") == REFUSED_KEPT
    newest = await outbox.refused(conn, "b", limit=2)
    assert [(item.number, item.code) for item in newest] == [(1050, "seal-key-unknown"), (1049, "seal-broken")]
    assert [(item.number, item.code) for item in await outbox.refused(conn, "c")] == [(1, "b")]
    assert (await outbox.refused(conn, "b", below=52))[0].number == 51


async def test_what_was_sealed_for_another_key_is_found_and_replaced(conn: Connection) -> None:
    """Number and order stay; only the envelope is another."""
    await put(conn, "b", posted(1, key="old"), posted(2, key="new"), posted(3, key="old"))
    await put(conn, "c", posted(1, key="old"))
    assert await outbox.stale(conn, {"b": "new", "c": "old"}) == ["b"]
    assert [item.number for item in await outbox.sealed_otherwise(conn, "b", "new", 0, 9)] == [1, 3]
    assert [item.number for item in await outbox.sealed_otherwise(conn, "b", "new", 1, 9)] == [3]
    await outbox.reseal(conn, "b", {3: ("new", b"anew")})
    found, _ = await outbox.after(conn, "b", 0, limit=9, max_bytes=999)
    assert found == [(1, b"1.."), (2, b"2.."), (3, b"anew")]
    assert [item.number for item in await outbox.sealed_otherwise(conn, "b", "new", 0, 9)] == [1]


@pytest.mark.parametrize("size", [0, 68 * 1024 + 1])
async def test_the_database_keeps_no_message_that_the_wire_could_not_carry(conn: Connection, size: int) -> None:
    """Neither an empty one nor one beyond the longest envelope."""
    with pytest.raises(asyncpg.CheckViolationError):
        await put(conn, "b", Posted(CASE, 1, "k", b"x" * size))
