"""Bringing a file in through the pages: all is told first, nothing is written before it is confirmed."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from aiohttp import ClientResponse, FormData
from networks_made import listed, pair, record, sheets

from node.domain import entry_form, template
from node.domain.roles import Role
from node.flows.registry import keeping
from node.runtime import Node
from node.store import registry
from node.store.registry import Sought
from node.store.spreadsheet import read_sheets, write_sheets
from node.web.pages import office_import
from node.web.pages.office_import import KEPT_FOR, UPLOAD_MAX_BYTES, Upload, Uploads
from node.web.pages.office_register import OFFICE
from tests.register_made import add, changed, form_of, send, signed_in, words
from tests.web.test_account_pages import PAGE, Browser
from tests.web.test_app import node

__all__ = ["node"]
ASK, TRY, REPORT = "/ufficio/importa", "/ufficio/importa/prova", "/ufficio/importa/resoconto"
NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)


def filled(tmp_path: Path, name: str = "reti.xlsx") -> bytes:
    """Two networks in the template, one of them wrong."""
    wrong = replace(record(name="Rete Storta", deed_number="9"), deed_register_number="")
    path = tmp_path / name
    write_sheets(path, template.sheets_of([record(), wrong]))
    return path.read_bytes()


async def upload(browser: Browser, content: bytes, name: str = "reti.xlsx", **more: str) -> ClientResponse:
    """Send a file as its page would."""
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', await browser.get(ASK))
    assert token
    form = FormData({"csrf": token.group(1), **more})
    form.add_field("file", io.BytesIO(content), filename=name, content_type="application/octet-stream")
    return await browser.client.post(ASK, data=form, headers=PAGE, allow_redirects=False)


async def names(node: Node) -> list[str]:
    """All networks of the register."""
    return [row["name"] for row in (await keeping.find(node.pool, Sought())).networks]


@pytest.mark.parametrize("name", ["reti.xlsx", "reti.xls", "reti.csv"])
async def test_a_dry_run_tells_all_and_a_confirmation_writes_it(node: Node, tmp_path: Path, name: str) -> None:
    """What is new, which row is refused and why; written once, whoever presses twice."""
    async with signed_in(node, Role.OFFICER) as browser:
        reply = await upload(browser, filled(tmp_path, name), name)
        assert (reply.status, reply.headers["Location"]) == (303, TRY)
        page = await browser.get(TRY)
        for text in (
            "nulla è ancora scritto",
            "Reti nuove 1",
            "Rete Uno",
            "Rete Storta",
            "una rete iscritta ha repertorio",
            "Righe rifiutate 1",
        ):
            assert text in words(page), text
        assert await names(node) == []
        table = await browser.get(f"{REPORT}?format=csv")
        rows = list(csv.DictReader(io.StringIO(table)))
        assert [(row["row"], row["column"], row["code"]) for row in rows] == [
            ("4", "repertorio", "network-deed-missing")
        ]
        form = form_of(page, TRY)
        replies = await asyncio.gather(*(send(browser, TRY, form) for _ in range(2)))
        assert {r.headers["Location"] for r in replies} == {TRY}
        assert "Importato" in words(await browser.get(TRY))
        english = words(await browser.get(f"{TRY}?lang=en"))
        assert "New networks 1" in english
        reply = await browser.client.get(REPORT)
        (tmp_path / "report.xlsx").write_bytes(await reply.read())
        assert read_sheets(tmp_path / "report.xlsx")["resoconto"][1][:3] == [
            name.partition(".")[0] if name.endswith("csv") else "Reti",
            4,
            "repertorio",
        ]
    assert await names(node) == ["Rete Uno"]


async def test_of_the_chamber_s_list_the_own_territory_is_taken(node: Node, tmp_path: Path) -> None:
    """Unless all of it is asked for."""
    path = tmp_path / "elenco.xls"
    outside = [
        listed(name="Rete Altrove", deed="88", pv="BA", place="BARI", code="", firm=firm, rea=firm) for firm in "XY"
    ]
    write_sheets(path, sheets(*pair(), *outside))
    async with signed_in(node, Role.OFFICER) as browser:
        await upload(browser, path.read_bytes(), "elenco.xls")
        assert "Reti fuori territorio 1" in words(await browser.get(TRY))
        await upload(browser, path.read_bytes(), "elenco.xls", tutte="yes")
        assert "Reti nuove 2" in words(await browser.get(TRY))


def bomb() -> bytes:
    """An archive that unpacks to far more than it is."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 20_000_000)
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "vuoto.xlsx", "vuoto"),
        (b"una riga sola", "testo.csv", "una sola colonna"),
        (b"PK\x03\x04 rotto", "rotto.xlsx", "danneggiato"),
        (bomb(), "bomba.xlsx", "smisurato"),
        (b"a;b\n1;2\n", "altro.csv", "né l'elenco camerale né il modello"),
        (b"x", "", "manca il file"),
    ],
)
async def test_a_file_that_can_t_be_read_is_refused_with_what_to_do(
    node: Node, content: bytes, name: str, said: str
) -> None:
    """On the page of the form, at its field, without a path of this machine."""
    async with signed_in(node, Role.OFFICER) as browser:
        reply = await upload(browser, content, name)
        page = await reply.text()
        assert (reply.status, 'href="#file"' in page) == (400, True)
        assert said in words(page).lower()
        assert "rete-upload" not in page
        await browser.get(TRY, 400)


