"""Whoever listens between two offices, and whoever reads every row of both: words of each side, and where they stand.

A tap stands in front of each node: it takes its peers' connections on the address that they know, passes every byte on and keeps it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from node.store.postgres import Connection
from tests import canary
from tests.federation_made import Town, free_ports
from tests.introductions_made import Desk, Pair

CHUNK = 65_536
# Where the other side's names may stand once both have consented, and nowhere else.
PLACES = {"office.introduction_identity", "office.introduction_event"}


@dataclass
class Wire:
    """All bytes that went between the nodes, both ways."""

    said: bytearray = field(default_factory=bytearray)
    connections: int = 0

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(CHUNK):
                self.said += chunk
                writer.write(chunk)
                await writer.drain()
        writer.close()

    @asynccontextmanager
    async def tapped(self, town: Town) -> AsyncIterator[None]:
        """Let a town serve behind a tap; who knows its address notices nothing."""
        known, (behind,) = town.port, free_ports(1)
        await town.stop()
        town.port = behind
        await town.start()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            there, here = await asyncio.open_connection("127.0.0.1", behind)
            await asyncio.gather(self._pass_on(reader, here), self._pass_on(there, writer))

        server = await asyncio.start_server(connected, "127.0.0.1", known)
        try:
            yield
        finally:
            server.close()
            await town.stop()


@dataclass
class Words:
    """What would tell who one side is, each a word that stands nowhere else."""

    network: str
    firms: set[str]
    contact: set[str]

    @property
    def all(self) -> set[str]:
        """Every one of them."""
        return {self.network, *self.firms, *self.contact}


async def plant(desk: Desk, network_id: str) -> Words:
    """Give a network, its firms and the person to call names that are found wherever they go."""
    network = canary.word()
    async with desk.town.node.pool.acquire() as conn:
        ids = [row["firm_id"] for row in await conn.fetch("SELECT firm_id FROM registry.membership WHERE network_id = $1 AND left_on IS NULL", network_id)]  # fmt: skip
        firms = {firm: canary.word() for firm in ids}
        # Their history would tell of a change that nobody made.
        await conn.execute("SET session_replication_role = replica")
        await conn.execute("UPDATE registry.network SET name = $2 WHERE network_id = $1", network_id, network)
        for firm, name in firms.items():
            await conn.execute("UPDATE registry.firm SET name = $2 WHERE firm_id = $1", firm, name)
        await conn.execute("RESET session_replication_role")
    person, mail = canary.word(), canary.word()
    desk.contact = {"person": person, "role": "referente", "email": f"{mail}@example.org", "phone": ""}
    return Words(network, set(firms.values()), {person, mail})


async def places(conn: Connection, words: set[str]) -> dict[str, set[str]]:
    """Read every row of every table, and return in which tables which words stand, however they are written."""
    tables = await conn.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
    )
    found = {}
    for table in tables:
        rows = await conn.fetch(f"SELECT t::text AS row FROM {table['name']} t")
        here = canary.found("\n".join(row["row"] for row in rows).encode(), words)
        if here:
            found[table["name"]] = here
    return found


@dataclass
class Listener:
    """Reads along, between the nodes and in their databases."""

    pair: Pair
    wire: Wire
    seeker: Words
    owner: Words
    # What people wrote to each other: sealed, too.
    texts: set[str] = field(default_factory=set)
    looks: int = 0

    async def look(self, *, told: bool) -> None:
        """Hold all that was heard and all that is kept against what may be known now: names at nobody's, or both at both."""
        self.looks += 1
        said = bytes(self.wire.said)
        assert not canary.found(said, self.seeker.all | self.owner.all | self.texts)
        for desk, other in ((self.pair.seeker, self.owner), (self.pair.owner, self.seeker)):
            async with desk.town.node.pool.acquire() as conn:
                found = await places(conn, other.all)
            assert set(found) == (PLACES if told else set()), found
            for words in found.values():
                assert words == other.all

    def heard(self) -> bool:
        """Tell whether the taps heard the post at all."""
        return self.wire.connections > 0 and b"/federation/outbox" in self.wire.said and b'"ct":"' in self.wire.said

    async def own_is_there(self) -> None:
        """What is looked for can be found: each side's words stand in its own tables."""
        for desk, own in ((self.pair.seeker, self.seeker), (self.pair.owner, self.owner)):
            async with desk.town.node.pool.acquire() as conn:
                assert {own.network, *own.firms} <= set().union(*(await places(conn, own.all)).values())


@asynccontextmanager
async def overheard(pair: Pair) -> AsyncIterator[Listener]:
    """Somebody listens between the two offices, whose first networks have names of their own."""
    wire = Wire()
    async with AsyncExitStack() as stack:
        for desk in pair.desks:
            await stack.enter_async_context(wire.tapped(desk.town))
        async with pair.owner.town.node.pool.acquire() as conn:
            published = str(await conn.fetchval("SELECT network_id FROM publication.profile WHERE profile_id = $1", pair.profile_id))  # fmt: skip
        words = [await plant(pair.seeker, pair.seeker.networks[0]), await plant(pair.owner, published)]
        listener = Listener(pair, wire, *words)
        await listener.own_is_there()
        yield listener
