"""What is seen of four nodes in trouble: who answers, who lags behind whom, what struck whom last, how soon it had recovered.

In: nodes, their processes and roads. Out: a table that renews itself in a terminal, a line for each event elsewhere; and the times of recovery. A node has
recovered from a trouble when it answers, has all that the others have signed, and they have all of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from rich.live import Live
from rich.table import Table
from rich.text import Text

from node.cli.frame import Face
from node.errors import N_, ReteError
from node.flows.logs.holdings import sizes
from node.peers.chaos_proxy import Proxy
from node.peers.client import PeerClient, open_session
from node.peers.spells import Fault
from node.runtime import Node

EVERY_S = 0.5
ANSWER_S = 0.9
STATUS_MAX_BYTES = 65_536
NAMES = {"kill": N_("processo ucciso"), "freeze": N_("processo fermato")}


@dataclass
class Seen:
    """One node as it is seen now; ``lag`` is how many entries it lacks of each other's log, ``waits`` since when it recovers."""

    id: str
    url: str
    up: bool = True
    frozen: bool = False
    fault: Fault = Fault.CALM
    lag: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    last: str = ""
    last_at: float = 0.0
    troubles: int = 0
    waits: float | None = None
    struck: dict[str, int] = field(default_factory=dict)
    recovered_s: list[float] = field(default_factory=list)


class Watch:
    """Looks, and shows."""

    def __init__(self, face: Face, nodes: Sequence[Node], urls: Sequence[str]) -> None:
        self.face, self._nodes = face, nodes
        self.seen = [Seen(node.config.node.id, url) for node, url in zip(nodes, urls, strict=True)]
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self._live: Live | None = None
        self._note = ""

    @property
    def now_s(self) -> float:
        """Seconds since the trouble began."""
        return self._clock() - self._began

    def note(self, number: int | None, message: str, **facts: object) -> None:
        """Tell one event: in the table's foot, or as a line."""
        self._tell(number, self.face.tr(message).format(**facts))

    def _tell(self, number: int | None, text: str) -> None:
        self._note = text if number is None else f"{self.seen[number].id}: {text}"
        if self._live is None:
            self.face.err.print(f"[{self.now_s:5.1f} s] {self._note}", markup=False, highlight=False)

    def struck(self, number: int, what: str) -> None:
        """Tell that a trouble began."""
        seen = self.seen[number]
        seen.troubles += 1
        seen.struck[what] = seen.struck.get(what, 0) + 1
        seen.last, seen.last_at = self.face.tr(NAMES[what]) if what in NAMES else what, self.now_s
        seen.waits = None
        self._tell(number, seen.last)

    def over(self, number: int, what: str) -> None:
        """Tell that a trouble is over; with the last one recovery begins."""
        seen = self.seen[number]
        seen.troubles -= 1
        if not seen.troubles:
            seen.waits = self.now_s
        self.note(number, N_("finito: {what}"), what=self.face.tr(NAMES[what]) if what in NAMES else what)

    async def road(self, number: int, road: Proxy) -> None:
        """Let a road's weather pass, and tell of each bad spell."""
        blowing = asyncio.create_task(road.blow())
        fault = Fault.CALM
        try:
            while True:
                now = road.fault if not blowing.done() else Fault.CALM
                if now is not fault:
                    if fault is not Fault.CALM:
                        self.over(number, str(fault))
                    if now is not Fault.CALM:
                        self.struck(number, str(now))
                    fault = now
                if blowing.done():
                    return
                await asyncio.sleep(0.1)
        finally:
            blowing.cancel()

    @asynccontextmanager
    async def awake(
        self, processes: Sequence[asyncio.subprocess.Process], roads: Sequence[Proxy]
    ) -> AsyncIterator[None]:
        """Look and show for the time of a block."""
        self._began = self._clock()
        live = Live(self.table(), console=self.face.out, refresh_per_second=2) if self.face.out.is_terminal else None
        looking = asyncio.create_task(self._look(processes, roads))
        try:
            if live is not None:
                live.start()
            self._live = live
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            if live is not None:
                live.update(self.table())
                live.stop()
            self._live = None

    async def until_recovered(self, at_most_s: float) -> None:
        """Wait until nobody is recovering any more, for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                while any(seen.waits is not None for seen in self.seen):  # noqa: ASYNC110 - it is we who look
                    await asyncio.sleep(EVERY_S)

    async def _look(self, processes: Sequence[asyncio.subprocess.Process], roads: Sequence[Proxy]) -> None:
        async with open_session(loopback=True, total_s=ANSWER_S) as session:
            while True:
                await asyncio.gather(*(self._ask(n, PeerClient(session, seen.url)) for n, seen in enumerate(self.seen)))
                for seen, process, road in zip(self.seen, processes, roads, strict=True):
                    seen.up = seen.up and process.returncode is None
                    seen.fault = road.fault
                await self._compare()
                if self._live is not None:
                    self._live.update(self.table())
                await asyncio.sleep(EVERY_S)

    async def _ask(self, number: int, client: PeerClient) -> None:
        seen = self.seen[number]
        try:
            await client.get("/status", max_bytes=STATUS_MAX_BYTES)
            seen.up = True
        except ReteError:
            seen.up = False

    async def _compare(self) -> None:
        found = [await sizes(node.pool) for node in self._nodes]
        signed = {seen.id: found[n].entries.get(seen.id, 0) for n, seen in enumerate(self.seen)}
        for seen, held in zip(self.seen, found, strict=True):
            seen.quarantined = held.quarantined
            seen.lag = {other: size - held.entries.get(other, 0) for other, size in signed.items() if other != seen.id}
        for number, seen in enumerate(self.seen):
            behind = any(seen.lag.values()) or any(other.lag.get(seen.id, 0) for other in self.seen)
            if seen.waits is not None and seen.up and not behind:
                took = self.now_s - seen.waits
                seen.recovered_s.append(took)
                seen.waits = None
                self.note(number, N_("ripreso in {seconds:.1f} s"), seconds=took)

    def table(self) -> Table:
        """Return what is seen now."""
        tr = self.face.tr
        made = Table(
            title=Text(f"{self.now_s:.0f} s"), title_justify="left", caption=Text(self._note), caption_justify="left"
        )
        for title in (N_("nodo"), N_("stato"), N_("strada"), N_("indietro (voci)"), N_("quarantena"), N_("ultimo guasto"), N_("ripreso in")):  # fmt: skip
            made.add_column(Text(tr(title)))
        for seen in self.seen:
            state = N_("fermo") if seen.frozen else N_("acceso") if seen.up else N_("spento")
            lag = " ".join(f"{other}:{count}" for other, count in seen.lag.items() if count)
            last = f"{seen.last} ({self.now_s - seen.last_at:.0f} s)" if seen.last else ""
            took = f"{seen.recovered_s[-1]:.1f} s" if seen.recovered_s else ""
            road = "" if seen.fault is Fault.CALM else str(seen.fault)
            style = "" if seen.up and not road else "yellow" if seen.up else "red"
            cells = (seen.id, tr(state), road, lag, str(seen.quarantined or ""), last, took)
            made.add_row(*map(Text, cells), style=style)
        return made