async def test_a_file_beyond_the_limit_is_not_taken(node: Node) -> None:
    """Nor is a large one taken of somebody who may not import: they are refused before it is read."""
    async with signed_in(node, Role.OFFICER) as browser:
        assert (await upload(browser, b"0" * (UPLOAD_MAX_BYTES + 1))).status == 413
        assert (await upload(browser, b"nome;valore\n" + b"a;b\n" * 500_000, "largo.csv")).status == 400
    async with signed_in(node, Role.APPROVER, name="bruna") as browser:
        reply = await browser.post("/utente", ASK)
        assert reply.status == 403


async def test_what_was_sent_is_its_session_s_and_for_a_while(node: Node, tmp_path: Path) -> None:
    """Another session has nothing; after twenty minutes the file is asked for again, and nothing is written."""
    async with signed_in(node, Role.OFFICER) as anna, signed_in(node, Role.OFFICER, name="bruna") as bruna:
        await upload(anna, filled(tmp_path))
        form = form_of(await anna.get(TRY), TRY)
        await bruna.get(TRY, 400)
        await bruna.get(REPORT, 400)
        app = anna.client.app
        assert app is not None
        app[office_import.UPLOADS].find(
            next(iter(app[office_import.UPLOADS].kept)), NOW + KEPT_FOR - dt.timedelta(seconds=1)
        )
        office = app[OFFICE]
        object.__setattr__(office, "clock", lambda: NOW + KEPT_FOR)
        reply = await send(anna, TRY, form)
        assert reply.status == 400
        assert "non è più qui" in words(await reply.text())
    assert await names(node) == []


