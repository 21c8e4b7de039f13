"""Courses of this office: written, opened in editions, announced, held; sessions with attendance; files for the participants.

In: what an officer decides, what a trainer marks. Out: the course in the database and, once it is announced, each change at once in the signed
log, in the same transaction. Rules: seats never fall below a place that is held; a cancelled edition tells everybody; trainers mark
only what they teach; certificates are checked against the announcement: a course that has any is not withdrawn. Source: docs/courses.md.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from node.config import Config
from node.domain import documents as checker
from node.domain import officers
from node.domain.programme.course import ATTENDANCE_PERCENT, CODE_FORM, EditionState
from node.errors import N_, CallerError, NotFoundError
from node.flows.introductions.casework import Office
from node.flows.logs.append import OwnLog, sign_head
from node.flows.programme import announce, course_post, course_seats
from node.flows.programme.course_seats import today_of
from node.flows.registry.acting import tell
from node.flows.registry.documents import Bounds, too_large
from node.store import course_seats as seats_store
from node.store import courses as store
from node.store.course_seats import Seat
from node.store.courses import Course, Edition, Listed, Material, Released, Session
from node.store.postgres import Connection, Pool, acquire, run_tx

T = TypeVar("T")
SESSIONS_MAX: Final = 60
EDITIONS_MAX: Final = 40
SEATS_MAX: Final = 5000
MATERIALS_MAX: Final = 100
ONLINE: Final = "online"
_HOUR: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, slots=True)
class Desk:
    """What is needed to change courses: the pool, the configuration, the own log as it is now."""

    pool: Pool
    config: Config
    own: OwnLog


@dataclass(frozen=True, slots=True)
class Opened:
    """An edition with all that belongs to it."""

    course: Course
    edition: Edition
    sessions: list[Session]
    trainers: list[str]
    seats: list[Seat]
    attendance: dict[tuple[str, str], bool]
    materials: list[Material]
    released: Released | None
    certificates: dict[str, store.Certificate]


def no_course(course_id: str) -> NotFoundError:
    """Return the refusal of a course that is not there."""
    return NotFoundError("course-unknown", N_("questo ufficio non ha un corso «{course}»"), course=course_id[:60])


def no_edition(edition_id: str) -> NotFoundError:
    """Return the refusal of an edition that is not there."""
    return NotFoundError("edition-unknown", N_("questo ufficio non ha un'edizione «{edition}»"), hint=N_("«rete course list» le elenca"), edition=edition_id[:60])  # fmt: skip


def checked_id(text: str, refusal: Callable[[str], NotFoundError]) -> str:
    """Return an identifier in its one spelling. Raises: what ``refusal`` returns."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise refusal(text) from error


