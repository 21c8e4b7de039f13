"""The path of SalentoNet from the first information session to two networks that Torino finds, gone by officers in a browser.

Two nodes, each a process with its own database. The figures are those that Lecce's office reached: 10 sessions, 20 aggregations evaluated,
18 dropped, 2 networks with 23 firms signed and registered. One of each is gone by the pages as a person would; the others are typed into
the same forms without looking at each page. The way is told in docs/programme.md 5.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import html
import re
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import expect

from node.domain.programme.aggregation import CHECKLIST
from node.domain.programme.firm_line import lines_of
from node.flows.registry import keeping
from node.store.postgres import open_pool
from tests.browser.conftest import Bench
from tests.browser.salentonet_made import APPROVER, AUTHOR, Land, Officer, at, two_administrations
from tests.every_table import everything
from tests.office_made import lecce
from tests.programme_made import firms, listed
from tests.register_made import form_of

SESSIONS, AGGREGATIONS, EXPRESSIONS, CASES = "/ufficio/sessioni", "/ufficio/aggregazioni", "/ufficio/manifestazioni", "/ufficio/fascicoli"  # fmt: skip
# When the sessions are over, and what was done since; the days are typed.
AFTER = dt.datetime(2026, 12, 15, 10, 0, tzinfo=dt.UTC)
SPOKEN, EVALUATED, TAKEN_ON, SIGNED, EDITION = (dt.date(2026, 12, day) for day in (7, 9, 10, 11, 14))
ARRIVES_S = 60
# What an office counts on the way, by the names of the Observatory's page.
FIGURES = {
    "sessions": 10, "enrolled": 10, "attended": 10, "expressions": 20, "potential": 20, "evaluated": 20, "accompanied": 2, "signed": 2,
    "registered": 2, "dropped": 18, "firms": 23,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """A group of firms: what it is called in the office, what it says it wants, who is in it; as what it may be published."""

    name: str
    idea: str
    size: int
    first: int
    number: str = ""
    title: str = ""
    summary: str = ""

    @property
    def lines(self) -> str:
        """Its firms as they are typed."""
        return lines_of(firms(self.size, self.first))


CONCERTO = Group("Diversità in Concerto", "Fare conoscere insieme prodotti e mestieri.", 11, 7000, "15001", "Collaborazione con altre reti d'impresa", "Altre reti d'impresa, anche lontane, per un progetto comune.")  # fmt: skip
EXPERIENCE = Group("Apulia Experience", "Accogliere chi viaggia, tutto l'anno.", 12, 7100, "15002", "Progetto comune con altre reti d'impresa", "Una collaborazione con altre reti d'impresa, anche lontane.")  # fmt: skip
OTHERS = [Group(f"Aggregazione {n}", "Comprare insieme l'energia.", 3, 7200 + 20 * n) for n in range(18)]


@pytest_asyncio.fixture(loop_scope="session")
async def land(bench: Bench, server: str) -> AsyncIterator[Land]:
    """Lecce and Torino, serving."""
    with tempfile.TemporaryDirectory(prefix="rete-salentonet-") as folder:
        async with two_administrations(server, Path(folder)) as made:
            yield made


def session_form(number: int, day: dt.date) -> dict[str, str]:
    """A session's form, by its fields."""
    return {
        "titolo": f"Fare rete, incontro {number + 1}", "testo": "Che cos'è un contratto di rete e chi aiuta a farlo.", "giorno": day.isoformat(),
        "inizio": "10:00", "fine": "12:00", "posti": "20", "luogo": "Sala consiliare", "comune": "Lecce",
    }  # fmt: skip


async def announce(anna: Officer, began: dt.date) -> list[str]:
    """Plan and announce ten sessions, the first by the pages; return where they are."""
    await anna.go("Sessioni informative", menu=True)
    await anna.go("Preparare una sessione")
    await anna.fill(**session_form(0, began + dt.timedelta(days=1)))
    await anna.press("Salvare")
    await anna.press("Aprire le iscrizioni e annunciare")
    await anna.read("Le iscrizioni sono aperte e la sessione è annunciata.")
    places = [anna.page.url.removeprefix(anna.url).partition("?")[0]]
    for number in range(1, 10):
        place = await anna.send(f"{SESSIONS}/nuova", session_form(number, began + dt.timedelta(days=number + 1)))
        await anna.send(f"{place}/apri", {})
        await anna.send(f"{place}/iscrivi", {"nome": f"Persona {number}", "posta": f"persona{number}@enti.example"})
        places.append(place)
    return places


