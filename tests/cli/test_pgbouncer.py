"""A node by way of pgbouncer: in session mode everything, in transaction mode processes of pages alone (docs/processes.md)."""

from __future__ import annotations

import asyncio
import shutil
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from node import runtime
from node.flows.logs.append import Operation, append, sign_head
from node.flows.upkeep.home import with_setting
from node.protocol import canonical
from node.runtime import utc_now
from node.store import leader
from tests import bouncer_made
from tests.bouncer_made import bouncer, through
from tests.cli.test_serve import ROOT, until
from tests.cli.test_serve_together import account, enter
from tests.conftest import EXTERNAL
from tests.federation_made import Town, federation, new_database
from tests.profiles_made import profile

pytestmark = [
    pytest.mark.skipif(bouncer_made.PROGRAM is None, reason="pgbouncer is not installed"),
    pytest.mark.skipif(bool(EXTERNAL), reason="the tests' own server is reached by its socket"),
    pytest.mark.timeout(180),
]


@asynccontextmanager
async def process(home: Path, log: Path, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A ``rete serve`` of its own."""
    with log.open("wb") as out:
        program = (sys.executable, "-u", "-m", "node", "serve", "--home", str(home), *words)
        made = await asyncio.create_subprocess_exec(*program, cwd=ROOT, stdout=out, stderr=out)
    try:
        yield made
    finally:
        if made.returncode is None:
            made.kill()
            await made.wait()
        # Shown only when the test fails.
        sys.stdout.write(log.read_text(encoding="utf-8")[-6000:])


async def led(town: Town, epoch: int) -> None:
    """Wait until somebody leads under a number."""
    async with asyncio.timeout(60):
        while True:
            async with town.node.pool.acquire() as conn:
                found = await leader.standing(conn)
            if found.leads and found.epoch == epoch:
                return
            await asyncio.sleep(0.1)


async def signed(town: Town, size: int) -> None:
    """Wait until somebody has signed this much."""
    async with asyncio.timeout(30):
        while (await town.node.pool.fetchval("SELECT max(size) FROM log.signed") or 0) < size:  # noqa: ASYNC110 - another process signs
            await asyncio.sleep(0.05)


async def found(port: int, path: str) -> str:
    """What a page of the public says."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as reply:
        assert reply.status == 200, await reply.text()
        return await reply.text()


async def test_in_session_mode_a_node_does_all_that_it_does(server: str, tmp_path: Path) -> None:
    """Pages, search, publishing, pulls both ways; who leads, signs when told to, and loses the lead to another by SIGKILL."""
    tmp_path.chmod(0o755)
    own = await new_database(server)
    with bouncer(own, tmp_path / "bouncer", "session") as place:
        databases = {"p_LE": through(own, place)}
        async with federation(server, tmp_path / "homes", utc_now, ["p_LE", "cmto"], databases) as (town, other):
            [mine] = await town.publish()
            [theirs] = await other.publish()
            await other.sync()
            await town.sync()
            assert (await town.known(), await other.known()) == (2, 2)
            for one in (mine, theirs):
                assert one in await found(town.port, f"/api/v1/profiles/{one}")
                assert one in await found(town.port, "/cerca")
            async with process(town.home, tmp_path / "a.log", "--leader") as first:
                await led(town, 1)
                # Told by a notification: it is signed long before any timer.
                await _publish_as_a_page(town)
                await signed(town, 2)
                # Whoever waits has the lock as soon as the leader's session is gone, and with it the one of the server.
                freed = asyncio.Event()
                conn = await leader.connect(town.node.dsn, freed.set)
                assert await leader.try_take(conn, "b 1") is None
                first.kill()
                await first.wait()
                async with asyncio.timeout(15):
                    while (epoch := await leader.try_take(conn, "b 1")) is None:  # noqa: ASYNC110 - another process's session ends
                        await asyncio.sleep(0.1)
                assert epoch == 2
                told = await leader.connect(town.node.dsn, lambda: None)
                await leader.leave(conn, epoch)
                async with asyncio.timeout(10):
                    await freed.wait()
                assert await leader.try_take(told, "c 1") == 3
                await leader.close(conn)
                await leader.close(told)


async def _publish_as_a_page(town: Town) -> None:
    face, one = runtime.beside_leader(town.node), str(uuid.uuid4())
    async with face.pool.acquire() as conn, conn.transaction():
        await append(conn, face.own, [Operation(one, canonical.dumps(profile(3, id=one, owner="p_LE")))], face.clock())
    await sign_head(face.pool, face.own, face.clock())


@pytest.mark.skipif(
    bouncer_made.version() < (1, 21), reason="pgbouncer is older than 1.21: no prepared statements in transaction mode"
)
async def test_in_transaction_mode_pages_are_answered_and_the_leader_stays_direct(server: str, tmp_path: Path) -> None:
    """Processes of pages share few connections; people sign in and are known by the next connection; who leads has a session of its own."""
    tmp_path.chmod(0o755)
    own = await new_database(server)
    with bouncer(own, tmp_path / "bouncer", "transaction", 3) as place:
        async with federation(server, tmp_path / "homes", utc_now, ["p_LE", "cmto"], {"p_LE": own}) as (town, _):
            [mine] = await town.publish()
            await account(town.node)
            await town.stop()
            pages = tmp_path / "pages"
            shutil.copytree(town.home, pages)
            text = (pages / "node.toml").read_text(encoding="utf-8")
            (pages / "node.toml").write_text(
                with_setting(text, "database", "url", f'"{through(own, place)}"'), encoding="utf-8"
            )
            async with (
                process(town.home, tmp_path / "leader.log", "--leader"),
                process(pages, tmp_path / "web.log", "--web"),
            ):
                await led(town, 1)
                await until(f"http://127.0.0.1:{town.port}/readyz", 200)

                async def ask() -> None:
                    for _ in range(8):
                        for path in ("/cerca", f"/profili/{mine}", f"/api/v1/profiles/{mine}"):
                            await found(town.port, path)

                async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                    for _ in range(8):
                        group.create_task(ask())
                async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
                    await enter(session, f"http://127.0.0.1:{town.port}")
                    async with session.get(f"http://127.0.0.1:{town.port}/ufficio") as reply:
                        assert reply.status == 200
