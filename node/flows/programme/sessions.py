"""Information sessions: planned, opened, changed, called off; people who enrol, give back a seat, come.

In: what an officer or whoever enrols typed, the pool, the own log. Out: rows, codes, announcements. Rules: the last seat goes to exactly one,
who comes later waits and takes the first seat that is given back; one form with the same words is one enrolment; a session that is
opened, changed or called off is announced as ``session/1`` in the same transaction, where the members have agreed on that type; what is
announced says nothing of who enrolled. Source: domain/programme/session.py, docs/programme.md 1.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
import structlog

from node.config import Config
from node.domain.programme import session as rules
from node.domain.programme.announcement import SESSION
from node.domain.programme.firm_line import municipality_of
from node.domain.programme.session import NOTICE_VERSION, Person, Session, Standing, State
from node.errors import N_, CallerError, NotFoundError
from node.flows.logs.append import OwnLog, sign_head
from node.flows.programme import announce
from node.flows.registry import gdpr
from node.flows.registry.acting import tell
from node.flows.trust.agreement_terms import is_agreed
from node.i18n import translator
from node.store import announcements, info_sessions
from node.store.info_sessions import ITALY, Enrolment, New, SessionRow, Shown
from node.store.postgres import Connection, Pool, acquire, run_tx
from node.store.reference import load_territories

logger = structlog.get_logger()
HOW: Final = N_("Ci si iscrive sulle pagine di questo ufficio, alla voce Sessioni, oppure rivolgendosi all'ufficio.")


@dataclass(frozen=True, slots=True)
class Office:
    """Who holds sessions: the database, the configuration, the log that is written now."""

    pool: Pool
    config: Config
    own: OwnLog


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of an enrolment; ``code`` opens it, and is empty where the person was enrolled already."""

    enrolment_id: str
    standing: Standing
    code: str


@dataclass(frozen=True, slots=True)
class Typed:
    """A session as it is typed: a day, two hours, a place; hours are those of Italy."""

    title: str
    day: str
    begins: str
    ends: str
    enrol_until: str
    seats: str
    place: str
    municipality: str = ""
    province: str = ""
    online: bool = False
    summary: str = ""
    title_en: str = ""
    summary_en: str = ""


def today_of(now: dt.datetime) -> dt.date:
    """Return the day that it is in Italy."""
    return now.astimezone(ITALY).date()


def session_of(typed: Typed) -> Session:
    """Return the session that was typed. Raises: CallerError(date-bad | hour-bad | session-... | field-... | municipality-unknown)."""
    day = day_of("day", typed.day)
    until = day_of("enrol_until", typed.enrol_until) if typed.enrol_until.strip() else day
    try:
        seats = int(typed.seats.strip())
    except ValueError:
        seats = 0
    place = ""
    if typed.municipality.strip():
        place = municipality_of(typed.municipality, typed.province.strip(), load_territories()).istat
    return rules.checked(
        Session(
            typed.title,
            _moment(day, typed.begins, "begins"),
            _moment(day, typed.ends, "ends"),
            until,
            seats,
            typed.place,
            place,
            typed.online,
            typed.summary,
            typed.title_en,
            typed.summary_en,
        )
    )


def day_of(where: str, text: str) -> dt.date:
    """Return a day as people, or browsers, write it. Raises: CallerError(date-bad)."""
    said = text.strip()
    for form in ("%Y-%m-%d", "%d/%m/%Y"):
        try:
            return dt.datetime.strptime(said, form).replace(tzinfo=dt.UTC).date()
        except ValueError:
            continue
    raise CallerError("date-bad", N_("data non valida: serve gg/mm/aaaa"), where=where)


def _moment(day: dt.date, text: str, where: str) -> dt.datetime:
    try:
        hour = dt.time.fromisoformat(text.strip()[:5])
    except ValueError as error:
        raise CallerError("hour-bad", N_("ora non valida: serve hh:mm"), where=where) from error
    return dt.datetime.combine(day, hour, ITALY)


def typed_of(session: Session) -> Typed:
    """Return a session as it would be typed; read again it is the same session."""
    return Typed(
        title=session.title, day=session.begins_at.date().isoformat(), begins=f"{session.begins_at:%H:%M}",
        ends=f"{session.ends_at:%H:%M}", enrol_until=session.enrol_until.isoformat(), seats=str(session.seats),
        place=session.place, municipality=session.municipality, online=session.online, summary=session.summary,
        title_en=session.title_en, summary_en=session.summary_en,
    )  # fmt: skip


