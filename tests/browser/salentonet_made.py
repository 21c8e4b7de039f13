"""Two administrations as two processes, each with its own database and socket; officers in a browser; editions of the public list as files.

In: a database server, a folder. Out: Lecce with an edition of the list and two people, Torino with one, both serving; and an officer who
goes from page to page, of each of which axe is asked. The clock of both is ours (tests/clocked.py); all else is as it is installed.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import html
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
from playwright.async_api import Page, expect

from node.domain.register import RegisterNetwork
from node.domain.roles import Role
from node.flows.upkeep.home import Facts, make_trial
from node.runtime import open_node
from node.store.spreadsheet import write_sheets
from tests.accounts_made import PASSWORD
from tests.accounts_made import Desk as Access
from tests.browser.axe import AXE, follow, violations
from tests.browser.conftest import Bench
from tests.browser.test_sign_in_journey import sign_in
from tests.clocked import Ahead
from tests.federation_made import free_ports, new_database
from tests.networks_made import listed, sheets
from tests.office_made import lecce
from tests.register_made import Pairs

ROOT = Path(__file__).resolve().parents[2]
BEGIN = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
BEFORE = dt.date(2026, 6, 30)
AUTHOR, APPROVER = "anna", "bruno"
START_S, STOP_S, PATIENCE_MS = 180, 20, 60_000


@dataclass
class Land:
    """Both administrations, by what they are asked at and where they live."""

    clock: Ahead
    folder: Path
    lecce: str
    torino: str
    databases: Mapping[str, str]

    async def rete(self, *words: str) -> str:
        """Give a command at Lecce; return what it said."""
        command = [sys.executable, "-m", "tests.clocked", str(self.clock.file), *words, "--home", str(self.folder / "p_LE")]  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said = (await process.communicate())[0].decode()
        assert process.returncode == 0, said
        return said

    async def load(self, rows: Sequence[RegisterNetwork], day: dt.date) -> str:
        """Load an edition of the public list from a workbook in the chamber's layout, as an administrator does."""
        file = self.folder / f"elenco-{day}.xlsx"
        found = [row for number, network in enumerate(rows, 1) for row in _listed(network, number)]
        await asyncio.to_thread(write_sheets, file, sheets(*found))
        return await self.rete("register", "load", str(file), "--snapshot", day.isoformat())


def _listed(network: RegisterNetwork, number: int) -> list[list[object]]:
    """The rows of a contract, one for each firm."""
    return [
        listed(
            name=network.name, day=f"{network.registered_on:%d/%m/%Y}", number=network.deed_register_number, deed=network.deed_number,
            text=network.object_text, rea=firm.rea or f"{firm.province}-{number}{at:03}", code=firm.tax_code, firm=firm.name,
            lead="S" if firm.is_reference else "N", place=firm.municipality_name, pv=firm.province, ateco=firm.ateco.replace(".", ""),
        )
        for at, firm in enumerate(network.firms)
    ]  # fmt: skip


@asynccontextmanager
async def two_administrations(server: str, folder: Path) -> AsyncIterator[Land]:
    """Lecce and Torino, serving until the end of the block."""
    ids, ports = ("p_LE", "cmto"), free_ports(2)
    databases = {name: await new_database(server) for name in ids}
    made = [
        Facts(
            name, title, name, (place,), f"127.0.0.1:{port}", port, BEGIN.year, databases[name], round="immediate"
        )
        for name, title, place, port in zip(ids, ("Provincia di Lecce", "Città metropolitana di Torino"), ("LE", "TO"), ports, strict=True)
    ]  # fmt: skip
    make_trial([(folder / name, facts) for name, facts in zip(ids, made, strict=True)])
    clock = Ahead(folder / "ahead")
    clock.set(BEGIN)
    people = {"p_LE": {AUTHOR: Role.OFFICER, APPROVER: Role.APPROVER}, "cmto": {AUTHOR: Role.OFFICER}}
    for name, roles in people.items():
        async with open_node(folder / name, clock=clock) as node:
            access = Access(node.pool, replace(node.sign_in_settings(), pad_s=0), clock())
            for person, role in roles.items():
                await access.person(person, role)
            access.hasher.close()
    land = Land(clock, folder, *(f"http://127.0.0.1:{port}" for port in ports), databases)
    assert "Partizione 1" in await land.load(lecce(), BEFORE)
    async with asyncio.TaskGroup() as group:
        served = [group.create_task(_serve(land, name)) for name in ids]
    processes = [task.result() for task in served]
    try:
        for url in (land.lecce, land.torino):
            await _answering(url)
        yield land
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            await asyncio.wait_for(process.wait(), STOP_S)
        # Shown only when the test fails.
        for name in ids:
            sys.stdout.write((folder / f"{name}.log").read_text(encoding="utf-8")[-20_000:])


