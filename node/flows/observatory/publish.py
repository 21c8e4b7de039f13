"""Statistics of tier 2 leave: the planned tables, once for each reference day, into the own signed log.

In: the private register and the cases; what each table was told as; the own log. Out: ``statistics/1`` documents and the new state, in ONE
transaction. Rules: a table is told at most once for a reference day, whoever asks; what the own log holds is what was told, and stands: a
database that lost the lists behind it takes the numbers over; a clock that runs ahead of everybody's tells nothing; anything that does not fit, and nothing is told (a stable code says
why). Source: docs/statistics.md, PROTOCOL 12.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog

from node.domain.observatory import lazy, statistics_form
from node.domain.observatory.lazy import CellState, Contents, Place
from node.domain.observatory.plan import PLAN, Planned, is_ahead, reference_day, telling_of
from node.errors import N_, CallerError, LogStateError, OperatorError
from node.flows.logs.append import Operation, OwnLog, append, sign_head
from node.flows.observatory.contributions import gather
from node.flows.trust.agreement_terms import STATISTICS, is_agreed
from node.protocol import canonical
from node.protocol.agreement import Terms
from node.store import log, origins, statistics
from node.store.postgres import Connection, Pool, run_tx
from node.store.statistics import Told

logger = structlog.get_logger()


class Way(StrEnum):
    """What becomes of a table.

    ``first``: told for the first time; ``again``: told with what has changed; ``repeated``: said again as it stands, the log having lost
    it; ``adopted``: taken over from the log, nothing leaves; ``not-due``: told already.
    """

    FIRST = "first"
    AGAIN = "again"
    REPEATED = "repeated"
    ADOPTED = "adopted"
    NOT_DUE = "not-due"


@dataclass(frozen=True, slots=True)
class TableTurn:
    """What one table's turn is or was: ``values`` is what is told, ``renewed`` how many cells have another number than before."""

    table: str
    way: Way
    day: dt.date
    values: Mapping[Place, int]
    renewed: int

    @property
    def leaves(self) -> bool:
        """Whether a document is written."""
        return self.way in (Way.FIRST, Way.AGAIN, Way.REPEATED)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A turn with what is to be kept; ``adopted``: its basis was made anew from what the log says."""

    turn: TableTurn
    state: Mapping[Place, CellState]
    adopted: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a table before its turn: when it was told by this database, and what the own log says last."""

    told: Told | None
    said: statistics_form.Said | None

    @property
    def day(self) -> dt.date | None:
        """The newest reference day at which it was told."""
        return max((found.day for found in (self.told, self.said) if found is not None), default=None)

    @property
    def behind_the_log(self) -> bool:
        """Whether the log knows better than the database: a copy that was put back, or one without the lists."""
        return self.said is not None and (self.told is None or self.told.day < self.said.day)

    @property
    def lost_by_the_log(self) -> bool:
        """Whether the log does not say any more what was told."""
        return self.told is not None and (self.said is None or self.said.day < self.told.day)

    def has_work(self, day: dt.date) -> bool:
        """Tell whether the table is due for a reference day, or to be set right."""
        return self.day is None or self.day < day or self.behind_the_log or self.lost_by_the_log

    def check(self, table: str, values: Mapping[Place, int]) -> None:
        """Hold what the database says was told against what the log says of the same day. Raises: LogStateError(statistics-differs)."""
        if self.said is None or self.told is None or self.said.day != self.told.day:
            return
        if dict(values) != dict(self.said.cells):
            raise LogStateError(
                "statistics-differs",
                N_("la tabella {table} nella base dati non è quella che fu pubblicata: non si pubblica nulla"),
                hint=N_("«rete doctor» controlla la base dati; ripristinarla da una copia di sicurezza"),
                table=table,
            )


async def preview(
    pool: Pool, own: OwnLog, secret: bytes, terms: Terms | None, now: dt.datetime, *, trust_clock: bool = False
) -> list[TableTurn]:
    """Return what would leave now, and change nothing. Raises: as ``publish_due``."""

    async def work(conn: Connection) -> list[TableTurn]:
        return [prepared.turn for prepared in await _prepare(conn, own, secret, terms, now, trust_clock=trust_clock)]

    return await run_tx(pool, work)


async def publish_due(
    pool: Pool, own: OwnLog, secret: bytes, terms: Terms | None, now: dt.datetime, *, trust_clock: bool = False
) -> list[TableTurn]:
    """Tell every table whose reference day has passed, and sign; return each table's turn. Running it again tells nothing.

    ``secret``: of this node's statistics (cell_key.PURPOSE). ``terms``: the agreement's, None where there is none. ``trust_clock``: somebody has
    looked, and it is right.
    Raises: LogStateError statistics-not-agreed, -waits, -own-malformed, -differs, -off-plan, OperatorError(statistics-clock), or as
    ``append`` does: nothing was told.
    """
    done: list[TableTurn] = []

    async def work(conn: Connection) -> list[TableTurn]:
        prepared = await _prepare(conn, own, secret, terms, now, trust_clock=trust_clock)
        for found in prepared:
            if found.turn.way is not Way.NOT_DUE:
                version = PLAN[found.turn.table].since
                said = Told(found.turn.table, version, found.turn.day, now, found.adopted)
                await statistics.write_state(conn, found.state, said)
        leaving = [found for found in prepared if found.turn.leaves]
        if leaving:
            operations = [op for found in leaving for op in _operations(own.owner, found.turn)]
            await append(conn, own, operations, now)
        # A commit whose answer was lost: the second run finds nothing due, and tells what the first one did.
        if not leaving and done:
            return done
        done[:] = [found.turn for found in prepared]
        return done

    turns = await run_tx(pool, work)
    await sign_head(pool, own, now)
    left = [turn for turn in turns if turn.leaves]
    if left:
        logger.info("statistics.published", tables=len(left), day=left[0].day.isoformat())
    return turns


