"""Keep the private register by hand: find networks, read one, write one as a form says it, end a membership.

In: what an officer asks or typed. Out: rows, whole records, problems with the field of each. Rules: those of an import
(domain/entry_form over template_reader, store/registry.apply_import), so that file, command and form refuse the same for the same
reasons. Who writes says which state they saw (``seen``); when it is no longer the state of the register, nothing is written and
the difference is told. Nobody's typing is lost by it: the caller still has the form.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from node.domain.entry_form import Entry, Reading, differences, read
from node.domain.network import NetworkRecord, check
from node.domain.rows import RowProblem, tax_code_of
from node.domain.territory import fold
from node.errors import N_, CallerError, NotFoundError
from node.flows.profiles.versions import record_of
from node.flows.registry.acting import tell
from node.store import publication, registry
from node.store.postgres import Connection, Pool, acquire, run_tx, transaction
from node.store.reference import load_sectors, load_territories
from node.store.registry import Sought

SOURCE = "officer"
PAGE, EXPORT_PAGE, EXPORT_MAX = 50, 1000, 100_000
HISTORY_MAX = 200
Difference = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """Some networks, and the id after which the next ones come, None after the last."""

    networks: tuple[dict[str, Any], ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Kept:
    """One network as the register has it; ``seen`` is what a change of it has to show."""

    network_id: str
    record: NetworkRecord
    seen: str
    profiles: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a form: the id of what was written, or why nothing was; with ``conflict``, the state of now."""

    network_id: str | None
    problems: tuple[RowProblem, ...] = ()
    conflict: tuple[Difference, ...] | None = None
    seen: str = ""
    twin: str | None = None


async def tell_export(pool: Pool, officer: str, form: str, networks: int) -> None:
    """Tell the chain of decisions that rows of the register leave it as a table (csv, xlsx), before they do."""
    async with transaction(pool) as conn:
        await registry.tell_export(conn, officer, form, networks)


def sought(
    *,
    words: str = "",
    status: str = "",
    kind: str = "",
    province: str = "",
    without_profile: bool = False,
    after: str = "",
) -> Sought:
    """Return a question as people type it. Raises: NotFoundError(network-unknown) for an ``after`` that is no id."""
    try:
        last = str(uuid.UUID(after)) if after else None
    except ValueError as error:
        raise NotFoundError("network-unknown", N_("rete sconosciuta: {id}"), id=after[:60]) from error
    return Sought(
        words=fold(words)[:255] or None,
        tax_code=tax_code_of(words)[:16],
        status=status or None,
        kind=kind or None,
        province=province.strip().upper()[:2] or None,
        without_profile=without_profile,
        after=last,
    )


async def find(pool: Pool, asked: Sought, limit: int = PAGE) -> Page:
    """Return a page of the register."""
    async with acquire(pool) as conn:
        found = await registry.find_networks(conn, asked, limit + 1)
    more = len(found) > limit
    return Page(tuple(found[:limit]), found[limit - 1]["network_id"] if more else None)


async def find_all(pool: Pool, asked: Sought) -> AsyncIterator[dict[str, Any]]:
    """Yield all networks that a question finds, EXPORT_MAX at most: the same rows as ``find``, page after page."""
    asked, count = replace(asked, after=None), 0
    while count < EXPORT_MAX:
        page = await find(pool, asked, EXPORT_PAGE)
        for row in page.networks:
            yield row
        count += len(page.networks)
        if page.after is None:
            return
        asked = replace(asked, after=page.after)


