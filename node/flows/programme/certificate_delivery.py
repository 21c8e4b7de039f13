"""Certificates come to who earned them: told by mail with a code that ends, collected on a page, or by the code of the own enrolment.

In: certificates that nobody was told of; later a seat's id and a code. Out: mails; a PDF. Rules: the organiser writes to the address with which a
participant enrolled, wherever that was; the code stands in no address, its hash alone is kept, and it holds sixty days; a new one ends the one
before; whoever has no right code is told the same whether there is a certificate or not. Source: docs/courses.md.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from typing import Final

import structlog

from node.errors import N_, CallerError, NotFoundError, ReteError
from node.flows.introductions.casework import Office
from node.flows.programme import certificates, courses
from node.flows.registry.acting import tell as tell_actor
from node.i18n import translator
from node.peers import mail
from node.peers.mail import MailServer
from node.store import certificate_delivery as store
from node.store.certificate_delivery import Undelivered
from node.store.postgres import Connection, Pool, acquire, run_tx

logger = structlog.get_logger()
COLLECT_DAYS: Final = 60
PAGE: Final = 200
CODE_BYTES: Final = 24
COLLECT: Final = "/attestati/ritiro/{seat_id}"
# The organiser does not know in which language somebody enrolled elsewhere: it says it in both.
LANGUAGES: Final = ("it", "en")
SUBJECT: Final = N_("Il suo attestato: {title}")
WORDS: Final = N_(
    "L'attestato del corso «{title}» (dal {begins} al {ends}) è pronto. Si scarica da {where} con il codice qui sotto, fino al {until}."
)


def _unknown() -> NotFoundError:
    return NotFoundError(
        "certificate-unknown", N_("con questo codice non c'è un attestato"),
        hint=N_("il codice sta nel messaggio di posta; uno nuovo si chiede all'ente che ha organizzato il corso"),
    )  # fmt: skip


async def tell(office: Office, server: Callable[[], MailServer | None], site: str, now: dt.datetime) -> int:
    """Tell by mail whose certificates are ready; return how many were told.

    Raises: the first OperatorError or RoadWrongError mail-... after all were tried; who was not told is told later.
    """
    async with acquire(office.pool) as conn:
        found = await store.untold(conn, PAGE)
    outgoing = server() if found else None
    if outgoing is None:
        return 0
    count, failed = 0, None
    until = now + dt.timedelta(days=COLLECT_DAYS)
    for item in found:
        code = secrets.token_urlsafe(CODE_BYTES)
        # Kept before it is mailed: a crash between the two leaves a code that nobody has, and the next round draws another.
        await run_tx(office.pool, partial(store.keep_code, seat_id=item.seat_id, digest=_digest(code), until=until))
        try:
            await mail.send(outgoing, notice(item, code, site, outgoing.sender, now))
        except ReteError as error:
            failed = failed or error
            continue
        await run_tx(office.pool, partial(store.mark_told, seat_id=item.seat_id, now=now))
        count += 1
    if failed is not None:
        raise failed
    if count:
        logger.info("certificates.told", people=count)
    return count


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()


def notice(item: Undelivered, code: str, site: str, sender: str, now: dt.datetime) -> EmailMessage:
    """Return the mail that tells somebody of a certificate, in both languages."""
    until = (now + dt.timedelta(days=COLLECT_DAYS)).date().isoformat()
    where = site + COLLECT.format(seat_id=item.seat_id)
    lines = []
    for language in LANGUAGES:
        title = item.title.get(language) or item.title["it"]
        facts = {"title": title, "begins": item.begins.isoformat(), "ends": item.ends.isoformat(), "where": where, "until": until}  # fmt: skip
        lines += [translator(language)(WORDS).format(**facts), ""]
    message = EmailMessage(policy=SMTP.clone(max_line_length=998))
    message["From"], message["To"] = sender, item.email
    message["Subject"] = translator(LANGUAGES[0])(SUBJECT).format(title=item.title["it"])
    message["Date"] = now
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join([*lines, code]) + "\n", charset="utf-8", cte="quoted-printable")
    return message


async def collect(pool: Pool, seat_id: str, code: str, now: dt.datetime, name: str, site: str, language: str) -> bytes:
    """Return the PDF of a certificate to who has its code; ``name`` the office's.

    Raises: NotFoundError(certificate-unknown), CallerError(certificate-code-over).
    """
    key = courses.checked_id(seat_id, lambda _: _unknown())
    async with acquire(pool) as conn:
        found = await store.by_code(conn, key, _digest(code))
    if found is None:
        raise _unknown()
    edition_id, until = found
    if now >= until:
        raise CallerError(
            "certificate-code-over", N_("questo codice valeva fino al {day}"), where="code", day=until.date().isoformat(),
            hint=N_("chiederne uno nuovo all'ente che ha organizzato il corso"),
        )  # fmt: skip
    return certificates.pdf(await courses.read(pool, edition_id), key, name, site, language)


async def edition_of(pool: Pool, seat_id: str) -> str | None:
    """Return the edition in which a participant has a certificate of this office; None where there is none."""
    async with acquire(pool) as conn:
        return await store.edition_of(conn, seat_id)


async def of_enrolment(pool: Pool, enrolment_id: str, name: str, site: str, language: str) -> bytes:
    """Return the PDF of an own participant at an own course; of others' courses nothing is kept here. Raises: NotFoundError(certificate-unknown)."""
    edition_id = await edition_of(pool, enrolment_id)
    if edition_id is None:
        raise NotFoundError("certificate-unknown", N_("non c'è un attestato per questa iscrizione"))
    return certificates.pdf(await courses.read(pool, edition_id), enrolment_id, name, site, language)


async def send_again(pool: Pool, edition_id: str, seat_id: str) -> None:
    """Have a certificate told anew, with a new code; the one before ends at once. Raises: edition-unknown, certificate-unknown."""
    key, seat = courses.checked_id(edition_id, courses.no_edition), courses.checked_id(seat_id, lambda _: _unknown())

    async def work(conn: Connection) -> None:
        await tell_actor(conn)
        if not await store.forget_told(conn, key, seat):
            raise _unknown()

    await run_tx(pool, work)
