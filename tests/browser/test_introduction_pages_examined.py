"""The pages of introductions in a real browser, between two offices: accessible in every state, in both languages, on a small screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from node.domain.introduction import Kind
from node.domain.roles import Role
from node.flows.introductions import asking
from node.flows.introductions.asking import Wish
from node.store.reference import load_label_reference
from node.web import allowance
from tests import canary
from tests.accounts_made import Desk
from tests.admin_made import session
from tests.browser.axe import examined, violations
from tests.browser.conftest import Bench
from tests.browser.test_public_pages import SHOTS, Watched
from tests.federation_made import Clock
from tests.introductions_made import ACCEPTED, INTRODUCED, Pair, published, two_offices
from tests.introductions_made import Desk as Office

CASES = "/ufficio/contatti"


@dataclass
class Scene:
    """Two offices with cases in several states, by name."""

    pair: Pair
    cases: dict[str, str]
    second: str


@pytest_asyncio.fixture(loop_scope="session")
async def scene(server: str, desk_listed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """Everything that a page can look like."""
    monkeypatch.setitem(allowance.RATES, "page", allowance.Rate(10_000, 100_000))
    with canary.HEARD.in_office():
        async with two_offices(server, desk_listed, tmp_path, Clock()) as pair:
            second = await published(pair.owner.town, pair.owner.networks[1], pair.clock())
            await pair.seeker.town.sync()
            cases = {
                "asked": await pair.reach(("owner", Kind.CHECK), ("owner", Kind.QUESTION), at=1),
                "accepted": await pair.reach(*ACCEPTED, at=2),
                "introduced": await pair.reach(*INTRODUCED, at=3),
                "declined": await pair.reach(("owner", Kind.CHECK), ("owner", Kind.DECLINE), at=4),
                "received": await pair.reach(at=5),
            }
            office, now = pair.seeker.town.node.office(), pair.clock()
            wish = Wish(pair.profile_id, "Cerchiamo un partner.", "request", pair.seeker.networks[6])
            cases["draft"] = await asking.begin(office, wish, "anna", now, load_label_reference())
            ids = [pair.profile_id, second]
            network = pair.seeker.networks[7]
            _, made = await asking.propose(office, network, ids, "Un progetto.", "anna", now, load_label_reference())
            yield Scene(pair, cases | {"project": made[0]}, second)


async def at_desk(bench: Bench, office: Office, width: int = 1280, *, signed_in: bool = True) -> Page:
    """A browser at an office's node, with axe at hand; its officer has signed in."""
    node = office.town.node
    here = Bench(f"http://127.0.0.1:{office.town.port}", bench.browser, bench.app)
    page = await examined(here, width)
    if signed_in:
        people = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
        secret = await session(people, f"anna{width}", Role.OFFICER)
        await page.context.add_cookies([{"name": "rete", "value": secret, "url": here.url}])
    return page


def pages(scene: Scene, name: str) -> dict[str, str]:
    """Every page of introductions at one of the two offices."""
    one = {f"case-{state}": f"{CASES}/{case}" for state, case in scene.cases.items()}
    views = {
        f"list-{view}": f"{CASES}?vista={view}" for view in ("aspettano", "chiesti", "ricevuti", "chiusi", "tutti")
    }
    profile = scene.pair.profile_id
    if name == "owner":
        del one["case-draft"], one["case-project"]
        return {
            **one,
            **views,
            "own-profile": f"{CASES}/nuovo?profilo={profile}",
            "closed": f"/profili/{profile}/contatto",
        }
    return {
        **one,
        **views,
        "print": f"{CASES}/{scene.cases['introduced']}/stampa",
        "new": f"{CASES}/nuovo?profilo={profile}",
        "new-empty": f"{CASES}/nuovo",
        "project": f"{CASES}/progetto?profilo={profile}&profilo={scene.second}",
        "project-empty": f"{CASES}/progetto",
        "profile": f"/profili/{profile}",
        "asking": f"/profili/{profile}/contatto",
        "code": f"/contatti/{scene.cases['draft']}",
        "office": "/ufficio",
    }


