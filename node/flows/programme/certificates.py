"""Certificates: made for who attended enough, drawn as PDF, and checked by anybody at any node against the organiser's log.

In: an edition that was held; a code and a name. Out: codes kept here, commitments in the course's announcement in the same transaction; a verdict
with what the log says of the course. Rules: a certificate is there exactly when its commitment is in the log; a seat has one for ever; whoever
was erased keeps theirs: the commitment stays, and without the code nobody, this office neither, can tell whose it is. Source: docs/courses.md.
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from node.domain.programme import certificate, certificate_page, course
from node.domain.programme.certificate import CERTIFICATES_MAX, CODE_BYTES, Certified, Facts
from node.domain.programme.certificate_page import HEADING, Line
from node.domain.programme.course import EditionState, Standing
from node.errors import N_, CallerError, NotFoundError
from node.flows.logs.append import sign_head
from node.flows.programme import courses
from node.flows.programme.courses import Desk, Opened
from node.flows.registry.acting import tell
from node.i18n import translator
from node.store import course_announced
from node.store import course_seats as seats_store
from node.store import courses as store
from node.store.course_seats import Seat
from node.store.postgres import Connection, Pool, acquire, run_tx

PAGE: Final = 200
LANGUAGES: Final[Mapping[str, str]] = {"it": "it-IT", "en": "en-GB"}


def deserving(opened: Opened) -> list[Seat]:
    """Return who has a place and was at enough of the sessions of an edition."""
    held = [one.session_id for one in opened.sessions]
    return [
        seat
        for seat in opened.seats
        if seat.standing is Standing.PLACED
        and seat.person.get("name")
        and course.reached(
            sum(opened.attendance.get((key, seat.seat_id), False) for key in held), len(held), opened.edition.percent
        )
    ]


async def issue(
    desk: Desk, edition_id: str, officer: str, now: dt.datetime, draw: Callable[[int], bytes] = secrets.token_bytes
) -> int:
    """Make the certificates of an edition that are not there yet, and say their commitments in the log; return how many.

    Raises: edition-unknown, edition-not-held, course-not-announced, certificates-full, announcement-....
    """
    key = courses.checked_id(edition_id, courses.no_edition)

    async def work(conn: Connection) -> int:
        await tell(conn)
        edition = await store.lock_edition(conn, key)
        if edition is None:
            raise courses.no_edition(key)
        if edition.state is not EditionState.HELD:
            raise CallerError("edition-not-held", N_("gli attestati si fanno dopo la conclusione dell'edizione"), where="edition")  # fmt: skip
        held = await store.lock_course(conn, edition.course_id)
        if held is None or not held.is_announced:
            raise CallerError("course-not-announced", N_("un attestato si verifica sull'annuncio del corso: va prima annunciato"), where="course")  # fmt: skip
        opened = await _opened(conn, key, edition, held)
        new = [seat for seat in deserving(opened) if seat.seat_id not in opened.certificates]
        if await store.count_certificates(conn, edition.course_id) + len(new) > CERTIFICATES_MAX:
            raise CallerError("certificates-full", N_("un corso ha al massimo {most} attestati: per i prossimi serve un corso nuovo"), most=CERTIFICATES_MAX)  # fmt: skip
        made = []
        for seat in new:
            code = draw(CODE_BYTES)
            facts = Facts(desk.own.owner, edition.course_id, edition.code, str(seat.person["name"]))
            made.append((certificate.commitment(code, facts), seat.seat_id, code))
        if made:
            await store.add_certificates(conn, key, made, officer, now)
            await courses.say(conn, desk, edition.course_id, now)
        return len(made)

    count = await run_tx(desk.pool, work)
    await sign_head(desk.pool, desk.own, now)
    return count


async def _opened(conn: Connection, key: str, edition: store.Edition, held: store.Course) -> Opened:
    return Opened(
        held, edition, await store.sessions_of(conn, key), [], await seats_store.seats_of(conn, key),
        await store.attendance_of(conn, key), [], None, await store.certificates_of(conn, key),
    )  # fmt: skip


def pdf(opened: Opened, seat_id: str, office: str, site: str, language: str = "it") -> bytes:
    """Return a certificate's PDF; ``office`` by its name, ``site`` where it is checked. Raises: NotFoundError(certificate-unknown)."""
    found = opened.certificates.get(seat_id)
    seat = next((one for one in opened.seats if one.seat_id == seat_id), None)
    if found is None or found.code is None or seat is None or not seat.person.get("name"):
        raise NotFoundError("certificate-unknown", N_("non c'è un attestato per questa iscrizione"))
    tr, edition = translator(language), opened.edition
    present = sum(opened.attendance.get((one.session_id, seat_id), False) for one in opened.sessions)
    title = opened.course.title.get(language) or opened.course.title["it"]
    heading = tr(N_("Attestato di partecipazione"))
    lines = [
        Line(office, size=14),
        Line(heading, HEADING, 26, is_bold=True),
        Line(tr(N_("Si attesta che")), size=13),
        Line(str(seat.person["name"]), size=20, is_bold=True),
        Line(tr(N_("ha partecipato al corso")), size=13),
        Line(title, size=16, is_bold=True),
        Line(tr(N_("Edizione {code}, dal {begins} al {ends}; presenze: {present} incontri su {held}.")).format(
            code=edition.code, begins=edition.begins.strftime("%d/%m/%Y"), ends=edition.ends.strftime("%d/%m/%Y"), present=present,
            held=len(opened.sessions))),
        Line(tr(N_("Rilasciato il {day}.")).format(day=found.issued_at.strftime("%d/%m/%Y"))),
        Line(tr(N_("Codice di verifica")), size=11),
        Line(certificate.spelled(found.code), size=15, is_bold=True),
        Line(tr(N_("Con questo codice e il nome chiunque può verificare l'attestato presso qualsiasi ente della rete, per esempio su {site}/attestati")).format(site=site), size=11),
    ]  # fmt: skip
    return certificate_page.draw(
        f"{heading} - {title}", lines, LANGUAGES.get(language, LANGUAGES["it"]), found.issued_at
    )


async def verify(pool: Pool, code: str, name: str) -> Certified | None:
    """Return what the members' logs say of a certificate; None where no announcement holds one of this code and name.

    Raises: CallerError(certificate-code-bad) for a code that cannot be one.
    """
    secret, after = certificate.read_code(code), course_announced.FIRST
    while True:
        async with acquire(pool) as conn:
            page = await course_announced.certifying(conn, after, PAGE)
        for document in page:
            found = _found(document, secret, name)
            if found is not None:
                return found
        if len(page) < PAGE:
            return None
        after = (page[-1]["owner"], page[-1]["id"])


def _found(document: Mapping[str, Any], code: bytes, name: str) -> Certified | None:
    for one in document["course"]["editions"]:
        held = one.get("certificates")
        if not held:
            continue
        facts = Facts(document["owner"], document["id"], one["code"], name)
        if base64.b64encode(certificate.commitment(code, facts)).decode() in held:
            day = dt.date.fromisoformat
            return Certified(
                document["owner"], document["id"], document["title"], one["code"], day(one["begins"]), day(one["ends"])
            )
    return None
