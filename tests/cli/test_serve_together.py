"""Several processes of one node on one database: one leads, the others answer; what happens when the leader dies, stops or wakes up late."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from node import runtime
from node.domain.roles import Role
from node.flows.logs.append import Operation, append, sign_head
from node.flows.logs.trees import stored_root
from node.flows.people import accounts, own_account
from node.flows.people.passwords import Hasher
from node.flows.upkeep.home import Facts, make_home, with_setting
from node.protocol import canonical
from node.runtime import Node, open_node
from node.store import leader
from node.store.leader import Standing
from tests.cli.test_serve import ROOT, until, until_told
from tests.federation_made import free_ports
from tests.profiles_made import profile

TAKEOVER_S = 15.0
PASSWORD = "una frase lunga e basta"  # noqa: S105 - of a throw-away account


@dataclass
class House:
    """One node: its home, its database, and who runs."""

    home: Path
    port: int
    node: Node
    folder: Path

    @contextlib.asynccontextmanager
    async def serve(self, name: str, *words: str, home: Path | None = None) -> AsyncIterator[Process]:
        """Run one ``rete serve``; at the end it is gone, however it was."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            words = ("-u", "-m", "node", "serve", "--home", str(home or self.home), *words)
            process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT, stdout=out, stderr=out)
        try:
            yield Process(process, log)
        finally:
            # Shown only when the test fails.
            sys.stdout.write(f"--- {name}\n{log.read_text(encoding='utf-8')}")
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def stood(self) -> Standing:
        """Who leads."""
        async with self.node.pool.acquire() as conn:
            return await leader.standing(conn)

    async def led_by(self, process: Process, epoch: int) -> float:
        """Wait until a process leads under a number; return after how many seconds."""
        begun = time.monotonic()
        async with asyncio.timeout(60):
            while True:
                found = await self.stood()
                if found.leads and found.epoch == epoch and found.holder.endswith(f" {process.pid}"):
                    return time.monotonic() - begun
                await asyncio.sleep(0.05)

    async def publish(self) -> int:
        """Append one profile as a page does, and leave signing to whoever leads; return how large the log is then."""
        face = runtime.beside_leader(self.node)
        one = str(uuid.uuid4())
        document = canonical.dumps(profile(1, id=one, owner="p_LE"))
        async with face.pool.acquire() as conn, conn.transaction():
            [position] = await append(conn, face.own, [Operation(one, document)], face.clock())
        assert await sign_head(face.pool, face.own, face.clock()) is None
        return position + 1

    async def published(self) -> None:
        """Publish, and wait until somebody has signed it."""
        await self.signed(await self.publish())

    async def signed(self, size: int) -> None:
        """Wait until somebody has signed this much."""
        async with asyncio.timeout(30):
            while (await self.node.pool.fetchval("SELECT max(size) FROM log.signed") or 0) < size:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.05)

    async def has_one_history(self) -> None:
        """Every checkpoint that was ever signed is one of the very entries that are here."""
        async with self.node.pool.acquire() as conn:
            for row in await conn.fetch("SELECT size, root FROM log.signed ORDER BY size"):
                assert await stored_root(conn, self.node.own.origin_id, row["size"]) == row["root"]


@dataclass
class Process:
    """One running ``rete serve``."""

    process: asyncio.subprocess.Process
    log: Path

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    async def stop(self) -> None:
        """Stop it in good order."""
        self.process.terminate()
        async with asyncio.timeout(30):
            assert await self.process.wait() == 0

    async def says(self, words: str) -> None:
        """Wait until its log says something."""
        await until_told(self.log, words)


@pytest.fixture
async def house(db: str, tmp_path: Path) -> AsyncIterator[House]:
    """A node whose processes nobody has started."""
    (port,) = free_ports(1)
    home = tmp_path / "home"
    make_home(home, Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), f"127.0.0.1:{port}", port, 2026, db))
    async with open_node(home) as node:
        yield House(home, port, node, tmp_path)


@pytest.mark.timeout(180)
async def test_a_killed_leader_is_replaced_in_time_and_a_stopped_one_at_once(house: House) -> None:
    """By kill -9: another leads within 15 s and signs what was left unsigned; SIGTERM: the lead is handed over."""
    async with house.serve("a", "--leader") as a:
        await house.led_by(a, 1)
        await house.published()
        async with house.serve("b", "--leader") as b, house.serve("c", "--leader") as c:
            await b.says("lead.standby")
            await c.says("lead.standby")
            a.process.kill()
            await a.process.wait()
            size = await house.publish()
            begun = time.monotonic()
            async with asyncio.timeout(TAKEOVER_S):
                while (found := await house.stood()).epoch != 2:  # noqa: ASYNC110 - another process takes it
                    await asyncio.sleep(0.05)
                await house.signed(size)
            sys.stdout.write(f"takeover after kill -9, with the first signature: {time.monotonic() - begun:.1f} s\n")
            old, new = (b, c) if found.holder.endswith(f" {b.pid}") else (c, b)
            await old.stop()
            took = await house.led_by(new, 3)
            sys.stdout.write(f"takeover after an orderly stop: {took:.1f} s\n")
            assert took < 3
            assert "lead.given_back" in old.log.read_text(encoding="utf-8")
            await house.published()
    await house.has_one_history()


