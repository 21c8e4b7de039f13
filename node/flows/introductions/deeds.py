"""What people decide in introductions: endorse, write anew or delete a draft; check, accept, consent, decline, tell how it went.

In: an Office, a case, what somebody decided. Out: the case as it stands then; what is to be said has left for the other office, sealed.
Rules: a text leaves only when the gate finds nobody named in it; a request only when an officer has endorsed it; an identity is what was
recorded with the consent, and leaves by the node alone once both have consented (flows/introductions/casework). Who decides is told to the
chain of decisions by the database. Source: domain/introduction.py, docs/introductions.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from node.domain import introduction, saved, vocabulary
from node.domain.introduction import Case, Kind, State
from node.domain.introduction_texts import CONSENT_VERSION
from node.errors import N_, CallerError
from node.flows.introductions import casework, own_side
from node.flows.introductions.casework import Office, Work
from node.flows.introductions.fields import checked_short, checked_text, chosen
from node.store import introductions
from node.store.introductions import Consent, Row
from node.store.postgres import Connection, run_tx

# What needs words, and what may have some.
_NEEDS_TEXT: Final = frozenset({Kind.QUESTION, Kind.ANSWER})
_MAY_HAVE_TEXT: Final = _NEEDS_TEXT | {Kind.ACCEPT, Kind.DECLINE, Kind.WITHDRAW, Kind.FOLLOW_UP, Kind.OUTCOME}
_DETAILS: Final[Mapping[Kind, Sequence[str]]] = {
    Kind.DECLINE: tuple(introduction.DECLINE_REASONS),
    Kind.WITHDRAW: tuple(r for r in introduction.WITHDRAW_REASONS if r != introduction.PROFILE_WITHDRAWN),
    Kind.OUTCOME: tuple(introduction.OUTCOMES),
    Kind.FOLLOW_UP: tuple(str(day) for day in introduction.FOLLOW_UP_DAYS),
}


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody does in a case; ``person`` and ``contact`` go with a consent: who gave it, and whom the other side may call.

    ``sure``: all doubtful words of the text were looked at and name nobody. ``seen``: own_side.digest_of the draft, or of the identity,
    that was shown to who endorses it or records the consent; None: not asked.
    """

    kind: Kind
    text: str = ""
    detail: str = ""
    person: str = ""
    contact: Mapping[str, str] = field(default_factory=dict, repr=False)
    sure: bool = False
    seen: str | None = None


async def endorse(
    office: Office,
    introduction_id: str,
    officer: str,
    now: dt.datetime,
    *,
    sure: bool = False,
    seen: str | None = None,
) -> Case:
    """Endorse a draft: it leaves for the other office, without a name. Raises: introduction-not-now, text-refused, text-doubtful."""

    async def work(conn: Connection) -> Case:
        found = await casework.lock_one(conn, introduction_id)
        row = found.row
        if row.state != State.DRAFT or found.events:
            raise _not_now(found)
        if seen is not None and seen != own_side.digest_of(row.request):
            raise CallerError(
                "introduction-not-now",
                N_("la bozza è cambiata da quando è stata letta: non è uscito nulla"),
                hint=N_("rileggerla com'è ora, e poi convalidarla"),
            )
        office.peer(row.peer)
        await own_side.refuse_names(conn, office, row, str(row.request["text"]), sure=sure)
        seeker = {"kind": own_side.FIRM if row.network_id is None else own_side.NETWORK} | await own_side.described(
            conn, office, row
        )
        payload = {**row.request, "seeker": seeker}
        casework.say(office, found, Kind.REQUEST, now, payload=payload, officer=officer)
        await casework.save(conn, office, [found], now)
        return found.case

    return await run_tx(office.pool, work)


def _not_now(found: Work) -> CallerError:
    return CallerError(
        "introduction-not-now",
        N_("in questo momento non si può: il contatto è cambiato, o tocca all'altro ufficio"),
        hint=N_("aprirlo di nuovo: mostra che cosa si può fare"),
        state=str(found.case.state),
    )


