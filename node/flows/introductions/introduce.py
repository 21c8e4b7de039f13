"""What people do in introductions: ask, endorse, check, forward, accept, consent, decline, tell how it went.

In: an Office, a case, what somebody decided. Out: the case as it stands then; what is to be said has left for the other office, sealed.
Rules: a text leaves only when the gate finds nobody named in it; a request only when an officer has endorsed it; an identity is what was
recorded with the consent, and leaves by the node alone once both have consented (flows/introductions/casework). Who decides is told to the chain of
decisions by the database. Source: domain/introduction.py, docs/introductions.md.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from node.domain import introduction, introduction_fold, introduction_texts, saved, vocabulary
from node.domain.introduction import Case, Kind, Party, State
from node.domain.introduction_texts import CONSENT_VERSION
from node.domain.labels import LabelReference
from node.domain.processing import CODE_FORM
from node.domain.sector import ANY
from node.errors import N_, CallerError, NotFoundError
from node.flows.introductions import casework, own_side
from node.flows.introductions.casework import Office, Work
from node.flows.profiles.versions import record_of
from node.flows.searching.search import Hit, find_profile
from node.store import introductions
from node.store.introductions import Consent, NewCase, Row, Step, Told
from node.store.postgres import Connection, acquire, run_tx
from node.store.reference import load_sectors, load_territories

TEXT_MAX_CHARS: Final = introduction.TEXT_MAX_CHARS
SHORT_MAX_CHARS: Final = introduction.SHORT_MAX_CHARS
# Requests of firms that nobody has looked at yet: a page that anybody may use must not fill the office's list.
REQUESTS_MAX: Final = 500
GROUP: Final = (2, 4)
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
class Applicant:
    """A firm that asks through its own office and is in no network of it. Private: it leaves after two consents or never."""

    name: str
    person: str
    email: str
    phone: str = ""
    tax_code: str = ""
    municipality: str = ""
    region: str = ""
    section: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of another office: which profile, why, in what words, for which network or firm of ours.

    ``owner``: of which office the profile is, where more than one publishes the identifier; empty: any. ``form``: drawn for the form
    that was shown: what it sends twice is one request.
    """

    profile_id: str
    text: str
    purpose: str = "request"
    network_id: str | None = None
    applicant: Applicant | None = field(default=None, repr=False)
    owner: str = ""
    form: str = ""


def _id_of(office: Office, wish: Wish, hit: Hit) -> str:
    """Return the identifier of a request: random, but of one form and the same words always the same, and nobody can choose it."""
    if not wish.form:
        return str(uuid.uuid4())
    applicant = None if wish.applicant is None else asdict(wish.applicant)
    said = [office.own_id, wish.form, hit.owner, hit.profile_id, wish.text, wish.purpose, wish.network_id, applicant]
    return str(uuid.UUID(bytes=bytes.fromhex(own_side.digest_of(said))[:16], version=4))


def profile_in(named: str) -> tuple[str, str]:
    """Return the office and the identifier of a profile that is named as OFFICE:IDENTIFIER, or by its identifier alone."""
    owner, _, profile_id = named.strip().rpartition(":")
    return owner, profile_id


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


@dataclass(frozen=True, slots=True)
class Opened:
    """A case as its page shows it."""

    row: Row
    case: Case
    steps: tuple[Step, ...]
    may: tuple[Kind, ...]
    consent: Consent | None
    told: Told | None

    @property
    def state(self) -> State:
        """Where it stands, drafts of this office included."""
        return State(self.row.state) if not self.steps else self.case.state


async def begin(
    office: Office,
    wish: Wish,
    officer: str,
    now: dt.datetime,
    reference: LabelReference,
    *,
    project: tuple[str, int] | None = None,
) -> str:
    """Write the draft of a request; return the case's id. Nothing leaves.

    Raises: profile-unknown, introduction-own-profile, introduction-peer-cannot, introduction-there, network-unknown,
    introduction-text-bad, text-refused, introduction-who.
    """
    case, _ = await _begin(office, wish, officer, now, reference, project)
    return case


async def ask(office: Office, wish: Wish, now: dt.datetime, reference: LabelReference) -> tuple[str, str]:
    """Write the draft of a firm's own request, for an officer to look at; return the case's id and the token that shows how it stands.

    No token where the same form brought the same words before.

    Raises: introduction-requests-off, introduction-too-many; as ``begin``.
    """
    if not office.config.introductions.requests:
        raise CallerError(
            "introduction-requests-off",
            N_("questo ufficio non riceve richieste da qui"),
            hint=N_("rivolgersi all'ufficio di persona, per telefono o per posta"),
        )
    if wish.applicant is None:
        raise own_side.who()
    return await _begin(office, wish, "", now, reference, None)


