"""The pages of joint calls in a real browser: accessible in every state, in both languages, on a small screen, without a script."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from node.domain.roles import Role
from node.web import allowance
from tests import canary
from tests.accounts_made import Desk
from tests.admin_made import session
from tests.browser.axe import examined, violations
from tests.browser.conftest import Bench
from tests.browser.test_public_pages import SHOTS, Watched
from tests.call_offices_made import CLOSES, OPENS, Issuers, issuers, make_call_template
from tests.calls_made import WEIGHTS, call_document


@dataclass
class Scene:
    """An office with calls in several states; who acts there, by their session."""

    two: Issuers
    calls: dict[str, str]
    applications: dict[str, str]
    secrets: dict[str, str]


@pytest.fixture(scope="session")
def called(server: str) -> str:
    """A database with five networks of Lecce."""
    return asyncio.run(make_call_template(server, "rete_calls_seen", 5))


@pytest_asyncio.fixture(loop_scope="session")
async def scene(server: str, called: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """Everything that a page of calls can look like."""
    monkeypatch.setitem(allowance.RATES, "page", allowance.Rate(10_000, 100_000))
    with canary.HEARD.in_office():
        async with issuers(server, called, tmp_path) as two:
            office = two.province
            draft = await office.write(call_document(id=str(uuid.uuid4()), opens=OPENS, closes=CLOSES))
            opened = await two.issued(closes="2026-12-20T11:00:00Z")
            ended = await two.issued()
            found = {"open": await office.apply(opened.call_id, 0)}
            for at, name in enumerate(("scored", "refused", "declared", "fresh")):
                found[name] = await office.apply(ended.call_id, at if name != "refused" else 0)
            two.close()
            for name in ("scored", "declared", "fresh"):
                await office.assign([found[name].application_id], "carla", "elena")
            for name in ("scored", "declared"):
                await office.declare(found[name].application_id, "carla")
            await office.declare(found["scored"].application_id, "elena")
            for who in ("carla", "elena"):
                await office.score(found["scored"].application_id, who, dict.fromkeys(WEIGHTS, "7"))
            people = Desk(office.pool, replace(office.town.node.sign_in_settings(), pad_s=0), two.clock())
            secrets = {
                "anna": await session(people, "anna", Role.OFFICER),
                "carla": await session(people, "carla", Role.EVALUATOR),
            }
            ids = {"draft": draft.call_id, "open": opened.call_id, "ended": ended.call_id}
            yield Scene(two, ids, {name: one.application_id for name, one in found.items()}, secrets)


async def at_office(bench: Bench, scene: Scene, name: str, width: int) -> Page:
    """A browser at the Province, with axe at hand; somebody has signed in, or nobody."""
    here = Bench(f"http://127.0.0.1:{scene.two.province.town.port}", bench.browser, bench.app)
    page = await examined(here, width)
    if name:
        await page.context.add_cookies([{"name": "rete", "value": scene.secrets[name], "url": here.url}])
    return page


def pages(scene: Scene, name: str) -> dict[str, str]:
    """Every page of calls that somebody opens."""
    calls, applications = scene.calls, scene.applications
    if name == "anna":
        one = {f"office-{state}": f"/ufficio/bandi/{call}" for state, call in calls.items()}
        two = {f"application-{state}": f"/ufficio/domande/{key}" for state, key in applications.items()}
        return {**one, **two, "office": "/ufficio/bandi", "form": f"/ufficio/bandi/{calls['open']}/domanda"}
    if name == "carla":
        judged = {state: f"/ufficio/valutazioni/{applications[state]}" for state in ("scored", "declared", "fresh")}
        return {**judged, "tasks": "/ufficio/valutazioni"}
    return {"calls": "/bandi", "call": f"/bandi/{calls['ended']}"}


@pytest.mark.timeout(180)
async def test_no_page_of_calls_breaks_a_rule(bench: Bench, scene: Scene) -> None:
    """Nothing for axe to find, in both languages and at 320 pixels; nothing runs out to the right."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    found, wide = {}, {}
    for name in ("anna", "carla", ""):
        for width, language in ((1280, "en"), (320, "it")):
            page = await at_office(bench, scene, name, width)
            watched = Watched(page, f"http://127.0.0.1:{scene.two.province.town.port}")
            await page.goto(f"/bandi?lang={language}")
            for shot, path in pages(scene, name).items():
                answer = await page.goto(path)
                assert answer is not None
                assert answer.status == 200, (path, answer.status)
                assert await page.get_attribute("html", "lang") == language
                await page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
                found[name, shot, width] = await violations(page)
                if await page.evaluate("document.documentElement.scrollWidth") > width:
                    wide[name, shot, width] = await page.evaluate("document.documentElement.scrollWidth")
                await page.screenshot(path=SHOTS / f"calls-{name or 'public'}-{shot}-{width}.png", full_page=True)
            assert watched.complaints == []
            assert (watched.elsewhere, watched.dialogs) == ([], [])
            await page.context.close()
    assert {name: said for name, said in found.items() if said} == {}
    assert wide == {}


@pytest.mark.timeout(90)
async def test_an_evaluator_declares_and_scores_with_the_keyboard_s_words(bench: Bench, scene: Scene) -> None:
    """By labels alone, at 320 pixels: a declaration, points that are too many, points that count; what is refused is accessible."""
    page = await at_office(bench, scene, "carla", 320)
    await page.goto("/ufficio/valutazioni")
    await page.locator(f"a[href$='{scene.applications['fresh']}']").click()
    await page.get_by_label("Ha un conflitto di interessi").select_option("no")
    await page.get_by_role("button", name="Dichiarare").click()
    await expect(page.get_by_text("La dichiarazione è scritta.")).to_be_visible()
    for number in range(len(WEIGHTS)):
        await page.get_by_label("Punti da 0 a 10").nth(number).fill("11" if number == 0 else "7,5")
        await page.get_by_label("Motivazione").nth(number).fill("buono")
    await page.get_by_role("button", name="Dare i punti").click()
    await expect(page.locator("#errori")).to_be_focused()
    assert await violations(page) == []
    await page.get_by_label("Punti da 0 a 10").nth(0).fill("8")
    await page.get_by_role("button", name="Dare i punti").click()
    await expect(page.get_by_text("I punti sono dati.")).to_be_visible()
    await page.context.close()