@pytest.mark.timeout(180)
async def test_no_page_of_introductions_breaks_a_rule(bench: Bench, scene: Scene) -> None:
    """Nothing for axe to find at either office in any state, in both languages and at 320 pixels; nothing runs out to the right."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    found, wide = {}, {}
    for name, office in (("seeker", scene.pair.seeker), ("owner", scene.pair.owner)):
        for width, language in ((1280, "en"), (320, "it")):
            page = await at_desk(bench, office, width)
            watched = Watched(page, f"http://127.0.0.1:{office.town.port}")
            await page.goto(f"/utente?lang={language}")
            for shot, path in pages(scene, name).items():
                answer = await page.goto(path)
                assert answer is not None
                assert answer.status == 200, (path, answer.status)
                assert await page.get_attribute("html", "lang") == language
                await page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
                found[name, shot, width] = await violations(page)
                if await page.evaluate("document.documentElement.scrollWidth") > width:
                    wide[name, shot, width] = await page.evaluate("document.documentElement.scrollWidth")
                await page.screenshot(path=SHOTS / f"introductions-{name}-{shot}-{width}.png", full_page=True)
            assert watched.complaints == []
            assert (watched.elsewhere, watched.dialogs) == ([], [])
            await page.context.close()
    assert {name: said for name, said in found.items() if said} == {}
    assert wide == {}


@pytest.mark.timeout(90)
async def test_a_refused_form_and_a_firm_s_own_request_are_accessible(bench: Bench, scene: Scene) -> None:
    """What answers forms, at 320 pixels: doubtful words and the tick, an old page, a firm's request with its code and its standing."""
    found = {}
    page = await at_desk(bench, scene.pair.owner, 320)
    one = f"{CASES}/{scene.cases['received']}"
    await page.goto(one)
    await page.get_by_label("Domanda, senza nomi").fill("Conoscete forse Ermenegildo Quattrocchi?")
    await page.get_by_role("button", name="Chiedere chiarimenti").click()
    await expect(page.locator("#errori")).to_be_focused()
    found["doubtful"] = await violations(page)
    await page.get_by_label("Confermo: nessuna di queste parole fa riconoscere qualcuno").check()
    await page.get_by_role("button", name="Chiedere chiarimenti").click()
    await expect(page.get_by_text("La domanda è partita")).to_be_visible()
    await page.context.close()
    page = await at_desk(bench, scene.pair.seeker, 320, signed_in=False)
    await page.goto(f"/profili/{scene.pair.profile_id}")
    await page.get_by_role("link", name="Chiedere un contatto attraverso questo ufficio").click()
    await page.get_by_label("Testo della richiesta").fill("Cerchiamo chi distribuisce olio.")
    for label, value in (("Impresa", "Prova Ventosa"), ("Nome e cognome", "Prova Scrivente"), ("Posta elettronica", "prova@example.org")):  # fmt: skip
        await page.get_by_label(label).fill(value)
    await page.get_by_role("button", name="Mandare la richiesta").click()
    await expect(page.locator("#errori")).to_be_focused()
    found["unread"] = await violations(page)
    await page.get_by_label("Ho letto come").check()
    await page.get_by_role("button", name="Mandare la richiesta").click()
    await expect(page.get_by_role("heading", name="Richiesta ricevuta")).to_be_visible()
    found["asked"] = await violations(page)
    code = await page.locator("main code").inner_text()
    await page.locator("main a[href^='/contatti/']").click()
    await page.get_by_label("Codice della richiesta").fill("sbagliato")
    await page.get_by_role("button", name="Vedere a che punto è").click()
    found["wrong"] = await violations(page)
    await page.get_by_label("Codice della richiesta").fill(code)
    await page.get_by_role("button", name="Vedere a che punto è").click()
    await expect(page.get_by_text("non l'ha ancora convalidata")).to_be_visible()
    found["stands"] = await violations(page)
    assert await page.evaluate("document.documentElement.scrollWidth") == 320
    await page.context.close()
    assert {name: said for name, said in found.items() if said} == {}
