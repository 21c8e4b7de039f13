"""Courses in a real browser: every page of them accessible, in both languages, on a small screen, without a script."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from playwright.async_api import Page

from node.domain.roles import Role
from node.flows.programme import courses
from node.store.postgres import open_pool
from node.web.pages.desk import DESK
from tests.accounts_made import Desk
from tests.browser.axe import AXE, follow, violations
from tests.browser.conftest import Bench
from tests.browser.test_admin_journey import entered
from tests.conftest import dsn_of
from tests.courses_made import COURSE, SESSIONS, School
from tests.profiles_made import NOW


async def write_one(page: Page, look: Callable[[str], Awaitable[None]]) -> None:
    """An officer writes a course, opens an edition and announces it, by forms alone; refused first, twice."""
    await page.goto("/ufficio/corsi/nuovo")
    await look("new course")
    save = page.locator("main form button[type=submit]")
    await save.evaluate("b => b.form.noValidate = true")
    await follow(page, save)
    await look("course refused")
    for name, text in (
        ("titolo", "Prova"),
        ("sintesi", "Di prova."),
        ("come", "Qui."),
        ("ruoli", "Docente | Lecturer"),
    ):
        await page.fill(f"#{name}", text)
    await follow(page, save)
    await look("course written")
    await follow(page, page.locator("main a[href$='/edizione']"))
    await look("new edition")
    for name, text in (
        ("codice", "2027-1"),
        ("posti", "3"),
        ("quota", "70"),
        ("incontri", "2027-02-03 09:30 Sala | Avvio | online"),
    ):
        await page.fill(f"#{name}", text)
    for name in ("comincia", "finisce", "entro"):
        await page.fill(f"#{name}", "2027-02-03")
    await page.fill("#entro", "2027-03-03")
    await follow(page, save)
    assert await page.locator("#entro-error").count() == 1
    await look("edition refused")
    await page.fill("#entro", "2027-02-01")
    await follow(page, save)
    await look("edition opened")
    await follow(page, page.locator("main a[href*='/corsi/corso/']").first)
    await look("course before it is announced")
    await follow(page, page.locator("main form[action$='/annuncio'] button"))
    assert await page.locator("main a[href^='/catalogo/']").count() == 1
    await look("course announced")


@pytest.mark.parametrize(("language", "width"), [("it", 1280), ("en", 320)])
@pytest.mark.timeout(120)
async def test_no_page_of_courses_breaks_a_rule_of_accessibility(
    bench: Bench, server: str, language: str, width: int
) -> None:
    """The form, refused and sent; the code's page; the check of a certificate; the office's list and an edition."""
    node = bench.app[DESK]
    school = School(cast("Any", SimpleNamespace(node=node)))
    today = node.clock().date()
    desk = await school.desk()
    course_id = await courses.keep(desk, COURSE, node.clock())
    edition = courses.blank_edition(course_id, "2026-1", 3, (today, today, today))
    held = [courses.parse_session(f"{today} 09:30 {SESSIONS[0].place}")]
    edition_id = await courses.add_edition(desk, edition, held, ["anna"], node.clock())
    await courses.publish(desk, course_id, node.clock())
    pool = await open_pool(dsn_of(server, f"t_browser_{os.getpid()}"), max_size=2)
    try:
        context = await entered(bench, Desk(pool, now=NOW), f"clara.{language}", Role.OFFICER, width)
    finally:
        pool.terminate()
    await context.add_init_script(AXE)
    page, found, wide = await context.new_page(), {}, []

    async def look(name: str) -> None:
        found[name] = await violations(page)
        if await page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(name)

    await page.goto(f"/corsi/{course_id}/2026-1/iscrizione?owner={node.config.node.id}&lang={language}")
    await look("form")
    await page.locator("main form button").evaluate("b => b.form.noValidate = true")
    await follow(page, page.locator("main form button"))
    await look("refused")
    for name, text in (("nome", "Persona Prova"), ("posta", f"{language}@example.org")):
        await page.fill(f"#{name}", text)
    await page.check("#consenso")
    await follow(page, page.locator("main form button"))
    await look("sent")
    code = await page.locator("main code").inner_text()
    await follow(page, page.locator("main a[href^='/corsi/iscrizioni/']"))
    await look("code")
    await page.fill("#codice", code)
    await follow(page, page.locator("main form button"))
    await look("standing")
    await page.goto("/attestati")
    await look("check")
    await page.fill("#codice", "A" * 27)
    await page.fill("#nome", "Persona Prova")
    await follow(page, page.locator("main form button"))
    await look("unknown")
    await page.goto(f"/attestati/ritiro/{edition_id}")
    await look("collect")
    await page.fill("#codice", "A" * 27)
    await follow(page, page.locator("main form button"))
    await look("not collected")
    await page.goto("/ufficio/corsi")
    await look("list")
    await page.goto(f"/ufficio/corsi/{edition_id}")
    await look("edition")
    await page.goto(f"/ufficio/corsi/corso/{course_id}/testi")
    await look("texts of one that is announced")
    await page.goto(f"/ufficio/corsi/{edition_id}/modifica")
    await look("edition to be changed")
    await write_one(page, look)
    await context.close()
    assert {name: said for name, said in found.items() if said} == {}
    assert wide == []
