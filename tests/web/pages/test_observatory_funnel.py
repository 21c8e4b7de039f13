"""The way from the first session to the register: the country's, as it was told, and to an officer alone the own office's."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import pytest
from aiohttp.test_utils import TestClient, TestServer

from node.domain.observatory.figures import Cell, Status, Table, table
from node.flows.programme import aggregations as flow
from node.flows.registry.acting import acting
from node.runtime import Node
from node.web import app as application
from tests import figures_made
from tests.desk_made import Staff
from tests.figures_made import AS_OF
from tests.pages_made import fill
from tests.programme_made import TODAY, firms, sheet
from tests.web.pages.test_observatory import Client, rows_of

PATH: Final = "/osservatorio/percorso"
_FIGURE: Final = re.compile(r'data-figure="([a-z]+)"(?: data-tier="([12])")?( data-told="no")?>([^<]*)<')


def told() -> list[Table]:
    """Some numbers that can be added up by hand: two regions, two years."""
    return [
        table(
            "sessions-by-region",
            "sessions",
            ("year", "region", "when"),
            [
                Cell(("2025", "ITF4", "held"), 4),
                Cell(("2026", "ITF4", "held"), 6),
                Cell(("2026", "ITC1", "held"), 2),
                Cell(("2026", "ITF4", "ahead"), 30),
            ],
            AS_OF,
        ),
        table(
            "pipeline-by-region",
            "aggregations",
            ("region", "stage"),
            [
                Cell(("ITF4", "evaluated"), 3, Status.ESTIMATED),
                Cell(("ITF4", "left-evaluated"), 17, Status.ESTIMATED),
                Cell(("*", "evaluated"), 3, Status.ESTIMATED),
                Cell(("*", "left-evaluated"), 17, Status.ESTIMATED),
            ],
            AS_OF,
            tier=2,
            notes=(
                "Numeri modificati per il segreto statistico: al più 3 unità in ogni cella di ogni ente; 1 e 2 non compaiono mai.",
            ),
        ),
        table(
            "networks-by-status",
            "pipeline",
            ("region", "status"),
            [Cell(("ITF4", "drafting"), 5, Status.ESTIMATED), Cell(("ITF4", "registered"), 40, Status.ESTIMATED)],
            AS_OF,
            tier=2,
        ),
        *(
            table(
                f"{what}-by-region",
                what,
                ("year", "region"),
                [Cell(("2025", "ITF4"), 1), Cell(("2026", "ITF4"), first), Cell(("2026", "ITC1"), other)],
                AS_OF,
            )
            for what, first, other in (("networks", 100, 11), ("firms", 1200, 60))
        ),
    ]


async def build(node: Node) -> None:
    """Keep these figures as the newest build."""
    await figures_made.keep(node.pool, replace(figures_made.figures(more=told()), inputs="funnel"))


@pytest.fixture
async def client(node: Node) -> AsyncIterator[Client]:
    """A client of a node that nobody signed in at."""
    await fill(node)
    async with TestClient(TestServer(application.build(node)), headers={"Accept": "text/html"}) as client:
        yield client


def figures_of(page: str, which: str = "public") -> dict[str, str]:
    """What machines find: by name the number as it stands there."""
    part = page.partition(f'data-funnel="{which}"')[2].partition("</section>")[0]
    return {name: html.unescape(number) for name, _, _, number in _FIGURE.findall(part)}


async def test_the_country_in_both_languages(client: Client, node: Node) -> None:
    """Sums of what is told, exact and modified ones apart; by region, in a picture and in a table."""
    await build(node)
    for language, marks in {
        "it": ("esatto", "modificato per il segreto statistico", "Puglia", "nodi aggiornati: 38", "non si sottraggono"),
        "en": ("exact", "changed for statistical confidentiality", "Puglia", "up to date", "not be taken from"),
    }.items():
        reply = await client.get(f"{PATH}?lang={language}")
        page = await reply.text()
        assert (reply.status, reply.headers["Cache-Control"]) == (200, "no-cache")
        thousand = {"it": "1.260", "en": "1,260"}[language]
        assert figures_of(page) == {
            "sessions": "12", "potential": "—", "evaluated": "20", "accompanied": "5", "signed": "—", "registered": "111",
            "firms": thousand,
        }  # fmt: skip
        tiers = {name: tier for name, tier, _, _ in _FIGURE.findall(page)}
        assert {name for name, tier in tiers.items() if tier == "1"} == {"sessions", "registered", "firms"}
        assert len(re.findall('data-told="no"', page)) == 2
        assert 'data-funnel="own"' not in page
        for mark in marks:
            assert mark in html.unescape(page), mark
    rows = rows_of(await (await client.get(f"{PATH}?lang=it")).text(), "Il percorso per regione")
    assert rows["Puglia"] == ["ITF4", "10", "—", "20 (stimato)", "5 (stimato)", "—", "100", "1.200"]
    assert rows["Piemonte"] == ["ITC1", "2", "—", "—", "—", "—", "11", "60"]
    assert list(rows)[-1] == "Totale"
    for name in ("sessions-by-region.csv", "pipeline-by-region.xlsx", "networks-by-status.json"):
        reply = await client.get(f"/osservatorio/dati/ultima/{name}")
        assert reply.status == 200, name


async def test_before_the_first_build_and_for_a_release(client: Client, node: Node) -> None:
    """The page says so; a release is shown as it was, and what is no release is refused with what there is."""
    page = await (await client.get(f"{PATH}?lang=it")).text()
    assert "non sono ancora calcolati" in page
    assert figures_of(page) == {}
    await figures_made.publish(node)
    assert (
        f"Rilascio {figures_made.RELEASE}"
        in await (await client.get(f"{PATH}?release={figures_made.RELEASE}&lang=it")).text()
    )
    for release, status in (("ieri", 400), ("2019-01-01", 404)):
        assert (await client.get(f"{PATH}?release={release}")).status == status
    assert f'href="{PATH}"' in await (await client.get("/osservatorio")).text()


async def test_the_own_numbers_are_an_officers_alone(staff: Staff) -> None:
    """Exact, marked, kept by nobody; the analyst sees the country's page, and so does everybody else."""
    await build(staff.node)
    with acting("anna"):
        for number in range(2):
            found = await flow.begin(
                staff.node.pool, f"Gruppo {number}", "Idea.", firms(3, 7000 + 3 * number), TODAY, "anna", staff.node.clock()
            )  # fmt: skip
        await flow.evaluate(staff.node.pool, found, sheet(), "", TODAY, "anna", staff.node.clock())
    for name in ("anna", "bruno"):
        reply = await staff[name].client.get(f"{PATH}?lang=it", headers={"Accept": "text/html"})
        page = await reply.text()
        assert reply.headers["Cache-Control"] == "private, no-store"
        assert "Content-Encoding" not in reply.headers
        assert figures_of(page, "own") == {
            "sessions": "0", "enrolled": "0", "attended": "0", "expressions": "0", "potential": "2", "evaluated": "1",
            "accompanied": "0", "signed": "0", "registered": "0", "dropped": "0", "firms": "0",
        }  # fmt: skip
        assert "solo per l'ufficio, esatti" in html.unescape(page)
        assert figures_of(page)["evaluated"] == "20"
    assert 'data-funnel="own"' not in await staff["gina"].get(PATH)
    # A release is of its day.
    await figures_made.freeze(staff.node.pool, figures_made.figures(more=told()))
    assert 'data-funnel="own"' not in await staff["anna"].get(f"{PATH}?release={figures_made.RELEASE}")
    assert 'data-funnel="own"' in await staff["anna"].get(f"{PATH}?lang=en")
