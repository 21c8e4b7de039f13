"""How the federation stands, as a page and a program are told it."""

from __future__ import annotations

import datetime as dt

from node.flows.searching import overview
from node.store.postgres import Pool
from tests.profiles_made import NOW, add_origin, profile, store


async def test_each_log_is_told_with_its_profiles_and_whether_it_is_current(pool: Pool) -> None:
    """The own one first; one that was not looked at for days is behind; nothing of an error's words is told."""
    async with pool.acquire() as conn:
        await store(conn, await add_origin(conn, "p_LE", is_own=True), [profile(1), profile(2)])
        await store(conn, await add_origin(conn, "cmto"), [profile(3, owner="cmto")])
        behind = await add_origin(conn, "bic-lazio", state="waiting")
        long_ago = NOW - dt.timedelta(days=3)
        await conn.execute(
            "UPDATE log.origin SET confirmed_at = $2, error_code = 'road', error_text = 'secret' WHERE origin_id = $1",
            behind,
            long_ago,
        )
    found = await overview.read(pool, NOW)
    assert [(body.id, body.is_own, body.profiles, body.is_current) for body in found.bodies] == [
        ("p_LE", True, 2, True),
        ("bic-lazio", False, 0, False),
        ("cmto", False, 1, True),
    ]
    assert found.profiles == 3
    assert [body.id for body in found.behind] == ["bic-lazio"]
    assert found.members == {"p_LE": "p_LE", "cmto": "cmto", "bic-lazio": "bic-lazio"}
    assert "secret" not in str(found)


async def test_a_node_that_has_nothing_says_so(pool: Pool) -> None:
    """No own log, no peers, nothing signed."""
    assert (await overview.read(pool, NOW)).bodies == ()
    async with pool.acquire() as conn:
        assert await overview.standing(conn) == overview.Standing("", 0, ())