def document_of(session_id: str, session: Session) -> dict[str, Any]:
    """Return what is announced of a session."""
    found = load_territories().municipality(session.municipality) if session.municipality else None
    detail: dict[str, Any] = {
        "place": session.place,
        "day": session.begins_at.date().isoformat(),
        "hour": f"{session.begins_at:%H:%M}",
        "seats": session.seats,
        "free": True,
        "how": {language: translator(language)(HOW) for language in ("it", "en")},
        "online": session.online,
    }
    if found is not None:
        detail["municipality"] = found.istat
    return {
        "type": f"{SESSION}/1",
        "id": session_id,
        "title": _told(session.title, session.title_en),
        "summary": _told(session.summary, session.summary_en),
        "regions": [] if found is None else [found.region],
        "begins": session.begins_at.date().isoformat(),
        "ends": None,
        "deadline": session.enrol_until.isoformat(),
        SESSION: detail,
    }


def _told(italian: str, english: str) -> Mapping[str, str]:
    return {"it": italian, **({"en": english} if english else {})}


# --- what officers do with a session ---


async def plan(pool: Pool, session: Session, officer: str, now: dt.datetime) -> str:
    """Keep a session that nobody sees yet, and return its id."""
    session_id = str(uuid.uuid4())

    async def work(conn: Connection) -> None:
        await tell(conn)
        await info_sessions.insert_session(conn, session_id, session, officer, now)

    await run_tx(pool, work)
    return session_id


async def change(office: Office, session_id: str, session: Session, now: dt.datetime) -> None:
    """Change a session; of an open one the announcement changes with it, and who enrolled is told anew when or where it is.

    Raises: NotFoundError(session-unknown); CallerError(session-step-bad | session-seats-taken); as ``announce.put``.
    """

    async def work(conn: Connection) -> None:
        await tell(conn)
        row = await _held(conn, session_id)
        if row.state is State.CANCELLED:
            raise CallerError("session-step-bad", N_("una sessione annullata non si cambia"))
        if row.session == session:
            return
        rules.refuse_seats(session.seats, row.taken)
        await info_sessions.update_session(conn, row.session_id, session, now)
        if row.state is State.OPEN:
            await info_sessions.promote(conn, row.session_id, rules.freed(session.seats, row.taken, row.waiting), now)
            if _meeting(session) != _meeting(row.session):
                await info_sessions.tell_again(conn, row.session_id)
            await _put(conn, office, row.session_id, session, now)

    await run_tx(office.pool, work)
    await sign_head(office.pool, office.own, now)


def _meeting(session: Session) -> tuple[object, ...]:
    return (session.begins_at, session.ends_at, session.place, session.municipality, session.online)


async def open_to_all(office: Office, session_id: str, now: dt.datetime) -> bool:
    """Open a session to everybody and announce it; return whether it stands in the log. One that is open is announced as it is now.

    Raises: NotFoundError(session-unknown); CallerError(session-step-bad | session-closed); as ``announce.put``.
    """

    async def work(conn: Connection) -> bool:
        await tell(conn)
        row = await _held(conn, session_id)
        if row.state is not State.OPEN:
            rules.refuse_step(row.state, State.OPEN)
            rules.refuse_enrolment(State.OPEN, row.session, now.astimezone(ITALY), by_office=True)
            await info_sessions.set_state(conn, row.session_id, State.OPEN, now)
        return await _put(conn, office, row.session_id, row.session, now)

    announced = await run_tx(office.pool, work)
    await sign_head(office.pool, office.own, now)
    logger.info("session.opened", session=session_id, announced=announced)
    return announced


async def _put(conn: Connection, office: Office, session_id: str, session: Session, now: dt.datetime) -> bool:
    document = document_of(session_id, session)
    if not is_agreed(office.config.agreed, document["type"]):
        return False
    await announce.put(conn, office.config, office.own, now, document)
    return True


