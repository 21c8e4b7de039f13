"""Invented figures for the tests of open data: every status, decimals, codes with leading zeros, and Napoli's «NA»."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from decimal import Decimal

from node.domain.observatory.catalogue import Indicator
from node.domain.observatory.figures import Cell, Figures, Status, encode, table
from node.domain.observatory.wording import Publisher, Wording
from node.store import observatory
from node.store.postgres import Connection
from node.store.reference import load_label_reference

AS_OF = dt.date(2026, 10, 31)
MADE_AT = dt.datetime(2026, 11, 23, 5, 30, tzinfo=dt.UTC)
RELEASE = "2026-11-02"


def figures(extra: int = 0) -> Figures:
    """Three tables: places, divisions and a share with decimals; ``extra`` changes a number."""
    provinces = table(
        "networks-by-province",
        "networks",
        ("year", "province"),
        [
            Cell(("2013", "*"), 1298 + extra),
            Cell(("2013", "LE"), 19),
            Cell(("2013", "NA"), 41),
            Cell(("2026", "*"), 9630),
            Cell(("2026", "LE"), None, Status.UNKNOWN),
            Cell(("2026", "NA"), 0),
            Cell(("2026", "TO"), 352, Status.ESTIMATED),
            Cell(("2026", "?"), 7),
        ],
        AS_OF,
    )
    divisions = table(
        "networks-by-division",
        "networks",
        ("year", "division"),
        [Cell(("2026", "01"), 210), Cell(("2026", "10"), None, Status.WITHHELD), Cell(("2026", "*"), 9630)],
        AS_OF,
        tier=2,
        notes=("non si possono sommare",),
    )
    density = table(
        "density-by-region",
        "density",
        ("year", "region"),
        [Cell(("2026", "ITF4"), Decimal("12.30")), Cell(("2026", "ITC1"), Decimal("0.05"), Status.ESTIMATED)],
        AS_OF,
    )
    bodies = table("profiles-by-body", "profiles", ("body",), [Cell(("p_LE",), 8), Cell(("p_TO",), 4)], AS_OF)
    single = table("profiles", "profiles", (), [Cell((), 12)], AS_OF)
    return Figures(
        AS_OF, MADE_AT, "0" * 64, {"editions": 2, "profiles": 12}, (density, divisions, provinces, single, bodies)
    )


async def keep(conn: Connection, found: Figures | None = None) -> bytes:
    """Put figures in the place of the newest build; return their document."""
    made = figures() if found is None else found
    document = encode(made)
    await observatory.keep(conn, observatory.Kept(made.as_of, made.made_at, made.inputs, document))
    return document


async def freeze(conn: Connection, release_id: str = RELEASE, found: Figures | None = None) -> bytes:
    """Freeze figures as a release; return their document."""
    made = replace(figures(), made_at=MADE_AT - dt.timedelta(days=21)) if found is None else found
    document = encode(made)
    digest = hashlib.sha256(document).hexdigest()
    await observatory.add_release(conn, observatory.Release(release_id, made.as_of, made.made_at, digest), document)
    return document


INDICATORS = {
    "networks": Indicator(
        "networks", "Reti", "Contratti di rete.", "Un contratto conta una volta.", "reti", "Registro delle imprese"
    ),
    "density": Indicator(
        "density", "Densità", "Imprese in rete.", "Su 10.000 registrate.", "per 10.000", "Registro", 1, 2
    ),
    "profiles": Indicator("profiles", "Profili", "Profili pubblicati.", "Contati.", "profili", "Registri firmati"),
}
PUBLISHER = Publisher("https://lecce.example.it", "Provincia di Lecce", "p_LE", "reti@lecce.example.it")


def wording() -> Wording:
    """How things are called in these tests; English is Italian behind a mark."""
    bodies = {"p_LE": "=Lecce"}
    return Wording(load_label_reference(), lambda text: f"en {text}", bodies, INDICATORS)
