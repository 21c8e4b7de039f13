"""Courses in a real browser: every page of them accessible, in both languages, on a small screen, without a script."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest

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
    await page.goto("/ufficio/corsi")
    await look("list")
    await page.goto(f"/ufficio/corsi/{edition_id}")
    await look("edition")
    await context.close()
    assert {name: said for name, said in found.items() if said} == {}
    assert wide == []