async def call_off(office: Office, session_id: str, now: dt.datetime) -> None:
    """Call a session off and take its announcement back; enrolments stay, and are told. Twice is once.

    Raises: NotFoundError(session-unknown); as ``announce.take_back``.
    """

    async def work(conn: Connection) -> None:
        await tell(conn)
        row = await _held(conn, session_id)
        if row.state is State.CANCELLED:
            return
        rules.refuse_step(row.state, State.CANCELLED)
        await info_sessions.set_state(conn, row.session_id, State.CANCELLED, now)
        if await announcements.own(conn, office.own.origin_id, row.session_id) is not None:
            await announce.take_back(conn, office.own, now, row.session_id)

    await run_tx(office.pool, work)
    await sign_head(office.pool, office.own, now)
    logger.info("session.called_off", session=session_id)


# --- enrolments ---


async def enrol(
    pool: Pool,
    session_id: str,
    person: Person,
    now: dt.datetime,
    *,
    language: str = "it",
    form: str = "",
    officer: str = "",
) -> Enrolled:
    """Give somebody a seat, or a place among those who wait; of one form, and of one person, once.

    Raises: NotFoundError(session-unknown); CallerError(session-not-open | session-closed | session-full | field-... | saved-email-bad |
    tax-code-bad).
    """
    person = rules.checked_person(person)
    key = _key(session_id)
    enrolment_id, code = _enrolment_id(form, key, person), secrets.token_urlsafe(24)

    async def work(conn: Connection) -> Enrolled:
        await tell(conn)
        # Of two who take the last seat, the second sees what the first wrote.
        row = await _held(conn, key)
        known = await info_sessions.known_enrolment(conn, enrolment_id, key, person)
        if known is not None and known[1] is not Standing.CANCELLED:
            return Enrolled(known[0], known[1], "")
        rules.refuse_enrolment(row.state, row.session, now.astimezone(ITALY), by_office=bool(officer))
        standing = rules.standing_of(row.session.seats, row.taken, row.waiting)
        made = enrolment_id if known is None or known[0] != enrolment_id else str(uuid.uuid4())
        new = New(made, key, standing, person, NOTICE_VERSION, language, _hash(code), officer)
        await info_sessions.insert_enrolment(conn, new, now)
        return Enrolled(made, standing, code)

    done = await run_tx(pool, work)
    if done.code:
        logger.info("session.enrolled", session=key, standing=str(done.standing))
    return done


def _enrolment_id(form: str, session_id: str, person: Person) -> str:
    """Return the identifier of an enrolment: random, but of one form and the same words always the same."""
    if not form:
        return str(uuid.uuid4())
    said = orjson.dumps([form, session_id, person.to_dict()])
    return str(uuid.UUID(bytes=hashlib.sha256(said).digest()[:16], version=4))


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()


async def opened(pool: Pool, enrolment_id: str, code: str) -> tuple[Enrolment, SessionRow]:
    """Return an enrolment and its session to whoever has its code. Raises: NotFoundError(enrolment-unknown), whatever is wrong."""
    try:
        key = str(uuid.UUID(enrolment_id))
    except ValueError as error:
        raise _no_enrolment() from error
    async with acquire(pool) as conn:
        kept = await info_sessions.token_of(conn, key)
        if kept is None or not hmac.compare_digest(kept, _hash(code.strip())):
            raise _no_enrolment()
        found = await info_sessions.read_enrolment(conn, key)
        row = None if found is None else await info_sessions.read_session(conn, found.session_id)
    if found is None or row is None:
        raise _no_enrolment()
    return found, row


async def give_back(pool: Pool, enrolment_id: str, now: dt.datetime, *, code: str | None = None) -> list[str]:
    """Give a seat back, by its code or by the office; return the enrolments that take a seat by it. Twice is once.

    Raises: NotFoundError(enrolment-unknown); CallerError(session-closed) once it has begun.
    """
    if code is not None:
        await opened(pool, enrolment_id, code)
    try:
        key = str(uuid.UUID(enrolment_id))
    except ValueError as error:
        raise _no_enrolment() from error

    async def work(conn: Connection) -> list[str]:
        await tell(conn)
        found = await info_sessions.read_enrolment(conn, key)
        if found is None:
            raise _no_enrolment()
        row = await _held(conn, found.session_id)
        # Read once more: while the session was waited for, the seat may have been given back, or given.
        again = await info_sessions.read_enrolment(conn, key)
        if again is None or again.standing is Standing.CANCELLED:
            return []
        if now >= row.session.begins_at and row.state is State.OPEN:
            raise CallerError("session-closed", N_("la sessione è cominciata: si segnano le presenze"))
        await info_sessions.set_standing(conn, key, Standing.CANCELLED, now)
        return await _fill(conn, row.session_id, now)

    return await run_tx(pool, work)


