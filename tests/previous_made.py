"""An office made by whichever release runs this file: ``python -P tests/previous_made.py ...`` with PYTHONPATH at its checkout.

It uses only what the release of CHANGELOG.md and the present one both have. In: words and JSON. Out: one JSON value on standard output.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
import uuid
from pathlib import Path
from typing import Any

from node import config as configuration
from node import runtime
from node.config_places import CONFIG_FILE
from node.domain.chamber import ChamberList, parse_sheets
from node.domain.generation.enrichment import enrich
from node.domain.generation.national import generate
from node.flows.logs.append import Operation, append, sign_head
from node.flows.profiles import draft, submission
from node.flows.registry import intake, register
from node.flows.trust.peer_card import peer_card
from node.flows.upkeep.home import Facts, config_text, make_home
from node.protocol import canonical, keys
from node.store import keyfiles, registry
from node.store.reference import load_sectors, load_territories
from tests.profiles_made import profile

PROFILES = 3
# As many as the texts that the program suggests need beside them to be alike.
CONTRACTS = 9630


def facts_of(given: dict[str, Any]) -> Facts:
    """The facts of a home."""
    return Facts(**{**given, "territory": tuple(given["territory"])})


def make(home: Path, facts: Facts) -> dict[str, Any]:
    """Make a home; tell its card."""
    make_home(home, facts)
    config = configuration.parse((home / CONFIG_FILE).read_text(encoding="utf-8"), file=str(home / CONFIG_FILE))
    held = keyfiles.read(home / config.federation.keys)
    vkey = keys.format_vkey(config.federation.origin, held.signing["log"].public_key().public_bytes_raw())
    return {"card": peer_card(config, held, vkey, f"http://{facts.authority}")}


async def fill(home: Path, facts: Facts, cards: list[str]) -> dict[str, Any]:
    """Follow others; load the register and some networks; draft and approve a profile of each."""
    (home / CONFIG_FILE).write_text(config_text(facts, "\n".join(cards)), encoding="utf-8")
    territories, sectors = load_territories(), load_sectors()
    made = generate(contracts=CONTRACTS, seed=7, territories=territories, sectors=sectors)
    sheets = {"Elenco": made.contracts, "Sogg. Giu.": made.entities}
    rows = parse_sheets(sheets, territories, sectors).networks
    async with runtime.open_node(home) as node:
        now = node.clock()
        day = dt.date(2024, 12, 31)
        await register.load_register(node.pool, node.config, ChamberList(tuple(rows), (), 0), day, now)
        records = enrich([row for row in rows if row.province == "LE"], count=PROFILES, seed=1)
        found = intake.IntakeFile("template", "own.xlsx", bytes(32), 0, tuple(records), 0, ())
        await intake.import_networks(node.pool, found, now, apply=True)
        async with node.pool.acquire() as conn:
            networks = await registry.read_records(conn)
        profiles = []
        for network_id, record in networks.items():
            profiles.append(
                await draft.draft(node.pool, node.config, network_id, draft.suggest_content(record), "anna", now)
            )
            await submission.approve(node.pool, node.config, profiles[-1], "bruno", now)
    return {"profiles": profiles, "networks": list(networks)}


async def follow(home: Path, facts: Facts, cards: list[str]) -> dict[str, Any]:
    """Follow others, with no data of one's own."""
    (home / CONFIG_FILE).write_text(config_text(facts, "\n".join(cards)), encoding="utf-8")
    async with runtime.open_node(home):
        return {}


async def small(home: Path, facts: Facts) -> dict[str, Any]:
    """A node with twenty entries in its log and nothing else: small enough to be kept as a file."""
    make_home(home, facts)
    ids = [str(uuid.UUID(int=n, version=4)) for n in range(1, 21)]
    async with runtime.open_node(home) as node:
        operations = [Operation(i, canonical.dumps(profile(n, id=i, owner=facts.id))) for n, i in enumerate(ids, 1)]
        async with node.pool.acquire() as conn, conn.transaction():
            await append(conn, node.own, [*operations, Operation(ids[0], None)], node.clock())
        await sign_head(node.pool, node.own, node.clock())
    return {"profiles": ids[1:]}


def main() -> None:
    """Do one thing."""
    what, home, given, *rest = sys.argv[1:]
    facts = facts_of(json.loads(given))
    if what == "make":
        said = make(Path(home), facts)
    elif what == "small":
        said = asyncio.run(small(Path(home), facts))
    else:
        said = asyncio.run((fill if what == "fill" else follow)(Path(home), facts, json.loads(rest[0])))
    sys.stdout.write("\n" + json.dumps(said))


if __name__ == "__main__":
    main()
