"""Fetch the bodies on an origin's want-list: ask, check, store, several at a time, each step overlapping the others.

In: an origin, a client, the want-list in the database. Out: bodies and cooperation rows, committed in batches; what is
not answered stays on the list. A crash loses at most the batches not yet committed, which are asked for again.
Source: PROTOCOL 6.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from node.errors import N_, PeerWrongError
from node.flows.logs.ingest import Body, ingest_bodies, open_bodies
from node.peers.client import PeerClient
from node.protocol import body, entry, limits
from node.store import log, origins
from node.store.origins import Origin
from node.store.postgres import Connection, Pool, acquire, run_tx

# One commit per so many bodies: few enough to hold in memory, many enough that the commit's own cost vanishes.
COMMIT_BODIES = 1024
# Two commits at once keep two processors of the database busy with tokenising and indexing; a third is there while one of
# them waits for the disk, or for what is checked.
WRITERS = 3
ASKS_AHEAD = 4
# Want-list rows read at a time: each reading passes over all that are left.
LISTED_AT_ONCE = 32 * limits.BODIES_PER_REQUEST
# Bodies checked between two turns of the event loop: some milliseconds.
CHECKED_AT_ONCE = 64
# While one commit is under way the next one is fetched and checked: room for two.
CHECKED_AHEAD = 2 * COMMIT_BODIES // limits.BODIES_PER_REQUEST
Ask = list[tuple[int, bytes]]
Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class _Checked:
    """Answers that passed the gate and wait for their commit."""

    bodies: list[Body] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    answered: int = 0


class Growth:
    """Whether a want-list still grows, for a fetcher that goes along with it."""

    __slots__ = ("_news", "ended")

    def __init__(self) -> None:
        """Begin while it grows."""
        self.ended = False
        self._news = asyncio.Event()

    def tell(self) -> None:
        """Tell that it grew."""
        self._news.set()

    def end(self) -> None:
        """Tell that it grows no more."""
        self.ended = True
        self._news.set()

    async def wait(self) -> None:
        """Wait until either was told."""
        await self._news.wait()
        self._news.clear()


class BodyFetcher:
    """One run over the want-list of one origin."""

    def __init__(
        self,
        pool: Pool,
        origin: Origin,
        client: PeerClient,
        prefix: str,
        validators: Mapping[str, Any],
        progress: Progress,
        growth: Growth | None = None,
        agreed: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """``prefix`` is the log's path on its node; with ``growth`` the run goes on while the want-list grows.

        ``agreed`` tells which types of bodies are kept.
        """
        self._pool, self._origin, self._client, self._prefix = pool, origin, client, prefix
        self._validators, self._progress, self._growth = validators, progress, growth
        self._agreed = agreed
        # How many bodies there are to fetch in all, 0 while that is not known.
        self._total = 0
        self._asks: asyncio.Queue[Ask | None] = asyncio.Queue(ASKS_AHEAD)
        self._checked: asyncio.Queue[_Checked | None] = asyncio.Queue(CHECKED_AHEAD)
        self._answered = 0
        self.stored = 0

    async def run(self) -> int:
        """Empty the want-list as far as the peer answers; return how many bodies were stored.

        Raises: PeerWrongError, RoadWrongError (in an exception group); what was committed before stays.
        """
        await self._count()
        if self._total or self._growth is not None:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._plan())
                group.create_task(self._fetch_all())
                for _ in range(WRITERS):
                    group.create_task(self._write())
        return self.stored

    async def _count(self) -> None:
        if self._growth is None or self._growth.ended:
            async with acquire(self._pool) as conn:
                self._total = self._answered + await log.count_wanted(conn, self._origin.origin_id)

    async def _plan(self) -> None:
        after = -1
        while True:
            # Looked at before the list: what came before the end is on it.
            ended = self._growth is None or self._growth.ended
            async with acquire(self._pool) as conn:
                wanted = await log.list_wanted(conn, self._origin.origin_id, after, LISTED_AT_ONCE)
            if not wanted and not ended and self._growth is not None:
                await self._growth.wait()
                await self._count()
                continue
            if not wanted:
                break
            after = wanted[-1][0]
            for at in range(0, len(wanted), limits.BODIES_PER_REQUEST):
                await self._asks.put(wanted[at : at + limits.BODIES_PER_REQUEST])
        for _ in range(limits.CONNECTIONS_PER_HOST):
            await self._asks.put(None)

    async def _fetch_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(limits.CONNECTIONS_PER_HOST):
                group.create_task(self._fetch())
        for _ in range(WRITERS):
            await self._checked.put(None)

    async def _fetch(self) -> None:
        while (ask := await self._asks.get()) is not None:
            while ask:
                # The peer may stop early (a full reply): what it left out is asked for again.
                ask = ask[await self._ask(ask) :]

    async def _ask(self, ask: Ask) -> int:
        asked = [index for index, _ in ask]
        reply = await self._client.post_signed(
            f"{self._prefix}/bodies", body.encode_request(asked), max_bytes=limits.BODIES_REPLY_MAX_BYTES
        )
        answers = body.decode_reply(asked, reply.body)
        if not answers:
            raise PeerWrongError("bodies-reply-empty", N_("il nodo non risponde su nessuno dei profili chiesti"))
        checked = _Checked(answered=len(answers))
        for at in range(0, len(answers), CHECKED_AT_ONCE):
            self._check(dict(ask[at : at + CHECKED_AT_ONCE]), answers[at : at + CHECKED_AT_ONCE], checked)
            # Writers feed the database between two checks, a server answers others.
            await asyncio.sleep(0)
        await self._checked.put(checked)
        return len(answers)

    def _check(self, ask: Mapping[int, bytes], answers: body.BodiesReply, checked: _Checked) -> None:
        entries = {answer.index: entry.promised(ask[answer.index]) for answer in answers}
        present = [(a.index, a.salt, a.body) for a in answers if a.status == body.PRESENT]
        kept, problems = open_bodies(
            self._origin.origin_id, self._origin.owner, entries, present, self._validators, self._agreed
        )
        checked.bodies += kept
        checked.problems += problems

    async def _write(self) -> None:
        waiting, ended = _Checked(), False
        while not ended:
            item = await self._checked.get()
            ended = item is None
            if item is not None:
                waiting.bodies += item.bodies
                waiting.problems += item.problems
                waiting.answered += item.answered
            if waiting.answered and (ended or len(waiting.bodies) >= COMMIT_BODIES):
                stored = await self._commit(waiting)
                self.stored += stored
                self._answered += waiting.answered
                waiting = _Checked()
                if self._total:
                    self._progress("bodies", min(self._answered, self._total), self._total)

    async def _commit(self, batch: _Checked) -> int:
        async def work(conn: Connection) -> int:
            # Nobody drops the log meanwhile. An extension that erases one of these bodies meets us at the want-list.
            await origins.share_head(conn, self._origin.origin_id)
            return await ingest_bodies(conn, self._origin.origin_id, batch.bodies, batch.problems)

        return await run_tx(self._pool, work)