async def act(office: Office, introduction_id: str, deed: Deed, officer: str, now: dt.datetime) -> Case:
    """Do what somebody decided in a case; return the case as it stands then.

    Raises: introduction-unknown, introduction-not-now, introduction-choice-bad, introduction-text-bad, introduction-consent-bad,
    text-refused, text-doubtful.
    """
    if deed.kind is Kind.REQUEST:
        return await endorse(office, introduction_id, officer, now, sure=deed.sure, seen=deed.seen)
    text = checked_text(deed.text, needed=deed.kind in _NEEDS_TEXT) if deed.kind in _MAY_HAVE_TEXT else ""
    detail = chosen("detail", deed.detail, _DETAILS[deed.kind]) if deed.kind in _DETAILS else ""

    async def work(conn: Connection) -> Case:
        found = await casework.lock_one(conn, introduction_id)
        if deed.kind not in introduction.may(found.case, found.me) or not found.events:
            raise _not_now(found)
        await own_side.refuse_names(conn, office, found.row, text, sure=deed.sure)
        if deed.kind is Kind.CONSENT:
            found.consent = await _consent(conn, office, found.row, deed, officer, now)
        payload = {"text": text} if text else None
        casework.say(office, found, deed.kind, now, detail=detail, payload=payload, officer=officer)
        if deed.kind is Kind.REVOKE:
            await introductions.revoke_consent(conn, found.row.introduction_id, now)
        casework.settle(office, [found], now)
        await casework.save(conn, office, [found], now)
        return found.case

    return await run_tx(office.pool, work)


async def _consent(conn: Connection, office: Office, row: Row, deed: Deed, officer: str, now: dt.datetime) -> Consent:
    """Record the own side's consent with exactly what may be told: who, to which text, when, and the identity as it is today."""
    person = checked_short("person", deed.person)
    names = ("person", "role", "email", "phone")
    contact = {name: checked_short(f"contact.{name}", deed.contact.get(name, "")) for name in names}
    if not person or not contact["person"] or not (contact["email"] or contact["phone"]):
        raise CallerError(
            "introduction-consent-bad",
            N_("serve chi ha dato il consenso, e il nome di una persona da contattare con un recapito"),
            where="person" if not person else "contact.person" if not contact["person"] else "contact.email",
        )
    if contact["email"]:
        contact["email"] = saved.check_email(contact["email"])
    identity = await own_side.identity_today(conn, office, row)
    if deed.seen is not None and deed.seen != own_side.digest_of(identity):
        raise CallerError(
            "introduction-not-now",
            N_("ciò che si comunicherebbe è cambiato da quando è stato letto: il consenso non è registrato"),
            hint=N_("rileggere a chi dà il consenso che cosa si comunica ora, e poi registrarlo"),
        )
    consent = Consent(person, CONSENT_VERSION, identity | {"contact": contact}, officer, now, None)
    await introductions.keep_consent(conn, row.introduction_id, consent)
    return consent


async def discard(office: Office, introduction_id: str) -> None:
    """Delete a draft that was never sent. Raises: introduction-unknown, introduction-not-now."""

    async def work(conn: Connection) -> None:
        found = await casework.lock_one(conn, introduction_id)
        if not await introductions.delete_draft(conn, found.row.introduction_id):
            raise _not_now(found)

    await run_tx(office.pool, work)


async def rewrite(office: Office, introduction_id: str, text: str, purpose: str, now: dt.datetime) -> None:
    """Write a draft's text anew. Raises: introduction-unknown, introduction-not-now, introduction-text-bad, text-refused."""
    text, purpose = checked_text(text, needed=True), chosen("purpose", purpose, vocabulary.PURPOSES)

    async def work(conn: Connection) -> None:
        found = await casework.lock_one(conn, introduction_id)
        await own_side.refuse_names(conn, office, found.row, text, sure=True)
        request = {**found.row.request, "text": text, "purpose": purpose}
        if not await introductions.change_draft(conn, found.row.introduction_id, request, found.row.network_id, now):
            raise _not_now(found)

    await run_tx(office.pool, work)
