"""The own office's participants: they enrol here, at a course of whatever member, and learn here how they stand.

In: an Office, what somebody typed. Out: an enrolment kept, and said to the organiser, or decided at once where that is this office. Rules: one
form with the same words is one enrolment; without the consent nothing is kept; what leaves is the name, the address, the region and the
section, and only to the organiser. Source: docs/courses.md.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from node.domain import saved
from node.domain.programme import questionnaire
from node.domain.programme.certificate import NAME_MAX
from node.domain.programme.course import CONSENT_VERSION, EditionState, Offered, Reason, Standing, offered_of
from node.domain.sector import ANY
from node.errors import N_, CallerError, NotFoundError
from node.flows.introductions import own_side
from node.flows.introductions.casework import Office
from node.flows.introductions.fields import checked_short
from node.flows.programme import course_post
from node.flows.programme.course_seats import today_of
from node.protocol.seat import ASK, CANCEL, EVALUATE
from node.store import course_announced, courses, outbox
from node.store import course_seats as store
from node.store.course_seats import Enrolment
from node.store.postgres import Connection, acquire, run_tx
from node.store.reference import load_sectors, load_territories

# In a day: a page that anybody may use must not fill the office's list.
ENROLMENTS_MAX: Final = 500
LANGUAGES: Final = ("it", "en")


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants a place at which edition; ``owner``: of which member the course is, where two use one identifier."""

    course_id: str
    edition: str
    name: str = field(repr=False)
    email: str = field(repr=False)
    consent: bool
    territory: str = ""
    sector: str = ""
    owner: str = ""
    # Drawn for the form that was shown: what it sends twice is one enrolment.
    form: str = ""
    language: str = "it"


async def offered(office: Office, course_id: str, code: str, owner: str = "") -> Offered:
    """Return an announced edition. Raises: NotFoundError(course-edition-unknown)."""
    try:
        key = str(uuid.UUID(course_id))
    except ValueError as error:
        raise _unknown(course_id) from error
    async with acquire(office.pool) as conn:
        found = await course_announced.course(conn, key, owner)
    for document in found[:1]:
        for one in document["course"]["editions"]:
            if one["code"] == code:
                return offered_of(document, one)
    raise _unknown(code)


def _unknown(what: str) -> NotFoundError:
    return NotFoundError(
        "course-edition-unknown",
        N_("nessun ente ha annunciato l'edizione «{edition}» di questo corso"),
        hint=N_("i corsi annunciati stanno in /catalogo e in «rete catalogue list»"),
        edition=what[:60],
    )


async def enrol(office: Office, wish: Wish, now: dt.datetime) -> tuple[str, str]:
    """Keep who wants a place and say it to the organiser; return the enrolment's id and the token that shows how it stands.

    No token where the same form brought the same words before. Raises: course-edition-unknown, course-closed, course-late,
    course-consent, course-too-many, introduction-applicant-bad, saved-email-bad, introduction-peer-cannot.
    """
    edition = await offered(office, wish.course_id, wish.edition, wish.owner)
    person = checked_person(wish)
    refuse_closed(edition, today_of(now))
    if edition.organiser != office.own_id:
        office.peer(edition.organiser)
    enrolment_id, token = _id_of(office, wish, edition), secrets.token_urlsafe(32)
    made = Enrolment(
        enrolment_id, edition.organiser, edition.course_id, edition.code, edition.title["it"], edition.begins, edition.ends, person,
        CONSENT_VERSION, now, wish.language if wish.language in LANGUAGES else LANGUAGES[0], Standing.ASKED, Reason.NONE, ASK, None,
        1, 0, 0, None, is_evaluated=False,
    )  # fmt: skip

    async def work(conn: Connection) -> bool:
        if await store.count_enrolments(conn, now - dt.timedelta(days=1)) >= ENROLMENTS_MAX:
            raise CallerError("course-too-many", N_("oggi sono arrivate troppe iscrizioni: riprovare domani"))
        await _hold(conn, office, made)
        if not await store.add_enrolment(conn, made, hashlib.sha256(token.encode()).digest()):
            return False
        await _say(conn, office, enrolment_id, now)
        return True

    return enrolment_id, token if await run_tx(office.pool, work) else ""


def refuse_closed(edition: Offered, today: dt.date) -> None:
    """Refuse what the announcement itself says is not to be had any more. Raises: CallerError(course-closed, course-late)."""
    if edition.state is not EditionState.OPEN:
        raise CallerError("course-closed", N_("questa edizione non accetta più iscrizioni"), where="edition")
    if edition.deadline is not None and today > edition.deadline:
        raise CallerError("course-late", N_("le iscrizioni si sono chiuse il {day}"), where="edition", day=edition.deadline.isoformat())  # fmt: skip


def checked_person(wish: Wish) -> dict[str, str]:
    """Return what is kept of a participant, cleaned. Raises: CallerError(course-consent, introduction-applicant-bad, saved-email-bad)."""
    if not wish.consent:
        raise CallerError(
            "course-consent",
            N_("senza il consenso l'iscrizione non si può mandare all'ente che organizza il corso"),
            where="consent",
        )
    name = checked_short("name", wish.name)
    if not name or len(name) > NAME_MAX:
        raise CallerError("introduction-applicant-bad", N_("questo campo è necessario"), where="name")
    territory, sector = checked_short("territory", wish.territory), checked_short("sector", wish.sector)
    if territory and territory not in {area.code for area in load_territories().regions}:
        raise CallerError("introduction-applicant-bad", N_("regione sconosciuta"), where="territory")
    if sector and sector not in load_sectors().children(ANY):
        raise CallerError("introduction-applicant-bad", N_("sezione ATECO sconosciuta"), where="sector")
    return {"name": name, "email": saved.check_email(wish.email), "territory": territory, "sector": sector}


