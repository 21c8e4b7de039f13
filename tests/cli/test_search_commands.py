"""``rete search`` in words: what was done to the words, what else may be meant, and nothing of it above an empty list."""

from __future__ import annotations

import asyncio

import pytest

from node.store.postgres import open_pool
from tests import profiles_made
from tests.cli.test_network_commands import Terminal, terminal

__all__ = ["terminal"]


@pytest.fixture
def office(terminal: Terminal, db: str) -> Terminal:
    """A home that knows a trade by its right name many times, and once by a wrong one."""

    async def store() -> None:
        pool = await open_pool(db, max_size=1)
        async with pool.acquire() as conn:
            origin = await conn.fetchval("SELECT origin_id FROM log.origin WHERE is_own")
            made = [profiles_made.profile(n, "Meccatronica" if n else "Mecatronica") for n in range(12)]
            await profiles_made.store(conn, origin, made)
        await pool.close()

    # The first command writes down which log is the node's own.
    assert terminal.json("search", "olio")["total"] == 0
    asyncio.run(store())
    return terminal


def said(office: Terminal, *words: str) -> str:
    """What one command prints, without its line breaks."""
    _, out, _ = office.run("search", *words)
    return " ".join(out.split())


def test_what_else_may_be_meant_is_a_line_and_nothing_is_exchanged(office: Terminal) -> None:
    """The hit of what was written stands below it."""
    out = said(office, "mecatronica")
    assert "Forse si cercava: meccatronica" in out
    assert "Mecatronica" in out
    assert "Forse" not in said(office, "meccatronica")


def test_an_empty_list_says_only_that_it_is_empty(office: Terminal) -> None:
    """With some of the words it says which hits these are; with none it says nothing of words."""
    assert "questi ne hanno alcune" in said(office, "meccatronica", "turismo")
    out = said(office, "zootecnia", "turismo")
    assert "Nessun profilo trovato." in out
    assert "ne hanno alcune" not in out
