"""The newcomer's walk: from an empty folder to a published network that another administration finds, in a real browser.

In: nothing. Out: the pictures of docs/percorso.md, and exit code 0 when every step showed what the page promises. It starts its own
``rete demo`` in a temporary folder, takes the network that the demo leaves to be imported, and ends what it started. About two minutes.

    python tools/walk.py [--pictures docs/percorso]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright, expect

CHECKOUT = Path(__file__).resolve().parents[1]
CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip
DEMO_S, ARRIVES_S = 300.0, 60.0


def free_base() -> int:
    """Return a port from which four are free."""
    for base in range(18_441, 28_441, 10):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(base, base + 4):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise SystemExit("no free ports")


@contextlib.contextmanager
def demo(folder: Path) -> Iterator[dict[str, Any]]:
    """Run the demo until the end of the block; yield what it wrote."""
    out = folder / "demo.json"
    words = [sys.executable, "-m", "node", "demo", "--home", str(folder / "demo"), "--port-base", str(free_base()), "--json", str(out)]  # fmt: skip
    with (folder / "demo.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            words, cwd=CHECKOUT, stdout=log, stderr=log, env={**os.environ, "RETE_LANG": "it"}
        )
    try:
        end = time.monotonic() + DEMO_S
        while not out.exists():
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit((folder / "demo.log").read_text(encoding="utf-8")[-2000:])
            time.sleep(0.5)
        yield json.loads(out.read_text(encoding="utf-8"))
    finally:
        process.terminate()
        process.wait(30)


class Walk:
    """A browser that goes from page to page and takes a picture of each step."""

    def __init__(self, page: Page, pictures: Path) -> None:
        """Begin before the first step."""
        self.page, self.pictures, self.step = page, pictures, 0

    async def picture(self, name: str) -> None:
        """Take the picture of a step."""
        self.step += 1
        self.pictures.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=self.pictures / f"{self.step:02}-{name}.jpg", type="jpeg", quality=70)
        print(f"{self.step:2} {name}: {await self.page.title()}", flush=True)

    async def sign_in(self, url: str, name: str, password: str) -> None:
        """Sign in at a node."""
        await self.page.goto(f"{url}/entra")
        await self.page.get_by_label("Nome utente").fill(name)
        await self.page.get_by_label("Password", exact=False).fill(password)
        await self.page.get_by_role("main").get_by_role("button", name="Accedi").click()
        await expect(self.page.get_by_role("heading", level=1)).to_have_text("Che cosa aspetta")

    async def press(self, name: str) -> None:
        """Press a button of the page itself."""
        await self.page.get_by_role("main").get_by_role("button", name=name).first.click()

    async def sign_out(self) -> None:
        """Sign out."""
        await self.page.get_by_role("button", name="Esci").first.click()


async def walk(found: dict[str, Any], page: Page, pictures: Path) -> None:
    """Go the whole way; stops where a page does not show what it should."""
    lecce, torino = found["nodes"][0], found["nodes"][1]
    passwords = {
        account["name"]: account["password"] for account in found["accounts"] if account["node"] == lecce["id"]
    }
    at = Walk(page, pictures)
    await page.goto(lecce["url"])
    await at.picture("inizio")
    await at.sign_in(lecce["url"], "funzionaria.demo", passwords["funzionaria.demo"])
    await at.picture("ufficio")
    await page.goto(f"{lecce['url']}/ufficio/importa")
    await page.get_by_label("File").set_input_files(found["exercise"])
    await at.press("Prova senza scrivere")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Prova: nulla è ancora scritto")
    await at.picture("prova")
    await at.press("Scrivi nel registro")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Importato")
    await page.goto(f"{lecce['url']}/ufficio/reti")
    await page.get_by_label("Solo le reti senza scheda").check()
    await at.press("Cerca")
    await page.locator("table a").first.click()
    await at.picture("rete")
    await page.get_by_role("link", name="Scrivere la scheda").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Nuova scheda")
    title = f"Percorso di prova {time.strftime('%H%M%S')}"
    await page.get_by_label("Titolo in italiano").fill(title)
    await at.press("Vedi l'anteprima")
    await at.picture("anteprima")
    await at.press("Salva la bozza")
    await at.press("Presenta per l'approvazione")
    await at.picture("presentata")
    await at.sign_out()
    await at.sign_in(lecce["url"], "responsabile.demo", passwords["responsabile.demo"])
    await page.goto(f"{lecce['url']}/ufficio/approvazioni")
    await page.get_by_role("link", name=title).click()
    await at.picture("decisione")
    await at.press("Approva per il prossimo turno")
    await at.picture("approvata")
    await page.goto(f"{torino['url']}/cerca?q={title.replace(' ', '+')}")
    end = time.monotonic() + ARRIVES_S
    while not await page.get_by_role("link", name=title).count():
        if time.monotonic() > end:
            raise SystemExit("the profile did not arrive")
        await asyncio.sleep(0.5)
        await page.reload()
    await at.picture("trovata-da-torino")
    await page.get_by_role("link", name=title).first.click()
    await expect(page.locator("main")).to_contain_text(re.compile("Provincia di Lecce"))
    await at.picture("profilo")


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Page]:
    """Start Debian's browser for a while."""
    async with async_playwright() as started:
        chromium = await started.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        context = await chromium.new_context(viewport={"width": 1100, "height": 800}, locale="it-IT")
        yield await context.new_page()
        await chromium.close()


async def run(found: dict[str, Any], pictures: Path) -> None:
    """Walk in a browser."""
    async with browser() as page:
        await walk(found, page, pictures)


def main() -> None:
    """Read the arguments and walk."""
    parser = argparse.ArgumentParser(description="The newcomer's walk.")
    parser.add_argument("--pictures", type=Path, default=CHECKOUT / "docs" / "percorso")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rete-walk-") as folder, demo(Path(folder)) as found:
        asyncio.run(run(found, given.pictures))


if __name__ == "__main__":
    main()