async def enrol(visitor: Officer) -> None:
    """Somebody reads of ten sessions, and takes a seat at the first."""
    await visitor.open("/")
    await visitor.go("Sessioni", menu=True)
    await expect(visitor.page.get_by_role("heading", level=2, name="Fare rete, incontro")).to_have_count(10)
    await visitor.go("Iscriversi")
    await visitor.fill(nome="Persona Zero", posta="persona0@enti.example")
    await visitor.page.get_by_label("Ho letto come l'ufficio tratta questi dati").check()
    await visitor.press("Iscriversi")
    await visitor.read("posto confermato")


async def attend(anna: Officer, places: list[str]) -> None:
    """Note who came: at the first by the page."""
    await anna.open(places[0])
    await anna.page.get_by_label("Presente: Persona Zero").select_option("si")
    await anna.press("Salvare le presenze")
    await anna.read("Le presenze sono salvate.")
    for place in places[1:]:
        (enrolment,) = set(re.findall(r'name="([0-9a-f-]{36})"', await anna.get(place)))
        await anna.send(f"{place}/presenze", {enrolment: "si"})


async def take_up(anna: Officer, session: str) -> str:
    """Bring the first group from the session to accompaniment, with its case file, by the pages; return where it is."""
    await anna.open(session)
    await anna.go("Registrare una manifestazione d'interesse")
    assert await anna.page.locator("#sessione").input_value() == session.rpartition("/")[2]
    await anna.fill(testo=CONCERTO.idea, imprese=CONCERTO.lines, persona="Persona Zero", giorno=SPOKEN.isoformat())
    await anna.press("Registrare")
    await anna.read("La manifestazione d'interesse è registrata.")
    await anna.go("Farne un'aggregazione")
    await anna.fill(nome=CONCERTO.name, giorno=SPOKEN.isoformat())
    await anna.press("Salvare")
    await anna.read("L'aggregazione è registrata.")
    place = anna.page.url.removeprefix(anna.url).partition("?")[0]
    await anna.go("Aprire un fascicolo")
    await anna.read(f"Per l'aggregazione «{CONCERTO.name}».")
    await anna.fill(titolo="Verso il contratto di rete")
    await anna.page.get_by_label("Assistenza legale").check()
    await anna.press("Aprire il fascicolo")
    await anna.go("L'aggregazione")
    await anna.go("Valutare")
    for criterion in CHECKLIST:
        await anna.fill(**{f"punti_{criterion.ident}": "4", criterion.ident: f"motivo {criterion.ident}"})
    await anna.fill(conclusione="Si accompagna.", giorno=EVALUATED.isoformat())
    await anna.press("Salvare la valutazione")
    await anna.read("Punteggio: 80,00 su 100.")
    await anna.fill(passo="accompanied", giorno=TAKEN_ON.isoformat())
    await anna.press("Fare il passo")
    return place


async def sign(anna: Officer, place: str) -> None:
    """Write the deed of the first network into the registry, come back, and take the step."""
    await anna.fill(passo="signed", giorno=SIGNED.isoformat())
    await anna.press("Fare il passo")
    await anna.read("Il registro delle reti non dice che il contratto è firmato")
    await anna.go("Scrivere l'atto nel registro")
    await anna.fill(stato="firmata", repertorio=CONCERTO.number, numero_atto="1", data_atto=f"{SIGNED:%d/%m/%Y}", forma_atto="autenticato")  # fmt: skip
    await anna.press("Continua")
    await anna.page.get_by_role("button", name="Continua").last.click()
    await expect(anna.page.get_by_role("button", name="Salva nel registro")).to_be_visible()
    await anna.press("Salva nel registro")
    await anna.read("Verso il contratto di rete")
    await anna.go("Da quale aggregazione è nata")
    assert anna.page.url == f"{anna.url}{place}"
    await anna.fill(passo="signed", giorno=SIGNED.isoformat())
    await anna.press("Fare il passo")
    await anna.read("L'ultima edizione caricata non ha ancora questo contratto.")