async def _fill(conn: Connection, session_id: str, now: dt.datetime) -> list[str]:
    row = await info_sessions.read_session(conn, session_id)
    if row is None or row.state is not State.OPEN:
        return []
    count = rules.freed(row.session.seats, row.taken, row.waiting)
    return await info_sessions.promote(conn, session_id, count, now) if count else []


async def fill(pool: Pool, now: dt.datetime) -> int:
    """Give seats that an erasure freed to those who wait; return how many."""
    async with acquire(pool) as conn:
        sessions = await info_sessions.unfilled(conn, now)
    count = 0
    for session_id in sessions:

        async def work(conn: Connection, session_id: str = session_id) -> int:
            await _held(conn, session_id)
            return len(await _fill(conn, session_id, now))

        count += await run_tx(pool, work)
    return count


async def attend(pool: Pool, session_id: str, came: Mapping[str, bool | None], now: dt.datetime) -> int:
    """Note who came; return of how many. Raises: NotFoundError(session-unknown | enrolment-unknown), CallerError(session-... | enrolment-no-seat)."""

    async def work(conn: Connection) -> int:
        await tell(conn)
        row = await _held(conn, session_id)
        known = {found.enrolment_id: found for found in await info_sessions.list_enrolments(conn, row.session_id)}
        for enrolment_id in came:
            if enrolment_id not in known:
                raise _no_enrolment()
            rules.refuse_attendance(row.state, row.session, known[enrolment_id].standing, now.astimezone(ITALY))
        for said in (True, False, None):
            ids = [enrolment_id for enrolment_id, value in came.items() if value is said]
            if ids:
                await info_sessions.attend(conn, row.session_id, ids, said, now)
        return len(came)

    return await run_tx(pool, work)


async def end_over_term(pool: Pool, config: Config, now: dt.datetime) -> int:
    """Erase who enrolled to sessions that were over long ago; return how many. What the public form promises, daily."""
    return await gdpr.end_over(pool, "enrolments", now - dt.timedelta(days=config.retention.enrolments_days))


# --- reading ---


async def list_all(pool: Pool, *, after: dt.datetime | None = None) -> list[SessionRow]:
    """Return all sessions, or those that end after a moment, the latest first."""
    async with acquire(pool) as conn:
        return await info_sessions.list_sessions(conn, after)


async def read(pool: Pool, session_id: str) -> tuple[SessionRow, list[Enrolment]]:
    """Return a session and who enrolled. Raises: NotFoundError(session-unknown)."""
    async with acquire(pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        row = await info_sessions.read_session(conn, _key(session_id))
        if row is None:
            raise _no_session(session_id)
        return row, await info_sessions.list_enrolments(conn, row.session_id)


async def shown(pool: Pool, now: dt.datetime) -> list[Shown]:
    """Return what everybody may see: open sessions that are not over, the next first."""
    async with acquire(pool) as conn:
        return await info_sessions.shown(conn, now)


async def shown_one(pool: Pool, session_id: str, now: dt.datetime) -> Shown:
    """Return one open session that is not over. Raises: NotFoundError(session-unknown)."""
    async with acquire(pool) as conn:
        found = await info_sessions.shown_one(conn, _key(session_id))
    if found is None or found.session.ends_at <= now:
        raise _no_session(session_id)
    return found


def takes_enrolments(found: Shown, now: dt.datetime) -> bool:
    """Tell whether somebody may enrol now."""
    try:
        rules.refuse_enrolment(State.OPEN, replace(found.session, seats=1), now.astimezone(ITALY))
    except CallerError:
        return False
    return True


async def _held(conn: Connection, session_id: str) -> SessionRow:
    row = await info_sessions.hold_session(conn, _key(session_id))
    if row is None:
        raise _no_session(session_id)
    return row


def _key(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise _no_session(text) from error


def _no_session(text: str) -> NotFoundError:
    return NotFoundError("session-unknown", N_("sessione sconosciuta: {id}"), id=text[:60])


def _no_enrolment() -> NotFoundError:
    return NotFoundError("enrolment-unknown", N_("nessuna iscrizione con questo identificativo e questo codice"))
