"""The pages of case files in a real browser: accessible in every state, in both languages, on a small screen."""

from __future__ import annotations

import datetime as dt
import json
import uuid

import pytest

from node.domain import documents as kinds
from node.domain.programme import case_file
from node.flows.programme import case_papers, case_work, cases
from node.flows.registry.documents import bounds_of
from node.store.postgres import Pool, acquire
from tests.browser.axe import follow, violations
from tests.browser.conftest import AUTHOR, Bench, Rooms
from tests.browser.test_profile_journey import at_work
from tests.browser.test_public_pages import SHOTS, Watched
from tests.documents_made import PDF
from tests.office_made import configured
from tests.profiles_made import NOW
from tests.protocol.test_share_vectors import CASE, CLOSED, REPLY

LIST, SHARED = "/ufficio/fascicoli", "/ufficio/fascicoli-condivisi"


async def filled(rooms: Rooms, network_id: str) -> tuple[str, str, str, str]:
    """Two case files, one with something in every part, one closed; return their addresses."""
    pool, now = rooms.pool, NOW
    ids = [await cases.open_case(pool, AUTHOR, now, title=f"Verso il contratto {at}", lines=["legal", "fiscal"], network_id=network_id) for at in range(2)]  # fmt: skip
    one, closed = ids
    for state, days in (("open", -3), ("doing", 2), ("done", 30)):
        told = case_file.task(
            f"Attività {state}", "legal", "", now.date() + dt.timedelta(days=days), state, "Due righe\ndi nota"
        )
        await case_work.add_task(pool, one, AUTHOR, told, now)
    await case_work.add_hours(pool, one, AUTHOR, now, hours="1,5", line="legal")
    await case_work.add_cost(pool, one, AUTHOR, now, amount="100", line="fiscal", what="Bollo")
    for at in range(2):
        meeting = case_file.meeting(f"Incontro {at}", "Lecce", now, now + dt.timedelta(hours=1), "")
        last = await case_work.add_appointment(pool, one, AUTHOR, meeting, now)
    await case_work.cancel_appointment(pool, one, last, AUTHOR, now)
    told_of = kinds.describe("Bozza", "contract", None, "bozza.pdf")
    await case_papers.add_document(pool, one, AUTHOR, told_of, PDF, bounds_of(configured()), now)
    await case_papers.write_clause(pool, one, AUTHOR, now, point="decisions", text="A maggioranza.", seen=0)
    await cases.hand_over(pool, one, AUTHOR, now, to="", office="Sportello di Maglie", note="Manca la visura")
    shared = await shared_with_us(pool)
    await shared_by_us(pool, one)
    await cases.close(pool, closed, AUTHOR, now, outcome="advice-given", note="Finito")
    return f"{LIST}/{one}", f"{LIST}/{closed}", f"{SHARED}/{shared[0]}", f"{SHARED}/{shared[1]}"


async def shared_with_us(pool: Pool) -> list[str]:
    """What another office shares, and what it took back."""
    found = []
    async with acquire(pool) as conn, conn.transaction():
        for state, copy in (("live", CLOSED), ("ended", {})):
            found.append(str(uuid.uuid4()))
            await conn.execute(
                "INSERT INTO programme.shared_case (share_id, peer, state, copy, replies, heard, came_at, changed_at) VALUES ($1, 'cmto', $2, $3::jsonb, $4::jsonb, 1, $5, $5)",
                found[-1], state, json.dumps({**copy, "tasks": CASE["tasks"]} if copy else {}), json.dumps([REPLY]), NOW,
            )  # fmt: skip
    return found


async def shared_by_us(pool: Pool, case_id: str) -> None:
    """A case with a share that waits for its approval, and one that was answered."""
    async with acquire(pool) as conn, conn.transaction():
        for peer, approver in (("cmto", ""), ("cmrm", "bruno")):
            share_id = await conn.fetchval(
                "INSERT INTO programme.case_share (share_id, case_id, peer, consent_on, consent_ref, state, proposed_by, approved_by, looked_at, created_at, changed_at)"
                " VALUES (gen_random_uuid(), $1, $2, '2026-11-20', 'prot. 41/2026', $3, 'anna', $4, $5, $5, $5) RETURNING share_id",
                case_id, peer, "live" if approver else "proposed", approver, NOW,
            )  # fmt: skip
        await conn.execute("INSERT INTO programme.case_share_reply VALUES ($1, 1, $2, 'task', 'Incontro a Torino', '2026-12-20', '2026-12-01')", share_id, case_id)  # fmt: skip


@pytest.mark.timeout(120)
async def test_no_page_of_case_files_breaks_a_rule(bench: Bench, rooms: Rooms) -> None:
    """Nothing for axe to find on any page in any state, in both languages and at 320 pixels; nothing runs out to the right."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    one, closed, shared, over = await filled(rooms, rooms.networks[2])
    paths = {
        "cases": LIST, "cases-all": f"{LIST}?vista=tutti", "case-new": f"{LIST}/nuovo?rete={rooms.networks[2]}", "case-file": one,
        "case-contract": f"{one}/contratto", "case-print": f"{one}/stampa", "case-closed": closed, "case-calendar": f"{LIST}/calendario",
        "shared-cases": SHARED, "shared-case": shared, "shared-over": over,
    }  # fmt: skip
    found, wide = {}, {}
    async with at_work(bench, AUTHOR) as page:
        watched = Watched(page, bench.url)
        for width, language in ((1280, "en"), (320, "it")):
            await page.set_viewport_size({"width": width, "height": 900})
            await page.goto(f"/utente?lang={language}")
            for shot, path in paths.items():
                await page.goto(path)
                assert await page.get_attribute("html", "lang") == language
                await page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
                found[shot, width] = await violations(page)
                if await page.evaluate("document.documentElement.scrollWidth") > width:
                    wide[shot, width] = await page.evaluate("document.documentElement.scrollWidth")
                await page.screenshot(path=SHOTS / f"office-{shot}-{width}.png")
        # A refusal, and an address that was just made.
        await page.goto(one)
        await page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        await page.locator("#ore-ore").fill("30")
        await follow(page, page.get_by_role("button", name="Annotare le ore"))
        found["case-wrong", 320] = await violations(page)
        assert await page.locator("#ore-ore").input_value() == "30"
        await page.goto(f"{LIST}/calendario")
        await follow(page, page.get_by_role("button", name="Fare l'indirizzo"))
        found["case-address", 320] = await violations(page)
        assert [text for text in watched.complaints if "Failed to load resource" not in text] == []
    assert {name: said for name, said in found.items() if said} == {}
    assert wide == {}