async def _changed(desk: Desk, now: dt.datetime, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Do one change as whoever acts, then sign the log if it grew."""

    async def told(conn: Connection) -> T:
        await tell(conn)
        return await work(conn)

    done = await run_tx(desk.pool, told)
    await sign_head(desk.pool, desk.own, now)
    return done


async def keep(desk: Desk, course: Course, now: dt.datetime) -> str:
    """Write a course, new (an empty id) or changed; return its id. Raises: CallerError(course-bad), announcement-...."""
    if (
        not course.title.get("it", "").strip()
        or not course.summary.get("it", "").strip()
        or not course.how.get("it", "").strip()
    ):
        raise CallerError(
            "course-bad", N_("servono titolo, descrizione e modo di iscriversi in italiano"), where="title"
        )
    made = replace(course, course_id=course.course_id or str(uuid.uuid4()), regions=tuple(sorted(set(course.regions))))

    async def work(conn: Connection) -> str:
        await store.keep_course(conn, made, now)
        await say(conn, desk, made.course_id, now)
        return made.course_id

    return await _changed(desk, now, work)


async def add_edition(
    desk: Desk, edition: Edition, sessions: Sequence[Session], trainers: Sequence[str], now: dt.datetime
) -> str:
    """Open an edition of a course; return its id. Raises: course-unknown, edition-bad, edition-there, officer-name-bad, announcement-...."""
    course_id = checked_id(edition.course_id, no_course)
    made = replace(edition, edition_id=str(uuid.uuid4()), course_id=course_id, state=EditionState.OPEN)
    check_edition(made, sessions)
    named = [(officers.check(name), officers.key_of(name)) for name in trainers]
    numbered = [
        replace(one, session_id=str(uuid.uuid4()), number=number)
        for number, one in enumerate(sorted(sessions, key=lambda s: (s.day, s.hour)), 1)
    ]

    async def work(conn: Connection) -> str:
        if await store.lock_course(conn, course_id) is None:
            raise no_course(course_id)
        if len(await store.editions_of(conn, course_id)) >= EDITIONS_MAX:
            raise CallerError("edition-too-many", N_("un corso ha al massimo {most} edizioni"), most=EDITIONS_MAX)
        if not await store.add_edition(conn, made, now):
            raise CallerError("edition-there", N_("il corso ha già un'edizione «{code}»"), where="code", code=made.code)
        await store.add_sessions(conn, made.edition_id, numbered)
        await store.add_trainers(conn, made.edition_id, named)
        await say(conn, desk, course_id, now)
        return made.edition_id

    return await _changed(desk, now, work)


def check_edition(edition: Edition, sessions: Sequence[Session]) -> None:
    """Refuse an edition that cannot be. Raises: CallerError(edition-bad), ``where`` the part that is wrong."""

    def refuse(said: str, where: str) -> CallerError:
        return CallerError("edition-bad", said, where=where)

    if not CODE_FORM.fullmatch(edition.code):
        raise refuse(N_("il codice dell'edizione ha lettere minuscole, cifre e trattini"), "code")
    if not 1 <= edition.seats <= SEATS_MAX:
        raise refuse(N_("i posti vanno da 1 a 5000"), "seats")
    if edition.ends < edition.begins:
        raise refuse(N_("l'edizione finisce prima di cominciare"), "ends")
    if edition.deadline > edition.ends:
        raise refuse(N_("le iscrizioni si chiudono dopo la fine dell'edizione"), "deadline")
    if not 1 <= edition.percent <= 100:
        raise refuse(N_("la quota di presenze va da 1 a 100"), "percent")
    if not 1 <= len(sessions) <= SESSIONS_MAX:
        raise refuse(N_("servono da 1 a 60 incontri"), "sessions")
    for one in sessions:
        if not edition.begins <= one.day <= edition.ends:
            raise refuse(N_("un incontro è fuori dai giorni dell'edizione"), "sessions")
        if not _HOUR.fullmatch(one.hour) or not one.place.strip():
            raise refuse(N_("di ogni incontro servono giorno, ora e luogo"), "sessions")


def parse_session(text: str) -> Session:
    """Return a session written as ``2027-02-03 09:30 place | title | online``; title and ``online`` may be left out.

    Raises: CallerError(edition-bad).
    """
    first, *more = (part.strip() for part in text.split("|"))
    day, _, rest = first.partition(" ")
    hour, _, place = rest.strip().partition(" ")
    is_online = bool(more) and more[-1].lower() == ONLINE
    titles = more[:-1] if is_online else more
    try:
        title = ", ".join(filter(None, titles))[:200]
        return Session("", 0, dt.date.fromisoformat(day), hour, place.strip()[:200], "", title, is_online)
    except ValueError as error:
        raise CallerError(
            "edition-bad", N_("un incontro si scrive «AAAA-MM-GG OO:MM luogo | titolo | online»"), where="sessions"
        ) from error


def spelled_session(one: Session) -> str:
    """Return a session as ``parse_session`` reads it."""
    parts = [f"{one.day.isoformat()} {one.hour} {one.place}", one.title, ONLINE if one.is_online else ""]
    return " | ".join(part for part in parts if part)


async def say(conn: Connection, desk: Desk, course_id: str, now: dt.datetime, *, anew: bool = False) -> None:
    """Say a course as it is now in the own log, if it is announced, or is to be (``anew``); the caller signs."""
    course = await store.lock_course(conn, course_id)
    if course is None:
        raise no_course(course_id)
    if not course.is_announced and not anew:
        return
    editions = await store.editions_of(conn, course_id)
    if not editions:
        raise CallerError("course-empty", N_("un corso si annuncia con almeno un'edizione"), where="course")
    parts = [
        (one, await store.sessions_of(conn, one.edition_id), await store.commitments_of(conn, one.edition_id))
        for one in editions
    ]
    await announce.put(conn, desk.config, desk.own, now, document_of(course, parts))
    await store.mark_announced(conn, course_id, is_announced=True)


def document_of(course: Course, parts: Sequence[tuple[Edition, Sequence[Session], Sequence[bytes]]]) -> dict[str, Any]:
    """Return the announcement of a course; who teaches is told by role, who attends not at all."""
    going = [edition for edition, _, _ in parts if edition.state is not EditionState.CANCELLED] or [
        e for e, _, _ in parts
    ]
    takes = [e.deadline for e, _, _ in parts if e.state is EditionState.OPEN] or [e.deadline for e in going]
    return {
        "type": "course/1", "id": course.course_id, "title": dict(course.title), "summary": dict(course.summary),
        "regions": list(course.regions), "begins": min(e.begins for e in going).isoformat(),
        "ends": max(e.ends for e in going).isoformat(), "deadline": max(takes).isoformat(),
        "course": {
            "editions": [_edition_document(*part) for part in parts], "trainers": [dict(one) for one in course.trainers],
            "how": dict(course.how),
        },
    }  # fmt: skip


def _edition_document(edition: Edition, sessions: Sequence[Session], commitments: Sequence[bytes]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "code": edition.code, "begins": edition.begins.isoformat(), "ends": edition.ends.isoformat(), "seats": edition.seats,
        "deadline": edition.deadline.isoformat(), "attendance": edition.percent, "state": str(edition.state),
        "sessions": [_session_document(one) for one in sessions],
    }  # fmt: skip
    if commitments:
        found["certificates"] = [base64.b64encode(one).decode() for one in commitments]
    return found


def _session_document(one: Session) -> dict[str, Any]:
    found: dict[str, Any] = {"day": one.day.isoformat(), "hour": one.hour, "place": one.place, "online": one.is_online}
    if one.municipality:
        found["municipality"] = one.municipality
    if one.title:
        found["title"] = {"it": one.title}
    return found


async def publish(desk: Desk, course_id: str, now: dt.datetime) -> str:
    """Announce a course; from now on each change of it is announced at once. Raises: course-unknown, course-empty, announcement-...."""
    key = checked_id(course_id, no_course)
    await _changed(desk, now, lambda conn: say(conn, desk, key, now, anew=True))
    return key


async def change_edition(
    desk: Desk, edition_id: str, now: dt.datetime, work: Callable[[Connection, Edition], Awaitable[None]]
) -> str:
    """Change a locked edition, say its course anew, and tell the own participants; others are told by the job."""
    key = checked_id(edition_id, no_edition)

    async def change(conn: Connection) -> str:
        edition = await store.lock_edition(conn, key)
        if edition is None:
            raise no_edition(key)
        await work(conn, edition)
        await say(conn, desk, edition.course_id, now)
        return key

    return await _changed(desk, now, change)


async def cancel_edition(desk: Desk, office: Office, edition_id: str, now: dt.datetime) -> str:
    """Cancel an edition: whoever has a place or waits is told. Raises: edition-unknown, edition-over."""

    async def work(conn: Connection, edition: Edition) -> None:
        if edition.state is EditionState.HELD:
            raise CallerError("edition-over", N_("l'edizione è già conclusa"), where="edition")
        await store.set_state(conn, edition.edition_id, EditionState.CANCELLED, now)
        await seats_store.cancel_all(conn, edition.edition_id, now)

    done = await change_edition(desk, edition_id, now, work)
    await course_post.carry_due(office, now)
    return done


async def widen(desk: Desk, office: Office, edition_id: str, seats: int, now: dt.datetime) -> str:
    """Give an edition another number of seats; who waits moves up. Raises: edition-unknown, edition-bad, seats-held."""

    async def work(conn: Connection, edition: Edition) -> None:
        if not 1 <= seats <= SEATS_MAX:
            raise CallerError("edition-bad", N_("i posti vanno da 1 a 5000"), where="seats")
        if not await store.set_seats(conn, edition.edition_id, seats, now):
            raise CallerError("seats-held", N_("più persone di così hanno già un posto"), where="seats")
        await course_seats.settle(conn, replace(edition, seats=seats), now)

    done = await change_edition(desk, edition_id, now, work)
    await course_post.carry_due(office, now)
    return done


async def conclude(desk: Desk, edition_id: str, now: dt.datetime) -> str:
    """Note that an edition was held: nobody enrols or moves up any more. Raises: edition-unknown, edition-early, edition-over."""

    async def work(conn: Connection, edition: Edition) -> None:
        if today_of(now) < edition.ends:
            raise CallerError("edition-early", N_("l'edizione non è ancora finita"), where="edition")
        if edition.state is EditionState.CANCELLED:
            raise CallerError("edition-over", N_("l'edizione era stata annullata"), where="edition")
        if edition.state is EditionState.OPEN:
            await store.set_state(conn, edition.edition_id, EditionState.HELD, now)

    return await change_edition(desk, edition_id, now, work)


async def attend(
    pool: Pool, session_id: str, present: Mapping[str, bool], officer: str, now: dt.datetime, *, only_own: bool
) -> str:
    """Mark who was at a session; ``only_own``: whoever marks may do so only where they teach. Return the edition's id.

    Raises: NotFoundError(session-unknown), CallerError course-not-yours, session-early, officer-name-bad.
    """
    officers.check(officer)
    key = checked_id(session_id, _no_session)

    async def work(conn: Connection) -> str:
        await tell(conn)
        found = await store.session_edition(conn, key)
        if found is None:
            raise _no_session(key)
        edition_id, day = found
        if only_own and not await store.is_trainer(conn, edition_id, officers.key_of(officer)):
            raise not_yours()
        if today_of(now) < day:
            raise CallerError("session-early", N_("l'incontro non c'è ancora stato"), where="session")
        await store.mark_attendance(conn, key, present, officer, now)
        return edition_id

    return await run_tx(pool, work)


def not_yours() -> CallerError:
    """Return the refusal of a trainer who does not teach an edition."""
    return CallerError("course-not-yours", N_("questa edizione è di altri docenti"), where="edition")


def _no_session(session_id: str) -> NotFoundError:
    return NotFoundError("session-unknown", N_("non c'è un incontro «{session}»"), session=session_id[:60])


async def add_material(
    pool: Pool, edition_id: str, title: str, file_name: str, content: bytes, bounds: Bounds, now: dt.datetime
) -> None:
    """Keep a file for the participants, judged as every document is. Raises: edition-unknown, materials-full, document-...."""
    key = checked_id(edition_id, no_edition)
    if len(content) > bounds.file:
        raise too_large(bounds)
    described = checker.describe(title, "other", None, file_name)
    media_type = await asyncio.to_thread(checker.media_type_of, content, described.file_name)
    sha256 = await asyncio.to_thread(lambda: hashlib.sha256(content).digest())

    async def work(conn: Connection) -> None:
        await tell(conn)
        if await store.lock_edition(conn, key) is None:
            raise no_edition(key)
        if len(await store.materials_of(conn, key)) >= MATERIALS_MAX:
            raise CallerError("materials-full", N_("un'edizione ha al massimo {most} file"), most=MATERIALS_MAX)
        await store.add_material(conn, key, described.title, (described.file_name, media_type, sha256, content), now)

    await run_tx(pool, work)


def no_material(material_id: str) -> NotFoundError:
    """Return the refusal of a file that is not there."""
    return NotFoundError("material-unknown", N_("non c'è un materiale «{material}»"), material=material_id[:60])


async def material(pool: Pool, edition_id: str, material_id: str) -> tuple[str, str, bytes]:
    """Return a file: name, media type, bytes. Raises: NotFoundError(material-unknown)."""
    key = checked_id(material_id, no_material)
    async with acquire(pool) as conn:
        found = await store.material(conn, checked_id(edition_id, no_edition), key)
    if found is None:
        raise no_material(key)
    return found


async def listed(pool: Pool, limit: int = 200, trainer: str | None = None) -> list[Listed]:
    """Return editions, the newest first; ``trainer``: only those that somebody of this name teaches."""
    key = None if trainer is None else officers.key_of(trainer)
    async with acquire(pool) as conn:
        return await store.list_editions(conn, limit, key)


async def read(pool: Pool, edition_id: str) -> Opened:
    """Return an edition with all that belongs to it. Raises: NotFoundError(edition-unknown)."""
    key = checked_id(edition_id, no_edition)
    async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        edition = await store.read_edition(conn, key)
        if edition is None:
            raise no_edition(key)
        course = await store.read_course(conn, edition.course_id)
        if course is None:
            raise no_course(edition.course_id)
        return Opened(
            course, edition, await store.sessions_of(conn, key), await store.trainers_of(conn, key),
            await seats_store.seats_of(conn, key), await store.attendance_of(conn, key), await store.materials_of(conn, key),
            await store.release_of(conn, key), await store.certificates_of(conn, key),
        )  # fmt: skip


def blank_edition(course_id: str, code: str, seats: int, days: tuple[dt.date, dt.date, dt.date], percent: int = ATTENDANCE_PERCENT) -> Edition:  # fmt: skip
    """Return an edition to be opened; ``days``: it begins, ends, and can be asked for until."""
    begins, ends, deadline = days
    return Edition("", course_id, code, seats, begins, ends, deadline, percent, EditionState.OPEN)