def _id_of(office: Office, wish: Wish, edition: Offered) -> str:
    """Return the enrolment's id: random, but of one form and the same words always the same."""
    if not wish.form:
        return str(uuid.uuid4())
    digest = own_side.digest_of([office.own_id, edition.organiser, asdict(wish)])
    return str(uuid.UUID(bytes=bytes.fromhex(digest)[:16], version=4))


async def _hold(conn: Connection, office: Office, enrolment: Enrolment) -> None:
    """Lock what comes before an enrolment: the organiser's box, or, where this office is the organiser, the edition."""
    if enrolment.organiser == office.own_id:
        await courses.lock_edition_of(conn, enrolment.course_id, enrolment.edition)
    else:
        await outbox.lock_boxes(conn, [enrolment.organiser])


async def _say(conn: Connection, office: Office, enrolment_id: str, now: dt.datetime) -> None:
    """Say to the organiser what is new of an enrolment; where this office is the organiser it hears it at once."""
    enrolment = await store.read_enrolment(conn, enrolment_id)
    if enrolment is None:
        return
    if enrolment.organiser != office.own_id:
        await course_post.say_one(conn, office, enrolment_id, now)
    else:
        await course_post.say_own(conn, office, enrolment_id, now)


async def cancel(office: Office, enrolment_id: str, now: dt.datetime) -> Standing:
    """Take an enrolment back; the place goes to who waits. Return how it stands; twice is as once. Raises: NotFoundError(enrolment-unknown)."""

    async def work(conn: Connection, enrolment: Enrolment) -> Standing:
        if enrolment.standing not in (Standing.ASKED, Standing.PLACED, Standing.WAITING):
            return enrolment.standing
        if today_of(now) > enrolment.ends:
            raise CallerError("course-over", N_("il corso è già finito"), where="enrolment")
        await store.say(conn, enrolment_id, CANCEL, None, now, standing=Standing.CANCELLED, reason=Reason.OWN_WISH)
        return Standing.CANCELLED

    return await _change(office, enrolment_id, now, work)


async def evaluate(office: Office, enrolment_id: str, answers: Sequence[int], now: dt.datetime) -> Standing:
    """Hand in a participant's questionnaire, once, after the last day; the answers are kept without the name.

    Raises: NotFoundError(enrolment-unknown); CallerError questionnaire-bad, questionnaire-early, questionnaire-there, enrolment-not-placed.
    """
    good = questionnaire.checked(answers)

    async def work(conn: Connection, enrolment: Enrolment) -> Standing:
        if enrolment.standing is not Standing.PLACED:
            raise CallerError(
                "enrolment-not-placed", N_("il questionario è per chi ha avuto un posto"), where="enrolment"
            )
        if today_of(now) < enrolment.ends:
            raise CallerError(
                "questionnaire-early", N_("il questionario si apre l'ultimo giorno del corso"), where="enrolment"
            )
        if enrolment.is_evaluated or enrolment.says == EVALUATE:
            raise CallerError("questionnaire-there", N_("il questionario è già stato consegnato"), where="enrolment")
        await store.say(conn, enrolment_id, EVALUATE, good, now)
        return enrolment.standing

    return await _change(office, enrolment_id, now, work)


async def _change(office: Office, enrolment_id: str, now: dt.datetime, work: Any) -> Standing:
    key = checked_id(enrolment_id)

    async def change(conn: Connection) -> Standing:
        seen = await store.read_enrolment(conn, key)
        if seen is None:
            raise _no_enrolment(key)
        await _hold(conn, office, seen)
        enrolment = await store.lock_enrolment(conn, key)
        if enrolment is None:
            raise _no_enrolment(key)
        before = (enrolment.says, enrolment.seq)
        standing: Standing = await work(conn, enrolment)
        after = await store.read_enrolment(conn, key)
        if after is not None and (after.says, after.seq) != before:
            await _say(conn, office, key, now)
        return standing

    return await run_tx(office.pool, change)


def checked_id(text: str) -> str:
    """Return an enrolment's id in its one spelling. Raises: NotFoundError(enrolment-unknown)."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise _no_enrolment(text) from error


def _no_enrolment(text: str) -> NotFoundError:
    return NotFoundError("enrolment-unknown", N_("non c'è un'iscrizione «{enrolment}»"), enrolment=text[:60])


async def read(office: Office, enrolment_id: str, token: str | None = None) -> Enrolment:
    """Return an enrolment; with a token only to who holds it. Raises: NotFoundError(enrolment-unknown)."""
    key = checked_id(enrolment_id)
    async with acquire(office.pool) as conn:
        if token is not None and not await store.has_token(conn, key, hashlib.sha256(token.encode()).digest()):
            raise _no_enrolment(key)
        found = await store.read_enrolment(conn, key)
    if found is None:
        raise _no_enrolment(key)
    return found


async def listed(office: Office, limit: int = 500) -> list[Enrolment]:
    """Return the own office's participants at all courses, the newest first."""
    async with acquire(office.pool) as conn:
        return await store.list_enrolments(conn, limit)
