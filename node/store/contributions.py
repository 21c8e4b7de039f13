"""What contributes to the planned tables now: one row a record, read from the private register and the cases.

In: a connection. Out: records with what places them. Nothing of it leaves the node but through the release of tier 2 (docs/statistics.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("contributions")
TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """One network; ``cents``: its initial common fund once it is signed, None without one."""

    record: str
    status: str
    kind: str
    cents: int | None
    province: str


@dataclass(frozen=True, slots=True)
class LedFirmRow:
    """One firm of a living network that women, young people or foreigners lead; ``unit``: the network that it joined first."""

    record: str
    led_by: tuple[str, ...]
    province: str
    unit: str


@dataclass(frozen=True, slots=True)
class IntroductionRow:
    """One case that this office began; ``network``: who asks, '' for a firm by itself, whose ``tax_code`` is '' if it gave none or was erased.

    ``territory``: the label of the profile that was found, '' where it is gone.
    """

    record: str
    state: str
    outcome: str
    network: str
    tax_code: str = field(repr=False)
    province: str
    region: str
    territory: str


async def networks(conn: Connection) -> list[NetworkRow]:
    """Return this node's networks."""
    return [NetworkRow(**dict(row)) for row in await conn.fetch(QUERIES["networks"], timeout=TIMEOUT_S)]


async def led_firms(conn: Connection) -> list[LedFirmRow]:
    """Return the firms of this node's living networks that somebody of a group leads."""
    rows = await conn.fetch(QUERIES["led_firms"], timeout=TIMEOUT_S)
    return [LedFirmRow(row["record"], tuple(row["led_by"]), row["province"], row["unit"]) for row in rows]


async def introductions(conn: Connection) -> list[IntroductionRow]:
    """Return the cases that this office began and that have left."""
    return [IntroductionRow(**dict(row)) for row in await conn.fetch(QUERIES["introductions"], timeout=TIMEOUT_S)]
