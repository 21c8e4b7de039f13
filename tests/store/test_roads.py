"""One address of several servers: the one that is asked for is found, whatever the others do."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import asyncpg
import pytest

from node.store import roads
from node.store.postgres import acquire, open_pool
from tests.conftest import EXTERNAL

CASES = (
    ("postgresql://u:p@db/rete?sslmode=require", ["postgresql://u:p@db/rete?sslmode=require"]),
    ("postgresql:///rete?host=/run/a", ["postgresql:///rete?host=/run/a"]),
    (
        "postgresql://u:p%40@a,b:5433/rete?target_session_attrs=read-write",
        [
            "postgresql://u:p%40@a/rete?target_session_attrs=read-write",
            "postgresql://u:p%40@b:5433/rete?target_session_attrs=read-write",
        ],
    ),
    ("postgresql://a,b/rete?port=1,2", ["postgresql://a/rete?port=1", "postgresql://b/rete?port=2"]),
    ("postgresql://[::1]:1,[::2]:2/rete", ["postgresql://[::1]:1/rete", "postgresql://[::2]:2/rete"]),
    (
        "postgresql://u@/rete?host=/run/a,/run/b&port=5432",
        ["postgresql://u@/rete?port=5432&host=/run/a", "postgresql://u@/rete?port=5432&host=/run/b"],
    ),
    ("postgresql:///rete?host=/run/a,/run/b", ["postgresql:///rete?host=/run/a", "postgresql:///rete?host=/run/b"]),
)


@pytest.mark.parametrize(("dsn", "found"), CASES)
def test_each_server_of_an_address_has_one_of_its_own(dsn: str, found: list[str]) -> None:
    """With all the rest of it, in the order in which they stand; passwords as they are written."""
    assert roads.servers(dsn) == found


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of something that takes connections and says nothing, as a machine that hangs."""
    # The system answers for it; nobody ever takes the connection up.
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.skipif(bool(EXTERNAL), reason="the tests' own server is reached by its socket")
async def test_a_server_that_says_nothing_keeps_nobody_from_the_next(db: str, silent: int) -> None:
    """The library's own way waits for it until the time is over; with several servers the next is asked meanwhile."""
    folder = db.partition("host=")[2]
    name = db.partition("?")[0].rpartition("/")[2]
    dsn = f"postgresql://postgres@/{name}?host=127.0.0.1,{folder}&port={silent},5432&target_session_attrs=read-write"
    begun = time.monotonic()
    conn = await roads.connect(dsn, timeout=20)
    assert await conn.fetchval("SELECT current_database()") == name
    await conn.close()
    pool = await open_pool(dsn, max_size=2)
    async with acquire(pool) as conn:
        assert await conn.fetchval("SELECT 1") == 1
    pool.terminate()
    assert time.monotonic() - begun < 10


async def test_when_none_is_what_is_asked_for_it_is_said_in_time(db: str, silent: int) -> None:
    """Nobody listens, nobody answers, nobody follows another: what the last one said, or that the time is over."""
    with pytest.raises(OSError):
        await roads.connect("postgresql://127.0.0.1:1,127.0.0.1:2/x", timeout=10)
    with pytest.raises(TimeoutError):
        await roads.connect(f"postgresql://127.0.0.1:1,127.0.0.1:{silent}/x?sslmode=disable", timeout=1)
    if not EXTERNAL:
        folder = db.partition("host=")[2]
        dsn = f"postgresql://postgres@/postgres?host={folder},{folder}&target_session_attrs=standby"
        with pytest.raises(asyncpg.TargetServerAttributeNotMatched):
            await roads.connect(dsn, timeout=10)
