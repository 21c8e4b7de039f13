"""From the invented register of 2013-2024 the Observatory tells each published total exactly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from node import config as configuration
from node.domain.generation.growth import FIRST_YEAR, LAST_YEAR, PUBLISHED, days_of, targets
from node.domain.observatory.figures import Figures
from node.flows.observatory.build import build
from node.store.postgres import Pool
from tests.history_made import make_history_template
from tests.networks_made import NOW

ROOT = Path(__file__).parents[3]
TOTALS = json.loads((ROOT / "schemas/published_totals.json").read_text(encoding="utf-8"))["totals"]
YEARS = days_of(FIRST_YEAR, LAST_YEAR)
CONFIG = configuration.parse((ROOT / "nodes.example.toml").read_text("utf-8"), file="x")


def told(figures: Figures, table: str, at: Sequence[Sequence[str]]) -> Decimal:
    """The sum of some cells; one that is not there is nought where its dimension has only what was met."""
    found = figures.named(table)
    assert found is not None, table
    cells = found.by_place()
    assert any(tuple(place) in cells for place in at), (table, at)
    return sum((Decimal(cells[tuple(place)].value or 0) for place in at if tuple(place) in cells), Decimal(0))


def reproduces(figures: Figures, total: Mapping[str, Any]) -> bool:
    """Whether the figures tell one published total as exactly as it was published."""
    number, wanted = told(figures, total["table"], total["at"]), Decimal(total["value"])
    if "of" in total:
        number = 100 * number / told(figures, total["of"]["table"], total["of"]["at"])
    match total["precision"]:
        case "exact":
            return number == wanted
        case "about":
            return round(number, -3) == wanted
        case "percent":
            return round(number, total["decimals"]) == wanted
        case "more-than" | "percent-more-than":
            return number > wanted
    return False


@pytest.fixture(scope="module")
def national(server: str) -> str:
    """A database with the invented register of all years, not counted yet."""
    return asyncio.run(make_history_template(server, "rete_national_history", targets(PUBLISHED, YEARS)))


@pytest.fixture
def template(request: pytest.FixtureRequest) -> str:
    """What has a database begins with all editions."""
    return str(request.getfixturevalue("national"))


async def test_each_published_total_is_reproduced(pool: Pool) -> None:
    """Compared one by one; and none is forgotten: all that the field's source tells is in the list."""
    figures = (await build(pool, CONFIG, NOW)).figures
    assert [total["ident"] for total in TOTALS if not reproduces(figures, total)] == []
    years = figures.named("networks-by-year")
    assert years is not None
    assert [cell.at[0] for cell in years.cells] == [str(year) for year in range(FIRST_YEAR, LAST_YEAR + 1)]
    values = [Decimal(total["value"]) for total in TOTALS]
    assert {995, 1298, 6385, 696, 2647, 4978, 30727, 8382, 45288, 9630, 50298, Decimal("21.8")} <= set(values)
    assert len({total["ident"] for total in TOTALS}) == len(TOTALS) == 34


@pytest.mark.parametrize("precision", ["exact", "about", "percent", "more-than", "percent-more-than", "other"])
def test_a_total_that_is_not_told_is_seen(precision: str) -> None:
    """In each way of being published."""
    from tests.domain.observatory.test_figures import figures

    wrong = {
        "table": "networks-by-region",
        "at": [["2024", "ITF4"]],
        "value": "12000",
        "precision": precision,
        "decimals": 0,
    }
    assert not reproduces(figures(), wrong)