@pytest.mark.timeout(180)
async def test_a_leader_that_stands_still_and_wakes_up_later_never_forks_the_log(house: House) -> None:
    """SIGSTOP, others take over and sign, SIGCONT: it knows that it leads no more, writes nothing, and waits for its turn."""
    async with house.serve("a", "--leader") as a, house.serve("b", "--leader") as b:
        await until_told(a.log, "lead.")
        await until_told(b.log, "lead.")
        first, then = (a, b) if (await house.stood()).holder.endswith(f" {a.pid}") else (b, a)
        await house.led_by(first, 1)
        for _ in range(3):
            await house.published()
        # In the middle of its work, whatever that is just now.
        size = await house.publish()
        first.process.send_signal(signal.SIGSTOP)
        try:
            took = await house.led_by(then, 2)
            sys.stdout.write(f"takeover after SIGSTOP: {took:.1f} s\n")
            assert took < TAKEOVER_S
            await house.signed(size)
            await house.published()
            before = first.log.read_text(encoding="utf-8").count("checkpoint.signed")
        finally:
            first.process.send_signal(signal.SIGCONT)
        size = await house.publish()
        await first.says("lead.lost")
        await house.signed(size)
        await first.says("lead.standby")
        assert first.log.read_text(encoding="utf-8").count("checkpoint.signed") == before
        assert (await house.stood()).epoch == 2
        await then.stop()
        await house.led_by(first, 3)
        await house.published()
    await house.has_one_history()


@pytest.mark.timeout(180)
async def test_processes_of_pages_share_a_port_and_their_sessions(house: House) -> None:
    """Who signed in at one is signed in at the other, and out at both; when one is killed the port still answers; none of them leads."""
    other = house.folder / "other"
    shutil.copytree(house.home, other)
    (port,) = free_ports(1)
    text = (other / "node.toml").read_text(encoding="utf-8")
    (other / "node.toml").write_text(with_setting(text, "web", "port", str(port)), encoding="utf-8")
    await account(house.node)
    url, elsewhere = f"http://127.0.0.1:{house.port}", f"http://127.0.0.1:{port}"
    async with (
        house.serve("w1", "--web") as w1,
        house.serve("w2", "--web") as w2,
        house.serve("w3", "--web", home=other),
    ):
        for process in (w1, w2):
            await process.says(f":{house.port}")
        await until(f"{elsewhere}/status", 200)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            await enter(session, url)
            for place in (url, elsewhere):
                async with session.get(f"{place}/ufficio", allow_redirects=False) as reply:
                    assert reply.status == 200, place
            async with session.get(f"{elsewhere}/status") as reply:
                assert (await reply.json())["leader"] == {"leads": False, "since": None}
            async with house.serve("l", "--leader") as lead:
                await house.led_by(lead, 1)
                async with session.get(f"{elsewhere}/status") as reply:
                    told = (await reply.json())["leader"]
                assert told["leads"] is True
                assert re.fullmatch(r"20\d\d-.*\+00:00", told["since"])
                w1.process.kill()
                await w1.process.wait()
                for _ in range(20):
                    async with aiohttp.ClientSession() as anew, anew.get(f"{url}/status") as reply:
                        assert reply.status == 200
                # A process that does not share finds the port taken, and says what to do.
                async with house.serve("whole") as whole:
                    assert await whole.process.wait() == 2
                    assert "port-unavailable" in whole.log.read_text(encoding="utf-8")
            async with session.get(f"{url}/ufficio") as reply:
                token = csrf(await reply.text())
            async with session.post(f"{url}/esci", data={"csrf": token}, headers={"Origin": url}) as reply:
                assert reply.status == 200
            async with session.get(f"{elsewhere}/ufficio", allow_redirects=False) as reply:
                assert reply.status == 401


async def test_a_process_is_not_only_pages_and_only_jobs(house: House) -> None:
    """Both flags at once are refused with a code and what to do."""
    async with house.serve("both", "--web", "--leader") as both:
        assert await both.process.wait() == 1
        assert "serve-roles" in both.log.read_text(encoding="utf-8")


async def account(node: Node) -> None:
    """Make an officer's account with a password."""
    settings, now = node.sign_in_settings(), node.clock()
    made = await accounts.create(node.pool, settings, now, name="prova", roles=[Role.OFFICER], officer="prova")
    with contextlib.closing(Hasher()) as hasher:
        await own_account.set_password(node.pool, hasher, settings, now, code=made.code, password=PASSWORD)


def csrf(page: str) -> str:
    """The token of a page's forms."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def enter(session: aiohttp.ClientSession, url: str) -> None:
    """Sign in as a browser does."""
    async with session.get(f"{url}/entra") as reply:
        token = csrf(await reply.text())
    form = {"csrf": token, "nome": "prova", "password": PASSWORD, "dopo": "/ufficio"}
    async with session.post(f"{url}/entra", data=form, headers={"Origin": url}) as reply:
        assert (reply.status, reply.url.path) == (200, "/ufficio")