async def _prepare(
    conn: Connection, own: OwnLog, secret: bytes, terms: Terms | None, now: dt.datetime, *, trust_clock: bool
) -> list[_Prepared]:
    if not is_agreed(None if terms is None else terms.data, STATISTICS):
        raise LogStateError(
            "statistics-not-agreed", N_("il protocollo d'intesa non prevede statistiche: non si pubblica nulla")
        )
    await statistics.lock(conn)
    await origins.lock_head(conn, own.origin_id)
    if await log.count_wanted(conn, own.origin_id):
        raise LogStateError(
            "statistics-waits",
            N_("il registro firmato aspetta ancora documenti propri: le statistiche si pubblicano dopo"),
            hint=N_("«rete log show» dice che cosa manca"),
        )
    day = reference_day(now.date())
    told, said = await statistics.told(conn), await _said(conn, own.owner)
    known = {ident: _Known(told.get(ident), said.get(ident)) for ident in PLAN}
    if not trust_clock and any(found.day is None or found.day < day for found in known.values()):
        await _check_clock(conn, day)
    # Nobody reads the register to find that nothing is due.
    contents = await gather(conn, secret) if any(found.has_work(day) for found in known.values()) else {}
    return [
        await _turn(conn, PLAN[ident], secret, contents[ident], found, day)
        if found.has_work(day)
        else await _rest(conn, ident, found)
        for ident, found in known.items()
    ]


async def _check_clock(conn: Connection, day: dt.date) -> None:
    """Hold a reference day against when others, or else this node itself, last signed its head. Raises: OperatorError(statistics-clock).

    What is told for a day to come is the newest for ever: until that day nothing more would be told.
    """
    seen = await statistics.last_signed(conn)
    if seen is not None and is_ahead(day, seen.date()):
        raise OperatorError(
            "statistics-clock",
            N_(
                "l'orologio di questo nodo va forse avanti: l'ultima firma che si conosce è del {seen:%d/%m/%Y}, e si pubblicherebbe il trimestre che finisce il {day:%d/%m/%Y}"
            ),
            hint=N_("controllare l'ora della macchina; se è giusta, «rete observatory publish --trust-clock»"),
            seen=seen,
            day=day,
        )


async def _said(conn: Connection, owner: str) -> dict[str, statistics_form.Said]:
    """Return what the own log says last of each table of the plan. Raises: LogStateError(statistics-own-malformed)."""
    found = {}
    for table, documents in (await statistics.own_documents(conn)).items():
        if table not in PLAN:
            # Retired, and told no more.
            continue
        try:
            found[table] = statistics_form.joined(documents)
        except CallerError as error:
            raise _unreadable(table) from error
        if found[table].owner != owner:
            raise _unreadable(table)
    return found


def _unreadable(table: str) -> LogStateError:
    return LogStateError(
        "statistics-own-malformed",
        N_("ciò che il registro firmato dice della tabella {table} non si legge: non si pubblica nulla"),
        hint=N_("forse lo ha scritto una versione più nuova del programma"),
        table=table,
    )


async def _turn(
    conn: Connection, planned: Planned, secret: bytes, contents: Contents, known: _Known, day: dt.date
) -> _Prepared:
    before = await _stands(conn, planned.ident, contents, known)
    adopted, last = known.behind_the_log, known.day
    if last is None or last < day:
        after = lazy.release(before, contents, telling_of(planned, secret))
        return _prepared(planned, Way.FIRST if before is None else Way.AGAIN, day, before, after, adopted=adopted)
    return _prepared(planned, Way.ADOPTED if adopted else Way.REPEATED, last, before, before, adopted=adopted)


async def _rest(conn: Connection, table: str, known: _Known) -> _Prepared:
    """Return the turn of a table that is not due."""
    values = await statistics.read_values(conn, table)
    known.check(table, values)
    return _Prepared(TableTurn(table, Way.NOT_DUE, known.day or dt.date.min, values, 0), {}, adopted=False)


def _prepared(
    planned: Planned,
    way: Way,
    day: dt.date,
    before: Mapping[Place, CellState] | None,
    after: Mapping[Place, CellState] | None,
    *,
    adopted: bool,
) -> _Prepared:
    old, new = _values(before or {}), _values(after or {})
    renewed = sum(old.get(place) != new.get(place) for place in old.keys() | new.keys()) if before is not None else 0
    return _Prepared(TableTurn(planned.ident, way, day, new, renewed), after or {}, adopted)


def _values(state: Mapping[Place, CellState]) -> dict[Place, int]:
    return {place: cell.value for place, cell in sorted(state.items()) if cell.value}


async def _stands(conn: Connection, table: str, contents: Contents, known: _Known) -> Mapping[Place, CellState] | None:
    """Return a table as it was told last, None before its first release. Raises: LogStateError(statistics-differs)."""
    if known.said is not None and known.behind_the_log:
        return lazy.adopt(known.said.cells, contents)
    if known.told is None:
        return None
    state = await statistics.read_state(conn, table)
    known.check(table, _values(state))
    return state


def _operations(owner: str, turn: TableTurn) -> Sequence[Operation]:
    operations = []
    for document in statistics_form.build(owner, PLAN[turn.table], turn.day, turn.values):
        item_id = str(uuid.uuid4())
        operations.append(Operation(item_id, canonical.dumps({**document, "id": item_id})))
    return operations
