"""Issuing offices tell each other of their applications: a file of signed, sealed sheets, carried by whatever road.

In: this office's applications and the other's keys; or a file that another issuer made for this one. Out: the file; what it says, kept.
Rules: sheets leave after the closing moment, once all that is to be judged is judged, so that no point is known before; each is sealed for
one recipient and signed by the sender; a file counts as a whole or not at all, the later one of an office replaces the earlier, and the
same again changes nothing. Source: PROTOCOL 14.6.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.domain.programme import exchanged
from node.domain.programme.call import Call
from node.domain.programme.exchanged import Heading, Told
from node.domain.programme.published_ranking import Applied, sheet_of
from node.domain.programme.scoring import Entry
from node.errors import N_, CallerError, PeerWrongError
from node.flows.programme import calls as texts
from node.flows.registry.acting import tell
from node.protocol import call_sheet, canonical, sealed
from node.protocol.member import Member, Membership
from node.protocol.sealed import Header, SealPrivate
from node.store import call_scores, calls
from node.store.calls import Application, SheetRow
from node.store.postgres import Connection, Pool, acquire, run_tx


@dataclass(frozen=True, slots=True)
class Desk:
    """What the exchange of sheets needs of this node."""

    pool: Pool
    membership: Membership
    signing_key: Callable[[], Ed25519PrivateKey] = field(repr=False)
    seal_of: Callable[[str], SealPrivate | None] = field(repr=False)

    @property
    def own_id(self) -> str:
        """This office's member id."""
        return self.membership.own_id

    def other(self, call: Call, member: str) -> Member:
        """Return another issuer of a call that can be written to. Raises: CallerError(call-issuer-unknown)."""
        found = self.membership.members.get(member)
        if (
            found is None
            or found.seal is None
            or found.id == self.own_id
            or found.id not in {i.node for i in call.issuers}
        ):
            raise CallerError(
                "call-issuer-unknown",
                N_("«{member}» non è un altro ente del bando a cui si possa scrivere"),
                member=member[:40],
            )
        return found


async def own_applications(conn: Connection, own_id: str, call: Call) -> list[Told]:
    """Return this office's applications as the others are told of them.

    Raises: CallerError(scores-missing) where one that takes part is not judged by all.
    """
    found = await calls.applications(conn, call.call_id)
    undertakings = await calls.undertakings(conn, [one.application_id for one in found])
    return [Told(await _applied(conn, own_id, call, one), tuple(undertakings[one.application_id])) for one in found]


async def _applied(conn: Connection, own_id: str, call: Call, one: Application) -> Applied:
    sheets = []
    if call.is_scored and one.takes_part:
        if not one.is_scored:
            raise CallerError(
                "scores-missing", N_("la domanda {id} non ha ancora i punti di {count} valutatori"), where=one.protocol,
                id=one.application_id, count=call.evaluators,
            )  # fmt: skip
        sheets = [
            sheet_of(score.alias, score.points) for score in await call_scores.shown(conn, one.application_id, "")
        ]
    entry = Entry(one.application_id, own_id, one.protocol, one.arrived_at, one.requested, tuple(sheets))
    return Applied(entry, one.network_key, one.reasons, one.withdrawn_at is not None)


