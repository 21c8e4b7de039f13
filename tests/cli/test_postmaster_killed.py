"""PostgreSQL is killed, whole, again and again under a served node that is written to: nobody helps, nothing that was acknowledged is lost.

A real ``rete serve`` on the server of its home; a client writes through the API at some fifty a second and keeps the receipts. RETE_PG_KILLS says
how often the postmaster dies (``make prove``: 20).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from node import runtime
from node.flows.upkeep.home import Facts, make_home, with_setting
from tests.cli.test_serve import ROOT, until, until_told
from tests.federation_made import free_ports

KILLS = int(os.environ.get("RETE_PG_KILLS", "1"))
PER_S = 50
WRITERS = 5
PATH = "/api/v1/saved-searches"


@dataclass
class Receipts:
    """What a client outside has in its hands: what was acknowledged, what was refused and how, since when nothing worked."""

    url: str
    given: dict[str, str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    async def write(self, number: int, stop: asyncio.Event) -> None:
        """Write again and again, each time something of its own, from an address of its own."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
            turn, begun = 0, time.monotonic()
            while not stop.is_set():
                turn += 1
                title = f"Prova {number} {turn}"
                headers = {"X-Forwarded-For": f"10.{number}.{turn // 256}.{turn % 256}"}
                async with session.post(
                    self.url + PATH, json={"title": title, "query": {"q": "olio"}}, headers=headers
                ) as reply:
                    self.statuses[reply.status] += 1
                    if reply.status == 201:
                        self.given[str((await reply.json())["search_id"])] = title
                    elif reply.status != 503 or "Retry-After" not in reply.headers:
                        self.wrong.append(f"{reply.status} {dict(reply.headers)} {(await reply.text())[:200]}")
                await asyncio.sleep(max(0.0, begun + turn * WRITERS / PER_S - time.monotonic()))

    async def more(self, count: int) -> None:
        """Wait until so many more writes were acknowledged."""
        wanted = len(self.given) + count
        await self.reach(lambda: len(self.given) >= wanted)

    async def reach(self, done: Callable[[], bool]) -> None:
        """Wait until something is so; what was answered wrongly is told at once."""
        try:
            async with asyncio.timeout(60):
                while not done():
                    assert not self.wrong, self.wrong
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"{self.statuses}")


def postmaster(home: Path) -> int:
    """The number of the server's process."""
    return int((home / "postgres" / "postmaster.pid").read_text(encoding="utf-8").split()[0])


@pytest.mark.timeout(120 + 60 * KILLS)
async def test_a_postgresql_that_is_killed_under_writes_comes_back_by_itself_and_has_all_of_them(
    tmp_path: Path,
) -> None:
    """Kill -9 of the postmaster; 503 with Retry-After while it is gone, then writes again; each receipt is a row, nothing else answered wrongly."""
    (port,) = free_ports(1)
    home, log = tmp_path / "home", tmp_path / "log"
    make_home(home, Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), f"127.0.0.1:{port}", port, 2026))
    file = home / "node.toml"
    text = with_setting(file.read_text(encoding="utf-8"), "web", "behind_proxy", "true")
    file.write_text(with_setting(text, "saved", "max_searches", "100000"), encoding="utf-8")
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", "node", "serve", "--home", str(home)), cwd=ROOT, stdout=out, stderr=out
        )
    receipts, stop, healed = Receipts(url), asyncio.Event(), []
    try:
        await until_told(log, f":{port}")
        await until(f"{url}/readyz", 200)
        tasks = [asyncio.create_task(receipts.write(n, stop)) for n in range(1, WRITERS + 1)]
        try:
            for _ in range(KILLS):
                await receipts.more(30)
                refused, died = receipts.statuses[503], time.monotonic()
                os.kill(postmaster(home), signal.SIGKILL)
                await receipts.reach(lambda refused=refused: receipts.statuses[503] > refused)
                await receipts.more(10)
                healed.append(time.monotonic() - died)
        finally:
            stop.set()
            await asyncio.gather(*tasks)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        sys.stdout.write(log.read_text(encoding="utf-8")[-20_000:])
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert receipts.wrong == []
    async with runtime.open_node(home) as node, node.pool.acquire() as conn:
        rows = {
            row["id"]: row["title"]
            for row in await conn.fetch("SELECT search_id::text AS id, title FROM office.saved_search")
        }
    lost = {key for key, title in receipts.given.items() if rows.get(key) != title}
    assert not lost, len(lost)
    # What is there beyond the receipts was written just as the server died: once each, at most one of each writer at each kill.
    assert len(set(rows.values())) == len(rows)
    assert len(rows) - len(receipts.given) <= WRITERS * KILLS
    sys.stdout.write(
        f"{KILLS} kills, {len(rows)} rows, {dict(receipts.statuses)}, healed after {[round(s, 1) for s in healed]} s\n"
    )
    assert max(healed) < 40
