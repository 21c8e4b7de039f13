"""A federation that lives by an agreement: real homes, databases and servers, pinned to a first version of a council of our own."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from node import runtime
from node.flows.trust import council, council_edits, council_first, enrol
from node.flows.trust.council_card import Card, card_of
from node.flows.trust.council_draft import TERMS, YEAR
from node.flows.trust.council_edits import Edits
from node.flows.trust.council_first import Beginning
from node.flows.trust.enrol import Asked
from node.flows.upkeep.home import Facts, make_home
from node.peers.client import open_session
from node.protocol.agreement_values import Agreement
from node.runtime import Node
from node.store import keyfiles, pin
from tests.agreement_made import OFFICE, PDF, THREE, public, signed
from tests.federation_made import Town, free_ports, new_database

CONTACT = "reti@example.it"


def cards(names: Sequence[str]) -> list[Card]:
    """The cards of the keys of those names."""
    return [card_of(name, public(name)) for name in names]


def facts_of(node_id: str, port: int, database_url: str) -> Facts:
    """What a home on this machine is told."""
    return Facts(
        id=node_id,
        name=node_id,
        ipa_code="",
        territory=("LE",),
        authority=f"127.0.0.1:{port}",
        port=port,
        epoch=2026,
        database_url=database_url,
        round="immediate",
    )


def request_of(home: Path, now: dt.datetime) -> Asked:
    """The request of a home that was just made."""
    config = runtime.read_config(home)
    return enrol.request_of(config, keyfiles.read(home / config.federation.keys), CONTACT, now)


def first_of(requests: Sequence[Asked], now: dt.datetime, threshold: int = 2) -> bytes:
    """A first version of three signatories, unsigned."""
    return council_first.first(
        Beginning(cards(THREE), threshold, cards(OFFICE), 2, requests, now.replace(microsecond=0) + YEAR, TERMS, PDF),
        now,
    )


@dataclass
class Agreed:
    """The federation: its nodes, and the first version that all have pinned."""

    towns: list[Town]
    first: bytes

    def __iter__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204
        """The nodes, to be unpacked."""
        return iter(self.towns)


@asynccontextmanager
async def agreed(
    server: str, folder: Path, clock: Callable[[], dt.datetime], ids: Sequence[str]
) -> AsyncIterator[Agreed]:
    """Nodes that follow one agreement, all serving."""
    ports = free_ports(len(ids))
    homes = [folder / name for name in ids]
    for home, name, port in zip(homes, ids, ports, strict=True):
        make_home(home, facts_of(name, port, await new_database(server)))
    first = signed(first_of([request_of(home, clock()) for home in homes], clock()))
    for home in homes:
        pin.write(home, first)
    async with AsyncExitStack() as stack:
        session: aiohttp.ClientSession = await stack.enter_async_context(open_session(loopback=True, total_s=15))
        towns = [
            Town(home, await stack.enter_async_context(runtime.open_node(home, clock=clock)), session, port)
            for home, port in zip(homes, ports, strict=True)
        ]
        for town in towns:
            await town.start()
            stack.push_async_callback(town.stop)
        yield Agreed(towns, first)


def in_force(node: Node) -> Agreement:
    """The version that a node lives by."""
    return council.place_of(node.agreement).in_force.agreement


def proposal(node: Node, edits: Edits, *by: str) -> bytes:
    """The next version on what is in force at a node, with the signatures of the keys of those names."""
    state, now = council.place_of(node.agreement).in_force, node.clock()
    raw = council.propose(state, council_edits.edited(council.drafted(state), edits, now, {}), now)
    return signed(raw, by)