async def _begin(
    office: Office,
    wish: Wish,
    officer: str,
    now: dt.datetime,
    reference: LabelReference,
    project: tuple[str, int] | None,
) -> tuple[str, str]:
    if (wish.network_id is None) == (wish.applicant is None):
        raise own_side.who()
    hit = await find_profile(office.pool, wish.profile_id, reference, now=now, owner=wish.owner or None)
    if hit.owner == office.own_id:
        raise CallerError(
            "introduction-own-profile",
            N_("la scheda è di questo stesso ufficio: non serve un altro ufficio per mettervi in contatto"),
        )
    office.peer(hit.owner)
    applicant = None if wish.applicant is None else checked_applicant(wish.applicant)
    text = _checked_text(wish.text, needed=True)
    purpose = _chosen("purpose", wish.purpose, vocabulary.PURPOSES)
    introduction_id, token = _id_of(office, wish, hit), secrets.token_urlsafe(32)
    token_hash = hashlib.sha256(token.encode()).digest()

    async def work(conn: Connection) -> bool:
        # Of two clicks, of two officers with one network and of two that take the last place, the second sees what the first wrote.
        await introductions.hold_beginnings(conn)
        if await introductions.known_here(conn, [introduction_id]):
            return False
        network_id = await _network(conn, wish.network_id)
        if not officer and await introductions.count_drafts(conn) >= REQUESTS_MAX:
            raise CallerError("introduction-too-many", N_("l'ufficio ha troppe richieste da guardare: riprovare tra qualche giorno"))  # fmt: skip
        await _refuse_twice(conn, hit, network_id)
        request: dict[str, Any] = {"text": text, "purpose": purpose}
        if project is not None:
            request |= {"project": project[0], "project_size": project[1]}
        made = NewCase(
            introduction_id, Party.SEEKER, hit.owner, hit.profile_id, str(State.DRAFT), network_id,
            None if project is None else project[0], request, applicant, token_hash, officer,
        )  # fmt: skip
        await introductions.open_cases(conn, [made], now)
        # After the applicant's own names are in the table: they are among those that no text may tell.
        if officer:
            await own_side.refuse_names(
                conn, office, await introductions.read_case(conn, introduction_id), text, sure=True
            )
        return True

    return introduction_id, token if await run_tx(office.pool, work) else ""


async def propose(
    office: Office,
    network_id: str,
    profiles: Sequence[str],
    text: str,
    officer: str,
    now: dt.datetime,
    reference: LabelReference,
    purpose: str = "joint_project",
    form: str = "",
) -> tuple[str, list[str]]:
    """Write the linked requests of a joint project, one to the office of each profile (``profile_in``); return the project's id and the cases'.

    Raises: introduction-project-size; as ``begin``, and then no request is written.
    """
    distinct = list(dict.fromkeys(map(profile_in, profiles)))
    if not GROUP[0] <= len(distinct) <= GROUP[1]:
        raise CallerError(
            "introduction-project-size",
            N_("un progetto comune unisce da tre a cinque reti: la propria e da {least} a {most} schede"),
            least=GROUP[0],
            most=GROUP[1],
        )
    project, made, fresh = str(uuid.uuid4()), [], []
    try:
        for owner, profile_id in distinct:
            wish = Wish(profile_id, text, purpose, network_id, owner=owner, form=form)
            one, token = await _begin(office, wish, officer, now, reference, (project, len(distinct) + 1))
            made.append(one)
            fresh += [one] if token else []
    except CallerError:
        for introduction_id in fresh:
            await discard(office, introduction_id)
        raise
    return project, made


async def _network(conn: Connection, network_id: str | None) -> str | None:
    return None if network_id is None else (await record_of(conn, network_id))[0]


async def _refuse_twice(conn: Connection, hit: Hit, network_id: str | None) -> None:
    if network_id is not None and await introductions.has_open_case(conn, hit.owner, hit.profile_id, network_id):
        raise CallerError(
            "introduction-there",
            N_("per questa rete e questa scheda c'è già un contatto aperto"),
            hint=N_("aprirlo dall'elenco dei contatti"),
        )


