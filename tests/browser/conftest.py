"""One node and one browser for all tests in this folder: starting them costs more than looking."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, async_playwright

from node.flows import backup_shelf
from node.flows.home import Facts, make_home, quoted, with_setting
from node.runtime import open_node
from node.store import backup_file, backup_folder
from node.web import allowance
from node.web import app as application
from node.web.server import Runner
from tests.conftest import NO_BROWSER, TEMPLATE, dsn_of
from tests.pages_made import fill
from tests.profiles_made import NOW

CHROMIUM = os.environ.get("RETE_CHROMIUM", "/usr/bin/chromium")
# Without the last four a browser looks for its maker's hosts at every start.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
MISSING = f"{NO_BROWSER} {CHROMIUM}: install Debian's chromium (apt-get install chromium), or set RETE_CHROMIUM"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests in one loop, and skip them aloud where there is no browser."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        if not Path(CHROMIUM).exists():
            item.add_marker(pytest.mark.skip(reason=MISSING))


@dataclass(frozen=True, slots=True)
class Bench:
    """A served node and a browser."""

    url: str
    browser: Browser

    async def context(self, width: int = 1280, **settings: object) -> BrowserContext:
        """A browser that knows nothing yet."""
        return await self.browser.new_context(
            base_url=self.url, viewport={"width": width, "height": 900}, locale="it-IT", **settings
        )


def free_port() -> int:
    """A port nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _keep_backups(home: Path) -> None:
    """Give a home a folder for backups and a passphrase."""
    (home.parent / "copies").mkdir()
    (home / "words").touch(mode=0o600)
    (home / "words").write_text("corretto cavallo graffetta")
    text = (home / "node.toml").read_text(encoding="utf-8")
    for key, value in (("folder", str(home.parent / "copies")), ("passphrase_file", "words")):
        text = with_setting(text, "backup", key, quoted(value))
    (home / "node.toml").write_text(text, encoding="utf-8")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bench(server: str) -> AsyncIterator[Bench]:
    """A node over a database of its own, served on this machine, and a browser."""
    name = f"t_browser_{os.getpid()}"
    admin = await asyncpg.connect(dsn_of(server, "postgres"))
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
    folder = Path(tempfile.mkdtemp(prefix="rete-browser-"))
    port = free_port()
    home = folder / "home"
    make_home(
        home,
        Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), f"127.0.0.1:{port}", port, 2026, dsn_of(server, name)),
    )
    patch = pytest.MonkeyPatch()
    _keep_backups(home)
    try:
        async with open_node(home, clock=lambda: NOW) as node:
            await fill(node)
            with patch.context() as cheap:
                cheap.setattr(backup_file, "COST", (2, 1, 1))
                made, _ = await backup_shelf.make(node.kept(), NOW)
            # One that is whole and one that is not, for the page of backups.
            (made.path.parent / backup_folder.name_of("p_LE", NOW - dt.timedelta(days=1))).write_bytes(
                b"rete-backup/1\n"
            )
            # The node's clock stands, so what is allowed never fills up again.
            patch.setitem(allowance.RATES, "page", allowance.Rate(10_000, 100_000))
            runner = Runner(application.build(node), access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            async with async_playwright() as started:
                browser = await started.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
                yield Bench(f"http://127.0.0.1:{port}", browser)
                await browser.close()
            await runner.cleanup()
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        patch.undo()
        await admin.close()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
