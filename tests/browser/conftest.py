"""One node and one browser in each process for all tests in this folder: starting them costs more than looking."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, async_playwright

from node.domain.chamber import ChamberList
from node.domain.generation.enrichment import enrich
from node.domain.roles import Role
from node.flows.profiles import draft
from node.flows.profiles import submission as submitting
from node.flows.registry import intake, register
from node.flows.trust.peer_card import quoted
from node.flows.upkeep import backup_shelf
from node.flows.upkeep.home import Facts, make_home, with_setting
from node.runtime import open_node
from node.store import backup_file, backup_folder, registry
from node.store.postgres import Pool, acquire, open_pool
from node.web import allowance
from node.web import app as application
from node.web.server import Runner
from tests.accounts_made import SETTINGS, Desk
from tests.conftest import NO_BROWSER, TEMPLATE, dsn_of
from tests.federation_made import free_ports
from tests.office_made import SNAPSHOT, configured, lecce
from tests.pages_made import fill
from tests.profiles_made import NOW

# The same engine without the windows it would draw its pages in, which take a third of the processor's time (Debian's
# chromium-headless-shell); else the whole browser.
PLACES = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
CHROMIUM = os.environ.get("RETE_CHROMIUM") or next((place for place in PLACES if Path(place).exists()), PLACES[-1])
# Without the last four a browser looks for its maker's hosts at every start.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
LAST = "test_every_page_examined.py"
MISSING = f"{NO_BROWSER} {CHROMIUM}: install Debian's chromium (apt-get install chromium-headless-shell, or chromium), or set RETE_CHROMIUM"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep these tests in one loop, and skip them aloud where there is no browser; what looks back at them all comes last."""
    folder = Path(__file__).parent
    here = [item for item in items if folder in item.path.parents]
    files = {item.path.name for item in here}
    chosen = config.option.keyword or config.option.markexpr or any("::" in str(one) for one in config.args)
    for item in here:
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        if not Path(CHROMIUM).exists():
            item.add_marker(pytest.mark.skip(reason=MISSING))
        if item.path.name == LAST and (chosen or files != {file.name for file in folder.glob("test_*.py")}):
            item.add_marker(pytest.mark.skip(reason="only some of the tests in a browser were asked for"))
    items.sort(key=lambda item: item.path.name == LAST)
    if hasattr(config, "workerinput"):
        # No process has looked at all pages: what they say together is judged by the one that started them.
        config.stash[WHOLE] = files == {file.name for file in folder.glob("test_*.py")} and not chosen
        items[:] = [item for item in items if item.path.name != LAST]


WHOLE = pytest.StashKey[bool]()
UNSEEN = pytest.StashKey[set[str]]()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process that was given some of the tests tells what it has not looked at; who gave them fails for what nobody has."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None and session.config.stash.get(WHOLE, False) and UNSEEN in session.config.stash:
        told["unseen"] = sorted(session.config.stash[UNSEEN])
    elif told is None and session.config.stash.get(UNSEEN, set()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Keep what no process has looked at."""
    told = getattr(node, "workeroutput", {}).get("unseen")
    if told is not None:
        stash = node.config.stash
        stash[UNSEEN] = stash.get(UNSEEN, set(told)) & set(told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the pages that nobody has looked at."""
    unseen = terminalreporter.config.stash.get(UNSEEN, set())
    if unseen:
        terminalreporter.section("PAGES THAT AXE HAS NOT LOOKED AT", sep="!", red=True, bold=True)
        terminalreporter.line("\n".join(sorted(unseen)))


@dataclass(frozen=True, slots=True)
class Bench:
    """A served node and a browser."""

    url: str
    browser: Browser
    app: web.Application

    async def context(self, width: int = 1280, **settings: object) -> BrowserContext:
        """A browser that knows nothing yet."""
        plain = {"viewport": {"width": width, "height": 900}, "locale": "it-IT"}
        return await self.browser.new_context(base_url=self.url, **{**plain, **settings})


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
async def bench(server: str, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """A node over a database of its own, served on this machine, and a browser."""
    # It is imported with the tests: what they looked at is counted in it.
    from tests.browser.test_every_page_examined import forgotten

    name = f"t_browser_{os.getpid()}"
    admin = await asyncpg.connect(dsn_of(server, "postgres"))
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
    folder = Path(tempfile.mkdtemp(prefix="rete-browser-"))
    (port,) = free_ports(1)
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
            app = application.build(node)
            runner = Runner(app, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            async with async_playwright() as started:
                browser = await started.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
                yield Bench(f"http://127.0.0.1:{port}", browser, app)
                await browser.close()
            if hasattr(request.config, "workeroutput"):
                request.config.stash[UNSEEN] = set(await forgotten(app))
            await runner.cleanup()
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        patch.undo()
        await admin.close()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


AUTHOR, APPROVER = "olga.scrive", "piero.approva"
CONTENT = {
    "purpose": "offer",
    "title": {"it": "Pane e farine", "en": "Bread and flours"},
    "summary": {"it": "Si lavora il grano Zorbax con cura."},
    "needs": [{"category": "distribution", "text": {"it": "chi distribuisce"}}],
}


@dataclass(frozen=True, slots=True)
class Rooms:
    """The office of the node in the browser: its networks, and profiles in several states."""

    pool: Pool
    networks: list[str]
    waiting: str
    drafted: str


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rooms(bench: Bench, server: str) -> AsyncIterator[Rooms]:
    """A loaded register, ten networks, an author and an approver; one profile waits, one is a draft."""
    pool, config = await open_pool(dsn_of(server, f"t_browser_{os.getpid()}"), max_size=2), configured()
    desk = Desk(pool, SETTINGS, NOW)
    try:
        rows = lecce()
        await register.load_register(pool, config, ChamberList(tuple(rows), (), 0), SNAPSHOT, NOW)
        found = intake.IntakeFile("template", "own.xlsx", bytes(32), 0, tuple(enrich(rows, count=12, seed=1)), 0, ())
        await intake.import_networks(pool, found, NOW, apply=True)
        async with acquire(pool) as conn:
            networks = list(await registry.read_records(conn))
        for name, role in ((AUTHOR, Role.OFFICER), (APPROVER, Role.APPROVER)):
            await desk.person(name, role)
        ids = [await draft.draft(pool, config, network, CONTENT, AUTHOR, NOW) for network in networks[:2]]
        await submitting.submit(pool, config, ids[0], AUTHOR, NOW)
        yield Rooms(pool, networks, *ids)
    finally:
        pool.terminate()