async def typed(anna: Officer, group: Group) -> str:
    """Bring another group to its evaluation by the same forms; return where it is."""
    said = {"testo": group.idea, "imprese": group.lines, "persona": "Persona Prova", "giorno": SPOKEN.isoformat()}
    await anna.send(f"{EXPRESSIONS}/nuova", said)
    (expression,) = set(re.findall(r"manifestazione=([0-9a-f-]{36})", await anna.get(AGGREGATIONS)))
    named = {"nome": group.name, "testo": group.idea, "giorno": SPOKEN.isoformat(), "manifestazione": expression}
    place = await anna.send(f"{AGGREGATIONS}/nuova", named)
    points = "4" if group.number else "2"
    sheet = {f"punti_{c.ident}": points for c in CHECKLIST} | {c.ident: "motivo" for c in CHECKLIST}
    await anna.send(f"{place}/valutazione", {**sheet, "giorno": EVALUATED.isoformat()})
    return place


async def typed_to_signature(anna: Officer, group: Group) -> str:
    """Bring another group to its contract by the same forms; return where it is."""
    place = await typed(anna, group)
    await anna.send(f"{place}/passo", {"passo": "accompanied", "giorno": TAKEN_ON.isoformat()})
    found = re.search(r'href="(/ufficio/reti/[0-9a-f-]{36}/modifica)"', await anna.get(place))
    assert found
    deed = form_of(await anna.get(found.group(1)), found.group(1))
    filled = {**dict(deed), "stato": "firmata", "repertorio": group.number, "numero-atto": "1", "data-atto": f"{SIGNED:%d/%m/%Y}", "vai": "salva"}  # fmt: skip
    await anna.send(found.group(1), filled)
    await anna.send(f"{place}/passo", {"passo": "signed", "giorno": SIGNED.isoformat()})
    return place


async def edition(land: Land) -> None:
    """Load the edition of the public list in which both contracts stand, as it comes."""
    pool = await open_pool(land.databases["p_LE"], max_size=1)
    try:
        found = [page async for page in keeping.find_all(pool, keeping.sought(status="signed"))]
        records = [(await keeping.read_network(pool, row["network_id"])).record for row in found]
    finally:
        pool.terminate()
    assert len(records) == 2
    said = await land.load([*lecce(), *(listed(record, lecce()) for record in records)], EDITION)
    assert "Partizione 2" in said


async def register_and_propose(anna: Officer, place: str, group: Group) -> None:
    """Confirm which contract it is, then draft and present the profile of its network."""
    await anna.open(place)
    await anna.read("Stesso atto")
    await anna.press("È questo contratto")
    await anna.read("L'aggregazione è collegata al suo contratto: è iscritta.")
    await anna.go("Scrivere la scheda")
    await anna.fill(title_it=group.title, summary_it=group.summary)
    await anna.press("Salva la bozza")
    await anna.press("Presenta per l'approvazione")
    await anna.read("La scheda è presentata: la approva un altro funzionario.")


async def approve(bruno: Officer, group: Group) -> None:
    """The second person reads what would leave, and lets it."""
    await bruno.go("Approvazioni", menu=True)
    await bruno.go(group.title)
    await bruno.read(group.summary, "Scritta da")
    await bruno.fill(motivo="Parole di tutti, in un gruppo di molte reti.")
    await bruno.press("Approva per il prossimo turno")
    await bruno.read("La scheda è pubblicata.")


async def find(torino: Officer, group: Group) -> None:
    """Look for a profile by words until it has come, and read it."""
    await torino.go("Cerca reti", menu=True)
    link = torino.page.get_by_role("main").get_by_role("link", name=group.title)
    async with asyncio.timeout(ARRIVES_S):
        while True:
            await torino.page.locator("#q").fill(group.title)
            await torino.page.locator("#q").press("Enter")
            await expect(torino.page.locator("[aria-busy=true]")).to_have_count(0)
            await torino.page.wait_for_timeout(500)
            if await link.count():
                break
    await torino.look()
    await torino.go(group.title)
    await torino.read(group.summary, "Provincia di Lecce")