async def read_network(pool: Pool, network_id: str) -> Kept:
    """Return one network, its history and its profiles. Raises: NotFoundError(network-unknown)."""
    async with acquire(pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        key, record = await record_of(conn, network_id)
        profiles = await publication.profiles_of_network(conn, key)
    return Kept(key, record, record.digest().hex(), tuple(profiles))


async def history(pool: Pool, network_id: str) -> list[dict[str, Any]]:
    """Return what became of a network, the newest first: who changed which fields, firms that came and went, documents.

    Raises: NotFoundError(network-unknown).
    """
    async with acquire(pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        key, _ = await record_of(conn, network_id)
        return await registry.history(conn, key, HISTORY_MAX)


def examine(entry: Entry, *, terms_only: bool = False) -> Reading:
    """Return what a form says, without asking the register."""
    return read(entry, load_territories(), load_sectors(), terms_only=terms_only)


async def write(
    pool: Pool, entry: Entry, now: dt.datetime, *, network_id: str | None = None, seen: str = ""
) -> Outcome:
    """Write a new network, or with ``network_id`` a changed one, as a form says it.

    Nothing is written while something is wrong, when the register has another network of the same deed or name, or when the
    network is no longer as it was ``seen``. Raises: NotFoundError(network-unknown).
    """
    reading = examine(entry)
    record = reading.record
    if record is None:
        return Outcome(None, reading.problems)
    made = str(uuid.uuid4())

    async def work(conn: Connection) -> Outcome:
        await tell(conn)
        await registry.lock_for_import(conn)
        key = made
        if network_id is not None:
            key, before = await record_of(conn, network_id)
            if before.digest() == record.digest():
                # Also when another officer has written just this.
                return Outcome(key)
            if before.digest().hex() != seen:
                return Outcome(None, reading.problems, tuple(differences(record, before)), before.digest().hex())
        return await write_in(conn, key, record, now, reading.problems)

    return await run_tx(pool, work)


async def write_in(
    conn: Connection, network_id: str, record: NetworkRecord, now: dt.datetime, problems: tuple[RowProblem, ...] = ()
) -> Outcome:
    """Write a checked record under an id, in the transaction of a caller who told who acts and locked the register for imports.

    Nothing is written when the register has another network of the same deed or name.
    """
    twin = await _twin(conn, record, network_id)
    if twin is not None:
        reason = N_("il registro ha già una rete con questo atto, o con questo nome e senza atto")
        return Outcome(None, (RowProblem("", 0, "rete", "network-repeated", reason),), twin=twin)
    await registry.apply_import(conn, [(network_id, record)], source=SOURCE, now=now)
    return Outcome(network_id, problems)


async def _twin(conn: Connection, record: NetworkRecord, own: str) -> str | None:
    """Return the other network that an import would take for this record."""
    state = await registry.import_state(conn, [record.import_key])
    found = state.get(record.import_key)
    return found[0] if found is not None and found[0] != own else None


async def end_membership(
    pool: Pool, network_id: str, position: int, left_on: dt.date | None, seen: str, now: dt.datetime
) -> None:
    """End the membership at a position of the record that was ``seen``.

    Raises: CallerError date-bad, network-changed, member-unknown, or a rule that the network would break (domain/network.check);
    NotFoundError(network-unknown).
    """
    if left_on is None:
        raise CallerError("date-bad", N_("data non valida: serve gg/mm/aaaa"), where="uscita")

    async def work(conn: Connection) -> None:
        await tell(conn)
        await registry.lock_for_import(conn)
        key, record = await record_of(conn, network_id)
        if record.digest().hex() != seen:
            raise CallerError(
                "network-changed",
                N_("un'altra persona ha cambiato la rete nel frattempo: nulla è stato scritto"),
                hint=N_("guardare com'è ora e ripetere"),
            )
        if not 0 <= position < len(record.members) or record.members[position].left_on is not None:
            raise CallerError("member-unknown", N_("nessuna impresa presente a questo posto"), where="uscita")
        members = list(record.members)
        # As what it was in the network stays with its history.
        members[position] = replace(members[position], left_on=left_on)
        try:
            ended = check(replace(record, members=tuple(members)))
        except CallerError as error:
            error.where = "uscita"
            raise
        await registry.apply_import(conn, [(key, ended)], source=SOURCE, now=now)

    await run_tx(pool, work)