async def _answering(url: str) -> None:
    """Wait until a node answers: on a machine with much to do two of them take their time to begin."""
    async with asyncio.timeout(START_S), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/status") as reply:
                    if reply.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def _serve(land: Land, name: str) -> asyncio.subprocess.Process:
    with (land.folder / f"{name}.log").open("ab") as log:
        # The pipe is the tie to this process: when it closes, the node stops by itself.
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", "tests.clocked", str(land.clock.file), "serve", "--home", str(land.folder / name)),
            "--exit-with-parent", cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log,
        )  # fmt: skip


@dataclass
class Officer:
    """Somebody at a node's pages; what axe finds on any of them is gathered in ``wrong``."""

    page: Page
    url: str
    token: str = ""
    seen: int = 0
    wrong: dict[str, list[str]] = field(default_factory=dict)

    async def look(self) -> None:
        """Have axe examine the page that is there."""
        self.seen += 1
        if said := await violations(self.page):
            self.wrong[self.page.url.removeprefix(self.url)] = said

    async def enter(self, name: str) -> None:
        """Sign in."""
        await sign_in(self.page, name, PASSWORD)
        await expect(self.page.get_by_role("link", name=name, exact=True)).to_be_visible(timeout=PATIENCE_MS)
        await self.look()
        self.token = _token(await self.page.content())

    async def open(self, path: str) -> None:
        """Type an address."""
        await self.page.goto(path)
        await self.look()

    async def go(self, name: str, *, menu: bool = False) -> None:
        """Follow a link of the page, or of the menu."""
        place = self.page.locator("header" if menu else "main")
        await follow(self.page, place.get_by_role("link", name=name).first)
        await self.look()

    async def press(self, name: str) -> None:
        """Press a button of the page."""
        await follow(self.page, self.page.get_by_role("main").get_by_role("button", name=name).first)
        await self.look()

    async def fill(self, **fields: str) -> None:
        """Write into fields by their ids, «_» for «-» where an id has one."""
        for name, text in fields.items():
            found = self.page.locator(f"main #{name}, main #{name.replace('_', '-')}")
            if await found.evaluate("one => one.localName") == "select":
                await found.select_option(text)
            else:
                await found.fill(text)

    async def read(self, *texts: str) -> None:
        """Be told something."""
        for text in texts:
            await expect(self.page.get_by_role("main")).to_contain_text(text)

    # --- the same forms without looking at them ---

    async def get(self, path: str) -> str:
        """A page's text."""
        reply = await self.page.request.get(f"{self.url}{path}")
        assert reply.status == 200, path
        return await reply.text()

    async def send(self, path: str, fields: Mapping[str, str] | Pairs) -> str:
        """Send a form of a page as a browser does; return where it leads."""
        reply = await self.page.request.post(f"{self.url}{path}", form={**dict(fields), "csrf": self.token}, max_redirects=0)  # fmt: skip
        assert reply.status == 303, (path, html.unescape(re.sub(r"<[^>]+>", " ", await reply.text()))[-3000:])
        return reply.headers["location"].partition("?")[0]


def _token(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found
    return found.group(1)


async def at(bench: Bench, url: str) -> Officer:
    """A browser of somebody at a node, who has not signed in."""
    context = await replace(bench, url=url).context()
    await context.add_init_script(AXE)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return Officer(page, url)