async def export(desk: Desk, call_id: str, recipient: str, now: dt.datetime) -> bytes:
    """Return the file that tells another issuer of all applications at this office.

    Raises: NotFoundError(call-not-kept); CallerError call-issuer-unknown, sheets-early, scores-missing, message-too-large.
    """
    call, _ = await texts.kept_call(desk.pool, call_id)
    member = desk.other(call, recipient)
    if now < call.closes:
        raise CallerError("sheets-early", N_("le schede partono dopo la scadenza del bando"), where=call_id)
    async with acquire(desk.pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        told = await own_applications(conn, desk.own_id, call)
    return await asyncio.to_thread(_file, desk, call, member, told, now)


def _file(desk: Desk, call: Call, member: Member, told: Sequence[Told], now: dt.datetime) -> bytes:
    assert member.seal is not None  # noqa: S101 - Desk.other has looked
    messages = []
    for number, item in enumerate([None, *told]):
        document = exchanged.build(call, Heading(desk.own_id, member.id, now, number, len(told)), item)
        about = call.call_id if item is None else item.applied.entry.application_id
        signed = call_sheet.sign(document, desk.signing_key())
        envelope = sealed.seal(Header(desk.own_id, member.id, about, number), signed, member.seal)
        messages.append(canonical.parse(envelope, max_bytes=len(envelope)))
    return canonical.dumps({"call": call.digest, "from": desk.own_id, "m": messages, "to": member.id, "v": 1})


async def take(desk: Desk, call_id: str, raw: bytes, now: dt.datetime) -> tuple[str, int]:
    """Keep what a file of another issuer tells; return whose it is, and of how many applications.

    Raises: NotFoundError(call-not-kept); CallerError call-issuer-unknown, sheet-bad, sheets-old; PeerWrongError sheet-..., seal-....
    """
    call, _ = await texts.kept_call(desk.pool, call_id)
    heading, told = await asyncio.to_thread(_opened, desk, call, raw)
    if heading.at > now + dt.timedelta(minutes=10):
        raise PeerWrongError("sheet-malformed", N_("scheda non valida: {what}"), what="at")
    if heading.at < call.closes:
        raise CallerError("sheets-early", N_("le schede partono dopo la scadenza del bando"), where=call_id)

    async def work(conn: Connection) -> bool:
        await tell(conn)
        for item in told:
            # An office speaks for its own applications alone.
            if await calls.is_anothers(conn, item.applied.entry.application_id, call_id, heading.sender):
                raise call_sheet.malformed("id")
        rows = [
            SheetRow(item.applied.entry.application_id, heading.sender, item.applied.network, _bare(item))
            for item in told
        ]
        if not await calls.take_office(conn, call_id, heading.sender, heading.at, rows, now):
            return False
        for item in told:
            await calls.insert_undertakings(conn, item.applied.entry.application_id, item.undertakings)
        return True

    if not await run_tx(desk.pool, work):
        raise CallerError("sheets-old", N_("quell'ufficio ha già mandato schede più recenti"), where=heading.sender)
    return heading.sender, heading.count


def _bare(item: Told) -> dict[str, Any]:
    """Return the facts of an application without what says whose it is: that stands in columns, where an erasure finds it."""
    return {**exchanged.facts_of(item), "network": "-", "undertakings": []}


def _opened(desk: Desk, call: Call, raw: bytes) -> tuple[Heading, list[Told]]:
    """Return what a file says, every message of it opened and judged."""
    file = canonical.parse(raw, max_bytes=call_sheet.FILE_MAX_BYTES)
    if (
        type(file) is not dict
        or file.keys() != {"call", "from", "m", "to", "v"}
        or type(file["m"]) is not list
        or not file["m"]
    ):
        raise call_sheet.malformed("m")
    if file["call"] != call.digest:
        raise CallerError("call-digest-other", N_("le schede sono di un altro testo del bando"), where="call")
    member = desk.other(call, str(file["from"]))
    headings, told = [], []
    for message in file["m"]:
        heading, item = _message(desk, call, member, message)
        headings.append(heading)
        if item is not None:
            told.append(item)
    first = headings[0]
    if headings != [
        Heading(member.id, desk.own_id, first.at, number, len(headings) - 1) for number in range(len(headings))
    ]:
        raise call_sheet.malformed("n")
    if len({item.applied.entry.application_id for item in told}) != len(told):
        raise call_sheet.malformed("id")
    return first, told


def _message(desk: Desk, call: Call, member: Member, message: Any) -> tuple[Heading, Told | None]:
    envelope = sealed.parse(canonical.dumps(message))
    if envelope.header.sender != member.id:
        raise PeerWrongError("seal-sender-wrong", N_("la scheda non viene da chi manda il file"))
    plaintext = sealed.unseal(envelope, desk.own_id, desk.seal_of(envelope.key_id))
    heading, item = exchanged.parse(call, call_sheet.decode(plaintext, member.voices))
    about = call.call_id if item is None else item.applied.entry.application_id
    if (envelope.header.introduction, envelope.header.seq) != (about, heading.number):
        raise call_sheet.malformed("id")
    return heading, item
