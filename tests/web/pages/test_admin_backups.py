"""The page of backups: what it shows, what its two buttons wake, and what leaves by no address."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from node.domain.roles import Role
from node.flows.upkeep import backup_shelf
from node.flows.upkeep.jobs import Job, Schedule, Turn
from node.runtime import Node
from node.store import backup_file, backup_folder, wake
from node.web.pages.admin_frame import BACKUPS, DESK
from tests.accounts_made import Desk
from tests.admin_made import session
from tests.web.pages.test_admin_pages import said, words
from tests.web.test_account_pages import Browser, browsing
from tests.web.test_app import NOW, node

__all__ = ["node"]
WORDS = "corretto cavallo graffetta"


@pytest.fixture
def keeping(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A node that keeps backups in a folder."""
    monkeypatch.setattr(backup_file, "COST", (2, 1, 1))
    (tmp_path / "copies").mkdir()
    (node.home / "words").touch(mode=0o600)
    (node.home / "words").write_text(WORDS)
    section = replace(node.config.backup, folder=str(tmp_path / "copies"), passphrase_file="words")  # noqa: S106 - a name
    return replace(node, configured=replace(node.config, backup=section))


@asynccontextmanager
async def entered(node: Node, *roles: Role, name: str = "ada") -> AsyncIterator[Browser]:
    """The browser of somebody with roles."""
    desk = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
    async with browsing(node) as browser:
        browser.hold(await session(desk, name, *roles))
        yield browser


async def test_a_node_that_makes_none_says_how_to_begin(node: Node) -> None:
    """No button that would do nothing; what a backup holds and how to restore one stand there all the same; a form is refused."""
    async with entered(node, Role.ADMINISTRATOR) as browser:
        page = await browser.get(BACKUPS)
        assert "Questo nodo non fa copie di sicurezza da sé" in words(page)
        assert "/copie/crea" not in page
        assert "Che cosa c'è in una copia" in words(page)
        assert "rete backup restore" in words(page)
        reply = await browser.post("/utente", f"{BACKUPS}/crea")
        assert (reply.status, "Le copie automatiche sono spente" in words(await reply.text())) == (400, True)
        assert "What a backup holds" in await said(browser, f"{BACKUPS}?lang=en")


async def test_the_backups_stand_with_what_a_trial_said(keeping: Node) -> None:
    """When, how large, tried or not and with which result, the newest first; one that is damaged says so; lights with remedies."""
    async with entered(keeping, Role.ADMINISTRATOR) as browser:
        text = await said(browser, BACKUPS)
        assert "da risolvere Non c'è nessuna copia di sicurezza backup-missing" in text
        assert "Che fare: «rete backup create»" in text
        assert "Prova adesso" not in text
        for days in (3, 2, 1):
            await backup_shelf.make(keeping.kept(), NOW - dt.timedelta(days=days))
        newest, middle, oldest = (await backup_shelf.read(keeping.home, keeping.config)).copies
        backup_folder.remember(middle.path, middle.digest, NOW, "")
        oldest.path.write_bytes(oldest.path.read_bytes()[:-1])
        text = await said(browser, BACKUPS)
        names = [text.rindex(copy.path.name) for copy in (newest, middle, oldest)]
        assert names == sorted(names)
        for part in ("mai provata", "buona 24 novembre 2026", "il file è danneggiato backup-damaged", "ha 1.0 giorni"):
            assert part in text, part
        assert "Prova adesso l'ultima copia" in text
        backup_folder.remember(newest.path, newest.digest, NOW, "backup-differs")
        text = await said(browser, f"{BACKUPS}?lang=en")
        assert "the restored database is not what it was then backup-differs" in text
        assert "The last backup that was tried is not good [backup-differs]" in text
        assert 'href="/amministrazione/copie"' in await browser.get("/amministrazione")


async def test_a_button_wakes_the_process_that_runs_the_jobs(keeping: Node, db: str) -> None:
    """Nothing is done in the request: the job hears it; without a backup there is nothing to try."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    conn = await asyncpg.connect(db)
    await conn.add_listener(wake.CHANNEL, lambda *words: heard.put_nowait(str(words[3])))
    async with entered(keeping, Role.ADMINISTRATOR) as browser:
        reply = await browser.post(BACKUPS, f"{BACKUPS}/prova")
        assert (reply.status, "backup-" in await reply.text()) == (400, True)
        for button, what in (("crea", wake.BACKUP), ("prova", wake.TRIAL)):
            reply = await browser.post(BACKUPS, f"{BACKUPS}/{button}")
            assert (reply.status, reply.headers["Location"].partition("?")[0]) == (303, BACKUPS)
            assert "ricaricare questa pagina" in await said(browser, reply.headers["Location"])
            assert await asyncio.wait_for(heard.get(), 5) == what
            await backup_shelf.make_due(keeping.kept(), NOW)
        assert heard.empty()
        # Pages of the process that runs them show how the two jobs went.
        turn = Turn(Job.BACKUP, 3600, NOW, None)
        app = browser.client.app
        assert app is not None
        app[DESK].schedule = lambda: Schedule(NOW, (turn, Turn("due", 60, NOW)))
        text = await said(browser, BACKUPS)
        assert "fa la copia di sicurezza del giorno e toglie le più vecchie" in text
        assert "in corso" in text
        assert "preleva le novità" not in text
    await conn.close()


async def test_an_auditor_reads_and_changes_nothing_and_nobody_else_comes_in(keeping: Node) -> None:
    """No button, and the form refused; officers are kept out altogether."""
    await backup_shelf.make(keeping.kept(), NOW)
    async with entered(keeping, Role.AUDITOR) as browser:
        page = await browser.get(BACKUPS)
        assert "rete-p_LE-" in page
        assert "<button" not in page.partition("<main")[2]
        assert (await browser.post("/utente", f"{BACKUPS}/crea")).status == 403
    async with entered(keeping, Role.OFFICER, Role.APPROVER, name="ugo") as browser:
        await browser.get(BACKUPS, 403)


async def test_no_backup_and_no_passphrase_leaves_by_the_web(keeping: Node) -> None:
    """No link to a file, no address that gives one, and the words on no page."""
    made, _ = await backup_shelf.make(keeping.kept(), NOW)
    async with entered(keeping, Role.ADMINISTRATOR) as browser:
        for path in (BACKUPS, "/amministrazione", "/amministrazione/diagnosi"):
            assert WORDS not in await browser.get(path)
        assert f'{made.path.name}"' not in await browser.get(BACKUPS)
        for path in (f"{BACKUPS}/{made.path.name}", f"/static/{made.path.name}"):
            await browser.get(path, 404)