def checked_applicant(given: Applicant) -> dict[str, str]:
    """Return a firm's own words about itself, cleaned. Raises: CallerError(introduction-applicant-bad, saved-email-bad)."""
    names = ("name", "person", "email", "phone", "tax_code", "municipality", "region", "section")
    found = {name: _checked_short(name, getattr(given, name)) for name in names}
    for name in ("name", "person", "email"):
        if not found[name]:
            raise CallerError("introduction-applicant-bad", N_("questo campo è necessario"), where=name)
    found["email"] = saved.check_email(found["email"])
    # As the wire writes them: what it does not take would arrive without its text.
    if found["region"] and found["region"] not in {area.code for area in load_territories().regions}:
        raise CallerError("introduction-applicant-bad", N_("regione sconosciuta"), where="region")
    if found["section"] and found["section"] not in load_sectors().children(ANY):
        raise CallerError("introduction-applicant-bad", N_("sezione ATECO sconosciuta"), where="section")
    if found["tax_code"] and not CODE_FORM.fullmatch(found["tax_code"].replace(" ", "").upper()):
        raise CallerError(
            "introduction-applicant-bad", N_("un codice fiscale ha 11 cifre o 16 caratteri"), where="tax_code"
        )
    return found


def _checked_short(where: str, text: str) -> str:
    cleaned = " ".join(introduction_texts.clean(text).split())
    if len(cleaned) > SHORT_MAX_CHARS:
        raise CallerError(
            "introduction-applicant-bad", N_("al massimo {most} caratteri"), where=where, most=SHORT_MAX_CHARS
        )
    return cleaned


def _checked_text(text: str, *, needed: bool) -> str:
    cleaned = introduction_texts.clean(text)
    if (needed and not cleaned) or len(cleaned) > TEXT_MAX_CHARS:
        raise CallerError(
            "introduction-text-bad",
            N_("serve un testo, al massimo di {most} caratteri"),
            where="text",
            most=TEXT_MAX_CHARS,
        )
    return cleaned


def _chosen(where: str, value: str, allowed: Mapping[str, Any] | Sequence[str]) -> str:
    if value not in allowed:
        raise CallerError(
            "introduction-choice-bad",
            N_("«{value}» non è tra le scelte: {allowed}"),
            where=where,
            value=value[:60],
            allowed=", ".join(allowed),
        )
    return value


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
    text = _checked_text(deed.text, needed=deed.kind in _NEEDS_TEXT) if deed.kind in _MAY_HAVE_TEXT else ""
    detail = _chosen("detail", deed.detail, _DETAILS[deed.kind]) if deed.kind in _DETAILS else ""

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
    person = _checked_short("person", deed.person)
    names = ("person", "role", "email", "phone")
    contact = {name: _checked_short(f"contact.{name}", deed.contact.get(name, "")) for name in names}
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
    text, purpose = _checked_text(text, needed=True), _chosen("purpose", purpose, vocabulary.PURPOSES)

    async def work(conn: Connection) -> None:
        found = await casework.lock_one(conn, introduction_id)
        await own_side.refuse_names(conn, office, found.row, text, sure=True)
        request = {**found.row.request, "text": text, "purpose": purpose}
        if not await introductions.change_draft(conn, found.row.introduction_id, request, found.row.network_id, now):
            raise _not_now(found)

    await run_tx(office.pool, work)


async def read(office: Office, introduction_id: str) -> Opened:
    """Return a case with all that was said in it. Raises: introduction-unknown."""
    key = casework.checked_id(introduction_id)
    async with acquire(office.pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        row = await introductions.read_case(conn, key)
        if row is None:
            raise casework.unknown(introduction_id)
        steps = await introductions.timeline(conn, key)
        consent = (await introductions.consents_of(conn, [key])).get(key)
        told = await introductions.identity_of(conn, key)
    case = introduction_fold.fold(step.event for step in steps)
    may: tuple[Kind, ...] = introduction.may(case, row.party) if steps else ()
    if not steps and row.party is Party.SEEKER:
        may = (Kind.REQUEST,)
    return Opened(row, case, _in_order(steps), may, consent, told if case.shows(row.party) else _erased(told))


def _erased(told: Told | None) -> Told | None:
    return None if told is None else Told(None, told.received_at, told.erased_at)


def _in_order(steps: Sequence[Step]) -> tuple[Step, ...]:
    by_event = {(step.event.by, step.event.seq): step for step in steps}
    placed = [by_event[event.by, event.seq] for event in introduction_fold.in_order(step.event for step in steps)]
    # What still waits for something before it is not shown.
    return tuple(placed)


async def standing(office: Office, introduction_id: str, token: str) -> Opened:
    """Return how a firm's own request stands, for whoever shows its token. Raises: NotFoundError(introduction-unknown)."""
    try:
        key = str(uuid.UUID(introduction_id))
    except ValueError as error:
        raise _no_standing() from error
    async with acquire(office.pool) as conn:
        if not await introductions.has_token(conn, key, hashlib.sha256(token.encode("utf-8", "replace")).digest()):
            raise _no_standing()
    return await read(office, key)


def _no_standing() -> NotFoundError:
    # In the same words, whatever is wrong.
    return NotFoundError("introduction-unknown", N_("richiesta sconosciuta, o codice sbagliato"))