def test_few_bytes_are_kept_in_all() -> None:
    """One file for each session; the oldest go when there are too many bytes, and never the newest; each goes when its time is over."""
    uploads = Uploads()
    for number in range(5):
        for _ in range(2):
            uploads.keep(f"s{number}", Upload("x", bytes(UPLOAD_MAX_BYTES // 2 + 1), False, NOW), NOW)
    assert list(uploads.kept) == ["s2", "s3", "s4"]
    uploads.drop(bytes(1))
    uploads.drop(uploads.kept["s3"].content)
    assert list(uploads.kept) == ["s2", "s4"]
    uploads.keep("s9", Upload("x", b"", False, NOW), NOW + KEPT_FOR)
    assert list(uploads.kept) == []


async def test_the_template_is_what_an_import_reads(node: Node, tmp_path: Path) -> None:
    """Empty, with its instructions."""
    async with signed_in(node, Role.OFFICER) as browser:
        reply = await browser.client.get("/ufficio/importa/modello")
        path = tmp_path / "modello.xlsx"
        path.write_bytes(await reply.read())
    assert list(read_sheets(path)) == [template.SHEET, template.HELP_SHEET, template.EXAMPLE_SHEET]


async def test_a_confirmation_is_of_the_dry_run_that_was_seen(node: Node, tmp_path: Path) -> None:
    """When the register or the file is another by then, or it is of no dry run, nothing is written, and the new dry run says so."""
    async with signed_in(node, Role.OFFICER) as browser:
        await upload(browser, filled(tmp_path))
        first = form_of(await browser.get(TRY), TRY)
        await add(node, record(objectives=("Altro scopo",)))
        reply = await send(browser, TRY, first)
        assert (reply.status, reply.headers["Location"]) == (303, f"{TRY}?fatto=altra")
        page = await browser.get(reply.headers["Location"])
        assert "è cambiato il registro o il file" in words(page)
        assert "Reti che cambiano 1" in words(page)
        second = form_of(page, TRY)
        network_id = (await keeping.find(node.pool, Sought())).networks[0]["network_id"]
        kept = await keeping.read_network(node.pool, network_id)
        assert kept.record.objectives == ("Altro scopo",)
        # Still one that changes, and over something else than was seen.
        other = entry_form.entry_of(replace(kept.record, objectives=("Un terzo scopo",)))
        await keeping.write(node.pool, other, NOW, network_id=network_id, seen=kept.seen)
        assert (await send(browser, TRY, second)).headers["Location"] == f"{TRY}?fatto=altra"
        third = form_of(await browser.get(TRY), TRY)
        write_sheets(tmp_path / "altre.xlsx", template.sheets_of([record(name="Rete Altra", deed_number="77")]))
        await upload(browser, (tmp_path / "altre.xlsx").read_bytes(), "altre.xlsx")
        for old in (third, [pair for pair in third if pair[0] != "visto"], changed(third, visto="0" * 64)):
            assert (await send(browser, TRY, old)).headers["Location"] == f"{TRY}?fatto=altra"
        assert await names(node) == ["Rete Uno"]
        assert (await send(browser, TRY, form_of(await browser.get(TRY), TRY))).headers["Location"] == TRY
    assert await names(node) == ["Rete Altra"]


class Watched(asyncio.Lock):
    """A lock that tells when somebody has it."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = asyncio.Event()

    async def acquire(self) -> Literal[True]:
        """Take it, and tell."""
        await super().acquire()
        self.taken.set()
        return True


async def test_what_was_done_is_shown_for_its_own_file_only(node: Node, tmp_path: Path) -> None:
    """A file that comes while another is written has its own dry run and confirmation; one of before is told that it wrote nothing."""
    write_sheets(tmp_path / "altre.xlsx", template.sheets_of([record(name="Rete Altra", deed_number="78")]))
    async with signed_in(node, Role.OFFICER) as browser:
        app = browser.client.app
        assert app is not None
        app[office_import.UPLOADS].importing = lock = Watched()
        await upload(browser, filled(tmp_path))
        first = form_of(await browser.get(TRY), TRY)
        async with node.pool.acquire() as conn, conn.transaction():
            await registry.lock_for_import(conn)
            confirmed = asyncio.create_task(send(browser, TRY, first))
            await lock.taken.wait()
            await upload(browser, (tmp_path / "altre.xlsx").read_bytes(), "altre.xlsx")
        reply = await confirmed
        assert (reply.status, reply.headers["Location"]) == (303, f"{TRY}?fatto=prima")
        page = await browser.get(reply.headers["Location"])
        assert "Il file che lei ha confermato è stato importato" in words(page)
        assert "Prova: nulla è ancora scritto" in words(page)
        assert "altre.xlsx" in words(page)
        assert "Reti nuove 1" in words(page)
        assert await names(node) == ["Rete Uno"]
        assert (await send(browser, TRY, form_of(page, TRY))).headers["Location"] == TRY
        assert "Importato" in words(await browser.get(TRY))
        assert sorted(await names(node)) == ["Rete Altra", "Rete Uno"]
        assert (await send(browser, TRY, form_of(page, TRY))).headers["Location"] == TRY
        reply = await send(browser, TRY, first)
        assert reply.headers["Location"] == f"{TRY}?fatto=altra"
        page = await browser.get(reply.headers["Location"])
        assert "Nulla è stato scritto" in words(page)
        assert "ciò che è stato importato prima, con un'altra conferma" in words(page)