def figures(page: str) -> dict[str, str]:
    """The numbers of a page's tables by the first cell of their row, the first where there are several."""
    rows = re.findall(r'<tr><th scope="row">(?:<a [^>]*>)?([^<]+)(?:</a>)?</th>((?:<td>[^<]*</td>)+)', page)
    return {html.unescape(name): re.findall(r"<td>([^<]*)", cells)[0] for name, cells in rows}


async def counted(anna: Officer) -> None:
    """The office's funnel shows exactly these figures."""
    await anna.go("Percorso", menu=True)
    told = figures(await anna.page.content())
    wanted = {"sessioni tenute": 10, "iscritti con un posto": 10, "presenti": 10, "manifestazioni d'interesse": 20, "aggregazione potenziale": 20, "valutata": 20, "accompagnata": 2, "contratto firmato": 2, "iscritta": 2}  # fmt: skip
    assert told == {name: str(count) for name, count in wanted.items()}
    await anna.read("Imprese nelle reti con un contratto: 23. Aggregazioni lasciate: 18.")


async def observed(anna: Officer, visitor: Officer) -> None:
    """The Observatory's funnel shows them to the office, beside the sessions that everybody may count; the office's to nobody else."""
    await anna.go("Il percorso nell'Osservatorio")
    own = [
        (await one.get_attribute("data-figure"), await one.inner_text())
        for one in await anna.page.locator('[data-funnel="own"] [data-figure]').all()
    ]
    assert dict(own) == {name: str(count) for name, count in FIGURES.items()}
    await visitor.open("/osservatorio/percorso")
    assert await visitor.page.locator('[data-funnel="own"]').count() == 0
    for one in (anna, visitor):
        await expect(one.page.locator('[data-funnel="public"] [data-figure="sessions"]')).to_have_text("10")


@pytest.mark.timeout(600)
async def test_the_path_of_salentonet_from_the_first_session_to_two_networks_found_in_torino(
    bench: Bench, land: Land
) -> None:
    """By the pages of two nodes: the figures that the office shows are exactly those that were reached, and Torino learns no name."""
    anna, visitor = await at(bench, land.lecce), await at(bench, land.lecce)
    await anna.enter(AUTHOR)
    places = await announce(anna, land.clock().date())
    await enrol(visitor)
    land.clock.set(AFTER)
    await anna.enter(AUTHOR)
    await attend(anna, places)
    first = await take_up(anna, places[0])
    await sign(anna, first)
    second = await typed_to_signature(anna, EXPERIENCE)
    for group in OTHERS:
        place = await typed(anna, group)
        await anna.send(f"{place}/passo", {"passo": "dropped", "giorno": TAKEN_ON.isoformat(), "motivo": "punti pochi"})
    await edition(land)
    for place, group in ((first, CONCERTO), (second, EXPERIENCE)):
        await register_and_propose(anna, place, group)
    bruno, torino = await at(bench, land.lecce), await at(bench, land.torino)
    await bruno.enter(APPROVER)
    await torino.enter(AUTHOR)
    for group in (CONCERTO, EXPERIENCE):
        await approve(bruno, group)
    for group in (CONCERTO, EXPERIENCE):
        await find(torino, group)
    await counted(anna)
    await land.rete("observatory", "build")
    await observed(anna, visitor)
    assert {who: one.wrong for who, one in (("anna", anna), ("visitor", visitor), ("bruno", bruno), ("torino", torino)) if one.wrong} == {}  # fmt: skip
    conn = await asyncpg.connect(land.databases["cmto"])
    try:
        there = await everything(conn)
    finally:
        await conn.close()
    assert CONCERTO.title in there
    private = {group.name for group in (CONCERTO, EXPERIENCE, *OTHERS)} | {"Impresa Salentina", "persona0@enti.example"}
    assert [name for name in private if name in there] == []
