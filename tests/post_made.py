"""Sealed messages between the towns of a federation, and an office that keeps what it receives in its own database."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from node.flows.introductions import post
from node.flows.introductions.post import Carrier, Exchange, Opened
from node.protocol import sealed
from node.protocol.sealed import Header, SealKey
from node.store import outbox
from node.store.outbox import Box, Posted
from node.store.postgres import Connection
from tests.federation_made import Town

CASE = str(uuid.UUID(int=1, version=4))
POISON = b"poison"


@dataclass
class Office:
    """What one town's office does with messages: keeps each once; breaks, or refuses, where a test wants it to."""

    town: Town
    breaks: bool = False
    calls: list[int] = field(default_factory=list)

    async def open(self) -> Office:
        """Make the table of what was received."""
        async with self.town.node.pool.acquire() as conn:
            await conn.execute("CREATE TABLE public.inbox (id bigserial, sender text, introduction text, seq int, plaintext bytea, UNIQUE (sender, introduction, seq))")  # fmt: skip
        return self

    async def receive(self, conn: Connection, sender: str, opened: Sequence[Opened]) -> Sequence[tuple[int, str]]:
        """Keep what is new; what is poison is refused."""
        self.calls.append(len(opened))
        good = [item for item in opened if not item.plaintext.startswith(POISON)]
        await conn.executemany(
            "INSERT INTO public.inbox (sender, introduction, seq, plaintext) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            [(sender, item.introduction, item.seq, item.plaintext) for item in good],
        )
        if self.breaks:
            raise LookupError
        return [(item.number, "event-bad") for item in opened if item not in good]

    async def kept(self) -> list[bytes]:
        """What was received, in its order."""
        async with self.town.node.pool.acquire() as conn:
            return [row["plaintext"] for row in await conn.fetch("SELECT plaintext FROM public.inbox ORDER BY id")]

    def carrier(self, exchange: Exchange | None = None) -> Carrier:
        """What carries for this town, with chance always in the middle."""
        made = self.town.node.carrier(self.town.session, exchange or Exchange(receive=self.receive))
        return Carrier(**{name: getattr(made, name) for name in Carrier.__slots__ if name != "draw"}, draw=lambda: 0.5)

    async def collect(self, *, everyone: bool = True, close: frozenset[str] = frozenset()) -> dict[str, post.Asked]:
        """Ask the others; what each gave, by id."""
        done = await post.collect(self.carrier(), everyone=everyone, close=close)
        return {asked.member: asked for asked in done}

    async def box(self, peer: Town) -> Box:
        """How the post with another town stands here."""
        async with self.town.node.pool.acquire() as conn:
            return next(box for box in await outbox.boxes(conn) if box.peer == peer.id)

    async def refused(self, peer: Town) -> dict[int, str]:
        """The codes of what was refused of another town, by number."""
        async with self.town.node.pool.acquire() as conn:
            return {item.number: item.code for item in await outbox.refused(conn, peer.id)}


def key_of(town: Town) -> SealKey:
    """The key for which messages to a town are sealed."""
    return town.node.keys.seal.public


def envelope(sender: Town, recipient: Town, seq: int, text: bytes, key: SealKey | None = None) -> bytes:
    """One message, sealed."""
    return sealed.seal(Header(sender.id, recipient.id, CASE, seq), text, key or key_of(recipient))


async def put(sender: Town, recipient: Town, *envelopes: bytes, key_id: str = "0" * 16) -> None:
    """Leave envelopes in a town's outbox, whatever they are."""
    messages = [Posted(CASE, number, key_id, raw) for number, raw in enumerate(envelopes)]
    async with sender.node.pool.acquire() as conn, conn.transaction():
        await outbox.put(conn, recipient.id, messages, sender.node.clock())


async def write(sender: Town, recipient: Town, first: int, last: int) -> list[bytes]:
    """Write messages to a town; return their texts."""
    texts = {seq: b"message %d" % seq for seq in range(first, last + 1)}
    await put(sender, recipient, *(envelope(sender, recipient, seq, text) for seq, text in texts.items()))
    return list(texts.values())
