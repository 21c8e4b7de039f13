"""The ten main journeys in every way: without scripts, by keys alone, at 320 pixels, at twice the size; in Italian and in English."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from node.domain.roles import Role
from node.flows.profiles import draft
from node.flows.profiles import submission as submitting
from node.flows.profiles.versions import record_of
from node.store import origins
from node.store.postgres import acquire
from node.web.app import NODE
from tests.accounts_made import Desk
from tests.admin_made import session
from tests.browser.axe import AXE
from tests.browser.conftest import AUTHOR, Bench, Rooms
from tests.browser.journeys_made import JOURNEYS, Journey, Part
from tests.browser.test_public_pages import Watched
from tests.browser.ways_made import WAYS, Walker, Way
from tests.office_made import configured
from tests.profiles_made import NOW

DOCS = Path(__file__).resolve().parents[2] / "docs" / "pages.md"
# The networks of the office that other tests do not write about.
FIRST = 4


@dataclass(frozen=True, slots=True)
class Stage:
    """What all journeys share: the sessions of whoever works here, and what each way finds prepared."""

    secrets: dict[Role, str]
    parts: dict[str, Part]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(bench: Bench, rooms: Rooms) -> AsyncIterator[Stage]:
    """People with sessions, a peer that fails, and for each way a network to write about and a profile to approve."""
    settings = dataclasses.replace(bench.app[NODE].sign_in_settings(), pad_s=0)
    desk = Desk(rooms.pool, settings, NOW)
    secrets = {role: await session(desk, f"passo.{role}", role) for role in {one.role for one in JOURNEYS if one.role}}
    async with acquire(rooms.pool) as conn:
        failing = await conn.fetchval("SELECT origin_id FROM log.origin WHERE owner = 'bic-lazio'")
        await origins.record_failure(
            conn, failing, now=NOW, code="road-refused", text="connessione rifiutata: il nodo è spento o irraggiungibile",
            state=None, next_pull_at=NOW + dt.timedelta(hours=1),
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="rete-journeys-") as folder:
        parts = {way.name: await prepare(rooms, desk, Path(folder), way, at) for at, way in enumerate(WAYS)}
        yield Stage(secrets, parts)


async def prepare(rooms: Rooms, desk: Desk, folder: Path, way: Way, at: int) -> Part:
    """Whom and what one way needs for itself."""
    # An authenticator's code is good once: it was registered an hour before it is shown again.
    early = dataclasses.replace(desk, now=NOW - dt.timedelta(hours=1))
    person = f"gilda.{way.name}"
    await early.person(person, Role.OFFICER)
    phone, _ = await early.enrol((await early.enter(person, address="192.0.2.9")).secret)
    written, waiting = rooms.networks[FIRST + 2 * at : FIRST + 2 * at + 2]
    async with acquire(rooms.pool) as conn:
        names = [(await record_of(conn, network))[1] for network in (written, waiting)]
    title = f"Si fa insieme, modo {at}"
    content = draft.in_closed_words(draft.suggest_content(names[1])) | {"title": {"it": title}}
    profile_id = await draft.draft(rooms.pool, configured(), waiting, content, AUTHOR, NOW)
    await submitting.submit(rooms.pool, configured(), profile_id, AUTHOR, NOW)
    return Part(folder, person, phone, names[0].name, title, at)


# Where scripts change what is on the page while somebody is on it; the others are gone by keys without scripts.
ALIVE = {"1-find", "6-import", "7-write"}
GONE = [
    (journey, way) for journey in JOURNEYS for way in WAYS if journey.name in ALIVE or not (way.keys and way.scripts)
]


@pytest.mark.parametrize(("journey", "way"), GONE, ids=lambda part: part.name)
@pytest.mark.timeout(60)
async def test_each_journey_is_gone_in_every_way(bench: Bench, stage: Stage, journey: Journey, way: Way) -> None:
    """To its end; nothing on the way is wider than the screen, breaks a rule, speaks the other language, or is out of reach of keys."""
    context = await bench.context(**way.settings)
    if way.axe:
        await context.add_init_script(AXE)
    if journey.role:
        secret = stage.secrets[journey.role]
        await context.add_cookies(
            [{"name": "rete", "value": secret, "url": bench.url, "httpOnly": True, "sameSite": "Lax"}]
        )
    page = await context.new_page()
    watched, walker = Watched(page, bench.url), Walker(page, way, journey.name)
    try:
        await journey.steps(walker, stage.parts[way.name])
    finally:
        await context.close()
    assert walker.seen >= 3
    assert walker.found == {}
    assert [text for text in watched.complaints if "Failed to load resource" not in text] == []
    assert (watched.elsewhere, watched.dialogs) == ([], [])


async def test_the_journeys_are_the_ones_that_are_documented() -> None:
    """Ten of them, each in a line of docs/pages.md, in their order; and their ways hold all that is asked of each."""
    assert len(JOURNEYS) == 10
    assert re.findall(r"^\| `(\d+-[a-z-]+)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE) == [
        journey.name for journey in JOURNEYS
    ]
    for each in JOURNEYS:
        ways = [way for journey, way in GONE if journey is each]
        assert {way.language for way in ways} == {"it", "en"}
        for asked in ("keys", "scripts"):
            assert {getattr(way, asked) for way in ways} == {True, False}
        assert any(way.keys and not way.scripts for way in ways)
        assert any(way.axe and way.scripts for way in ways)
        assert (min(way.width for way in ways), max(way.zoom for way in ways)) == (320, 2)
    assert {journey.name for journey, way in GONE if way.keys and way.scripts} == ALIVE
