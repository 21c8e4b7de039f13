"""A road between two offices in memory: it loses questions and answers, cuts pages short, and gives old answers again.

In the place of ``PeerClient``; what answers is the handler of the outbox, on the other office's own database.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any

from node.errors import RoadWrongError
from node.peers.client import Reply
from node.protocol import post
from node.store import outbox
from node.store.postgres import run_tx
from node.web import outbox as served
from tests.introductions_made import Desk


class Fate(Enum):
    """What becomes of a question."""

    GOOD = "good"
    LOST = "lost"
    UNANSWERED = "unanswered"
    SHORT = "short"
    OLD = "old"


@dataclass
class Line:
    """What one office asks by; ``luck`` decides what becomes of each question."""

    desk: Desk
    others: Mapping[str, Desk]
    luck: random.Random
    troubles: float = 0.0
    down: bool = False
    replies: list[bytes] = field(default_factory=list)

    def fate(self) -> Fate:
        """Draw what becomes of the next question."""
        if self.down:
            return Fate.LOST
        if self.luck.random() >= self.troubles:
            return Fate.GOOD
        return self.luck.choice((Fate.LOST, Fate.UNANSWERED, Fate.SHORT, Fate.OLD))

    def _lost(self) -> RoadWrongError:
        return RoadWrongError("peer-unreachable", "nessuna risposta")

    async def answer(self, other: Desk, query: str, max_bytes: int) -> bytes:
        """Ask another office's outbox, and see what comes of it."""
        fate, after = self.fate(), post.parse_after(query)
        if fate is Fate.LOST:
            raise self._lost()
        if fate is Fate.OLD and self.replies:
            return self.luck.choice(self.replies)
        body = await run_tx(other.town.node.pool, lambda conn: served._answer(conn, self.desk.id, after))
        self.replies = [*self.replies[-20:], body]
        if fate is Fate.UNANSWERED:
            raise self._lost()
        if fate is Fate.SHORT:
            page = post.parse(body, after)
            some = page.messages[: self.luck.randint(0, len(page.messages))]
            body = post.encode([(m.number, m.sealed) for m in some], more=bool(some))
        assert len(body) <= max_bytes
        return body

    async def hint(self, other: Desk) -> None:
        """Wake another office."""
        if self.fate() in (Fate.LOST, Fate.UNANSWERED):
            raise self._lost()
        async with other.town.node.pool.acquire() as conn, conn.transaction():
            await outbox.wake_asking(conn, self.desk.id, other.clock())


def client(line: Line, base_url: str, _signer: Any = None) -> Any:
    """Return what stands in the place of ``PeerClient``."""
    other = line.others[base_url.rstrip("/")]

    async def get_signed(path: str, query: str, *, max_bytes: int) -> Reply:
        assert path == "/federation/outbox"
        return Reply(200, await line.answer(other, query, max_bytes), None, None, {})

    async def hint(path: str, _body: bytes, **_more: Any) -> None:
        assert path == "/federation/hint"
        await line.hint(other)

    return SimpleNamespace(get_signed=get_signed, post=hint)
