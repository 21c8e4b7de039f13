"""The network of the registry that an aggregation becomes: written at accompaniment, asked at the signature, registered with its contract.

In: an aggregation that the caller holds, in the caller's transaction. Out: rows of the registry, by the same reader and writer as a form's,
or a refusal that says what the registry lacks. Source: docs/programme.md 2.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from node.domain.entry_form import entry_of
from node.domain.network import FirmRecord, Member, NetworkRecord
from node.domain.programme.aggregation import Firm
from node.domain.register import NetworkKind
from node.errors import N_, CallerError
from node.flows.profiles.versions import record_of
from node.flows.registry import keeping
from node.store import aggregations, population, registry
from node.store.aggregations import Aggregation
from node.store.postgres import Connection

DRAFTING: Final = "drafting"
WITH_CONTRACT: Final = ("signed", "registered", "amended")
FIRMS_OF_A_NETWORK: Final = 2


async def to_registry(
    conn: Connection, found: Aggregation, on_day: dt.date, network_id: str | None, now: dt.datetime
) -> str:
    """Return the network of the registry that an aggregation becomes: the one that is named, or a new one being drafted.

    Raises: NotFoundError(network-unknown), CallerError(aggregation-network-... | aggregation-firms-few).
    """
    await registry.lock_for_import(conn)
    if network_id is not None:
        key, _ = await record_of(conn, network_id)
        if await aggregations.of_network(conn, key) not in (None, found.aggregation_id):
            raise CallerError("aggregation-network-taken", N_("questa rete è già di un'altra aggregazione"), where="network")  # fmt: skip
        return key
    firms = await aggregations.members(conn, found.aggregation_id)
    if len(firms) < FIRMS_OF_A_NETWORK:
        raise CallerError("aggregation-firms-few", N_("servono almeno {least} imprese"), where="firms", least=FIRMS_OF_A_NETWORK)  # fmt: skip
    reading = keeping.examine(entry_of(_record_of(found, firms, on_day)))
    if reading.record is None:
        problem = reading.wrong[0]
        raise CallerError(
            "aggregation-network-bad",
            N_("il registro delle reti non la accoglie: {what} ({column}, riga {row})"),
            where="firms",
            hint=N_("completare le imprese: servono nome e provincia di ognuna"),
            what=problem.text(),
            column=problem.column,
            row=problem.row,
        )
    made = await keeping.write_in(conn, str(uuid.uuid4()), reading.record, now)
    if made.network_id is None:
        raise CallerError(
            "aggregation-network-there",
            N_("il registro ha già una rete con questo nome"),
            where="network",
            hint=N_("indicare quella rete, oppure cambiare il nome dell'aggregazione"),
        )
    return made.network_id


def _record_of(found: Aggregation, firms: Sequence[Firm], on_day: dt.date) -> NetworkRecord:
    members = tuple(
        Member(
            FirmRecord(
                firm.tax_code, firm.name, municipality=firm.municipality, municipality_name=firm.municipality_name,
                province=firm.province, ateco=firm.ateco,
            ),
            joined_on=on_day, is_reference=firm.is_reference,
        )
        for firm in firms
    )  # fmt: skip
    return NetworkRecord(found.name, NetworkKind.CONTRACT, DRAFTING, found.idea, members)


async def refuse_unsigned(conn: Connection, found: Aggregation) -> None:
    """Refuse a contract that the registry does not know as signed, or of firms without tax codes. Raises: CallerError(aggregation-not-signed | aggregation-firms-unnamed)."""
    record = await _record_in_registry(conn, found)
    if record is None or record.status not in WITH_CONTRACT:
        raise CallerError(
            "aggregation-not-signed",
            N_("il registro delle reti non dice che il contratto è firmato"),
            where="stage",
            hint=N_("scrivere l'atto e lo stato «firmata» nella rete collegata, poi ripetere"),
        )
    unnamed = sum(not member.firm.tax_code for member in record.members if member.left_on is None)
    if unnamed:
        raise CallerError(
            "aggregation-firms-unnamed",
            N_("a {count} imprese della rete manca il codice fiscale"),
            where="stage",
            hint=N_("chi ha firmato ne ha uno: scriverlo nella rete collegata, poi ripetere"),
            count=unnamed,
        )


async def _record_in_registry(conn: Connection, found: Aggregation) -> NetworkRecord | None:
    if found.network_id is None:
        return None
    return (await registry.read_records(conn, [found.network_id])).get(found.network_id)


async def register_network(conn: Connection, found: Aggregation, register_id: str, now: dt.datetime) -> None:
    """Let the registry's network be the contract of the register; where an import has made another of it, that one is taken.

    Raises: CallerError(aggregation-network-taken).
    """
    record, row = await _record_in_registry(conn, found), await population.find_network(conn, register_id)
    if record is None or row is None or found.network_id is None:
        return
    if record.register_id == register_id and record.status in WITH_CONTRACT[1:]:
        return
    said = replace(
        record,
        status=record.status if record.status in WITH_CONTRACT[1:] else WITH_CONTRACT[1],
        deed_register_number=row.deed_register_number,
        deed_number=row.deed_number,
        signed_on=row.registered_on,
    )
    written = await keeping.write_in(conn, found.network_id, said, now)
    if written.twin is not None:
        if await aggregations.of_network(conn, written.twin) not in (None, found.aggregation_id):
            raise CallerError("aggregation-network-taken", N_("questa rete è già di un'altra aggregazione"), where="register_id")  # fmt: skip
        await aggregations.link_network(conn, found.aggregation_id, written.twin, now)
