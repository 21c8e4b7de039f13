"""Whoever enrolled to a session is told by mail: a seat, a place among those who wait, a seat that became free, a session called off.

In: the pool, the mail server if there is one, the time. Out: mails, each thing once. Rules: a mail names the session and nobody else; a crash
between a mail and its note tells twice rather than never; an address that the server refuses holds up nobody else's. Source:
docs/programme.md 1.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

import structlog

from node.domain.programme.session import Session
from node.errors import N_, ReteError, RoadWrongError
from node.i18n import LANGUAGES, day, translator
from node.peers import mail
from node.peers.mail import MailServer
from node.store import info_sessions
from node.store.info_sessions import Untold
from node.store.postgres import Pool, acquire, run_tx
from node.store.reference import load_territories

logger = structlog.get_logger()
PAGE: Final = 100
FIRST: Final = str(uuid.UUID(int=0))
REFUSED: Final = "mail-refused"
SUBJECTS: Final[Mapping[str, str]] = {
    "confirmed": N_("Iscrizione confermata: {title}"),
    "waiting": N_("In lista d'attesa: {title}"),
    "promoted": N_("Si è liberato un posto: {title}"),
    "called-off": N_("Sessione annullata: {title}"),
    "cancelled": N_("Iscrizione annullata: {title}"),
}
SAID: Final[Mapping[str, str]] = {
    "confirmed": N_("Il suo posto è confermato."),
    "waiting": N_("I posti sono finiti: è in lista d'attesa. Se se ne libera uno le scriviamo."),
    "promoted": N_("Si è liberato un posto ed è suo: l'iscrizione è confermata."),
    "called-off": N_("La sessione non si tiene. Ci scusiamo: le prossime sono sulle pagine di questo ufficio."),
    "cancelled": N_("La sua iscrizione è annullata e il posto è libero per altri."),
}
WHEN: Final = N_("{title}: {day}, dalle {begins} alle {ends}, {place}")
WHERE: Final = N_("Con il codice mostrato all'iscrizione si vede e si annulla qui: {url}")


async def tell(
    pool: Pool, server: Callable[[], MailServer | None], office: str, base_url: str, now: dt.datetime
) -> int:
    """Tell whoever has something to be told; return how many mails left.

    Raises: OperatorError or RoadWrongError mail-..., key-file-...; what did not go counts as not told.
    """
    count, after, outgoing = 0, FIRST, None
    failed: ReteError | None = None
    while after:
        async with acquire(pool) as conn:
            page = await info_sessions.untold(conn, now, PAGE, after)
        outgoing = outgoing or (server() if page else None)
        if outgoing is None:
            return count
        for found in page:
            try:
                await mail.send(outgoing, notice(found, outgoing.sender, office, base_url, now))
            except RoadWrongError as error:
                if error.code != REFUSED:
                    raise
                failed = failed or error
                continue
            await _mark(pool, found)
            count += 1
        after = page[-1].enrolment_id if len(page) == PAGE else ""
    if count:
        logger.info("session.told", mails=count)
    if failed is not None:
        raise failed
    return count


async def _mark(pool: Pool, found: Untold) -> None:
    await run_tx(pool, lambda conn: info_sessions.mark_told(conn, found.enrolment_id, found.word))


def notice(found: Untold, sender: str, office: str, base_url: str, now: dt.datetime) -> EmailMessage:
    """Return the mail of one enrolment, in its language first and then in the other."""
    lines = []
    for language in (found.language, *(other for other in LANGUAGES if other != found.language)):
        tr = translator(language)
        lines += [tr(SAID[found.word]), meeting(found.session, language)]
        if found.word in ("confirmed", "waiting", "promoted"):
            lines.append(tr(WHERE).format(url=f"{base_url}/sessioni/iscrizioni/{found.enrolment_id}"))
        lines.append("")
    message = EmailMessage(policy=SMTP.clone(max_line_length=998))
    message["From"], message["To"] = sender, found.email
    subject = translator(found.language)(SUBJECTS[found.word]).format(title=title_in(found.session, found.language))
    message["Subject"] = f"{office}: {subject}"
    message["Date"] = now
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(lines), charset="utf-8")
    return message


def title_in(session: Session, language: str) -> str:
    """Return a session's title in a language, in Italian where it has no other."""
    return (session.title_en if language == "en" else "") or session.title


def place_in(session: Session) -> str:
    """Return where a session is, with its municipality."""
    found = load_territories().municipality(session.municipality) if session.municipality else None
    return session.place if found is None else f"{session.place}, {found.name} ({found.province})"


def meeting(session: Session, language: str) -> str:
    """Return what, when and where, in a language; hours are those of Italy."""
    return translator(language)(WHEN).format(
        title=title_in(session, language),
        day=day(session.begins_at.date(), language),
        begins=f"{session.begins_at:%H:%M}",
        ends=f"{session.ends_at:%H:%M}",
        place=place_in(session),
    )
